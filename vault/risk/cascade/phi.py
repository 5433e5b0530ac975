"""phi, the unhedged share: how much of what the ladder says was really liquidated, re-estimated always.

It jumped from 0.68 to 0.17 after the reset of October 2025: an old estimate is worth little, so each comes
with its age and its error. Where no past window says anything there is no estimate, and that is said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vault.risk.cascade.checks import array, number, refused
from vault.series import FloatArray


@dataclass(frozen=True, slots=True)
class PhiEstimate:
    """phi, hours since the newest window it rests on, and the spread of the windows around it.

    `error` is in units of phi; None with fewer than two windows. `value` None: no estimate, `reason` says
    why.
    """

    value: float | None
    age_hours: float | None
    error: float | None
    windows: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What was expected before each window beside what was realised in it; nan where nothing could be said.

    `factors` is expected / realised. `median_factor` and `worst_factor` are error factors of at least 1 (2:
    twice or half), inf where something was liquidated and nothing expected; None when no window could be
    judged.
    """

    expected: FloatArray
    factors: FloatArray
    median_factor: float | None
    worst_factor: float | None
    judged: int


def estimate_phi(
    realised: npt.ArrayLike, laddered: npt.ArrayLike, ages_hours: npt.ArrayLike, *, half_life_hours: float
) -> PhiEstimate:
    """phi = sum(w * realised) / sum(w * G), w = 2^(-age / half-life), over past windows.

    `realised`: USD liquidated in each window. `laddered`: G(x moved) of the ladder as it stood before the
    window, made with phi = 1. A window in which the ladder expected nothing says nothing about phi. error =
    sqrt(sum(w * G * (phi_k - phi)^2) / sum(w * G)). Not held below 1: above it the ladder is too small.
    """
    got = array("realised", realised)
    expected = array("laddered", laddered, length=got.size)
    ages = array("ages_hours", ages_hours, length=got.size)
    number("half_life_hours", half_life_hours, above=True)
    told = expected > 0.0
    if not told.any():
        reason = "no past window" if got.size == 0 else "no window in which the ladder held anything"
        return PhiEstimate(None, None, None, 0, reason)
    got, expected, ages = got[told], expected[told], ages[told]
    youngest = float(ages.min())
    # Ages count from the youngest: the ratio is the same, and nothing underflows.
    weights = np.exp2(-(ages - youngest) / half_life_hours)
    below = float((weights * expected).sum())
    value = float((weights * got).sum()) / below
    windows = int(told.sum())
    error = None
    if windows > 1:
        error = math.sqrt(float((weights * expected * (got / expected - value) ** 2).sum()) / below)
    return PhiEstimate(value, youngest, error, windows, f"{windows} windows, the newest {youngest:.0f} h ago")


def calibrate(
    realised: npt.ArrayLike, laddered: npt.ArrayLike, hours: npt.ArrayLike, *, half_life_hours: float
) -> Calibration:
    """Each window against what was expected with the phi of the windows before it: no window sees itself.

    `hours`: when each window ended, strictly rising. A window without an earlier estimate, or in which
    nothing was liquidated, is not judged.
    """
    got = array("realised", realised)
    ladder = array("laddered", laddered, length=got.size)
    ends = array("hours", hours, length=got.size, least=-math.inf)
    if bool((np.diff(ends) <= 0).any()):
        raise refused("hours", "windows in the order of time", "one before its predecessor")
    expected = np.full(got.size, np.nan)
    for k in range(1, got.size):
        phi = estimate_phi(got[:k], ladder[:k], ends[k] - ends[:k], half_life_hours=half_life_hours)
        if phi.value is not None:
            expected[k] = phi.value * ladder[k]
    factors = np.divide(expected, got, out=np.full(got.size, np.nan), where=got > 0.0)
    judged = factors[np.isfinite(factors)]
    if not judged.size:
        return Calibration(expected, factors, None, None, 0)
    with np.errstate(divide="ignore"):
        off = np.exp(np.abs(np.log(judged)))
    return Calibration(expected, factors, float(np.median(off)), float(off.max()), int(judged.size))
