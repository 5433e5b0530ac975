"""Many shocks at once, for all assets and accounts: how often the cascade reaches an account.

Shocks are assumed (correlated, heavy-tailed, of given size): a probability here is "under these shocks",
never of the market. Refuses what it cannot draw from; the same seed gives the same numbers whatever the
chunk.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from vault.risk.cascade.checks import array, number, refused
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import Side
from vault.series import FloatArray, IntArray

CHUNK: Final = 16_384
# An uncertain strain is drawn as this many equally likely values, so that each has a curve prepared once.
STRATA: Final = 9
# e^20: a rise without an end, where a number is needed.
HIGHEST_RISE: Final = 20.0
SIDES: Final[tuple[Side, Side]] = ("long", "short")


@dataclass(frozen=True, slots=True)
class AssetModel:
    """The curves of one asset: `falls` with the ladder of longs, `rises` with that of shorts.

    `strain_error`: standard deviation of the log of phi / depth as they are known (0.7: a factor of two). In
    one scenario it is the same for all assets: they thin together.
    """

    name: str
    falls: CascadeCurve
    rises: CascadeCurve
    strain_error: float = 0.0

    def __post_init__(self) -> None:
        if (self.falls.ladder.side, self.rises.ladder.side) != SIDES:
            raise refused(f"{self.name}: ladders", "longs for falls, shorts for rises", "another order")
        number("strain_error", self.strain_error)


@dataclass(frozen=True, slots=True, eq=False)
class ShockModel:
    """Log returns over the horizon: r = scales * L z * sqrt(nu / chi2_nu), L L' = correlation (Student t).

    `scales` per asset, in the order of the assets. The standard deviation is scale * sqrt(nu / (nu - 2)), nu
    > 2; one chi2 for all assets, so that they are extreme together. Source: Kotz and Nadarajah, Multivariate
    t Distributions and Their Applications, 2004, ch. 1.
    """

    scales: FloatArray
    correlation: FloatArray
    degrees_of_freedom: float

    def __post_init__(self) -> None:
        scales = array("scales", self.scales)
        matrix = np.array(self.correlation, dtype=np.float64)
        number("degrees_of_freedom", self.degrees_of_freedom, above=True)
        if matrix.shape != (scales.size, scales.size) or not np.isfinite(matrix).all():
            raise refused("correlation", f"{scales.size} x {scales.size} finite numbers", matrix.shape)
        if not (np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1.0)):
            raise refused("correlation", "a symmetric matrix with 1 on its diagonal", "another")
        if np.linalg.eigvalsh(matrix).min(initial=0.0) < -1e-9:
            raise refused("correlation", "a matrix without negative eigenvalues", "one that has some")
        object.__setattr__(self, "scales", scales)
        object.__setattr__(self, "correlation", matrix)

    def draws(self, scenarios: int, seed: int, chunk: int) -> Iterator[FloatArray]:
        """Returns (assets x scenarios of the chunk), chunk after chunk."""
        values, vectors = np.linalg.eigh(self.correlation)
        factor = vectors * np.sqrt(np.clip(values, 0.0, None))
        first, second = np.random.SeedSequence(seed).spawn(2)
        normals, mixing = np.random.default_rng(first), np.random.default_rng(second)
        nu = self.degrees_of_freedom
        for start in range(0, scenarios, chunk):
            size = min(chunk, scenarios - start)
            z = normals.standard_normal((size, self.scales.size))
            heavy = np.sqrt(nu / mixing.chisquare(nu, size))
            # Summed one by one: a matrix product may round differently for another chunk.
            yield np.stack(
                [
                    scale * heavy * _sum(row[k] * z[:, k] for k in range(row.size))
                    for scale, row in zip(self.scales, factor, strict=True)
                ]
            )


@dataclass(frozen=True, slots=True)
class Threshold:
    """One position: reached once x* of `asset` on its `side` is at least `distance` (a log move)."""

    asset: int
    side: Side
    distance: float

    def __post_init__(self) -> None:
        number("distance", self.distance)


@dataclass(frozen=True, slots=True)
class Basket:
    """An account of several assets: reached once sum_j weights_j * d_j >= buffer (USD).

    d_j is the simple drop of asset j at the end of its cascade (negative for a rise), `weights` the USD of
    equity over maintenance margin lost per drop of 1: collateral and longs positive, shorts negative.
    """

    weights: tuple[float, ...]
    buffer: float

    def __post_init__(self) -> None:
        array("weights", self.weights, least=-math.inf)
        number("buffer", self.buffer, least=-math.inf)


Account = Threshold | Basket


@dataclass(frozen=True, slots=True, eq=False)
class Simulation:
    """Shares of scenarios. `reached`: per account. `counts`: assets x (long, short) x (levels + 1) of x*.

    The last count of an asset is of cascades without an end. None reached in n scenarios is not never:
    `at_most` is what the count is consistent with (95 %, Wilson 1927, one-sided).
    """

    scenarios: int
    step: float
    hits: IntArray
    counts: IntArray

    @property
    def reached(self) -> FloatArray:
        return self.hits / self.scenarios

    @property
    def standard_errors(self) -> FloatArray:
        found: FloatArray = np.sqrt(self.reached * (1.0 - self.reached) / self.scenarios)
        return found

    @property
    def at_most(self) -> FloatArray:
        z, n, p = 1.6448536269514722, self.scenarios, self.reached
        spread = z * np.sqrt(p * (1.0 - p) / n + z * z / (4.0 * n * n))
        found: FloatArray = np.minimum(1.0, (p + z * z / (2.0 * n) + spread) / (1.0 + z * z / n))
        return found

    def without_end(self, asset: int, side: Side) -> float:
        """Share of scenarios whose cascade has no end within the grid."""
        return float(self.counts[asset, SIDES.index(side), -1]) / self.scenarios

    def quantile(self, asset: int, side: Side, share: float) -> float:
        """The least level that x* does not exceed in `share` of all scenarios; inf without an end."""
        number("share", share, above=True, most=1.0)
        counts = self.counts[asset, SIDES.index(side)]
        # A count is exact, a share of it is not: 0.1 * 30 is more than 3.
        level = int(np.searchsorted(np.cumsum(counts), share * self.scenarios * (1.0 - 1e-12)))
        return math.inf if level == counts.size - 1 else level * self.step


def simulate(
    assets: tuple[AssetModel, ...],
    shocks: ShockModel,
    *,
    accounts: tuple[Account, ...] = (),
    scenarios: int,
    seed: int,
    chunk: int = CHUNK,
) -> Simulation:
    """Draw the shocks, let each asset's cascade run, count which accounts are reached.

    Memory: O(chunk * assets). Time: O(scenarios * (assets * ln(levels) + accounts)) and O(levels) to prepare.
    """
    if not assets or len(assets) != shocks.scales.size:
        raise refused("assets", f"{shocks.scales.size} (as many as scales), at least one", len(assets))
    if scenarios < 1 or chunk < 1 or seed < 0:
        raise refused("scenarios, chunk, seed", "at least 1, 1, 0", (scenarios, chunk, seed))
    grids = {curve.ladder.grid for asset in assets for curve in (asset.falls, asset.rises)}
    if len(grids) != 1:
        raise refused("ladders", "one grid for all", f"{len(grids)} grids")
    for account in accounts:
        _belongs(account, len(assets))
    grid = grids.pop()
    curves = [[_strata(asset, side) for side in SIDES] for asset in assets]
    hits = np.zeros(len(accounts), dtype=np.int64)
    counts = np.zeros((len(assets), 2, grid.levels + 1), dtype=np.int64)
    start = 0
    for returns in shocks.draws(scenarios, seed, chunk):
        ends = [
            (_reach(long, np.maximum(-row, 0.0), start), _reach(short, np.maximum(row, 0.0), start))
            for (long, short), row in zip(curves, returns, strict=True)
        ]
        for j, both in enumerate(ends):
            for k, reach in enumerate(both):
                level = np.minimum(np.ceil(reach / grid.step - 1e-9), grid.levels).astype(np.int64)
                counts[j, k] += np.bincount(level, minlength=grid.levels + 1)
        drops = [_simple(long, short, row) for (long, short), row in zip(ends, returns, strict=True)]
        for a, account in enumerate(accounts):
            hits[a] += _reached(account, ends, drops)
        start += returns.shape[1]
    return Simulation(scenarios, grid.step, hits, counts)


def _belongs(account: Account, assets: int) -> None:
    if isinstance(account, Basket):
        if len(account.weights) != assets:
            raise refused("weights", f"{assets} weights, one an asset", len(account.weights))
    elif not 0 <= account.asset < assets:
        raise refused("asset", f"0 to {assets - 1}", account.asset)


def _strata(asset: AssetModel, side: Side) -> list[CascadeCurve]:
    """Curves of equally likely strains: the middle quantiles of a lognormal whose median is 1."""
    curve = asset.falls if side == "long" else asset.rises
    if asset.strain_error == 0.0:
        return [curve]
    normal = NormalDist(0.0, asset.strain_error)
    return [curve.strained(math.exp(normal.inv_cdf((k + 0.5) / STRATA))) for k in range(STRATA)]


def _reach(curves: list[CascadeCurve], shocks: FloatArray, start: int) -> FloatArray:
    """x* of each shock; scenario n uses stratum n modulo their number, whatever the chunk."""
    if len(curves) == 1:
        return curves[0].reach(shocks)
    found = np.empty(shocks.size)
    for k, curve in enumerate(curves):
        own = slice((k - start) % len(curves), None, len(curves))
        found[own] = curve.reach(shocks[own])
    return found


def _simple(falls: FloatArray, rises: FloatArray, returns: FloatArray) -> FloatArray:
    """The simple drop at the end: 1 - exp(-x) of a fall, 1 - exp(x) of a rise."""
    return np.where(returns > 0.0, -np.expm1(np.minimum(rises, HIGHEST_RISE)), -np.expm1(-falls))


def _reached(account: Account, ends: list[tuple[FloatArray, FloatArray]], drops: list[FloatArray]) -> int:
    if isinstance(account, Basket):
        lost = _sum(weight * drop for weight, drop in zip(account.weights, drops, strict=True))
        return int(np.count_nonzero(lost >= account.buffer))
    reach = ends[account.asset][SIDES.index(account.side)]
    return int(np.count_nonzero(reach >= account.distance))


def _sum(parts: Iterator[npt.NDArray[np.float64]]) -> FloatArray:
    found = next(parts)
    for part in parts:
        found = found + part
    return found
