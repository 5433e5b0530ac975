"""Reading a node's answers: exactly the form of the execution APIs, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.ethereum_node_talks import (
    ALICE,
    BOB,
    TOKEN,
    TXID,
    block_hash,
    block_json,
    log_json,
    receipt_json,
    transaction_json,
)
from vault.errors import EthereumError
from vault.ethereum.node import answers
from vault.evm.address import checksum_address

JUNK = [None, True, 1, 1.0, "", "0x", "x", [], {}, "0xg", " 0x1", "0x1 ", "0x1\n", "٠x1", "0x１"]


def refuses(read: Any, *arguments: Any) -> None:
    with pytest.raises(EthereumError) as error:
        read(*arguments)
    assert error.value.code == "ethereum.bad_answer"


@given(st.integers(0, 2**256 - 1))
def test_a_quantity_reads_back(number: int) -> None:
    assert answers.to_quantity(hex(number), "n") == number


@pytest.mark.parametrize("value", [*JUNK, "0x00", "0x01", "0X1", "1", "-0x1", "0x-1", "0xA", hex(2**256)])
def test_a_quantity_of_another_form_is_refused(value: object) -> None:
    refuses(answers.to_quantity, value, "n")


def test_a_quantity_has_the_bits_its_field_has() -> None:
    assert answers.to_quantity(hex(2**64 - 1), "n", 64) == 2**64 - 1
    refuses(answers.to_quantity, hex(2**64), "n", 64)


@given(st.binary(max_size=80))
def test_data_reads_back(data: bytes) -> None:
    assert answers.to_data("0x" + data.hex(), "d") == data


@pytest.mark.parametrize("value", [each for each in JUNK if each != "0x"] + ["0x1", "0xabc", "ab"])
def test_data_of_another_form_is_refused(value: object) -> None:
    refuses(answers.to_data, value, "d")


def test_data_has_the_size_its_field_has() -> None:
    refuses(answers.to_data, "0x" + "00" * 31, "d", 32)


@pytest.mark.parametrize("value", [*JUNK, TXID[:-2], TXID + "00", TXID.upper(), "0x" + "AB" * 32])
def test_a_hash_of_another_form_is_refused(value: object) -> None:
    refuses(answers.to_hash, value, "h")


@given(st.binary(min_size=20, max_size=20))
def test_an_address_is_read_as_eip55(raw: bytes) -> None:
    assert answers.to_address("0x" + raw.hex(), "a") == checksum_address(raw)
    assert answers.to_address(checksum_address(raw), "a") == checksum_address(raw)


@pytest.mark.parametrize("value", [*JUNK, ALICE[:-2], ALICE.swapcase().replace("X", "x"), ALICE.upper()])
def test_an_address_of_another_form_is_refused(value: object) -> None:
    refuses(answers.to_address, value, "a")


BLOCK_FIELDS = ("number", "hash", "parentHash", "timestamp", "gasLimit", "gasUsed")
RECEIPT_FIELDS = (
    "transactionHash", "transactionIndex", "blockNumber", "blockHash", "from", "status", "gasUsed",
    "effectiveGasPrice", "logs",
)  # fmt: skip
TRANSACTION_FIELDS = ("hash", "from", "nonce", "value", "input", "gas", "maxFeePerGas", "blockNumber")
RUBBISH = (None, "0x0g", "rubbish", 5, {"a": 1}, [1])


@pytest.mark.parametrize("field", BLOCK_FIELDS)
@pytest.mark.parametrize("bad", RUBBISH)
def test_a_block_with_a_spoilt_field_is_refused(field: str, bad: Any) -> None:
    refuses(answers.to_block, block_json(7) | {field: bad})


def test_a_block_is_read() -> None:
    block = answers.to_block(block_json(7))
    assert (block.number, block.hash, block.parent, block.base_fee) == (
        7,
        block_hash(7),
        block_hash(6),
        10**9,
    )
    assert answers.to_block({**block_json(7), "baseFeePerGas": None}).base_fee is None


@pytest.mark.parametrize("field", RECEIPT_FIELDS)
@pytest.mark.parametrize("bad", RUBBISH)
def test_a_receipt_with_a_spoilt_field_is_refused(field: str, bad: Any) -> None:
    refuses(answers.to_receipt, receipt_json(7) | {field: bad}, TXID)


def test_a_receipt_is_read_with_what_layer_two_takes_on_top() -> None:
    receipt = answers.to_receipt(receipt_json(7, l1Fee=hex(5), logs=[log_json(7, 0, [])]), TXID)
    assert receipt.gas_paid == 21_000 * 2 * 10**9 + 5
    assert (receipt.sender, receipt.to, receipt.contract) == (ALICE, BOB, None)
    assert receipt.logs[0].address == TOKEN


@pytest.mark.parametrize(
    "more",
    [
        {"transactionHash": "0x" + "cd" * 32},
        {"logs": [log_json(8, 0, [])]},
        {"logs": [log_json(7, 0, [], transactionHash="0x" + "cd" * 32)]},
        {"logs": [log_json(7, 0, [], blockHash=block_hash(9))]},
        {"logs": [log_json(7, 0, [], removed=True)]},
        {"logs": [log_json(7, 0, [bytes(32)] * 5)]},
        {"logs": [log_json(7, 0, []) | {"topics": ["0x00"]}]},
        {"status": "0x0", "logs": [log_json(7, 0, [])]},
        {"status": "0x2"},
        {"status": True},
        {"l1Fee": 5},
    ],
)
def test_a_receipt_that_contradicts_itself_is_refused(more: dict[str, Any]) -> None:
    refuses(answers.to_receipt, receipt_json(7, **more), TXID)


@pytest.mark.parametrize("part", ["operatorFeeScalar", "operatorFeeConstant"])
def test_a_receipt_with_a_fee_whose_sum_cannot_be_told_is_refused_by_name(part: str) -> None:
    answers.to_receipt(receipt_json(7, **{part: "0x0"}), TXID)
    with pytest.raises(EthereumError) as error:
        answers.to_receipt(receipt_json(7, **{part: "0x1"}), TXID)
    assert error.value.code == "ethereum.unknown_fee"


@pytest.mark.parametrize("field", TRANSACTION_FIELDS)
@pytest.mark.parametrize("bad", RUBBISH)
def test_a_transaction_with_a_spoilt_field_is_refused(field: str, bad: Any) -> None:
    refuses(answers.to_transaction, transaction_json(7) | {field: bad}, TXID)


def test_a_transaction_is_read_waiting_mined_and_legacy() -> None:
    assert not answers.to_transaction(transaction_json(None), TXID).mined
    mined = answers.to_transaction(transaction_json(7), TXID)
    assert (mined.mined, mined.max_fee, mined.max_priority_fee) == (True, 3 * 10**9, 10**9)
    legacy = transaction_json(7, maxFeePerGas=None, maxPriorityFeePerGas=None)
    assert answers.to_transaction(legacy, TXID).max_fee == 2 * 10**9
    refuses(answers.to_transaction, transaction_json(7), "0x" + "cd" * 32)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"oldestBlock": "0x1", "baseFeePerGas": ["0x1"], "reward": []},
        {"oldestBlock": "0x1", "baseFeePerGas": ["0x1"], "reward": [["0x1"]]},
        {"oldestBlock": "0x1", "baseFeePerGas": ["0x1"] * 5, "reward": [["0x1"]] * 4},
        {"oldestBlock": "0x1", "baseFeePerGas": ["0x1", 1], "reward": [["0x1"]]},
        {"oldestBlock": "0x1", "baseFeePerGas": ["0x1", "0x1"], "reward": [["0x1", "0x1"]]},
        {"oldestBlock": "0x1", "baseFeePerGas": ["0x1", "0x1"], "reward": None},
        {"oldestBlock": "0x1", "baseFeePerGas": ["0x1", hex(2**256)], "reward": [["0x1"]]},
    ],
)
def test_a_fee_history_of_another_form_is_refused(value: Any) -> None:
    refuses(answers.to_fee_history, value, 3, (50,))


def test_rewards_that_fall_with_the_percentile_are_refused() -> None:
    value = {"oldestBlock": "0x1", "baseFeePerGas": ["0x1", "0x1"], "reward": [["0x5", "0x4"]]}
    refuses(answers.to_fee_history, value, 3, (10, 50))


@pytest.mark.parametrize(
    "value",
    [
        [],
        [{"calls": []}],
        [{"calls": [{"status": "0x1", "returnData": "0x", "gasUsed": "0x1"}]}] * 2,
        [{"calls": [{"status": "0x0", "returnData": "0x", "gasUsed": "0x1", "logs": []}]}],
        [{"calls": [{"status": "0x1", "returnData": "0x", "gasUsed": "0x1", "logs": [], "error": {}}]}],
        [{"calls": [{"status": 1, "returnData": "0x", "gasUsed": "0x1", "logs": []}]}],
        [{"calls": [{"status": "0x1", "returnData": "0x", "gasUsed": "0x1", "logs": [{}]}]}],
    ],
)
def test_a_simulation_of_another_form_is_refused(value: Any) -> None:
    refuses(answers.to_simulation, value, 1)


def test_a_stranger_s_words_are_shown_on_one_line() -> None:
    with pytest.raises(EthereumError) as error:
        answers.to_quantity("evil\n\x1b[2J\u202e\ud800" + "x" * 10_000, "n")
    assert len(error.value.message) < 400
    assert error.value.message.isascii()
    assert "\n" not in error.value.message
