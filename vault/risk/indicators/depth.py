"""Depth and spread of the order book against their own past: what fails in a cascade is immediacy.

Quoted depth alone cannot size a cascade; that it leaves is what warns. A book is compared with itself only.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.risk.indicators.base import (
    POST,
    About,
    Reading,
    Source,
    Statistic,
    Track,
    faults_of,
    gather,
    ramp,
    said,
    witness_of,
)
from vault.risk.indicators.windows import Past, lacking, mean_within, oldest_allowed
from vault.series import DAY, MINUTE, FloatArray, IntArray, Kind, MarketHistory, Recorded, Series

WINDOW: Final = 90
# Bids within 1 % as a share of their median: all there is calm, three tenths left is a thin book.
CALM_1PCT: Final = 1.0
THIN_1PCT: Final = 0.3
# Looks at the book of which the middle one counts, if they are close enough to be about the same moment.
LOOKS: Final = 3
TOGETHER: Final = 30 * MINUTE
# Within 10 basis points single orders come and go: a third less is breathing, and a fifth left is thin.
CALM_10BP: Final = 0.67
THIN_10BP: Final = 0.2
# Spread as a multiple: a book thinned to three tenths quotes the same size 1 / 0.3 as far away; ticks make
# half as much again ordinary.
SPREAD_CALM: Final = 1.5
SPREAD_WIDE: Final = 1 / THIN_1PCT

ABOUT: Final = About(
    name="depth",
    title="Depth and spread",
    definition="Bids within 1 % and within 10 basis points of the mid, and the spread, each against its own "
    "median.",
    formula="score = the greatest of ramp(bids 1 % / median, 1 .. 0.3), ramp(bids 10 bp / median, 0.67 .. "
    "0.2) "
    "and ramp(spread / median, 1.5 .. 3.33)",
    window="90 days, the mean of each",
    calm="the book is as deep as its median",
    worst="three tenths of it left within 1 %, a fifth within 10 bp, or a spread more than three times as "
    "wide",
    source=f"{POST}, fifth step: spreads widen, depth evaporates; first constraint: order book depth",
    pitfalls=(
        "quoted depth cannot size a cascade: walking the book emptied it for almost every shock",
        "imbalance of bids and asks predicts nothing and is not used",
        "orders can be withdrawn within milliseconds: a deep book is no promise",
        "a book is thinner at night and at weekends, and counted so here and in time of day",
    ),
    thresholds=(
        ("1 % depth, calm", f"{CALM_1PCT:g}", "as deep as its median"),
        ("1 % depth, worst", f"{THIN_1PCT:g}", "a thin book"),
        ("10 bp depth, calm", f"{CALM_10BP:g}", "single orders come and go"),
        ("10 bp depth, worst", f"{THIN_10BP:g}", "a fifth is left"),
        ("spread, calm", f"{SPREAD_CALM:g}", "ticks make half as much again ordinary"),
        ("spread, worst", f"{SPREAD_WIDE:.2f}", "the same size three times as far away"),
    ),
)

_PARTS: Final[tuple[tuple[Kind, str, float, float], ...]] = (
    ("depth_1pct", "bids within 1 %", CALM_1PCT, THIN_1PCT),
    ("depth_10bp", "bids within 10 bp", CALM_10BP, THIN_10BP),
    ("spread", "spread", SPREAD_CALM, SPREAD_WIDE),
)
_STATISTIC: Final[Statistic] = "ratio"


def measure(history: MarketHistory, at: IntArray, asset: str) -> Track:
    """The track of depth: `value` of the worst part, `statistic` its ratio to its median."""
    sources = [
        _source(item, item.data, what, calm, worst)
        for kind, what, calm, worst in _PARTS
        for item in history.of(kind, asset)
        if isinstance(item.data, Series)
    ]
    return gather(ABOUT, "coins", _STATISTIC, at, sources)


def _source(item: Recorded, series: Series, what: str, calm: float, worst: float) -> Source:
    max_age = oldest_allowed(item.key)
    unit, digits = ("of the mid price", 6) if item.key.kind == "spread" else ("coins", 1)

    def day(midnights: IntArray) -> FloatArray:
        return mean_within(series, midnights, DAY)[0]

    def read(at: IntArray) -> Reading:
        value, age = _steady(series, at).as_of(at, max_age)
        past = Past(day, at, WINDOW)
        median = past.median()
        ratio = past.enough(np.where((median > 0) & (value >= 0), value / median, np.nan))
        why = lacking(series, int(at[-1]), max_age) or f"{past.count[-1]} of {WINDOW} days of history"
        return Reading(
            value=value,
            statistic=ratio,
            score=ramp(ratio, calm, worst),
            age=age,
            coverage=past.coverage,
            detail=f"{what}: {said(value[-1], digits, f' {unit}')}, "
            f"{said(ratio[-1] * 100, 0, ' % of its median', 'its median not known')}",
            why=why,
        )

    label, witness = f"{item.key.source} {what}", witness_of(item.key.source)
    return Source(label, (series,), read, faults_of(item), unit, witness)


def _steady(series: Series, at: IntArray) -> Series:
    """The looks that moments need, each as the median of it and the two before it within half an hour.

    One look can be a moment's trick. A look that is unusable stays so.
    """
    first = max(0, int(np.searchsorted(series.times, at[0], side="right")) - LOOKS)
    last = int(np.searchsorted(series.times, at[-1], side="right"))
    series = Series(series.times[first:last], series.values[first:last])
    looks = [series.values]
    for back in range(1, LOOKS):
        earlier = np.full(series.values.shape, np.nan)
        earlier[back:] = series.values[:-back]
        recent = np.zeros(series.values.shape, dtype=np.bool_)
        recent[back:] = series.times[back:] - series.times[:-back] <= TOGETHER
        looks.append(np.where(recent, earlier, np.nan))
    table = np.sort(np.stack(looks), axis=0)
    known = np.sum(np.isfinite(table), axis=0)
    middle = np.maximum(known - 1, 0) / 2
    place = np.arange(series.values.size)
    low, high = table[np.floor(middle).astype(int), place], table[np.ceil(middle).astype(int), place]
    return Series(series.times, np.where(np.isfinite(series.values), (low + high) / 2, np.nan))
