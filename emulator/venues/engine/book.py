"""An order book made from a mid price and a depth: even levels one basis point apart, thinner after a fall.

The share that stays is w = w_min + (1 - w_min) * exp(-drawdown / xi): market makers stepping back. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from emulator.venues.engine.exact import ONE, ZERO, exact

BASIS_POINT = Decimal("0.0001")
LEVELS_IN_ONE_PERCENT = 100
MAX_LEVELS = 1000


@dataclass(frozen=True, slots=True)
class DepthModel:
    """`one_percent` is the base quantity quoted within 1 % on each side of a calm book."""

    one_percent: Decimal
    scale: Decimal = ONE
    stays: Decimal = Decimal("0.1")  # w_min: what never leaves
    retreat: Decimal = Decimal("0.06")  # xi: a 6 % fall drives 63 % of the rest away


@dataclass(frozen=True, slots=True)
class Level:
    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Book:
    """Best level first on both sides."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@exact
def share_left(model: DepthModel, drawdown: Decimal) -> Decimal:
    """The share of calm depth that is still quoted after a fall of `drawdown` (0.1 = 10 %)."""
    fallen = max(ZERO, drawdown)
    return model.scale * (model.stays + (ONE - model.stays) * (-fallen / model.retreat).exp())


@exact
def build(
    mid: Decimal, model: DepthModel, drawdown: Decimal, *, tick: Decimal, step: Decimal, levels: int
) -> Book:
    """At most `levels` price levels a side; levels whose quantity rounds to nothing are left out."""
    share = share_left(model, drawdown)
    count = max(0, min(levels, MAX_LEVELS))
    quantity = (model.one_percent * share / LEVELS_IN_ONE_PERCENT).quantize(step, rounding=ROUND_FLOOR)
    if quantity <= ZERO:
        return Book((), ())
    bids = tuple(
        _level(mid * (ONE - BASIS_POINT * n), tick, ROUND_FLOOR, quantity) for n in range(1, count + 1)
    )
    asks = tuple(
        _level(mid * (ONE + BASIS_POINT * n), tick, ROUND_CEILING, quantity) for n in range(1, count + 1)
    )
    return Book(tuple(b for b in bids if b.price > ZERO), asks)


def _level(price: Decimal, tick: Decimal, rounding: str, quantity: Decimal) -> Level:
    ticks = (price / tick).to_integral_value(rounding=rounding)
    return Level(ticks * tick, quantity)
