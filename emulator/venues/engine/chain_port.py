"""What a venue needs from a chain: deposit addresses, a hot wallet that pays, and sight of confirmations.

The venue never looks at the chain except through this port, so that any chain emulator can stand behind it.
Amounts are integer base units of the asset on its chain: satoshi, wei, drops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Deposit:
    """One payment to a deposit address, as the chain shows it now; 0 confirmations: not in a block yet."""

    txid: str
    vout: int
    address: str
    amount_sat: int
    confirmations: int
    tag: str = ""


class SeenDeposit(Protocol):
    """What a chain must tell of a deposit; a chain that knows tags also has `tag`."""

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
    """One asset's chain as a venue uses it."""

    def new_deposit_address(self) -> str:
        """An address whose payments `deposits` will show: a fresh one, or the one of a chain with tags."""
        ...

    def pay(self, address: str, amount_sat: int, tag: str = "", /) -> str:
        """Pay from the venue's hot wallet and return the txid; raises ValueError with the reason."""
        ...

    def deposits(self) -> Sequence[SeenDeposit]:
        """Every payment ever seen to our deposit addresses."""
        ...

    def confirmations(self, txid: str) -> int | None:
        """None when the transaction is unknown, 0 before it is in a block."""
        ...
