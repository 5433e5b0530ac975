"""What a signature commits to: legacy, BIP143 (witness version 0) and BIP341 (taproot key path).

Only the whole-transaction forms exist here, SIGHASH_ALL and SIGHASH_DEFAULT: nothing else is signed.
Written apart from `vault.bitcoin.sighash`, so that a spend is judged by two implementations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from vault.address import sha256d
from vault.device.bitcoin.request import SpendRequest
from vault.device.bitcoin.scripts import Lock

SIGHASH_ALL: Final = b"\x01"
_ALL_32: Final = b"\x01\0\0\0"
_SIGHASH_TAG: Final = hashlib.sha256(b"TapSighash").digest() * 2


def compact_size(value: int) -> bytes:
    """The shortest compact size of a length below 2**32."""
    if value < 0xFD:
        return bytes([value])
    return b"\xfd" + value.to_bytes(2, "little") if value <= 0xFFFF else b"\xfe" + value.to_bytes(4, "little")


def counted(data: bytes) -> bytes:
    """Bytes with their compact size before them."""
    return compact_size(len(data)) + data


@dataclass(frozen=True, slots=True)
class Unsigned:
    """The serialised parts of a transaction, each made once."""

    version: bytes
    locktime: bytes
    outpoints: tuple[bytes, ...]
    sequences: tuple[bytes, ...]
    outputs: bytes  # without their count
    outputs_count: bytes

    @classmethod
    def of(cls, request: SpendRequest) -> Unsigned:
        return cls(
            request.version.to_bytes(4, "little"),
            request.locktime.to_bytes(4, "little"),
            tuple(bytes.fromhex(i.txid)[::-1] + i.vout.to_bytes(4, "little") for i in request.inputs),
            tuple(i.sequence.to_bytes(4, "little") for i in request.inputs),
            b"".join(o.amount_sat.to_bytes(8, "little") + counted(o.script_pubkey) for o in request.outputs),
            compact_size(len(request.outputs)),
        )


class Digests:
    """The signature hash of each input; `locks` are of the outputs spent, in the inputs' order."""

    def __init__(self, request: SpendRequest, unsigned: Unsigned, locks: Sequence[Lock]) -> None:
        self._tx = unsigned
        self._locks = locks
        self._amounts = [spend.amount_sat.to_bytes(8, "little") for spend in request.inputs]
        self._prevouts = _sha256(unsigned.outpoints)
        self._sequences = _sha256(unsigned.sequences)
        self._outputs = hashlib.sha256(unsigned.outputs).digest()
        # BIP143 hashes these once more; the last two are of BIP341 only.
        self._twice = [_sha256((part,)) for part in (self._prevouts, self._sequences, self._outputs)]
        self._all_amounts = _sha256(self._amounts)
        self._all_scripts = _sha256(counted(lock.script_pubkey) for lock in locks)

    def of(self, index: int) -> bytes:
        """The digest of an input, by the kind of output it spends."""
        kind = self._locks[index].kind
        if kind == "p2tr":
            return self._taproot(index)
        return self._legacy(index) if kind in {"p2pkh", "p2sh"} else self._segwit(index)

    def _legacy(self, index: int) -> bytes:
        tx, lock = self._tx, self._locks[index]
        code = counted(lock.redeem or lock.script_pubkey)
        parts = [tx.version, compact_size(len(tx.outpoints))]
        for number, (outpoint, sequence) in enumerate(zip(tx.outpoints, tx.sequences, strict=True)):
            parts += [outpoint, code if number == index else b"\0", sequence]
        return sha256d(b"".join([*parts, tx.outputs_count, tx.outputs, tx.locktime, _ALL_32]))

    def _segwit(self, index: int) -> bytes:
        """BIP143; the script code of a key hash is that of p2pkh."""
        tx, lock = self._tx, self._locks[index]
        program = lock.redeem or lock.script_pubkey
        code = lock.witness or b"\x76\xa9\x14" + program[2:22] + b"\x88\xac"
        prevouts, sequences, outputs = self._twice
        return sha256d(
            b"".join(
                (
                    tx.version,
                    prevouts,
                    sequences,
                    tx.outpoints[index],
                    counted(code),
                    self._amounts[index],
                    tx.sequences[index],
                    outputs,
                    tx.locktime,
                    _ALL_32,
                )
            )
        )

    def _taproot(self, index: int) -> bytes:
        """BIP341: epoch and SIGHASH_DEFAULT before, key path without annex behind."""
        tx = self._tx
        shared = (self._prevouts, self._all_amounts, self._all_scripts, self._sequences, self._outputs)
        message = (b"\0\0", tx.version, tx.locktime, *shared, b"\0", index.to_bytes(4, "little"))
        return hashlib.sha256(_SIGHASH_TAG + b"".join(message)).digest()


def _sha256(parts: Iterable[bytes]) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()
