"""Feeds that fail: no fault lowers the headline, raises the least, crashes anything, or stays unsaid."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.indicator_faults import BLINDING, HARMLESS, KINDS, with_fault
from tests.support.indicator_history import START, full_history, moments
from vault.risk.indicators.base import DOUBT, Track
from vault.risk.indicators.composite import Fragility, compose
from vault.risk.indicators.regime import Regime, find_regime
from vault.risk.indicators.registry import ENTRY, INDICATORS, NAMES
from vault.risk.indicators.stage import find_stage
from vault.series import DAY, HOUR, Kind, MarketHistory

# Tuesday to Sunday 00:00: no new week begins after the fault.
AT = moments(5, START + 281 * DAY)
SINCE = int(AT[30])
NOW = int(AT[-1])
# After these hours every feed of a kind is stale: funding every 8 hours, daily supply, the pattern of hours.
STALE: dict[str, int] = {"funding": 13, "etf": 47, "cross_asset": 39, "stablecoins": 54, "time_of_day": 24}
ALL: tuple[Kind, ...] = tuple(dict.fromkeys(kind for kinds in KINDS.values() for kind in kinds))


@pytest.fixture(scope="module")
def history() -> MarketHistory:
    return full_history(290, seed=3)


@pytest.fixture(scope="module")
def clean_tracks(history: MarketHistory) -> dict[str, Track]:
    return {name: measure(history, AT, "BTC") for name, measure in INDICATORS.items()}


def blind(name: str) -> np.ndarray:
    """Moments by which the fault has made every source of the indicator silent."""
    return SINCE + STALE.get(name, 2) * HOUR < AT


def all_of(history: MarketHistory) -> tuple[tuple[Track, ...], Fragility, Regime]:
    tracks = tuple(measure(history, AT, "BTC") for measure in INDICATORS.values())
    found = compose(AT, tracks)
    return tracks, found, find_regime(found, find_stage(history, AT, "BTC", tracks))


@pytest.mark.parametrize("fault", BLINDING)
@pytest.mark.parametrize("name", NAMES)
def test_a_blinded_indicator_is_never_calmer_and_is_named(
    history: MarketHistory, clean_tracks: dict[str, Track], name: str, fault: str
) -> None:
    faulty = with_fault(history, BLINDING[fault], SINCE, NOW, KINDS[name])
    track = INDICATORS[name](faulty, AT, "BTC")
    clean, before = clean_tracks[name], AT <= SINCE
    assert np.array_equal(track.score[before], clean.score[before], equal_nan=True)
    silent = np.isnan(track.score)
    pattern = name == "time_of_day" and fault in {"not_a_number", "infinite", "contradictory"}
    # Unusable candles of this week do not change the pattern of earlier ones; everything else is silent, save
    # our own transfers, which tell for a month.
    if not pattern and name != "venue":
        assert np.all(silent[blind(name)]), "it must not go on as if nothing had happened"
    assert np.all(track.held[silent] >= DOUBT)
    steps = np.flatnonzero(silent[1:]) + 1
    assert np.all(track.held[steps] >= track.held[steps - 1]), "never lower than the moment before"
    last = track.held[AT <= SINCE][-1]
    assert np.all(track.held[blind(name)] >= last) or pattern or name == "venue"
    assert np.all(track.upper[silent] == 1)
    assert track.configured
    assert track.absent or track.faults
    if fault != "dead":
        assert track.faults


@pytest.mark.parametrize("fault", BLINDING)
@pytest.mark.parametrize("name", NAMES)
def test_a_blinded_indicator_moves_headline_and_least_only_to_the_safe_side(
    history: MarketHistory, clean_tracks: dict[str, Track], name: str, fault: str
) -> None:
    faulty = with_fault(history, BLINDING[fault], SINCE, NOW, KINDS[name])
    track = INDICATORS[name](faulty, AT, "BTC")
    clean = compose(AT, tuple(clean_tracks.values()))
    found = compose(AT, tuple({**clean_tracks, name: track}.values()))
    late = blind(name)
    assert np.all(found.least[late] <= clean.least[late])
    assert np.all(found.least <= found.fragility)
    assert np.all(found.fragility <= found.most)
    assert np.all(found.most[late] >= clean.most[late] - 1e-12)
    kept = found.contributions[name]
    gone = np.flatnonzero(np.isnan(track.score))
    gone = gone[gone > 0]
    assert np.all(kept[gone] >= kept[gone - 1])
    if np.isnan(track.score[-1]):
        assert any(why.startswith(name) for why in found.absent)
        assert found.coverage[-1] == pytest.approx(clean.coverage[-1] - found.weights[name][-1])


@pytest.mark.parametrize("fault", HARMLESS)
@pytest.mark.parametrize("name", NAMES)
def test_what_cleaning_puts_right_changes_nothing_and_is_named(
    history: MarketHistory, clean_tracks: dict[str, Track], name: str, fault: str
) -> None:
    faulty = with_fault(history, HARMLESS[fault], SINCE, NOW, KINDS[name])
    track = INDICATORS[name](faulty, AT, "BTC")
    for array in ("value", "score", "held", "upper", "coverage"):
        assert np.array_equal(getattr(track, array), getattr(clean_tracks[name], array), equal_nan=True)
    assert track.faults


@pytest.mark.parametrize("fault", BLINDING)
def test_with_every_feed_blinded_nothing_falls_and_nothing_is_known(
    history: MarketHistory, fault: str
) -> None:
    _, found, regime = all_of(with_fault(history, BLINDING[fault], SINCE, NOW, ALL))
    dark = AT > SINCE + 54 * HOUR
    assert np.all(np.isfinite(found.fragility))
    places = np.flatnonzero(dark)
    moved = {"venue", "time_of_day"} if fault not in {"dead", "future_dated"} else {"venue"}
    for name, part in found.contributions.items():
        if name not in moved:
            assert np.all(part[places] >= part[places - 1]), name
    assert np.all(found.least[dark] <= found.fragility[dark])
    assert np.all(found.coverage[dark] <= 0.1 + 1e-9)
    assert regime.name() == "unknown"
    level = regime.level
    assert np.all(level[AT > SINCE] >= np.min(level[AT <= SINCE][-1:])), "a dead feed lowers no regime"


@pytest.mark.parametrize("name", NAMES)
def test_a_hole_that_was_filled_again_leaves_no_crash_and_no_look_of_calm(
    history: MarketHistory, clean_tracks: dict[str, Track], name: str
) -> None:
    end = SINCE + 20 * HOUR
    holed = with_fault(history, lambda rows, since: _hole(rows, since, end), SINCE, NOW, KINDS[name])
    track = INDICATORS[name](holed, AT, "BTC")
    silent = np.flatnonzero(np.isnan(track.score))
    assert np.all(track.held[silent[silent > 0]] >= track.held[silent[silent > 0] - 1])
    assert np.all(track.held[silent] >= DOUBT)
    assert clean_tracks[name].configured


def _hole(rows: tuple[np.ndarray, np.ndarray], since: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    kept = (rows[0] <= since) | (rows[0] > end)
    return rows[0][kept], rows[1][kept]


@pytest.mark.parametrize("name", NAMES)
def test_one_moment_after_the_feed_died_still_knows_what_it_said(history: MarketHistory, name: str) -> None:
    faulty = with_fault(history, BLINDING["dead"], SINCE, NOW, KINDS[name])
    grid = INDICATORS[name](faulty, AT, "BTC")
    alone = INDICATORS[name](faulty, AT[-1:], "BTC")
    if np.isnan(grid.score[-1]):
        died = np.flatnonzero(np.isnan(grid.score))[0]
        assert alone.held[0] >= DOUBT
        assert alone.held[0] >= min(grid.held[died - 1], grid.held[SINCE == AT][0])


@pytest.mark.parametrize("name", NAMES)
def test_no_history_at_all_is_not_configured_and_counts_for_nothing(name: str) -> None:
    track = INDICATORS[name](MarketHistory(), AT, "BTC")
    assert not track.configured
    assert track.absent
    found = compose(AT, (track,))
    assert np.all(np.isnan(found.fragility))
    assert found.not_configured == (name,)
    asked_for = compose(AT, (track,), configured=frozenset({name}))
    assert np.allclose(asked_for.fragility, DOUBT, atol=1e-9)
    assert np.all(asked_for.least == 0)
    assert np.all(asked_for.most == 1)


def test_doubt_alone_does_not_call_it_stressed(history: MarketHistory) -> None:
    _, found, regime = all_of(with_fault(history, BLINDING["dead"], SINCE, NOW, ALL))
    assert found.fragility[-1] >= ENTRY["stressed"]
    assert regime.last_known() != "stressed"
