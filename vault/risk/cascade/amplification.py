"""What a cascade makes of a shock: amplification, branching ratio, forced notional, price, time.

Static numbers of the present ladder and book: how bad a shock would be, never whether one comes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vault.risk.cascade.checks import array, number
from vault.risk.cascade.depth import log_drop, log_rise
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import Side
from vault.series import FloatArray


@dataclass(frozen=True, slots=True)
class CascadeOutcome:
    """All numbers of one shock. `reach` inf: no end within the grid; what depends on it is inf or a bound."""

    shock: float
    reach: float
    amplification: float
    branching: float
    peak_branching: float
    effective_branching: float
    forced: float
    price: float
    seconds: float

    @property
    def ends(self) -> bool:
        """Whether the model knows where the cascade ends."""
        return math.isfinite(self.reach)


def amplification(reach: npt.ArrayLike, shocks: npt.ArrayLike) -> FloatArray:
    """A = x* / s; 1 where nothing was triggered, inf without an end, 1 for no shock that stays none."""
    shocked = array("shocks", np.atleast_1d(shocks))
    reached = np.atleast_1d(np.asarray(reach, dtype=np.float64))
    found = np.where(reached > shocked, np.inf, 1.0)
    np.divide(reached, shocked, out=found, where=shocked > 0.0)
    return found


def forced_notional(curve: CascadeCurve, shocks: npt.ArrayLike) -> FloatArray:
    """G(x*): USD liquidated by each shock; all of the ladder where the cascade has no end."""
    return curve.ladder.at(curve.reach(shocks))


def forced_per_percent(curve: CascadeCurve) -> float:
    """USD liquidated by a shock of 1 % (a drop for the long side, a rise for the short side)."""
    shock = log_drop(0.01) if curve.ladder.side == "long" else log_rise(0.01)
    return float(forced_notional(curve, shock)[0])


def price_at_end(price: float, reach: float, side: Side = "long") -> float:
    """P0 * exp(-x*), the floor of a fall; P0 * exp(x*), the ceiling of a rise. inf gives 0 and inf."""
    number("price", price, above=True)
    return price * math.exp(-reach) if side == "long" else price * float(np.exp(reach))


def price_path(curve: CascadeCurve, shock: float, generations: int) -> FloatArray:
    """The move after each generation of liquidations: x_0 = s, x_(n+1) = s + D^-1(theta * G(x_n)).

    Never falls, and climbs to x*: the least fixed point is where a path from below stops (Kleene 1952). inf
    from the generation on that the book cannot take. G is read between levels, so it may stop a step short of
    x*.
    """
    number("generations", generations)
    path = np.empty(int(generations) + 1)
    path[0] = number("shock", shock)
    for n in range(1, path.size):
        pushed = curve.push * curve.ladder.at(path[n - 1])
        path[n] = max(path[n - 1], shock + float(curve.depth.move_for(pushed)[0]))
    return path


def branching(curve: CascadeCurve, shocks: npt.ArrayLike) -> FloatArray:
    """R = theta * G'(s) / D'(0): USD that the first forced USD forces in turn; a runaway above 1.

    G' is that of the grid cell which begins at or holds s. inf in an empty book and beyond the grid.
    """
    shocked = array("shocks", np.atleast_1d(shocks))
    grid = curve.ladder.grid
    cell = np.floor(shocked / grid.step + 1e-9).astype(np.int64)
    slopes = np.diff(curve.ladder.triggered) / grid.step
    pushed = curve.push * slopes[np.minimum(cell, slopes.size - 1)]
    found = _ratio(pushed, np.full(shocked.shape, curve.depth.delta))
    return np.where(cell >= slopes.size, np.inf, found)


def peak_branching(curve: CascadeCurve, shock: float) -> float:
    """The largest theta * G'(x) / D'(x - s) on the way from s to x* (D' at the middle of each cell)."""
    reach = float(curve.reach(shock)[0])
    grid = curve.ladder.grid
    first = min(math.floor(shock / grid.step + 1e-9), grid.levels - 2)
    last = grid.levels - 1 if reach > grid.end else max(first + 1, math.ceil(reach / grid.step - 1e-9))
    slopes = np.diff(curve.ladder.triggered)[first:last] / grid.step
    middles = np.maximum(grid.moves[first:last] + 0.5 * grid.step - shock, 0.0)
    return float(_ratio(curve.push * slopes, curve.depth.density(middles)).max())


def seconds_to_exhaustion(
    ratio: float, *, shock: float, end: float, generation_seconds: float, epsilon: float
) -> float:
    """How long the cascade lasts at branching ratio R, one generation of liquidations every tau_g seconds.

    R < 1: R^n = epsilon, so tau_g * ln(epsilon) / ln(R), until a share `epsilon` of the first generation is
    left. R > 1: s * R^n = x_end, so tau_g * ln(x_end / s) / ln(R). R = 1 never exhausts itself (inf); R = 0
    and an infinite R take no time.
    """
    number("generation_seconds", generation_seconds, above=True)
    number("epsilon", epsilon, above=True, most=1.0)
    if math.isnan(ratio) or ratio < 0.0:
        number("ratio", ratio)
    if ratio in {0.0, math.inf}:
        return 0.0
    if ratio == 1.0:
        return math.inf
    if ratio < 1.0:
        return generation_seconds * math.log(epsilon) / math.log(ratio)
    number("shock", shock, above=True)
    return generation_seconds * math.log(max(end / shock, 1.0)) / math.log(ratio)


def outcome(
    curve: CascadeCurve, shock: float, *, price: float, generation_seconds: float, epsilon: float = 0.01
) -> CascadeOutcome:
    """Every number of one shock s > 0 (a log move).

    The time to exhaustion uses the effective branching ratio 1 - s / x* where the cascade ends (the R of a
    linear book with the same amplification, always below 1), and the peak up to the end of the grid where
    not.
    """
    number("shock", shock, above=True)
    reach = float(curve.reach(shock)[0])
    peak = peak_branching(curve, shock)
    effective = 1.0 - shock / reach
    ratio = effective if math.isfinite(reach) else max(peak, 1.0)
    return CascadeOutcome(
        shock=shock,
        reach=reach,
        amplification=reach / shock,
        branching=float(branching(curve, shock)[0]),
        peak_branching=peak,
        effective_branching=effective,
        forced=float(curve.ladder.at(reach)[0]),
        price=price_at_end(price, reach, curve.ladder.side),
        seconds=seconds_to_exhaustion(
            ratio,
            shock=shock,
            end=curve.ladder.grid.end,
            generation_seconds=generation_seconds,
            epsilon=epsilon,
        ),
    )


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """above / below; an empty book makes inf of anything, and nothing of nothing."""
    found = np.where(above > 0.0, np.inf, 0.0)
    np.divide(above, below, out=found, where=below > 0.0)
    return found
