"""Every cascade that can be worked out by hand comes out of the grid to one step, over random parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given

from tests.support.cascade_markets import (
    GRID,
    between,
    cluster_ladder,
    depths,
    flat_book,
    ladders,
    linear_ladder,
)
from vault.risk.cascade import closed_forms
from vault.risk.cascade.depth import Depth
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import Ladder

SHOCKS = between(0.001, 0.3)
DELTAS = between(1e3, 1e11)
STEP = GRID.step


def reach(ladder: Ladder, depth: Depth, shock: float, theta: float = 1.0) -> float:
    return float(CascadeCurve.of(ladder, depth, theta).reach(shock)[0])


def same(found: float, expected: float) -> bool:
    """To one grid step; beyond the grid there is no end."""
    if abs(expected - GRID.end) < 2 * STEP:
        return True
    if expected > GRID.end:
        return found == math.inf
    return abs(found - expected) <= STEP


@given(SHOCKS, between(0.0, 0.999), DELTAS)
def test_a_linear_book_amplifies_by_one_over_one_minus_r(shock: float, ratio: float, delta: float) -> None:
    found = reach(linear_ladder(ratio * delta), flat_book(delta), shock)
    assert same(found, closed_forms.linear_book(shock, ratio))


@given(SHOCKS, between(1.001, 50.0), DELTAS)
def test_a_linear_book_with_r_above_one_has_no_end(shock: float, ratio: float, delta: float) -> None:
    assert reach(linear_ladder(ratio * delta), flat_book(delta), shock) == math.inf
    assert closed_forms.linear_book(shock, ratio) == math.inf


@given(SHOCKS, between(1e-4, 1.0), DELTAS)
def test_square_root_impact(shock: float, a: float, deep_bids: float) -> None:
    found = reach(linear_ladder(a * deep_bids), Depth(0.0, 0.05, 1.0, deep_bids), shock)
    assert same(found, closed_forms.square_root_impact(shock, a))


@given(SHOCKS, between(0.01, 0.3), between(0.0, 0.3), DELTAS)
def test_one_cluster_is_nothing_before_its_level_and_all_of_it_after(
    shock: float, at: float, width: float, delta: float
) -> None:
    assume(not at - STEP < shock < at + STEP)
    found = reach(cluster_ladder(at, width * delta), flat_book(delta), shock)
    assert same(found, closed_forms.cluster(shock, at, width * delta, delta))
    if shock < at:
        assert found == pytest.approx(shock, rel=1e-12)


@given(SHOCKS, between(0.01, 0.3), between(0.0, 1.5), between(0.01, 0.2), DELTAS)
def test_withdrawal_of_all_makers(shock: float, at: float, share: float, xi: float, delta: float) -> None:
    assume(not at - STEP < shock < at + STEP)
    notional = share * delta * xi
    found = reach(cluster_ladder(at, notional), Depth(delta, xi, 0.0), shock)
    assert same(found, closed_forms.withdrawal(shock, at, notional, delta, xi))


def test_a_cluster_larger_than_all_that_the_leaving_book_takes_has_no_end() -> None:
    assert closed_forms.withdrawal(0.1, 0.05, 1.0, 10.0, 0.1) == math.inf
    assert reach(cluster_ladder(0.05, 1.0), Depth(10.0, 0.1, 0.0), 0.1) == math.inf
    assert reach(cluster_ladder(0.05, 0.99), Depth(10.0, 0.1, 0.0), 0.1) == pytest.approx(0.56052, abs=1e-5)


@given(SHOCKS, between(0.0, 4.0), between(0.0, 2.0), between(0.05, 50.0), DELTAS)
def test_deep_bids_below_a_linear_book(
    shock: float, slope: float, density: float, bids: float, unit: float
) -> None:
    book = Depth(density * unit, 0.05, 1.0, bids * unit)
    expected = closed_forms.linear_with_deep_bids(shock, slope * unit, density * unit, bids * unit)
    assert same(reach(linear_ladder(slope * unit), book, shock), expected)


@given(between(0.001, 0.3), between(0.0, 4.0), between(0.0, 4.0), between(0.05, 50.0))
def test_the_root_with_deep_bids_solves_its_equation(shock: float, g: float, delta: float, k: float) -> None:
    y = closed_forms.linear_with_deep_bids(shock, g, delta, k) - shock
    assert k * y * y + (delta - g) * y - g * shock == pytest.approx(0.0, abs=1e-9)


@given(ladders(), depths(), SHOCKS)
def test_open_interest_and_depth_times_seven_change_nothing(
    ladder: Ladder, depth: Depth, shock: float
) -> None:
    curve = CascadeCurve.of(ladder, depth)
    assume(np.abs(curve.highest - shock).min() > 1e-9)
    found = float(curve.reach(shock)[0])
    assert reach(*closed_forms.scaled_market(ladder, depth, 7.0), shock) == pytest.approx(found, abs=STEP)


@given(SHOCKS, between(0.0, 0.9), between(0.0, 1.0))
def test_theta_is_the_share_that_reaches_the_book(shock: float, ratio: float, theta: float) -> None:
    found = reach(linear_ladder(ratio), flat_book(1.0), shock, theta)
    assert same(found, closed_forms.linear_book(shock, theta * ratio))


def test_r_of_exactly_one_has_no_end() -> None:
    assert closed_forms.linear_book(0.01, 1.0) == math.inf
    assert closed_forms.linear_book(0.0, 1.0) == 0.0
    assert reach(linear_ladder(1.0), flat_book(1.0), 0.01) == math.inf


def test_an_empty_book_under_a_cluster_has_no_end() -> None:
    assert closed_forms.cluster(0.1, 0.05, 1.0, 0.0) == math.inf
    assert closed_forms.withdrawal(0.1, 0.05, 1.0, 0.0, 0.1) == math.inf
