"""Bitcoin transactions: strict parse, byte-exact serialise, txid, wtxid and weight (BIP144, BIP141).

Refuses bytes left over, witness flags without a witness, non-minimal lengths and more than a block.
All errors are `PsbtError`; amounts are satoshi as they stand on the wire (unsigned, unchecked).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from vault.address import sha256d
from vault.bitcoin.wire import Reader, compact_size, counted
from vault.errors import AddressError, PsbtError

# A transaction larger than a block's weight limit can never be mined.
MAX_BYTES: Final = 4_000_000
MAX_MONEY: Final = 21_000_000 * 100_000_000

_MIN_INPUT: Final = 41
_MIN_OUTPUT: Final = 9


@dataclass(frozen=True, slots=True, order=True)
class OutPoint:
    """A coin: transaction id as people write it (reversed hex) and output number."""

    txid: str
    vout: int

    def __str__(self) -> str:
        return f"{self.txid}:{self.vout}"

    def serialise(self) -> bytes:
        return bytes.fromhex(self.txid)[::-1] + self.vout.to_bytes(4, "little")

    @classmethod
    def parse(cls, text: str) -> OutPoint:
        """Read ``txid:vout``. Raises `AddressError` (``address.bad_outpoint``)."""
        txid, _, vout = text.partition(":")
        canonical = vout.isascii() and vout.isdecimal() and str(int(vout[:11])) == vout
        if len(txid) != 64 or set(txid) - set("0123456789abcdef") or not canonical or int(vout) > 0xFFFFFFFF:
            raise AddressError(
                "bad_outpoint",
                f"expected <64 hex digits>:<number>, found {text[:100]!r}",
                hint="`vault wallet coins NAME` lists coins as they are written.",
            )
        return cls(txid, int(vout))


@dataclass(frozen=True, slots=True)
class TxIn:
    """An input: the coin it spends, scriptSig, sequence and witness stack."""

    outpoint: OutPoint
    script_sig: bytes
    sequence: int
    witness: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class TxOut:
    """An output: `value` satoshi to `script`."""

    value: int
    script: bytes

    def serialise(self) -> bytes:
        return self.value.to_bytes(8, "little") + counted(self.script)

    @classmethod
    def parse(cls, data: bytes) -> TxOut:
        """Exactly one serialised output."""
        reader = Reader(data, "output")
        output = _read_output(reader)
        _refuse_rest(reader, "output")
        return output


@dataclass(frozen=True, slots=True)
class Transaction:
    """A transaction as it stands on the wire."""

    version: int
    inputs: tuple[TxIn, ...]
    outputs: tuple[TxOut, ...]
    locktime: int

    @classmethod
    def parse(cls, data: bytes, *, allow_empty: bool = False) -> Transaction:
        """Read one whole transaction, with or without witness.

        `allow_empty` reads the form without witness only, and lets it have no input (the unsigned
        transaction of a PSBT, BIP174); otherwise an input is needed. Raises `PsbtError`.
        """
        if len(data) > MAX_BYTES:
            raise PsbtError(
                "too_large", f"transaction: expected at most {MAX_BYTES} bytes, found {len(data)}"
            )
        reader = Reader(data, "transaction")
        version = reader.integer(4)
        segwit = not allow_empty and data[4:6] == b"\x00\x01"
        if segwit:
            reader.take(2)
        inputs = [_read_input(reader) for _ in range(reader.count(_MIN_INPUT))]
        outputs = [_read_output(reader) for _ in range(reader.count(_MIN_OUTPUT))]
        if segwit:
            inputs = [
                TxIn(each.outpoint, each.script_sig, each.sequence, _read_witness(reader)) for each in inputs
            ]
            if not any(each.witness for each in inputs):
                raise PsbtError("bad_transaction", "expected a witness after the witness flag, found none")
        locktime = reader.integer(4)
        _refuse_rest(reader, "transaction")
        if not inputs and not allow_empty:
            raise PsbtError("bad_transaction", "expected at least one input, found none")
        return cls(version, tuple(inputs), tuple(outputs), locktime)

    def serialise(self, *, witness: bool = True) -> bytes:
        """The wire form; without `witness` the form whose hash is the txid."""
        segwit = witness and any(each.witness for each in self.inputs)
        parts = [self.version.to_bytes(4, "little"), b"\x00\x01" if segwit else b""]
        parts.append(compact_size(len(self.inputs)))
        parts += [
            each.outpoint.serialise() + counted(each.script_sig) + each.sequence.to_bytes(4, "little")
            for each in self.inputs
        ]
        parts.append(compact_size(len(self.outputs)))
        parts += [each.serialise() for each in self.outputs]
        if segwit:
            for each in self.inputs:
                parts.append(compact_size(len(each.witness)))
                parts += [counted(item) for item in each.witness]
        parts.append(self.locktime.to_bytes(4, "little"))
        return b"".join(parts)

    @property
    def txid(self) -> str:
        """Transaction id, as people write it."""
        return hash_id(self.serialise(witness=False))

    @property
    def wtxid(self) -> str:
        """Hash over the form with witness, as people write it (BIP141)."""
        return hash_id(self.serialise())

    @property
    def weight(self) -> int:
        """Weight units: three times the stripped size plus the full size (BIP141)."""
        return 3 * len(self.serialise(witness=False)) + len(self.serialise())

    @property
    def vsize(self) -> int:
        """Virtual bytes, rounded up."""
        return (self.weight + 3) // 4

    def without_witness(self) -> Transaction:
        """The same transaction with every witness and scriptSig removed (what a signer was given)."""
        return replace(self, inputs=tuple(TxIn(each.outpoint, b"", each.sequence) for each in self.inputs))


def hash_id(serialised: bytes) -> str:
    """Transaction id of the form without witness, wtxid of the form with it, as people write them."""
    return sha256d(serialised)[::-1].hex()


def _read_input(reader: Reader) -> TxIn:
    txid = reader.take(32)[::-1].hex()
    vout = reader.integer(4)
    script_sig = reader.counted()
    return TxIn(OutPoint(txid, vout), script_sig, reader.integer(4))


def _read_witness(reader: Reader) -> tuple[bytes, ...]:
    return tuple([reader.counted() for _ in range(reader.count(1))])


def _read_output(reader: Reader) -> TxOut:
    value = reader.integer(8)
    return TxOut(value, reader.counted())


def _refuse_rest(reader: Reader, what: str) -> None:
    if reader.left:
        raise PsbtError("trailing_bytes", f"{what}: expected its end, found {reader.left} more bytes")
