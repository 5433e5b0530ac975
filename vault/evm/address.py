"""Addresses of Ethereum and its kin: 20 bytes, written with the letter case of EIP-55.

Refuses an address without its checksum, and the zero address: what cannot be read is never a destination.
"""

from __future__ import annotations

import re
from typing import Final

from vault.errors import AddressError
from vault.evm.hashing import keccak

ADDRESS_BYTES: Final = 20
ZERO_ADDRESS: Final = "0x" + "0" * 40
_EVM: Final = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


def checksum_address(address: bytes) -> str:
    """EIP-55 of 20 bytes."""
    text = address.hex()
    digest = keccak(text.encode()).hex()
    marks = zip(text, digest, strict=False)
    return "0x" + "".join(char.upper() if int(mark, 16) > 7 else char for char, mark in marks)


def evm_checksummed(address: str) -> str:
    """The EIP-55 form of 0x and 40 hex digits of any case. Raises `AddressError`."""
    return checksum_address(_digits(address))


def address_bytes(address: str, what: str = "address") -> bytes:
    """The 20 bytes of an address in exactly its EIP-55 form, which is not the zero address.

    Raises `AddressError`: ``not_evm``, ``no_checksum``, ``bad_checksum``, ``nobody``.
    """
    raw = _digits(address, what)
    if address != checksum_address(raw):
        same = address[2:] in {address[2:].lower(), address[2:].upper()}
        raise AddressError(
            "no_checksum" if same else "bad_checksum",
            f"{what}: expected letter case as EIP-55 says, found {address}",
            hint="Copy the address from the wallet in mixed case; one typed wrong cannot be told without it.",
        )
    if not any(raw):
        raise AddressError("nobody", f"{what}: expected an address that somebody has, found zero")
    return raw


def _digits(address: str, what: str = "address") -> bytes:
    if not _EVM.fullmatch(address):
        raise AddressError("not_evm", f"{what}: expected 0x and 40 hex digits, found {address[:80]!r}")
    return bytes.fromhex(address[2:])
