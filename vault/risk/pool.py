"""What the cross positions of an account share: which they are, their collateral, and its prices. Pure.

Isolated positions stand apart: what they hold of a balance is not shared.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from vault.risk.exact import ZERO, exact

if TYPE_CHECKING:
    from vault.model import Collateral, MarginAccount, Position


def prices_of(account: MarginAccount) -> dict[str, Decimal]:
    """USD for a unit of each asset of the account."""
    return {item.asset: item.price for item in account.collateral}


def cross_positions(account: MarginAccount) -> list[Position]:
    """The positions that share one margin."""
    return [position for position in account.positions if not position.isolated]


@exact
def shared_balance(account: MarginAccount, item: Collateral) -> Decimal:
    """A balance without what isolated positions hold of it."""
    held = (
        position.isolated_margin
        for position in account.positions
        if position.isolated and position.settle == item.asset and position.isolated_margin is not None
    )
    return item.balance - sum(held, ZERO)
