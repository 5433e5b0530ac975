"""A small strict reader of Bitcoin transactions, for previous transactions and what a device returns.

Refuses trailing bytes, lengths not in their shortest form, unknown segwit flags, superfluous witnesses
and anything longer than a block could hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vault.address import sha256d
from vault.errors import DeviceError

MAX_BYTES: Final = 4_000_000  # the weight limit of a block: no transaction is larger


@dataclass(frozen=True, slots=True)
class RawInput:
    """`prev_hash` in the order explorers show it."""

    prev_hash: bytes
    prev_index: int
    script_sig: bytes
    sequence: int
    witness: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class RawOutput:
    amount_sat: int
    script_pubkey: bytes


@dataclass(frozen=True, slots=True)
class RawTransaction:
    """A parsed transaction; `txid` is the hash without witnesses, in the order explorers show it."""

    version: int
    inputs: tuple[RawInput, ...]
    outputs: tuple[RawOutput, ...]
    locktime: int
    txid: bytes


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self.data):
            raise _malformed(f"expected {size} bytes at {self.position}, found the end")
        chunk = self.data[self.position : end]
        self.position = end
        return chunk

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def count(self) -> int:
        first = self.number(1)
        if first < 0xFD:
            return first
        size = {0xFD: 2, 0xFE: 4, 0xFF: 8}[first]
        value = self.number(size)
        if value < {2: 0xFD, 4: 1 << 16, 8: 1 << 32}[size]:
            raise _malformed(f"a length at {self.position} is not in its shortest form")
        return value

    def items(self) -> range:
        """A count of things that take at least one byte each."""
        count = self.count()
        if count > len(self.data) - self.position:
            raise _malformed(f"{count} items cannot follow at {self.position}")
        return range(count)

    def blob(self) -> bytes:
        return self.take(self.count())


def _malformed(what: str) -> DeviceError:
    return DeviceError("malformed_transaction", f"not a Bitcoin transaction: {what}")


def read_transaction(data: bytes) -> RawTransaction:
    """Parse a whole transaction. Raises `DeviceError` (``device.malformed_transaction``)."""
    if len(data) > MAX_BYTES:
        raise _malformed(f"expected at most {MAX_BYTES} bytes, found {len(data)}")
    reader = _Reader(data)
    version = reader.number(4)
    segwit = data[4:5] == b"\0"
    if segwit and reader.take(2) != b"\0\1":
        raise _malformed("unknown segwit flag")
    body_start = reader.position
    inputs = [_read_input(reader) for _ in reader.items()]
    outputs = tuple(RawOutput(reader.number(8), reader.blob()) for _ in reader.items())
    body = data[body_start : reader.position]
    if segwit:
        inputs = [_with_witness(item, reader) for item in inputs]
        if not any(item.witness for item in inputs):
            raise _malformed("a witness section without a witness")
    locktime = reader.number(4)
    if reader.position != len(data):
        raise _malformed(f"{len(data) - reader.position} bytes follow the end")
    if not inputs or not outputs:
        raise _malformed("no inputs or no outputs")
    txid = sha256d(data[:4] + body + data[-4:])[::-1]
    return RawTransaction(version, tuple(inputs), outputs, locktime, txid)


def _read_input(reader: _Reader) -> RawInput:
    prev_hash = reader.take(32)[::-1]
    return RawInput(prev_hash, reader.number(4), reader.blob(), reader.number(4))


def _with_witness(item: RawInput, reader: _Reader) -> RawInput:
    witness = tuple(reader.blob() for _ in reader.items())
    return RawInput(item.prev_hash, item.prev_index, item.script_sig, item.sequence, witness)
