"""Partially signed transactions, versions 0 and 2 (BIP174, BIP370, BIP371): strict and byte-exact.

`Psbt.parse` refuses every malformed file with a `PsbtError`; what it accepts serialises to the same
bytes. It judges form only: whether the content may be signed is decided in `verify`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from vault.bitcoin.psbt import v0, v2
from vault.bitcoin.psbt.fields import VERSIONS, Global
from vault.bitcoin.psbt.maps import Field, FieldMap, MapReader, PsbtInput, PsbtOutput, require_valid
from vault.bitcoin.transaction import Transaction
from vault.bitcoin.wire import Reader
from vault.errors import PsbtError

MAGIC: Final = b"psbt\xff"
# A thousand inputs whose previous transactions pay nine hundred people each; more is a denial of service.
MAX_BYTES: Final = 32_000_000


@dataclass(frozen=True, slots=True)
class Psbt:
    """A parsed PSBT. The maps follow the order of `unsigned`, the transaction that is to be signed.

    Version 0 carries it in a global field, version 2 in its maps (BIP370 determines the lock time).
    """

    unsigned: Transaction
    globals: FieldMap
    inputs: tuple[PsbtInput, ...]
    outputs: tuple[PsbtOutput, ...]
    version: int = 0

    @classmethod
    def parse(cls, data: bytes) -> Psbt:
        """Read a binary PSBT. Raises `PsbtError`, and nothing else."""
        if len(data) > MAX_BYTES:
            raise PsbtError("too_large", f"PSBT: expected at most {MAX_BYTES} bytes, found {len(data)}")
        if data[: len(MAGIC)] != MAGIC:
            raise PsbtError(
                "not_psbt",
                f"expected a PSBT (begins with {MAGIC.hex()}), found {data[: len(MAGIC)].hex() or 'nothing'}",
                hint="Base64 must be decoded first; a plain transaction is not a PSBT.",
            )
        reader = Reader(data, "PSBT")
        reader.take(len(MAGIC))
        maps = MapReader(reader)
        top = FieldMap(maps.read("global map"))
        version = _version(top)
        require_valid("global", "global map", top, version)
        unsigned = v0.unsigned_transaction(top) if version == 0 else None
        sizes = (len(unsigned.inputs), len(unsigned.outputs)) if unsigned else v2.counts(top)
        inputs = tuple(_input(maps, number, version) for number in range(sizes[0]))
        outputs = tuple(_output(maps, number, version) for number in range(sizes[1]))
        if reader.left:
            raise PsbtError("trailing_bytes", f"PSBT: expected its end, found {reader.left} more bytes")
        if unsigned is None:
            unsigned = v2.unsigned_transaction(top, inputs, outputs)
        return cls(unsigned, top, inputs, outputs, version)

    def serialise(self) -> bytes:
        """The bytes; of a parsed PSBT exactly those it was parsed from."""
        maps = (self.globals, *self.inputs, *self.outputs)
        return MAGIC + b"".join(one.serialise() for one in maps)

    @classmethod
    def create(cls, unsigned: Transaction) -> Psbt:
        """A PSBT (version 0) of an unsigned transaction, with no other field yet."""
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
        return replace(self, inputs=tuple(inputs)).determined()

    def with_output(self, index: int, fields: FieldMap) -> Psbt:
        """This PSBT with the map of one output replaced."""
        outputs = list(self.outputs)
        outputs[index] = PsbtOutput(fields.fields)
        return replace(self, outputs=tuple(outputs)).determined()

    def determined(self) -> Psbt:
        """This PSBT with `unsigned` as its maps say now (version 2 keeps it in all of them)."""
        if self.version == 0:
            return self
        return replace(self, unsigned=v2.unsigned_transaction(self.globals, self.inputs, self.outputs))

    def identity(self) -> str:
        """What stays the same while signers and updaters work on it: a transaction id.

        Of version 0 that of the unsigned transaction; of version 2 with all sequences zero, since
        they may still be set (BIP370).
        """
        if self.version == 0:
            return self.unsigned.txid
        zeroed = tuple(replace(each, sequence=0) for each in self.unsigned.inputs)
        return replace(self.unsigned, inputs=zeroed).txid

    def require_version(self, version: int) -> None:
        """Raises `PsbtError` (``psbt.version_0`` or ``psbt.version_2``) when it is of another version."""
        if self.version != version:
            raise PsbtError(
                f"version_{self.version}",
                f"expected a PSBT of version {version}, found version {self.version}",
                hint=f"Convert it first: vault psbt convert --to {version}",
            )


def _version(top: FieldMap) -> int:
    raw = top.get(Global.VERSION)
    number = int.from_bytes(raw, "little") if raw is not None and len(raw) == 4 else 0
    if number not in VERSIONS:
        raise PsbtError(
            "unknown_version",
            f"expected a PSBT of version 0 or 2, found version {number}",
            hint="Let the tool that made it export version 0 or 2.",
        )
    return number


def _input(maps: MapReader, number: int, version: int) -> PsbtInput:
    name = f"input {number}"
    fields = PsbtInput(maps.read(name))
    require_valid("input", name, fields, version)
    return fields


def _output(maps: MapReader, number: int, version: int) -> PsbtOutput:
    name = f"output {number}"
    fields = PsbtOutput(maps.read(name))
    require_valid("output", name, fields, version)
    return fields
