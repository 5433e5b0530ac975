"""What every fragility indicator gives, for one moment or for years of them in the same call.

Pure and vectorised: an indicator looks only at what was known at each moment. It refuses to make a score out
of a feed that is absent, stale or without enough history: the score is NaN there and the reason is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from vault.errors import MarketDataError
from vault.series import DAY, BoolArray, FloatArray, IntArray, MarketHistory, Series

Statistic = Literal["z", "percentile", "ratio", ""]

# Fewer points of its own past than this are no history, whatever the window.
MIN_POINTS: Final = 20
# A window of which less than this was seen says nothing about what is usual.
MIN_COVERAGE: Final = 0.5
# Rolling counts are done for so many moments at once that this many numbers are in memory (32 MiB).
CHUNK: Final = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One indicator at moments `at` (n,). All arrays (n,); NaN where there is nothing.

    `score` is 0 (calm) to 1, one-sided: more of it is worse. `statistic` sets `value` against the indicator's
    own history; `coverage` is the share of that history's window that was seen; `age` in ms is that of the
    oldest input the value rests on, -1 where there is none. `absent` names, for the last moment, what was
    missing and why; `configured` is False when no source of it is known at all. `detail` explains the last
    moment in words.
    """

    name: str
    unit: str
    value: FloatArray
    statistic: FloatArray
    statistic_kind: Statistic
    score: FloatArray
    age: IntArray
    coverage: FloatArray
    source: str
    configured: bool
    detail: str
    absent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        shapes = {item.shape for item in (self.value, self.statistic, self.score, self.age, self.coverage)}
        if len(shapes) != 1 or self.value.ndim != 1:
            raise MarketDataError("bad_series", f"{self.name}: expected arrays of one length")
        with np.errstate(invalid="ignore"):
            if bool(np.any((self.score < 0) | (self.score > 1))):
                raise MarketDataError("bad_series", f"{self.name}: expected scores from 0 to 1")


Measure: TypeAlias = Callable[[MarketHistory, IntArray, str], Track]
"""(history, moments rising in Unix ms, asset such as "BTC") -> its track. Never looks ahead of a moment."""


def nothing(name: str, unit: str, at: IntArray, why: str, *, configured: bool) -> Track:
    """The track of an indicator that has no input."""
    empty = np.full(at.shape, np.nan)
    return Track(
        name=name,
        unit=unit,
        value=empty,
        statistic=empty,
        statistic_kind="",
        score=empty,
        age=np.full(at.shape, -1, dtype=np.int64),
        coverage=np.zeros(at.shape),
        source="",
        configured=configured,
        detail=why,
        absent=(why,),
    )


def worst(tracks: tuple[Track, ...]) -> Track:
    """The track of the highest score at each moment, of several sources of the same indicator.

    A source without a score is named in `absent` and neither raises nor lowers the score of the others. Where
    none has one, the first source's value and age stand. `source` and `detail` are those of the last moment.
    """
    if len(tracks) == 1:
        return tracks[0]
    scores = np.stack([track.score for track in tracks])
    ranked = np.where(np.isnan(scores), -1.0, scores)
    chosen = np.argmax(ranked, axis=0)

    def pick(name: str) -> FloatArray:
        rows = np.stack([getattr(track, name) for track in tracks])
        found: FloatArray = np.take_along_axis(rows, chosen[None, :], axis=0)[0]
        return found

    last = tracks[int(chosen[-1])] if chosen.size else tracks[0]
    return Track(
        name=last.name,
        unit=last.unit,
        value=pick("value"),
        statistic=pick("statistic"),
        statistic_kind=last.statistic_kind,
        score=pick("score"),
        age=pick("age").astype(np.int64),
        coverage=pick("coverage"),
        source=last.source,
        configured=any(track.configured for track in tracks),
        detail=last.detail,
        absent=tuple(why for track in tracks for why in track.absent),
    )


def ramp(value: FloatArray, calm: float, worst_at: float) -> FloatArray:
    """0 at `calm` and beyond, 1 at `worst_at` (another number) and beyond, straight between; NaN stays."""
    return np.clip((value - calm) / (worst_at - calm), 0.0, 1.0)


def window_edges(series: Series, at: IntArray, window: int) -> tuple[IntArray, IntArray]:
    """The places [first, last) of the points with at - window < time <= at, per moment."""
    first = np.searchsorted(series.times, at - window, side="right")
    last = np.searchsorted(series.times, at, side="right")
    return first.astype(np.int64), last.astype(np.int64)


def rolling_mean(series: Series, at: IntArray, window: int) -> tuple[FloatArray, FloatArray, IntArray]:
    """Mean, standard deviation (n - 1) and number of usable points in the window before each moment.

    NaN where fewer than two. Sums are of differences to the mean of all, so that nothing cancels.
    """
    first, last = window_edges(series, at, window)
    usable = np.isfinite(series.values)
    centre = float(np.mean(series.values[usable])) if bool(np.any(usable)) else 0.0
    parts = np.where(usable, series.values - centre, 0.0)
    count = _sums(usable.astype(np.float64), first, last)
    total, squares = _sums(parts, first, last), _sums(parts * parts, first, last)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(count >= 2, total / count, np.nan)
        variance = np.where(count >= 2, (squares - total * mean) / (count - 1), np.nan)
    return mean + centre, np.sqrt(np.maximum(variance, 0.0)), count.astype(np.int64)


def rolling_sum(series: Series, at: IntArray, window: int) -> tuple[FloatArray, IntArray]:
    """Sum and number of the usable points in the window before each moment; NaN where there is none."""
    first, last = window_edges(series, at, window)
    usable = np.isfinite(series.values)
    count = _sums(usable.astype(np.float64), first, last)
    total = _sums(np.where(usable, series.values, 0.0), first, last)
    return np.where(count > 0, total, np.nan), count.astype(np.int64)


def _sums(values: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    running = np.concatenate([np.zeros(1), np.cumsum(values)])
    found: FloatArray = running[last] - running[first]
    return found


def rolling_percentile(
    series: Series, at: IntArray, window: int, value: FloatArray
) -> tuple[FloatArray, IntArray]:
    """Share (0..1) of the usable points of the window before each moment that are at or below `value`.

    Ties count half, so that a constant history makes one half. NaN where `value` is or nothing was seen.
    """
    first, last = window_edges(series, at, window)
    share, count = np.full(at.shape, np.nan), np.zeros(at.shape, dtype=np.int64)
    longest = int(np.max(last - first, initial=0))
    if longest == 0:
        return share, count
    steps = max(1, CHUNK // longest)
    places = np.arange(longest)
    for start in range(0, at.size, steps):
        part = slice(start, start + steps)
        index = first[part, None] + places[None, :]
        inside: BoolArray = index < last[part, None]
        held = series.values[np.where(inside, index, 0)]
        inside &= np.isfinite(held)
        number = np.sum(inside, axis=1)
        mine = value[part, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            below = np.sum(inside & (held < mine), axis=1)
            same = np.sum(inside & (held == mine), axis=1)
            found = (below + same / 2) / number
        count[part] = number
        share[part] = np.where((number > 0) & np.isfinite(value[part]), found, np.nan)
    return share, count


def seen_share(count: IntArray, window: int, step: int) -> FloatArray:
    """Number of points seen over the number that the window has, at most 1."""
    expected = max(1.0, window / max(step, 1))
    return np.minimum(1.0, count / expected)


def enough(count: IntArray, coverage: FloatArray) -> BoolArray:
    """Where a history says what is usual: `MIN_POINTS` and `MIN_COVERAGE` of the window."""
    found: BoolArray = (count >= MIN_POINTS) & (coverage >= MIN_COVERAGE)
    return found


def z_score(value: FloatArray, mean: FloatArray, deviation: FloatArray, least: float) -> FloatArray:
    """(value - mean) / max(deviation, least): `least` above 0, because quiet feeds make any move enormous."""
    found: FloatArray = (value - mean) / np.maximum(deviation, least)
    return found


def days(window: int) -> float:
    """Milliseconds as days."""
    return window / DAY
