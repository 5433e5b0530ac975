"""Lies about the coins that are spent: each builder changes one thing in a clean PSBT."""

from __future__ import annotations

from dataclasses import replace

from tests.support.bitcoin_keys import STRANGER, Forgery, Sample, group_of
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import In
from vault.bitcoin.scripts import GROUP_KINDS, KINDS
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut

WITH_WITNESS = tuple(kind for kind in KINDS if kind != "p2pkh")


def fee_lie(s: Sample) -> Psbt:
    """The coin holds more than is said: what is left out goes to the miner."""
    coin = s.psbt.inputs[0].witness_utxo()
    return s.put_input(0, In.WITNESS_UTXO, replace(coin, value=coin.value - 1_000).serialise())


def script_lie(s: Sample) -> Psbt:
    coin = s.psbt.inputs[0].witness_utxo()
    other = replace(coin, script=s.descriptor.script_pubkey(False, 9))
    return s.put_input(0, In.WITNESS_UTXO, other.serialise())


def witness_utxo_without_witness(s: Sample) -> Psbt:
    coin = s.psbt.inputs[0].previous_transaction().outputs[1]
    return s.put_input(0, In.WITNESS_UTXO, coin.serialise())


def witness_utxo_alone(s: Sample) -> Psbt:
    psbt = witness_utxo_without_witness(s)
    return psbt.with_input(0, psbt.inputs[0].drop(In.NON_WITNESS_UTXO))


def wrong_previous(s: Sample) -> Psbt:
    previous = s.psbt.inputs[1].previous_transaction()
    bigger = replace(previous, outputs=(previous.outputs[0], replace(previous.outputs[1], value=90_000_000)))
    fields = s.psbt.inputs[1].put(In.NON_WITNESS_UTXO, bigger.serialise())
    if s.kind != "p2pkh":
        fields = fields.put(In.WITNESS_UTXO, bigger.outputs[1].serialise())
    return s.psbt.with_input(1, fields)


def previous_of_another_input(s: Sample) -> Psbt:
    raw = s.psbt.inputs[2].get(In.NON_WITNESS_UTXO)
    fields = s.psbt.inputs[0].put(In.NON_WITNESS_UTXO, raw).drop(In.WITNESS_UTXO)
    return s.psbt.with_input(0, fields)


def missing_previous(s: Sample) -> Psbt:
    return s.psbt.with_input(2, s.psbt.inputs[2].drop(In.NON_WITNESS_UTXO))


def output_beyond_previous(s: Sample) -> Sample:
    first, *rest = s.unsigned.inputs
    moved = replace(first, outpoint=OutPoint(first.outpoint.txid, 9))
    inputs = (moved, *rest)
    expected = replace(s.expected, inputs=tuple(each.outpoint for each in inputs))
    return replace(s, psbt=s.with_inputs(*inputs), expected=expected)


def other_output_of_previous(s: Sample) -> Sample:
    """Output 0 of the previous transaction is a stranger's."""
    first, *rest = s.unsigned.inputs
    inputs = (replace(first, outpoint=OutPoint(first.outpoint.txid, 0)), *rest)
    psbt = s.with_inputs(*inputs)
    psbt = psbt.with_input(0, psbt.inputs[0].drop(In.WITNESS_UTXO))
    expected = replace(s.expected, inputs=tuple(each.outpoint for each in inputs))
    return replace(s, psbt=psbt, expected=expected)


def _with_coin(s: Sample, script: bytes, value: int) -> Sample:
    """One coin more, which no plan names."""
    previous = Transaction(
        2, (TxIn(OutPoint("ab" * 32, 0), b"", 0, ()),), (TxOut(9, STRANGER), TxOut(value, script)), 0
    )
    extra = TxIn(OutPoint(previous.txid, 1), b"", s.expected.sequence)
    psbt = s.with_inputs(*s.unsigned.inputs, extra)
    return replace(s, psbt=replace(psbt, inputs=(*psbt.inputs, s.input_map(False, 11, previous))))


def _any_coins(s: Sample) -> Sample:
    return replace(s, expected=replace(s.expected, inputs=None))


def foreign_extra_input(s: Sample) -> Sample:
    return _any_coins(_with_coin(s, STRANGER, 5_000))


def coin_of_another_group(s: Sample) -> Sample:
    """The same cosigners with a threshold of one: their keys, but not our wallet."""
    seeds = [b"a seed of the tests" + bytes([number]) for number in range(3)]
    other = group_of(seeds, 1, s.kind)
    return _any_coins(_with_coin(s, other.descriptor.script_pubkey(False, 11), 5_000))


def impossible_coin(s: Sample) -> Sample:
    made = _any_coins(_with_coin(s, s.descriptor.script_pubkey(False, 11), 2**62))
    # The parser would refuse the same amount in witness_utxo by itself.
    return replace(made, psbt=made.psbt.with_input(3, made.psbt.inputs[3].drop(In.WITNESS_UTXO)))


def own_extra_input(s: Sample) -> Sample:
    return _with_coin(s, s.descriptor.script_pubkey(False, 11), 5_000)


def dropped_input(s: Sample) -> Psbt:
    psbt = s.with_inputs(*s.unsigned.inputs[1:])
    return replace(psbt, inputs=s.psbt.inputs[1:])


def duplicate_input(s: Sample) -> Psbt:
    psbt = s.with_inputs(*s.unsigned.inputs, s.unsigned.inputs[0])
    return replace(psbt, inputs=(*psbt.inputs, s.psbt.inputs[0]))


def far_input_index(s: Sample) -> Sample:
    return replace(s, expected=replace(s.expected, change_gap=3))


def unconfirmed_coin(s: Sample) -> Sample:
    confirmed = frozenset(each.outpoint for each in s.unsigned.inputs[1:])
    return replace(s, expected=replace(s.expected, confirmed=confirmed))


FORGED_COINS = {
    "fee lie in witness_utxo": Forgery(fee_lie, "psbt.witness_utxo_differs", WITH_WITNESS),
    "script lie in witness_utxo": Forgery(script_lie, "psbt.witness_utxo_script", WITH_WITNESS),
    "witness_utxo for a coin without witness": Forgery(
        witness_utxo_without_witness, "psbt.witness_utxo_without_witness", ("p2pkh",)
    ),
    "witness_utxo instead of the transaction": Forgery(
        witness_utxo_alone,
        "psbt.witness_utxo_without_witness",
        ("p2pkh",),
        like="witness_utxo for a coin without witness",
    ),
    "previous transaction of another id": Forgery(wrong_previous, "psbt.prevtx_txid"),
    "previous transaction of another input": Forgery(
        previous_of_another_input, "psbt.prevtx_txid", like="previous transaction of another id"
    ),
    "previous transaction missing": Forgery(missing_previous, "psbt.prevtx_missing"),
    "coin that its transaction does not have": Forgery(output_beyond_previous, "psbt.prevtx_output"),
    "extra input of a stranger": Forgery(foreign_extra_input, "psbt.foreign_input"),
    "another output of the previous transaction": Forgery(
        other_output_of_previous, "psbt.foreign_input", like="extra input of a stranger"
    ),
    "coin of our cosigners with another threshold": Forgery(
        coin_of_another_group, "psbt.foreign_input", GROUP_KINDS, like="extra input of a stranger"
    ),
    "coin of more than all bitcoin": Forgery(impossible_coin, "psbt.bad_coin_amount"),
    "extra input of ours, not planned": Forgery(own_extra_input, "psbt.unplanned_input"),
    "planned input left out": Forgery(dropped_input, "psbt.input_missing"),
    "same coin twice": Forgery(duplicate_input, "psbt.duplicate_input"),
    "input beyond the gap": Forgery(far_input_index, "psbt.input_index"),
    "coin that is not confirmed": Forgery(unconfirmed_coin, "psbt.unconfirmed_input"),
}
