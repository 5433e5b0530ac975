"""What a venue needs from a chain: deposit addresses, a hot wallet that pays, and sight of confirmations.

The venue never looks at the chain except through this port, so that any chain emulator can stand behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Deposit:
    """One output that pays a deposit address, as the chain shows it now; 0 confirmations: mempool."""

    txid: str
    vout: int
    address: str
    amount_sat: int
    confirmations: int


class SeenDeposit(Protocol):
    """What a chain must tell of a deposit; `Deposit` is one form of it, a chain may have its own."""

    @property
    def txid(self) -> str: ...
    @property
    def vout(self) -> int: ...
    @property
    def address(self) -> str: ...
    @property
    def amount_sat(self) -> int: ...
    @property
    def confirmations(self) -> int: ...


class ChainPort(Protocol):
    """One coin's chain as a venue uses it; amounts are integer base units (satoshi)."""

    def new_deposit_address(self) -> str:
        """A fresh address whose payments `deposits` will show."""
        ...

    def pay(self, address: str, amount_sat: int) -> str:
        """Pay from the venue's hot wallet and return the txid; raises ValueError with the reason."""
        ...

    def deposits(self) -> Sequence[SeenDeposit]:
        """Every output ever seen to our deposit addresses."""
        ...

    def confirmations(self, txid: str) -> int | None:
        """None when the transaction is unknown, 0 in the mempool."""
        ...
