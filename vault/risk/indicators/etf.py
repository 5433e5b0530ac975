"""Flows of the exchange-traded funds: a steady spot bid that outflows take away.

Published a day late and on weekdays only: a weekend is not stale, two silent weekdays are. A sum with a
missing day in it is no sum.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.risk.indicators.base import POST, About, Reading, Source, Track, faults_of, gather, ramp, said
from vault.risk.indicators.windows import MIN_COVERAGE, MIN_POINTS, at_moments, late_weekday, trailing
from vault.series import DAY, FloatArray, IntArray, MarketHistory, Recorded, Series

# A week of trading.
DAYS: Final = 5
# Five trading days with a weekend and one holiday between them; more, and a day is missing. One day alone
# cannot be told from a holiday.
LONGEST: Final = 15 * DAY // 2
# Calendar days of its own past, and the trading days in them.
WINDOW: Final = 90
POINTS: Final = 62
# Deviations below its mean: one is noise, three is a bid that has turned.
Z_CALM: Final = 1.0
Z_WORST: Final = 3.0
# Days of outflow running: three come by chance (one in eight), ten are two weeks of nothing else.
STREAK_CALM: Final = 3.0
STREAK_WORST: Final = 10.0

ABOUT: Final = About(
    name="etf",
    title="ETF flows",
    definition="Net flow into the funds over the last five trading days, against its own past.",
    formula="z = (sum of 5 days - mean) / max(deviation, mean size of a day's flow); score = the greater of "
    "ramp(-z, 1 .. 3) and ramp(days of outflow running, 3 .. 10)",
    window="90 days (62 trading days)",
    calm="one deviation below its mean or better, and at most three days of outflow running",
    worst="three deviations below, or ten days",
    source=f"{POST}, fourth warning: ETF outflows can remove a steady spot bid during stress",
    pitfalls=(
        "published a day late, weekdays only: what happens on a Saturday is seen on Tuesday",
        "first figures are revised; a figure counts from when it could be known",
        "one missing weekday is taken for a holiday; two in five days make no sum",
        "a fund that ends or starts changes the level; z forgets it after 90 days",
    ),
    thresholds=(
        ("-z, calm", f"{Z_CALM:g}", "one deviation is noise"),
        ("-z, worst", f"{Z_WORST:g}", "a bid that has turned"),
        ("streak, calm", f"{STREAK_CALM:g}", "three in a row come by chance one time in eight"),
        ("streak, worst", f"{STREAK_WORST:g}", "two weeks of outflows"),
    ),
)


def measure(history: MarketHistory, at: IntArray, asset: str) -> Track:
    """The track of ETF flows: `value` the 5-day sum in USD, `statistic` its z."""
    sources = [
        _source(item, item.data) for item in history.of("etf_flow", asset) if isinstance(item.data, Series)
    ]
    return gather(ABOUT, "USD in 5 days", "z", at, sources)


def _source(item: Recorded, flows: Series) -> Source:
    def read(at: IntArray) -> Reading:
        # Twice the window, for streaks and the sums that the oldest of the window rest on.
        part = flows.between(int(at[0]) - 2 * WINDOW * DAY, int(at[-1]))
        sums = _sums(part)
        past = trailing(np.concatenate([[np.nan], sums])[:-1], POINTS)
        mean, deviation, count = _moments(past)
        size, _, _ = _moments(trailing(np.abs(part.values), POINTS))
        coverage = count / POINTS
        enough = (count >= MIN_POINTS) & (coverage >= MIN_COVERAGE)
        least = np.fmax(deviation, size)
        z = np.where(enough & (least > 0), (sums - mean) / least, np.nan)
        streak = _streak(part.values)
        score = np.maximum(ramp(-z, Z_CALM, Z_WORST), ramp(streak, STREAK_CALM, STREAK_WORST))
        # A day in between may be a holiday; the newest one was said, and cannot be used.
        score = np.where(np.isfinite(part.values), score, np.nan)
        (value, now_z, now_score, seen, running), age = at_moments(part, at, sums, z, score, coverage, streak)
        why = late_weekday(part, int(at[-1]))
        if not why:
            hole = not np.isfinite(value[-1])
            why = "a day of the last five is missing" if hole else "not enough trading days of history"
            if len(part) and not np.isfinite(part.values[-1]):
                why = "the newest value is unusable"
        return Reading(
            value=value,
            statistic=now_z,
            score=now_score,
            age=age,
            coverage=np.where(np.isfinite(seen), seen, 0.0),
            detail=f"{said(value[-1] / 1e6, 0, ' million USD', 'an unknown sum')} in 5 days, "
            f"z {said(now_z[-1])}, {said(running[-1], 0, otherwise='unknown')} days of outflow running",
            why=why,
        )

    return Source(item.key.source, (flows,), read, faults_of(item))


def _sums(flows: Series) -> FloatArray:
    """Sum of the five days up to each one; NaN where one is missing or unusable."""
    if not len(flows):
        return np.empty(0)
    first = np.maximum(np.arange(len(flows)) - DAYS + 1, 0)
    whole = (np.arange(len(flows)) >= DAYS - 1) & (flows.times - flows.times[first] <= LONGEST)
    return np.where(whole, np.sum(trailing(flows.values, DAYS), axis=1), np.nan)


def _moments(windows: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Mean, deviation (n - 1) and number of what is usable in each row."""
    usable = np.isfinite(windows)
    count = np.sum(usable, axis=1)
    mean = np.sum(np.where(usable, windows, 0.0), axis=1) / np.maximum(count, 1)
    around = np.where(usable, windows - mean[:, None], 0.0)
    deviation = np.sqrt(np.sum(around**2, axis=1) / np.maximum(count - 1, 1))
    few = (count < 2) | ~np.isfinite(deviation)
    return np.where(few, np.nan, mean), np.where(few, np.nan, deviation), count


def _streak(values: FloatArray) -> FloatArray:
    """Points below zero running up to each one; NaN (unusable) neither breaks nor lengthens it."""
    places = np.arange(values.size)
    broken = np.maximum.accumulate(np.where(values >= 0, places, -1))
    unusable = np.concatenate([[0], np.cumsum(np.isnan(values))])
    between = unusable[places + 1] - unusable[broken + 1]
    found: FloatArray = (places - broken - between).astype(np.float64)
    return found
