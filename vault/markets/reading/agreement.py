"""Two histories of one asset's price beside each other: whether their clocks agree.

Only names what it finds: which of two clocks is wrong nobody can tell from prices alone.
"""

from __future__ import annotations

from itertools import combinations
from typing import Final

import numpy as np

from vault.markets.reading.sheet import Found
from vault.series import DAY, HOUR, Candles, FloatArray, IntArray, Series

_LEAST_SHARED: Final = 48  # fewer returns agree by chance
# Returns of one asset at two venues correlate above this, those of other hours hardly at all.
_SAME: Final = 0.9
_OTHER: Final = 0.5
_HOURS: Final = range(-14, 15)


def clocks(found: tuple[Found, ...]) -> tuple[Found, ...]:
    """The same histories, with a note on each two prices that agree only when one's hours are moved."""
    notes: dict[int, list[str]] = {}
    prices = [(at, each) for at, each in enumerate(found) if each.key.kind in {"price", "mark", "close"}]
    for (one, first), (two, second) in combinations(prices, 2):
        if first.key == second.key or (first.key.name, first.key.step) != (second.key.name, second.key.step):
            continue
        hours = _apart(first, second) if 0 < first.key.step < DAY else 0
        if hours:
            for at, other, ahead in ((one, second, hours), (two, first, -hours)):
                text = (
                    f"agrees with {other.key} only if its own times are {ahead:+d} h off: one clock is no UTC"
                )
                notes.setdefault(at, []).append(text)
    return tuple(each.noted(*notes.get(at, [])) for at, each in enumerate(found))


def _apart(first: Found, second: Found) -> int:
    """By how many hours the first's stamps are ahead of the second's; 0 where nothing is clear."""
    (one, mine), (two, its) = _returns(first), _returns(second)
    if not _correlation(one, mine, two, its) < _OTHER:
        return 0
    fits = [hours for hours in _HOURS if _correlation(one - hours * HOUR, mine, two, its) >= _SAME]
    return fits[0] if len(fits) == 1 else 0


def _returns(found: Found) -> tuple[IntArray, FloatArray]:
    series: Series = found.data.closes() if isinstance(found.data, Candles) else found.data
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.diff(np.log(series.values))
    told = np.isfinite(change) & (np.diff(series.times) == found.key.step)
    return series.times[1:][told], change[told]


def _correlation(one: IntArray, mine: FloatArray, two: IntArray, its: FloatArray) -> float:
    """Of the returns both have; NaN where there are too few to tell, or one of them never moves."""
    _, first, second = np.intersect1d(one, two, assume_unique=True, return_indices=True)
    if first.size < _LEAST_SHARED or np.std(mine[first]) == 0 or np.std(its[second]) == 0:
        return float("nan")
    return float(np.corrcoef(mine[first], its[second])[0, 1])
