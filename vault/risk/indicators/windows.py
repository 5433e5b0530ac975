"""Values of series at moments, and what is usual for them: windows of the past without a look ahead.

Sums are of the points of a window alone, never differences of running totals: an absurd number years ago, or
one that comes later, does not touch a digit. A window with a hole has no sum; it is not a smaller one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from vault.risk.indicators.base import span
from vault.series import DAY, HOUR, FloatArray, IntArray, Series, SeriesKey

# Fewer points of its own past than this are no history, whatever the window.
MIN_POINTS: Final = 20
# Of ninety days a month is what venues still have of the past: a rough idea of what is usual, and a new
# treasury would be blind for weeks without it. The coverage is shown beside every score.
MIN_COVERAGE: Final = 0.2
# A feed that is asked every few minutes to every hour and was silent for two hours is stale.
HOURLY_AGE: Final = 2 * HOUR
# A daily figure may be late by half a day, and is then two and a half days old before it is stale.
DAILY_AGE: Final = 5 * DAY // 2
# Weekday figures: two days that are not weekend. Over a weekend nothing new can come.
BUSINESS_AGE: Final = 2 * DAY
MONDAY: Final = 3 * DAY  # the epoch was a Thursday: three days after a Monday


def oldest_allowed(key: SeriesKey, least: int = HOURLY_AGE) -> int:
    """How old the newest value may be: two of its steps, and at least `least`."""
    return max(least, 2 * key.step)


def lacking(series: Series, at: int, max_age: int) -> str:
    """Why there is no value at a moment; empty where there is one."""
    place = int(np.searchsorted(series.times, at, side="right")) - 1
    if place < 0:
        return "nothing yet"
    age = at - int(series.times[place])
    if age > max_age:
        return f"stale: {span(age)} old, {span(max_age)} allowed"
    return "" if np.isfinite(series.values[place]) else "the newest value is unusable"


def sum_of_last(
    series: Series, at: IntArray, number: int, step: int, max_age: int
) -> tuple[FloatArray, IntArray]:
    """Sum of the last `number` points of `step` ms known at each moment, and the newest's age (-1: none).

    NaN where the newest is too old, where one is unusable, and where one is missing between them.
    """
    place = np.searchsorted(series.times, at, side="right").astype(np.int64) - 1
    first = place - number + 1
    held = np.maximum(place, 0)
    if not len(series):
        return np.full(at.shape, np.nan), np.full(at.shape, -1, dtype=np.int64)
    age = np.where(place >= 0, at - series.times[held], -1)
    whole = (first >= 0) & (age <= max_age)
    whole &= series.times[held] - series.times[np.maximum(first, 0)] <= (number - 1) * step + step // 2
    total = _sums(series.values, np.maximum(first, 0), held + 1)
    return np.where(whole, total, np.nan), age


def mean_within(series: Series, at: IntArray, window: int) -> tuple[FloatArray, IntArray]:
    """Mean and number of the usable points with at - window < time <= at; NaN where there is none."""
    first = np.searchsorted(series.times, at - window, side="right").astype(np.int64)
    last = np.searchsorted(series.times, at, side="right").astype(np.int64)
    usable = np.isfinite(series.values)
    running = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(usable)])
    count = running[last] - running[first]
    total = _sums(np.where(usable, series.values, 0.0), first, last)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan), count


def _sums(values: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """Sums of values[first:last], each added up by itself."""
    if not values.size or not first.size:
        return np.zeros(first.shape)
    edges = np.stack([first, last], axis=1).ravel()
    found = np.add.reduceat(np.append(values, 0.0), edges)[::2]
    return np.where(last > first, found, 0.0)


class Past:
    """What a quantity was at the end of each of the last `days` whole UTC days before each moment.

    A day is a sample, because values hours apart are nearly the same one; and what happens today does not
    make itself usual. `count` and `coverage` (n,) are of the samples that were usable.
    """

    __slots__ = ("_ordered", "_row", "count", "coverage")

    def __init__(self, sample: Callable[[IntArray], FloatArray], at: IntArray, days: int) -> None:
        today = at // DAY
        first = int(today[0]) - days + 1
        midnights = np.arange(first, int(today[-1]) + 1, dtype=np.int64) * DAY
        windows = np.lib.stride_tricks.sliding_window_view(sample(midnights), days)
        self._ordered: FloatArray = np.sort(windows, axis=1)
        self._row: IntArray = today - int(today[0])
        seen = np.sum(np.isfinite(self._ordered), axis=1)
        self.count: IntArray = seen[self._row]
        self.coverage: FloatArray = self.count / days

    def enough(self, values: FloatArray) -> FloatArray:
        """`values` where the past says what is usual: `MIN_POINTS` and `MIN_COVERAGE`; NaN elsewhere."""
        return np.where((self.count >= MIN_POINTS) & (self.coverage >= MIN_COVERAGE), values, np.nan)

    def quantile(self, share: float) -> FloatArray:
        """The value that `share` of the samples do not exceed (between two, a straight line)."""
        counts = np.sum(np.isfinite(self._ordered), axis=1)
        place = share * np.maximum(counts - 1, 0)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(counts - 1, 0))
        rows = np.arange(counts.size)
        under, over = self._ordered[rows, low], self._ordered[rows, high]
        found: FloatArray = (under + (over - under) * (place - low))[self._row]
        return found

    def median(self) -> FloatArray:
        """The middle sample."""
        return self.quantile(0.5)

    def percentile(self, value: FloatArray) -> FloatArray:
        """Share (0..1) of the samples at or below `value`, ties half; NaN where either is missing."""
        held = self._ordered[self._row]
        below = np.count_nonzero(held < value[:, None], axis=1)
        upto = np.count_nonzero(held <= value[:, None], axis=1)
        found = (below + upto) / (2 * np.maximum(self.count, 1))
        return np.where((self.count > 0) & np.isfinite(value), found, np.nan)


def mean_and_deviation(series: Series, at: IntArray, days: int) -> tuple[FloatArray, FloatArray, IntArray]:
    """Mean, standard deviation (n - 1) and number of the usable points of the last whole UTC days.

    Days are added up by themselves and combined as in Chan, Golub and LeVeque, "Algorithms for computing the
    sample variance" (1983): no running total, so nothing cancels. NaN for fewer than two points or overflow.
    """
    today = at // DAY
    first, end = int(today[0]) - days, int(today[-1])
    usable = np.isfinite(series.values)
    # A value known at midnight is of the day that ended there.
    day = (series.times[usable] - 1) // DAY - first
    inside = (day >= 0) & (day < end - first)
    day, values = day[inside], series.values[usable][inside]
    length = end - first
    count = np.bincount(day, minlength=length).astype(np.float64)
    mean = np.bincount(day, weights=values, minlength=length) / np.maximum(count, 1.0)
    square = np.bincount(day, weights=(values - mean[day]) ** 2, minlength=length)

    def windows(items: FloatArray) -> FloatArray:
        found: FloatArray = np.lib.stride_tricks.sliding_window_view(items, days)
        return found

    counts, means = windows(count), windows(mean)
    total = np.sum(counts, axis=1)
    centre = np.sum(counts * means, axis=1) / np.maximum(total, 1.0)
    apart = counts * (means - centre[:, None]) ** 2
    around = np.sum(windows(square.astype(np.float64)) + apart, axis=1)
    row = today - int(today[0])
    deviation = np.sqrt(around / np.maximum(total - 1.0, 1.0))
    # So large that it cannot be said: that is no deviation, and dividing by it would read as calm.
    full = (total >= 2) & np.isfinite(deviation)
    return (
        np.where(full, centre, np.nan)[row],
        np.where(full, deviation, np.nan)[row],
        total.astype(np.int64)[row],
    )


def trailing(values: FloatArray, number: int) -> FloatArray:
    """The last `number` values up to each one, (n, number); NaN before the first."""
    if not values.size:
        return np.empty((0, number))
    padded = np.concatenate([np.full(number - 1, np.nan), values])
    found: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, number)
    return found


def at_moments(series: Series, at: IntArray, *columns: FloatArray) -> tuple[list[FloatArray], IntArray]:
    """Columns that were worked out at each point of a weekday `series`, as known at moments; and the age.

    NaN where the newest point is `BUSINESS_AGE` old, Saturdays and Sundays (UTC) not counted.
    """
    place = np.searchsorted(series.times, at, side="right") - 1
    if not len(series):
        return [np.full(at.shape, np.nan) for _ in columns], np.full(at.shape, -1, dtype=np.int64)
    held = np.maximum(place, 0)
    age = np.where(place >= 0, at - series.times[held], -1)
    fresh = (place >= 0) & (business_age(series.times[held], at) < BUSINESS_AGE)
    return [np.where(fresh, column[held], np.nan) for column in columns], age


def business_age(times: IntArray, at: IntArray) -> IntArray:
    """Milliseconds between, without those of Saturdays and Sundays (UTC)."""
    return at - times - (_weekends(at) - _weekends(times))


def _weekends(times: IntArray) -> IntArray:
    weeks, within = np.divmod(times + MONDAY, 7 * DAY)
    found: IntArray = weeks * 2 * DAY + np.maximum(within - 5 * DAY, 0)
    return found


def late_weekday(series: Series, at: int) -> str:
    """Why a weekday series has nothing at a moment; empty where it has."""
    place = int(np.searchsorted(series.times, at, side="right")) - 1
    if place < 0:
        return "nothing yet"
    age = int(business_age(series.times[place : place + 1], np.array([at], dtype=np.int64))[0])
    if age >= BUSINESS_AGE:
        return f"stale: {span(at - int(series.times[place]))} old, {span(age)} of it weekdays"
    return "" if np.isfinite(series.values[place]) else "the newest value is unusable"
