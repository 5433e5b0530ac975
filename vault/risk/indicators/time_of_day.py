"""Time of day and weekend: how far the price moves per dollar traded at this hour, against the usual hour.

From the asset's own hourly candles, weekdays and weekends apart. Refuses hours with a missing volume.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.risk.indicators.base import POST, About, Reading, Source, Track, gather, ramp, said, witness_of
from vault.risk.indicators.hours import HourlySource, hourly
from vault.risk.indicators.windows import MIN_POINTS, lacking
from vault.series import DAY, HOUR, FloatArray, IntArray, MarketHistory, Series

# Whole weeks (Monday to Sunday, UTC): 65 weekdays and 26 weekend days for each hour.
WEEKS: Final = 13
# Of weekend hours a weekend a fortnight makes a median; weekdays have more.
LEAST: Final = MIN_POINTS
# Range per dollar as a multiple of the median weekday hour: at twice it, the same forced sale moves the price
# twice as far, which is also where open interest is at its worst.
CALM: Final = 1.0
THIN: Final = 2.0
# The pattern changes slowly, but a feed that is a day old is not one.
MAX_AGE: Final = DAY
WEEK_HOURS: Final = 168
MONDAY_HOURS: Final = 72  # the epoch was a Thursday

ABOUT: Final = About(
    name="time_of_day",
    title="Time of day and weekend",
    definition="Hourly range of the price per dollar traded, at this hour of a weekday or weekend day.",
    formula="illiquidity = (high - low) / low / (volume * close), the median of each hour of the day; score "
    "= "
    "ramp(this hour's / the median of the weekday hours, 1 .. 2)",
    window="13 whole weeks, weekdays and weekends apart",
    calm="an hour as liquid as the median one, or more",
    worst="twice as far per dollar",
    source=f"{POST}, fifth constraint: liquidity at 2 PM ET is not liquidity at 2 AM Asia time; "
    'Amihud, "Illiquidity and stock returns" (2002), with the range in place of the return',
    pitfalls=(
        "measured: 21:00 UTC is about 1.5 times worse than 07:00",
        "volume of one venue stands for the market's",
        "known in advance and always on at night: it carries little weight",
    ),
    thresholds=(
        ("multiple, calm", f"{CALM:g}", "the median hour"),
        ("multiple, worst", f"{THIN:g}", "a forced sale moves the price twice as far"),
    ),
)


def measure(history: MarketHistory, at: IntArray, asset: str) -> Track:
    """The track of the hour: `value` range per million USD, `statistic` its multiple of the median hour's."""
    found, unused = hourly(history, "price", asset)
    return gather(ABOUT, "range per million USD", "ratio", at, [_source(one) for one in found], unused=unused)


def _source(candles: HourlySource) -> Source:
    closes = candles.closes
    # An unusable candle does not change the pattern of weeks: only how old the newest one is counts.
    clock = Series(closes.times, np.zeros(closes.times.shape))

    def read(at: IntArray) -> Reading:
        # Weeks since a Monday: what is usual is renewed when a week is over.
        week, within = np.divmod(at // HOUR + MONDAY_HOURS, WEEK_HOURS)
        first, number = int(week[0]) - WEEKS, int(week[-1] - week[0]) + WEEKS
        usual, count = _usual(candles, first, number)
        row, hour = week - week[0], within % 24
        weekend = (within >= 5 * 24).astype(np.int64)
        value = usual[row, weekend, hour]
        middle = np.median(usual[:, 0], axis=1)
        _, age = closes.as_of(at, MAX_AGE)
        seen = count[row, weekend, hour]
        fresh = (age >= 0) & (age <= MAX_AGE) & (seen >= LEAST)
        value = np.where(fresh, value, np.nan)
        multiple = np.where(middle[row] > 0, value / middle[row], np.nan)
        days = np.where(weekend == 1, 2, 5) * WEEKS
        return Reading(
            value=value,
            statistic=multiple,
            score=ramp(multiple, CALM, THIN),
            age=age,
            coverage=seen / days,
            detail=f"{'weekend' if weekend[-1] else 'weekday'} {int(hour[-1]):02d}:00 UTC: "
            f"{said(multiple[-1], 2, ' times the range', 'range not known')} per dollar of the median hour",
            why=lacking(clock, int(at[-1]), MAX_AGE) or f"{int(seen[-1])} such hours of history",
        )

    return Source(candles.source, (closes,), read, candles.faults, witness=witness_of(candles.source))


def _usual(candles: HourlySource, first: int, number: int) -> tuple[FloatArray, IntArray]:
    """Medians and counts over each 13 weeks, (number - 12, weekday or weekend, 24): row r is known in week
    first + 13 + r."""
    hours = candles.hours(first * WEEK_HOURS - MONDAY_HOURS, number * WEEK_HOURS)
    dollars = hours.volume * hours.close / 1e6
    illiquid = np.where(dollars > 0, (hours.high - hours.low) / hours.low / dollars, np.nan)
    table = illiquid.reshape(number, 7, 24)
    found, counts = [], []
    for days in (slice(0, 5), slice(5, 7)):
        windows = np.lib.stride_tricks.sliding_window_view(table[:, days], WEEKS, axis=0)
        rows = np.moveaxis(windows, 2, 1).reshape(number - WEEKS + 1, 24, -1)
        ordered = np.sort(rows, axis=2)
        count = np.sum(np.isfinite(ordered), axis=2)
        low, high = np.maximum(count - 1, 0) // 2, np.minimum(count // 2, ordered.shape[2] - 1)
        middle = [np.take_along_axis(ordered, place[:, :, None], axis=2)[:, :, 0] for place in (low, high)]
        found.append((middle[0] + middle[1]) / 2)
        counts.append(count)
    return np.stack(found, axis=1), np.stack(counts, axis=1).astype(np.int64)
