"""The liquidation ladder G(x): how much is liquidated by a move of the price, estimated from past trades.

Nobody publishes entries or leverage: the ladder is an estimate, good for comparing one level or one day with
another. Refuses to be empty while there is open interest: unknown is not calm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vault.errors import MarketDataError
from vault.risk.cascade.checks import array, number, refused
from vault.series import FloatArray

Side: TypeAlias = Literal["long", "short"]

# 0.2 % a level; the last one is a drop of 55 % (a rise of 122 %).
STEP: Final = 0.002
LEVELS: Final = 400


@dataclass(frozen=True, slots=True)
class Grid:
    """Log moves 0, step, 2 step, … of `levels` levels, in the direction of the cascade."""

    step: float = STEP
    levels: int = LEVELS

    def __post_init__(self) -> None:
        number("step", self.step, above=True)
        number("levels", self.levels, least=2)

    @property
    def moves(self) -> FloatArray:
        return self.step * np.arange(self.levels, dtype=np.float64)

    @property
    def end(self) -> float:
        return self.step * (self.levels - 1)


@dataclass(frozen=True, slots=True, eq=False)
class EntryHistory:
    """Past hours, oldest first: prices, volume (USD) and age (hours before now) of each."""

    closes: FloatArray
    lows: FloatArray
    highs: FloatArray
    volumes: FloatArray
    ages: FloatArray

    def __post_init__(self) -> None:
        length = np.size(self.closes)
        for name in ("closes", "lows", "highs"):
            found = array(name, getattr(self, name), above=True, length=length)
            object.__setattr__(self, name, found)
        for name in ("volumes", "ages"):
            object.__setattr__(self, name, array(name, getattr(self, name), length=length))
        if bool((self.lows > self.closes).any() or (self.highs < self.closes).any()):
            raise refused("closes", "prices between low and high", "one outside")
        if bool((np.diff(self.ages) > 0).any()):
            raise refused("ages", "the oldest hour first", "a later hour that is older")


@dataclass(frozen=True, slots=True)
class LeverageMix:
    """Which leverages positions are opened with, and the share of volume of each (shares add up to 1)."""

    leverages: tuple[float, ...]
    shares: tuple[float, ...]

    def __post_init__(self) -> None:
        array("leverages", self.leverages, least=1.0)
        array("shares", self.shares, length=len(self.leverages))
        if abs(sum(self.shares) - 1.0) > 1e-9:
            raise refused("shares", "shares that add up to 1", f"{sum(self.shares):g}")


# An assumption: no venue publishes the leverage of open positions. It spans what venues offer, with most of
# the volume in the middle; what depends on it is relative.
JUDGED_MIX: Final = LeverageMix((3.0, 5.0, 10.0, 20.0, 50.0), (0.2, 0.25, 0.3, 0.15, 0.1))


@dataclass(frozen=True, slots=True, eq=False)
class Ladder:
    """G on a grid: `triggered[i]` USD are liquidated by a move of at most `grid.moves[i]` (times phi).

    `total` is all that can be liquidated, the part beyond the grid included. Between two levels G is a
    straight line; beyond the last one it counts as all of `total`.
    """

    grid: Grid
    triggered: FloatArray
    total: float
    side: Side

    def __post_init__(self) -> None:
        found = array("triggered", self.triggered, length=self.grid.levels)
        if bool((np.diff(found) < 0).any()):
            raise refused("triggered", "a cumulative notional", "one that falls")
        number("total", self.total, least=float(found[-1]) * (1.0 - 1e-12))
        object.__setattr__(self, "triggered", found)

    @property
    def beyond(self) -> float:
        """USD whose level lies beyond the grid."""
        return max(0.0, self.total - float(self.triggered[-1]))

    def at(self, moves: npt.ArrayLike) -> FloatArray:
        """G(x) for each log move x >= 0; inf (a cascade without an end) triggers all."""
        found = np.atleast_1d(np.asarray(moves, dtype=np.float64))
        if bool(np.isnan(found).any() or (found < 0).any()):
            raise refused("moves", "moves of at least 0", "NaN or a negative one")
        return np.interp(found, self.grid.moves, self.triggered, right=self.total)

    def scaled(self, factor: float) -> Ladder:
        """The ladder of `factor` times the open interest."""
        number("factor", factor)
        return Ladder(self.grid, self.triggered * factor, self.total * factor, self.side)


def long_liquidation_price(entry: npt.ArrayLike, leverage: npt.ArrayLike, maintenance: float) -> FloatArray:
    """P = e * (1 - 1/L) / (1 - m): equity q(P - e) + qe/L meets maintenance margin q * P * m."""
    entries, leverages = np.asarray(entry, dtype=np.float64), np.asarray(leverage, dtype=np.float64)
    found: FloatArray = entries * (1.0 - 1.0 / leverages) / (1.0 - maintenance)
    return found


def short_liquidation_price(entry: npt.ArrayLike, leverage: npt.ArrayLike, maintenance: float) -> FloatArray:
    """P = e * (1 + 1/L) / (1 + m): equity q(e - P) + qe/L meets maintenance margin q * P * m."""
    entries, leverages = np.asarray(entry, dtype=np.float64), np.asarray(leverage, dtype=np.float64)
    found: FloatArray = entries * (1.0 + 1.0 / leverages) / (1.0 + maintenance)
    return found


def build_ladder(
    history: EntryHistory,
    mix: LeverageMix,
    *,
    side: Side,
    price: float,
    open_interest: float,
    maintenance: float,
    tau_hours: float,
    phi: float = 1.0,
    grid: Grid | None = None,
) -> Ladder:
    """The ladder of one side, scaled so that all survivors are `phi * open_interest` (USD).

    Entries are hourly closes weighted volume * exp(-age / tau) and spread over the leverage mix. A position
    that a later low (long) or high (short) has reached is gone; so is one beyond the present `price`. A
    position within (x_(i-1), x_i] counts at level i. Every contract has a long and a short: either side is
    the whole open interest. Raises MarketDataError when there is open interest and no entry to put it at.
    """
    grid = Grid() if grid is None else grid
    number("price", price, above=True)
    total = number("open_interest", open_interest) * number("phi", phi)
    number("maintenance", maintenance, most=1.0 - 1e-9)
    number("tau_hours", tau_hours, above=True)
    if max(mix.leverages) * maintenance >= 1.0:
        raise refused(
            "leverages", f"leverages below 1 / maintenance = {1 / maintenance:g}", max(mix.leverages)
        )
    if total == 0.0:
        return Ladder(grid, np.zeros(grid.levels), 0.0, side)
    moves, weights = _survivors(
        history, mix, side=side, price=price, maintenance=maintenance, tau_hours=tau_hours
    )
    if not weights.sum() > 0.0:
        raise MarketDataError(
            "no_ladder",
            f"expected an entry that survived to hold {open_interest:g} USD of open interest, found none",
            hint="Import hourly prices with volume up to the present.",
        )
    level = np.minimum(np.ceil(moves / grid.step), grid.levels).astype(np.int64)
    held = np.bincount(level, weights=weights, minlength=grid.levels + 1)
    triggered = np.minimum(total * np.cumsum(held)[: grid.levels] / held.sum(), total)
    return Ladder(grid, triggered, total, side)


def _survivors(
    history: EntryHistory, mix: LeverageMix, *, side: Side, price: float, maintenance: float, tau_hours: float
) -> tuple[FloatArray, FloatArray]:
    """Log distance and weight of each position (entry x leverage) that is still open."""
    entries, leverages = history.closes[:, None], np.asarray(mix.leverages)[None, :]
    if side == "long":
        levels = long_liquidation_price(entries, leverages, maintenance)
        extreme = np.minimum.accumulate(np.append(history.lows[1:], price)[::-1])[::-1]
        alive = levels < extreme[:, None]
    else:
        levels = short_liquidation_price(entries, leverages, maintenance)
        extreme = np.maximum.accumulate(np.append(history.highs[1:], price)[::-1])[::-1]
        alive = levels > extreme[:, None]
    # Ages count from the youngest hour: scaled to the open interest it is the same, and nothing underflows.
    youngest = history.ages.min(initial=np.inf)
    recent = history.volumes * np.exp(-(history.ages - youngest) / tau_hours)
    weights = recent[:, None] * np.asarray(mix.shares)[None, :]
    with np.errstate(divide="ignore"):
        moves = np.abs(np.log(levels[alive] / price))
    return moves, weights[alive]
