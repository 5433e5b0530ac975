"""At which mark price one position is liquidated while all else stands still, by each venue's own rule.

Pure and exact. Refuses to name a price where no positive one liquidates. Sources: Binance "How to Calculate
Liquidation Price of USD-M Futures Contracts"; Bybit "How to calculate Liquidation Price (Inverse Contract)",
"Liquidation Price Calculation under Isolated Mode (Unified Trading Account)".
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.risk.contract import base_size, bracket_at, notional, position_margin, side_of, unrealised_pnl
from vault.risk.exact import ONE, ZERO, exact
from vault.risk.haircut import counted_units
from vault.risk.pool import cross_positions, prices_of, shared_balance

if TYPE_CHECKING:
    from vault.model import MarginAccount, Position

# Venues that reckon an isolated position's maintenance margin from its entry, not from the mark.
BY_ENTRY: Final = frozenset({"bybit"})


@exact
def liquidation_price(account: MarginAccount, position: Position) -> Decimal | None:
    """The mark price that liquidates this position. None when there is none, or nothing says its margin."""
    if base_size(position) == 0:
        return None
    if not position.isolated:
        return cross_price(account, position)
    if position.isolated_margin is None:
        return None
    if account.exchange in BY_ENTRY:
        return isolated_price_by_entry(position, position.isolated_margin)
    return isolated_price(position, position.isolated_margin)


@exact
def cross_price(account: MarginAccount, position: Position) -> Decimal | None:
    """The margin that all cross positions share is this one's, less what the others need.

    Collateral is what its units count at after haircuts, in the settlement asset at present prices; other
    positions stand at their present marks. The bracket is the present one, as venues show it.
    """
    prices = prices_of(account)
    price = prices.get(position.settle, ONE)
    margin = ZERO
    for item in account.collateral:
        margin += counted_units(item, shared_balance(account, item)) * item.price / price
    for other in cross_positions(account):
        if other is not position:
            rate = prices.get(other.settle, ONE) / price
            margin += unrealised_pnl(other, other.mark_price) * rate
            margin -= position_margin(other, other.mark_price) * rate
    return isolated_price(position, margin)


@exact
def isolated_price(position: Position, margin: Decimal) -> Decimal | None:
    """The price at which `margin` (settlement asset) and profit meet maintenance margin at the mark.

    Linear: (margin + cum - side*q*entry) / (q*rate - side*q); inverse: q*(side + rate) / (margin + cum +
    side*q/entry). A rate that rises with size is taken at the present size.
    """
    side, size = side_of(position), position.size
    bracket = bracket_at(position.brackets, notional(position, position.mark_price))
    rate = bracket.rate + position.rate_per_unit * base_size(position)
    if position.inverse:
        above, below = size * (side + rate), margin + bracket.cum + side * size / position.entry_price
    else:
        above, below = margin + bracket.cum - side * size * position.entry_price, size * (rate - side)
    if below == 0:
        return None
    price = above / below
    return price if price > 0 else None


@exact
def isolated_price_by_entry(position: Position, margin: Decimal) -> Decimal | None:
    """Maintenance margin of the value at entry. Linear: entry - side*(margin - MM)/q; inverse:
    q / (q/entry + side*(margin - MM))."""
    side = side_of(position)
    spare = margin - position_margin(position, position.entry_price)
    if not position.inverse:
        price = position.entry_price - side * spare / position.size
        return price if price > 0 else None
    below = position.size / position.entry_price + side * spare
    return position.size / below if below > 0 else None


@exact
def bankruptcy_price(position: Position, balance: Decimal, fee: Decimal) -> Decimal | None:
    """The price at which closing the position at taker `fee` leaves nothing of `balance` (settlement asset).

    Linear: (entry - side*balance/q) / (1 - side*fee); inverse: (1 + side*fee) * q / (q/entry + side*balance).
    """
    side = side_of(position)
    if not position.inverse:
        price = (position.entry_price - side * balance / position.size) / (ONE - side * fee)
        return price if price > 0 else None
    below = position.size / position.entry_price + side * balance
    return (ONE + side * fee) * position.size / below if below > 0 else None
