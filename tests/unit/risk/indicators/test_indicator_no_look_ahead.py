"""Nothing that comes later changes what was said before: not in a single bit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.support.indicator_history import START, full_history, moments
from vault.risk.indicators.base import Track
from vault.risk.indicators.composite import compose
from vault.risk.indicators.regime import find_regime
from vault.risk.indicators.registry import INDICATORS, NAMES
from vault.risk.indicators.stage import find_stage
from vault.series import DAY, Candles, IntArray, MarketHistory, Recorded, Series

DAYS = 300
ARRAYS = ("value", "statistic", "score", "held", "upper", "started", "age", "coverage")


def known_by(history: MarketHistory, time: int) -> MarketHistory:
    return history_with(history, lambda item: item.data.between(-(10**15), time))


def spoiled_after(history: MarketHistory, time: int) -> MarketHistory:
    """What comes later is absurd or unusable."""

    def spoil(item: Recorded) -> Series | Candles:
        data = item.data
        if isinstance(data, Series):
            later = data.times > time
            absurd = np.where(np.arange(len(data)) % 3 == 0, np.nan, 1e200)
            return Series(data.times, np.where(later, absurd, data.values))
        later = data.opens + data.step > time
        columns = [
            np.where(later, 1e90, column)
            for column in (data.open, data.high, data.low, data.close, data.volume)
        ]
        return Candles(data.opens, data.step, *columns)

    return history_with(history, spoil)


def history_with(history: MarketHistory, change: Callable[[Recorded], Series | Candles]) -> MarketHistory:
    return MarketHistory(
        {
            key: Recorded(item.key, change(item), item.provenance, item.faults)
            for key, item in history.recorded.items()
        }
    )


@pytest.fixture(scope="module")
def history() -> MarketHistory:
    return full_history(DAYS, seed=7)


def same(early: Track, late: Track, number: int) -> None:
    for name in ARRAYS:
        before, after = getattr(early, name), getattr(late, name)[:number]
        assert np.array_equal(before, after, equal_nan=before.dtype == np.float64), (early.name, name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hours", [0, 5, 24 * 9 + 13])
def test_later_data_changes_no_earlier_score(history: MarketHistory, name: str, hours: int) -> None:
    at = moments(30, START + 265 * DAY) + 7 * 60_000
    number = at.size - 24 * 11 + hours
    cut = int(at[number - 1])
    early = INDICATORS[name](known_by(history, cut), at[:number], "BTC")
    assert np.any(np.isfinite(early.score))
    same(early, INDICATORS[name](history, at, "BTC"), number)
    same(early, INDICATORS[name](spoiled_after(history, cut), at[:number], "BTC"), number)
    same(early, INDICATORS[name](spoiled_after(history, cut), at, "BTC"), number)


@pytest.mark.parametrize("name", NAMES)
def test_one_moment_alone_gives_what_years_of_them_give(history: MarketHistory, name: str) -> None:
    at = moments(20, START + 270 * DAY)
    whole = INDICATORS[name](history, at, "BTC")
    # The ladder of years still holds entries older than its warm-up: e^-7 of them and less.
    close = 1e-8 if name == "liquidation_clusters" else 1e-12
    for place in (0, 100, at.size - 1):
        alone = INDICATORS[name](history, at[place : place + 1], "BTC")
        for array in ARRAYS:
            found, expected = getattr(alone, array)[0], getattr(whole, array)[place]
            assert found == pytest.approx(expected, rel=close, abs=0, nan_ok=True), (name, array)


def test_headline_regime_and_steps_do_not_look_ahead(history: MarketHistory) -> None:
    at = moments(20, START + 270 * DAY)
    number = 300

    def told(past: MarketHistory, times: IntArray) -> list[np.ndarray]:
        tracks = tuple(measure(past, times, "BTC") for measure in INDICATORS.values())
        found, stage = compose(times, tracks), find_stage(past, times, "BTC", tracks)
        regime = find_regime(found, stage)
        states = [step.state for step in stage.steps]
        return [found.fragility, found.least, found.most, found.coverage, regime.level, regime.since, *states]

    early = told(known_by(history, int(at[number - 1])), at[:number])
    for before, after in zip(early, told(history, at), strict=True):
        assert np.array_equal(before, after[:number])


def test_a_feed_that_starts_later_was_not_configured_before(history: MarketHistory) -> None:
    start = START + 275 * DAY
    later = history_with(
        history,
        lambda item: item.data.between(start, 10**15) if item.key.kind == "etf_flow" else item.data,
    )
    at = moments(20, START + 270 * DAY)
    tracks = tuple(measure(later, at, "BTC") for measure in INDICATORS.values())
    found = compose(at, tracks)
    without = compose(at, tuple(track for track in tracks if track.name != "etf"))
    before = at < start
    assert np.allclose(found.fragility[before], without.fragility[before], atol=1e-10)
    assert np.all(found.weights["etf"][before] == 0)
    assert found.contributions["etf"][-1] == pytest.approx(0.5 * 0.05), "no history yet: half of its weight"
