"""Ladders and books for the tests of the cascade model: whole grids by formula, and random ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from vault.risk.cascade.depth import Depth
from vault.risk.cascade.ladder import EntryHistory, Grid, Ladder, Side

GRID = Grid(0.002, 400)


def linear_ladder(slope: float, grid: Grid = GRID, side: Side = "long") -> Ladder:
    """G(x) = slope * x, going on beyond the grid."""
    triggered = slope * grid.moves
    return Ladder(grid, triggered, 2.0 * float(triggered[-1]), side)


def cluster_ladder(at: float, notional: float, grid: Grid = GRID, side: Side = "long") -> Ladder:
    """All of `notional` at the first level of at least `at`."""
    return Ladder(grid, np.where(grid.moves >= at, notional, 0.0), notional, side)


def flat_book(delta: float) -> Depth:
    """D = delta * u."""
    return Depth(delta, 0.05, 1.0)


def history_of(
    closes: npt.ArrayLike, wick: float = 0.0, volumes: npt.ArrayLike | None = None
) -> EntryHistory:
    """Hours with these closes, lows and highs a share `wick` away, the last one now."""
    found = np.asarray(closes, dtype=np.float64)
    held = np.ones(found.size) if volumes is None else np.asarray(volumes, dtype=np.float64)
    ages = np.arange(found.size, dtype=np.float64)[::-1]
    return EntryHistory(found, found * (1 - wick), found * (1 + wick), held, ages)


def between(least: float, most: float) -> st.SearchStrategy[float]:
    return st.floats(least, most, allow_nan=False, allow_infinity=False)


@st.composite
def ladders(draw: st.DrawFn, grid: Grid = GRID, most: float = 2.0) -> Ladder:
    """A slope and up to four clusters, some on one level."""
    triggered = draw(between(0.0, most)) * grid.moves
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(1, grid.levels - 1))
        triggered = triggered + np.where(np.arange(grid.levels) >= at, draw(between(0.0, 0.1)), 0.0)
    return Ladder(grid, triggered, float(triggered[-1]) * 1.5, "long")


@st.composite
def depths(draw: st.DrawFn) -> Depth:
    """Any book of the model: empty, flat, with makers that leave, with deep bids."""
    return Depth(
        draw(st.sampled_from((0.0, 1.0)) | between(0.1, 5.0)),
        draw(between(0.01, 0.3)),
        draw(st.sampled_from((0.0, 1.0)) | between(0.0, 1.0)),
        draw(st.just(0.0) | between(0.1, 20.0)),
    )
