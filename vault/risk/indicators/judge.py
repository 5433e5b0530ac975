"""Fragility of one asset's market now, with the days before it that the regime needs.

Pure: everything stands in the history that is given. Refuses nothing; what is missing is in the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from vault.risk.indicators.base import Track
from vault.risk.indicators.composite import Fragility, compose
from vault.risk.indicators.regime import Regime, find_regime
from vault.risk.indicators.registry import measure_all
from vault.risk.indicators.stage import Stage, find_stage
from vault.series import DAY, HOUR, IntArray, MarketHistory

# A regime falls after a day; ten days let one see what it came from.
DAYS_BEFORE: Final = 10
# The longest window of an indicator (252 trading days) and what it takes to fill it.
HISTORY: Final = 400 * DAY


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """An asset at moments `at` (n,), the last of which is now: tracks, composite, regime and stage."""

    asset: str
    at: IntArray
    tracks: tuple[Track, ...]
    found: Fragility
    regime: Regime
    stage: Stage


def judge(history: MarketHistory, at: int, asset: str, configured: frozenset[str] = frozenset()) -> Judgement:
    """Judge `asset` at `at` (Unix ms); `configured` names indicators that somebody set up a feed of."""
    hours = np.arange(at // HOUR * HOUR - DAYS_BEFORE * DAY, at, HOUR, dtype=np.int64)
    moments = np.append(hours, np.int64(at))
    tracks = measure_all(history, moments, asset)
    found = compose(moments, tracks, configured=configured)
    stage = find_stage(history, moments, asset, tracks)
    return Judgement(asset, moments, tracks, found, find_regime(found, stage), stage)
