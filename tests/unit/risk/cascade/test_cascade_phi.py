"""phi comes with its age and its error, or not at all; no window is judged with what came after it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cascade_markets import between
from vault.errors import MarketDataError
from vault.risk.cascade.phi import calibrate, estimate_phi

WEEK = 168.0


@given(between(0.01, 2.0), st.lists(st.tuples(between(1.0, 1e9), between(0.0, 1e4)), min_size=2, max_size=20))
def test_a_constant_phi_is_found_without_an_error(phi: float, windows: list[tuple[float, float]]) -> None:
    laddered, ages = (np.array(row) for row in zip(*windows, strict=True))
    found = estimate_phi(phi * laddered, laddered, ages, half_life_hours=WEEK)
    assert found.value == pytest.approx(phi)
    assert found.error == pytest.approx(0.0, abs=1e-6)
    assert found.age_hours == ages.min()
    assert found.windows == len(windows)


@given(st.lists(st.tuples(between(0.0, 1e9), between(1.0, 1e9), between(0.0, 1e4)), min_size=1, max_size=20))
def test_an_estimate_lies_among_its_windows(windows: list[tuple[float, float, float]]) -> None:
    realised, laddered, ages = (np.array(row) for row in zip(*windows, strict=True))
    found = estimate_phi(realised, laddered, ages, half_life_hours=WEEK)
    each = realised / laddered
    assert found.value is not None
    assert each.min() * (1 - 1e-9) <= found.value <= each.max() * (1 + 1e-9)


def test_a_jump_is_followed_and_shows_as_an_error() -> None:
    # 0.68 before the reset, 0.17 after it.
    steady = estimate_phi([68, 69, 67], [100, 100, 100], [600, 500, 400], half_life_hours=WEEK)
    jumped = estimate_phi([68, 69, 67, 17], [100, 100, 100, 100], [1600, 1500, 1400, 0], half_life_hours=WEEK)
    assert steady.value == pytest.approx(0.68, abs=0.01)
    assert jumped.value == pytest.approx(0.17, abs=0.01)
    halfway = estimate_phi([68, 69, 67, 17], [100] * 4, [210, 205, 200, 0], half_life_hours=WEEK)
    assert steady.error is not None
    assert halfway.error is not None
    assert halfway.error > 10 * steady.error


def test_no_windows_are_no_estimate() -> None:
    nothing = estimate_phi([], [], [], half_life_hours=WEEK)
    assert (nothing.value, nothing.age_hours, nothing.error) == (None, None, None)
    assert nothing.reason == "no past window"
    empty = estimate_phi([5.0], [0.0], [1.0], half_life_hours=WEEK)
    assert (empty.value, empty.reason) == (None, "no window in which the ladder held anything")


def test_one_window_has_no_spread() -> None:
    assert estimate_phi([5.0], [10.0], [48.0], half_life_hours=WEEK).error is None


def test_very_old_windows_still_make_an_estimate_of_that_age() -> None:
    old = estimate_phi([5.0, 5.0], [10.0, 10.0], [1e6, 2e6], half_life_hours=1.0)
    assert (old.value, old.age_hours) == (0.5, 1e6)


def test_each_window_is_judged_by_those_before_it() -> None:
    found = calibrate([50.0, 60.0, 20.0], [100.0, 100.0, 100.0], [0.0, 24.0, 48.0], half_life_hours=WEEK)
    assert math.isnan(found.expected[0])
    assert found.expected[1] == pytest.approx(50.0)
    assert 50.0 < found.expected[2] < 60.0
    assert found.factors[1] == pytest.approx(50 / 60)
    assert found.judged == 2
    assert found.worst_factor == pytest.approx(found.expected[2] / 20.0)
    later = calibrate([50.0, 60.0, 99.0], [100.0, 100.0, 900.0], [0.0, 24.0, 48.0], half_life_hours=WEEK)
    assert later.expected[:2].tolist()[1] == found.expected[1]


def test_a_window_nobody_expected_is_an_infinite_miss() -> None:
    found = calibrate([50.0, 60.0], [100.0, 0.0], [0.0, 24.0], half_life_hours=WEEK)
    assert (found.judged, found.worst_factor) == (1, math.inf)


def test_windows_that_cannot_be_judged_are_not() -> None:
    found = calibrate([50.0, 0.0], [100.0, 100.0], [0.0, 24.0], half_life_hours=WEEK)
    assert (found.judged, found.median_factor) == (0, None)
    assert found.expected[1] == pytest.approx(50.0)
    assert calibrate([], [], [], half_life_hours=WEEK).judged == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_refuses_what_is_not_a_number(bad: float) -> None:
    for rows in (([bad], [1.0], [1.0]), ([1.0], [bad], [1.0]), ([1.0], [1.0], [bad])):
        with pytest.raises(MarketDataError):
            estimate_phi(*rows, half_life_hours=WEEK)


def test_refuses_windows_out_of_order() -> None:
    with pytest.raises(MarketDataError, match="order of time"):
        calibrate([1.0, 1.0], [1.0, 1.0], [5.0, 5.0], half_life_hours=WEEK)
