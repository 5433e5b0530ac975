"""All ten scores are what a plain look at each moment's own window gives."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.indicator_history import START, full_history, moments
from tests.support.indicator_plain import plain_scores
from vault.risk.indicators.registry import NAMES, measure_all
from vault.series import DAY


@pytest.mark.parametrize("seed", range(4))
def test_scores_are_those_of_the_plain_way(seed: int) -> None:
    history = full_history(480, seed=100 * seed)
    at = moments(14, START + 465 * DAY)
    tracks = {track.name: track for track in measure_all(history, at, "BTC")}
    for place in np.random.default_rng(seed).choice(at.size, 5, replace=False).tolist():
        plain = plain_scores(history, int(at[place]))
        for name in NAMES:
            # Binned levels may put a position at the edge of the band on its other side.
            near = 0.06 if name == "liquidation_clusters" else 1e-9
            assert tracks[name].score[place] == pytest.approx(plain[name], abs=near), name
