"""The public record of a market: candles of each price, trades with the forced ones marked, open interest.

Derived from what the market holds and from the accounts' positions; nothing here changes anything. Candles
are hourly as told, longer ones are made of them, and shorter ones do not exist.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from emulator.venues.engine.exact import ZERO, exact
from emulator.venues.engine.market import HOUR_MS, Candle, SymbolMarket
from emulator.venues.engine.venue import Venue

Window = tuple[int | None, int | None]
SELL, BUY = "SELL", "BUY"


class Price(StrEnum):
    """Which price a candle is of."""

    SPOT = "spot"
    LAST = "last"
    MARK = "mark"


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade; `side` is the taker's, `forced` when a liquidation took."""

    id: int
    time_ms: int
    price: Decimal
    quantity: Decimal
    side: str
    forced: bool = False


@exact
def open_interest(venue: Venue, market: SymbolMarket) -> Decimal:
    """Contracts: the set base, and what the accounts here hold against everybody else."""
    held = (
        abs(position.quantity)
        for account in venue.accounts.values()
        for position in account.positions.values()
        if position.symbol == market.symbol
    )
    return market.open_interest + sum(held, ZERO)


def candles(market: SymbolMarket, price: Price, span_ms: int = HOUR_MS) -> list[Candle]:
    """Oldest first; those of the spot price stand for a price of which none were told."""
    own = {Price.LAST: market.perp_candles, Price.MARK: market.mark_candles}.get(price) or market.candles
    return list(own) if span_ms == HOUR_MS else list(_joined(own, span_ms))


def _joined(hours: Iterable[Candle], span_ms: int) -> Iterable[Candle]:
    groups: dict[int, list[Candle]] = {}
    for candle in hours:
        groups.setdefault(candle.open_ms // span_ms * span_ms, []).append(candle)
    for start, group in groups.items():
        yield Candle(
            start,
            group[0].open,
            max(candle.high for candle in group),
            min(candle.low for candle in group),
            group[-1].close,
            sum((candle.volume for candle in group), ZERO),
        )


def trades(venue: Venue, market: SymbolMarket) -> list[Trade]:
    """Every forced trade of a contract, and one of nobody's at the last price, oldest first."""
    forced = [each for each in venue.market.liquidations if each.symbol == market.symbol]
    found = [
        Trade(number, each.time_ms, each.price, each.quantity, each.side.upper(), forced=True)
        for number, each in enumerate(sorted(forced, key=lambda each: each.time_ms), start=1)
    ]
    return [*found, last_trade(venue, market, len(found) + 1)]


def last_trade(venue: Venue, market: SymbolMarket, number: int = 1) -> Trade:
    """A small trade that has just been."""
    return Trade(number, venue.clock.now_ms(), market.last, market.step, BUY)
