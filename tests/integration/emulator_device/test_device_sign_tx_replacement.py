"""SignTx that replaces transactions: fee bumps, payjoins, and what a host might smuggle in."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from embit.transaction import Transaction
from trezorlib import exceptions, messages
from trezorlib.tools import parse_path

m: Any = messages
LEGACY, NESTED = m.InputScriptType.SPENDADDRESS, m.InputScriptType.SPENDP2SHWITNESS
WITNESS, TAPROOT = m.InputScriptType.SPENDWITNESS, m.InputScriptType.SPENDTAPROOT
STRANGER = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
OTHER_STRANGER = "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn"


def pay(amount: int, address: str = STRANGER) -> Any:
    return m.TxOutputType(address=address, amount=amount)


def names(bench: Any) -> list[str]:
    return [screen.name for screen in bench.device.screens]


@dataclass
class Original:
    """A transaction the device signed, and its replacement to be sent for signing."""

    bench: Any
    inputs: list[Any]
    outputs: list[Any]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def record(self) -> Any:
        """What the host answers when it is asked for the original."""
        return self.bench.prev_txes[self.tx_hash]

    def __post_init__(self) -> None:
        _, serialized = self.bench.sign(deepcopy(self.inputs), deepcopy(self.outputs), **self.options)
        self.shown = len(self.bench.device.screens)
        signed = Transaction.parse(serialized)
        self.tx_hash = signed.txid()
        inputs = deepcopy(self.inputs)
        for txi, vin in zip(inputs, signed.vin, strict=True):
            txi.script_sig = vin.script_sig.data
            txi.witness = vin.witness.serialize() if vin.witness.items else None
        self.bench.prev_txes[self.tx_hash] = m.TransactionType(
            version=signed.version,
            lock_time=signed.locktime,
            inputs=inputs,
            outputs=deepcopy(self.outputs),
            bin_outputs=[
                m.TxOutputBinType(amount=out.value, script_pubkey=out.script_pubkey.data)
                for out in signed.vout
            ],
        )
        for number, txi in enumerate(self.inputs):
            txi.orig_hash, txi.orig_index = self.tx_hash, number
        for number, txo in enumerate(self.outputs):
            txo.orig_hash, txo.orig_index = self.tx_hash, number

    def replace(self) -> tuple[bytes, list[str]]:
        """Sign the replacement; the transaction and the screens it took."""
        _, serialized = self.bench.sign(self.inputs, self.outputs, **self.options)
        return serialized, names(self.bench)[self.shown :]

    def refused(self, text: str) -> None:
        with pytest.raises(exceptions.TrezorFailure) as caught:
            self.replace()
        assert f"{caught.value.code.name}: {caught.value.message}" == text
        assert self.bench.client.ping("alive") == "alive"


@pytest.fixture
def original(bench: Any) -> Callable[..., Original]:
    """`original(kind)` is 100,000 in, 40,000 paid, 50,000 change, 10,000 fee."""

    def make(kind: Any = WITNESS, **options: Any) -> Original:
        inputs = [bench.fund(kind, 100_000)]
        return Original(bench, inputs, [pay(40_000), bench.change(kind, 50_000)], options)

    return make


@pytest.mark.parametrize("kind", [LEGACY, NESTED, WITNESS, TAPROOT])
def test_a_fee_bump_from_change_asks_for_the_fee_only(original: Any, bench: Any, kind: Any) -> None:
    tx = original(kind)
    tx.outputs[1].amount -= 5_000
    serialized, asked = tx.replace()
    assert bench.accepted_by_kernel(serialized)
    assert asked == ["confirm_replacement", "modify_fee"]
    replacement, fee = bench.device.screens[-2:]
    assert replacement.title == "Update transaction"
    assert tx.tx_hash.hex() in replacement.lines
    assert fee.lines[:4] == (
        "Increase fee by:",
        "0.00005 REGTEST",
        "New transaction fee:",
        "0.00015 REGTEST",
    )


def test_change_may_be_removed_for_the_fee(original: Any, bench: Any) -> None:
    tx = original()
    del tx.outputs[1]
    serialized, asked = tx.replace()
    assert bench.accepted_by_kernel(serialized)
    assert asked == ["confirm_replacement", "modify_fee"]


def test_a_lowered_payment_is_shown(original: Any, bench: Any) -> None:
    tx = original()
    tx.outputs[0].amount -= 1_000
    serialized, asked = tx.replace()
    assert bench.accepted_by_kernel(serialized)
    assert asked == ["confirm_replacement", "modify_output", "modify_output", "modify_fee"]


def test_own_inputs_may_be_added(original: Any, bench: Any) -> None:
    tx = original()
    tx.inputs.append(bench.fund(WITNESS, 20_000, "0/5"))
    tx.outputs[1].amount += 15_000
    serialized, asked = tx.replace()
    assert bench.accepted_by_kernel(serialized)
    assert asked == ["confirm_replacement", "modify_fee"]


def test_new_change_may_be_added(original: Any, bench: Any) -> None:
    tx = original()
    tx.outputs[1].amount -= 30_000
    tx.outputs.append(bench.change(WITNESS, 25_000, "1/7"))
    serialized, _ = tx.replace()
    assert bench.accepted_by_kernel(serialized)


def test_finalising_and_melding_are_named(bench: Any) -> None:
    first = Original(bench, [bench.fund(WITNESS, 100_000)], [pay(40_000), bench.change(WITNESS, 50_000)])
    second = Original(bench, [bench.fund(WITNESS, 100_000, "0/1")], [pay(30_000, OTHER_STRANGER)])
    first.inputs += second.inputs
    first.outputs += second.outputs
    first.shown = len(bench.device.screens)
    first.outputs[1].amount -= 5_000
    _, asked = first.replace()
    assert asked == ["confirm_replacement", "confirm_replacement", "modify_fee"]
    assert bench.device.screens[-1].title == "Meld transaction"

    last = Original(bench, [bench.fund(WITNESS, 100_000, "0/2")], [pay(40_000)])
    last.inputs[0].sequence = 0xFFFFFFFF
    last.outputs[0].amount -= 5
    last.replace()
    assert bench.device.screens[-1].title == "Finalize transaction"


# Refusals: what is not the original


def _prev_index(tx: Original) -> None:
    tx.record.inputs[0].prev_index += 1


def _amount(tx: Original) -> None:
    tx.record.inputs[0].amount += 1


def _script_type(tx: Original) -> None:
    tx.record.inputs[0].script_type = NESTED


def _path(tx: Original) -> None:
    tx.record.inputs[0].address_n[-1] += 1


@pytest.mark.parametrize("spoil", [_prev_index, _amount, _script_type, _path])
def test_refuses_an_original_input_that_differs(original: Any, spoil: Callable[[Original], None]) -> None:
    tx = original()
    spoil(tx)
    tx.refused("ProcessError: Original input does not match current input.")


def _version(tx: Original) -> None:
    tx.record.version += 1


def _removed_change(tx: Original) -> None:
    tx.outputs.pop()
    tx.record.outputs[1].amount += 1


def _output_amount(tx: Original) -> None:
    tx.record.outputs[0].amount += 1
    tx.outputs[0].amount += 1


@pytest.mark.parametrize("spoil", [_version, _removed_change, _output_amount])
def test_refuses_an_original_whose_id_is_another(original: Any, spoil: Callable[[Original], None]) -> None:
    tx = original()
    spoil(tx)
    tx.refused("ProcessError: Invalid original TXID.")


def test_refuses_an_original_output_to_someone_else(original: Any) -> None:
    tx = original()
    tx.outputs[0].address = OTHER_STRANGER
    tx.refused("ProcessError: Not an original output.")


def test_refuses_an_original_nobody_named_in_the_inputs(original: Any) -> None:
    tx = original()
    tx.outputs[0].orig_hash = b"\x07" * 32
    tx.refused("ProcessError: Unknown original transaction.")


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("inputs", "Not enough inputs in original transaction."),
        ("outputs", "Not enough outputs in original transaction."),
    ],
)
def test_refuses_an_index_the_original_does_not_have(original: Any, where: str, text: str) -> None:
    tx = original()
    getattr(tx, where)[0].orig_index = 9
    tx.refused(f"ProcessError: {text}")


def test_refuses_to_reorder_or_drop_inputs(bench: Any) -> None:
    tx = Original(
        bench,
        [bench.fund(WITNESS, 60_000), bench.fund(WITNESS, 60_000, "0/1")],
        [pay(40_000), bench.change(WITNESS, 50_000)],
    )
    tx.inputs.reverse()
    tx.refused("ProcessError: Rearranging or removal of original inputs is not supported.")
    tx.inputs.reverse()
    del tx.inputs[1]
    tx.refused("ProcessError: Removal of original inputs is not supported.")


def test_refuses_to_reorder_outputs(original: Any) -> None:
    tx = original()
    tx.outputs.reverse()
    tx.outputs[0].amount -= 1
    tx.outputs.pop(0)
    tx.outputs.append(tx.bench.change(WITNESS, 49_000))
    tx.outputs[1].orig_hash, tx.outputs[1].orig_index = tx.tx_hash, 0
    tx.refused("ProcessError: Rearranging of original outputs is not supported.")


def test_refuses_to_drop_a_payment(original: Any) -> None:
    tx = original()
    del tx.outputs[0]
    tx.refused("ProcessError: Removal of original external outputs is not supported.")


@pytest.mark.parametrize("kind", [LEGACY, WITNESS, TAPROOT])
def test_refuses_an_original_we_did_not_sign(original: Any, kind: Any) -> None:
    tx = original(kind)
    tx.outputs[1].amount -= 100
    txi = tx.record.inputs[0]
    name = "script_sig" if kind == LEGACY else "witness"
    data = bytearray(getattr(txi, name))
    data[20] ^= 1
    setattr(txi, name, bytes(data))
    # The id covers scriptSigs: a bent one is another transaction.
    tx.refused("ProcessError: Invalid original TXID." if kind == LEGACY else "DataError: Invalid signature")


def test_refuses_an_unsigned_original(original: Any) -> None:
    tx = original()
    tx.record.inputs[0].witness = None
    tx.refused("DataError: Signature data not provided")


# Refusals: what a replacement may not do


def test_refuses_to_raise_a_payment(original: Any) -> None:
    tx = original()
    tx.outputs[0].amount += 1
    tx.refused("ProcessError: Increasing original output amounts is not supported.")


def test_refuses_a_new_payment(original: Any) -> None:
    tx = original()
    tx.outputs[1].amount -= 10_000
    tx.outputs.append(pay(5_000))
    tx.refused("ProcessError: Adding new external outputs in replacement transactions is not supported.")


def test_refuses_a_new_op_return(original: Any) -> None:
    tx = original()
    op_return = m.OutputScriptType.PAYTOOPRETURN
    tx.outputs.append(m.TxOutputType(amount=0, op_return_data=b"new", script_type=op_return))
    tx.refused("ProcessError: Adding new OP_RETURN outputs in replacement transactions is not supported.")


def test_refuses_change_that_was_a_payment_before(original: Any) -> None:
    """Change of the replacement that the original does not know as change: nobody approved it."""
    tx = original()
    change = tx.record.outputs[1]
    change.address, change.address_n = tx.bench.address(WITNESS, "1/0"), []
    change.script_type = m.OutputScriptType.PAYTOADDRESS
    tx.refused("ProcessError: Original output is missing change-output parameters.")


@pytest.mark.parametrize(("before", "after"), [(0, 500), (500, 501), (500, 0)])
def test_refuses_another_lock_time(original: Any, before: int, after: int) -> None:
    tx = original(lock_time=before)
    tx.options["lock_time"] = after
    tx.outputs[1].amount -= 100
    tx.refused(
        "ProcessError: Original transactions must have same effective nLockTime as replacement transaction."
    )


def test_a_lock_time_without_effect_may_change(bench: Any) -> None:
    coin = bench.fund(WITNESS, 100_000)
    coin.sequence = 0xFFFFFFFF
    tx = Original(bench, [coin], [pay(40_000), bench.change(WITNESS, 50_000)], {"lock_time": 0})
    tx.options["lock_time"] = 700
    tx.outputs[1].amount -= 100
    serialized, _ = tx.replace()
    assert bench.accepted_by_kernel(serialized)


def test_refuses_to_spend_more_than_the_fee_explains(original: Any) -> None:
    """Change to another account is a payment: what it takes is not fee."""
    tx = original()
    stranger = tx.bench.fund(WITNESS, 30_000, "0/9")
    tx.inputs.append(stranger)
    away = tx.bench.change(WITNESS, 20_000)
    away.address_n = parse_path("m/84h/1h/1h/0/0")
    tx.outputs.append(away)
    tx.refused("ProcessError: Adding new external outputs in replacement transactions is not supported.")
