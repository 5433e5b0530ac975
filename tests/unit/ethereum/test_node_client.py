"""One node: its chain is asked first, state is asked by block hash, every answer is held to the question."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.ethereum_node_talks import (
    ALICE,
    BOB,
    TOKEN,
    TXID,
    NodeTalk,
    Refusal,
    block_hash,
    block_json,
    log_json,
    node,
    receipt_json,
)
from vault.errors import EthereumError
from vault.ethereum.node import log_ranges
from vault.ethereum.node.base import LogFilter
from vault.ethereum.view import CallRequest

TOPIC = bytes(31) + b"\x01"
CALL = CallRequest(TOKEN, b"\x01\x02", ALICE, 5, 100_000)
REASON = "0x08c379a0" + "00" * 32


def code_of(error: pytest.ExceptionInfo[EthereumError]) -> str:
    return error.value.code.removeprefix("ethereum.")


def test_a_node_of_another_chain_is_asked_nothing() -> None:
    talk = NodeTalk()
    with node(talk, 42161) as client:
        for _ in range(2):
            with pytest.raises(EthereumError) as error:
                client.send_raw(b"\x02")
            assert code_of(error) == "wrong_chain_id"
            assert "expected chain 42161" in error.value.message
    assert {method for method, _ in talk.asked} == {"eth_chainId"}


def test_the_chain_is_asked_once() -> None:
    talk = NodeTalk()
    with node(talk) as client:
        client.tip()
        client.tip()
    assert [method for method, _ in talk.asked].count("eth_chainId") == 1


def test_state_is_asked_by_the_hash_of_the_block() -> None:
    talk = NodeTalk(spoil={"eth_getCode": "0x60", "eth_getStorageAt": "0x" + "07" * 32, "eth_call": "0x05"})
    with node(talk) as client:
        view = client.view(client.tip())
        assert (view.balance(ALICE), view.code(ALICE), view.storage(ALICE, 3)) == (100, b"\x60", b"\x07" * 32)
        assert view.call(TOKEN, b"") == b"\x05"
        assert client.nonce(ALICE, client.tip()) == 4
    place = {"blockHash": block_hash(100), "requireCanonical": True}
    asked = [params for method, params in talk.asked if "Block" not in method and method != "eth_chainId"]
    assert [params[-1] for params in asked] == [place] * 5
    assert asked[2] == [ALICE, "0x3", place]


@pytest.mark.parametrize(
    "words",
    [
        "header for hash not found",
        "hash is not currently canonical",
        "Resource not found",
        "BlockOutOfRangeError: block height is 5 but requested was 9",
        "missing trie node 12ab (path ) state 0x is not available",
        "historical state 12ab is not available",
    ],
)
def test_a_block_that_is_gone_is_told_apart_from_other_refusals(words: str) -> None:
    with node(NodeTalk(spoil={"eth_getBalance": Refusal(-32000, words)})) as client:
        with pytest.raises(EthereumError) as error:
            client.balance(ALICE, client.tip())
        assert code_of(error) == "unknown_block"


def test_another_refusal_keeps_the_words_of_the_node() -> None:
    talk = NodeTalk(spoil={"eth_getBalance": Refusal(-32002, "not today")})
    with node(talk) as client, pytest.raises(EthereumError) as error:
        client.balance(ALICE, client.tip())
    assert code_of(error) == "node_refused"
    assert error.value.details == {"rpc_code": "-32002", "rpc_message": "not today"}


@pytest.mark.parametrize("answer", [block_json(99), None, {}, "0x1"])
def test_the_tip_is_a_block_or_an_error(answer: Any) -> None:
    with node(NodeTalk(spoil={"eth_getBlockByNumber": answer})) as client:
        if answer == block_json(99):
            assert client.tip().number == 99
            with pytest.raises(EthereumError, match=r"expected '100'|expected 100"):
                client.block(100)
        else:
            with pytest.raises(EthereumError):
                client.tip()


def test_a_block_by_hash_is_that_block() -> None:
    with node(NodeTalk(spoil={"eth_getBlockByHash": block_json(7)})) as client:
        found = client.block(block_hash(7))
        assert found is not None
        assert found.number == 7
        with pytest.raises(EthereumError) as error:
            client.block(block_hash(8))
        assert code_of(error) == "bad_answer"
        with pytest.raises(EthereumError) as error:
            client.block("latest")
        assert code_of(error) == "bad_hash"


def test_only_addresses_with_their_checksum_are_asked_about() -> None:
    with node(NodeTalk()) as client:
        for address in (ALICE.lower(), "alice.eth", ALICE[:-1] + "7"):
            with pytest.raises(EthereumError) as error:
                client.balance(address, client.tip())
            assert code_of(error) == "bad_address"


@pytest.mark.parametrize(
    ("refusal", "output"),
    [
        (Refusal(3, "execution reverted: no", REASON), REASON),
        (Refusal(-32015, "VM execution error.", "Reverted " + REASON), REASON),
        (Refusal(-32000, "execution reverted", {"data": REASON}), REASON),
        (Refusal(-32000, "execution reverted"), "0x"),
        (Refusal(-32000, "out of gas"), "0x"),
        (Refusal(-32000, "invalid opcode: INVALID"), "0x"),
        (Refusal(-32000, "insufficient funds for gas * price + value"), "0x"),
        (Refusal(3, "execution reverted", "0xabc"), "0xab"),
        (Refusal(3, "execution reverted", 7), "0x"),
    ],
)
def test_a_call_that_fails_is_an_outcome(refusal: Refusal, output: str) -> None:
    talk = NodeTalk(spoil={"eth_call": refusal, "eth_estimateGas": refusal})
    with node(talk) as client:
        block = client.tip()
        outcome = client.call(CALL, block)
        assert (outcome.succeeded, "0x" + outcome.output.hex()) == (False, output)
        with pytest.raises(EthereumError) as error:
            client.estimate_gas(CALL)
        assert code_of(error) in {"call_reverted", "insufficient_funds"}
        with pytest.raises(EthereumError) as error:
            client.view(block).call(TOKEN, b"\x01")
        assert code_of(error) == "call_reverted"


def test_a_question_that_fails_is_no_outcome() -> None:
    with node(
        NodeTalk(spoil={"eth_call": Refusal(-32602, "missing value for required argument 0")})
    ) as client:
        with pytest.raises(EthereumError) as error:
            client.call(CALL, client.tip())
        assert code_of(error) == "node_refused"


def test_a_call_is_asked_as_it_would_be_sent() -> None:
    talk = NodeTalk(spoil={"eth_call": "0x"})
    with node(talk) as client:
        client.call(CALL, client.tip())
    asked = {"from": ALICE, "to": TOKEN, "data": "0x0102", "value": "0x5", "gas": hex(100_000)}
    assert talk.asked[-1][1][0] == asked


def test_a_node_without_simulation_is_asked_for_it_once() -> None:
    talk = NodeTalk(spoil={"eth_simulateV1": Refusal(-32601, "the method eth_simulateV1 does not exist")})
    with node(talk) as client:
        block = client.tip()
        assert client.simulate([CALL], block) is None
        assert client.simulate([CALL], block) is None
    assert [method for method, _ in talk.asked].count("eth_simulateV1") == 1


def test_a_simulation_is_read_with_its_events() -> None:
    calls = [
        {"status": "0x1", "returnData": "0x01", "gasUsed": "0x10", "logs": [log_json(1, 0, [TOPIC])]},
        {
            "status": "0x0",
            "returnData": "0x",
            "gasUsed": "0x10",
            "error": {"code": 3, "message": "no", "data": REASON},
        },
    ]
    talk = NodeTalk(spoil={"eth_simulateV1": [{"calls": calls}]})
    with node(talk) as client:
        found = client.simulate([CALL, CALL], client.tip())
    assert found is not None
    assert (found[0].succeeded, found[0].logs[0].topics) == (True, (TOPIC,))
    assert (found[1].succeeded, found[1].output) == (False, bytes.fromhex(REASON[2:]))


@pytest.mark.parametrize("absent", [None, Refusal(-32000, "transaction not found")])
def test_what_a_node_does_not_have_is_none(absent: Any) -> None:
    methods = ("eth_getTransactionReceipt", "eth_getTransactionByHash", "eth_getBlockByHash")
    with node(NodeTalk(spoil=dict.fromkeys(methods, absent))) as client:
        assert client.receipt(TXID) is None
        assert client.transaction(TXID) is None
        assert client.block(TXID) is None


def test_a_receipt_of_another_transaction_is_refused() -> None:
    talk = NodeTalk(spoil={"eth_getTransactionReceipt": receipt_json(7, transactionHash="0x" + "cd" * 32)})
    with node(talk) as client, pytest.raises(EthereumError) as error:
        client.receipt(TXID)
    assert code_of(error) == "bad_answer"


def test_a_fee_history_is_no_longer_than_asked() -> None:
    with node(NodeTalk()) as client:
        assert client.fee_history(4, (50,)).next_base_fee == 10**9
        assert len(client.fee_history(1, (50,)).rewards) == 1


# -- logs ----------------------------------------------------------------------------------------------


class LogTalk(NodeTalk):
    """One log in each block; a node that answers for at most `most` blocks."""

    most = 7
    words = "query returned more than 10000 results"

    def eth_getLogs(self, params: list[Any]) -> Any:
        first, last = int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16)
        if last - first + 1 > self.most:
            raise Refusal(-32005, self.words)
        return [log_json(number, 0, [TOPIC]) for number in range(first, last + 1)]


def test_ranges_too_large_for_a_node_are_split_and_nothing_is_left_out() -> None:
    talk = LogTalk()
    with node(talk) as client:
        found = client.logs(LogFilter(1, 90, (TOKEN,), ((TOPIC,),)))
    assert [log.block_number for log in found] == list(range(1, 91))
    assert len(talk.asked) < 30


def test_a_node_that_refuses_one_block_is_not_asked_for_less() -> None:
    talk = LogTalk()
    talk.most = 0
    with node(talk) as client, pytest.raises(EthereumError) as error:
        client.logs(LogFilter(1, 90))
    assert code_of(error) == "node_refused"


def test_answers_too_long_to_read_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vault.ethereum.node.stream.MAX_ANSWER", 4000)
    with node(LogTalk()) as client:
        assert len(client.logs(LogFilter(1, 30))) == 30


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(-32601, "method not allowed"),
        Refusal(-32005, "rate limit exceeded"),
        Refusal(-32005, "Too Many Requests: compute units per second exceeded"),
    ],
)
def test_a_refusal_that_fewer_blocks_do_not_heal_is_one(refusal: Refusal) -> None:
    talk = NodeTalk(spoil={"eth_getLogs": refusal})
    with node(talk) as client, pytest.raises(EthereumError) as error:
        client.logs(LogFilter(1, 90))
    assert code_of(error) == "node_refused"
    assert len(talk.asked) == 2


@pytest.mark.parametrize(
    "logs",
    [
        [log_json(6, 0, [TOPIC])],
        [log_json(21, 0, [TOPIC])],
        [log_json(7, 0, [])],
        [log_json(7, 0, [bytes(32)])],
        [log_json(7, 0, [TOPIC], address=BOB.lower())],
        [log_json(7, 1, [TOPIC]), log_json(7, 0, [TOPIC])],
        [log_json(7, 0, [TOPIC]), log_json(7, 0, [TOPIC])],
        [log_json(7, 0, [TOPIC]), log_json(7, 1, [TOPIC], blockHash=block_hash(9))],
        [log_json(7, 0, [TOPIC], removed=True)],
        {},
    ],
)
def test_logs_that_were_not_asked_for_or_do_not_belong_together_are_refused(logs: Any) -> None:
    with node(NodeTalk(spoil={"eth_getLogs": logs})) as client, pytest.raises(EthereumError) as error:
        client.logs(LogFilter(7, 20, (TOKEN,), ((TOPIC,),)))
    assert code_of(error) == "bad_answer"


def test_a_flood_of_logs_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_ranges, "MAX_LOGS", 50)
    with node(LogTalk()) as client, pytest.raises(EthereumError) as error:
        client.logs(LogFilter(1, 1000))
    assert code_of(error) == "too_many"
