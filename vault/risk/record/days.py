"""The days on which a price fell by a tenth or more, at the finest resolution that a history has for each.

Pure. A day whose low is not known is judged by its closes and says so: a fall that came back within the day
is not seen there. Refuses to mix sources within a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, Literal

import numpy as np

from vault.errors import MarketDataError
from vault.series import DAY, Candles, FloatArray, IntArray, MarketHistory, Series, SeriesKey
from vault.series_clocks import hours_apart

# "A day of -10 % or worse": the low against the day's open, UTC.
EVENT_DROP: Final = 0.10
# A source that has less of a day than this is used only where no other has the day.
WHOLE_DAY: Final = 0.9

JudgedBy = Literal["low", "close"]


@dataclass(frozen=True, slots=True)
class Day:
    """One UTC day: `start` in Unix ms, `drop` a share (negative: a fall), by what it was judged.

    `onset` is a moment surely before the fall that makes an event: the opening of the first candle that
    reached it, a step earlier where nothing says that stamps are openings. None where there was no such
    candle, the day is judged by its close, or the source's clock differs from another's by whole hours.
    """

    start: int
    drop: float
    judged_by: JudgedBy
    step: int
    source: str
    onset: int | None
    whole: bool

    def is_event(self, drop: float = EVENT_DROP) -> bool:
        """Whether the day fell by `drop` or more."""
        return self.drop <= -drop


def days_of(history: MarketHistory, asset: str, drop: float = EVENT_DROP) -> tuple[Day, ...]:
    """Every day that any price of `asset` covers, oldest first; per day the finest source that has it whole.

    Last prices are preferred to marks of the same step. Raises `MarketDataError` (``market.bad_drop``).
    """
    if not 0 < drop < 1:
        raise MarketDataError("bad_drop", f"expected a fall between 0 and 1 as a share, found {drop}")
    best: dict[int, Day] = {}
    for day in _all_days(history, asset, drop):
        known = best.get(day.start)
        if known is None or (day.whole and not known.whole):
            best[day.start] = day
    return tuple(best[start] for start in sorted(best))


def _all_days(history: MarketHistory, asset: str, drop: float) -> list[Day]:
    """Days of every source, the finest source first."""
    priced = [(key, candles) for kind in _CANDLES for key, candles in history.candles(kind, asset)]
    priced = [pair for pair in priced if pair[1].step <= DAY]
    ranged = [pair for pair in priced if not _flat(pair[1])]
    closes = [(key, candles.closes()) for key, candles in priced if _flat(candles)]
    closes += [pair for kind in _CLOSES for pair in history.series(kind, asset)]
    disputed = _disputed(priced + [pair for kind in _CLOSES for pair in history.series(kind, asset)])
    found: list[Day] = []
    for key, candles in sorted(ranged, key=lambda pair: pair[1].step):
        early = key.step if any(fault.kind == "stamp" for fault in history.recorded[key].faults) else 0
        found += _by_low(key, candles, drop, None if key in disputed else early)
    for key, series in closes:
        found += _by_close(key, series)
    return found


_CANDLES: Final[tuple[Literal["price"], Literal["mark"]]] = ("price", "mark")
_CLOSES: Final[tuple[Literal["price"], Literal["close"]]] = ("price", "close")


def _disputed(priced: Sequence[tuple[SeriesKey, Series | Candles]]) -> frozenset[SeriesKey]:
    """Sources whose prices agree with another's only when the hours of one of them are moved."""
    closes = [(key, data.closes() if isinstance(data, Candles) else data) for key, data in priced]
    return frozenset(
        key
        for (one, first), (two, second) in combinations(closes, 2)
        if one.step == two.step and hours_apart(first, second, one.step)
        for key in (one, two)
    )


def _flat(candles: Candles) -> bool:
    """Whether a source knows one price a candle only."""
    usable = np.isfinite(candles.close)
    return bool(np.all(candles.high[usable] == candles.low[usable]))


def _by_low(key: SeriesKey, candles: Candles, drop: float, early: int | None) -> list[Day]:
    """Days by their lows; onsets are `early` ms before the stamp, None: there are none."""
    usable = np.isfinite(candles.close)
    opens, first_price, low = candles.opens[usable], candles.open[usable], candles.low[usable]
    if not opens.size:
        return []
    starts, first, counts = np.unique(opens - opens % DAY, return_index=True, return_counts=True)
    lows = np.minimum.reduceat(low, first)
    expected = DAY / candles.step
    found = []
    for start, place, count, lowest in zip(
        starts.tolist(), first.tolist(), counts.tolist(), lows.tolist(), strict=True
    ):
        if opens[place] != start:
            continue  # its open is not known
        opened = float(first_price[place])
        reached = np.flatnonzero(low[place : place + count] - opened <= -drop * opened)
        found.append(
            Day(
                start=start,
                drop=(lowest - opened) / opened,
                judged_by="low",
                step=candles.step,
                source=str(key),
                onset=int(opens[place + reached[0]]) - early if reached.size and early is not None else None,
                whole=count >= WHOLE_DAY * expected,
            )
        )
    return found


def _by_close(key: SeriesKey, series: Series) -> list[Day]:
    """A day from one price at or before its start to the last one at or before its end."""
    times, prices = _usable(series)
    if times.size < 2:
        return []
    first, last = int(times[0]), int(times[-1])
    starts = np.arange(first - first % DAY, last + 1, DAY, dtype=np.int64)
    begin = np.searchsorted(times, starts, side="right") - 1
    end = np.searchsorted(times, starts + DAY, side="right") - 1
    known = (begin >= 0) & (end > begin)
    known[known] &= (starts - times[begin.clip(0)])[known] < DAY
    return [
        Day(
            start=int(starts[place]),
            drop=float((prices[end[place]] - prices[begin[place]]) / prices[begin[place]]),
            judged_by="close",
            step=key.step or DAY,
            source=str(key),
            onset=None,
            whole=True,
        )
        for place in np.flatnonzero(known).tolist()
    ]


def _usable(series: Series) -> tuple[IntArray, FloatArray]:
    usable = np.isfinite(series.values) & (series.values > 0)
    return series.times[usable], series.values[usable]
