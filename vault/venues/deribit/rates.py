"""Deribit's margin rates, which rise with the size of a position. Pure.

The venue publishes them for some contracts; for the others the rate is what its own margin of the position
comes to. Sources: Deribit "Linear Perpetual" (BTC_USDC, SOL_USDC: both rates start and rise as here),
"Change of leverage levels, position sizes and liquidation fees as of 11 January 2022" (inverse BTC, ETH).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final

from vault.model import Bracket
from vault.money import CONTEXT

ZERO: Final = Decimal(0)
# What the venue's margin may differ by from notional times rate: it rounds to nine digits after the point,
# and takes the index of a moment before the mark.
BOUND: Final = Decimal("0.005")
ROUNDING: Final = Decimal("0.01")  # USD
DIGITS: Final = Decimal("1e-12")


@dataclass(frozen=True, slots=True)
class Rate:
    """Maintenance margin = notional * (start + per_unit * size in base units)."""

    start: Decimal
    per_unit: Decimal


# (base, settlement): shares, not percent.
PUBLISHED: Final[dict[tuple[str, str], Rate]] = {
    ("BTC", "BTC"): Rate(Decimal("0.01"), Decimal("0.00005")),
    ("ETH", "ETH"): Rate(Decimal("0.01"), Decimal("0.000004")),
    ("BTC", "USDC"): Rate(Decimal("0.01"), Decimal("0.00005")),
    ("SOL", "USDC"): Rate(Decimal("0.02"), Decimal("0.000005")),
}


def maintenance_rate(
    base: str, settle: str, notional: Decimal, stated: Decimal | None, *, inverse: bool
) -> Rate | None:
    """The published rate, else what the venue's own margin of a linear position comes to; None: unknown.

    A linear position's size does not move with the price, so that the rate of its size is exact for every
    price; an inverse one's does, and without its slope nothing can be said of a fall.
    """
    published = PUBLISHED.get((base, settle))
    if published is not None or inverse or stated is None or stated <= 0 or not notional:
        return published
    rate = CONTEXT.divide(stated, notional)
    return Rate(rate.quantize(DIGITS, rounding=ROUND_CEILING), ZERO)


def margin(rate: Rate, notional: Decimal, size: Decimal) -> Decimal:
    """Maintenance margin in the settlement currency; `size` in base units."""
    return CONTEXT.multiply(notional, CONTEXT.add(rate.start, CONTEXT.multiply(rate.per_unit, size)))


def brackets(rate: Rate | None) -> tuple[Bracket, ...]:
    """The one bracket that a rate is; what rises with size stands in `Position.rate_per_unit`."""
    return () if rate is None else (Bracket(ZERO, None, rate.start, ZERO),)
