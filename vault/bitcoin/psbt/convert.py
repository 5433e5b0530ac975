"""From version 0 to version 2 and back (BIP370): the same transaction, every other field as it was.

Refuses a version 2 PSBT that is still open for inputs or outputs or has flags of unknown meaning:
version 0 cannot say so. Required lock times have no place in version 0 either; what they determine does.
"""

from __future__ import annotations

from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import TABLE, Global, In, MapName, Out, name_of
from vault.bitcoin.psbt.maps import Field, FieldMap, PsbtInput, PsbtOutput
from vault.bitcoin.psbt.v2 import UNDEFINED_FLAGS, Modifiable, modifiable
from vault.bitcoin.transaction import Transaction, TxIn, TxOut
from vault.bitcoin.wire import compact_size
from vault.errors import PsbtError


def convert(psbt: Psbt, version: int) -> Psbt:
    """The PSBT in that version; itself when it is of that version. Raises `PsbtError`."""
    if version not in (0, 2):
        raise PsbtError("unknown_version", f"expected version 0 or 2 to convert to, found {version}")
    if psbt.version == version:
        return psbt
    return to_v0(psbt) if version == 0 else to_v2(psbt)


def to_v2(psbt: Psbt) -> Psbt:
    """Version 2 of a version 0 PSBT. Nothing may be added to it: it has no TX_MODIFIABLE field."""
    psbt.require_version(0)
    tx = psbt.unsigned
    top = psbt.globals.drop(Global.UNSIGNED_TX, Global.VERSION)
    for kind, value in (
        (Global.TX_VERSION, _four(tx.version)),
        (Global.FALLBACK_LOCKTIME, _four(tx.locktime)),
        (Global.INPUT_COUNT, compact_size(len(tx.inputs))),
        (Global.OUTPUT_COUNT, compact_size(len(tx.outputs))),
        (Global.VERSION, _four(2)),
    ):
        top = top.put(kind, value)
    inputs = tuple(_input(*pair) for pair in zip(psbt.inputs, tx.inputs, strict=True))
    outputs = tuple(_output(*pair) for pair in zip(psbt.outputs, tx.outputs, strict=True))
    return _same(psbt, Psbt(tx, top, inputs, outputs, 2).determined())


def to_v0(psbt: Psbt) -> Psbt:
    """Version 0 of a version 2 PSBT that nobody may add to any more.

    Raises `PsbtError`: ``psbt.still_modifiable``, ``psbt.unknown_flags``.
    """
    psbt.require_version(2)
    flags = modifiable(psbt.globals)
    if flags & (Modifiable.INPUTS | Modifiable.OUTPUTS):
        raise PsbtError(
            "still_modifiable",
            f"expected a transaction nobody may add to, found TX_MODIFIABLE {int(flags):#04x}",
            hint="Let its constructor close it, or close it with `vault psbt convert --close`.",
        )
    if flags & UNDEFINED_FLAGS:
        raise PsbtError(
            "unknown_flags",
            f"expected flags that BIP370 defines in TX_MODIFIABLE, found {int(flags):#04x}",
        )
    raw = psbt.unsigned.serialise(witness=False)
    rest = psbt.globals.drop(*_only_in_version_2("global"), Global.VERSION)
    top = FieldMap((Field(Global.UNSIGNED_TX, b"", raw), *rest.fields))
    in_kinds, out_kinds = _only_in_version_2("input"), _only_in_version_2("output")
    inputs = tuple(PsbtInput(each.drop(*in_kinds).fields) for each in psbt.inputs)
    outputs = tuple(PsbtOutput(each.drop(*out_kinds).fields) for each in psbt.outputs)
    return _same(psbt, Psbt(psbt.unsigned, top, inputs, outputs))


def close(psbt: Psbt) -> Psbt:
    """A version 2 PSBT that no input or output may be added to any more (a constructor's right)."""
    psbt.require_version(2)
    kept = modifiable(psbt.globals) & (Modifiable.HAS_SIGHASH_SINGLE | UNDEFINED_FLAGS)
    top = psbt.globals.put(Global.TX_MODIFIABLE, bytes([kept])) if kept else psbt.globals
    top = top if kept else top.drop(Global.TX_MODIFIABLE)
    return Psbt(psbt.unsigned, top, psbt.inputs, psbt.outputs, 2)


def dropped_by_v0(psbt: Psbt) -> tuple[str, ...]:
    """What a version 2 PSBT says that version 0 has no place for, in words; the transaction is the same."""
    dropped = []
    for number, each in enumerate(psbt.inputs):
        for kind in (In.REQUIRED_TIME_LOCKTIME, In.REQUIRED_HEIGHT_LOCKTIME):
            value = each.integer(kind)
            if value is not None:
                dropped.append(f"input {number}: {name_of('input', kind)} {value}")
    if modifiable(psbt.globals):
        dropped.append(
            f"{name_of('global', Global.TX_MODIFIABLE)} {psbt.globals.integer(Global.TX_MODIFIABLE)}"
        )
    return tuple(dropped)


def _input(fields: PsbtInput, tx_in: TxIn) -> PsbtInput:
    outpoint = tx_in.outpoint.serialise()
    with_coin = fields.put(In.PREVIOUS_TXID, outpoint[:32]).put(In.OUTPUT_INDEX, outpoint[32:])
    return PsbtInput(with_coin.put(In.SEQUENCE, _four(tx_in.sequence)).fields)


def _output(fields: PsbtOutput, tx_out: TxOut) -> PsbtOutput:
    with_amount = fields.put(Out.AMOUNT, tx_out.value.to_bytes(8, "little"))
    return PsbtOutput(with_amount.put(Out.SCRIPT, tx_out.script).fields)


def _only_in_version_2(where: MapName) -> tuple[int, ...]:
    return tuple(kind for kind, row in TABLE[where].items() if row.versions == (2,))


def _four(number: int) -> bytes:
    return number.to_bytes(4, "little")


def _same(before: Psbt, after: Psbt) -> Psbt:
    """What came out, read again: it must be valid and describe the transaction that went in."""
    again = Psbt.parse(after.serialise())
    if _bytes(again.unsigned) != _bytes(before.unsigned):
        raise PsbtError(
            "conversion_differs",
            f"expected transaction {before.unsigned.txid}, found {again.unsigned.txid} after conversion",
        )
    return again


def _bytes(transaction: Transaction) -> bytes:
    return transaction.serialise(witness=False)
