"""What the caller asks a device to sign on Ethereum, and what it gets back.

Pure data; amounts are integers of wei. Values are judged by `ethereum_checks` before a device is asked.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EthereumAccount:
    """The key that signs: its full path, and the EIP-55 address that is configured for it."""

    path: tuple[int, ...]
    address: str


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """An address (EIP-55) and the 32-byte storage keys announced for it (EIP-2930)."""

    address: str
    storage_keys: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class LegacyTransaction:
    """Type 0, bound to its chain (EIP-155)."""

    chain_id: int
    nonce: int
    gas_price: int
    gas_limit: int
    to: str
    value: int
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class FeeMarketTransaction:
    """Type 2 (EIP-1559)."""

    chain_id: int
    nonce: int
    max_priority_fee: int
    max_fee: int
    gas_limit: int
    to: str
    value: int
    data: bytes = b""
    access_list: tuple[AccessEntry, ...] = ()


EthereumTransaction = LegacyTransaction | FeeMarketTransaction


@dataclass(frozen=True, slots=True)
class EthereumSignature:
    """`parity` 0 or 1 of the y coordinate; `v` as the signed thing writes it; s is low (EIP-2)."""

    parity: int
    v: int
    r: int
    s: int

    @property
    def raw(self) -> bytes:
        """65 bytes r, s, v with v 27 or 28, as contracts and wallets take signatures of messages."""
        return self.r.to_bytes(32, "big") + self.s.to_bytes(32, "big") + bytes([27 + self.parity])


@dataclass(frozen=True, slots=True)
class SignedEthereumTransaction:
    """`raw` may be broadcast; `transaction_hash` is its Keccak-256."""

    signature: EthereumSignature
    raw: bytes
    transaction_hash: bytes
