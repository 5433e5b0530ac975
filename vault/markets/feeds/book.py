"""How deep an order book is: spread, and what is bid within 10 basis points and 1 % below the mid. Pure.

Refuses a crossed or empty book. A depth is None where the visible book ends above its price: the book goes
on, we do not see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from vault.errors import VenueError
from vault.markets.feeds.answers import items, number
from vault.money import CONTEXT

TEN_BASIS_POINTS: Final = Decimal("0.001")
ONE_PERCENT: Final = Decimal("0.01")

Level = tuple[Decimal, Decimal]
"""Price and quantity in base units."""


@dataclass(frozen=True, slots=True)
class Depth:
    """`spread` and `mid` in the quote; quantities in base units, None where the book is not seen so far."""

    spread: Decimal
    mid: Decimal
    bid_10bp: Decimal | None
    bid_1pct: Decimal | None


def depth_of(bids: Sequence[Level], asks: Sequence[Level]) -> Depth:
    """Depth of a book, best levels first. Raises `VenueError`."""
    if not bids or not asks or bids[0][0] >= asks[0][0] or bids[-1][0] <= 0:
        raise VenueError("bad_answer", "expected a book with bids below asks")
    if any(later[0] >= earlier[0] for earlier, later in pairwise(bids)):
        raise VenueError("bad_answer", "expected bids that fall from level to level")
    mid = CONTEXT.divide(bids[0][0] + asks[0][0], Decimal(2))

    def down_to(share: Decimal) -> Decimal | None:
        limit = CONTEXT.multiply(mid, 1 - share)
        if bids[-1][0] > limit:
            return None
        return sum((quantity for price, quantity in bids if price >= limit), Decimal(0))

    return Depth(asks[0][0] - bids[0][0], mid, down_to(TEN_BASIS_POINTS), down_to(ONE_PERCENT))


def levels(answer: Any, in_base: Callable[[Decimal, Decimal], Decimal], *path: str | int) -> list[Level]:
    """A side of a book; `in_base` turns (quantity as sent, price) into base units. Raises `VenueError`."""
    found = []
    for level in items(answer, *path):
        if not isinstance(level, list) or len(level) < 2:
            raise VenueError("bad_answer", f"{path[-1]}: expected [price, quantity] pairs")
        price, sent = number(level[0], str(path[-1])), number(level[1], str(path[-1]))
        if price <= 0 or sent < 0:
            raise VenueError("bad_answer", f"{path[-1]}: expected prices above zero and no negative quantity")
        found.append((price, in_base(sent, price)))
    return found
