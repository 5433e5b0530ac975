"""An order book as it stands, and as it would stand after market makers have stepped back.

Pure and exact. Refuses levels out of order; says nothing about what lies beyond the last one.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from vault.errors import MarketDataError
from vault.risk.exact import ONE, ZERO, exact, rounded

if TYPE_CHECKING:
    from collections.abc import Callable

    from vault.model import MarketReading

# Digits of a share of depth that is left: the model behind it is no finer.
SHARE_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """How far market makers step back: parameters of the cascade model's depth after a log move `shock`."""

    shock: float
    xi: float
    w_min: float


# A judgement until it is estimated: once the price has fallen by a tenth three tenths of the quotes are left,
# which is where a book counts as thin; two tenths never leave.
JUDGED_STRESS: Final = Withdrawal(shock=0.10536, xi=0.05, w_min=0.2)


@dataclass(frozen=True, slots=True)
class Level:
    """Quantity in base units at a price in quote units."""

    price: Decimal
    size: Decimal


@dataclass(frozen=True, slots=True)
class Book:
    """One contract's order book, best price first. `grain`: what is not exact about it; "": nothing."""

    venue: str
    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    mid: Decimal
    observed_at: datetime
    grain: str = ""

    def __post_init__(self) -> None:
        for level in (*self.bids, *self.asks, Level(self.mid, ZERO)):
            if not (level.price.is_finite() and level.size.is_finite()) or level.price <= 0 or level.size < 0:
                raise MarketDataError("bad_book", f"{self.symbol}: a price or a size out of range")
        for levels, sign in ((self.bids, 1), (self.asks, -1)):
            prices = [level.price * sign for level in levels]
            if any(later >= earlier for earlier, later in itertools.pairwise(prices)):
                raise MarketDataError("bad_book", f"{self.symbol}: levels out of order")
            if prices and prices[0] > self.mid * sign:
                raise MarketDataError("bad_book", f"{self.symbol}: the mid is not between bids and asks")


@exact
def book_of(reading: MarketReading) -> Book | None:
    """The bids that two depths of a market reading prove, each at the far edge of its band.

    A cost by it is an upper bound. Nothing is known of asks. None: the reading has no mark price or no depth.
    """
    mid = reading.mark_price
    near, all_ = reading.depth_bid_10bp, reading.depth_bid_1pct
    told = [depth for depth in (near, all_) if depth is not None]
    if mid is None or mid <= 0 or not told or min(told) < 0 or told != sorted(told):
        return None
    bids = [] if near is None else [Level(mid * Decimal("0.999"), near)]
    if all_ is not None:
        bids.append(Level(mid * Decimal("0.99"), all_ - (near or ZERO)))
    return Book(
        reading.venue,
        reading.symbol,
        tuple(bids),
        (),
        mid,
        reading.observed_at,
        grain="from depth at 10 bp and 1 %: an upper bound",
    )


def closing_levels(book: Book, side: Literal["long", "short"]) -> tuple[Level, ...]:
    """A long sells into the bids, a short buys from the asks."""
    return book.bids if side == "long" else book.asks


@exact
def stressed_book(book: Book, remaining: Callable[[Decimal], Decimal]) -> Book:
    """Each level with the share of it that is left, by its distance from the mid as a log move.

    Prices stand: the cost is in basis points of the mid, and in dollars of now. Raises `MarketDataError` for
    a share that is none.
    """

    def left(levels: tuple[Level, ...]) -> tuple[Level, ...]:
        kept = []
        for level in levels:
            share = remaining(abs((level.price / book.mid).ln()))
            if not share.is_finite() or not 0 <= share <= 1:
                raise MarketDataError("bad_share", f"expected a share of depth from 0 to 1, found {share}")
            kept.append(Level(level.price, level.size * share))
        return tuple(kept)

    return Book(
        book.venue, book.symbol, left(book.bids), left(book.asks), book.mid, book.observed_at, book.grain
    )


def remaining_after(shock: float, *, xi: float, w_min: float) -> Callable[[Decimal], Decimal]:
    """What is left of quotes at a log distance u once the price has moved by `shock` (a log move).

    D'(shock + u) / D'(0) of the cascade model's depth: w_min + (1 - w_min) * exp(-(shock + u) / xi). Deep
    bids are in no book that can be seen, and are left out. Raises `MarketDataError` for bad parameters.
    """
    from vault.risk.cascade.depth import Depth

    there = Depth(1.0, xi, w_min).stressed(shock)

    def share(distance: Decimal) -> Decimal:
        left = Decimal(float(there.density(float(distance))[0]))
        return rounded(min(ONE, max(ZERO, left)), SHARE_DIGITS)

    return share
