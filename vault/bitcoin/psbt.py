"""Partially signed transactions, version 0 (BIP174 with BIP371's taproot fields): strict and byte-exact.

`Psbt.parse` refuses every malformed file with a `PsbtError`; what it accepts serialises to the same
bytes. It judges form only: whether the content may be signed is decided in `verify`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from vault.bitcoin.psbt_fields import CHECKS, VERSION_2_ONLY, Global, In, Out
from vault.bitcoin.transaction import Transaction, TxOut
from vault.bitcoin.wire import Reader, compact_size, counted
from vault.errors import PsbtError

MAGIC: Final = b"psbt\xff"
# A hundred inputs with their previous transactions stay far below this; more is a denial of service.
MAX_BYTES: Final = 8_000_000
MAX_FIELDS: Final = 50_000


@dataclass(frozen=True, slots=True)
class Field:
    """One key-value pair: type, the rest of the key, value."""

    type: int
    key: bytes
    value: bytes

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

    def all(self, kind: int) -> tuple[Field, ...]:
        """All fields of a type."""
        return tuple(field for field in self.fields if field.type == kind)

    def types(self) -> tuple[int, ...]:
        """The types present, each once, ascending."""
        return tuple(sorted({field.type for field in self.fields}))

    def put(self, kind: int, value: bytes, key: bytes = b"") -> FieldMap:
        """This map with the field set: in place where it stands already, else sorted in by type and key."""
        new = Field(kind, key, value)
        if any((field.type, field.key) == (kind, key) for field in self.fields):
            return FieldMap(
                tuple(new if (field.type, field.key) == (kind, key) else field for field in self.fields)
            )
        before = [field for field in self.fields if (field.type, field.key) < (kind, key)]
        after = [field for field in self.fields if (field.type, field.key) > (kind, key)]
        return FieldMap((*before, new, *after))

    def drop(self, kind: int) -> FieldMap:
        """This map without any field of that type."""
        return FieldMap(tuple(field for field in self.fields if field.type != kind))

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
        raw = self.get(In.SIGHASH_TYPE)
        return None if raw is None else int.from_bytes(raw, "little")

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


@dataclass(frozen=True, slots=True)
class Psbt:
    """A parsed PSBT. `unsigned` is what the global field says, and the maps follow its order."""

    unsigned: Transaction
    globals: FieldMap
    inputs: tuple[PsbtInput, ...]
    outputs: tuple[PsbtOutput, ...]

    @classmethod
    def parse(cls, data: bytes) -> Psbt:
        """Read a binary PSBT. Raises `PsbtError`, and nothing else.

        Version 2 is answered with ``psbt.version_2``.
        """
        if len(data) > MAX_BYTES:
            raise PsbtError("too_large", f"PSBT: expected at most {MAX_BYTES} bytes, found {len(data)}")
        if data[: len(MAGIC)] != MAGIC:
            raise PsbtError(
                "not_psbt",
                f"expected a PSBT (begins with {MAGIC.hex()}), found {data[: len(MAGIC)].hex() or 'nothing'}",
                hint="Base64 must be decoded first; a plain transaction is not a PSBT.",
            )
        reader, budget = Reader(data, "PSBT"), [MAX_FIELDS]
        reader.take(len(MAGIC))
        top = FieldMap(_read_map(reader, "global", budget))
        unsigned = _unsigned(top)
        _check("global", top, "global map")
        inputs = tuple(PsbtInput(_read_map(reader, "input", budget)) for _ in unsigned.inputs)
        outputs = tuple(PsbtOutput(_read_map(reader, "output", budget)) for _ in unsigned.outputs)
        if reader.left:
            raise PsbtError("trailing_bytes", f"PSBT: expected its end, found {reader.left} more bytes")
        for number, one in enumerate(inputs):
            _check("input", one, f"input {number}")
        for number, other in enumerate(outputs):
            _check("output", other, f"output {number}")
        return cls(unsigned, top, inputs, outputs)

    def serialise(self) -> bytes:
        """The bytes; of a parsed PSBT exactly those it was parsed from."""
        maps = (self.globals, *self.inputs, *self.outputs)
        return MAGIC + b"".join(one.serialise() for one in maps)

    @classmethod
    def create(cls, unsigned: Transaction) -> Psbt:
        """A PSBT of an unsigned transaction, with no other field yet."""
        return cls(
            unsigned,
            FieldMap((Field(Global.UNSIGNED_TX, b"", unsigned.serialise(witness=False)),)),
            tuple(PsbtInput(()) for _ in unsigned.inputs),
            tuple(PsbtOutput(()) for _ in unsigned.outputs),
        )

    def with_input(self, index: int, fields: FieldMap) -> Psbt:
        """This PSBT with the map of one input replaced."""
        inputs = list(self.inputs)
        inputs[index] = PsbtInput(fields.fields)
        return replace(self, inputs=tuple(inputs))

    def with_output(self, index: int, fields: FieldMap) -> Psbt:
        """This PSBT with the map of one output replaced."""
        outputs = list(self.outputs)
        outputs[index] = PsbtOutput(fields.fields)
        return replace(self, outputs=tuple(outputs))


def _read_map(reader: Reader, where: str, budget: list[int]) -> tuple[Field, ...]:
    fields: list[Field] = []
    seen: set[bytes] = set()
    while key := reader.counted():
        budget[0] -= 1
        if budget[0] < 0:
            raise PsbtError("too_many_fields", f"PSBT: expected at most {MAX_FIELDS} fields, found more")
        if key in seen:
            raise PsbtError(
                "duplicate_key", f"{where} map: expected each key once, found {key[:80].hex()} twice"
            )
        seen.add(key)
        inner = Reader(key, f"{where} key")
        kind = inner.compact_size()
        fields.append(Field(kind, inner.take(inner.left), reader.counted()))
    return tuple(fields)


def _unsigned(top: FieldMap) -> Transaction:
    """The unsigned transaction, and the version: 0 or a refusal."""
    version = top.get(Global.VERSION)
    if version is not None and len(version) == 4 and version != b"\0\0\0\0":
        number = int.from_bytes(version, "little")
        raise PsbtError(
            "version_2" if number == 2 else "unknown_version",
            f"expected a PSBT of version 0, found version {number}",
            hint="Devices take version 0; let the tool that made it export version 0.",
        )
    raw = top.get(Global.UNSIGNED_TX)
    if raw is None:
        raise PsbtError("no_unsigned_tx", "expected an unsigned transaction in the global map, found none")
    unsigned = Transaction.parse(raw, allow_empty=True)
    if any(each.script_sig for each in unsigned.inputs):
        raise PsbtError(
            "unsigned_tx_signed", "expected an unsigned transaction, found one with a filled scriptSig"
        )
    return unsigned


def _check(where: str, fields: FieldMap, name: str) -> None:
    checks, later = CHECKS[where], VERSION_2_ONLY[where]
    for field in fields.fields:
        if field.type in later:
            raise PsbtError(
                "version_2_field",
                f"{name}: field {field.type:#04x} belongs to version 2, this PSBT is of version 0",
            )
        if field.type not in checks:
            continue
        key_check, value_check = checks[field.type]
        if not key_check(field.key):
            raise PsbtError(
                "bad_key",
                f"{name}: field {field.type:#04x} has a key of {len(field.key)} bytes that does not read: "
                f"{field.key[:80].hex()}",
            )
        if not value_check(field.value):
            raise PsbtError(
                "bad_value",
                f"{name}: field {field.type:#04x} has a value of {len(field.value)} bytes that does not read",
            )
