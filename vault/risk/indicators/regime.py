"""Names for levels of fragility that do not flap: calm, elevated, stressed, cascade.

A regime rises at once and falls only after a day in which fragility, whatever is missing, cannot have been
as high. A dead feed never lowers it; with too little coverage the answer is "unknown", and what it was stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from vault.risk.indicators.composite import Fragility
from vault.risk.indicators.registry import ENTRY, EXIT, LEAST_COVERAGE, LEAST_PRESENT
from vault.risk.indicators.stage import Stage
from vault.series import DAY, BoolArray, FloatArray, IntArray

LEVELS: Final = ("calm", "elevated", "stressed", "cascade")
UNKNOWN: Final = "unknown"
# All hours of a day, the thin ones too, must have been below the exit.
FALL_AFTER: Final = DAY
# Shares of weights are sums of decimals that floats do not have.
ROUNDING: Final = 1e-9
# Moments further apart than this do not show what was between them.
WIDEST: Final = 2 * DAY


@dataclass(frozen=True, slots=True, eq=False)
class Regime:
    """The regime at moments (n,): `level` is a place in LEVELS, `known` where coverage allows to say it.

    `since` (Unix ms) is the moment from which the level holds.
    """

    level: IntArray
    known: BoolArray
    since: IntArray

    def name(self, place: int = -1) -> str:
        """The name at a moment; "unknown" where coverage is under its bound."""
        return LEVELS[int(self.level[place])] if bool(self.known[place]) else UNKNOWN

    def last_known(self, place: int = -1) -> str:
        """The name that stays behind an unknown one."""
        return LEVELS[int(self.level[place])]


def find_regime(found: Fragility, stage: Stage) -> Regime:
    """Regimes over moments, from the first one on: give at least the days before that matter."""
    known = (np.nan_to_num(found.coverage) > LEAST_COVERAGE + ROUNDING) & (found.present >= LEAST_PRESENT)
    # Where too much is missing nothing rises: doubt alone is no stress.
    entered = np.where(known, _level(found.fragility, stage.under_way, ENTRY), 0)
    stays = _level(found.most, stage.may_be_under_way, EXIT)
    level, since = _hold(found.at, entered, stays)
    return Regime(level, known, since)


def _level(values: FloatArray, under_way: BoolArray, bounds: dict[str, float]) -> IntArray:
    """The highest level whose bound is reached; a cascade needs its evidence. NaN reaches none."""
    with np.errstate(invalid="ignore"):
        level = np.where(values >= bounds["elevated"], 1, 0)
        level = np.where(values >= bounds["stressed"], 2, level)
        return np.where((values >= bounds["cascade"]) & under_way, 3, level)


def _hold(at: IntArray, entered: IntArray, stays: IntArray) -> tuple[IntArray, IntArray]:
    """Rises at once; falls to what it stayed under for all of `FALL_AFTER`."""
    level, since = np.zeros(at.shape, dtype=np.int64), at.copy()
    now, began = int(entered[0]), int(at[0])
    # For each level, since when the level to stay at was lower than it without a break.
    lower_since = [began] * len(LEVELS)
    before = began
    for place, (time, up, stay) in enumerate(zip(at.tolist(), entered.tolist(), stays.tolist(), strict=True)):
        for name in range(len(LEVELS)):
            if max(up, stay) >= name or time - before > WIDEST:
                lower_since[name] = time
        before = time
        if up > now:
            now, began = up, time
        fallen = now
        while fallen and time - lower_since[fallen] >= FALL_AFTER:
            fallen -= 1
        if fallen < now:
            now, began = fallen, time
        level[place], since[place] = now, began
    return level, since
