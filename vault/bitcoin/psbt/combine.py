"""The combiner (BIP174): several copies of one PSBT, worked on by several signers, become one.

Refuses copies of different transactions or versions, and two values for one key: BIP174 lets a combiner
pick one, but then nobody knows what a signer will act on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import Global, MapName, name_of
from vault.bitcoin.psbt.maps import Field, FieldMap, PsbtInput, PsbtOutput
from vault.bitcoin.psbt.v2 import UNDEFINED_FLAGS, Modifiable, modifiable
from vault.errors import PsbtError


def combine(psbts: Sequence[Psbt]) -> Psbt:
    """All fields of all copies. Raises `PsbtError`.

    Fields keep the order of the first copy; further ones follow those of their type. Codes:
    ``nothing_to_combine``, ``combine_versions``, ``combine_transactions``, ``combine_conflict``.
    """
    if not psbts:
        raise PsbtError("nothing_to_combine", "expected at least one PSBT, found none")
    first = psbts[0]
    for number, other in enumerate(psbts[1:], 2):
        if other.version != first.version:
            raise PsbtError(
                "combine_versions",
                f"expected version {first.version} as in the first PSBT, found version {other.version} in "
                f"number {number}",
                hint=f"Convert it first: vault psbt convert --to {first.version}",
            )
        _require_same_transaction(first, other, number)
    inputs = (
        PsbtInput(_union("input", f"input {number}", maps).fields)
        for number, maps in enumerate(zip(*(each.inputs for each in psbts), strict=True))
    )
    outputs = (
        PsbtOutput(_union("output", f"output {number}", maps).fields)
        for number, maps in enumerate(zip(*(each.outputs for each in psbts), strict=True))
    )
    top = _union("global", "global map", _with_common_flags(psbts))
    merged = Psbt.parse(replace(first, globals=top, inputs=tuple(inputs), outputs=tuple(outputs)).serialise())
    _require_same_transaction(first, merged, 0)
    return merged


def _require_same_transaction(first: Psbt, other: Psbt, number: int) -> None:
    """Sequences included: signatures that were made already commit to them."""
    if other.unsigned != first.unsigned:
        raise PsbtError(
            "combine_transactions",
            f"expected transaction {first.unsigned.txid} as in the first PSBT, found {other.unsigned.txid} "
            + (f"in number {number}" if number else "when all are taken together"),
            hint="These are different transactions: only copies of one PSBT can be combined.",
        )


def _union(where: MapName, name: str, maps: Iterable[FieldMap]) -> FieldMap:
    merged: dict[tuple[int, bytes], Field] = {}
    first_size = None
    for each in maps:
        for field in each.fields:
            there = merged.setdefault(field.identity, field)
            if there.value != field.value:
                raise PsbtError(
                    "combine_conflict",
                    f"{name}: expected one value of field {name_of(where, field.type)} "
                    f"{field.key[:80].hex()}, found {there.value[:80].hex()} and {field.value[:80].hex()}",
                    hint="One of the signers changed what it had no business to change.",
                )
        first_size = len(merged) if first_size is None else first_size
    if len(merged) == first_size:
        return FieldMap(tuple(merged.values()))
    return FieldMap(tuple(sorted(merged.values(), key=lambda field: field.type)))


def _with_common_flags(psbts: Sequence[Psbt]) -> list[FieldMap]:
    """The global maps, with TX_MODIFIABLE in each as narrow as the narrowest: signers update it (BIP370)."""
    maps = [each.globals for each in psbts]
    if all(each.get(Global.TX_MODIFIABLE) is None for each in maps):
        return maps
    flags = [modifiable(each) for each in maps]
    common = flags[0]
    for each in flags[1:]:
        if (each ^ common) & UNDEFINED_FLAGS:
            raise PsbtError(
                "combine_conflict",
                f"global map: expected the same undefined flags in TX_MODIFIABLE, found {int(common):#04x} "
                f"and {int(each):#04x}",
            )
        common &= each
    if any(each & Modifiable.HAS_SIGHASH_SINGLE for each in flags):
        common |= Modifiable.HAS_SIGHASH_SINGLE
    return [each.put(Global.TX_MODIFIABLE, bytes([common])) for each in maps]
