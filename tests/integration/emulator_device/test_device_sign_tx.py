"""SignTx over real UDP sockets: what libbitcoinkernel accepts, what the screen said, what is refused."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from embit import script as embit_script
from embit.networks import NETWORKS
from embit.transaction import Transaction
from trezorlib import exceptions, messages
from trezorlib.tools import parse_path

m: Any = messages
LEGACY, NESTED = m.InputScriptType.SPENDADDRESS, m.InputScriptType.SPENDP2SHWITNESS
WITNESS, TAPROOT = m.InputScriptType.SPENDWITNESS, m.InputScriptType.SPENDTAPROOT
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

OUTPUTS = [
    "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",
    "2NFUBBRcTJbYc1D4HSCbJhKZp6YCV4PQFpQ",
    STRANGER,
    embit_script.p2wsh(embit_script.Script(b"\x51")).address(NETWORKS["regtest"]),
    "bcrt1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqc8gma6",
]


def pay(amount: int, address: str = STRANGER) -> Any:
    return m.TxOutputType(address=address, amount=amount)


def refuse(bench: Any, text: str, inputs: list[Any], outputs: list[Any], **kwargs: Any) -> None:
    """Signing must fail with this text, and the device must be usable afterwards."""
    with pytest.raises(exceptions.TrezorFailure) as caught:
        bench.sign(inputs, outputs, **kwargs)
    assert text in f"{caught.value.code.name}: {caught.value.message}"
    assert bench.client.ping("alive") == "alive"


@pytest.mark.parametrize("kinds", [[WITNESS], [TAPROOT], [NESTED], [LEGACY], [WITNESS] * 3, [TAPROOT] * 3])
def test_signed_transactions_are_accepted_by_libbitcoinkernel(bench: Any, kinds: list[Any]) -> None:
    inputs = [bench.fund(kind, 100_000, f"0/{i}") for i, kind in enumerate(kinds)]
    signatures, serialized = bench.sign(inputs, [pay(40_000), bench.change(kinds[0], 50_000)])
    assert bench.accepted_by_kernel(serialized)
    assert all(signatures)
    parsed = Transaction.parse(serialized)
    assert [out.value for out in parsed.vout] == [40_000, 50_000]
    assert [(vin.txid, vin.vout) for vin in parsed.vin] == [(i.prev_hash, i.prev_index) for i in inputs]


def test_mixed_script_types_are_accepted_by_libbitcoinkernel(bench: Any) -> None:
    inputs = [bench.fund(kind, 100_000) for kind in (LEGACY, WITNESS, TAPROOT, NESTED)]
    _, serialized = bench.sign(inputs, [pay(390_000)])
    assert bench.accepted_by_kernel(serialized)
    assert "sending_from_multiple_accounts" in [screen.name for screen in bench.device.screens]


@pytest.mark.parametrize("address", OUTPUTS)
def test_pays_every_kind_of_address(bench: Any, address: str) -> None:
    _, serialized = bench.sign([bench.fund(WITNESS, 100_000)], [pay(90_000, address)])
    assert bench.accepted_by_kernel(serialized)
    parsed = Transaction.parse(serialized)
    assert parsed.vout[0].script_pubkey == embit_script.address_to_scriptpubkey(address)


@pytest.mark.parametrize("size", [0, 1, 75, 76, 80, 220])
def test_writes_op_return_data_with_the_shortest_push(bench: Any, size: int) -> None:
    data = m.TxOutputType(amount=0, op_return_data=b"d" * size, script_type=m.OutputScriptType.PAYTOOPRETURN)
    _, serialized = bench.sign([bench.fund(TAPROOT, 100_000)], [pay(90_000), data])
    assert bench.accepted_by_kernel(serialized)
    script = Transaction.parse(serialized).vout[1].script_pubkey.data
    head = b"\x6a" + (bytes([size]) if size < 76 else b"\x4c" + bytes([size]))
    assert script == head + b"d" * size


def test_version_and_lock_time_are_signed(bench: Any) -> None:
    _, serialized = bench.sign([bench.fund(WITNESS, 100_000)], [pay(90_000)], version=2, lock_time=500)
    parsed = Transaction.parse(serialized)
    assert (parsed.version, parsed.locktime) == (2, 500)
    assert bench.accepted_by_kernel(serialized)
    assert "500" in next(s for s in bench.device.screens if s.name == "nondefault_locktime").lines


def test_the_screens_tell_address_amount_fee_and_total(bench: Any) -> None:
    bench.sign([bench.fund(WITNESS, 100_000)], [pay(40_000), bench.change(WITNESS, 59_000)])
    recipient, amount, total = bench.device.screens
    assert recipient.lines == (STRANGER,)
    assert amount.lines == ("0.0004 REGTEST",)
    assert total.lines[:4] == ("Total amount:", "0.00041 REGTEST", "including fee:", "0.00001 REGTEST")


def test_change_is_not_shown_and_a_foreign_account_is(bench: Any) -> None:
    foreign = bench.change(WITNESS, 30_000)
    foreign.address_n[2] += 1
    bench.sign([bench.fund(WITNESS, 100_000)], [foreign, bench.change(WITNESS, 60_000)])
    names = [screen.name for screen in bench.device.screens]
    assert names == ["confirm_output", "confirm_output", "confirm_total"]
    assert "SegWit #2" in bench.device.screens[0].lines


@pytest.mark.parametrize("suffix", ["0/3", "1/3"])
def test_own_outputs_on_both_chains_count_as_change(bench: Any, suffix: str) -> None:
    bench.sign([bench.fund(WITNESS, 100_000)], [bench.change(WITNESS, 90_000, suffix)])
    assert [screen.name for screen in bench.device.screens] == ["confirm_total"]


def test_an_own_output_of_another_script_type_is_shown(bench: Any) -> None:
    bench.sign([bench.fund(WITNESS, 100_000)], [bench.change(TAPROOT, 90_000)])
    assert bench.device.screens[0].name == "confirm_output"


def test_more_than_two_change_outputs_are_asked_about(bench: Any) -> None:
    outputs = [bench.change(WITNESS, 30_000, f"1/{number}") for number in range(3)]
    bench.sign([bench.fund(WITNESS, 100_000)], outputs)
    assert "change_count_over_threshold" in [screen.name for screen in bench.device.screens]


def test_a_high_fee_is_warned_of_and_an_absurd_one_refused(bench: Any) -> None:
    bench.coin = "Bitcoin"
    address = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    # 110 virtual bytes by the device's estimate: warned above 220,000 sat, refused above 2,200,000
    bench.sign([bench.fund(WITNESS, 1_000_000)], [pay(500_000, address)])
    assert "fee_over_threshold" in [screen.name for screen in bench.device.screens]
    coin = bench.fund(WITNESS, 10_000_000)
    refuse(bench, "DataError: The fee is unexpectedly large", [coin], [pay(1_000, address)])


def test_a_hundred_inputs_are_signed_and_accepted(bench: Any) -> None:
    inputs = [bench.fund(WITNESS, 10_000, f"0/{number}") for number in range(100)]
    _, serialized = bench.sign(inputs, [pay(950_000)])
    assert bench.accepted_by_kernel(serialized)


def test_all_taproot_transactions_need_no_previous_transactions(bench: Any) -> None:
    coin = bench.fund(TAPROOT, 100_000)
    bench.prev_txes.clear()
    _, serialized = bench.sign([coin], [pay(90_000)])
    assert bench.accepted_by_kernel(serialized)


def test_a_false_amount_of_a_taproot_input_gives_a_signature_the_kernel_refuses(bench: Any) -> None:
    coin = bench.fund(TAPROOT, 100_000)
    coin.amount = 200_000
    _, serialized = bench.sign([coin], [pay(90_000)])
    assert not bench.accepted_by_kernel(serialized)


# Refusals: previous transactions


@pytest.mark.parametrize("kind", [WITNESS, NESTED, LEGACY])
def test_refuses_an_amount_that_is_not_the_previous_outputs(bench: Any, kind: Any) -> None:
    coin = bench.fund(kind, 100_000)
    coin.amount = 100_001
    refuse(bench, "DataError: Invalid amount specified", [coin], [pay(90_000)])


def test_refuses_prevtx_whose_txid_is_not_the_outpoint(bench: Any) -> None:
    for spoil in ("amount", "script", "sequence", "lock_time", "version"):
        coin = bench.fund(WITNESS, 100_000)
        prev = bench.prev_txes[coin.prev_hash]
        if spoil == "amount":
            prev.bin_outputs[0].amount += 1
        elif spoil == "script":
            prev.bin_outputs[0].script_pubkey = b"\x52"
        elif spoil == "sequence":
            prev.inputs[0].sequence -= 1
        else:
            setattr(prev, spoil, getattr(prev, spoil) + 1)
        refuse(bench, "ProcessError: Encountered invalid prev_hash", [coin], [pay(90_000)])


def test_refuses_an_index_the_previous_transaction_does_not_have(bench: Any) -> None:
    coin = bench.fund(WITNESS, 100_000)
    coin.prev_index = 2
    text = "ProcessError: Not enough outputs in previous transaction."
    refuse(bench, text, [coin], [pay(90_000)])


def test_refuses_an_input_that_is_not_ours(bench: Any) -> None:
    coin = bench.fund(WITNESS, 100_000)
    coin.address_n[-1] += 1
    refuse(bench, "DataError: Input does not match scriptPubKey", [coin], [pay(90_000)])


@pytest.mark.parametrize("field", ["expiry", "timestamp", "version_group_id", "branch_id"])
def test_refuses_fields_of_other_coins(bench: Any, field: str) -> None:
    coin = bench.fund(WITNESS, 100_000)
    refuse(bench, "not enabled on this coin", [coin], [pay(90_000)], **{field: 9})
    setattr(bench.prev_txes[coin.prev_hash], field, 9)
    refuse(bench, "not enabled on this coin", [coin], [pay(90_000)])


def test_refuses_extra_data_in_a_previous_transaction(bench: Any) -> None:
    coin = bench.fund(WITNESS, 100_000)
    bench.prev_txes[coin.prev_hash].extra_data = b"hello"
    refuse(bench, "Extra data not enabled on this coin", [coin], [pay(90_000)])


# What is refused of inputs and of outputs


@pytest.mark.parametrize(
    "path", ["84h/0h/0h/0/0", "84h/2h/0h/0/0", "84h/1h/101h/0/0", "84h/1h/0h/2/0", "84h/1h/0h"]
)
def test_refuses_a_forbidden_input_path(bench: Any, path: str) -> None:
    coin = bench.fund(WITNESS, 100_000)
    coin.address_n = parse_path("m/" + path)
    refuse(bench, "DataError: Forbidden key path", [coin], [pay(90_000)])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"address_n": []}, "Missing address_n field."),
        ({"prev_hash": b"x" * 31}, "Provided prev_hash is invalid."),
        ({"prev_hash": b""}, "Provided prev_hash is invalid."),
        ({"script_pubkey": b"\x51"}, "Input's script_pubkey provided but not expected."),
        ({"script_type": m.InputScriptType.EXTERNAL}, "Input's address_n provided but not expected."),
        ({"script_type": m.InputScriptType.EXTERNAL, "address_n": []}, "Missing script_pubkey field."),
        (
            {"script_type": m.InputScriptType.EXTERNAL, "address_n": [], "script_pubkey": b"\x51"},
            "ProcessError: Unverifiable external input.",
        ),
        ({"script_type": m.InputScriptType.SPENDMULTISIG}, "Multisig details required."),
        ({"orig_hash": b"x" * 32}, "Missing orig_index field."),
        ({"ownership_proof": b"x"}, "Ownership proof not expected for internal input."),
        ({"commitment_data": b"x"}, "commitment_data field provided but not expected."),
        ({"decred_tree": 1}, "Decred details provided but Decred coin not specified."),
        ({"amount": None}, "Failed to decode message"),
    ],
)
def test_refuses_a_malformed_input(bench: Any, changes: dict[str, Any], text: str) -> None:
    coin = bench.fund(WITNESS, 100_000)
    for name, value in changes.items():
        setattr(coin, name, value)
    refuse(bench, text, [coin], [pay(90_000)])


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"amount": 1}, "Missing address"),
        ({"amount": 1, "address": STRANGER, "address_n": [1]}, "Both address and address_n provided."),
        ({"amount": 1, "address": STRANGER, "op_return_data": b"x"}, "OP RETURN data provided"),
        ({"amount": 0, "script_type": 3}, "OP_RETURN output without op_return_data"),
        ({"amount": 1, "script_type": 3, "op_return_data": b"x"}, "OP_RETURN output with non-zero amount"),
        (
            {"amount": 0, "script_type": 3, "op_return_data": b"x", "address": STRANGER},
            "OP_RETURN output with address or multisig",
        ),
        ({"amount": 0, "script_type": 3, "op_return_data": b"x", "address_n": [1]}, "not expected"),
        ({"amount": 1, "script_type": 1, "address_n": [1]}, "Output's address_n provided but not expected."),
        ({"amount": 1, "script_type": 2, "address": STRANGER}, "Multisig details required."),
        ({"amount": 1, "address": STRANGER, "orig_hash": b"x" * 32}, "Missing orig_index field."),
        ({"amount": 1, "address": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}, "Invalid address"),
        ({"amount": 1, "address": STRANGER[:-1] + "q"}, "Invalid address witness program"),
        ({"amount": 1, "address": STRANGER.upper()}, "Invalid address"),
        ({"amount": 1, "address": "0x52908400098527886E0F7030069857D2E4169EE7"}, "Invalid address"),
    ],
)
def test_refuses_a_malformed_output(bench: Any, fields: dict[str, Any], text: str) -> None:
    output = m.TxOutputType(**fields)
    if "script_type" in fields:
        output.script_type = m.OutputScriptType(fields["script_type"])
    refuse(bench, text, [bench.fund(WITNESS, 100_000)], [output])


@pytest.mark.parametrize("amount", [100_001, 21_000_000 * 10**8, 2**64 - 1])
def test_refuses_to_spend_more_than_the_inputs(bench: Any, amount: int) -> None:
    refuse(bench, "NotEnoughFunds: Not enough funds", [bench.fund(WITNESS, 100_000)], [pay(amount)])


def test_refuses_unknown_coins(bench: Any) -> None:
    coin = bench.fund(WITNESS, 100_000)
    bench.coin = "Dogecoin"
    refuse(bench, "DataError: Unsupported coin type", [coin], [pay(1)])


def test_refuses_a_transaction_of_nothing(bench: Any) -> None:
    refuse(bench, "FirmwareError: divide by zero", [], [])


# Refusals: a host that changes its story between the phases


class LyingHost:
    """Changes what trezorlib sends for the nth request of one piece of the transaction."""

    def __init__(self, bench: Any, kind: Any, index: int, nth: int, change: Any) -> None:
        self._want = (kind, index)
        self._left = nth
        self._change = change
        self._last: Any = None
        client = bench.client
        self._read, self._write = client._read, client._write
        client._read, client._write = self.read, self.write

    def read(self, session: Any, timeout: float | None = None) -> Any:
        self._last = self._read(session, timeout)
        return self._last

    def write(self, session: Any, message: Any) -> None:
        if isinstance(message, m.TxAck) and self._asked() == self._want:
            self._left -= 1
            if self._left == 0:
                message = self.changed(message)
        self._write(session, message)

    def _asked(self) -> tuple[Any, int] | None:
        """The piece of this transaction the device just asked for, None for a previous one's."""
        details = self._last.details
        return None if details.tx_hash else (self._last.request_type, details.request_index)

    def changed(self, message: Any) -> Any:
        message = deepcopy(message)
        self._change(message.tx)
        return message


def _amount(tx: Any) -> None:
    tx.inputs[0].amount += 10_000


def _sequence(tx: Any) -> None:
    tx.inputs[0].sequence -= 1


def _account(tx: Any) -> None:
    tx.inputs[0].address_n[2] += 1


def _script_type(tx: Any) -> None:
    tx.inputs[0].script_type = TAPROOT


def _to_witness(tx: Any) -> None:
    tx.inputs[0].script_type = WITNESS


def _thief(tx: Any) -> None:
    tx.outputs[0].address = OUTPUTS[0]


@pytest.mark.parametrize(
    ("change", "nth", "text"),
    [
        (_amount, 2, "Invalid amount specified"),
        (_sequence, 2, "Transaction has changed during signing"),
        (_account, 2, "Input does not match scriptPubKey"),
        (_script_type, 2, "Input does not match scriptPubKey"),
        (_account, 3, "Transaction has changed during signing"),
        (_script_type, 3, "Transaction has changed during signing"),
        (_account, 4, "Transaction has changed during signing"),
        (_script_type, 4, "Transaction has changed during signing"),
    ],
)
def test_refuses_an_input_that_changes_between_phases(bench: Any, change: Any, nth: int, text: str) -> None:
    coin = bench.fund(WITNESS, 100_000)
    LyingHost(bench, m.RequestType.TXINPUT, 0, nth, change)
    refuse(bench, text, [coin], [pay(90_000)])


def test_refuses_to_bypass_the_prevtx_check_by_pretending_taproot_first(bench: Any) -> None:
    coin = bench.fund(TAPROOT, 100_000)
    LyingHost(bench, m.RequestType.TXINPUT, 0, 3, _to_witness)
    refuse(bench, "Transaction has changed during signing", [coin], [pay(90_000)])


def test_refuses_a_legacy_transaction_whose_output_changes(bench: Any) -> None:
    coin = bench.fund(LEGACY, 100_000)
    LyingHost(bench, m.RequestType.TXOUTPUT, 0, 2, _thief)
    refuse(bench, "Transaction has changed during signing", [coin], [pay(90_000)])


def test_an_output_changed_after_approval_is_serialised_but_not_signed(bench: Any) -> None:
    coin = bench.fund(WITNESS, 100_000)
    LyingHost(bench, m.RequestType.TXOUTPUT, 0, 2, _thief)
    _, serialized = bench.sign([coin], [pay(90_000)])
    assert not bench.accepted_by_kernel(serialized)
    assert bench.device.screens[0].lines == (STRANGER,)
