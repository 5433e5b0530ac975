"""Where a cascade ends: the least move at which the book has taken all that was triggered on the way.

x* = min{x >= s : D(x - s) >= theta * G(x)}. Never a later crossing, and inf where there is none within the
grid: the cascade then has no end that the model knows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vault.risk.cascade.checks import array, number
from vault.risk.cascade.depth import Depth
from vault.risk.cascade.ladder import Ladder
from vault.series import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class CascadeCurve:
    """A ladder against a book, prepared once so that any number of shocks is answered by one search each.

    D rises, so D(x - s) >= theta * G(x) is the same as v(x) >= s with v(x) = x - D^-1(theta * G(x)): the
    shock from which the cascade would just reach x. v knows nothing of s, and v(x) <= x makes x >= s
    superfluous. So x* is the first passage of v to s: the running maximum of v is sorted, and its least index
    of at least s is a binary search. Between two levels v is a straight line, which is exact where G and D
    are. All of it is the answer of the grid, off by at most one step, save where the curves only touch.

    `theta`: share of the triggered notional that reaches the public book (the rest goes to an insurance fund
    or a backstop). `strain` multiplies theta * G: the error of phi, or of the depth (strain 2 is half the
    book).
    """

    ladder: Ladder
    depth: Depth
    theta: float
    strain: float
    sources: FloatArray
    highest: FloatArray

    @classmethod
    def of(cls, ladder: Ladder, depth: Depth, theta: float = 1.0, strain: float = 1.0) -> CascadeCurve:
        """Prepare the curve: O(levels)."""
        pushed = ladder.triggered * (number("theta", theta) * number("strain", strain))
        sources = ladder.grid.moves - depth.move_for(pushed)
        return cls(ladder, depth, theta, strain, sources, np.maximum.accumulate(sources))

    def strained(self, factor: float) -> CascadeCurve:
        """The same with `factor` times the strain."""
        return CascadeCurve.of(self.ladder, self.depth, self.theta, self.strain * factor)

    @property
    def push(self) -> float:
        """What a triggered USD puts into the book: theta * strain."""
        return self.theta * self.strain

    def reach(self, shocks: npt.ArrayLike) -> FloatArray:
        """x* of each shock (log moves of at least 0); inf where the grid holds none."""
        found = array("shocks", np.atleast_1d(shocks))
        step, levels = self.ladder.grid.step, self.ladder.grid.levels
        index = np.searchsorted(self.highest, found)
        within = np.clip(index, 1, levels - 1)
        upper, lower = self.sources[within], self.sources[within - 1]
        # Only a first passage is interpolated: there lower < shock <= upper.
        with np.errstate(invalid="ignore", divide="ignore"):
            ends = step * (within - (upper - found) / (upper - lower))
        ends = np.where(index == 0, 0.0, np.maximum(ends, found))
        return np.where(index == levels, np.inf, ends)
