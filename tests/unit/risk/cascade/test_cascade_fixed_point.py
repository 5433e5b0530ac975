"""The end of a cascade is the least one, it moves the right way with every input, and its edges are said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cascade_markets import (
    GRID,
    between,
    cluster_ladder,
    depths,
    flat_book,
    ladders,
    linear_ladder,
)
from vault.errors import MarketDataError
from vault.risk.cascade.depth import Depth
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import Grid, Ladder
from vault.series import FloatArray

SHOCKS = st.lists(between(0.0, 0.9), min_size=1, max_size=20)


def by_definition(ladder: Ladder, depth: Depth, shock: float, slack: float) -> float:
    """The first level with x >= s and D(x - s) >= G(x), G being off by `slack`."""
    for x, triggered in zip(ladder.grid.moves, ladder.triggered * (1.0 + slack), strict=True):
        if x >= shock and depth.capacity(x - shock)[0] >= triggered:
            return float(x)
    return math.inf


def reach(ladder: Ladder, depth: Depth, shocks: object, strain: float = 1.0) -> FloatArray:
    return CascadeCurve.of(ladder, depth, strain=strain).reach(shocks)  # type: ignore[arg-type]


def not_less(larger: FloatArray, smaller: FloatArray) -> bool:
    return bool((larger >= smaller - 1e-12).all())


SMALL = Grid(0.02, 25)


@given(ladders(SMALL), depths(), between(0.0, 0.6))
def test_no_level_before_the_end_would_have_held(ladder: Ladder, depth: Depth, shock: float) -> None:
    # Equality at a level may be rounded either way: the answer lies between those of a hair more and less.
    found = float(reach(ladder, depth, shock)[0])
    assert found <= by_definition(ladder, depth, shock, 1e-9) + 1e-12
    assert found >= by_definition(ladder, depth, shock, -1e-9) - SMALL.step * (1 + 1e-9)
    assert found >= shock


def test_the_first_of_several_crossings_is_the_end() -> None:
    # Held at 0.06 + 0.02; a second cluster at 0.2 would need its own shock.
    two = Ladder(GRID, np.where(GRID.moves >= 0.2, 5.0, np.where(GRID.moves >= 0.05, 0.02, 0.0)), 5.0, "long")
    assert reach(two, flat_book(1.0), 0.06)[0] == pytest.approx(0.08)
    assert reach(two, flat_book(1.0), 0.19)[0] == math.inf


@given(ladders(), depths(), SHOCKS)
def test_a_larger_shock_never_ends_earlier(ladder: Ladder, depth: Depth, shocks: list[float]) -> None:
    ends = reach(ladder, depth, sorted(shocks))
    assert not_less(ends[1:], ends[:-1])


@given(ladders(), depths(), SHOCKS, between(1.0, 10.0))
def test_a_deeper_book_never_ends_later(
    ladder: Ladder, depth: Depth, shocks: list[float], factor: float
) -> None:
    assert not_less(reach(ladder, depth, shocks), reach(ladder, depth.scaled(factor), shocks))


@given(ladders(), depths(), SHOCKS, between(1.0, 10.0))
def test_more_open_interest_never_ends_earlier(
    ladder: Ladder, depth: Depth, shocks: list[float], factor: float
) -> None:
    assert not_less(reach(ladder.scaled(factor), depth, shocks), reach(ladder, depth, shocks))


@given(ladders(), depths(), SHOCKS, between(0.0, 1.0))
def test_makers_who_stay_never_make_it_worse(
    ladder: Ladder, depth: Depth, shocks: list[float], more: float
) -> None:
    staying = Depth(depth.delta, depth.xi, depth.w_min + (1 - depth.w_min) * more, depth.deep_bids)
    assert not_less(reach(ladder, depth, shocks), reach(ladder, staying, shocks))


@given(ladders(), depths(), SHOCKS, between(1.0, 5.0))
def test_strain_is_half_the_book_at_twice(
    ladder: Ladder, depth: Depth, shocks: list[float], strain: float
) -> None:
    strained = reach(ladder, depth, shocks, strain)
    assert not_less(strained, reach(ladder, depth, shocks))
    assert np.allclose(strained, reach(ladder.scaled(strain), depth, shocks))


@given(depths(), between(0.0, 0.79))
def test_an_empty_ladder_leaves_every_shock_as_it_is(depth: Depth, shock: float) -> None:
    empty = Ladder(GRID, np.zeros(GRID.levels), 0.0, "long")
    assert reach(empty, depth, shock)[0] == pytest.approx(shock, abs=1e-12)


def test_a_flat_ladder_is_sold_once() -> None:
    # All at level 0: already triggered, whatever the shock.
    flat = Ladder(GRID, np.full(GRID.levels, 0.03), 0.03, "long")
    assert reach(flat, flat_book(1.0), [0.0, 0.1]) == pytest.approx([0.03, 0.13])


def test_an_empty_book_ends_a_cascade_only_before_its_first_level() -> None:
    nothing = Depth(0.0, 0.05, 1.0)
    ends = reach(cluster_ladder(0.05, 1.0), nothing, [0.0, 0.03, 0.048, 0.0501, 0.2])
    assert ends[:3] == pytest.approx([0.0, 0.03, 0.048])
    assert (ends[3:] == math.inf).all()


def test_a_shock_beyond_the_grid_has_no_known_end() -> None:
    assert reach(linear_ladder(0.1), flat_book(1.0), [GRID.end, 0.9]).tolist() == [math.inf, math.inf]
    assert reach(linear_ladder(0.0), flat_book(1.0), GRID.end)[0] == pytest.approx(GRID.end)


def test_no_shock_is_no_cascade() -> None:
    assert reach(linear_ladder(5.0), flat_book(1.0), 0.0)[0] == 0.0


def test_many_shocks_are_answered_like_each_alone() -> None:
    curve = CascadeCurve.of(linear_ladder(0.6), Depth(1.0, 0.05, 0.3, 2.0))
    shocks = np.linspace(0.0, 0.5, 101)
    assert curve.reach(shocks).tolist() == [float(curve.reach(shock)[0]) for shock in shocks]
    assert curve.reach([]).size == 0


@pytest.mark.parametrize("shock", [math.nan, math.inf, -0.01])
def test_refuses_a_shock_that_is_none(shock: float) -> None:
    with pytest.raises(MarketDataError, match="shocks"):
        reach(linear_ladder(0.5), flat_book(1.0), [0.1, shock])


@pytest.mark.parametrize("theta", [math.nan, math.inf, -1.0])
def test_refuses_a_theta_that_is_none(theta: float) -> None:
    with pytest.raises(MarketDataError, match="theta"):
        CascadeCurve.of(linear_ladder(0.5), flat_book(1.0), theta)
