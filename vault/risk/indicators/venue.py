"""Settlement and venue: can collateral be moved at all, how fast and at what fee, and does the venue answer.

Refuses to read a venue that does not say as open. How long transfers take is known from our own only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
from vault.risk.indicators.windows import HOURLY_AGE, Past, lacking, mean_within, oldest_allowed
from vault.series import DAY, BoolArray, FloatArray, IntArray, Kind, MarketHistory, Recorded, Series

# A transfer against the slow end (95th percentile) of its own past: slower than that is slow; four times is a
# queue.
SLOW: Final = 1.0
QUEUE: Final = 4.0
SLOW_SHARE: Final = 0.95
# Transfers are few: five make a slow end, a month-old one still tells, a year is its own past.
FEW: Final = 5
TRANSFERS: Final = 64
TRANSFER_AGE: Final = 30 * DAY
TRANSFER_PAST: Final = 365 * DAY
# Place in the queue of automatic deleveraging: venues show five lights; three are usual with a gain, the last
# is next.
RANK_CALM: Final = 0.6
RANK_NEXT: Final = 1.0
# Milliseconds: orders are refused when a clock is 1,000 ms ahead, and requests 5,000 ms behind.
SKEW_CALM: Final = 1_000.0
SKEW_REFUSED: Final = 5_000.0
# Network fee as a multiple of its own median of 90 days: fees double in any busy hour; at ten times,
# collateral is stuck or dear.
WINDOW: Final = 90
FEE_CALM: Final = 2.0
FEE_STUCK: Final = 10.0

ABOUT: Final = About(
    name="venue",
    title="Settlement and venue",
    definition="Whether collateral can be moved quickly: withdrawals and deposits open, how long transfers "
    "take, "
    "network fee; place in the queue of automatic deleveraging; skew of clocks. The worst of them.",
    formula="score = the greatest of 1 if anything is closed, ramp(seconds / own 95th percentile, 1 .. 4), "
    "ramp(rank, 0.6 .. 1), ramp(|skew|, 1 s .. 5 s), ramp(fee / own median, 2 .. 10)",
    window="transfers: 365 days, at most 64; fee: 90 days, the mean of each",
    calm="all open, transfers as fast as ever, clocks within a second, fees ordinary",
    worst="anything closed, a transfer four times as slow, next in the queue, clocks 5 s apart, ten times "
    "the fee",
    source=f"{POST}, fourth constraint: can you move margin when networks and exchanges are "
    "congested; "
    "recvWindow of venues (5,000 ms)",
    pitfalls=(
        "flags can say open while withdrawals queue: transfer times say that, when we made one",
        "transfers are few and ours; one that is a month old says nothing of now",
        "the rank is of our own positions and 0 without one",
    ),
    thresholds=(
        ("transfer, calm", f"{SLOW:g}", "the slow end of its own past"),
        ("transfer, worst", f"{QUEUE:g}", "a queue"),
        ("rank, calm", f"{RANK_CALM:g}", "three lights of five"),
        ("rank, worst", f"{RANK_NEXT:g}", "next"),
        ("skew ms, calm", f"{SKEW_CALM:g}", "the most a clock may be ahead"),
        ("skew ms, worst", f"{SKEW_REFUSED:g}", "requests are refused"),
        ("fee, calm", f"{FEE_CALM:g}", "doubles in any busy hour"),
        ("fee, worst", f"{FEE_STUCK:g}", "collateral is stuck or dear"),
    ),
)


@dataclass(frozen=True, slots=True, eq=False)
class _Against:
    """A value set against something: the ratio (or the value), the coverage, and where history is short."""

    ratio: FloatArray
    coverage: FloatArray
    short: BoolArray


@dataclass(frozen=True, slots=True)
class _Part:
    kind: Kind
    what: str
    calm: float
    worst: float
    max_age: int
    unit: str
    digits: int
    against: Callable[[Series, IntArray, FloatArray], _Against]


def measure(history: MarketHistory, at: IntArray, asset: str) -> Track:
    """The track of settlement, whatever the asset: `value` of the worst part, `statistic` what is scored."""
    sources = [
        _source(part, item, item.data)
        for part in _PARTS
        for item in history.of(part.kind)
        if isinstance(item.data, Series)
    ]
    return gather(ABOUT, "", "ratio", at, sources)


def _source(part: _Part, item: Recorded, series: Series) -> Source:
    max_age = part.max_age if item.key.kind == "transfer_seconds" else oldest_allowed(item.key, part.max_age)
    label = f"{item.key.source} {item.key.name} {part.what}".replace("  ", " ")

    def read(at: IntArray) -> Reading:
        value, age = series.as_of(at, max_age)
        found = part.against(series, at, value)
        why = lacking(series, int(at[-1]), max_age)
        return Reading(
            value=value,
            statistic=found.ratio,
            score=ramp(np.where(found.short, np.nan, found.ratio), part.calm, part.worst),
            age=age,
            coverage=found.coverage,
            detail=_detail(part, label, float(value[-1]), float(found.ratio[-1]), int(age[-1])),
            why=why or "not enough history",
        )

    return Source(label, (series,), read, faults_of(item), part.unit, witness=witness_of(item.key.source))


def _detail(part: _Part, label: str, value: float, ratio: float, age: int) -> str:
    found = [f"{label}: {said(value, part.digits, f' {part.unit}')}"]
    if np.isfinite(ratio):
        found.append(f"scored by {said(ratio)} (calm {part.calm:g}, worst {part.worst:g})")
    if age >= 0:
        found.append(f"{span(age)} old")
    return ", ".join(found)


def _itself(series: Series, at: IntArray, value: FloatArray) -> _Against:
    known = np.isfinite(value)
    return _Against(np.abs(value), known.astype(np.float64), ~known)


def _against_transfers(series: Series, at: IntArray, value: FloatArray) -> _Against:
    """Against the 95th percentile of the transfers before the newest one."""
    part = series.between(int(at[0]) - TRANSFER_PAST - TRANSFER_AGE, int(at[-1]))
    place = np.searchsorted(part.times, at, side="right") - 1
    slow, count = np.full(at.shape, np.nan), np.zeros(at.shape, dtype=np.int64)
    for newest in np.unique(place[np.isfinite(value) & (place >= 0)]).tolist():
        recent = slice(max(0, newest - TRANSFERS), newest)
        past = part.values[recent][part.times[recent] > part.times[newest] - TRANSFER_PAST]
        past = past[np.isfinite(past) & (past > 0)]
        if past.size >= FEW:
            slow[place == newest] = np.quantile(past, SLOW_SHARE)
        count[place == newest] = past.size
    short = ~np.isfinite(slow)
    return _Against(np.where(value >= 0, value / slow, np.nan), np.minimum(1.0, count / TRANSFERS), short)


def _against_fees(series: Series, at: IntArray, value: FloatArray) -> _Against:
    past = Past(lambda midnights: mean_within(series, midnights, DAY)[0], at, WINDOW)
    median = past.median()
    ratio = past.enough(np.where((median > 0) & (value >= 0), value / median, np.nan))
    return _Against(ratio, past.coverage, ~np.isfinite(ratio))


_PARTS: Final = (
    _Part("venue_open", "open", 1.0, 0.0, HOURLY_AGE, "(1 open, 0 closed)", 0, _itself),
    _Part("transfer_seconds", "transfer", SLOW, QUEUE, TRANSFER_AGE, "s", 0, _against_transfers),
    _Part("adl_rank", "deleveraging rank", RANK_CALM, RANK_NEXT, HOURLY_AGE, "of the queue", 2, _itself),
    _Part("clock_skew", "clock skew", SKEW_CALM, SKEW_REFUSED, HOURLY_AGE, "ms", 0, _itself),
    _Part("network_fee", "fee", FEE_CALM, FEE_STUCK, HOURLY_AGE, "as quoted", 1, _against_fees),
)
