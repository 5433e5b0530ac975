"""Signature hashes: BIP143 (segwit v0) and BIP341 (taproot key path), fed while streaming."""

from __future__ import annotations

import hashlib

from ..keys import sha256d, tagged_hash
from ..proto import Message
from .serialise import SIGHASH_ALL, outpoint, output_bytes, p2wpkh_script_code, prefixed, u32, u64


class SigHasher:
    """Collects what all inputs and outputs contribute; then hashes for one input."""

    def __init__(self) -> None:
        self._prevouts = hashlib.sha256()
        self._amounts = hashlib.sha256()
        self._scripts = hashlib.sha256()
        self._sequences = hashlib.sha256()
        self._outputs = hashlib.sha256()

    def add_input(self, txi: Message, script_pubkey: bytes) -> None:
        self._prevouts.update(outpoint(txi))
        self._amounts.update(u64(txi.amount))
        self._scripts.update(prefixed(script_pubkey))
        self._sequences.update(u32(txi.sequence))

    def add_output(self, amount: int, script_pubkey: bytes) -> None:
        self._outputs.update(output_bytes(amount, script_pubkey))

    def bip143(self, version: int, lock_time: int, txi: Message, public_key: bytes) -> bytes:
        """Digest of a p2wpkh input (native or nested), SIGHASH_ALL."""

        def twice(digest: bytes) -> bytes:
            return hashlib.sha256(digest).digest()

        return sha256d(
            u32(version)
            + twice(self._prevouts.digest())
            + twice(self._sequences.digest())
            + outpoint(txi)
            + p2wpkh_script_code(public_key)
            + u64(txi.amount)
            + u32(txi.sequence)
            + twice(self._outputs.digest())
            + u32(lock_time)
            + u32(SIGHASH_ALL)
        )

    def bip341(self, version: int, lock_time: int, index: int) -> bytes:
        """Digest of a taproot key-path input, SIGHASH_DEFAULT."""
        message = (
            b"\x00\x00"
            + u32(version)
            + u32(lock_time)
            + self._prevouts.digest()
            + self._amounts.digest()
            + self._scripts.digest()
            + self._sequences.digest()
            + self._outputs.digest()
            + b"\x00"
            + u32(index)
        )
        return tagged_hash(b"TapSighash", message)
