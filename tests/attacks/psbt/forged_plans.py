"""Transactions that are not the planned ones: outputs, change, fees, locktime and the like."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.support.bitcoin_keys import FEE, STRANGER, Forgery, Sample, group_of
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import Out
from vault.bitcoin.scripts import GROUP_KINDS, KINDS, p2pkh, p2sh, p2wpkh
from vault.bitcoin.spend import FeeRange
from vault.bitcoin.transaction import Transaction, TxOut
from vault.money import BTC, Amount

SEEDS = [b"a seed of the tests" + bytes([number]) for number in range(3)]


def swapped_output(s: Sample) -> Psbt:
    paid, *rest = s.unsigned.outputs
    return s.with_outputs(replace(paid, script=STRANGER), *rest)


def swapped_amounts(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(replace(a, value=b.value), replace(b, value=a.value), change)


def extra_output(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    taken = TxOut(1_000_000, STRANGER)
    psbt = s.with_outputs(a, b, replace(change, value=change.value - taken.value), taken)
    return replace(psbt, outputs=(*psbt.outputs, s.psbt.outputs[0]))


def hidden_data(s: Sample) -> Psbt:
    psbt = s.with_outputs(*s.unsigned.outputs, TxOut(0, b"\x6a\x04leak"))
    return replace(psbt, outputs=(*psbt.outputs, s.psbt.outputs[0]))


def missing_payment(s: Sample) -> Psbt:
    _, b, change = s.unsigned.outputs
    psbt = s.with_outputs(b, change)
    return replace(psbt, outputs=s.psbt.outputs[1:])


def changed_amount(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(replace(a, value=a.value + 1), b, replace(change, value=change.value - 1))


def duplicate_payment(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    psbt = s.with_outputs(a, b, replace(change, value=change.value - b.value), b)
    return replace(psbt, outputs=(*psbt.outputs, s.psbt.outputs[1]))


def stolen_change(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(a, b, replace(change, script=STRANGER))  # the map still claims our path


def change_in_another_script(s: Sample) -> Psbt:
    """Our key, in a script that this wallet does not look for."""
    key, (a, b, change) = s.descriptor.key(True, 5), s.unsigned.outputs
    script = p2sh(p2wpkh(key)) if s.kind == "p2pkh" else p2pkh(p2wpkh(key)[2:])
    return s.with_outputs(a, b, replace(change, script=script))


def _change_of_group(s: Sample, other: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    psbt = s.with_outputs(a, b, replace(change, script=other.descriptor.script_pubkey(True, 5)))
    return psbt.with_output(2, other.output_map(True, 5))


def change_with_lower_threshold(s: Sample) -> Psbt:
    return _change_of_group(s, replace(s, account=group_of(SEEDS, 1, s.kind)))


def change_with_another_cosigner(s: Sample) -> Psbt:
    return _change_of_group(s, replace(s, account=group_of([*SEEDS[:2], b"mallory"], 2, s.kind)))


def change_with_one_more_cosigner(s: Sample) -> Psbt:
    return _change_of_group(s, replace(s, account=group_of([*SEEDS, b"mallory"], 2, s.kind)))


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


def change_where_none_is_due(s: Sample) -> Sample:
    return replace(s, expected=replace(s.expected, max_change=0))


def payment_dressed_as_change(s: Sample) -> Psbt:
    return s.psbt.with_output(0, s.output_map(True, 7))


def payment_with_a_script(s: Sample) -> Psbt:
    return s.psbt.with_output(0, s.psbt.outputs[2].drop(Out.BIP32_DERIVATION))


def changed_locktime(s: Sample) -> Psbt:
    return s.retold(replace(s.unsigned, locktime=500))


def changed_version(s: Sample) -> Psbt:
    return s.retold(replace(s.unsigned, version=1))


def changed_sequence(s: Sample) -> Psbt:
    first, *rest = s.unsigned.inputs
    return s.with_inputs(replace(first, sequence=10), *rest)


def relative_locktime(s: Sample) -> Psbt:
    """The last coin may only be spent when it is 65,535 blocks old (BIP68): signed now, mined next year."""
    *rest, last = s.unsigned.inputs
    return s.with_inputs(*rest, replace(last, sequence=0xFFFF))


def locktime_of_next_century(s: Sample) -> Psbt:
    return s.retold(replace(s.unsigned, locktime=0xFFFFFFFF))


def final_sequence(s: Sample) -> Psbt:
    *rest, last = s.unsigned.inputs
    return s.with_inputs(*rest, replace(last, sequence=0xFFFFFFFF))


def nothing_spent(s: Sample) -> Psbt:
    return Psbt.create(Transaction(2, (), s.unsigned.outputs, 0))


def fee_bomb(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(a, b, replace(change, value=change.value - 10_000_000))


def change_left_out(s: Sample) -> Psbt:
    psbt = s.with_outputs(*s.unsigned.outputs[:2])
    return replace(psbt, outputs=psbt.outputs[:2])


def shaved_change(s: Sample) -> Psbt:
    a, b, change = s.unsigned.outputs
    return s.with_outputs(a, b, replace(change, value=change.value - 1_000))


def fee_above_its_range(s: Sample) -> Sample:
    fees = FeeRange(Amount(BTC, FEE - 500), Amount(BTC, FEE - 1))
    return replace(s, expected=replace(s.expected, fee=fees))


def fee_below_its_range(s: Sample) -> Sample:
    fees = FeeRange(Amount(BTC, FEE + 1), Amount(BTC, FEE + 500))
    return replace(s, expected=replace(s.expected, fee=fees))


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


def too_heavy_to_relay(s: Sample) -> Sample:
    paid, *rest = s.unsigned.outputs
    script = b"\x6a" + bytes(99_900)
    payments = ((script, Amount(BTC, paid.value)), *s.expected.payments[1:])
    psbt = s.with_outputs(replace(paid, script=script), *rest)
    return replace(s, psbt=psbt, expected=replace(s.expected, payments=payments))


SINGLE = tuple(kind for kind in KINDS if kind not in GROUP_KINDS)
FORGED_PLANS = {
    "payment swapped to a stranger": Forgery(swapped_output, "psbt.unplanned_output"),
    "extra output to a stranger": Forgery(extra_output, "psbt.extra_output"),
    "data nobody planned": Forgery(hidden_data, "psbt.extra_output", like="extra output to a stranger"),
    "payment made twice": Forgery(duplicate_payment, "psbt.payment_twice"),
    "payment left out": Forgery(missing_payment, "psbt.payment_missing"),
    "payment amount changed": Forgery(changed_amount, "psbt.payment_amount"),
    "amounts of two payments swapped": Forgery(
        swapped_amounts, "psbt.payment_amount", like="payment amount changed"
    ),
    "change stolen under our path": Forgery(stolen_change, "psbt.change_not_ours"),
    "change in another script of our key": Forgery(
        change_in_another_script, "psbt.change_not_ours", SINGLE, like="change stolen under our path"
    ),
    "change that one cosigner can spend": Forgery(
        change_with_lower_threshold, "psbt.change_not_ours", GROUP_KINDS, like="change stolen under our path"
    ),
    "change with a cosigner replaced": Forgery(
        change_with_another_cosigner, "psbt.change_not_ours", GROUP_KINDS, like="change stolen under our path"
    ),
    "change with one more cosigner": Forgery(
        change_with_one_more_cosigner,
        "psbt.change_not_ours",
        GROUP_KINDS,
        like="change stolen under our path",
    ),
    "change beyond any gap": Forgery(absurd_change_index, "psbt.change_index"),
    "change on the receive branch": Forgery(change_to_receive_branch, "psbt.change_branch"),
    "second change output": Forgery(second_change, "psbt.second_change"),
    "change where none is due": Forgery(change_where_none_is_due, "psbt.unplanned_change"),
    "payment dressed as change": Forgery(payment_dressed_as_change, "psbt.payment_claims_path"),
    "payment with a script of ours": Forgery(
        payment_with_a_script,
        "psbt.payment_claims_path",
        ("p2sh-p2wpkh", *GROUP_KINDS),
        like="payment dressed as change",
    ),
    "locktime changed": Forgery(changed_locktime, "psbt.locktime"),
    "transaction version changed": Forgery(changed_version, "psbt.tx_version"),
    "sequence changed": Forgery(changed_sequence, "psbt.sequence"),
    "relative locktime": Forgery(relative_locktime, "psbt.sequence", like="sequence changed"),
    "locktime of the next century": Forgery(
        locktime_of_next_century, "psbt.locktime", like="locktime changed"
    ),
    "replacement switched off": Forgery(final_sequence, "psbt.sequence", like="sequence changed"),
    "nothing spent": Forgery(nothing_spent, "psbt.no_inputs"),
    "fee bomb": Forgery(fee_bomb, "psbt.fee_above_cap"),
    "change left to the miner": Forgery(change_left_out, "psbt.fee_above_cap", like="fee bomb"),
    "change shaved into the fee": Forgery(shaved_change, "psbt.fee_differs"),
    "fee above its planned range": Forgery(fee_above_its_range, "psbt.fee_outside_range"),
    "fee below its planned range": Forgery(
        fee_below_its_range, "psbt.fee_outside_range", like="fee above its planned range"
    ),
    "fee rate above the cap": Forgery(fee_rate_bomb, "psbt.fee_rate_above_cap"),
    "fee above its share": Forgery(fee_share_bomb, "psbt.fee_share_above_cap"),
    "outputs above inputs": Forgery(spends_more_than_it_has, "psbt.outputs_above_inputs"),
    "more than all bitcoin": Forgery(impossible_amount, "psbt.bad_amount"),
    "too heavy to be relayed": Forgery(too_heavy_to_relay, "psbt.too_heavy"),
}
