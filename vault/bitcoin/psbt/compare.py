"""A returned PSBT against the one that was sent: only signatures may differ, everything else is named.

An input may come back finalised instead (BIP174): then its other fields may be gone, save the coins and
what nobody knows. What the signatures are worth is not judged here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import FINAL, SIGNATURES, TABLE, Global, In, MapName, Out, name_of
from vault.bitcoin.psbt.maps import Field, FieldMap
from vault.bitcoin.psbt.v2 import UNDEFINED_FLAGS, Modifiable, modifiable
from vault.bitcoin.transaction import Transaction
from vault.errors import PsbtError

# What a finaliser must keep: the coins, and what version 2 says about the transaction.
_KEPT_WHEN_FINAL: Final = frozenset(
    {In.NON_WITNESS_UTXO, In.WITNESS_UTXO, In.PROPRIETARY, *FINAL}
    | {kind for kind, row in TABLE["input"].items() if row.versions == (2,)}
)
# Compared as the transaction they make, and the version they say.
_IN_THE_TRANSACTION: Final[dict[MapName, frozenset[int]]] = {
    "global": frozenset(
        {
            Global.UNSIGNED_TX,
            Global.TX_VERSION,
            Global.INPUT_COUNT,
            Global.OUTPUT_COUNT,
            Global.TX_MODIFIABLE,
            Global.VERSION,
        }
    ),
    "input": frozenset({In.PREVIOUS_TXID, In.OUTPUT_INDEX, In.SEQUENCE}),
    "output": frozenset({Out.AMOUNT, Out.SCRIPT}),
}
_MOST_NAMED: Final = 10


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that came back other than it was sent: code (without family), where, in words."""

    code: str
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """What signers added (input number and field), which inputs they finalised, and what else differs."""

    signatures: tuple[tuple[int, Field], ...]
    finalised: tuple[int, ...]
    differences: tuple[Difference, ...]

    @property
    def only_signatures(self) -> bool:
        return not self.differences


def compare(sent: Psbt, returned: Psbt) -> Comparison:
    """All differences, none refused. Both must be of the same version: convert one of them first."""
    found = list(_transaction(sent, returned))
    same_shape = (len(sent.inputs), len(sent.outputs)) == (len(returned.inputs), len(returned.outputs))
    if sent.version != returned.version or not same_shape:
        return Comparison((), (), tuple(found))
    found += _flags(sent.globals, returned.globals)
    found += _map("global", "global map", sent.globals, returned.globals, frozenset())
    signatures: list[tuple[int, Field]] = []
    finalised: list[int] = []
    for number, (before, after) in enumerate(zip(sent.inputs, returned.inputs, strict=True)):
        known = {field.identity for field in before.fields}
        new = [field for field in after.fields if field.identity not in known]
        signatures += [(number, field) for field in new if field.type in SIGNATURES]
        if any(field.type in FINAL for field in new):
            finalised.append(number)
        gone = frozenset(TABLE["input"]) - _KEPT_WHEN_FINAL if number in finalised[-1:] else frozenset()
        found += _map("input", f"input {number}", before, after, gone)
    for number, pair in enumerate(zip(sent.outputs, returned.outputs, strict=True)):
        found += _map("output", f"output {number}", *pair, frozenset())
    return Comparison(tuple(signatures), tuple(finalised), tuple(found))


def require_only_signatures(sent: Psbt, returned: Psbt) -> Comparison:
    """The same, and a `PsbtError` with the code of the first difference that is no signature."""
    comparison = compare(sent, returned)
    if comparison.differences:
        first = comparison.differences[0]
        named = comparison.differences[:_MOST_NAMED]
        more = len(comparison.differences) - len(named)
        raise PsbtError(
            first.code,
            "expected nothing but signatures to be new in the returned PSBT, found: "
            + "; ".join(f"{each.where}: {each.message}" for each in named)
            + (f"; and {more} more" if more else ""),
            hint="Do not use it; the signer, or whoever carried the file, changed it.",
            differences=str(len(comparison.differences)),
        )
    return comparison


def _transaction(sent: Psbt, returned: Psbt) -> Iterator[Difference]:
    if sent.version != returned.version:
        yield Difference(
            "returned_version", "PSBT", f"expected version {sent.version}, found version {returned.version}"
        )
    before, after = sent.unsigned, returned.unsigned
    if before.version != after.version:
        yield _differs("returned_tx_version", "transaction", before.version, after.version)
    if before.locktime != after.locktime:
        yield _differs("returned_locktime", "transaction", before.locktime, after.locktime)
    yield from _inputs(before, after)
    yield from _outputs(before, after)


def _inputs(before: Transaction, after: Transaction) -> Iterator[Difference]:
    if len(before.inputs) != len(after.inputs):
        yield _differs("returned_inputs", "number of inputs", len(before.inputs), len(after.inputs))
    for number, (one, other) in enumerate(zip(before.inputs, after.inputs, strict=False)):
        if one.outpoint != other.outpoint:
            yield _differs("returned_outpoint", f"input {number}", one.outpoint, other.outpoint)
        if one.sequence != other.sequence:
            yield _differs("returned_sequence", f"input {number}", one.sequence, other.sequence)


def _outputs(before: Transaction, after: Transaction) -> Iterator[Difference]:
    if len(before.outputs) != len(after.outputs):
        yield _differs("returned_outputs", "number of outputs", len(before.outputs), len(after.outputs))
    for number, (one, other) in enumerate(zip(before.outputs, after.outputs, strict=False)):
        if one.value != other.value:
            yield _differs("returned_amount", f"output {number}", one.value, other.value)
        if one.script != other.script:
            yield _differs("returned_script", f"output {number}", one.script.hex(), other.script.hex())


def _differs(code: str, where: str, expected: object, found: object) -> Difference:
    return Difference(code, where, f"expected {expected}, found {found}")


def _flags(before: FieldMap, after: FieldMap) -> Iterator[Difference]:
    """A signer takes the first two flags away and sets the third (BIP370); nothing else may move."""
    one, other = modifiable(before), modifiable(after)
    open_flags = Modifiable.INPUTS | Modifiable.OUTPUTS
    widened = other & open_flags & ~one
    forgotten = one & Modifiable.HAS_SIGHASH_SINGLE & ~other
    undefined = (one ^ other) & UNDEFINED_FLAGS
    if widened or forgotten or undefined:
        yield _differs("returned_flags", "TX_MODIFIABLE", f"{int(one):#04x}", f"{int(other):#04x}")


def _map(
    where: MapName, name: str, before: FieldMap, after: FieldMap, may_go: frozenset[int]
) -> Iterator[Difference]:
    ignored = _IN_THE_TRANSACTION[where]
    sent, returned = before.by_identity(), after.by_identity()
    for identity, field in sent.items():
        if field.type in ignored:
            continue
        signature = where == "input" and field.type in SIGNATURES | FINAL
        kind = "signature" if signature else "field"
        other = returned.get(identity)
        if other is None and field.type not in may_go:
            yield Difference(f"returned_{kind}_removed", name, f"{_named(where, field)} is gone")
        elif other is not None and other.value != field.value:
            yield Difference(
                f"returned_{kind}_changed",
                name,
                f"{_named(where, field)}: expected {_shown(field.value)}, found {_shown(other.value)}",
            )
    for identity, field in returned.items():
        new_signature = where == "input" and field.type in SIGNATURES | FINAL
        if identity not in sent and field.type not in ignored and not new_signature:
            yield Difference("returned_field_added", name, f"{_named(where, field)} is new")


def _named(where: MapName, field: Field) -> str:
    return f"field {name_of(where, field.type)}" + (f" of {_shown(field.key)}" if field.key else "")


def _shown(data: bytes) -> str:
    return data.hex() if len(data) <= 80 else f"{data[:80].hex()}... ({len(data)} bytes)"
