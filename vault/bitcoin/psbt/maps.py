"""The maps of a PSBT: key-value pairs in the order they stood in, read and checked field by field.

Refuses a key twice in a map, lengths that are not minimal, a field that does not look as its type
demands, one of another PSBT version, and a map without a field that its version requires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from vault.bitcoin.psbt.fields import TABLE, Global, In, MapName, Out, Row, name_of, required
from vault.bitcoin.transaction import Transaction, TxOut
from vault.bitcoin.wire import Reader, compact_size, counted
from vault.errors import PsbtError

# A thousand inputs of a group of fifteen, each with its keys and signatures, have 35,000.
MAX_FIELDS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Field:
    """One key-value pair: type, the rest of the key, value."""

    type: int
    key: bytes
    value: bytes

    @property
    def identity(self) -> tuple[int, bytes]:
        """What stands in a map once only."""
        return self.type, self.key

    def serialise(self) -> bytes:
        return counted(compact_size(self.type) + self.key) + counted(self.value)


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """A claim: this public key stands at `path` below the master key with that fingerprint."""

    key: bytes
    fingerprint: str
    path: tuple[int, ...]
    leaves: int = 0

    @classmethod
    def read(cls, field: Field, *, taproot: bool) -> KeyOrigin:
        reader = Reader(field.value, "key origin")
        leaves = reader.count(32) if taproot else 0
        reader.take(32 * leaves)
        fingerprint = reader.take(4).hex()
        return cls(field.key, fingerprint, tuple(reader.integer(4) for _ in range(reader.left // 4)), leaves)

    def value(self, *, taproot: bool) -> bytes:
        """The field's value, for a claim without leaves."""
        steps = b"".join(step.to_bytes(4, "little") for step in self.path)
        return (b"\0" if taproot else b"") + bytes.fromhex(self.fingerprint) + steps


@dataclass(frozen=True, slots=True)
class FieldMap:
    """The fields of one map, in the order they stood in."""

    fields: tuple[Field, ...]

    def get(self, kind: int) -> bytes | None:
        """The value of a field whose key is its type alone."""
        return next((field.value for field in self.fields if field.type == kind and not field.key), None)

    def integer(self, kind: int) -> int | None:
        """The value of such a field as a little-endian number."""
        value = self.get(kind)
        return None if value is None else int.from_bytes(value, "little")

    def all(self, kind: int) -> tuple[Field, ...]:
        """All fields of a type."""
        return tuple(field for field in self.fields if field.type == kind)

    def types(self) -> tuple[int, ...]:
        """The types present, each once, ascending."""
        return tuple(sorted({field.type for field in self.fields}))

    def by_identity(self) -> dict[tuple[int, bytes], Field]:
        """The fields by type and rest of the key."""
        return {field.identity: field for field in self.fields}

    def put(self, kind: int, value: bytes, key: bytes = b"") -> FieldMap:
        """This map with the field set: in place where it stands already, else sorted in by type and key."""
        new = Field(kind, key, value)
        if any(field.identity == new.identity for field in self.fields):
            return FieldMap(tuple(new if field.identity == new.identity else field for field in self.fields))
        before = [field for field in self.fields if field.identity < new.identity]
        after = [field for field in self.fields if field.identity > new.identity]
        return FieldMap((*before, new, *after))

    def drop(self, *kinds: int) -> FieldMap:
        """This map without any field of these types."""
        return FieldMap(tuple(field for field in self.fields if field.type not in kinds))

    def serialise(self) -> bytes:
        return b"".join(field.serialise() for field in self.fields) + b"\0"


class PsbtInput(FieldMap):
    """Fields of one input; what they say about keys and coins is a claim until it is verified."""

    __slots__ = ()

    def previous_transaction(self) -> Transaction | None:
        """The transaction that made the coin, as given."""
        raw = self.get(In.NON_WITNESS_UTXO)
        return None if raw is None else Transaction.parse(raw)

    def witness_utxo(self) -> TxOut | None:
        """The spent output, as given."""
        raw = self.get(In.WITNESS_UTXO)
        return None if raw is None else TxOut.parse(raw)

    def sighash(self) -> int | None:
        """The sighash type asked for."""
        return self.integer(In.SIGHASH_TYPE)

    def origins(self, *, taproot: bool) -> tuple[KeyOrigin, ...]:
        """Claimed key origins of the one kind or the other."""
        kind = In.TAP_BIP32_DERIVATION if taproot else In.BIP32_DERIVATION
        return tuple(KeyOrigin.read(field, taproot=taproot) for field in self.all(kind))


class PsbtOutput(FieldMap):
    """Fields of one output."""

    __slots__ = ()

    def origins(self, *, taproot: bool) -> tuple[KeyOrigin, ...]:
        """Claimed key origins of the one kind or the other."""
        kind = Out.TAP_BIP32_DERIVATION if taproot else Out.BIP32_DERIVATION
        return tuple(KeyOrigin.read(field, taproot=taproot) for field in self.all(kind))


class MapReader:
    """Reads map after map out of one PSBT and counts all their fields together."""

    __slots__ = ("_fields_left", "_reader")

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._fields_left = MAX_FIELDS

    def read(self, name: str) -> tuple[Field, ...]:
        """The fields of the next map, their keys and values not looked at yet."""
        fields: list[Field] = []
        seen: set[bytes] = set()
        while key := self._reader.counted():
            self._fields_left -= 1
            if self._fields_left < 0:
                raise PsbtError("too_many_fields", f"PSBT: expected at most {MAX_FIELDS} fields, found more")
            if key in seen:
                raise PsbtError("duplicate_key", f"{name}: expected each key once, found {_shown(key)} twice")
            seen.add(key)
            inner = Reader(key, f"{name}: key")
            kind = inner.compact_size()
            fields.append(Field(kind, inner.take(inner.left), self._reader.counted()))
        return tuple(fields)


def require_valid(where: MapName, name: str, fields: FieldMap, version: int) -> None:
    """Every field of a map as its row in the table says. Raises `PsbtError`."""
    rows: Mapping[int, Row] = TABLE[where]
    for field in fields.fields:
        row = rows.get(field.type)
        if row is not None:
            _require_field(where, name, field, row, version)
    present = {field.type for field in fields.fields}
    for kind in required(where, version):
        if kind not in present:
            unsigned = where == "global" and kind == Global.UNSIGNED_TX
            raise PsbtError(
                "no_unsigned_tx" if unsigned else "missing_field",
                f"{name}: expected field {name_of(where, kind)} in a PSBT of version {version}, found none",
            )


def _require_field(where: MapName, name: str, field: Field, row: Row, version: int) -> None:
    if version not in row.versions:
        raise PsbtError(
            f"version_{row.versions[0]}_field",
            f"{name}: field {name_of(where, field.type)} belongs to version {row.versions[0]}, "
            f"this PSBT is of version {version}",
        )
    if not row.key(field.key):
        raise PsbtError(
            "bad_key",
            f"{name}: field {name_of(where, field.type)} has a key of {len(field.key)} bytes that does not "
            f"read: {_shown(field.key)}",
        )
    try:
        good = row.value(field.value)
    except PsbtError as error:
        raise PsbtError(
            error.code.partition(".")[2],
            f"{name}: field {name_of(where, field.type)}: {error.message}",
            hint=error.hint,
        ) from None
    if not good:
        raise PsbtError(
            "bad_value",
            f"{name}: field {name_of(where, field.type)} has a value of {len(field.value)} bytes that does "
            f"not read: {_shown(field.value)}",
        )
    if row.agree is not None and not row.agree(field.key, field.value):
        raise PsbtError(
            "key_and_value_differ",
            f"{name}: expected key and value of field {name_of(where, field.type)} to say the same, found "
            f"{_shown(field.key)} and {_shown(field.value)}",
        )


def _shown(data: bytes) -> str:
    return data.hex() if len(data) <= 80 else f"{data[:80].hex()}..."
