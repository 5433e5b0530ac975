"""Clustered liquidation levels: how much a fall of 5 % would close by force, against its own past.

An estimate, relative only: nobody publishes entries or leverage. The level a position is closed at is the
one of the liquidation ladder; here it is followed hour by hour over years.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.risk.cascade.ladder import JUDGED_MIX, LeverageMix, long_liquidation_price
from vault.risk.indicators.base import POST, About, Reading, Source, Track, gather, ramp, said, witness_of
from vault.risk.indicators.hours import HourlySource, Hours, hourly
from vault.risk.indicators.windows import HOURLY_AGE, Past, lacking
from vault.series import DAY, HOUR, FloatArray, IntArray, MarketHistory

WINDOW: Final = 90
# Within 5 % lies what one bad hour reaches; 10 % is the wick that an account must survive.
NEAR: Final = 0.05
FAR: Final = 0.10
# Percentiles of its own past: three days of four are usual; beyond 99 of 100 there is no worse to compare.
CALM: Final = 0.75
CROWDED: Final = 0.99
# Mean age of open leverage: perpetual positions are kept for days, not months.
TAU_HOURS: Final = 7 * 24
# Entries older than this many tau weigh less than 0.1 % of new ones and are left out at the start.
WARM_UP_TAUS: Final = 7
# Maintenance margin of the smallest bracket at large venues.
MAINTENANCE: Final = 0.005
# Levels are binned in log price: 5 basis points, a hundredth of the near band.
BIN: Final = 0.0005
# Bins that a price which rose from 1 to 100,000 needs, twice over; an absurd price asks for no more.
MOST_BINS: Final = 50_000
_LEVELS: Final = (1e-200, 1e200)
# Share of the hours of the last tau that must be there; entries of missing hours are missing notional.
SEEN: Final = 0.95
DAY_HOURS: Final = 24

ABOUT: Final = About(
    name="liquidation_clusters",
    title="Clustered liquidation levels",
    definition="Long positions (in coins) that a fall of 5 % below the price would close by force.",
    formula="G = sum over past hours and leverages of volume * exp(-age / tau) * share, where the level "
    "e (1 - 1/L) / (1 - m) lies within 5 % below the price and no low since has reached it; "
    "score = ramp(percentile of G, 75 % .. 99 %)",
    window=f"90 days, a sample a day; tau {TAU_HOURS / DAY_HOURS:g} days, m 0.5 %",
    calm="less than on three days of four",
    worst="more than on 99 days of 100",
    source=f"{POST}, third warning: liquidation heatmaps and clustered levels; "
    "the ladder of docs/risk-model.md",
    pitfalls=(
        "an estimate, relative only: entries, leverages and holding times are assumed",
        "it is low just after a flush, because the levels near the price are gone",
        "hours without candles hold no entries; with more than one in twenty missing there is no score",
    ),
    thresholds=(
        ("percentile, calm", f"{CALM:g}", "three days of four are usual"),
        ("percentile, worst", f"{CROWDED:g}", "in 90 days there is hardly a worse one"),
        ("tau, hours", f"{TAU_HOURS}", "leverage is kept for days"),
        ("maintenance", f"{MAINTENANCE:g}", "the smallest bracket at large venues"),
    ),
)


def measure(history: MarketHistory, at: IntArray, asset: str) -> Track:
    """The track of liquidation clusters: `value` in coins within 5 %, `statistic` its percentile."""
    found, unused = hourly(history, "price", asset)
    marks = {one.source: one for one in hourly(history, "mark", asset)[0]}
    # Prices of a contract may be filed beside those of the exchange's spot market; its marks are not.
    sources = [_source(one, marks.get(one.source.removesuffix("-perp"))) for one in found]
    return gather(ABOUT, "coins within 5 %", "percentile", at, sources, unused=unused)


def triggered_within(
    hours: Hours, widths: tuple[float, ...], mix: LeverageMix = JUDGED_MIX, tau_hours: float = TAU_HOURS
) -> FloatArray:
    """Coins closed by a fall of each width (simple share) below each hour's close, (widths, n).

    Hours start at a midnight and make whole days (n a multiple of 24); a missing hour (NaN) has no entry, no
    low and no result. Levels from before a day are kept in bins, which decay and are cleared by each low;
    those of the day itself are followed one by one. Half a bin is the error of a level.
    """
    days = hours.close.size // DAY_HOURS
    shape = (days, DAY_HOURS)
    close = np.where(hours.close > 0, hours.close, np.nan).reshape(shape)
    low = np.where(np.isnan(hours.low), np.inf, hours.low).reshape(shape)
    volume = hours.volume.reshape(shape)
    entries = np.where(np.isfinite(volume * close), volume, 0.0)
    if not bool(np.any(np.isfinite(close))):
        return np.full((len(widths), hours.close.size), np.nan)
    level = long_liquidation_price(
        np.where(np.isnan(close), np.nanmin(close), close)[:, :, None], np.asarray(mix.leverages), MAINTENANCE
    )
    weight = entries[:, :, None] * np.asarray(mix.shares)
    floors = np.stack([close * (1 - width) for width in widths])
    found = _of_the_day(low, level, weight, floors, tau_hours)
    found += _from_before(low, level, weight, floors, tau_hours)
    return np.where(np.isnan(close), np.nan, found).reshape(len(widths), -1)


def _of_the_day(
    low: FloatArray, level: FloatArray, weight: FloatArray, floors: FloatArray, tau: float
) -> FloatArray:
    """What entries of the same day add: (widths, days, 24)."""
    found = np.zeros(floors.shape)
    lowest = np.full(low.shape, np.inf)
    for hour in range(DAY_HOURS):
        # Lowest low since each entry up to now; entries of this hour have none yet.
        lowest[:, :hour] = np.minimum(lowest[:, :hour], low[:, hour : hour + 1])
        decay = np.exp(-(hour - np.arange(hour + 1)) / tau)[None, :, None]
        so_far = level[:, : hour + 1]
        open_now = np.where(so_far < lowest[:, : hour + 1, None], weight[:, : hour + 1] * decay, 0.0)
        for number, floor in enumerate(floors[:, :, hour]):
            found[number, :, hour] = np.sum(
                np.where(so_far >= floor[:, None, None], open_now, 0.0), axis=(1, 2)
            )
    return found


def _from_before(
    low: FloatArray, level: FloatArray, weight: FloatArray, floors: FloatArray, tau: float
) -> FloatArray:
    """What entries of earlier days add: (widths, days, 24)."""
    days = low.shape[0]
    bins = np.floor(np.log(np.clip(level, *_LEVELS)) / BIN).astype(np.int64)
    base, size = int(bins.min()), int(bins.max() - bins.min()) + 2
    if size > MOST_BINS:
        base, size = int(np.median(bins)) - MOST_BINS // 2, MOST_BINS
        bins = np.clip(bins, base, base + size - 1)
    lowest = np.minimum.accumulate(low, axis=1)
    # Sums of held[bottom:top], each by itself: what a later hour looks at does not touch a digit.
    edges = np.stack(np.broadcast_arrays(_places(floors, base, size), _places(lowest, base, size)), axis=-1)
    inside = edges[..., 1] > edges[..., 0]
    slices = np.moveaxis(edges, 0, 1).reshape(days, -1)
    cleared = edges[0, :, -1, 1].tolist()
    later = np.minimum.accumulate(low[:, ::-1], axis=1)[:, ::-1]
    after = np.concatenate([later[:, 1:], np.full((days, 1), np.inf)], axis=1)
    age = np.arange(DAY_HOURS)[::-1]
    left = np.where(level < after[:, :, None], weight * np.exp(-age / tau)[None, :, None], 0.0)
    places, left = (bins - base).reshape(days, -1), left.reshape(days, -1)
    daily, hourly_decay = np.exp(-DAY_HOURS / tau), np.exp(-(1 + np.arange(DAY_HOURS)) / tau)
    held, found = np.zeros(size + 1), np.empty(floors.shape)
    for day in range(days):
        reached = np.add.reduceat(held, slices[day])[::2].reshape(floors.shape[0], -1)
        found[:, day] = np.where(inside[:, day], reached, 0.0) * hourly_decay
        held *= daily
        held[cleared[day] :] = 0.0
        held += np.bincount(places[day], weights=left[day], minlength=size + 1)
    return found


def _places(prices: FloatArray, base: int, size: int) -> IntArray:
    """The first bin at or above each price, 0 .. size; the last one for none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        places = np.ceil(np.log(prices) / BIN - 0.5) - base
    return np.clip(np.where(np.isnan(places), size, places), 0, size).astype(np.int64)


def _followed(
    candles: HourlySource, marks: HourlySource | None, at: IntArray
) -> tuple[int, FloatArray, FloatArray]:
    """The first hour of those that the moments and their past rest on, and coins within 5 % and 10 % at each.

    NaN where too many hours of the last tau are missing.
    """
    opens, end = candles.candles.opens, int(at[-1]) // DAY + 1
    begin = int(at[0]) // DAY - WINDOW - WARM_UP_TAUS * TAU_HOURS // DAY_HOURS
    begin = min(max(begin, int(opens[0]) // DAY if opens.size else 0), end - 1)
    first, number = begin * DAY_HOURS, (end - begin) * DAY_HOURS
    hours = candles.hours(first, number)
    if marks is not None:
        marked = marks.hours(first, number).low
        low = np.where(np.isnan(marked), hours.low, marked)
        hours = Hours(hours.high, low, hours.close, hours.volume)
    near, far = triggered_within(hours, (NEAR, FAR))
    running = np.concatenate(
        [np.zeros(1, dtype=np.int64), np.cumsum(np.isfinite(hours.close * hours.volume))]
    )
    back = np.maximum(np.arange(1, number + 1) - TAU_HOURS, 0)
    whole = running[1:] - running[back] >= SEEN * TAU_HOURS
    return first, np.where(whole, near, np.nan), np.where(whole, far, np.nan)


def _source(candles: HourlySource, marks: HourlySource | None) -> Source:
    closes = candles.closes

    def read(at: IntArray) -> Reading:
        first, near, far = _followed(candles, marks, at)

        def hour_before(times: IntArray, values: FloatArray) -> FloatArray:
            place = times // HOUR - 1 - first
            inside = (place >= 0) & (place < values.size)
            return np.where(inside, values[np.clip(place, 0, values.size - 1)], np.nan)

        _, age = closes.as_of(at, HOURLY_AGE)
        fresh, newest = (age >= 0) & (age <= HOURLY_AGE), at - age
        value, wide = (np.where(fresh, hour_before(newest, values), np.nan) for values in (near, far))
        past = Past(lambda midnights: hour_before(midnights, near), at, WINDOW)
        percentile = past.enough(past.percentile(value))
        why = lacking(closes, int(at[-1]), HOURLY_AGE)
        if not why and not np.isfinite(value[-1]):
            why = "too few hours (with volume) of the last days"
        return Reading(
            value=value,
            statistic=percentile,
            score=ramp(percentile, CALM, CROWDED),
            age=age,
            coverage=past.coverage,
            detail=f"{said(value[-1], 0, ' coins', 'an unknown amount')} within 5 % "
            f"(estimate, relative only), {said(wide[-1], 0, ' coins', 'an unknown amount')} within 10 %; "
            f"percentile of {WINDOW} days: {said(percentile[-1] * 100, 0)}",
            why=why or f"{past.count[-1]} of {WINDOW} days of history",
        )

    return Source(candles.source, (closes,), read, candles.faults, witness=witness_of(candles.source))
