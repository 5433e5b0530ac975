"""Whatever a source sends becomes a rising series without a value from the future, each fault counted.

The property tests compare with a plain reference that looks at one time after the other.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import MarketDataError
from vault.series import (
    DAY,
    HOUR,
    CandleArrays,
    Candles,
    Fault,
    FloatArray,
    IntArray,
    MarketHistory,
    Provenance,
    Recorded,
    Series,
    SeriesKey,
    clean,
    clean_candles,
    gaps,
)

NOW = 100 * HOUR
# Few moments and few values, so that repetitions and contradictions are common.
MOMENTS = st.integers(-3, 110).map(lambda hours: hours * HOUR) | st.sampled_from([-(2**62), 2**62])
VALUES = st.sampled_from([1.0, 2.0, -1.0, 0.0, math.nan, math.inf, -math.inf, 1e308, 5e-324])


def ints(values: list[int]) -> IntArray:
    return np.array(values, dtype=np.int64)


def floats(values: list[float]) -> FloatArray:
    return np.array(values, dtype=np.float64)


def counted(faults: tuple[Fault, ...]) -> dict[str, int]:
    found: dict[str, int] = {}
    for fault in faults:
        found[fault.kind] = found.get(fault.kind, 0) + fault.count
    return found


@given(st.lists(st.tuples(MOMENTS, VALUES), max_size=40))
def test_any_rows_become_what_a_plain_reading_makes_of_them(rows: list[tuple[int, float]]) -> None:
    series, faults = clean(ints([at for at, _ in rows]), floats([value for _, value in rows]), NOW, -0.5, 1.5)
    by_time: dict[int, list[float]] = {}
    for at, value in rows:
        if at <= NOW:
            usable = math.isfinite(value) and -0.5 <= value <= 1.5
            by_time.setdefault(at, []).append(value if usable else math.nan)
    expected = {at: said[0] if len(set(said)) == 1 else math.nan for at, said in by_time.items()}
    assert series.times.tolist() == sorted(expected)
    np.testing.assert_array_equal(series.values, [expected[at] for at in sorted(expected)])
    kept = [(at, value) for at, value in rows if at <= NOW]
    found = counted(faults)
    assert found.get("future", 0) == len(rows) - len(kept)
    assert found.get("not_a_number", 0) == sum(not math.isfinite(value) for _, value in kept)
    assert found.get("out_of_range", 0) == sum(
        math.isfinite(value) and not -0.5 <= value <= 1.5 for _, value in kept
    )
    several = [said for said in by_time.values() if len(said) > 1]
    same = [said for said in several if all(each == said[0] for each in said)]
    assert found.get("duplicate", 0) == len(same)
    assert found.get("contradiction", 0) == len(several) - len(same)
    falling = sum(after < before for (before, _), (after, _) in pairwise(rows))
    assert found.get("unsorted", 0) == falling
    for fault in faults:
        assert fault.first in {at for at, _ in rows}
        assert str(fault.count) in fault.detail


@given(st.lists(st.tuples(MOMENTS, VALUES), max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing_but_the_fault_that_names_it(
    rows: list[tuple[int, float]], random: object
) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, first = clean(ints([at for at, _ in rows]), floats([value for _, value in rows]), NOW)
    two, second = clean(ints([at for at, _ in shuffled]), floats([value for _, value in shuffled]), NOW)
    assert one.times.tolist() == two.times.tolist()
    np.testing.assert_array_equal(one.values, two.values)
    assert {**counted(first), "unsorted": 0} == {**counted(second), "unsorted": 0}


PRICES = st.sampled_from([1.0, 2.0, 3.0, 0.0, -1.0, math.nan, math.inf])
VOLUMES = st.sampled_from([5.0, 6.0, 0.0, -1.0, math.nan, math.inf])
ROW = st.tuples(MOMENTS, PRICES, PRICES, PRICES, PRICES, VOLUMES)
WELL_FORMED = st.tuples(MOMENTS, VOLUMES).map(lambda pair: (pair[0], 2.0, 3.0, 1.0, 2.0, pair[1]))


def columns(rows: list[tuple[int, float, float, float, float, float]]) -> CandleArrays:
    opened, high, low, closed, volume = (floats([row[place] for row in rows]) for place in range(1, 6))
    return opened, high, low, closed, volume


@given(st.lists(ROW | WELL_FORMED, max_size=30))
def test_any_candles_become_what_a_plain_reading_makes_of_them(
    rows: list[tuple[int, float, float, float, float, float]],
) -> None:
    candles, faults = clean_candles(ints([row[0] for row in rows]), columns(rows), HOUR, NOW)
    closed = [row for row in rows if row[0] + HOUR <= NOW]
    assert candles.opens.tolist() == sorted({row[0] for row in closed})
    contradicted = 0
    for place, opened in enumerate(candles.opens.tolist()):
        said = [row for row in closed if row[0] == opened]
        usable = [
            all(math.isfinite(price) for price in row[1:5])
            and 0 < row[3] <= min(row[1], row[4])
            and row[2] >= max(row[1], row[4])
            for row in said
        ]
        found = [array[place] for array in (candles.open, candles.high, candles.low, candles.close)]
        if all(usable) and len({row[1:5] for row in said}) == 1:
            assert found == list(said[0][1:5])
            volumes = {row[5] for row in said if math.isfinite(row[5]) and row[5] >= 0}
            contradicted += len(volumes) > 1
            np.testing.assert_equal(candles.volume[place], volumes.pop() if len(volumes) == 1 else math.nan)
        else:
            contradicted += len(said) > 1
            assert np.all(np.isnan([*found, candles.volume[place]])), "never half a candle"
    assert counted(faults).get("future", 0) == len(rows) - len(closed)
    assert counted(faults).get("contradiction", 0) == contradicted


def test_a_candle_that_one_row_spoils_is_not_rescued_by_another() -> None:
    rows = [(0, 2.0, 3.0, 1.0, 2.0, 5.0), (0, math.nan, 3.0, 1.0, 2.0, 5.0)]
    candles, faults = clean_candles(ints([0, 0]), columns(rows), HOUR, NOW)
    assert math.isnan(candles.close[0])
    assert counted(faults) == {"not_a_number": 1, "contradiction": 1}


def test_volumes_that_differ_leave_the_prices_that_agree() -> None:
    rows = [(0, 2.0, 3.0, 1.0, 2.0, 5.0), (0, 2.0, 3.0, 1.0, 2.0, 6.0)]
    candles, faults = clean_candles(ints([0, 0]), columns(rows), HOUR, NOW)
    assert candles.close[0] == 2.0
    assert math.isnan(candles.volume[0])
    assert counted(faults) == {"duplicate": 1, "contradiction": 1}


def test_nothing_at_all_is_a_series_without_a_fault() -> None:
    series, faults = clean(ints([]), floats([]), NOW)
    candles, more = clean_candles(ints([]), columns([]), HOUR, NOW)
    assert len(series) == len(candles) == 0
    assert faults == more == ()
    assert series.as_of(ints([NOW]), DAY)[1].tolist() == [-1]


def test_a_candle_is_known_when_it_has_closed_and_not_before() -> None:
    row = (NOW - HOUR, 2.0, 3.0, 1.0, 2.0, 5.0)
    late = (NOW - HOUR + 1, 2.0, 3.0, 1.0, 2.0, 5.0)
    candles, faults = clean_candles(ints([row[0], late[0]]), columns([row, late]), HOUR, NOW)
    assert candles.closes().times.tolist() == [NOW]
    assert counted(faults) == {"future": 1}
    assert len(candles.between(NOW - 1, NOW)) == 1
    assert len(candles.between(NOW, NOW + 1)) == 0


def test_the_newest_value_hides_older_ones_even_when_it_is_unusable_or_too_old() -> None:
    series, _ = clean(ints([0, HOUR]), floats([1.0, math.nan]), NOW)
    values, age = series.as_of(ints([-1, 0, HOUR, NOW]), DAY)
    np.testing.assert_array_equal(values, [math.nan, 1.0, math.nan, math.nan])
    assert age.tolist() == [-1, 0, 0, NOW - HOUR]


@given(st.lists(st.integers(0, 50), unique=True, max_size=30).map(sorted))
def test_gaps_are_counted_and_about_as_much_as_is_missing(hours: list[int]) -> None:
    times = ints([hour * HOUR for hour in hours])
    wide = [after - before for before, after in pairwise(hours) if after - before > 1]
    found = gaps(times, HOUR)
    assert [fault.count for fault in found] == ([len(wide)] if wide else [])
    if wide:
        assert f"about {sum(wide) - len(wide)} missing" in found[0].detail
    assert gaps(times, 0) == ()


@pytest.mark.parametrize(
    ("times", "values"),
    [
        (ints([1, 1]), floats([1, 1])),
        (ints([2, 1]), floats([1, 1])),
        (ints([1]), floats([1, 2])),
        (ints([1]), floats([math.inf])),
        (np.array([1.0]), floats([1])),
        (ints([1]), np.array([1])),
    ],
)
def test_a_series_refuses_what_is_none(times: IntArray, values: FloatArray) -> None:
    with pytest.raises(MarketDataError) as caught:
        Series(times, values)
    assert caught.value.code == "market.bad_series"


def test_candles_need_a_length() -> None:
    nothing = floats([])
    with pytest.raises(MarketDataError):
        Candles(ints([]), 0, nothing, nothing, nothing, nothing, nothing)


def test_a_history_gives_its_parts_by_kind_name_and_step() -> None:
    def recorded(name: str, source: str, step: int) -> Recorded:
        candles, _ = clean_candles(ints([]), columns([]), step, NOW)
        return Recorded(SeriesKey("price", name, source, step), candles, Provenance("a file"))

    parts = (("ETH", "a", HOUR), ("BTC", "b", DAY), ("BTC", "a", HOUR), ("BTC", "a", DAY))
    history = MarketHistory().with_recorded(recorded(*part) for part in parts)
    found = [(key.name, key.source, key.step) for key, _ in history.candles("price")]
    assert found == [("BTC", "a", HOUR), ("ETH", "a", HOUR), ("BTC", "a", DAY), ("BTC", "b", DAY)]
    assert [(item.key.source, item.key.step) for item in history.of("price", "BTC")] == [
        ("a", HOUR),
        ("a", DAY),
        ("b", DAY),
    ]
    assert history.series("price") == ()
