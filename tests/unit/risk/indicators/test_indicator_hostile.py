"""Whatever a series holds and however it is spaced: no crash, no warning, a score or a reason."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.indicator_faults import KINDS
from tests.support.indicator_history import START, history_of, recorded
from vault.risk.indicators.composite import compose
from vault.risk.indicators.regime import find_regime
from vault.risk.indicators.registry import INDICATORS, NAMES
from vault.risk.indicators.stage import find_stage
from vault.series import DAY, HOUR, Candles, MarketHistory, Recorded, Series

NASTY = np.array([np.nan, 0.0, -0.0, -1.0, 1.0, 1e-300, 1e300, -1e300, 5e-324, 1.5, 100.0])
STEPS = (0, 60_000, 5 * 60_000, HOUR, 8 * HOUR, DAY, 30 * DAY)
EVERY = tuple(dict.fromkeys(kind for kinds in KINDS.values() for kind in kinds))


def drawn(seed: int) -> tuple[MarketHistory, np.ndarray]:
    """Histories of every kind, spaced and valued at random; moments inside, before and after them."""
    draw = np.random.default_rng(seed)
    items: list[Recorded] = []
    for kind in (*EVERY, "mark", "short_liquidations"):
        for venue in ("a", "b")[: int(draw.integers(0, 3))]:
            step = int(draw.choice(STEPS))
            number = int(draw.choice([0, 1, 2, 30, 400, 3_000]))
            spacing = np.full(number, step or HOUR)
            ragged = draw.random(number) < 0.1
            spacing = np.where(ragged, draw.integers(1, 3 * DAY, number), spacing)
            times = START + np.cumsum(spacing).astype(np.int64)
            values = np.exp(draw.normal(0, 1, number))
            spoiled = draw.random(number) < draw.choice([0.0, 0.01, 0.5, 1.0])
            values = np.where(spoiled, draw.choice(NASTY, number), values)
            if kind in {"price", "mark"}:
                step = step or HOUR
                bars = Candles(times, step, *(np.abs(values) for _ in range(5)))
                items.append(recorded(kind, "BTC", venue, step, bars))
            else:
                items.append(recorded(kind, "BTC" if kind != "close" else "XAU", venue, step,
                                      Series(times, values)))  # fmt: skip
    span = int(draw.choice([2 * DAY, 200 * DAY]))
    at = START + np.sort(draw.choice(span, 12, replace=False)).astype(np.int64) - DAY
    return history_of(*items), at


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_nothing_in_a_series_makes_an_indicator_fail(seed: int) -> None:
    history, at = drawn(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tracks = tuple(INDICATORS[name](history, at, "BTC") for name in NAMES)
        found = compose(at, tracks)
        stage = find_stage(history, at, "BTC", tracks)
        regime = find_regime(found, stage)
    for track in tracks:
        known = np.isfinite(track.score)
        assert np.all((track.score[known] >= 0) & (track.score[known] <= 1))
        assert np.array_equal(np.isfinite(track.held), track.started)
        assert np.all(track.held[known] >= track.score[known])
        assert np.all(track.upper[known] >= track.score[known])
        assert known[-1] or track.absent, track.name
        assert np.all((track.coverage >= 0) & (track.coverage <= 1))
    some = np.isfinite(found.fragility)
    assert np.all(found.least[some] <= found.fragility[some])
    assert np.all(found.fragility[some] <= found.most[some])
    assert np.all(sum(found.contributions.values())[some] == found.fragility[some])
    assert regime.level.shape == at.shape


@pytest.mark.parametrize("name", NAMES)
def test_one_point_is_no_history(name: str) -> None:
    one = np.array([START], dtype=np.int64)
    items = [
        recorded(kind, "XAU" if kind == "close" else "BTC", "v", HOUR,
                 Candles(one, HOUR, *(np.ones(1) for _ in range(5))) if kind == "price"
                 else Series(one, np.ones(1)))
        for kind in EVERY if kind not in {"venue_open", "adl_rank", "clock_skew", "peg"}
    ]  # fmt: skip
    found = INDICATORS[name](history_of(*items), one + HOUR, "BTC")
    assert np.isnan(found.score[0])
    assert found.absent
