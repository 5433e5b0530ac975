"""What is left when the book cannot close positions within their margin: insurance fund, then ADL.

Automatic deleveraging takes from the most leveraged winners first. Venues rank by profit and leverage in ways
they do not publish in full: this is the rule that leaves the least leverage behind, a lower bound of harm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vault.risk.cascade.checks import array, number, refused
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.series import FloatArray

# A slice of the ladder fills along the book: its shortfall is the mean over this many equal parts.
PARTS: Final = 16


@dataclass(frozen=True, slots=True, eq=False)
class Shortfall:
    """What slices lose beyond their margin: `losses` (USD) and `notional` (USD sold beyond it) by level.

    `complete` is false for a cascade without an end: then it covers the grid only, a lower bound.
    """

    losses: FloatArray
    notional: FloatArray
    complete: bool

    @property
    def total(self) -> float:
        return float(self.losses.sum())


@dataclass(frozen=True, slots=True, eq=False)
class AdlOutcome:
    """Who pays: the fund, then the other side, whose positions are closed by `cuts` (USD each).

    `uncovered`: USD of losses beyond the fund. `unassigned`: USD that nobody is left to be closed against.
    """

    paid_by_fund: float
    uncovered: float
    cuts: FloatArray
    unassigned: float


def shortfall(curve: CascadeCurve, shock: float, maintenance: float) -> Shortfall:
    """The slices triggered by a shock, and what each loses when it is filled beyond its bankruptcy price.

    A slice triggered at x is bankrupt once sold at x + m: at exp(-x) * (1 - m) of the present price for a
    long, exp(x) * (1 + m) for a short (m: maintenance margin, a share of notional). The n-th forced USD is
    filled at s + D^-1(n), because all forced before it stands ahead in the book. Notional is counted at the
    present price.
    """
    number("shock", shock, above=True)
    number("maintenance", maintenance, most=1.0 - 1e-9)
    reach = float(curve.reach(shock)[0])
    ladder, grid = curve.ladder, curve.ladder.grid
    triggered = ladder.triggered if reach > grid.end else np.minimum(ladder.triggered, ladder.at(reach)[0])
    before = np.concatenate(([0.0], triggered[:-1]))
    slices = triggered - before
    held = np.flatnonzero(slices > 0.0)
    moves = np.minimum(grid.moves, reach)[held, None]
    ahead = before[held, None] + slices[held, None] * ((np.arange(PARTS) + 0.5) / PARTS)
    filled = np.maximum(shock + curve.depth.move_for(curve.push * ahead.ravel()).reshape(ahead.shape), moves)
    if ladder.side == "long":
        lost = np.exp(-moves) * (1.0 - maintenance) - np.exp(-filled)
    else:
        lost = np.exp(filled) - np.exp(moves) * (1.0 + maintenance)
    losses, sold = np.zeros(grid.levels), np.zeros(grid.levels)
    losses[held] = slices[held] * np.maximum(lost, 0.0).mean(axis=1)
    sold[held] = slices[held] * (lost > 0.0).mean(axis=1)
    return Shortfall(losses, sold, reach <= grid.end or ladder.beyond == 0.0)


def water_fill(sizes: npt.ArrayLike, equities: npt.ArrayLike, amount: float) -> FloatArray:
    """Cuts that sum to `amount` and leave the least largest leverage: cut_i = max(0, q_i - level * e_i).

    The level is exact: with accounts sorted by leverage q/e, lowering the first k to the leverage of the next
    takes A_k = Q_k - l_(k+1) * E_k, which rises in k; so k is found by search and level = (Q_k - amount) /
    E_k. Nobody is cut below zero; more than all sizes together takes everything. An account without equity is
    cut first, in proportion to size. Source: "Risk-Based Auto-Deleveraging", arXiv:2603.15963, the
    leverage-draining rule.
    """
    size = array("sizes", sizes)
    equity = array("equities", equities, length=size.size)
    number("amount", amount)
    whole = float(size.sum())
    if amount >= whole:
        return size.copy()
    bare = equity == 0.0
    first = float(size[bare].sum())
    if amount <= first:
        return np.where(bare, size * (amount / first if first else 0.0), 0.0)
    leverage = np.divide(size, equity, out=np.zeros(size.size), where=~bare)
    order = np.argsort(-leverage, kind="stable")
    order = order[~bare[order]]
    sums, equities_of = np.cumsum(size[order]), np.cumsum(equity[order])
    following = np.append(leverage[order][1:], 0.0)
    chosen = int(np.searchsorted(sums - following * equities_of, amount - first))
    chosen = min(chosen, order.size - 1)
    level = (sums[chosen] - (amount - first)) / equities_of[chosen]
    return np.where(bare, size, np.clip(size - level * equity, 0.0, size))


def deleverage(
    found: Shortfall, insurance_fund: float, sizes: npt.ArrayLike, equities: npt.ArrayLike
) -> AdlOutcome:
    """The fund pays losses in the order of levels; what it leaves is closed against the other side.

    `sizes` and `equities` (USD) are the positions on the other side. Slices whose loss the fund does not
    cover are taken over by them at the bankruptcy price, so they are cut by the notional of those slices.
    """
    fund = number("insurance_fund", insurance_fund)
    size = array("sizes", sizes)
    if not np.isfinite(found.losses).all():
        raise refused("losses", "a finite shortfall", "a price without a ceiling: the book never takes it")
    before = np.cumsum(found.losses) - found.losses
    left = np.clip(found.losses - np.maximum(fund - before, 0.0), 0.0, None)
    share = np.divide(left, found.losses, out=np.zeros(left.size), where=found.losses > 0.0)
    notional = float((found.notional * share).sum())
    cuts = water_fill(size, equities, notional)
    paid = min(fund, found.total)
    return AdlOutcome(paid, found.total - paid, cuts, max(0.0, notional - float(cuts.sum())))
