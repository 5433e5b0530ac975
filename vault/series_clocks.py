"""Two histories of one price beside each other: whether their clocks agree.

Only says by how many hours they are apart: which of two clocks is wrong nobody can tell from prices alone.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.series import DAY, HOUR, FloatArray, IntArray, Series

_LEAST_SHARED: Final = 48  # fewer returns agree by chance
# Returns of one asset at two venues correlate above this, those of other hours hardly at all.
_SAME: Final = 0.9
_OTHER: Final = 0.5
_HOURS: Final = range(-14, 15)


def hours_apart(first: Series, second: Series, step: int) -> int:
    """By how many hours the first's times are ahead of the second's; 0 where nothing is clear.

    Both are closing prices of one asset, `step` ms apart.
    """
    if not 0 < step < DAY:
        return 0
    (one, mine), (two, its) = _returns(first, step), _returns(second, step)
    if not _correlation(one, mine, two, its) < _OTHER:
        return 0
    fits = [hours for hours in _HOURS if _correlation(one - hours * HOUR, mine, two, its) >= _SAME]
    return fits[0] if len(fits) == 1 else 0


def _returns(closes: Series, step: int) -> tuple[IntArray, FloatArray]:
    with np.errstate(invalid="ignore", divide="ignore"):
        change = np.diff(np.log(closes.values))
    told = np.isfinite(change) & (np.diff(closes.times) == step)
    return closes.times[1:][told], change[told]


def _correlation(one: IntArray, mine: FloatArray, two: IntArray, its: FloatArray) -> float:
    """Of the returns both have; NaN where there are too few to tell, or one of them never moves."""
    _, first, second = np.intersect1d(one, two, assume_unique=True, return_indices=True)
    if first.size < _LEAST_SHARED or np.std(mine[first]) == 0 or np.std(its[second]) == 0:
        return float("nan")
    return float(np.corrcoef(mine[first], its[second])[0, 1])
