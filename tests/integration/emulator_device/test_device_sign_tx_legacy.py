"""SignTx as the C firmwares do it: Trezor One's order and words, and where OneKey's Classic 1S differs.

What is signed is judged by libbitcoinkernel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from embit.transaction import Transaction
from trezorlib import exceptions, messages
from trezorlib.tools import parse_path

from tests.support.sign_tx_host import STRANGER, Host, Spoil, at, bench_of, pay, shown

m: Any = messages
LEGACY, NESTED = m.InputScriptType.SPENDADDRESS, m.InputScriptType.SPENDP2SHWITNESS
WITNESS, TAPROOT = m.InputScriptType.SPENDWITNESS, m.InputScriptType.SPENDTAPROOT
OTHER = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"
CHANGED = "Transaction has changed during signing"
C_FIRMWARES = ["trezor-one", "onekey-classic1s"]
SIGN_TX, CONFIRM_OUTPUT = int(m.ButtonRequestType.SignTx), int(m.ButtonRequestType.ConfirmOutput)
FEE_OVER_THRESHOLD = int(m.ButtonRequestType.FeeOverThreshold)


@pytest.fixture(params=C_FIRMWARES)
def legacy(request: Any, bench: Any, connected: Callable[..., Any]) -> Iterator[Any]:
    """A device with C firmware that confirms everything, and coins for it."""
    yield from bench_of(request.param, bench, connected)


@pytest.fixture
def trezor_one(bench: Any, connected: Callable[..., Any]) -> Iterator[Any]:
    yield from bench_of("trezor-one", bench, connected)


@pytest.fixture
def onekey(bench: Any, connected: Callable[..., Any]) -> Iterator[Any]:
    yield from bench_of("onekey-classic1s", bench, connected)


# The conversation


@pytest.mark.parametrize(
    "kinds", [[LEGACY], [NESTED], [WITNESS], [TAPROOT], [LEGACY, WITNESS, TAPROOT, NESTED]]
)
def test_what_is_signed_is_accepted_by_libbitcoinkernel(legacy: Any, kinds: list[Any]) -> None:
    inputs = [legacy.fund(kind, 100_000, f"0/{i}") for i, kind in enumerate(kinds)]
    host = Host(legacy, inputs, [pay(40_000), legacy.change(kinds[0], 50_000)])
    assert legacy.accepted_by_kernel(host.sign())
    assert sorted(host.signatures) == list(range(len(kinds)))


def test_the_head_of_the_transaction_comes_with_its_first_input(legacy: Any) -> None:
    host = Host(legacy, [legacy.fund(WITNESS, 100_000)], [pay(90_000)])
    host.sign()
    pieces = [chunk for chunk in host.chunks if chunk]
    assert len(pieces) == 3
    assert pieces[0].startswith(b"\x02\x00\x00\x00\x00\x01\x01" + host.inputs[0].prev_hash[::-1])
    assert pieces[-1].endswith(bytes(4))


def test_every_input_is_asked_for_again_when_one_has_a_witness(legacy: Any) -> None:
    host = Host(legacy, [legacy.fund(LEGACY, 50_000), legacy.fund(WITNESS, 50_000)], [pay(90_000)])
    assert legacy.accepted_by_kernel(host.sign())
    assert host.last_pass == ["TXINPUT/0", "TXINPUT/1"]
    assert host.chunks[-2] == b"\x00"


def test_signatures_alone_need_no_pass_for_what_is_only_written(legacy: Any) -> None:
    inputs = [legacy.fund(WITNESS, 50_000), legacy.fund(LEGACY, 50_000)]
    host = Host(legacy, inputs, [pay(90_000)])
    assert host.sign(serialize=False) == b""
    assert sorted(host.signatures) == [0, 1]
    assert host.asked.count("TXOUTPUT/0") == 2  # approved, then signed by the legacy input


def test_previous_transactions_are_not_asked_for_when_all_our_inputs_are_taproot(legacy: Any) -> None:
    host = Host(legacy, [legacy.fund(TAPROOT, 100_000)], [pay(90_000)])
    host.sign()
    assert not any(name.endswith("@") for name in host.asked)


def test_an_acknowledgement_without_a_transaction_is_refused_and_waited_out(legacy: Any) -> None:
    session = legacy.session
    request = m.SignTx(coin_name="Regtest", inputs_count=1, outputs_count=1)
    assert isinstance(session.call(request), m.TxRequest)
    with pytest.raises(exceptions.TrezorFailure, match="No transaction provided"):
        session.call(m.TxAck())
    answer = session.call(m.TxAck(tx=m.TransactionType(inputs=[legacy.fund(WITNESS, 100_000)])))
    assert answer.request_type == m.RequestType.TXOUTPUT


# Questions


def test_trezor_one_asks_once_an_output_and_once_for_the_whole(trezor_one: Any) -> None:
    inputs = [trezor_one.fund(WITNESS, 100_000), trezor_one.fund(TAPROOT, 100_000)]
    Host(trezor_one, inputs, [pay(90_000), pay(90_000, OTHER)]).sign()
    assert shown(trezor_one) == [
        ("confirm_output", CONFIRM_OUTPUT),
        ("confirm_output", CONFIRM_OUTPUT),
        ("confirm_total", SIGN_TX),
    ]
    assert trezor_one.device.screens[1].lines == ("0.0009 REGTEST to", OTHER)


def test_the_classic_shows_an_output_in_pages_under_a_code_of_its_own(onekey: Any) -> None:
    Host(onekey, [onekey.fund(WITNESS, 100_000)], [pay(90_000)]).sign()
    pages = [("confirm_output", SIGN_TX)] * 2
    assert shown(onekey) == [*pages, ("confirm_total", SIGN_TX)]
    assert [screen.lines[-1] for screen in onekey.device.screens[:2]] == [STRANGER, "0.0009 REGTEST"]


def test_any_fee_is_only_asked_about(legacy: Any) -> None:
    host = Host(legacy, [legacy.fund(WITNESS, 900_000_000)], [pay(1_000)])
    assert legacy.accepted_by_kernel(host.sign())
    assert ("fee_over_threshold", FEE_OVER_THRESHOLD) in shown(legacy)


def test_change_alone_is_signed_with_the_total(legacy: Any) -> None:
    host = Host(legacy, [legacy.fund(WITNESS, 100_000)], [legacy.change(WITNESS, 99_000)])
    host.sign()
    assert shown(legacy) == [("confirm_total", SIGN_TX)]


def test_more_than_two_changes_are_worth_a_question(legacy: Any) -> None:
    changes = [legacy.change(WITNESS, 20_000, f"1/{i}") for i in range(3)]
    Host(legacy, [legacy.fund(WITNESS, 100_000)], changes).sign()
    assert shown(legacy)[0] == ("change_count_over_threshold", SIGN_TX)


@pytest.mark.parametrize(
    ("lock_time", "sequence", "said"),
    [
        (900_000, 0xFFFFFFFE, "blockheight: 900000"),
        (1_700_000_000, 0xFFFFFFFE, "timestamp (UTC): 2023-11-14 22:13:20"),
        (900_000, 0xFFFFFFFF, "Locktime is set but will have no effect."),
    ],
)
def test_a_lock_time_is_shown(trezor_one: Any, lock_time: int, sequence: int, said: str) -> None:
    txi = trezor_one.fund(WITNESS, 100_000)
    txi.sequence = sequence
    host = Host(trezor_one, [txi], [pay(90_000)])
    assert Transaction.parse(host.sign(lock_time=lock_time)).locktime == lock_time
    assert trezor_one.device.screens[1].lines[0] == said


def test_an_unusual_path_is_warned_of_once(legacy: Any) -> None:
    inputs = [legacy.fund(LEGACY, 50_000), legacy.fund(LEGACY, 50_000, "0/1")]
    for txi in inputs:  # a path of another purpose than the script type's
        txi.script_type = WITNESS
    Host(legacy, inputs, [pay(90_000)]).refused("DataError: Input does not match scriptPubKey")
    assert [name for name, _ in shown(legacy)].count("path_warning") == 1


# Requests, inputs and outputs that are refused, or taken where core firmware refuses


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"inputs_count": 0}, "Transaction must have at least one input"),
        ({"outputs_count": 0}, "Transaction must have at least one output"),
        ({"inputs_count": 513}, "Too many inputs."),
        ({"inputs_count": 2**32 - 1}, "Value overflow"),
        ({"coin_name": "Nocoin"}, "Invalid coin name"),
        ({"expiry": 0}, "Expiry not enabled on this coin."),
        ({"timestamp": 0}, "Timestamp not enabled on this coin."),
        ({"version_group_id": 0}, "Version group ID not enabled on this coin."),
        ({"branch_id": 0}, "Branch ID not enabled on this coin."),
    ],
)
def test_a_request_that_cannot_be(legacy: Any, fields: dict[str, Any], text: str) -> None:
    fields = {"coin_name": "Regtest", "inputs_count": 1, "outputs_count": 1, **fields}
    with pytest.raises(exceptions.TrezorFailure) as caught:
        legacy.session.call(m.SignTx(**fields))
    assert f"{caught.value.code.name}: {caught.value.message}" == f"DataError: {text}"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"prev_hash": b"\1" * 31}, "DataError: Provided prev_hash is invalid."),
        ({"amount": None}, "DataError: Expected input with amount"),
        ({"address_n": []}, "DataError: Missing address_n field."),
        ({"script_pubkey": b""}, "DataError: Input's script_pubkey provided but not expected."),
        ({"ownership_proof": b""}, "DataError: Ownership proof provided but not expected."),
        ({"commitment_data": b""}, "DataError: commitment_data field provided but not expected."),
        ({"orig_hash": b"\1" * 32}, "DataError: Missing orig_index field."),
        ({"orig_hash": b"\1", "orig_index": 0}, "DataError: Provided orig_hash is invalid."),
        ({"amount": 2**64 - 1}, "DataError: Value overflow"),
    ],
)
def test_an_input_that_cannot_be(legacy: Any, fields: dict[str, Any], text: str) -> None:
    inputs = [legacy.fund(WITNESS, 50_000), legacy.fund(WITNESS, 50_000, "0/1")]
    for name, value in fields.items():
        setattr(inputs[1], name, value)
    Host(legacy, inputs, [pay(90_000)]).refused(text)


def op_return(data: bytes | None, **fields: Any) -> Any:
    kind = m.OutputScriptType.PAYTOOPRETURN
    return m.TxOutputType(**{"amount": 0, "script_type": kind, "op_return_data": data, **fields})


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (op_return(b"x", amount=1), "DataError: OP_RETURN output with non-zero amount"),
        (op_return(b"x", address=STRANGER), "DataError: OP_RETURN output with address or multisig"),
        (m.TxOutputType(amount=1), "DataError: Missing address"),
        (pay(1, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt081"), "ProcessError: Failed to compile output"),
        (pay(1, STRANGER.upper()[:20] + STRANGER[20:]), "ProcessError: Failed to compile output"),
        (pay(2**64 - 1), "DataError: Value overflow"),
    ],
)
def test_an_output_that_cannot_be(legacy: Any, output: Any, text: str) -> None:
    Host(legacy, [legacy.fund(WITNESS, 100_000)], [pay(1_000), output]).refused(text)


def test_op_return_may_be_empty_and_bech32_in_capitals(legacy: Any) -> None:
    outputs = [pay(90_000, STRANGER.upper()), op_return(None)]
    signed = Transaction.parse(Host(legacy, [legacy.fund(WITNESS, 100_000)], outputs).sign())
    assert signed.vout[1].script_pubkey.data == b"\x6a\x00"
    assert signed.vout[0].script_pubkey.data == bytes.fromhex("0014751e76e8199196d454941c45d1b3a323f1433bd6")


def test_data_the_classic_cannot_show_is_refused(onekey: Any) -> None:
    inputs = [onekey.fund(WITNESS, 100_000)]
    Host(onekey, inputs, [pay(90_000), op_return(b"\xff" * 80)]).sign()
    Host(onekey, inputs, [pay(90_000), op_return(b"\xff" * 83)]).refused(
        "ProcessError: Failed to compile output"
    )


def test_more_spent_than_there_is(legacy: Any) -> None:
    Host(legacy, [legacy.fund(WITNESS, 1_000)], [pay(1_001)]).refused("NotEnoughFunds: Not enough funds")
    Host(legacy, [legacy.fund(WITNESS, 1_000, "0/1")], [pay(1_000)]).sign()


# Lies between passes


def _amount(tx: Any) -> None:
    tx.inputs[0].amount += 1


def _sequence(tx: Any) -> None:
    tx.inputs[0].sequence -= 1


def _pay_more(tx: Any) -> None:
    tx.outputs[0].amount += 1


def _foreign(tx: Any) -> None:
    txi = tx.inputs[0]
    txi.address_n, txi.script_type, txi.script_pubkey = [], m.InputScriptType.EXTERNAL, b""


def _other_account(tx: Any) -> None:
    tx.inputs[0].address_n = parse_path("m/84h/1h/7h/0/0")


@pytest.mark.parametrize(
    ("kind", "spoil", "text"),
    [
        (WITNESS, at("TXINPUT/0", 2, _amount), "DataError: Invalid amount specified"),
        (WITNESS, at("TXINPUT/0", 2, _sequence), f"DataError: {CHANGED}"),
        (LEGACY, at("TXINPUT/0", 3, _sequence), f"DataError: {CHANGED}"),
        (LEGACY, at("TXOUTPUT/0", 2, _pay_more), f"ProcessError: {CHANGED}"),
        (WITNESS, at("TXINPUT/0", 3, _foreign), f"DataError: {CHANGED}"),
        (WITNESS, at("TXINPUT/0", 4, _foreign), f"DataError: {CHANGED}"),
        (WITNESS, at("TXINPUT/0", 4, _other_account), f"ProcessError: {CHANGED}"),
    ],
)
def test_what_changes_between_passes_is_not_signed(legacy: Any, kind: Any, spoil: Spoil, text: str) -> None:
    host = Host(legacy, [legacy.fund(kind, 100_000)], [pay(90_000)], spoil)
    host.refused(text)
    assert host.signatures == {}


def test_an_output_altered_when_it_is_written_was_signed_as_it_was_approved(legacy: Any) -> None:
    txi = legacy.fund(WITNESS, 100_000)
    expected = Host(legacy, [txi], [pay(90_000)])
    assert legacy.accepted_by_kernel(expected.sign())
    host = Host(legacy, [txi], [pay(90_000)], at("TXOUTPUT/0", 2, _pay_more))
    altered = host.sign()
    assert host.signatures == expected.signatures
    assert Transaction.parse(altered).vout[0].value == 90_001
    assert not legacy.accepted_by_kernel(altered)


def _fewer_outputs(tx: Any) -> None:
    tx.outputs_cnt = 1


def _prev_amount(tx: Any) -> None:
    tx.bin_outputs[0].amount -= 1


def _prev_script(tx: Any) -> None:
    tx.bin_outputs[0].script_pubkey = b"\x51"


def _prev_version(tx: Any) -> None:
    tx.version += 1


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (at("TXMETA@", 1, _fewer_outputs), "Not enough outputs in previous transaction."),
        (at("TXMETA@", 1, _prev_version), "Encountered invalid prevhash"),
        (at("TXOUTPUT/0@", 1, _prev_amount), "Encountered invalid prevhash"),
        (at("TXOUTPUT/1@", 1, _prev_amount), "Invalid amount specified"),
        (at("TXOUTPUT/1@", 1, _prev_script), "Input does not match scriptPubKey"),
    ],
)
def test_a_previous_transaction_must_be_the_one(legacy: Any, spoil: Spoil, text: str) -> None:
    Host(legacy, [legacy.fund(WITNESS, 100_000)], [pay(90_000)], spoil).refused(f"DataError: {text}")


def test_a_previous_lock_time_of_zero_may_be_left_out(legacy: Any) -> None:
    def leave_out(tx: Any) -> None:
        tx.lock_time = None

    host = Host(legacy, [legacy.fund(WITNESS, 100_000)], [pay(90_000)], at("TXMETA@", 1, leave_out))
    assert legacy.accepted_by_kernel(host.sign())
