"""Regimes rise at once, fall late, do not flap, and no dead feed lowers them; steps name their evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.indicator_faults import BLINDING, KINDS, with_fault
from tests.support.indicator_history import START, full_history, history_of, moments, recorded
from vault.risk.indicators.composite import Fragility
from vault.risk.indicators.regime import FALL_AFTER, LEVELS, Regime, find_regime
from vault.risk.indicators.registry import ENTRY, EXIT, INDICATORS
from vault.risk.indicators.stage import STEPS, Stage, Step, find_stage
from vault.series import DAY, HOUR, Candles, FloatArray, MarketHistory

HOURS = 240
AT = moments(HOURS // 24)


def fragility(
    headline: FloatArray, most: FloatArray | None = None, coverage: float = 1.0, present: int = 10
) -> Fragility:
    return Fragility(
        at=AT,
        fragility=headline,
        least=np.zeros(HOURS),
        most=headline if most is None else most,
        known=headline,
        coverage=np.full(HOURS, coverage),
        coverage_of_all=np.full(HOURS, coverage),
        present=np.full(HOURS, present, dtype=np.int64),
        contributions={},
        weights={},
        not_configured=(),
        absent=(),
    )


def stage(evidence: bool = False, missing: bool = False) -> Stage:
    state = np.full(HOURS, 1 if evidence else 0)
    possible = np.full(HOURS, evidence or missing)
    return Stage(tuple(Step(name, state, possible, (), ()) for name in STEPS))


def names(found: Regime) -> list[str]:
    return [found.name(place) for place in range(HOURS)]


def flat(value: float) -> FloatArray:
    return np.full(HOURS, value)


def test_levels_begin_where_the_registry_says() -> None:
    for value, name in ((0.0, "calm"), (0.2499, "calm"), (0.25, "elevated"), (0.45, "stressed")):
        assert set(names(find_regime(fragility(flat(value)), stage()))) == {name}
    assert find_regime(fragility(flat(0.41)), stage()).name() == "elevated"
    assert find_regime(fragility(flat(0.41)), stage(evidence=True)).name() == "cascade"
    assert find_regime(fragility(flat(0.99)), stage()).name() == "stressed", "no cascade without evidence"


def test_it_rises_at_once_and_falls_after_a_whole_day_below_the_exit() -> None:
    values = flat(0.1)
    values[50] = 0.5
    found = find_regime(fragility(values), stage())
    assert found.name(49) == "calm"
    assert {found.name(place) for place in range(50, 74)} == {"stressed"}
    assert found.name(74) == "calm"
    assert found.since[73] == AT[50]


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(ENTRY)))
def test_a_noisy_line_around_a_bound_makes_at_most_one_change(seed: int, name: str) -> None:
    noise = np.random.default_rng(seed).uniform(-0.02, 0.02, HOURS)
    for bound in (ENTRY[name], EXIT[name]):
        found = find_regime(fragility(flat(bound) + noise), stage(evidence=name == "cascade"))
        assert np.sum(np.diff(found.level) != 0) <= 1


@given(st.integers(0, 2**32 - 1))
def test_it_never_changes_down_twice_within_a_day(seed: int) -> None:
    draw = np.random.default_rng(seed)
    values = np.clip(np.cumsum(draw.normal(0, 0.05, HOURS)) + 0.3, 0, 1)
    found = find_regime(fragility(values), stage())
    down = AT[1:][np.diff(found.level) < 0]
    assert np.all(np.diff(down) >= HOUR)
    entered = np.where(values >= ENTRY["stressed"], 2, np.where(values >= ENTRY["elevated"], 1, 0))
    assert np.all(found.level >= entered), "never under what the headline says now"


def test_a_feed_that_dies_lowers_no_regime() -> None:
    values, most = flat(0.5), flat(0.5)
    values[100:] = 0.1
    most[100:] = 0.45
    found = find_regime(fragility(values, most), stage())
    assert set(names(found)) == {"stressed"}


def test_a_cascade_does_not_end_because_its_evidence_is_missing() -> None:
    evidence = stage(evidence=True).steps
    state = np.where(np.arange(HOURS) < 50, 1, -1)
    could = np.ones(HOURS, dtype=np.bool_)
    lost = Stage(tuple(replace(step, state=state, possible=could) for step in evidence))
    values = np.where(state == 1, 0.42, 0.38)
    assert find_regime(fragility(values), lost).name() == "cascade"
    over = Stage(tuple(replace(step, state=np.maximum(state, 0), possible=state == 1) for step in evidence))
    assert find_regime(fragility(values), over).name() == "elevated"


def test_too_little_coverage_is_unknown_and_what_it_was_stays_behind_it() -> None:
    blind = fragility(flat(0.9), coverage=0.49)
    assert find_regime(blind, stage()).name() == "unknown"
    assert find_regime(blind, stage()).last_known() == "calm", "doubt alone is no stress"
    coverage = np.where(np.arange(HOURS) < 100, 1.0, 0.0)
    going = replace(fragility(flat(0.5), flat(1.0)), coverage=coverage)
    found = find_regime(going, stage())
    assert found.name(99) == "stressed"
    assert found.name() == "unknown"
    assert found.last_known() == "stressed"


@pytest.mark.parametrize(("coverage", "present"), [(0.5, 10), (1.0, 1)])
def test_half_of_what_is_configured_or_a_single_indicator_names_no_regime(
    coverage: float, present: int
) -> None:
    assert find_regime(fragility(flat(0.9), coverage=coverage, present=present), stage()).name() == "unknown"
    enough = fragility(flat(0.9), coverage=coverage + 0.01, present=present + 1)
    assert find_regime(enough, stage()).name() == "stressed"


def test_what_was_not_looked_at_for_days_ends_no_regime() -> None:
    at = np.append(AT[:10], AT[:2] + 5 * DAY)
    values = np.append(np.full(10, 0.5), [0.1, 0.1])
    found = replace(
        fragility(flat(0)),
        at=at,
        fragility=values,
        most=values,
        coverage=np.ones(12),
        present=np.full(12, 10, dtype=np.int64),
    )
    assert find_regime(found, replace(stage(), steps=_cut(stage(), 12))).name() == "stressed"


def _cut(whole: Stage, number: int) -> tuple[Step, ...]:
    return tuple(
        replace(step, state=step.state[:number], possible=step.possible[:number]) for step in whole.steps
    )


def test_nothing_configured_is_unknown() -> None:
    found = find_regime(replace(fragility(flat(np.nan)), coverage=flat(np.nan)), stage())
    assert found.name() == "unknown"


@given(st.integers(0, 2**32 - 1))
def test_a_higher_headline_never_gives_a_lower_regime(seed: int) -> None:
    draw = np.random.default_rng(seed)
    low = np.clip(np.cumsum(draw.normal(0, 0.03, HOURS)) + 0.3, 0, 1)
    high = np.clip(low + np.abs(draw.normal(0, 0.1, HOURS)), 0, 1)
    evidence = bool(seed % 2)
    lower, higher = (find_regime(fragility(one), stage(evidence)) for one in (low, high))
    assert np.all(lower.level <= higher.level)
    assert LEVELS[0] == "calm"
    assert FALL_AFTER == DAY


# the six steps


@pytest.fixture(scope="module")
def history() -> MarketHistory:
    return full_history(250, seed=1)


NOW = moments(250)[-48:]


def steps_of(past: MarketHistory) -> dict[str, Step]:
    tracks = tuple(measure(past, NOW, "BTC") for measure in INDICATORS.values())
    return {step.name: step for step in find_stage(past, NOW, "BTC", tracks).steps}


def with_last(past: MarketHistory, kind: str, factor: float, hours: int = 1) -> MarketHistory:
    """The last values of a kind, times a factor."""
    changed = []
    for key, item in past.recorded.items():
        if key.kind != kind:
            continue
        if isinstance(item.data, Candles):
            size = np.where(np.arange(len(item.data)) >= len(item.data) - hours, factor, 1.0)
            bars = [
                column * size for column in (item.data.open, item.data.high, item.data.low, item.data.close)
            ]
            changed.append(
                recorded(key.kind, key.name, key.source, key.step,
                         Candles(item.data.opens, item.data.step, *bars, item.data.volume))
            )  # fmt: skip
        else:
            size = np.where(np.arange(len(item.data)) >= len(item.data) - hours, factor, 1.0)
            values = (item.data.times, item.data.values * size)
            changed.append(recorded(key.kind, key.name, key.source, key.step, values))
    return past.with_recorded(changed)


def test_a_calm_market_shows_no_later_step(history: MarketHistory) -> None:
    found = steps_of(history)
    assert [found[name].state[-1] for name in STEPS[2:]] == [0, 0, 0, 0]
    assert not any(found[name].missing for name in STEPS)


@pytest.mark.parametrize(
    ("kind", "factor", "step"),
    [
        ("open_interest", 2.0, "crowding"),
        ("depth_1pct", 0.4, "catalyst or thinning"),
        ("price", 0.93, "collateral levels break"),
        ("long_liquidations", 1_000.0, "forced selling"),
        ("open_interest", 0.8, "flush"),
    ],
)
def test_each_step_shows_by_its_own_evidence(
    history: MarketHistory, kind: str, factor: float, step: str
) -> None:
    found = steps_of(with_last(history, kind, factor))
    assert found[step].state[-1] == 1
    assert found[step].evidence
    others = set(STEPS[2:]) - {step}
    assert all(found[name].state[-1] == 0 for name in others)


def test_a_thin_book_is_market_makers_stepping_back_only_while_it_falls(history: MarketHistory) -> None:
    thin = with_last(history, "depth_1pct", 0.4)
    assert steps_of(thin)["market makers step back"].state[-1] == 0
    falling = steps_of(with_last(thin, "price", 0.93))
    assert falling["market makers step back"].state[-1] == 1


@pytest.mark.parametrize("fault", BLINDING)
def test_a_step_without_its_feed_says_no_data_and_could_be(history: MarketHistory, fault: str) -> None:
    since = int(NOW[0])
    kinds = KINDS["realised_liquidations"]
    found = steps_of(with_fault(history, BLINDING[fault], since, int(NOW[-1]), kinds))["forced selling"]
    assert found.state[-1] == -1
    assert found.possible[-1]
    assert found.missing == ("realised liquidations: no data",)


def test_open_interest_that_is_not_a_day_old_is_no_doubt_of_a_flush() -> None:
    times = NOW[-12:]
    past = history_of(recorded("open_interest", "BTC", "v", HOUR, (times, np.ones(12))))
    flush = find_stage(past, NOW, "BTC", ()).steps[-1]
    assert flush.state[-1] == -1
    assert not flush.possible.any()


def test_with_nothing_every_step_says_no_data() -> None:
    tracks = tuple(measure(history_of(), NOW, "BTC") for measure in INDICATORS.values())
    found = find_stage(history_of(), NOW, "BTC", tracks)
    assert all(np.all(step.state == -1) and step.missing for step in found.steps)
    assert not found.may_be_under_way.any(), "what was never there is no doubt"
    assert int(NOW[0]) > START
