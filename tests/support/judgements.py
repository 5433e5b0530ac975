"""Judgements of markets out of scores alone, at one moment: what tests of rules and findings need."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vault.risk.indicators.base import DOUBT, Track
from vault.risk.indicators.composite import compose
from vault.risk.indicators.judge import Judgement
from vault.risk.indicators.regime import find_regime
from vault.risk.indicators.registry import NAMES
from vault.risk.indicators.stage import find_stage
from vault.series import MINUTE, FloatArray, MarketHistory

MOMENT = 1_769_860_800_000


def track(name: str, score: float | None, asset: str = "BTC", before: float = 0.0) -> Track:
    """An indicator that was read a minute ago; None: it has spoken, said `before`, and says nothing now."""
    dead = score is None

    def one(value: float | None) -> FloatArray:
        return np.array([np.nan if value is None else value])

    return Track(
        name=name,
        unit="",
        value=one(score),
        statistic=one(score),
        statistic_kind="ratio",
        score=one(score),
        held=one(max(before, DOUBT) if score is None else score),
        upper=one(1.0 if score is None else score),
        started=np.array([True]),
        age=np.array([-1 if dead else MINUTE], dtype=np.int64),
        coverage=one(0.0 if dead else 1.0),
        source=f"{name}:{asset}",
        detail="" if dead else f"{name} of {asset}",
        absent=("silent",) if dead else (),
    )


def judgement(
    scores: Mapping[str, float | None], asset: str = "BTC", configured: frozenset[str] = frozenset()
) -> Judgement:
    """An asset of which these indicators have spoken; the others were never heard of."""
    at = np.array([MOMENT], dtype=np.int64)
    tracks = tuple(
        track(name, scores[name], asset) if name in scores else _never(name, asset) for name in NAMES
    )
    found = compose(at, tracks, configured=configured)
    stage = find_stage(MarketHistory(), at, asset, tracks)
    return Judgement(asset, at, tracks, found, find_regime(found, stage), stage)


def _never(name: str, asset: str) -> Track:
    silent = track(name, None, asset)
    none = np.array([np.nan])
    return Track(
        name, "", none, none, "ratio", none, none, none, np.array([False]), silent.age, silent.coverage,
        "", "", ("no history of it",),
    )  # fmt: skip
