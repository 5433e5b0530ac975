"""Keccak-256 as Ethereum uses it (the padding of the Keccak submission, not SHA3's)."""

from __future__ import annotations

from Crypto.Hash import keccak


class Keccak256:
    """A hash that is fed piece by piece, so that a transaction's data need not be kept."""

    def __init__(self, data: bytes = b"") -> None:
        self._hash = keccak.new(digest_bits=256, data=data)

    def update(self, data: bytes) -> None:
        self._hash.update(data)

    def digest(self) -> bytes:
        return bytes(self._hash.digest())


def keccak256(data: bytes) -> bytes:
    """Keccak-256 of `data`, 32 bytes."""
    return Keccak256(data).digest()
