"""Keccak-256, and what a text message is hashed to before it is signed."""

from __future__ import annotations


def keccak(data: bytes) -> bytes:
    """Keccak-256, Ethereum's hash (not SHA3-256)."""
    from Crypto.Hash import keccak as implementation

    return bytes(implementation.new(digest_bits=256, data=data).digest())


def message_digest(message: bytes) -> bytes:
    """The hash of a text message (EIP-191, ``personal_sign``)."""
    return keccak(b"\x19Ethereum Signed Message:\n" + str(len(message)).encode() + message)
