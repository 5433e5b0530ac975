"""Ethereum addresses: from a key, as text with a checksum, and from a host's text.

Two ways of reading a text, as the firmwares have them: the strict one fails on anything that is
not an address; the lenient one of the C firmwares answers None, and the caller goes on without a
recipient. Neither checks the checksum.
"""

from __future__ import annotations

import string

from coincurve import PublicKey

from ..errors import FirmwareError, ProcessError
from .keccak import keccak256
from .networks import UNKNOWN_NETWORK, Network

ADDRESS_LENGTH = 20
_RSKIP60_CHAINS = (30, 31)  # Rootstock and its testnet mix the chain id into the checksum
_HEX_DIGITS = frozenset(string.hexdigits)


def address_of_key(public_key: bytes) -> bytes:
    """The 20 bytes of the address of a public key (33 or 65 bytes)."""
    return keccak256(PublicKey(public_key).format(compressed=False)[1:])[-ADDRESS_LENGTH:]


def checksum_address(raw: bytes, network: Network | None = None) -> str:
    """0x text of an address with its EIP-55 checksum (RSKIP-60 on Rootstock)."""
    chain_id = (network or UNKNOWN_NETWORK).chain_id
    prefix = f"{chain_id}0x" if chain_id in _RSKIP60_CHAINS else ""
    text = bytes(raw).hex()
    digest = keccak256((prefix + text).encode()).hex()
    return "0x" + "".join(
        c.upper() if int(nibble, 16) >= 8 else c for c, nibble in zip(text, digest, strict=False)
    )


def _bytes_of(digits: str) -> bytes | None:
    return bytes.fromhex(digits) if set(digits) <= _HEX_DIGITS else None


def parse_address(text: str) -> bytes:
    """The bytes of an address as core firmware reads it; b"" for an empty text.

    ProcessError for a wrong length or beginning, FirmwareError for what is not hex.
    """
    if not text:
        return b""
    if len(text) not in (40, 42):
        raise ProcessError("Ethereum: Invalid address length")
    if len(text) == 42 and text[:2] not in ("0x", "0X"):
        raise ProcessError("Ethereum: invalid beginning of an address")
    raw = _bytes_of(text[-40:])
    if raw is None:
        raise FirmwareError("non-hex digit found")
    return raw


def parse_address_leniently(text: str | None) -> bytes | None:
    """The bytes of an address as legacy firmware reads it; None for anything else."""
    if text is None or len(text) not in (40, 42):
        return None
    if len(text) == 42 and text[:2] not in ("0x", "0X"):
        return None
    return _bytes_of(text[-40:])
