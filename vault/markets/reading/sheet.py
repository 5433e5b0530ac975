"""A table whose times are read: what the shapes look at, and what they give back.

Refuses rows without a time (counted as a fault) and steps that are none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np

from vault.kinds import Kind
from vault.markets.reading.columns import Meaning, Timeline, meanings, timeline
from vault.markets.reading.lags import known_at
from vault.markets.reading.names import Place
from vault.markets.reading.table import Table, numbers, require_one_point, unusable
from vault.series import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    Candles,
    Fault,
    FloatArray,
    IntArray,
    Series,
    SeriesKey,
    clean,
    gaps,
)

STEPS: Final = (
    MINUTE, 3 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 6 * HOUR,
    8 * HOUR, 12 * HOUR, DAY, 3 * DAY, 7 * DAY,
)  # fmt: skip
MONTH: Final = 30 * DAY  # nominal
# What a value of each kind can be at all; outside of it a source is wrong.
BOUNDS: Final[dict[Kind, tuple[float, float]]] = {
    "funding": (-0.05, 0.05),  # exchanges cap a rate at 0.3 to 4 % an interval
    "open_interest": (0.0, 1e15),
    "spot_volume": (0.0, 1e18),
    "perp_volume": (0.0, 1e18),
    "depth_10bp": (0.0, 1e12),
    "depth_1pct": (0.0, 1e12),
    "spread": (0.0, 0.5),
    "long_liquidations": (0.0, 1e12),
    "short_liquidations": (0.0, 1e12),
    "etf_flow": (-1e11, 1e11),
    "supply": (0.0, 1e13),
    "peg": (0.0, 1e6),
    "close": (5e-324, 1e12),
}


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A history that was recognised: by which rule, with notes, and the shift that was applied."""

    key: SeriesKey
    data: Series | Candles
    faults: tuple[Fault, ...]
    rule: str
    notes: tuple[str, ...] = ()
    offset_minutes: int = 0

    def noted(self, *notes: str) -> Found:
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True, eq=False)
class Sheet:
    """A table, where it stands, and its times in the order of the file; rows without a time are left out."""

    table: Table
    place: Place
    timeline: Timeline
    columns: tuple[Meaning, ...]
    lost: int
    now: int

    @cached_property
    def stamps(self) -> IntArray:
        return self.timeline.moments.times

    @cached_property
    def step(self) -> int:
        """The commonest distance between neighbours, if it is one of `STEPS`; `MONTH` for months; else 0."""
        return step_of(self.stamps) if self.timeline.moments.resolution != "month" else MONTH

    def values(self, column: Meaning) -> tuple[FloatArray, tuple[Fault, ...]]:
        """A column's numbers, and a fault for cells that hold something else."""
        require_one_point(self.table, column.place)
        found, wrong = numbers(self.table.columns[column.place])
        first = int(self.stamps.min()) if self.stamps.size else 0
        detail = f"{wrong} cells of {column.name!r} that are no number"
        return found, (Fault("not_a_number", wrong, first, detail),) if wrong else ()

    def by_quantity(self, asset: str | None = None, *, alone: bool = False) -> dict[str, Meaning]:
        """The first column of each quantity, of the given asset (or of none, unless `alone`)."""
        wanted = {asset} if alone else {asset, ""}
        chosen = [each for each in self.columns if asset is None or each.asset in wanted]
        return {each.quantity: each for each in reversed(chosen) if each.quantity}

    def series(
        self, kind: Kind, asset: str, source: str, values: FloatArray, rule: str, *, step: int | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> Found:  # fmt: skip
        """A history of this sheet's times: empty cells are left out, everything else is cleaned."""
        moments = self.timeline.moments
        length = self.step if step is None else step
        known = known_at(
            kind,
            self.stamps,
            length,
            moments.resolution,
            closing=self.timeline.closing,
            lag=0 if self.timeline.known else None,
            name=asset,
        )
        told = ~np.isnan(values)
        low, high = BOUNDS.get(kind, (-np.inf, np.inf))
        data, found = clean(known[told], values[told], self.now, low, high)
        if not np.any(np.isfinite(data.values)):
            raise unusable("no_values", f"expected values of {kind}, found none that can be")
        key = SeriesKey(kind, asset, source, length)
        return Found(
            key, data, (*self.faults(), *faults, *found, *spaced(kind, asset, data.times, length)), rule
        )

    def faults(self) -> tuple[Fault, ...]:
        if not self.lost:
            return ()
        first = int(self.stamps.min()) if self.stamps.size else 0
        return (Fault("not_a_number", self.lost, first, f"{self.lost} rows without a time"),)


def sheet_of(table: Table, place: Place, now: int) -> Sheet:
    """Read a table's times and the meaning of its columns. Raises `MarketDataError`."""
    times = timeline(table)
    good = np.flatnonzero(times.moments.ok).astype(np.int64)
    lost = table.rows - int(good.size)
    if lost:
        moments = replace(times.moments, times=times.moments.times[good], ok=times.moments.ok[good])
        table, times = table.picked(good), replace(times, moments=moments)
    return Sheet(table, place, times, meanings(table, {times.place}), lost, now)


def spaced(kind: Kind, asset: str, times: IntArray, step: int) -> tuple[Fault, ...]:
    """Gaps; what trades or is published on weekdays only has none over a weekend."""
    weekdays = kind == "etf_flow" or (kind == "close" and asset not in _ALWAYS)
    if weekdays and step == DAY:
        return gaps(times, 3 * DAY)
    return gaps(times, step)


def step_of(times: IntArray) -> int:
    """See `Sheet.step`."""
    good = np.unique(times)
    if good.size < 2:
        return 0
    distances, counts = np.unique(
        np.round(np.diff(good) / SECOND).astype(np.int64) * SECOND, return_counts=True
    )
    commonest = int(distances[np.argmax(counts)])
    if 28 * DAY <= commonest <= 31 * DAY:
        return MONTH
    return commonest if commonest in STEPS else 0


_ALWAYS: Final = frozenset({"BTC", "ETH", "SOL", "XRP", "BNB"})  # coins trade at weekends
