"""Fragility indicators: monotone, and never calm because something is missing."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.model import Indicator, MarketReading
from vault.risk.fragility import (
    MIN_HISTORY,
    WEIGHTS,
    composite,
    depth,
    funding,
    indicators,
    open_interest,
    ramp,
)

D = Decimal
AT = datetime(2026, 1, 31, tzinfo=UTC)
DAY = timedelta(minutes=5)


def reading(**changes: object) -> MarketReading:
    calm = MarketReading(
        venue="binance",
        symbol="BTCUSDT",
        mark_price=D(89_240),
        index_price=D(89_200),
        funding_rate=D("0.00005"),
        funding_interval_hours=8,
        funding_history=(D("0.00005"),) * 30,
        open_interest=D(90_000),
        spot_volume_24h=D(30_000),
        perp_volume_24h=D(180_000),
        depth_bid_10bp=D(90),
        depth_bid_1pct=D(900),
        spread=D("0.1"),
        depth_history=(D(880), D(900), D(910), D(905), D(895)),
        oi_spot_history=(D(3),) * 5,
        observed_at=AT,
        missing=(),
    )
    return dataclasses.replace(calm, **changes)  # type: ignore[arg-type]


def test_a_calm_market_scores_zero_in_all_three() -> None:
    assert [measure(reading()).score for measure in (funding, open_interest, depth)] == [0, 0, 0]


def test_funding_is_annualised_by_its_own_interval() -> None:
    every_eight = funding(reading(funding_rate=D("0.0001")))
    every_four = funding(reading(funding_rate=D("0.0001"), funding_interval_hours=4))
    assert every_eight.value == D("0.1095")
    assert every_four.value == D("0.219")


def test_funding_far_above_its_own_history_scores_before_its_level_does() -> None:
    quiet = (D("-0.00005"), D("-0.00004")) * 10
    jumped = funding(reading(funding_rate=D("0.0001"), funding_history=quiet))
    assert jumped.score is not None
    assert jumped.score > D("0.5")


def test_a_flat_history_does_not_make_every_move_enormous() -> None:
    assert funding(reading(funding_rate=D("0.000051"))).score == 0


def test_open_interest_at_twice_its_median_over_spot_volume_scores_one() -> None:
    assert open_interest(reading(spot_volume_24h=D(15_000))).score == 1
    assert open_interest(reading(spot_volume_24h=D(20_000))).score == D("0.5")


def test_a_book_with_a_third_of_its_bids_scores_almost_one() -> None:
    assert depth(reading(depth_bid_1pct=D(270))).score == 1
    assert depth(reading(depth_bid_1pct=D(585))).score == D("0.5")
    assert depth(reading(depth_bid_1pct=D(0))).score == 1


@pytest.mark.parametrize(
    ("measure", "changes"),
    [
        (funding, {"funding_rate": None}),
        (funding, {"funding_interval_hours": None}),
        (funding, {"funding_interval_hours": 0}),
        (funding, {"funding_history": (D("0.0001"),) * (MIN_HISTORY - 1)}),
        (open_interest, {"open_interest": None}),
        (open_interest, {"spot_volume_24h": None}),
        (open_interest, {"spot_volume_24h": D(0)}),
        (open_interest, {"oi_spot_history": ()}),
        (open_interest, {"oi_spot_history": (D(0),) * 9}),
        (depth, {"depth_bid_1pct": None}),
        (depth, {"depth_history": ()}),
    ],
)
def test_without_a_reading_or_a_history_there_is_no_score(
    measure: object, changes: dict[str, object]
) -> None:
    assert measure(reading(**changes)).score is None  # type: ignore[operator]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"observed_at": AT - timedelta(seconds=301)}, "stale"),
        ({"observed_at": AT + timedelta(seconds=31)}, "future"),
        ({"funding_rate": D("NaN")}, "out of range"),
        ({"depth_history": (D("Infinity"),) * 9}, "out of range"),
        ({"open_interest": D("1e30")}, "out of range"),
    ],
)
def test_a_feed_that_cannot_be_used_is_named_and_has_no_score(changes: dict[str, object], says: str) -> None:
    found, missing = indicators((reading(**changes),), AT, DAY)
    assert all(item.score is None for item in found)
    assert len(missing) == 3
    assert all(says in line for line in missing)


def test_no_market_at_all_is_three_missing_indicators() -> None:
    found, missing = indicators((), AT, DAY)
    whole = composite(found)
    assert len(missing) == 3
    assert (whole.fragility, whole.fragility_upper, whole.coverage) == (None, 1, 0)


def test_the_worst_contract_speaks_for_an_indicator() -> None:
    thin = reading(symbol="ETHUSDT", depth_bid_1pct=D(100))
    found, _ = indicators((reading(), thin), AT, DAY)
    score = {item.name: item for item in found}["depth"]
    assert (score.score, score.source) == (1, "binance:ETHUSDT")


def test_a_contract_without_a_score_raises_only_the_upper_value() -> None:
    gone = reading(symbol="ETHUSDT", depth_bid_1pct=None)
    found, missing = indicators((reading(), gone), AT, DAY)
    whole = composite(found, frozenset({"depth"}))
    assert any(line.startswith("indicator.depth: binance:ETHUSDT") for line in missing)
    assert (whole.fragility, whole.fragility_upper, whole.coverage) == (0, D("0.4"), 1)


def test_weights_add_up_to_one() -> None:
    assert sum(WEIGHTS.values()) == 1


scores = st.one_of(st.none(), st.decimals("0", "1", places=6))


def made(values: tuple[D | None, ...]) -> tuple[Indicator, ...]:
    return tuple(
        Indicator(name, None, "", score, AT, "", "") for name, score in zip(WEIGHTS, values, strict=True)
    )


@given(scores, scores, scores, st.decimals("0", "1", places=6), st.integers(0, 2))
def test_the_composite_is_monotone_in_every_score(
    a: D | None, b: D | None, c: D | None, higher: D, which: int
) -> None:
    values = [a, b, c]
    if values[which] is None or higher < values[which]:  # type: ignore[operator]
        return
    before = composite(made((a, b, c)))
    values[which] = higher
    after = composite(made((values[0], values[1], values[2])))
    assert before.fragility is not None
    assert after.fragility is not None
    assert after.fragility >= before.fragility
    assert after.fragility_upper >= before.fragility_upper


@given(scores, scores, scores, st.integers(0, 2))
def test_losing_an_indicator_lowers_the_least_and_raises_the_upper_value(
    a: D | None, b: D | None, c: D | None, which: int
) -> None:
    values = [a, b, c]
    before = composite(made((a, b, c)))
    values[which] = None
    after = composite(made((values[0], values[1], values[2])))

    def least(whole: object) -> D:
        fragility = whole.fragility  # type: ignore[attr-defined]
        nine = D("1e-9")
        return D(0) if fragility is None else (fragility * whole.coverage).quantize(nine)  # type: ignore[attr-defined]

    assert least(after) <= least(before) <= before.fragility_upper <= after.fragility_upper
    assert after.coverage <= before.coverage


@given(st.decimals("-10", "10", places=4), st.decimals("0", "5", places=4))
def test_a_ramp_is_monotone_and_stays_within_0_and_1(value: D, more: D) -> None:
    low, high = ramp(value, D("-1"), D(2)), ramp(value + more, D("-1"), D(2))
    assert 0 <= low <= high <= 1
