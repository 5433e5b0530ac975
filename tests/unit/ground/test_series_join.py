"""Two histories become one in any order; joining again changes nothing, and no dispute ends by repetition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import MarketDataError
from vault.series import HOUR, Candles, Series
from vault.series_join import join

POINTS = st.dictionaries(st.integers(0, 8), st.sampled_from([1.0, 2.0, 3.0, math.nan]), max_size=6)


def series(points: dict[int, float]) -> Series:
    hours = sorted(points)
    return Series(
        np.array([hour * HOUR for hour in hours], dtype=np.int64),
        np.array([points[hour] for hour in hours], dtype=np.float64),
    )


def candles(points: dict[int, float]) -> Candles:
    """Candles whose prices and volume are the value."""
    one = series(points)
    return Candles(one.times, HOUR, one.values, one.values, one.values, one.values, one.values)


def same(one: Series | Candles, two: Series | Candles) -> None:
    if isinstance(one, Candles) and isinstance(two, Candles):
        one, two = Series(one.opens, one.close), Series(two.opens, two.close)
    assert isinstance(one, Series)
    assert isinstance(two, Series)
    np.testing.assert_array_equal(one.times, two.times)
    np.testing.assert_array_equal(one.values, two.values)


@pytest.mark.parametrize("made", [series, candles])
@given(one=POINTS, two=POINTS, three=POINTS)
def test_joining_is_the_same_in_any_order_and_once_is_enough(
    made: type[Series], one: dict[int, float], two: dict[int, float], three: dict[int, float]
) -> None:
    first, second, third = made(one), made(two), made(three)  # type: ignore[call-arg, arg-type]
    joined = join(first, second)
    same(joined.data, join(second, first).data)
    same(joined.data, join(joined.data, second).data)
    same(join(joined.data, third).data, join(first, join(second, third).data).data)
    assert join(joined.data, second).new == join(joined.data, second).contradicted == 0
    assert joined.new == len(two.keys() - one.keys())
    shared = one.keys() & two.keys()
    newly = [at for at in shared if not math.isnan(one[at]) and one[at] != two[at]]
    assert joined.contradicted == len(newly)
    assert joined.repeated + joined.contradicted == len(shared)
    assert [fault.count for fault in joined.faults if "moments" in fault.detail] == (
        [len(newly)] if newly else []
    )


def test_a_dispute_is_not_settled_by_repeating_one_side() -> None:
    one, two = series({0: 1.0}), series({0: 2.0})
    disputed = join(one, two).data
    assert isinstance(disputed, Series)
    again = join(disputed, one).data
    assert isinstance(again, Series)
    assert math.isnan(again.values[0])


def test_rounding_is_no_dispute() -> None:
    one, two = candles({0: 42283.58}), candles({0: 42283.6})
    assert join(one, two).contradicted == 0
    assert join(series({0: 0.0001}), series({0: 0.000100004})).contradicted == 0
    assert join(series({0: 0.0001}), series({0: 0.00010002})).contradicted == 1


def test_volumes_that_differ_leave_the_prices_and_the_smaller_volume() -> None:
    one, two = candles({0: 5.0}), candles({0: 5.0})
    larger = Candles(two.opens, HOUR, two.open, two.high, two.low, two.close, two.volume * 2)
    joined = join(one, larger)
    assert isinstance(joined.data, Candles)
    assert (joined.data.close[0], joined.data.volume[0], joined.contradicted) == (5.0, 5.0, 0)
    assert "volumes" in joined.faults[0].detail
    untold = Candles(two.opens, HOUR, two.open, two.high, two.low, two.close, two.volume * math.nan)
    kept = join(untold, one).data
    assert isinstance(kept, Candles)
    assert kept.volume[0] == 5.0


def test_two_forms_are_not_joined() -> None:
    with pytest.raises(MarketDataError):
        join(series({0: 1.0}), candles({0: 1.0}))
