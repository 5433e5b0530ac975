"""Positions in perpetual and dated contracts, linear and inverse, and their exact value at a mark. Pure.

A linear contract is worth quantity * size * price of its settlement currency; an inverse one (coin-margined)
quantity * size / price of the coin it settles in.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from emulator.venues.engine.exact import ONE, ZERO, exact, nearest

ONE_WAY = "both"


@dataclass(frozen=True, slots=True)
class Position:
    """`quantity` in contracts, negative when short; `isolated_margin` None for a cross position.

    `contract_size` is base units a contract (linear) or quote units a contract (inverse). `side` is "both" in
    one-way mode, "long" or "short" in hedge mode.
    """

    symbol: str
    quantity: Decimal
    entry_price: Decimal
    leverage: int
    settle: str = "USDT"
    inverse: bool = False
    contract_size: Decimal = ONE
    isolated_margin: Decimal | None = None
    side: str = ONE_WAY

    @property
    def key(self) -> str:
        """How an account files it: one place per contract, or two in hedge mode."""
        return self.symbol if self.side == ONE_WAY else f"{self.symbol}:{self.side}"

    @property
    def direction(self) -> Decimal:
        return ONE if self.quantity > ZERO else -ONE

    def with_margin(self, isolated_margin: Decimal) -> Position:
        return replace(self, isolated_margin=isolated_margin)


@exact
def notional(position: Position, mark: Decimal) -> Decimal:
    """Signed value in the settlement asset."""
    size = position.quantity * position.contract_size
    return size / mark if position.inverse else size * mark


@exact
def unrealised_pnl(position: Position, mark: Decimal) -> Decimal:
    """In the settlement asset: size * (mark - entry), or size * (1/entry - 1/mark) when inverse."""
    size = position.quantity * position.contract_size
    if position.inverse:
        return size * (ONE / position.entry_price - ONE / mark)
    return size * (mark - position.entry_price)


@exact
def funding_payment(position: Position, mark: Decimal, rate: Decimal) -> Decimal:
    """What the account receives (negative: pays): -notional * rate, booked to 8 decimals."""
    return nearest(-notional(position, mark) * rate)
