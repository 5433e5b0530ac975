"""Everstake's pool and accounting contracts, which devices name instead of showing raw data."""

from __future__ import annotations

from enum import Enum


class Operation(Enum):
    """What a call of Everstake's contracts does."""

    STAKE = "stake"
    UNSTAKE = "unstake"
    CLAIM = "claim"


_POOL_OPERATIONS = {
    bytes.fromhex("3a29dbae"): Operation.STAKE,
    bytes.fromhex("76ec871c"): Operation.UNSTAKE,
}
_ACCOUNTING_OPERATIONS = {bytes.fromhex("33986ffa"): Operation.CLAIM}
_POOL = (
    bytes.fromhex("afa848357154a6a624686b348303ef9a13f63264"),  # Hoodi
    bytes.fromhex("d523794c879d9ec028960a231f866758e405be34"),  # mainnet
)
_ACCOUNTING = (
    bytes.fromhex("624087dd1904ab122a32878ce9e933c7071f53b9"),  # Hoodi
    bytes.fromhex("7a7f0b3c23c23a31cfcb0c44709be70d4d545c6e"),  # mainnet
)


def staking_operation(recipient: bytes, data: bytes) -> Operation | None:
    """The staking operation a call is, None for any other call."""
    selector = bytes(data[:4])
    if recipient in _POOL:
        return _POOL_OPERATIONS.get(selector)
    if recipient in _ACCOUNTING:
        return _ACCOUNTING_OPERATIONS.get(selector)
    return None
