"""Stress scenarios of one account, and the joint move that takes it to liquidation.

Refuses ratios: what decides is excess in USD, because a ratio of maintenance margin to a negative
equity is negative and passes every "is it below one half" check.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from vault.model import ScenarioResult
from vault.risk.exact import ONE, ZERO, exact, rounded, trimmed
from vault.risk.margin import bracket_at, equity, maintenance_margin, quote_of, shock_of, unit_value

if TYPE_CHECKING:
    from vault.model import Collateral, MarginAccount, Position

# Digits of a joint distance: finer than any price is quoted, short enough to write down.
DISTANCE_DIGITS = 12


@dataclass(frozen=True, slots=True)
class Scenario:
    """A move of all prices together by the share `shock` (-0.1: a fall of 10 %)."""

    name: str
    shock: Decimal


def joint_scenarios(size: Decimal) -> tuple[Scenario, ...]:
    """The fall and the rise of all prices by `size` (0 < size < 1).

    Excess is concave in the move (equity is linear or kinks downward, maintenance margin is convex), so
    no smaller joint move leaves less than the worse of these two.
    """
    percent = f"{trimmed(size * 100):f} %"
    return (Scenario(f"joint -{percent}", -size), Scenario(f"joint +{percent}", size))


@exact
def run_scenario(account: MarginAccount, scenario: Scenario, maintenance_multiple: Decimal) -> ScenarioResult:
    """Equity after haircuts, maintenance margin and excess = equity - k * maintenance, in USD."""
    after = equity(account, scenario.shock)
    margin = maintenance_margin(account, scenario.shock)
    return ScenarioResult(
        scenario=scenario.name,
        equity=after,
        maintenance_margin=margin,
        excess=trimmed(after - maintenance_multiple * margin),
        unit_values=tuple((item.asset, unit_value(item, scenario.shock)) for item in account.collateral),
    )


@exact
def joint_distance(account: MarginAccount) -> Decimal | None:
    """The least common move of all prices, as a share, at which equity meets maintenance margin.

    Equity minus maintenance margin is piecewise linear in the move: it bends where a position's notional
    enters another bracket and where an asset's net balance changes sign. Each piece is solved exactly,
    walking outwards from zero. Negative: a fall. Zero: it is met already. None: not within (-1, +1).
    """
    if equity(account, ZERO) <= maintenance_margin(account, ZERO):
        return ZERO if account.positions else None
    bends = _bends(account)
    fall = _first_root(account, [ZERO, *sorted((b for b in bends if b < 0), reverse=True), -ONE])
    rise = _first_root(account, [ZERO, *sorted(b for b in bends if b > 0), ONE])
    met = [root for root in (fall, rise) if root is not None]
    if not met:
        return None
    return rounded(min(met, key=lambda root: (abs(root), root)), DISTANCE_DIGITS)


def _bends(account: MarginAccount) -> set[Decimal]:
    """Moves within (-1, +1) at which the slope of equity or of maintenance margin changes."""
    bends: set[Decimal] = set()
    for position in _cross(account):
        notional = position.size * position.mark_price
        if notional:
            bends.update(bracket.floor / notional - 1 for bracket in position.brackets)
            bends.update(b.cum / (b.rate * notional) - 1 for b in position.brackets if b.rate)
    for item in account.collateral:
        constant, slope = _net_line(item, account)
        if slope:
            bends.add(-constant / slope)
    return {bend for bend in bends if -1 < bend < 1 and bend != 0}


def _cross(account: MarginAccount) -> list[Position]:
    return [position for position in account.positions if not position.isolated]


def _net_line(item: Collateral, account: MarginAccount) -> tuple[Decimal, Decimal]:
    """Net balance of an asset as constant + slope * move, in the asset's units."""
    constant, slope = item.balance, ZERO
    for position in _cross(account):
        if quote_of(position) == item.asset:
            side = ONE if position.side == "long" else -ONE
            constant += side * position.size * (position.mark_price - position.entry_price)
            slope += side * position.size * position.mark_price
    return constant, slope


def _margin_line(account: MarginAccount, near: Decimal) -> tuple[Decimal, Decimal]:
    """Equity minus maintenance margin as constant + slope * move, valid on the piece around `near`.

    Only a non-stable asset's price moves and only a stable asset settles a contract, so each asset's
    term is linear: either its price moves or its net balance does.
    """
    constant = slope = ZERO
    prices = {item.asset: item.price for item in account.collateral}
    for item in account.collateral:
        net, change = _net_line(item, account)
        value = item.price * (item.ratio if net + change * near >= 0 else 2 - item.ratio)
        constant += net * value
        slope += change * value + (net * value if shock_of(item.asset, ONE) else ZERO)
    for position in _cross(account):
        notional = position.size * position.mark_price
        price = prices.get(quote_of(position), ONE)
        bracket = bracket_at(position.brackets, notional * (1 + near))
        if notional * (1 + near) * bracket.rate > bracket.cum:
            constant -= (notional * bracket.rate - bracket.cum) * price
            slope -= notional * bracket.rate * price
        if quote_of(position) not in prices:
            side = ONE if position.side == "long" else -ONE
            constant += side * position.size * (position.mark_price - position.entry_price)
            slope += side * notional
    return constant, slope


def _first_root(account: MarginAccount, points: list[Decimal]) -> Decimal | None:
    """The first point on the way outwards, piece by piece, where the margin line is not above zero."""
    for start, end in itertools.pairwise(points):
        constant, slope = _margin_line(account, (start + end) / 2)
        if constant + slope * start <= 0:
            return start
        if constant + slope * end <= 0 and slope:
            root = -constant / slope
            return None if abs(root) >= 1 else root
    return None
