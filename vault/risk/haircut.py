"""Collateral after haircuts: what a balance of an asset counts as margin, in USD.

Tiers are marginal, and a haircut never makes a debt smaller. Sources: Binance "Multi-Assets Mode" (ask side
for debts), OKX "Discount rate", Bybit "Tiered Collateral Value Ratio".
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from vault.risk.exact import ONE, ZERO, exact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vault.model import Collateral


@exact
def debt_ratio(item: Collateral) -> Decimal:
    """What a unit of debt counts at."""
    return 2 - item.ratio if item.debt_ratio is None else item.debt_ratio


@exact
def best_ratio(item: Collateral) -> Decimal:
    """What the first unit counts at: no unit counts for more, so nothing computed by it moves too much."""
    return item.tiers[0].ratio if item.tiers else item.ratio


@exact
def counted_units(item: Collateral, net: Decimal) -> Decimal:
    """A net balance after haircuts, in the asset's units: sum over tiers of part * ratio."""
    if net < 0:
        return net * debt_ratio(item)
    if not item.tiers:
        return net * item.ratio
    return sum((part * ratio for part, ratio in _parts(item, net)), ZERO)


def _parts(item: Collateral, net: Decimal) -> Iterator[tuple[Decimal, Decimal]]:
    for tier in item.tiers:
        top = net if tier.cap is None else min(net, tier.cap)
        if top > tier.floor:
            yield top - tier.floor, tier.ratio
    # Beyond the last cap nothing counts.


@exact
def piece(item: Collateral, net: Decimal) -> tuple[Decimal, Decimal]:
    """(constant, ratio) with counted = constant + ratio * net on the piece around `net`, in asset units."""
    if net < 0:
        return ZERO, debt_ratio(item)
    if not item.tiers:
        return ZERO, item.ratio
    for tier in item.tiers:
        if net <= (net if tier.cap is None else tier.cap):
            return counted_units(item, tier.floor) - tier.floor * tier.ratio, tier.ratio
    last = item.tiers[-1].cap or ZERO
    return counted_units(item, last), ZERO


def bend_points(item: Collateral) -> tuple[Decimal, ...]:
    """Net balances at which the ratio changes: zero, and each tier's floor and last cap."""
    floors = [tier.floor for tier in item.tiers]
    last = [item.tiers[-1].cap] if item.tiers else []
    return (ZERO, *floors, *(cap for cap in last if cap is not None))


def tiers_join(item: Collateral) -> bool:
    """True when the tiers begin at zero, join, and their ratios lie in 0..1 and never rise."""
    expected, before = ZERO, ONE
    for index, tier in enumerate(item.tiers):
        last = index == len(item.tiers) - 1
        if not all(number.is_finite() for number in (tier.floor, tier.ratio, tier.cap or ZERO)):
            return False
        if tier.floor != expected or not 0 <= tier.ratio <= before:
            return False
        if tier.cap is None:
            return last
        if tier.cap <= tier.floor:
            return False
        expected, before = tier.cap, tier.ratio
    return True
