"""Stress scenarios of one account, and the joint move that takes it to liquidation.

Refuses ratios: what decides is excess in USD, because a ratio of maintenance margin to a negative
equity is negative and passes every "is it below one half" check.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.model import ScenarioResult
from vault.risk.contract import Line, margin_bends, margin_line, profit_line
from vault.risk.exact import ONE, ZERO, exact, rounded, trimmed
from vault.risk.haircut import bend_points, piece
from vault.risk.margin import equity, maintenance_margin, shock_of, unit_value
from vault.risk.pool import cross_positions, prices_of, shared_balance

if TYPE_CHECKING:
    from vault.model import Collateral, MarginAccount

# Digits of a joint distance: finer than any price is quoted, short enough to write down.
DISTANCE_DIGITS: Final = 12
# No scenario takes a price further: whatever is left of it is not worth a speed, a lead time or a scale.
GREATEST_MOVE: Final = Decimal("0.99")


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

    Equity minus maintenance margin bends where a position's notional enters another bracket and where an
    asset's net balance changes sign or haircut tier. Between bends it is constant + slope*s + hyper/(1+s);
    each piece is solved exactly, walking outwards from zero. Negative: a fall. Zero: it is met already.
    None: not within (-1, +1).
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
    for position in cross_positions(account):
        bends |= margin_bends(position)
    for item in account.collateral:
        for side in (-ONE, ONE):
            worth, unit = _worth(item, account, side), _unit(item, side)
            for level in bend_points(item):
                away = worth - unit * level
                if away.slope:
                    bends.add(-away.constant / away.slope)
    return {bend for bend in bends if -1 < bend < 1 and bend != 0}


def _unit(item: Collateral, near: Decimal) -> Line:
    """USD value of one unit, on the side of zero where `near` lies."""
    return Line(item.price, item.price if shock_of(item.asset, near) else ZERO)


def _worth(item: Collateral, account: MarginAccount, near: Decimal) -> Line:
    """USD value of an asset's net balance before haircuts, on the side where `near` lies."""
    worth = _unit(item, near) * shared_balance(account, item)
    for position in cross_positions(account):
        if position.settle == item.asset:
            worth += profit_line(position, item.price)
    return worth


def _headroom(account: MarginAccount, near: Decimal) -> Line:
    """Equity minus maintenance margin in USD, valid on the piece around `near`."""
    total = Line(ZERO)
    prices = prices_of(account)
    for item in account.collateral:
        worth, unit = _worth(item, account, near), _unit(item, near)
        constant, ratio = piece(item, worth.at(near) / unit.at(near))
        total += unit * constant + worth * ratio
    for position in cross_positions(account):
        price = prices.get(position.settle, ONE)
        total -= margin_line(position, price, near)
        if position.settle not in prices:
            total += profit_line(position, price)
    return total


def _first_root(account: MarginAccount, points: list[Decimal]) -> Decimal | None:
    """The first point on the way outwards, piece by piece, where the headroom is not above zero."""
    for start, end in itertools.pairwise(points):
        line = _headroom(account, (start + end) / 2)
        if line.at(start) <= 0:
            return start
        if (root := line.first_root(start, end)) is not None:
            return None if abs(root) >= 1 else root
    return None
