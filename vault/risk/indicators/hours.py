"""Candles of an asset as unbroken hours: a missing or unusable hour is a row of NaN, never left out.

Takes candles of an hour, or of a part of one that are then joined; refuses longer ones, and an hour of which
a part is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vault.risk.indicators.base import faults_of
from vault.series import HOUR, Candles, FloatArray, Kind, MarketHistory, Series


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """A run of whole hours; all arrays (n,)."""

    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class HourlySource:
    """Candles of one source, read as hours since the epoch: hour h is known at (h + 1) hours."""

    source: str
    candles: Candles
    faults: tuple[str, ...] = ()

    @property
    def closes(self) -> Series:
        """Closing prices from when they were known."""
        return self.candles.closes()

    def hours(self, first: int, number: int) -> Hours:
        """`number` hours from hour `first`; NaN where there is none, or not all of it."""
        step = self.candles.step
        parts = HOUR // step
        begin, end = np.searchsorted(self.candles.opens, [first * HOUR, (first + number) * HOUR])
        part = slice(int(begin), int(end))
        place, rest = np.divmod(self.candles.opens[part] - first * HOUR, step)
        aligned = rest == 0

        def table(values: FloatArray) -> FloatArray:
            filled = np.full(number * parts, np.nan)
            filled[place[aligned]] = values[part][aligned]
            return filled.reshape(number, parts)

        if parts == 1:
            columns = (self.candles.high, self.candles.low, self.candles.close, self.candles.volume)
            high, low, close, volume = (table(values)[:, 0] for values in columns)
            return Hours(high, low, close, volume)
        high = np.max(table(self.candles.high), axis=1)
        close = np.where(np.isfinite(high), table(self.candles.close)[:, -1], np.nan)
        low, volume = np.min(table(self.candles.low), axis=1), np.sum(table(self.candles.volume), axis=1)
        return Hours(high, low, close, volume)


def hourly(
    history: MarketHistory, kind: Kind, asset: str
) -> tuple[tuple[HourlySource, ...], tuple[str, ...]]:
    """Every source of hours, and what could not be used.

    Each step that a source has candles of stands for itself: an old file of hours takes no live one's place.
    """
    found: list[HourlySource] = []
    unused: list[str] = []
    for item in history.of(kind, asset):
        if not isinstance(item.data, Candles):
            unused.append(f"{item.key}: expected candles")
        elif item.data.step > HOUR or HOUR % item.data.step:
            unused.append(f"{item.key}: candles of {item.data.step // 60_000} min, an hour or a part needed")
        else:
            found.append(HourlySource(item.key.source, item.data, faults_of(item)))
    return tuple(found), tuple(unused)
