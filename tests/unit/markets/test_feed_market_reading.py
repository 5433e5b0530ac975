"""The market as it is now: depth that is seen, one request a number, and every gap named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import VenueError
from vault.markets.feeds.book import depth_of
from vault.markets.feeds.venue.present import read_market

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
MS = 1769835600000


@dataclass(frozen=True)
class Text:
    text: str


ANSWERS: dict[str, Any] = {
    "fapiPublicGetPremiumIndex": {
        "symbol": "BTCUSDT",
        "markPrice": "80000.1",
        "indexPrice": "80001",
        "lastFundingRate": "-0.00012",
        "time": MS - 500,
    },
    "fapiPublicGetFundingInfo": [{"symbol": "BTCUSDT", "fundingIntervalHours": 4}],
    "fapiPublicGetOpenInterest": {"openInterest": "90000.123"},
    "fapiPublicGetTicker24hr": {"volume": "180000"},
    "publicGetTicker24hr": {"volume": "30000.00000001"},
    "fapiPublicGetDepth": {
        "bids": [["79999", "1"], ["79950", "2"], ["79300", "4"], ["79100", "9"]],
        "asks": [["80001", "1"]],
    },
}


def read(**changes: Any) -> Any:
    answers = {**ANSWERS, **changes}

    def fetch(endpoint: str, parameters: tuple[tuple[str, str], ...]) -> Text:
        assert ("symbol", "BTCUSDT") in parameters or endpoint == "fapiPublicGetFundingInfo"
        if isinstance(answers[endpoint], Exception):
            raise answers[endpoint]
        return Text(json.dumps(answers[endpoint]))

    return read_market(fetch, "binance", "main", "BTCUSDT", NOW)


def test_reads_all_of_it_exactly() -> None:
    reading = read()
    assert (reading.mark_price, reading.index_price) == (Decimal("80000.1"), Decimal(80001))
    assert (reading.funding_rate, reading.funding_interval_hours) == (Decimal("-0.00012"), 4)
    assert reading.spot_volume_24h == Decimal("30000.00000001")
    assert (reading.depth_bid_10bp, reading.spread) == (3, 2)
    assert reading.observed_at.timestamp() * 1000 == MS - 500


def test_depth_below_the_last_level_we_see_is_missing_not_small() -> None:
    reading = read()
    assert reading.depth_bid_1pct == 7
    shallow = read(fapiPublicGetDepth={"bids": [["79999", "1"], ["79950", "2"]], "asks": [["80001", "1"]]})
    assert shallow.depth_bid_10bp is None
    assert shallow.depth_bid_1pct is None
    assert len([name for name in shallow.missing if name.startswith("depth_bid")]) == 2


OBJECT_SOURCES = [
    ("fapiPublicGetPremiumIndex", ("mark_price", "index_price", "funding_rate")),
    ("fapiPublicGetOpenInterest", ("open_interest",)),
    ("publicGetTicker24hr", ("spot_volume_24h",)),
    ("fapiPublicGetTicker24hr", ("perp_volume_24h",)),
    ("fapiPublicGetDepth", ("depth_bid_10bp", "depth_bid_1pct", "spread")),
]
# An empty list is an answer of this one: nothing deviates from eight hours.
LIST_SOURCES = [("fapiPublicGetFundingInfo", ("funding_interval_hours",))]


@pytest.mark.parametrize(("endpoint", "fields"), [*OBJECT_SOURCES, *LIST_SOURCES])
@pytest.mark.parametrize("failure", [VenueError("timeout", "slow"), {}, "x"])
def test_a_source_that_fails_is_none_and_named_and_spoils_no_other(
    endpoint: str, fields: tuple[str, ...], failure: Any
) -> None:
    refuses(endpoint, fields, failure)


@pytest.mark.parametrize(("endpoint", "fields"), OBJECT_SOURCES)
def test_a_list_where_an_object_is_due_is_a_failed_source(endpoint: str, fields: tuple[str, ...]) -> None:
    refuses(endpoint, fields, [])


def refuses(endpoint: str, fields: tuple[str, ...], failure: Any) -> None:
    reading, whole = read(**{endpoint: failure}), read()
    for name in fields:
        assert getattr(reading, name) is None
    named = {entry.partition(":")[0] for entry in reading.missing} - {
        m.partition(":")[0] for m in whole.missing
    }
    assert named == ({"depth"} if "spread" in fields else set(fields))
    others = {"mark_price", "open_interest", "spot_volume_24h", "spread"} - set(fields)
    assert all(getattr(reading, name) == getattr(whole, name) for name in others)


def test_each_source_is_asked_once_and_no_past_is_asked_for() -> None:
    asked: list[str] = []

    def fetch(endpoint: str, _: tuple[tuple[str, str], ...]) -> Text:
        asked.append(endpoint)
        return Text(json.dumps(ANSWERS[endpoint]))

    assert read_market(fetch, "binance", "main", "BTCUSDT", NOW).missing == ()
    assert sorted(asked) == sorted(ANSWERS)


def test_a_contract_that_is_not_listed_as_adjusted_pays_every_eight_hours() -> None:
    assert read(fapiPublicGetFundingInfo=[]).funding_interval_hours == 8


levels = st.lists(
    st.tuples(st.integers(min_value=1, max_value=10_000), st.integers(min_value=0, max_value=100)),
    min_size=1,
    max_size=30,
    unique_by=lambda level: level[0],
)


@given(levels)
def test_deeper_is_never_less(found: list[tuple[int, int]]) -> None:
    bids = [(Decimal(p), Decimal(q)) for p, q in sorted(found, reverse=True)]
    depth = depth_of(bids, [(bids[0][0] + 1, Decimal(1))])
    if depth.bid_1pct is not None:
        assert depth.bid_10bp is not None
        assert depth.bid_10bp <= depth.bid_1pct <= sum(quantity for _, quantity in bids)


@pytest.mark.parametrize(
    ("bids", "asks"), [([], [(2, 1)]), ([(2, 1)], []), ([(2, 1)], [(2, 1)]), ([(0, 1)], [(1, 1)])]
)
def test_a_book_that_cannot_be_is_refused(bids: Any, asks: Any) -> None:
    with pytest.raises(VenueError):
        depth_of([(Decimal(p), Decimal(q)) for p, q in bids], [(Decimal(p), Decimal(q)) for p, q in asks])
