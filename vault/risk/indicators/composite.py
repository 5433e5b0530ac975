"""Composite fragility: how bad a shock would be, as a weighted mean that no missing feed can lower.

Monotone in every score. Refuses to count what is missing as calm, and to count it against anyone: `least`
takes nothing for it, and is what rules may act on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from vault.errors import MarketDataError
from vault.risk.indicators.base import DOUBT, Track
from vault.risk.indicators.registry import WEIGHTS
from vault.series import FloatArray, IntArray

# Contributions are whole multiples of this, rounded down: their sum is exact in any order, and at most 1.
GRAIN: Final = 2.0**-40


@dataclass(frozen=True, slots=True, eq=False)
class Fragility:
    """The composite at moments `at` (n,), all arrays (n,), from 0 to 1; NaN where nothing is configured.

    `fragility` is the headline: a missing indicator counts what it said last, at least one half. `most`
    counts 1 for it, `known` leaves it out; all three are of what is configured. `least` is the evidence there
    is: of all ten, what is missing and what nobody set up counting 0, so that no feed alone weighs more than
    it does among ten; and of venues what at least two say, where two speak. `coverage` is the weight that is
    present over the weight that is configured, `coverage_of_all` over all ten; `present` is how many have a
    score. `contributions` and `weights` are by name; contributions add up to the headline exactly.
    `not_configured` and `absent` are of the last moment.
    """

    at: IntArray
    fragility: FloatArray
    least: FloatArray
    most: FloatArray
    known: FloatArray
    coverage: FloatArray
    coverage_of_all: FloatArray
    present: IntArray
    contributions: Mapping[str, FloatArray]
    weights: Mapping[str, FloatArray]
    not_configured: tuple[str, ...]
    absent: tuple[str, ...]


def compose(
    at: IntArray,
    tracks: tuple[Track, ...],
    *,
    configured: frozenset[str] = frozenset(),
    weights: Mapping[str, float] = WEIGHTS,
) -> Fragility:
    """The composite of tracks at the same moments.

    An indicator counts from its first input on; one named in `configured` (somebody set up a feed of it)
    counts even before, as missing. Weights are made to add up to one over those that count.
    """
    if not tracks or any(track.score.shape != at.shape or track.name not in weights for track in tracks):
        raise MarketDataError("bad_series", "expected known tracks at the moments of the composite")
    given = np.array([[weights[track.name]] for track in tracks])
    counts = np.stack([track.started | (track.name in configured) for track in tracks])
    total = np.add.reduce(np.where(counts, given, 0.0), axis=0)
    some = total > 0
    share = np.where(counts & some, given / np.where(some, total, 1.0), 0.0)
    score = np.where(counts, np.stack([track.score for track in tracks]), np.nan)
    present = np.isfinite(score)
    held = np.stack([np.where(np.isnan(track.held), DOUBT, track.held) for track in tracks])
    upper = np.stack([np.where(np.isnan(track.upper), 1.0, track.upper) for track in tracks])
    parts = _grains(share * held)
    seen = np.add.reduce(np.where(present, given, 0.0), axis=0)
    covered = np.where(some, seen / np.where(some, total, 1.0), 0.0)
    parts_known = np.add.reduce(_grains(share * np.where(present, score, 0.0)), axis=0)
    backed = np.stack([track.evidence for track in tracks])
    backed = np.where(counts & np.isfinite(backed), backed, 0.0)
    least = np.add.reduce(_grains(given / sum(weights.values()) * backed), axis=0)

    def where_some(values: FloatArray) -> FloatArray:
        return np.where(some, np.minimum(values, 1.0), np.nan)

    with np.errstate(invalid="ignore"):
        known = np.where(covered > 0, parts_known / np.where(covered > 0, covered, 1.0), np.nan)
    return Fragility(
        at=at,
        fragility=where_some(np.add.reduce(parts, axis=0)),
        least=where_some(least),
        most=where_some(np.add.reduce(_grains(share * upper), axis=0)),
        known=where_some(known),
        coverage=where_some(covered),
        coverage_of_all=seen / sum(weights.values()),
        present=np.sum(present, axis=0).astype(np.int64),
        contributions={track.name: part for track, part in zip(tracks, parts, strict=True)},
        weights={track.name: part for track, part in zip(tracks, share, strict=True)},
        not_configured=tuple(
            track.name for track, on in zip(tracks, counts[:, -1].tolist(), strict=True) if not on
        ),
        absent=tuple(
            f"{track.name}: {why}"
            for track, on in zip(tracks, counts[:, -1].tolist(), strict=True)
            if on
            for why in track.absent
        ),
    )


def _grains(values: FloatArray) -> FloatArray:
    found: FloatArray = np.floor(values / GRAIN) * GRAIN
    return found
