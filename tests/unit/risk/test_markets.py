"""What all watched markets come to: the worst asset's, exact, and never calmer or worse for a dead feed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.judgements import MOMENT, judgement
from vault.model import Assessment, Snapshot
from vault.policy import facts
from vault.risk.assess import RiskParameters, assess
from vault.risk.indicators.judge import judge
from vault.risk.indicators.registry import NAMES, WEIGHTS
from vault.risk.markets import NO_MARKETS, MarketFindings, findings
from vault.series import MarketHistory

D = Decimal
AT = datetime.fromtimestamp(MOMENT / 1000, UTC)
CALM = dict.fromkeys(NAMES, 0.0)

one_score = st.one_of(st.none(), st.decimals("0", "1", places=3).map(float))
scores = st.fixed_dictionaries(dict.fromkeys(NAMES, one_score))


def assessed(found: MarketFindings) -> Assessment:
    return assess(Snapshot("t", AT, (), (), (), ()), RiskParameters(D("0.1"), D(1), 300), AT, found)


def policy_facts(found: MarketFindings) -> dict[str, object]:
    return {fact.name: fact.value for fact in facts.market_facts(assessed(found))}


def test_nothing_configured_is_no_fragility_and_anything_up_to_the_worst() -> None:
    assert findings(()) == NO_MARKETS
    assert (NO_MARKETS.fragility, NO_MARKETS.least, NO_MARKETS.most, NO_MARKETS.coverage) == (None, 0, 1, 0)
    assert "market.fragility" not in policy_facts(NO_MARKETS), "a rule that reads it denies"


def test_an_asset_of_which_nothing_is_configured_says_nothing() -> None:
    found = findings((judgement({}),))
    assert (found.fragility, found.least, found.most, found.coverage) == (None, 0, 1, 0)
    assert [item.score for item in found.indicators] == [None] * len(NAMES)
    assert found.regime == "unknown"


def test_an_empty_history_with_feeds_set_up_names_every_one_of_them_as_missing() -> None:
    found = findings((judge(MarketHistory(), MOMENT, "BTC", frozenset({"depth", "etf"})),))
    assert (found.fragility, found.least, found.most, found.coverage) == (D("0.5"), 0, 1, 0)
    assert {line.partition(": ")[0] for line in found.missing} == {"indicator.depth", "indicator.etf"}
    assert all(line.endswith("(BTC)") for line in found.missing)


def test_the_numbers_are_the_composites_exact_to_six_digits() -> None:
    judged = judgement({**CALM, "depth": 0.3, "funding": 1 / 3})
    found = findings((judged,))
    assert found.fragility == D("0.093333")
    assert float(found.fragility) == pytest.approx(judged.found.fragility[-1], abs=1e-6)
    assert (found.least, found.most, found.coverage) == (found.fragility, found.fragility, 1)


def test_the_worst_asset_speaks_and_each_bound_is_of_the_asset_for_which_it_is_worst() -> None:
    blind = judgement({**CALM, "depth": 0.9, "funding": None, "open_interest": None}, "BTC")
    crowded = judgement({**CALM, "open_interest": 1.0, "funding": 1.0, "depth": 0.6}, "ETH")
    found = findings((blind, crowded))
    assert found.asset == "ETH"
    assert found.fragility == D("0.37")
    assert found.least == D("0.37")
    assert found.most == D("0.43"), "of the asset with dead feeds"
    assert found.coverage == D("0.75"), "of the asset with dead feeds"
    assert findings((crowded, blind)) == replace(found, missing=found.missing), "in any order"


def test_of_equally_fragile_assets_one_is_named_whatever_the_order() -> None:
    one, other = judgement(CALM, "BTC"), judgement(CALM, "ETH")
    assert findings((one, other)).asset == findings((other, one)).asset


def test_an_indicator_is_that_of_the_asset_for_which_it_is_worst() -> None:
    found = findings((judgement({**CALM, "depth": 0.9}, "BTC"), judgement({**CALM, "funding": 0.2}, "ETH")))
    seen = {item.name: item for item in found.indicators}
    assert tuple(seen) == NAMES
    assert (seen["depth"].score, seen["depth"].source) == (D("0.9"), "depth:BTC")
    assert (seen["funding"].score, seen["funding"].source) == (D("0.2"), "funding:ETH")
    assert seen["depth"].observed_at == AT - timedelta(minutes=1)


def test_what_is_missing_is_named_for_every_asset_with_the_reason() -> None:
    found = findings((judgement({**CALM, "depth": None}, "BTC"), judgement({**CALM, "etf": None}, "ETH")))
    assert set(found.missing) == {
        "indicator.depth: depth:BTC: silent (BTC)",
        "indicator.etf: etf:ETH: silent (ETH)",
    }
    assert set(found.missing) <= set(assessed(found).missing)


def test_a_dead_indicator_has_no_score_no_moment_and_says_why() -> None:
    dead = next(i for i in findings((judgement({**CALM, "depth": None}),)).indicators if i.name == "depth")
    assert (dead.value, dead.score, dead.observed_at, dead.detail) == (None, None, None, "depth:BTC: silent")
    assert "market.depth_score" not in policy_facts(findings((judgement({**CALM, "depth": None}),)))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_none_and_never_calm(number: float) -> None:
    judged = judgement(CALM)
    tracks = tuple(replace(track, value=np.array([number])) for track in judged.tracks)
    whole = replace(judged.found, fragility=np.array([np.nan]), least=np.array([np.nan]),
                    most=np.array([np.nan]), coverage=np.array([np.nan]))  # fmt: skip
    found = findings((replace(judged, tracks=tracks, found=whole),))
    assert {item.value for item in found.indicators} == {None}
    assert (found.fragility, found.least, found.most, found.coverage) == (None, 0, 1, 0)


def test_an_asset_that_is_no_number_hides_no_other() -> None:
    broken = judgement(CALM, "ZEC")
    broken = replace(broken, found=replace(broken.found, fragility=np.array([np.nan])))
    assert findings((broken, judgement({**CALM, "depth": 1.0}))).asset == "BTC"


def test_the_policy_knows_the_indicators_of_the_registry_and_no_others() -> None:
    assert facts.INDICATORS == NAMES == tuple(WEIGHTS)
    told = policy_facts(findings((judgement(CALM),)))
    assert {f"market.{name}_score" for name in NAMES} <= set(told)
    assert all(set(told) <= known for known in facts.FACTS_OF.values())


@given(scores, scores, st.sampled_from(NAMES), st.sampled_from(("BTC", "ETH")))
def test_a_dead_feed_raises_no_fact_that_rules_act_on_and_never_lowers_the_upper_one(
    one: dict[str, float | None], two: dict[str, float | None], name: str, asset: str
) -> None:
    def told(dead: bool) -> dict[str, object]:
        gone = {name: None} if dead else {}
        return policy_facts(
            findings((
                judgement({**one, **(gone if asset == "BTC" else {})}, "BTC"),
                judgement({**two, **(gone if asset == "ETH" else {})}, "ETH"),
            ))
        )  # fmt: skip

    before, after = told(dead=False), told(dead=True)
    assert after["market.fragility_upper"] >= before["market.fragility_upper"]  # type: ignore[operator]
    for fact in after.keys() - {"market.fragility_upper"}:
        assert fact in before
        assert after[fact] <= before[fact], fact  # type: ignore[operator]


@given(scores, st.sampled_from(NAMES), st.decimals("0", "1", places=3).map(float))
def test_findings_are_monotone_in_every_score(one: dict[str, float | None], name: str, other: float) -> None:
    low, high = sorted((one[name] or 0.0, other))
    less, more = (findings((judgement({**one, name: score}),)) for score in (low, high))
    for number in ("fragility", "least", "most"):
        assert getattr(less, number) <= getattr(more, number)
