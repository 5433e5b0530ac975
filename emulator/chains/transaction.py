"""Bitcoin transactions as values: strict parsing, serialising, txid, weight and BIP143 signature hashes.

Refuses what bitcoind's deserialiser refuses (trailing bytes, non-canonical sizes, superfluous witness);
whether a well-formed transaction is valid is not decided here.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property

from emulator.chains.errors import Reject, TransactionRefusedError

MAX_SIZE = 0x02000000  # bitcoind's bound on any serialised vector
SEQUENCE_FINAL = 0xFFFFFFFF
MAX_BIP125_SEQUENCE = 0xFFFFFFFD
WITNESS_SCALE = 4
COINBASE_TXID = "00" * 32
COINBASE_VOUT = 0xFFFFFFFF
SIGHASH_ALL = 1


def sha256d(data: bytes) -> bytes:
    """Bitcoin's double SHA-256."""
    return hashlib.sha256(hashlib.sha256(data).digest()).digest()


def display_hash(digest: bytes) -> str:
    """Hash bytes in the reversed hexadecimal order that people and APIs use."""
    return digest[::-1].hex()


def internal_hash(text: str) -> bytes:
    """The 32 bytes behind a displayed hash."""
    return bytes.fromhex(text)[::-1]


def compact_size(number: int) -> bytes:
    """Bitcoin's variable length integer, shortest form."""
    if number < 0xFD:
        return bytes([number])
    if number <= 0xFFFF:
        return b"\xfd" + struct.pack("<H", number)
    if number <= 0xFFFFFFFF:
        return b"\xfe" + struct.pack("<I", number)
    return b"\xff" + struct.pack("<Q", number)


@dataclass(frozen=True, slots=True, order=True)
class OutPoint:
    """Reference to an output: displayed txid and index."""

    txid: str
    vout: int

    def serialise(self) -> bytes:
        return internal_hash(self.txid) + struct.pack("<I", self.vout)


@dataclass(frozen=True, slots=True)
class TxIn:
    prevout: OutPoint
    script_sig: bytes
    sequence: int
    witness: tuple[bytes, ...] = ()

    @property
    def is_coinbase(self) -> bool:
        return self.prevout.txid == COINBASE_TXID and self.prevout.vout == COINBASE_VOUT


@dataclass(frozen=True, slots=True)
class TxOut:
    amount_sat: int
    script_pubkey: bytes

    def serialise(self) -> bytes:
        return struct.pack("<q", self.amount_sat) + compact_size(len(self.script_pubkey)) + self.script_pubkey


@dataclass(frozen=True)  # no slots: cached_property needs the instance dictionary
class Transaction:
    """An immutable transaction; hashes and sizes are computed once."""

    version: int
    inputs: tuple[TxIn, ...]
    outputs: tuple[TxOut, ...]
    locktime: int

    @cached_property
    def has_witness(self) -> bool:
        return any(txin.witness for txin in self.inputs)

    @cached_property
    def stripped(self) -> bytes:
        """Serialisation without witness: what the txid commits to."""
        return struct.pack("<i", self.version) + self._body() + struct.pack("<I", self.locktime)

    @cached_property
    def raw(self) -> bytes:
        """Serialisation as it travels (BIP144)."""
        if not self.has_witness:
            return self.stripped
        witness = b"".join(
            compact_size(len(txin.witness))
            + b"".join(compact_size(len(item)) + item for item in txin.witness)
            for txin in self.inputs
        )
        head = struct.pack("<i", self.version) + b"\x00\x01"
        return head + self._body() + witness + struct.pack("<I", self.locktime)

    def _body(self) -> bytes:
        inputs = b"".join(
            txin.prevout.serialise()
            + compact_size(len(txin.script_sig))
            + txin.script_sig
            + struct.pack("<I", txin.sequence)
            for txin in self.inputs
        )
        outputs = b"".join(txout.serialise() for txout in self.outputs)
        return compact_size(len(self.inputs)) + inputs + compact_size(len(self.outputs)) + outputs

    @cached_property
    def txid(self) -> str:
        return display_hash(sha256d(self.stripped))

    @cached_property
    def wtxid_bytes(self) -> bytes:
        return sha256d(self.raw)

    @cached_property
    def weight(self) -> int:
        """Weight units (BIP141)."""
        return len(self.stripped) * (WITNESS_SCALE - 1) + len(self.raw)

    @cached_property
    def vsize(self) -> int:
        """Virtual bytes, rounded up."""
        return (self.weight + WITNESS_SCALE - 1) // WITNESS_SCALE

    @property
    def is_coinbase(self) -> bool:
        return len(self.inputs) == 1 and self.inputs[0].is_coinbase

    @property
    def output_sum(self) -> int:
        return sum(txout.amount_sat for txout in self.outputs)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        chunk = self._data[self._at : self._at + count]
        if len(chunk) != count:
            raise TransactionRefusedError(
                Reject.DECODE, f"ends at byte {len(self._data)}, wanted {count} more"
            )
        self._at += count
        return chunk

    def number(self, layout: str) -> int:
        (value,) = struct.unpack(layout, self.take(struct.calcsize(layout)))
        return int(value)

    def size(self) -> int:
        first = self.take(1)[0]
        if first < 0xFD:
            return first
        layout, least = {0xFD: ("<H", 0xFD), 0xFE: ("<I", 0x10000), 0xFF: ("<Q", 0x100000000)}[first]
        value = self.number(layout)
        if value < least or value > MAX_SIZE:
            raise TransactionRefusedError(Reject.DECODE, f"non-canonical or absurd size {value}")
        return value

    def chunk(self) -> bytes:
        return self.take(self.size())

    @property
    def remaining(self) -> int:
        return len(self._data) - self._at

    def txin(self) -> TxIn:
        outpoint = OutPoint(display_hash(self.take(32)), self.number("<I"))
        return TxIn(outpoint, self.chunk(), self.number("<I"))

    def txout(self) -> TxOut:
        return TxOut(self.number("<q"), self.chunk())


def parse_transaction(raw: bytes) -> Transaction:
    """Parse exactly one transaction.

    Raises TransactionRefusedError(Reject.DECODE) for anything bitcoind would not deserialise.
    """
    reader = _Reader(raw)
    version = reader.number("<i")
    count = reader.size()
    segwit = False
    if count == 0 and reader.remaining > 5:
        if reader.take(1) != b"\x01":
            raise TransactionRefusedError(Reject.DECODE, "unknown optional data flag")
        segwit = True
        count = reader.size()
    inputs = [reader.txin() for _ in range(count)]
    outputs = tuple(reader.txout() for _ in range(reader.size()))
    if segwit:
        witnesses = [tuple(reader.chunk() for _ in range(reader.size())) for _ in inputs]
        if not any(witnesses):
            raise TransactionRefusedError(Reject.DECODE, "superfluous witness record")
        inputs = [
            TxIn(txin.prevout, txin.script_sig, txin.sequence, witness)
            for txin, witness in zip(inputs, witnesses, strict=True)
        ]
    locktime = reader.number("<I")
    if reader.remaining:
        raise TransactionRefusedError(Reject.DECODE, f"{reader.remaining} bytes after the transaction")
    return Transaction(version, tuple(inputs), outputs, locktime)


def segwit_v0_sighash(tx: Transaction, index: int, script_code: bytes, amount_sat: int) -> bytes:
    """Digest an ECDSA key signs for a version 0 witness input with SIGHASH_ALL (BIP143)."""
    txin = tx.inputs[index]
    prevouts = sha256d(b"".join(each.prevout.serialise() for each in tx.inputs))
    sequences = sha256d(b"".join(struct.pack("<I", each.sequence) for each in tx.inputs))
    outputs = sha256d(b"".join(txout.serialise() for txout in tx.outputs))
    preimage = (
        struct.pack("<i", tx.version)
        + prevouts
        + sequences
        + txin.prevout.serialise()
        + compact_size(len(script_code))
        + script_code
        + struct.pack("<q", amount_sat)
        + struct.pack("<I", txin.sequence)
        + outputs
        + struct.pack("<I", tx.locktime)
        + struct.pack("<I", SIGHASH_ALL)
    )
    return sha256d(preimage)
