"""Version 2 (BIP370): the transaction is spread over the maps, its lock time determined from all inputs.

Refuses inputs whose required lock times cannot hold together: then there is no transaction to sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag
from typing import Final

from vault.bitcoin.psbt.fields import Global, In, Out
from vault.bitcoin.psbt.maps import FieldMap
from vault.bitcoin.psbt.v0 import require_size
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.wire import Reader
from vault.errors import PsbtError

FINAL_SEQUENCE: Final = 0xFFFFFFFF
# Bits of TX_MODIFIABLE without a meaning yet; `~` of a flag knows nothing of them.
UNDEFINED_FLAGS: Final = 0xF8


class Modifiable(IntFlag):
    """What may still be done to the transaction."""

    INPUTS = 1
    OUTPUTS = 2
    HAS_SIGHASH_SINGLE = 4


def counts(top: FieldMap) -> tuple[int, int]:
    """How many input and output maps follow a checked global map."""
    return _count(top, Global.INPUT_COUNT), _count(top, Global.OUTPUT_COUNT)


def modifiable(top: FieldMap) -> Modifiable:
    """The flags; none where the field is absent."""
    return Modifiable(top.integer(Global.TX_MODIFIABLE) or 0)


def unsigned_transaction(
    top: FieldMap, inputs: Sequence[FieldMap], outputs: Sequence[FieldMap]
) -> Transaction:
    """The transaction that the checked maps describe, without scriptSigs and witnesses."""
    unsigned = Transaction(
        _number(top, Global.TX_VERSION),
        tuple(_input(each) for each in inputs),
        tuple(TxOut(_number(each, Out.AMOUNT), _value(each, Out.SCRIPT)) for each in outputs),
        lock_time(top, inputs),
    )
    require_size(len(unsigned.serialise(witness=False)))
    return unsigned


def lock_time(top: FieldMap, inputs: Sequence[FieldMap]) -> int:
    """BIP370: the kind of lock time that all inputs with a demand accept, height first; its maximum.

    Raises `PsbtError` (``psbt.locktime_conflict``).
    """
    demands = [
        (each.integer(In.REQUIRED_HEIGHT_LOCKTIME), each.integer(In.REQUIRED_TIME_LOCKTIME))
        for each in inputs
    ]
    demands = [demand for demand in demands if demand != (None, None)]
    if not demands:
        return top.integer(Global.FALLBACK_LOCKTIME) or 0
    for kind in (0, 1):
        values = [demand[kind] for demand in demands]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            return max(known)
    raise PsbtError(
        "locktime_conflict",
        "expected required lock times of one kind, found an input that needs a height and one that needs "
        "a time",
        hint="These inputs cannot be spent by one transaction; spend them by two.",
    )


def _input(fields: FieldMap) -> TxIn:
    sequence = fields.integer(In.SEQUENCE)
    return TxIn(
        OutPoint(_value(fields, In.PREVIOUS_TXID)[::-1].hex(), _number(fields, In.OUTPUT_INDEX)),
        b"",
        FINAL_SEQUENCE if sequence is None else sequence,
    )


def _count(top: FieldMap, kind: Global) -> int:
    return Reader(_value(top, kind), "count").compact_size()


def _number(fields: FieldMap, kind: int) -> int:
    return int.from_bytes(_value(fields, kind), "little")


def _value(fields: FieldMap, kind: int) -> bytes:
    value = fields.get(kind)
    if value is None:
        raise PsbtError("missing_field", f"expected field {kind:#04x} in a PSBT of version 2, found none")
    return value
