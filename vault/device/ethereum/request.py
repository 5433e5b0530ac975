"""The key that signs on Ethereum, as the caller names it to a device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EthereumAccount:
    """The key that signs: its full path, and the EIP-55 address that is configured for it."""

    path: tuple[int, ...]
    address: str
