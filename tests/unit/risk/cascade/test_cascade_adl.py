"""Shortfalls, and who pays them: water-filling against a brute force, the fund first."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.cascade_markets import (
    between,
    cluster_ladder,
    depths,
    flat_book,
    ladders,
    linear_ladder,
)
from vault.errors import MarketDataError
from vault.risk.cascade.adl import PARTS, Shortfall, deleverage, shortfall, water_fill
from vault.risk.cascade.depth import Depth
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import Ladder
from vault.series import FloatArray

BOOKS = st.lists(st.tuples(between(0.0, 100.0), st.just(0.0) | between(0.1, 50.0)), min_size=1, max_size=12)


def halved(sizes: FloatArray, equities: FloatArray, amount: float) -> FloatArray:
    """The level of leverage found by halving."""
    least, most = 0.0, 1e4
    for _ in range(200):
        level = (least + most) / 2
        if np.maximum(sizes - level * equities, 0).sum() > amount:
            least = level
        else:
            most = level
    found: FloatArray = np.maximum(sizes - most * equities, 0)
    return found


@given(BOOKS, between(0.0, 1.2))
def test_cuts_sum_to_the_amount_and_nobody_is_cut_below_zero(
    book: list[tuple[float, float]], share: float
) -> None:
    sizes, equities = (np.array(row) for row in zip(*book, strict=True))
    amount = share * sizes.sum()
    cuts = water_fill(sizes, equities, amount)
    assert cuts.sum() == pytest.approx(min(amount, sizes.sum()), rel=1e-9, abs=1e-9)
    assert (cuts >= 0).all()
    assert (cuts <= sizes).all()


@given(BOOKS, between(0.0, 1.0))
def test_water_filling_is_the_level_found_by_halving(book: list[tuple[float, float]], share: float) -> None:
    sizes, equities = (np.array(row) for row in zip(*book, strict=True))
    bare = sizes[equities == 0].sum()
    amount = bare + share * (sizes.sum() - bare)
    assert water_fill(sizes, equities, amount) == pytest.approx(halved(sizes, equities, amount), abs=1e-6)


@given(BOOKS, between(0.0, 1.0), st.lists(between(0.0, 1.0), min_size=12, max_size=12))
def test_no_other_cuts_leave_a_smaller_largest_leverage(
    book: list[tuple[float, float]], share: float, other: list[float]
) -> None:
    sizes, equities = (np.array([row[k] for row in book if row[1] > 0]) for k in (0, 1))
    rivals = sizes * np.array(other[: sizes.size])
    assume(rivals.sum() > 0)
    cuts = water_fill(sizes, equities, rivals.sum() * share)
    rivals = rivals * share
    assert ((sizes - cuts) / equities).max() <= ((sizes - rivals) / equities).max() + 1e-9


@given(BOOKS, between(0.0, 1.0), between(0.0, 1.0))
def test_more_to_take_never_takes_less_from_anyone(
    book: list[tuple[float, float]], first: float, second: float
) -> None:
    sizes, equities = (np.array(row) for row in zip(*book, strict=True))
    less, more = sorted((first * sizes.sum(), second * sizes.sum()))
    assert (water_fill(sizes, equities, more) >= water_fill(sizes, equities, less) - 1e-9).all()


def test_the_most_leveraged_are_cut_first() -> None:
    # Leverages 20, 10 and 2. 10 brings the first to 10; 15 more brings both to 5 (E = 1 + 2 = 3).
    sizes, equities = [20.0, 20.0, 8.0], [1.0, 2.0, 4.0]
    assert water_fill(sizes, equities, 10.0) == pytest.approx([10, 0, 0])
    assert water_fill(sizes, equities, 25.0) == pytest.approx([15, 10, 0])
    assert water_fill(sizes, equities, 0.0).tolist() == [0, 0, 0]
    assert water_fill(sizes, equities, 99.0).tolist() == sizes


def test_two_halves_of_an_account_are_cut_like_the_whole() -> None:
    whole, halves = water_fill([20, 9], [2, 3], 8.0), water_fill([10, 10, 9], [1, 1, 3], 8.0)
    assert whole[0] == pytest.approx(halves[0] + halves[1])


def test_a_slice_filled_beyond_its_margin_makes_a_shortfall() -> None:
    # Triggered at 0.05 by a shock of 0.06, 1 % margin, the book falls 0.03 under it: from 0.06 to 0.09.
    curve = CascadeCurve.of(cluster_ladder(0.05, 0.03), flat_book(1.0))
    found = shortfall(curve, 0.06, 0.01)
    fills = 0.06 + 0.03 * (np.arange(PARTS) + 0.5) / PARTS
    expected = 0.03 * np.maximum(0.99 * math.exp(-0.05) - np.exp(-fills), 0).mean()
    assert found.total == pytest.approx(expected)
    # ... which is the integral over the slice, to the fineness of its parts.
    exact = 0.99 * math.exp(-0.05) * 0.03 - (math.exp(-0.06) - math.exp(-0.09))
    begun = 0.05 - math.log(0.99)
    exact -= 0.99 * math.exp(-0.05) * (begun - 0.06) - (math.exp(-0.06) - math.exp(-begun))
    assert found.total == pytest.approx(exact, rel=0.01)
    assert found.complete


def test_enough_margin_makes_no_shortfall() -> None:
    curve = CascadeCurve.of(cluster_ladder(0.05, 0.03), flat_book(1.0))
    assert shortfall(curve, 0.06, 0.2).total == 0.0
    assert shortfall(curve, 0.04, 0.0).total == 0.0


def test_a_short_squeeze_makes_one_too() -> None:
    curve = CascadeCurve.of(cluster_ladder(0.05, 0.03, side="short"), flat_book(1.0))
    fills = 0.06 + 0.03 * (np.arange(PARTS) + 0.5) / PARTS
    expected = 0.03 * np.maximum(np.exp(fills) - 1.01 * math.exp(0.05), 0).mean()
    assert shortfall(curve, 0.06, 0.01).total == pytest.approx(expected)


@settings(max_examples=40)
@given(ladders(), depths(), between(0.001, 0.4), between(0.0, 0.2), between(0.0, 0.3))
def test_a_larger_shock_and_a_smaller_margin_never_lose_less(
    ladder: Ladder, depth: Depth, shock: float, margin: float, more: float
) -> None:
    curve = CascadeCurve.of(ladder, depth)
    base = shortfall(curve, shock, margin).total
    assert shortfall(curve, shock + more, margin).total >= base - 1e-9
    assert shortfall(curve, shock, margin + more).total <= base + 1e-9


def test_a_cascade_without_an_end_is_a_lower_bound_and_says_so() -> None:
    assert not shortfall(CascadeCurve.of(linear_ladder(2.0), flat_book(1.0)), 0.05, 0.01).complete


def test_the_fund_pays_first() -> None:
    found = Shortfall(np.array([0.0, 3.0, 2.0]), np.array([0.0, 30.0, 40.0]), True)
    untouched = deleverage(found, 5.0, [100.0], [10.0])
    assert (untouched.paid_by_fund, untouched.uncovered, untouched.cuts.sum()) == (5.0, 0.0, 0.0)
    # 4 pays the first level and half of the second: half of its notional is taken over.
    half = deleverage(found, 4.0, [100.0, 50.0], [5.0, 50.0])
    assert (half.paid_by_fund, half.uncovered) == (4.0, 1.0)
    assert half.cuts == pytest.approx([20.0, 0.0])
    assert half.unassigned == 0.0


def test_what_nobody_is_left_to_take_is_said() -> None:
    found = Shortfall(np.array([3.0]), np.array([30.0]), True)
    outcome = deleverage(found, 0.0, [10.0], [5.0])
    assert (outcome.cuts.tolist(), outcome.unassigned, outcome.uncovered) == ([10.0], 20.0, 3.0)
    assert deleverage(found, 0.0, [], []).unassigned == 30.0


def test_a_squeeze_without_a_ceiling_is_refused_not_paid() -> None:
    curve = CascadeCurve.of(cluster_ladder(0.05, 1.0, side="short"), Depth(1.0, 0.05, 0.0))
    found = shortfall(curve, 0.06, 0.01)
    assert found.total == math.inf
    with pytest.raises(MarketDataError, match="finite shortfall"):
        deleverage(found, 1.0, [1.0], [1.0])


def test_refuses_what_is_not_a_number() -> None:
    for sizes, equities, amount in (([math.nan], [1.0], 1.0), ([1.0], [-1.0], 1.0), ([1.0], [1.0], math.nan)):
        with pytest.raises(MarketDataError):
            water_fill(sizes, equities, amount)
    with pytest.raises(MarketDataError, match="equities"):
        water_fill([1.0, 2.0], [1.0], 1.0)
