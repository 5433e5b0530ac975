"""The composite: exact, monotone, never calmer for what is missing; and several sources of an indicator."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.indicator_history import START
from vault.errors import MarketDataError
from vault.risk.indicators.base import DOUBT, RETIRED, About, Reading, Source, Track, gather
from vault.risk.indicators.composite import compose
from vault.risk.indicators.registry import (
    ABOUT,
    ENTRY,
    EXIT,
    INDICATORS,
    NAMES,
    NOT_COVERED,
    WEIGHTS,
    measure_all,
)
from vault.series import DAY, HOUR, FloatArray, IntArray, MarketHistory, Series

TEST_ABOUT = About("depth", "", "", "", "", "", "", "", (), ())
AT = START + HOUR * np.arange(1, 101, dtype=np.int64)


def source(label: str, scores: FloatArray, at: IntArray = AT, start: int = START) -> Source:
    """A source that says these scores at these moments."""

    def read(asked: IntArray) -> Reading:
        place = np.searchsorted(at, asked, side="right") - 1
        score = np.where(place >= 0, scores[np.maximum(place, 0)], np.nan)
        age = np.zeros(asked.shape, dtype=np.int64)
        return Reading(score, score, score, age, np.ones(asked.shape), label, "silent")

    return Source(label, (Series(np.array([start], dtype=np.int64), np.zeros(1)),), read)


def track(name: str, score: float) -> Track:
    """One indicator at one moment; NaN for one that is missing."""
    found = gather(replace(TEST_ABOUT, name=name), "", "", AT[:1], [source("s", np.array([score]))])
    assert found.configured
    return found


scores = st.lists(
    st.one_of(st.floats(0, 1), st.just(math.nan)), min_size=len(NAMES), max_size=len(NAMES)
).map(lambda values: dict(zip(NAMES, values, strict=True)))


def composed(values: dict[str, float]):  # type: ignore[no-untyped-def]
    return compose(AT[:1], tuple(track(name, score) for name, score in values.items()))


@given(scores, st.randoms())
def test_contributions_add_up_to_the_headline_exactly_in_any_order(values: dict[str, float], order) -> None:  # type: ignore[no-untyped-def]
    found = composed(values)
    parts = [float(part[0]) for part in found.contributions.values()]
    order.shuffle(parts)
    assert sum(parts) == found.fragility[0]
    assert math.fsum(float(weight[0]) for weight in found.weights.values()) == pytest.approx(1)


@given(scores)
def test_least_headline_and_most_enclose_each_other_and_coverage_is_what_is_present(
    values: dict[str, float],
) -> None:
    found = composed(values)
    assert 0 <= found.least[0] <= found.fragility[0] <= found.most[0] <= 1
    present = sum(WEIGHTS[name] for name, score in values.items() if not math.isnan(score))
    assert found.coverage[0] == pytest.approx(present)
    assert found.coverage_of_all[0] == pytest.approx(present)
    assert found.most[0] - found.least[0] == pytest.approx(1 - present, abs=1e-9)
    if present:
        assert found.known[0] == pytest.approx(found.least[0] / present, abs=1e-9)
    else:
        assert np.isnan(found.known[0])


@given(scores, st.sampled_from(NAMES), st.floats(0, 1))
def test_it_is_monotone_in_every_score(values: dict[str, float], name: str, other: float) -> None:
    low, high = sorted((0.0 if math.isnan(values[name]) else values[name], other))
    less, more = composed({**values, name: low}), composed({**values, name: high})
    for number in ("fragility", "least", "most", "known"):
        assert getattr(less, number)[0] <= getattr(more, number)[0]


@given(scores, st.sampled_from(NAMES))
def test_losing_an_indicator_lowers_the_least_and_raises_the_most(
    values: dict[str, float], name: str
) -> None:
    there, gone = composed({**values, name: 0.3}), composed({**values, name: math.nan})
    assert gone.least[0] <= there.least[0]
    assert gone.fragility[0] >= there.fragility[0]
    assert gone.most[0] >= there.most[0]
    assert f"{name}: s: silent" in gone.absent


def test_what_is_not_configured_gives_its_weight_to_the_rest() -> None:
    found = compose(AT[:1], (track("depth", 0.5), track("funding", 0.2)))
    assert found.fragility[0] == pytest.approx((0.20 * 0.5 + 0.10 * 0.2) / 0.30)
    assert found.coverage[0] == 1
    assert found.coverage_of_all[0] == pytest.approx(0.30)


def test_the_evidence_that_rules_act_on_is_of_all_ten_however_few_are_configured() -> None:
    alone = compose(AT[:1], (track("depth", 1.0),))
    assert alone.fragility[0] == pytest.approx(1.0)
    assert alone.least[0] == pytest.approx(WEIGHTS["depth"]), "one feed is one feed"
    beside = compose(AT[:1], (track("depth", 1.0), track("funding", 0.0)))
    assert beside.least[0] == alone.least[0], "a calm one that is set up takes no evidence away"
    assert (alone.present[0], beside.present[0]) == (1, 2)


def test_tracks_of_other_moments_or_names_are_refused() -> None:
    with pytest.raises(MarketDataError):
        compose(AT[:2], (track("depth", 0.5),))
    with pytest.raises(MarketDataError):
        compose(AT[:1], (track("astrology", 0.5),))
    with pytest.raises(MarketDataError):
        compose(AT[:1], ())


def test_moments_that_do_not_rise_are_refused() -> None:
    for at in (AT[:0], AT[::-1].copy(), np.repeat(AT[:1], 2)):
        with pytest.raises(MarketDataError):
            gather(TEST_ABOUT, "", "", at, [])


def test_the_worst_of_several_sources_counts_and_is_named() -> None:
    found = gather(
        TEST_ABOUT, "", "", AT, [source("calm", np.full(100, 0.1)), source("thin", np.full(100, 0.8))]
    )
    assert np.all(found.score == 0.8)
    assert found.source == "thin"
    assert found.absent == ()
    assert np.array_equal(found.upper, found.score)


def test_a_source_that_dies_keeps_its_last_word_beside_those_that_live() -> None:
    dying = np.where(np.arange(100) < 50, 0.9, np.nan)
    found = gather(TEST_ABOUT, "", "", AT, [source("calm", np.full(100, 0.1)), source("dying", dying)])
    assert found.score[60] == 0.1
    assert found.held[60] == 0.9
    assert found.upper[60] == 1
    assert found.absent == ("dying: silent",)
    both = gather(TEST_ABOUT, "", "", AT, [source("other", dying * 0.2), source("dying", dying)])
    assert np.all(both.held[50:] == 0.9)
    assert np.all(np.isnan(both.score[50:]))


def test_a_source_that_ended_long_ago_no_longer_counts_but_is_named() -> None:
    at = START + DAY * np.arange(1, 101, dtype=np.int64)
    ended = np.where(np.arange(100) < 10, 0.9, np.nan)
    found = gather(
        TEST_ABOUT, "", "", at, [source("lives", np.full(100, 0.1), at), source("ended", ended, at)]
    )
    kept = RETIRED // DAY
    assert found.held[9 + kept] == 0.9
    assert found.held[10 + kept] == 0.1
    assert found.upper[10 + kept] == 0.1
    assert found.absent == ("ended: silent",)
    alone = gather(TEST_ABOUT, "", "", at, [source("ended", ended, at)])
    assert np.all(alone.held[10 : 10 + kept] == 0.9), "as long as an outage may be"
    assert not np.any(alone.started[10 + kept :]), "a file that ended years ago does not speak for today"
    set_up = compose(at, (alone,), configured=frozenset({alone.name}))
    assert np.all(set_up.fragility[10 + kept :] == DOUBT), "what somebody set up goes on counting, missing"
    assert np.all(set_up.most[10 + kept :] == 1)
    assert np.all(set_up.least[10 + kept :] == 0)


def test_an_indicator_that_never_had_a_score_counts_one_half() -> None:
    found = gather(TEST_ABOUT, "", "", AT, [source("new", np.full(100, np.nan))])
    assert np.all(found.held == DOUBT)
    assert np.all(found.upper == 1)
    late = gather(TEST_ABOUT, "", "", AT, [source("new", np.full(100, np.nan), start=int(AT[50]))])
    assert np.all(np.isnan(late.held[:50]))
    assert np.all(late.held[50:] == DOUBT)
    assert late.started.tolist() == [False] * 50 + [True] * 50


def test_the_registry_is_whole() -> None:
    assert len(NAMES) == 10
    assert set(NAMES) == set(WEIGHTS) == set(ABOUT)
    assert math.fsum(WEIGHTS.values()) == pytest.approx(1)
    assert min(WEIGHTS.values()) > 0
    assert [one.name for one in measure_all(MarketHistory(), AT[:1], "BTC")] == list(INDICATORS)
    assert set(ENTRY) == set(EXIT)
    assert all(EXIT[name] < ENTRY[name] for name in ENTRY)
    assert NOT_COVERED[0][0] == "balance sheet capacity"


def test_every_indicator_explains_itself() -> None:
    for about in ABOUT.values():
        assert all((about.title, about.definition, about.formula, about.window, about.calm, about.worst))
        assert about.source
        assert about.pitfalls
        assert all(len(one) == 3 and all(one) for one in about.thresholds)


def venue_source(witness: str, score: float) -> Source:
    return replace(source(f"{witness} {score}", np.full(100, score)), witness=witness)


@pytest.mark.parametrize(
    ("said", "evidence"),
    [
        ([("a", 0.9)], 0.9),  # nobody else to ask
        ([("a", 0.9), ("b", 0.1)], 0.1),
        ([("a", 0.9), ("b", 0.8), ("c", 0.1)], 0.8),
        ([("a", 0.9), ("a", 0.8), ("b", 0.1)], 0.1),  # twice the same venue is one venue
        ([("a", 0.9), ("b", math.nan)], 0.9),  # one that never spoke contradicts nobody
        ([("", 0.9), ("a", 0.2), ("b", 0.1)], 0.9),  # of another thing
    ],
)
def test_where_several_venues_speak_evidence_is_what_two_of_them_say(
    said: list[tuple[str, float]], evidence: float
) -> None:
    found = gather(TEST_ABOUT, "", "", AT, [venue_source(*each) for each in said])
    assert found.evidence[-1] == evidence
    assert found.score[-1] == max(score for _, score in said if not math.isnan(score))
    whole = compose(AT, (found,))
    assert whole.least[-1] == pytest.approx(WEIGHTS["depth"] * evidence)


def test_silencing_the_calm_venue_does_not_make_the_other_ones_word_evidence() -> None:
    times = START + DAY * np.arange(1, 101, dtype=np.int64)
    dies = np.where(np.arange(100) < 90, 0.0, np.nan)
    loud, calm = source("a", np.full(100, 0.9), times), source("b", dies, times)
    found = gather(TEST_ABOUT, "", "", times, [replace(loud, witness="a"), replace(calm, witness="b")])
    assert np.all(found.score == 0.9)
    assert np.all(found.evidence == 0.0), "alive or dead"


def test_a_source_whose_past_was_all_disputed_is_missing_and_not_forgotten() -> None:
    times = START + DAY * np.arange(1, 101, dtype=np.int64)
    disputed = Source(
        "b", (Series(times, np.full(100, np.nan)),), source("b", np.full(100, np.nan), times).read
    )
    calm = source("a", np.full(100, 0.1), times)
    found = gather(TEST_ABOUT, "", "", times, [calm, disputed])
    assert found.held[-1] == DOUBT, "what it says now cannot be used: that is no calm"
    assert found.upper[-1] == 1
    assert "b: silent" in found.absent
