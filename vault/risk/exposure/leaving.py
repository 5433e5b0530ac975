"""What leaving a position costs in a given order book, now and after market makers have stepped back.

Pure and exact. A book says nothing beyond its last level: what does not fit is named, never filled for free,
and the cost of what fits is no cost of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Literal

from vault.errors import MarketDataError
from vault.risk.contract import base_size
from vault.risk.exact import ONE, ZERO, exact, rounded
from vault.risk.exposure.book import Book, closing_levels, stressed_book
from vault.risk.pool import prices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vault.model import MarginAccount, Position

BP: Final = Decimal(10_000)
BEYOND: Final = "beyond the visible book"


@dataclass(frozen=True, slots=True)
class Leaving:
    """Closing `size` base units at once. `cost_usd` and `bp` are against the mid, half the spread included.

    `unfilled` is what the visible book cannot take; above zero both are None, because nobody knows.
    `filled_cost_usd` is the cost of the part that fits: the whole costs more.
    """

    size: Decimal
    filled: Decimal
    unfilled: Decimal
    filled_cost_usd: Decimal
    cost_usd: Decimal | None
    bp: Decimal | None

    @property
    def verdict(self) -> str:
        return BEYOND if self.unfilled else "within the visible book"


@dataclass(frozen=True, slots=True)
class Closable:
    """The largest size (base units) that closes at `bp` or less on average; `whole_book`: nothing more is
    visible, so that it is at least this."""

    size: Decimal
    bp: Decimal
    whole_book: bool


@exact
def cost_of_leaving(
    book: Book, side: Literal["long", "short"], size: Decimal, quote_price: Decimal = ONE
) -> Leaving:
    """Walk the book; `quote_price`: USD for a unit of the quote. Raises `MarketDataError` for a bad size."""
    if not size.is_finite() or size < 0:
        raise MarketDataError("bad_size", f"{book.symbol}: expected a size of 0 or more, found {size}")
    left, paid = size, ZERO
    for level in closing_levels(book, side):
        if left <= 0:
            break
        part = min(left, level.size)
        paid += part * abs(book.mid - level.price)
        left -= part
    paid *= quote_price
    if left > 0:
        return Leaving(size, size - left, left, paid, None, None)
    bp = rounded(paid / (size * book.mid * quote_price) * BP, 4) if size else ZERO
    return Leaving(size, size, ZERO, paid, paid, bp)


def cost_of_position(book: Book, position: Position, quote_price: Decimal = ONE) -> Leaving:
    """Closing the whole of a position; an inverse contract by its size in base units at the present mark."""
    return cost_of_leaving(book, position.side, base_size(position), ONE if position.inverse else quote_price)


@exact
def closable_within(book: Book, side: Literal["long", "short"], limit_bp: Decimal) -> Closable:
    """How much closes at an average of at most `limit_bp` from the mid, in the visible book."""
    if not limit_bp.is_finite() or limit_bp < 0:
        raise MarketDataError("bad_limit", f"expected basis points of 0 or more, found {limit_bp}")
    allowed = limit_bp / BP * book.mid
    size, paid = ZERO, ZERO
    for level in closing_levels(book, side):
        away = abs(book.mid - level.price)
        if paid + away * level.size > allowed * (size + level.size):
            # (paid + away * part) / (size + part) = allowed
            return Closable(size + (allowed * size - paid) / (away - allowed), limit_bp, whole_book=False)
        size += level.size
        paid += away * level.size
    return Closable(size, limit_bp, whole_book=True)


@dataclass(frozen=True, slots=True)
class PositionLeaving:
    """Leaving one position now and in the stressed book; `missing` names the input that is not there.

    `size` is in base units. `grain` says what is not exact about the book, `observed_at` how old it is.
    """

    account: str
    symbol: str
    side: Literal["long", "short"]
    size: Decimal
    now: Leaving | None = None
    stressed: Leaving | None = None
    closable: Closable | None = None
    closable_stressed: Closable | None = None
    observed_at: datetime | None = None
    grain: str = ""
    missing: tuple[str, ...] = ()


@exact
def leaving_of(
    account: MarginAccount,
    books: Sequence[Book],
    limit_bp: Decimal,
    remaining: Callable[[Decimal], Decimal] | None,
) -> tuple[PositionLeaving, ...]:
    """Every open position of an account in its own venue's book of its own contract.

    `remaining`: the share of quotes that is left at a log distance under stress; None: not known, and then
    nothing is said of the stressed book.
    """
    return tuple(
        _leaving(account, position, books, limit_bp, remaining)
        for position in account.positions
        if position.size
    )


def _leaving(
    account: MarginAccount,
    position: Position,
    books: Sequence[Book],
    limit_bp: Decimal,
    remaining: Callable[[Decimal], Decimal] | None,
) -> PositionLeaving:
    named = (account.name, position.symbol, position.side, base_size(position))
    book = next(
        (b for b in books if b.venue in {account.name, account.exchange} and b.symbol == position.symbol),
        None,
    )
    side = "bids" if position.side == "long" else "asks"
    if book is None or not closing_levels(book, position.side):
        return PositionLeaving(*named, missing=(f"{side} of {position.symbol} at {account.name}",))
    price = prices_of(account).get(position.settle)
    if price is None and not position.inverse:
        return PositionLeaving(*named, missing=(f"a price of {position.settle or 'the quote'}",))
    quote = price or ONE
    there = None if remaining is None else stressed_book(book, remaining)
    return PositionLeaving(
        *named,
        now=cost_of_position(book, position, quote),
        stressed=None if there is None else cost_of_position(there, position, quote),
        closable=closable_within(book, position.side, limit_bp),
        closable_stressed=None if there is None else closable_within(there, position.side, limit_bp),
        observed_at=book.observed_at,
        grain=book.grain,
        missing=() if there is not None else ("what is left of the book under stress",),
    )
