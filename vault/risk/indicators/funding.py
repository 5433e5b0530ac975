"""Funding: what longs pay to stay in, as a sign that they crowd.

Scored by level and by z against its own past, never by how long it was positive: it was positive for 125
days before 10 October 2025, so a sign alone is always on.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.risk.indicators.base import (
    POST,
    About,
    Reading,
    Source,
    Track,
    faults_of,
    gather,
    ramp,
    said,
    span,
    witness_of,
)
from vault.risk.indicators.windows import MIN_POINTS, mean_and_deviation
from vault.series import DAY, HOUR, MINUTE, FloatArray, IntArray, MarketHistory, Recorded, Series

# Annualised: 0.01 % every 8 hours is what a balanced market pays (10.95 % a year).
CALM: Final = 0.12
CROWDED: Final = 0.60
# z against its own past: one deviation is noise, four is a crowd.
Z_CALM: Final = 1.0
Z_CROWDED: Final = 4.0
# Funding sits at its default for days, so the measured deviation can be next to nothing and any move would
# look enormous. Annualised deviations below this are read as this.
MIN_DEVIATION: Final = 0.05
WINDOW: Final = 90
MONTH: Final = 30
YEAR: Final = 365 * DAY
# Venues settle every 1, 2, 4 or 8 hours; a day is for files of daily means. A longer spacing is a hole.
LONGEST: Final = DAY
# Settlements come some seconds off the hour; spacings are read in steps of this.
GRAIN: Final = 5 * MINUTE
# Settlement happens once an interval; half another one, and an hour for the feed, is late.
LATE: Final = 1.5
# Share of the window that the past must reach back.
REACH: Final = 0.5

ABOUT: Final = About(
    name="funding",
    title="Funding",
    definition="What longs pay shorts for staying in, a year, by each venue's own interval.",
    formula="annual = rate * 365 d / interval; z = (annual - mean) / max(deviation, 5 %); score = the "
    "greater of "
    "ramp(annual, 12 % .. 60 %) and ramp(z, 1 .. 4)",
    window="90 days of settlements up to the last midnight (UTC)",
    calm="12 % a year and one deviation above its mean, or less: also negative",
    worst="60 % a year, or four deviations",
    source=f"{POST}, second warning: persistently one-sided funding suggests crowded positioning",
    pitfalls=(
        "the share above zero in 30 days and the run length are told and not scored: always on",
        "the interval is the spacing of the settlements; when it grows, the first one cannot be told from a "
        "hole and has no score",
        "negative funding is crowded shorts: they make no fall worse",
    ),
    thresholds=(
        ("annual, calm", f"{CALM:g}", "a balanced market pays 10.95 %"),
        ("annual, worst", f"{CROWDED:g}", "five times that"),
        ("z, calm", f"{Z_CALM:g}", "one deviation is noise"),
        ("z, worst", f"{Z_CROWDED:g}", "four are a crowd"),
        ("least deviation", f"{MIN_DEVIATION:g}", "at its default for days any move would look enormous"),
    ),
)


def measure(history: MarketHistory, at: IntArray, asset: str) -> Track:
    """The track of funding: `value` a share a year, `statistic` its z."""
    sources = [
        _source(item, item.data) for item in history.of("funding", asset) if isinstance(item.data, Series)
    ]
    return gather(ABOUT, "per year", "z", at, sources)


def annualised(rates: Series) -> tuple[Series, IntArray]:
    """Each rate a year by the interval before it, and that interval in ms (0: not known).

    The first one has none. A spacing longer than the one before is a hole or a new interval: which, the next
    one tells, and until then the rate is not usable. A shorter one is the interval at once.
    """
    spacing = np.diff(rates.times, prepend=rates.times[:1])
    spacing = (spacing + GRAIN // 2) // GRAIN * GRAIN
    before = np.concatenate([np.full(min(1, spacing.size), LONGEST), spacing[:-1]])
    before[1:2] = LONGEST
    known = (spacing > 0) & (spacing <= LONGEST) & (spacing <= np.where(before > 0, before, LONGEST))
    interval = np.where(known, spacing, 0)
    with np.errstate(over="ignore"):
        annual = rates.values * (YEAR / np.maximum(interval, 1))
    annual = np.where(known & np.isfinite(annual), annual, np.nan)
    return Series(rates.times, annual), interval


def _source(item: Recorded, rates: Series) -> Source:
    def read(at: IntArray) -> Reading:
        part = rates.between(int(at[0]) - (WINDOW + 3) * DAY - 2 * LONGEST, int(at[-1]))
        annual, interval = annualised(part)
        value, age, allowed = _now(annual, interval, at)
        mean, deviation, count = mean_and_deviation(annual, at, WINDOW)
        coverage = _coverage(annual, at)
        enough = (count >= MIN_POINTS) & (coverage >= REACH)
        z = np.where(enough, (value - mean) / np.maximum(deviation, MIN_DEVIATION), np.nan)
        score = np.maximum(ramp(value, CALM, CROWDED), ramp(z, Z_CALM, Z_CROWDED))
        why = f"{count[-1]} settlements of history" if np.isfinite(value[-1]) else "the interval is not clear"
        if age[-1] > allowed:
            why = f"stale: {span(age[-1])} old, {span(allowed)} allowed"
        return Reading(value, z, score, age, coverage, _detail(annual, value, z, int(at[-1])), why)

    return Source(item.key.source, (rates,), read, faults_of(item), witness=witness_of(item.key.source))


def _now(annual: Series, interval: IntArray, at: IntArray) -> tuple[FloatArray, IntArray, float]:
    """The rate known at each moment and its age; and how old the last one may be."""
    place = np.searchsorted(annual.times, at, side="right") - 1
    if not len(annual):
        return np.full(at.shape, np.nan), np.full(at.shape, -1, dtype=np.int64), 0.0
    held = np.maximum(place, 0)
    age = np.where(place >= 0, at - annual.times[held], -1)
    allowed = np.where(interval > 0, LATE * interval + HOUR, LATE * LONGEST)[held]
    fresh = (place >= 0) & (age <= allowed)
    return np.where(fresh, annual.values[held], np.nan), age, float(allowed[-1])


def _coverage(annual: Series, at: IntArray) -> FloatArray:
    """Share of the window's days that have a usable settlement."""
    today = at // DAY
    first = int(today[0]) - WINDOW
    seen = np.zeros(int(today[-1]) - first, dtype=np.int64)
    day = (annual.times[np.isfinite(annual.values)] - 1) // DAY - first
    seen[day[(day >= 0) & (day < seen.size)]] = 1
    running = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(seen)])
    end = today - first
    found: FloatArray = (running[end] - running[end - WINDOW]) / WINDOW
    return found


def _detail(annual: Series, value: FloatArray, z: FloatArray, now: int) -> str:
    month = annual.between(now - MONTH * DAY, now).values
    month = month[np.isfinite(month)]
    past = annual.values[: int(np.searchsorted(annual.times, now, side="right"))]
    past = past[np.isfinite(past)]
    turned = np.flatnonzero(np.sign(past) != np.sign(past[-1])) if past.size else past
    run = past.size - int(turned[-1]) - 1 if turned.size else past.size
    share = float(np.mean(month > 0)) * 100 if month.size else np.nan
    return (
        f"{said(value[-1] * 100, 2, ' % a year', 'rate a year not known')}, z {said(z[-1])}; "
        f"above 0 in {said(share, 0, ' %', 'an unknown share')} of 30 days, "
        f"same sign {run} settlements running (of {past.size} looked at)"
    )
