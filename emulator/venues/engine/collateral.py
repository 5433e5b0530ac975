"""How much an asset counts as margin: a haircut, or tiers of ratios that fall with the amount. Pure.

A debt is never discounted; where an exchange charges more than the index for it, that is `debt_premium`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from emulator.venues.engine.exact import ONE, ZERO, exact


@dataclass(frozen=True, slots=True)
class CollateralTier:
    """`ratio` counts for the part of the amount up to `up_to` units of the asset; None: without end."""

    up_to: Decimal | None
    ratio: Decimal


@dataclass(frozen=True, slots=True)
class CollateralRule:
    """Tiers lowest first. A plain haircut is one tier without end."""

    asset: str
    tiers: tuple[CollateralTier, ...]
    debt_premium: Decimal = ZERO

    @property
    def haircut(self) -> Decimal:
        """Of the first tier."""
        return ONE - self.tiers[0].ratio

    @exact
    def counted(self, amount: Decimal) -> Decimal:
        """Units of the asset that count as margin: every tier at its own ratio, a debt with its premium."""
        if amount < ZERO:
            return amount * (ONE + self.debt_premium)
        total, floor = ZERO, ZERO
        for tier in self.tiers:
            top = amount if tier.up_to is None else min(amount, tier.up_to)
            if top > floor:
                total += (top - floor) * tier.ratio
                floor = top
        return total


def with_haircut(asset: str, haircut: Decimal) -> CollateralRule:
    """Counted at index*(1-haircut), owed at index*(1+haircut)."""
    return CollateralRule(asset, (CollateralTier(None, ONE - haircut),), haircut)


@exact
def tiered(asset: str, *tiers: tuple[str | None, str]) -> CollateralRule:
    """From (upper end in units or None, ratio) pairs; raises ValueError unless the ends rise."""
    built = tuple(CollateralTier(None if end is None else Decimal(end), Decimal(r)) for end, r in tiers)
    ends = [tier.up_to for tier in built if tier.up_to is not None]
    if ends != sorted(set(ends)) or any(tier.up_to is None for tier in built[:-1]):
        raise ValueError(f"expected rising tier ends in {asset}, found {tiers}")
    return CollateralRule(asset, built)
