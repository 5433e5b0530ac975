"""Judgements of markets out of scores alone, at one moment: what tests of rules and findings need."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vault.risk.indicators.base import Reading, Source, gather
from vault.risk.indicators.composite import compose
from vault.risk.indicators.judge import Judgement
from vault.risk.indicators.regime import find_regime
from vault.risk.indicators.registry import ABOUT, NAMES
from vault.risk.indicators.stage import find_stage
from vault.series import HOUR, MINUTE, IntArray, MarketHistory, Series

MOMENT = 1_769_860_800_000
AT = np.array([MOMENT], dtype=np.int64)


def judgement(
    scores: Mapping[str, float | None], asset: str = "BTC", configured: frozenset[str] = frozenset()
) -> Judgement:
    """An asset of which these indicators were read a minute ago; None: has spoken, and says nothing now.

    The others were never heard of.
    """
    tracks = tuple(
        gather(ABOUT[name], "", "ratio", AT, [_source(name, scores[name], asset)] if name in scores else [])
        for name in NAMES
    )
    found = compose(AT, tracks, configured=configured)
    stage = find_stage(MarketHistory(), AT, asset, tracks)
    return Judgement(asset, AT, tracks, found, find_regime(found, stage), stage)


def _source(name: str, score: float | None, asset: str) -> Source:
    def read(at: IntArray) -> Reading:
        says = np.full(at.shape, np.nan if score is None else score)
        age = np.full(at.shape, -1 if score is None else MINUTE)
        return Reading(says, says, says, age, np.ones(at.shape), f"{name} of {asset}", "silent")

    heard = Series(np.array([MOMENT - HOUR], dtype=np.int64), np.zeros(1))
    return Source(f"{name}:{asset}", (heard,), read)
