"""What an attacker on the host puts before the signer: each builder changes one thing in a clean PSBT.

Loaded by conftest.py, after tests/support/bitcoin_keys.py under the name imported here.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.support.bitcoin_keys import STRANGER, Forgery, Sample
from vault.bitcoin.psbt import KeyOrigin, Psbt
from vault.bitcoin.psbt_fields import Global, In, Out
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut


def fee_lie(s: Sample) -> Psbt:
    coin = s.psbt.inputs[0].witness_utxo()
    lie = replace(coin, value=coin.value - 10_000_000).serialise()
    return s.psbt.with_input(0, s.psbt.inputs[0].put(In.WITNESS_UTXO, lie))


def wrong_previous(s: Sample) -> Psbt:
    previous = s.psbt.inputs[1].previous_transaction()
    bigger = replace(previous, outputs=(previous.outputs[0], replace(previous.outputs[1], value=90_000_000)))
    fields = s.psbt.inputs[1].put(In.NON_WITNESS_UTXO, bigger.serialise())
    return s.psbt.with_input(1, fields.put(In.WITNESS_UTXO, bigger.outputs[1].serialise()))


def missing_previous(s: Sample) -> Psbt:
    return s.psbt.with_input(2, s.psbt.inputs[2].drop(In.NON_WITNESS_UTXO))


def output_beyond_previous(s: Sample) -> Sample:
    first, *rest = s.unsigned.inputs
    moved = replace(first, outpoint=OutPoint(first.outpoint.txid, 9))
    inputs = (moved, *rest)
    expected = replace(s.expected, inputs=tuple(each.outpoint for each in inputs))
    return replace(s, psbt=s.with_inputs(*inputs), expected=expected)


def swapped_output(s: Sample) -> Psbt:
    paid, *rest = s.unsigned.outputs
    return s.with_outputs(replace(paid, script=STRANGER), *rest)


def extra_output(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    taken = TxOut(1_000_000, STRANGER)
    psbt = s.with_outputs(a, b, replace(change, value=change.value - taken.value), taken)
    return replace(psbt, outputs=(*psbt.outputs, s.psbt.outputs[0]))


def missing_payment(s: Sample) -> Psbt:
    _, b, change = s.unsigned.outputs
    psbt = s.with_outputs(b, change)
    return replace(psbt, outputs=s.psbt.outputs[1:])


def changed_amount(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(replace(a, value=a.value + 1), b, replace(change, value=change.value - 1))


def stolen_change(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(a, b, replace(change, script=STRANGER))  # the map still claims our path


def absurd_change_index(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    far = 2**31 - 1
    psbt = s.with_outputs(a, b, replace(change, script=s.descriptor.script_pubkey(True, far)))
    return psbt.with_output(2, s.output_map(True, far))


def change_to_receive_branch(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    psbt = s.with_outputs(a, b, replace(change, script=s.descriptor.script_pubkey(False, 9)))
    return psbt.with_output(2, s.output_map(False, 9))


def second_change(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    half = change.value // 2
    other = TxOut(half, s.descriptor.script_pubkey(True, 6))
    psbt = s.with_outputs(a, b, replace(change, value=change.value - half), other)
    return replace(psbt, outputs=(*psbt.outputs, s.output_map(True, 6)))


def payment_dressed_as_change(s: Sample) -> Psbt:
    return s.psbt.with_output(0, s.output_map(True, 7))


def foreign_extra_input(s: Sample) -> Sample:
    previous = Transaction(
        2, (TxIn(OutPoint("ab" * 32, 0), b"", 0, ()),), (TxOut(9, STRANGER), TxOut(5_000, STRANGER)), 0
    )
    extra = TxIn(OutPoint(previous.txid, 1), b"", s.expected.sequence)
    psbt = s.with_inputs(*s.unsigned.inputs, extra)
    psbt = replace(psbt, inputs=(*psbt.inputs, s.input_map(False, 11, previous)))
    return replace(s, psbt=psbt, expected=replace(s.expected, inputs=None))


def own_extra_input(s: Sample) -> Psbt:
    previous = Transaction(
        2,
        (TxIn(OutPoint("cd" * 32, 0), b"", 0, ()),),
        (TxOut(9, STRANGER), TxOut(5_000, s.descriptor.script_pubkey(False, 11))),
        0,
    )
    psbt = s.with_inputs(*s.unsigned.inputs, TxIn(OutPoint(previous.txid, 1), b"", s.expected.sequence))
    return replace(psbt, inputs=(*psbt.inputs, s.input_map(False, 11, previous)))


def dropped_input(s: Sample) -> Psbt:
    psbt = s.with_inputs(*s.unsigned.inputs[1:])
    return replace(psbt, inputs=s.psbt.inputs[1:])


def duplicate_input(s: Sample) -> Psbt:
    psbt = s.with_inputs(*s.unsigned.inputs, s.unsigned.inputs[0])
    return replace(psbt, inputs=(*psbt.inputs, s.psbt.inputs[0]))


def far_input_index(s: Sample) -> Sample:
    return replace(s, expected=replace(s.expected, change_gap=3))


def foreign_sighash(s: Sample) -> Psbt:
    none_anyone_can_pay = (0x82).to_bytes(4, "little")
    return s.psbt.with_input(0, s.psbt.inputs[0].put(In.SIGHASH_TYPE, none_anyone_can_pay))


def changed_locktime(s: Sample) -> Psbt:
    return s.retold(replace(s.unsigned, locktime=500))


def changed_version(s: Sample) -> Psbt:
    return s.retold(replace(s.unsigned, version=1))


def changed_sequence(s: Sample) -> Psbt:
    first, *rest = s.unsigned.inputs
    return s.with_inputs(replace(first, sequence=10), *rest)


def unknown_field(s: Sample) -> Psbt:
    return s.psbt.with_input(0, s.psbt.inputs[0].put(0x77, b"do as I say"))


def proprietary_field(s: Sample) -> Psbt:
    return s.psbt.with_output(0, s.psbt.outputs[0].put(Out.PROPRIETARY, b"x", b"\x04evil\x00"))


def stranger_xpub(s: Sample) -> Psbt:
    key = s.descriptor.network.xpub + b"\x03" + bytes(73)
    return replace(s.psbt, globals=s.psbt.globals.put(Global.XPUB, bytes(4 * 4), key))


def redeem_script(s: Sample) -> Psbt:
    return s.psbt.with_input(0, s.psbt.inputs[0].put(In.REDEEM_SCRIPT, b"\x51"))


def change_with_script(s: Sample) -> Psbt:
    return s.psbt.with_output(2, s.psbt.outputs[2].put(Out.REDEEM_SCRIPT, b"\x51"))


def field_of_other_kind(s: Sample) -> Psbt:
    key = s.descriptor.key(False, 0)
    origin = KeyOrigin(key, s.descriptor.origin_fingerprint, s.descriptor.path(False, 0))
    if s.taproot:
        fields = s.psbt.inputs[0].put(In.BIP32_DERIVATION, origin.value(taproot=False), key)
    else:
        fields = s.psbt.inputs[0].put(In.TAP_INTERNAL_KEY, key[1:])
    return s.psbt.with_input(0, fields)


def false_origin(s: Sample) -> Psbt:
    kind = In.TAP_BIP32_DERIVATION if s.taproot else In.BIP32_DERIVATION
    field = s.psbt.inputs[0].all(kind)[0]
    origin = KeyOrigin.read(field, taproot=s.taproot)
    lie = replace(origin, fingerprint="deadbeef").value(taproot=s.taproot)
    return s.psbt.with_input(0, s.psbt.inputs[0].put(kind, lie, field.key))


def false_internal_key(s: Sample) -> Psbt:
    return s.psbt.with_input(0, s.psbt.inputs[0].put(In.TAP_INTERNAL_KEY, s.descriptor.key(False, 1)[1:]))


def signature_inside(s: Sample) -> Psbt:
    if s.taproot:
        return s.psbt.with_input(0, s.psbt.inputs[0].put(In.TAP_KEY_SIG, bytes(64)))
    fields = s.psbt.inputs[0].put(In.PARTIAL_SIG, bytes(71), s.descriptor.key(False, 0))
    return s.psbt.with_input(0, fields)


def fee_bomb(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(a, b, replace(change, value=change.value - 10_000_000))


def shaved_change(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(a, b, replace(change, value=change.value - 1_000))


def fee_rate_bomb(s: Sample) -> Sample:
    return replace(s, limits=replace(s.limits, max_fee_rate=Decimal("1.5")))


def fee_share_bomb(s: Sample) -> Sample:
    return replace(s, limits=replace(s.limits, max_fee_share=Decimal("0.00001")))


def spends_more_than_it_has(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(a, b, replace(change, value=change.value + 2_501))


def impossible_amount(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(a, b, replace(change, value=2**63))


def duplicate_payment(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    psbt = s.with_outputs(a, b, replace(change, value=change.value - b.value), b)
    return replace(psbt, outputs=(*psbt.outputs, s.psbt.outputs[1]))


def version_two_field(s: Sample) -> Psbt:
    return s.psbt.with_input(0, s.psbt.inputs[0].put(0x10, (0).to_bytes(4, "little")))


FORGED_PSBTS = {
    "fee lie in witness_utxo": Forgery(fee_lie, "psbt.witness_utxo_differs"),
    "previous transaction of another id": Forgery(wrong_previous, "psbt.prevtx_txid"),
    "previous transaction missing": Forgery(missing_previous, "psbt.prevtx_missing"),
    "coin that its transaction does not have": Forgery(output_beyond_previous, "psbt.prevtx_output"),
    "payment swapped to a stranger": Forgery(swapped_output, "psbt.unplanned_output"),
    "extra output to a stranger": Forgery(extra_output, "psbt.extra_output"),
    "payment made twice": Forgery(duplicate_payment, "psbt.payment_twice"),
    "payment left out": Forgery(missing_payment, "psbt.payment_missing"),
    "payment amount changed": Forgery(changed_amount, "psbt.payment_amount"),
    "change stolen under our path": Forgery(stolen_change, "psbt.change_not_ours"),
    "change beyond any gap": Forgery(absurd_change_index, "psbt.change_index"),
    "change on the receive branch": Forgery(change_to_receive_branch, "psbt.change_branch"),
    "second change output": Forgery(second_change, "psbt.second_change"),
    "payment dressed as change": Forgery(payment_dressed_as_change, "psbt.payment_claims_path"),
    "extra input of a stranger": Forgery(foreign_extra_input, "psbt.foreign_input"),
    "extra input of ours, not planned": Forgery(own_extra_input, "psbt.unplanned_input"),
    "planned input left out": Forgery(dropped_input, "psbt.input_missing"),
    "same coin twice": Forgery(duplicate_input, "psbt.duplicate_input"),
    "input beyond the gap": Forgery(far_input_index, "psbt.input_index"),
    "sighash NONE|ANYONECANPAY": Forgery(foreign_sighash, "psbt.sighash"),
    "locktime changed": Forgery(changed_locktime, "psbt.locktime"),
    "transaction version changed": Forgery(changed_version, "psbt.tx_version"),
    "sequence changed": Forgery(changed_sequence, "psbt.sequence"),
    "unknown field": Forgery(unknown_field, "psbt.unknown_field"),
    "proprietary field": Forgery(proprietary_field, "psbt.proprietary_field"),
    "extended key of a stranger": Forgery(stranger_xpub, "psbt.global_xpub"),
    "redeem script on an input": Forgery(redeem_script, "psbt.foreign_script"),
    "script on the change": Forgery(change_with_script, "psbt.output_script"),
    "field of another wallet kind": Forgery(field_of_other_kind, "psbt.misplaced_field"),
    "false fingerprint in an origin": Forgery(false_origin, "psbt.origin_differs"),
    "false internal key": Forgery(false_internal_key, "psbt.internal_key_differs", ("p2tr",)),
    "signature already inside": Forgery(signature_inside, "psbt.already_signed"),
    "fee bomb": Forgery(fee_bomb, "psbt.fee_above_cap"),
    "change shaved into the fee": Forgery(shaved_change, "psbt.fee_differs"),
    "fee rate above the cap": Forgery(fee_rate_bomb, "psbt.fee_rate_above_cap"),
    "fee above its share": Forgery(fee_share_bomb, "psbt.fee_share_above_cap"),
    "outputs above inputs": Forgery(spends_more_than_it_has, "psbt.outputs_above_inputs"),
    "more than all bitcoin": Forgery(impossible_amount, "psbt.bad_amount"),
    "version 2 field smuggled in": Forgery(version_two_field, "psbt.version_2_field"),
}
