"""Market history as arrays: what was known when, cleaned of what sources get wrong, and each fault named.

A time is the moment from which a value could be known, so that nothing looks ahead. A value that a source
said but that cannot be used (not a number, contradicted, out of range) stays as NaN at its time: it hides the
older value and is never read as calm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from vault import kinds
from vault.errors import MarketDataError

IntArray: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
CandleArrays: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

Kind: TypeAlias = kinds.Kind
FaultKind = Literal[
    "unsorted", "duplicate", "contradiction", "not_a_number", "future", "out_of_range", "gap", "stamp"
]  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """What a history is of: `name` is the asset (BTC, XAU, VIX …), `source` the venue or file it came from.

    `step` is the nominal interval in milliseconds; 0 where there is none.
    """

    kind: Kind
    name: str
    source: str
    step: int = 0

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}:{self.source}"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in what a source said: how often, first when (Unix ms), and in words.

    ``stamp``: nothing says whether candles are stamped at their beginning or at their end.
    """

    kind: FaultKind
    count: int
    first: int
    detail: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a history came from, under which licence ("" unknown), and when it was read (Unix ms)."""

    origin: str
    licence: str = ""
    read_at: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One quantity: `times` (n,) strictly rising, from when each of `values` (n,) could be known."""

    times: IntArray
    values: FloatArray

    def __post_init__(self) -> None:
        _require_rising(self.times, self.values)

    def __len__(self) -> int:
        return int(self.times.size)

    def between(self, start: int, end: int) -> Series:
        """The part with start < time <= end."""
        first, last = np.searchsorted(self.times, [start, end], side="right")
        return Series(self.times[first:last], self.values[first:last])

    def as_of(self, at: IntArray, max_age: int) -> tuple[FloatArray, IntArray]:
        """What was known at each moment and its age in ms.

        NaN where nothing was, where the newest is older than `max_age`, and where the newest is unusable. The
        age is that of the newest value whatever it is worth; -1 where there is none.
        """
        place = np.searchsorted(self.times, at, side="right") - 1
        known = place >= 0
        if not self.times.size:
            return np.full(at.shape, np.nan), np.full(at.shape, -1, dtype=np.int64)
        held = np.where(known, place, 0)
        age = np.where(known, at - self.times[held], -1)
        usable = known & (age <= max_age)
        return np.where(usable, self.values[held], np.nan), age


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """Candles of `step` ms by opening time. All arrays (n,); `volume` in base units, NaN where not told.

    A candle is known when it has closed: at `opens + step`.
    """

    opens: IntArray
    step: int
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    def __post_init__(self) -> None:
        if self.step <= 0:
            raise MarketDataError("bad_series", f"expected candles of a length above zero, found {self.step}")
        for values in (self.open, self.high, self.low, self.close, self.volume):
            _require_rising(self.opens, values)

    def __len__(self) -> int:
        return int(self.opens.size)

    def between(self, start: int, end: int) -> Candles:
        """The candles known after `start` and not after `end`."""
        first, last = np.searchsorted(self.opens + self.step, [start, end], side="right")
        part = slice(first, last)
        return Candles(
            self.opens[part],
            self.step,
            self.open[part],
            self.high[part],
            self.low[part],
            self.close[part],
            self.volume[part],
        )

    def closes(self) -> Series:
        """Closing prices, each from when it was known."""
        return Series(self.opens + self.step, self.close)

    def volumes(self) -> Series:
        """Volumes, each from when it was known."""
        return Series(self.opens + self.step, self.volume)


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """A history with where it came from and what was wrong in it."""

    key: SeriesKey
    data: Series | Candles
    provenance: Provenance
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class MarketHistory:
    """Everything known of the markets, by key. One kind and name can have several sources and steps."""

    recorded: Mapping[SeriesKey, Recorded] = field(default_factory=dict)

    def of(self, kind: Kind, name: str | None = None) -> tuple[Recorded, ...]:
        """Every history of a kind (and name), by key: finest step first among equals."""
        keys = sorted(
            (key for key in self.recorded if key.kind == kind and name in {None, key.name}),
            key=lambda key: (key.name, key.step, key.source),
        )
        return tuple(self.recorded[key] for key in keys)

    def series(self, kind: Kind, name: str | None = None) -> tuple[tuple[SeriesKey, Series], ...]:
        """The same, those that are a `Series`."""
        return tuple((item.key, item.data) for item in self.of(kind, name) if isinstance(item.data, Series))

    def candles(self, kind: Kind, name: str | None = None) -> tuple[tuple[SeriesKey, Candles], ...]:
        """The same, those that are `Candles`, the finest step first."""
        found = [(item.key, item.data) for item in self.of(kind, name) if isinstance(item.data, Candles)]
        return tuple(sorted(found, key=lambda pair: (pair[1].step, pair[0])))

    def with_recorded(self, more: Iterable[Recorded]) -> MarketHistory:
        """This history and `more`; what has the same key is replaced."""
        return MarketHistory({**self.recorded, **{item.key: item for item in more}})


def _require_rising(times: IntArray, values: FloatArray) -> None:
    if times.ndim != 1 or times.shape != values.shape:
        raise MarketDataError(
            "bad_series", f"expected as many values as times, found {values.shape} and {times.shape}"
        )
    if times.dtype != np.int64 or values.dtype != np.float64:
        raise MarketDataError("bad_series", "expected times as int64 and values as float64")
    if times.size > 1 and not bool(np.all(times[1:] > times[:-1])):
        raise MarketDataError("bad_series", "expected strictly rising times")
    if bool(np.any(np.isinf(values))):
        raise MarketDataError("bad_series", "expected finite values or NaN, found an infinity")


def clean(
    times: IntArray, values: FloatArray, now: int, lowest: float = -np.inf, highest: float = np.inf
) -> tuple[Series, tuple[Fault, ...]]:
    """A `Series` out of whatever a source sent, and everything that was wrong in it.

    Sorts; drops what is dated after `now` and exact repetitions; a value that is not a finite number, that is
    outside of `lowest` to `highest`, or a time with two different values becomes NaN.
    """
    order, faults = _order(times, now)
    times, values = times[order], values[order].astype(np.float64)
    bad = ~np.isfinite(values)
    with np.errstate(invalid="ignore"):
        outside = ~bad & ((values < lowest) | (values > highest))
    faults += _named("not_a_number", times[bad], "values that are no finite number")
    faults += _named("out_of_range", times[outside], f"values outside of {lowest:g} to {highest:g}")
    values = np.where(bad | outside, np.nan, values)
    times, first, counts = np.unique(times, return_index=True, return_counts=True)
    # A time with several values: all the same (NaN is like no number, not even itself) is a repetition.
    low, high = np.full(times.shape, np.nan), np.full(times.shape, np.nan)
    if times.size:
        low, high = np.minimum.reduceat(values, first), np.maximum.reduceat(values, first)
    repeated = counts > 1
    differing = repeated & ~(low == high)
    faults += _named("duplicate", times[repeated & ~differing], "times that were sent more than once")
    faults += _named("contradiction", times[differing], "times with values that contradict each other")
    return Series(times, np.where(differing, np.nan, low)), faults


def clean_candles(
    opens: IntArray, columns: CandleArrays, step: int, now: int
) -> tuple[Candles, tuple[Fault, ...]]:
    """The same for candles: `columns` are open, high, low, close, volume; one that is not closed is dropped.

    A candle whose prices are not above zero, or whose high or low does not embrace open and close, is
    unusable as a whole, and so is one whose prices are contradicted. A volume may be absent (NaN), and is
    unusable alone: where it cannot be, and where only it is contradicted.
    """
    order, faults = _order(opens, now - step)
    opens = opens[order]
    table = np.stack([column[order].astype(np.float64) for column in columns])
    prices, volume = table[:4], table[4]
    bad = ~np.all(np.isfinite(prices), axis=0)
    with np.errstate(invalid="ignore"):
        opened, high, low, closed = prices
        wrong = ~bad & ((low <= 0) | (high < np.maximum(opened, closed)) | (low > np.minimum(opened, closed)))
        no_volume = np.isinf(volume) | (volume < 0)
    faults += _named("not_a_number", opens[bad], "candles with a price that is no finite number")
    faults += _named("out_of_range", opens[wrong], "candles whose prices cannot be")
    faults += _named("out_of_range", opens[no_volume], "volumes that cannot be")
    table[:, bad | wrong] = np.nan
    table[4, no_volume] = np.nan
    opens, first, counts = np.unique(opens, return_index=True, return_counts=True)
    if opens.size:
        table, more = _one_candle_each(opens, table, first.astype(np.int64), counts > 1)
        faults += more
    return Candles(opens, step, table[0], table[1], table[2], table[3], table[4]), faults


def _one_candle_each(
    opens: IntArray, table: FloatArray, first: IntArray, repeated: BoolArray
) -> tuple[FloatArray, tuple[Fault, ...]]:
    """Of several candles of one moment, which begin at `first`, the one they agree on, or none."""
    prices_low = np.minimum.reduceat(table[:4], first, axis=1)
    prices_high = np.maximum.reduceat(table[:4], first, axis=1)
    volume_low, volume_high = np.fmin.reduceat(table[4], first), np.fmax.reduceat(table[4], first)
    differing = repeated & ~np.all(prices_low == prices_high, axis=0)
    other_volume = repeated & ~differing & (volume_low < volume_high)
    faults = _named("duplicate", opens[repeated & ~differing], "candles that were sent more than once")
    faults += _named("contradiction", opens[differing], "candles that contradict each other")
    faults += _named("contradiction", opens[other_volume], "volumes that contradict each other")
    volume = np.where(differing | other_volume, np.nan, volume_low)
    return np.vstack([np.where(differing, np.nan, prices_low), volume]), faults


def _order(times: IntArray, last: int) -> tuple[IntArray, tuple[Fault, ...]]:
    """The places of what is not after `last`, in the order of time."""
    future = times > last
    faults = _named("future", times[future], "times after the moment of reading")
    falling = times[1:][times[1:] < times[:-1]] if times.size > 1 else times[:0]
    faults += _named("unsorted", falling, "times that came before an earlier one")
    order = np.argsort(times, kind="stable")
    return order[~future[order]].astype(np.int64), faults


def _named(kind: FaultKind, times: IntArray, detail: str) -> tuple[Fault, ...]:
    if not times.size:
        return ()
    return (Fault(kind, int(times.size), int(times.min()), f"{times.size} {detail}"),)


def gaps(times: IntArray, step: int) -> tuple[Fault, ...]:
    """Intervals of more than one and a half `step` between neighbours, as one fault."""
    if times.size < 2 or step <= 0:
        return ()
    wide = np.diff(times) > 1.5 * step
    if not bool(np.any(wide)):
        return ()
    missing = int(np.sum(np.diff(times)[wide] // step - 1))
    first = int(times[:-1][wide][0])
    return (Fault("gap", int(np.sum(wide)), first, f"{int(np.sum(wide))} gaps, about {missing} missing"),)
