"""Windows of the past: each against the plain way of working it out, and nothing from outside of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.indicator_history import START, moments
from vault.risk.indicators.windows import (
    BUSINESS_AGE,
    Past,
    business_age,
    mean_and_deviation,
    mean_within,
    sum_of_last,
    trailing,
)
from vault.series import DAY, HOUR, IntArray, Series


def hourly(values: list[float], start: int = START) -> Series:
    times = start + HOUR * np.arange(1, len(values) + 1, dtype=np.int64)
    return Series(times, np.array(values, dtype=np.float64))


def at(*times: int) -> IntArray:
    return np.array(times, dtype=np.int64)


def test_a_sum_is_of_the_last_points_and_of_no_others() -> None:
    series = hourly([1e300, 1.0, 2.0, 3.0])
    total, age = sum_of_last(series, at(START + 4 * HOUR, START + 4 * HOUR + 60_000), 3, HOUR, 2 * HOUR)
    assert total.tolist() == [6.0, 6.0]
    assert age.tolist() == [0, 60_000]


def test_a_sum_with_a_hole_an_unusable_point_or_too_few_points_is_none() -> None:
    whole = hourly([1.0, 2.0, 3.0, 4.0])
    hole = Series(np.delete(whole.times, 2), np.delete(whole.values, 2))
    now = at(START + 4 * HOUR)
    assert np.isnan(sum_of_last(hole, now, 3, HOUR, HOUR)[0][0])
    assert np.isnan(sum_of_last(hourly([1.0, np.nan, 3.0]), at(START + 3 * HOUR), 3, HOUR, HOUR)[0][0])
    assert np.isnan(sum_of_last(whole, now, 5, HOUR, HOUR)[0][0])
    assert np.isnan(sum_of_last(whole, now + 3 * HOUR, 3, HOUR, 2 * HOUR)[0][0])
    assert np.isnan(sum_of_last(whole, at(START), 1, HOUR, HOUR)[0][0])
    assert np.isnan(sum_of_last(hourly([]), now, 1, HOUR, HOUR)[0][0])


def test_a_mean_takes_what_is_usable_in_its_window() -> None:
    series = hourly([1e200, 1.0, np.nan, 3.0])
    mean, count = mean_within(series, at(START + 4 * HOUR, START), 3 * HOUR)
    assert mean[0] == 2.0
    assert count.tolist() == [2, 0]
    assert np.isnan(mean[1])


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_mean_and_deviation_are_those_of_the_whole_days_before(seed: int, days: int) -> None:
    draw = np.random.default_rng(seed)
    values = np.where(draw.random(15 * 24) < 0.1, np.nan, draw.normal(1e6, 1.0, 15 * 24))
    series, times = hourly(values.tolist()), np.sort(draw.choice(moments(16), 5, replace=False))
    mean, deviation, count = mean_and_deviation(series, times, days)
    for place, time in enumerate(times.tolist()):
        end = time // DAY * DAY
        window = series.between(end - days * DAY, end).values
        window = window[np.isfinite(window)]
        assert count[place] == window.size
        if window.size >= 2:
            assert mean[place] == pytest.approx(np.mean(window), rel=1e-12)
            assert deviation[place] == pytest.approx(np.std(window, ddof=1), rel=1e-6)
        else:
            assert np.isnan(mean[place])


def test_an_absurd_number_outside_of_the_window_does_not_touch_a_digit() -> None:
    draw = np.random.default_rng(1)
    values = draw.normal(0, 1, 20 * 24)
    spoiled = values.copy()
    spoiled[:24], spoiled[-24:] = 1e150, -1e150
    times = at(START + 18 * DAY)
    clean, dirty = (mean_and_deviation(hourly(one.tolist()), times, 10) for one in (values, spoiled))
    assert [item.tolist() for item in clean] == [item.tolist() for item in dirty]


@given(st.integers(0, 2**32 - 1))
def test_percentile_and_quantiles_are_those_of_the_samples_at_midnights(seed: int) -> None:
    draw = np.random.default_rng(seed)
    daily = np.where(draw.random(40) < 0.2, np.nan, draw.integers(0, 6, 40).astype(np.float64))

    def sample(midnights: IntArray) -> np.ndarray:
        place = (midnights - START) // DAY
        inside = (place >= 0) & (place < 40)
        return np.where(inside, daily[np.clip(place, 0, 39)], np.nan)

    times = np.sort(draw.choice(moments(40), 6, replace=False))
    value = draw.integers(-1, 7, 6).astype(np.float64)
    past = Past(sample, times, 10)
    share, median, high = past.percentile(value), past.median(), past.quantile(0.9)
    for place, time in enumerate(times.tolist()):
        last = (time // DAY * DAY - START) // DAY
        window = daily[max(0, last - 9) : last + 1]
        window = window[np.isfinite(window)]
        assert past.count[place] == window.size
        if not window.size:
            assert np.isnan(share[place])
            continue
        plain = np.mean((window < value[place]) + (window == value[place]) / 2)
        assert share[place] == pytest.approx(plain)
        assert median[place] == pytest.approx(np.median(window))
        assert high[place] == pytest.approx(np.quantile(window, 0.9))


def test_what_happens_today_is_not_yet_usual() -> None:
    asked: list[int] = []

    def sample(midnights: IntArray) -> np.ndarray:
        asked.extend(midnights.tolist())
        return np.zeros(midnights.shape)

    now = START + 3 * DAY + 5 * HOUR
    Past(sample, at(now), 3)
    assert asked == [START + DAY, START + 2 * DAY, START + 3 * DAY]


def test_a_short_past_says_nothing_of_what_is_usual() -> None:
    past = Past(lambda midnights: np.where(midnights > START, 1.0, np.nan), at(START + 19 * DAY), 90)
    assert past.count.tolist() == [19]
    assert np.isnan(past.enough(np.array([1.0]))[0])


def test_a_weekend_is_not_stale_and_two_silent_weekdays_are() -> None:
    saturday_morning = START + 5 * DAY + 5 * HOUR
    times = at(saturday_morning)
    assert business_age(times, at(saturday_morning + 2 * DAY))[0] == 5 * HOUR
    assert business_age(times, at(START + 8 * DAY + 5 * HOUR))[0] == DAY + 5 * HOUR
    for hour in range(7 * 24):
        known = at(START + hour * HOUR)
        assert business_age(known, known + 4 * DAY)[0] >= BUSINESS_AGE
        weekend = min(24 * 7, hour + 24) - max(5 * 24, min(24 * 7, hour))
        assert business_age(known, known + DAY)[0] == DAY - max(0, min(24, weekend)) * HOUR


def test_trailing_windows_start_empty() -> None:
    rows = trailing(np.array([1.0, 2.0, 3.0]), 2)
    assert rows[1:].tolist() == [[1.0, 2.0], [2.0, 3.0]]
    assert np.isnan(rows[0, 0])
