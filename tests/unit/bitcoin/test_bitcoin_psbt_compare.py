"""A returned PSBT: signatures may be new, and whatever else differs is named by kind and refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.psbt_mutations import wide
from vault.bitcoin.psbt.compare import compare, require_only_signatures
from vault.bitcoin.psbt.convert import to_v2
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.extract import finalised_input
from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import Field, FieldMap, PsbtInput
from vault.bitcoin.transaction import OutPoint, Transaction, TxOut
from vault.errors import PsbtError

KEY, OTHER_KEY = b"\x02" + b"\x22" * 32, b"\x02" + b"\x33" * 32
ONE, TWO = bytes.fromhex("300602010102010101"), bytes.fromhex("300602010102010201")
SENT = wide(2, 2).with_input(1, PsbtInput((*wide().inputs[1].fields, Field(0xF0, b"\1", b"unknown"))))
SENT_2 = to_v2(SENT)
SIGNED_BEFORE = SENT.with_input(0, SENT.inputs[0].put(In.PARTIAL_SIG, ONE, KEY))
FLAGGED = replace(SENT_2, globals=SENT_2.globals.put(Global.TX_MODIFIABLE, b"\x05"))


def other_transaction(change: Callable[[Transaction], Transaction]) -> Psbt:
    """The maps as sent, around another transaction."""
    other = Psbt.create(change(SENT.unsigned))
    inputs, outputs = SENT.inputs[: len(other.inputs)], SENT.outputs[: len(other.outputs)]
    return replace(other, inputs=inputs, outputs=outputs)


def in_0(psbt: Psbt, change: Callable[[FieldMap], FieldMap]) -> Psbt:
    return psbt.with_input(0, change(psbt.inputs[0]))


def with_flags(value: int | None) -> Psbt:
    top = SENT_2.globals.drop(Global.TX_MODIFIABLE)
    return replace(SENT_2, globals=top if value is None else top.put(Global.TX_MODIFIABLE, bytes([value])))


def first(tx: Transaction, **changes: object) -> Transaction:
    return replace(tx, inputs=(replace(tx.inputs[0], **changes), *tx.inputs[1:]))  # type: ignore[arg-type]


CHANGED: dict[str, tuple[Psbt, Psbt, str]] = {
    "the other version": (SENT, SENT_2, "returned_version"),
    "transaction version": (
        SENT,
        other_transaction(lambda tx: replace(tx, version=1)),
        "returned_tx_version",
    ),
    "locktime": (SENT, other_transaction(lambda tx: replace(tx, locktime=0)), "returned_locktime"),
    "an input gone": (
        SENT,
        other_transaction(lambda tx: replace(tx, inputs=tx.inputs[:1])),
        "returned_inputs",
    ),
    "an input swapped": (
        SENT,
        other_transaction(lambda tx: first(tx, outpoint=OutPoint("77" * 32, 0))),
        "returned_outpoint",
    ),
    "a sequence": (SENT, other_transaction(lambda tx: first(tx, sequence=1)), "returned_sequence"),
    "an output gone": (
        SENT,
        other_transaction(lambda tx: replace(tx, outputs=tx.outputs[:1])),
        "returned_outputs",
    ),
    "an amount": (
        SENT,
        other_transaction(lambda tx: replace(tx, outputs=(TxOut(1, tx.outputs[0].script), tx.outputs[1]))),
        "returned_amount",
    ),
    "a recipient": (
        SENT,
        other_transaction(lambda tx: replace(tx, outputs=(TxOut(1_000, b"\x51"), tx.outputs[1]))),
        "returned_script",
    ),
    "a coin's amount": (
        SENT,
        in_0(SENT, lambda m: m.put(In.WITNESS_UTXO, TxOut(1, b"\x51").serialise())),
        "returned_field_changed",
    ),
    "a coin gone": (SENT, in_0(SENT, lambda m: m.drop(In.WITNESS_UTXO)), "returned_field_removed"),
    "another sighash": (
        SENT,
        in_0(SENT, lambda m: m.put(In.SIGHASH_TYPE, b"\x02\0\0\0")),
        "returned_field_changed",
    ),
    "a script slipped in": (
        SENT,
        in_0(SENT, lambda m: m.put(In.REDEEM_SCRIPT, b"\x51")),
        "returned_field_added",
    ),
    "an unknown field slipped in": (SENT, in_0(SENT, lambda m: m.put(0xF1, b"x")), "returned_field_added"),
    "a change claim": (
        SENT,
        SENT.with_output(0, SENT.outputs[0].put(Out.BIP32_DERIVATION, bytes(8), KEY)),
        "returned_field_added",
    ),
    "a change claim gone": (
        SENT,
        SENT.with_output(1, SENT.outputs[1].drop(Out.BIP32_DERIVATION)),
        "returned_field_removed",
    ),
    "a global key slipped in": (
        SENT,
        replace(SENT, globals=SENT.globals.put(Global.PROPRIETARY, b"", b"\x01x\x00")),
        "returned_field_added",
    ),
    "an earlier signature gone": (SIGNED_BEFORE, SENT, "returned_signature_removed"),
    "an earlier signature replaced": (
        SIGNED_BEFORE,
        in_0(SIGNED_BEFORE, lambda m: m.put(In.PARTIAL_SIG, TWO, KEY)),
        "returned_signature_changed",
    ),
    "a finalised input gone": (
        in_0(SENT, lambda m: finalised_input(PsbtInput(m.fields), b"\x51", ())),
        in_0(SENT, lambda m: finalised_input(PsbtInput(m.fields), b"", (b"\x51",))),
        "returned_signature_removed",
    ),
    "an unknown field gone from a finalised input": (
        SENT,
        SENT.with_input(1, finalised_input(SENT.inputs[1], b"\x51", ()).drop(0xF0)),
        "returned_field_removed",
    ),
    "a coin gone from a finalised input": (
        SENT,
        SENT.with_input(1, finalised_input(SENT.inputs[1], b"\x51", ()).drop(In.WITNESS_UTXO)),
        "returned_field_removed",
    ),
    "inputs may be added again": (FLAGGED, with_flags(0x07), "returned_flags"),
    "inputs may be added where nothing was said": (SENT_2, with_flags(0x01), "returned_flags"),
    "a single signature forgotten": (FLAGGED, with_flags(0x01), "returned_flags"),
    "a flag of unknown meaning": (FLAGGED, with_flags(0x85), "returned_flags"),
    "a required lock time": (
        SENT_2,
        SENT_2.with_input(
            0, SENT_2.inputs[0].put(In.REQUIRED_HEIGHT_LOCKTIME, (800_000).to_bytes(4, "little"))
        ),
        "returned_field_added",
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_names_and_refuses(name: str) -> None:
    sent, returned, code = CHANGED[name]
    found = compare(sent, returned)
    assert [each.code for each in found.differences] == [code]
    assert not found.only_signatures
    with pytest.raises(PsbtError) as refused:
        require_only_signatures(sent, returned)
    assert refused.value.code == f"psbt.{code}"
    assert found.differences[0].message in refused.value.message


@pytest.mark.parametrize("sent", [SENT, SENT_2, SIGNED_BEFORE, FLAGGED])
def test_signatures_may_be_new(sent: Psbt) -> None:
    returned = in_0(sent, lambda m: m.put(In.PARTIAL_SIG, ONE, OTHER_KEY).put(In.TAP_KEY_SIG, bytes(64)))
    returned = returned.with_input(1, returned.inputs[1].put(In.TAP_SCRIPT_SIG, bytes(64), bytes(64)))
    found = require_only_signatures(sent, returned)
    assert [(number, field.type) for number, field in found.signatures] == [
        (0, In.PARTIAL_SIG),
        (0, In.TAP_KEY_SIG),
        (1, In.TAP_SCRIPT_SIG),
    ]
    assert found.finalised == ()


@pytest.mark.parametrize("sent", [SENT, SENT_2])
def test_a_finalised_input_may_have_lost_what_a_finaliser_takes_away(sent: Psbt) -> None:
    returned = sent.with_input(1, finalised_input(sent.inputs[1], b"\x51", (b"\x01",)))
    found = require_only_signatures(sent, returned)
    assert (found.finalised, found.signatures) == ((1,), ())


def test_a_signer_may_narrow_the_flags() -> None:
    assert compare(FLAGGED, with_flags(0x04)).only_signatures
    assert compare(with_flags(0x03), with_flags(None)).only_signatures
    assert compare(with_flags(0x03), with_flags(0x04)).only_signatures


def test_order_and_what_says_nothing_is_no_difference() -> None:
    shuffled = replace(SENT, inputs=tuple(PsbtInput(each.fields[::-1]) for each in SENT.inputs))
    explicit = replace(SENT, globals=SENT.globals.put(Global.VERSION, bytes(4)))
    for returned in (shuffled, explicit):
        found = compare(SENT, returned)
        assert (found.only_signatures, found.signatures, found.finalised) == (True, (), ())


def test_everything_that_differs_is_named_at_once_but_not_without_end() -> None:
    returned = SENT
    for number in range(30):
        returned = in_0(returned, lambda m, key=bytes([number]): m.put(0xF1, b"", key))  # type: ignore[misc]
    assert len(compare(SENT, returned).differences) == 30
    with pytest.raises(PsbtError, match="and 20 more") as refused:
        require_only_signatures(SENT, returned)
    assert refused.value.details == {"differences": "30"}
