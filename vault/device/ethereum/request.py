"""The key that signs on Ethereum, as the caller names it to a device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignedDefinitions:
    """What a Trezor is told of a network and a token that it does not know, signed by its maker; b"" is none.

    The device checks them itself, and shows the token's amount then instead of its calldata.
    """

    network: bytes = b""
    token: bytes = b""


@dataclass(frozen=True, slots=True)
class EthereumAccount:
    """The key that signs: its full path, and the EIP-55 address that is configured for it."""

    path: tuple[int, ...]
    address: str
