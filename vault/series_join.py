"""Two histories of the same key as one: what both say stays, what they contradict each other in becomes NaN.

Joining is the same in any order and joining again changes nothing: a moment is unknown, then said, then
disputed, and never goes back. So a contradiction is never settled by importing one side again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from vault.errors import MarketDataError
from vault.series import BoolArray, Candles, Fault, FloatArray, IntArray, Series

# Sources round: 42283.6 and 42283.58 are one price, 0.00010001 and 0.0001 are two rates.
PRICE_TOLERANCE: Final = 5e-6
TOLERANCE: Final = 1e-6
SMALLEST: Final = 5e-9


@dataclass(frozen=True, slots=True, eq=False)
class Joined:
    """The joined history; how many moments were new, said again and contradicted; and the faults."""

    data: Series | Candles
    new: int
    repeated: int
    contradicted: int
    faults: tuple[Fault, ...]


def join(first: Series | Candles, second: Series | Candles) -> Joined:
    """`second` joined to `first`. Raises `MarketDataError` when one is a series and the other candles."""
    if isinstance(first, Candles) and isinstance(second, Candles) and first.step == second.step:
        return _candles(first, second)
    if isinstance(first, Series) and isinstance(second, Series):
        return _series(first, second)
    raise MarketDataError("bad_series", "expected two histories of one form and step, found different ones")


def revise(first: Series | Candles, second: Series | Candles) -> Joined:
    """`second` over `first`, both of the same source: what it says now stands, and is named where it differs.

    Raises `MarketDataError` when one is a series and the other candles.
    """
    joined = join(first, second)
    times = joined.data.opens if isinstance(joined.data, Candles) else joined.data.times
    its = second.opens if isinstance(second, Candles) else second.times
    places = np.searchsorted(times, its)

    def over(both: FloatArray, now: FloatArray) -> FloatArray:
        found = both.copy()
        found[places] = now
        return found

    if isinstance(joined.data, Candles) and isinstance(second, Candles):
        names = ("open", "high", "low", "close", "volume")
        columns = [over(getattr(joined.data, name), getattr(second, name)) for name in names]
        data: Series | Candles = Candles(times, joined.data.step, *columns)
    elif isinstance(joined.data, Series) and isinstance(second, Series):
        data = Series(times, over(joined.data.values, second.values))
    else:  # pragma: no cover - join has refused it
        raise MarketDataError("bad_series", "expected two histories of one form, found different ones")
    return Joined(data, joined.new, joined.repeated, joined.contradicted, joined.faults)


def _series(first: Series, second: Series) -> Joined:
    times, mine, its = _placed(first.times, second.times)
    one, two = _spread(first.values, mine, times.size), _spread(second.values, its, times.size)
    both, had = _flags(times.size, mine, its)
    same = np.isclose(one, two, rtol=TOLERANCE, atol=SMALLEST)
    other = both & ~same & ~(np.isnan(one) & np.isnan(two))
    values = np.where(both, np.where(same, one, np.nan), np.where(had, one, two))
    return _joined(Series(times, values), times, both, other, ~had, np.isnan(one))


def _candles(first: Candles, second: Candles) -> Joined:
    times, mine, its = _placed(first.opens, second.opens)
    both, had = _flags(times.size, mine, its)
    names = ("open", "high", "low", "close")
    ones = [_spread(getattr(first, name), mine, times.size) for name in names]
    twos = [_spread(getattr(second, name), its, times.size) for name in names]
    same = np.ones(times.shape, dtype=np.bool_)
    for one, two in zip(ones, twos, strict=True):
        same &= np.isclose(one, two, rtol=PRICE_TOLERANCE, atol=0)
    other = both & ~same & ~(np.isnan(ones[3]) & np.isnan(twos[3]))
    parts = [
        np.where(both, np.where(same, one, np.nan), np.where(had, one, two))
        for one, two in zip(ones, twos, strict=True)
    ]
    volume, differs = _volumes(
        _spread(first.volume, mine, times.size), _spread(second.volume, its, times.size), both & ~same
    )
    data = Candles(times, first.step, parts[0], parts[1], parts[2], parts[3], volume)
    joined = _joined(data, times, both, other, ~had, np.isnan(ones[3]))
    if not bool(np.any(differs)):
        return joined
    words = f"{int(np.sum(differs))} volumes that two sources give differently: the smaller is kept"
    fault = Fault("contradiction", int(np.sum(differs)), int(times[differs][0]), words)
    return Joined(data, joined.new, joined.repeated, joined.contradicted, (*joined.faults, fault))


def _volumes(one: FloatArray, two: FloatArray, disputed: BoolArray) -> tuple[FloatArray, BoolArray]:
    """The smaller where both are told: a volume that is too large would make open interest look small."""
    with np.errstate(invalid="ignore"):
        smaller = np.fmin(one, two)
        differs = (
            ~disputed & np.isfinite(one) & np.isfinite(two) & ~np.isclose(one, two, rtol=TOLERANCE, atol=0)
        )
    return np.where(disputed, np.nan, smaller), differs


def _joined(  # noqa: PLR0917
    data: Series | Candles, times: IntArray, both: BoolArray, other: BoolArray, new: BoolArray, was: BoolArray
) -> Joined:
    contradicted = int(np.sum(other & ~was))
    faults: tuple[Fault, ...] = ()
    if contradicted:
        first = int(times[other & ~was][0])
        faults = (
            Fault(
                "contradiction", contradicted, first, f"{contradicted} moments in which two sources differ"
            ),
        )
    return Joined(data, int(np.sum(new)), int(np.sum(both)) - contradicted, contradicted, faults)


def _placed(first: IntArray, second: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """All times, and where those of each stand among them."""
    times = np.union1d(first, second)
    return (
        times,
        np.searchsorted(times, first).astype(np.int64),
        np.searchsorted(times, second).astype(np.int64),
    )


def _spread(values: FloatArray, places: IntArray, size: int) -> FloatArray:
    found = np.full(size, np.nan)
    found[places] = values
    return found


def _flags(size: int, mine: IntArray, its: IntArray) -> tuple[BoolArray, BoolArray]:
    had, has = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)
    had[mine], has[its] = True, True
    return had & has, had
