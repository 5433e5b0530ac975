"""Leaving costs what the book says, more for more and more under stress; beyond the book nobody knows."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.margin_books import account, eve_of_the_fall
from tests.unit.policy import policy_world as world
from vault.errors import MarketDataError
from vault.model import Collateral
from vault.risk.exposure.book import JUDGED_STRESS, Book, Level, book_of, remaining_after, stressed_book
from vault.risk.exposure.leaving import (
    BEYOND,
    closable_within,
    cost_of_leaving,
    cost_of_position,
    leaving_of,
)

D = Decimal
AT = datetime(2026, 1, 31, tzinfo=UTC)
BOOK = Book(
    "main",
    "BTCUSDT",
    (Level(D(99), D(1)), Level(D(98), D(2)), Level(D(95), D(3))),
    (Level(D(101), D(1)), Level(D(104), D(5))),
    D(100),
    AT,
)
sizes = st.decimals("0", "6", places=3)
shares = st.decimals("0", "1", places=3)


def test_closing_a_long_walks_down_the_bids() -> None:
    """2 at 100: one fills at 99, one at 98; 3 dollars under the mid, 150 bp."""
    found = cost_of_leaving(BOOK, "long", D(2))
    assert (found.cost_usd, found.bp, found.unfilled) == (D(3), D(150), D(0))


def test_closing_a_short_walks_up_the_asks() -> None:
    found = cost_of_leaving(BOOK, "short", D(3))
    assert (found.cost_usd, found.bp) == (D(1) + D(8), D(300))


def test_the_cost_is_in_dollars_and_the_basis_points_are_not() -> None:
    found = cost_of_leaving(BOOK, "long", D(2), D("0.9"))
    assert (found.cost_usd, found.bp) == (D("2.7"), D(150))


def test_a_size_beyond_the_book_has_no_cost_and_is_not_free() -> None:
    found = cost_of_leaving(BOOK, "long", D(10))
    assert (found.cost_usd, found.bp, found.verdict) == (None, None, BEYOND)
    assert (found.filled, found.unfilled, found.filled_cost_usd) == (D(6), D(4), D(1 + 4 + 15))


def test_an_empty_side_takes_nothing() -> None:
    empty = dataclasses.replace(BOOK, bids=())
    found = cost_of_leaving(empty, "long", D(1))
    assert (found.verdict, found.filled) == (BEYOND, D(0))
    assert closable_within(empty, "long", D(100)).size == 0


@pytest.mark.parametrize("side", ["long", "short"])
def test_closing_nothing_costs_nothing(side: Any) -> None:
    found = cost_of_leaving(BOOK, side, D(0))
    assert (found.cost_usd, found.bp, found.unfilled) == (D(0), D(0), D(0))


@given(sizes, sizes)
def test_more_never_costs_less(size: D, more: D) -> None:
    once, both = cost_of_leaving(BOOK, "long", size), cost_of_leaving(BOOK, "long", size + more)
    assert both.filled_cost_usd >= once.filled_cost_usd
    if size and both.bp is not None:
        assert once.bp is not None
        assert both.bp >= once.bp
    if once.unfilled:
        assert both.cost_usd is None


@given(sizes, shares, shares)
def test_a_thinner_book_never_costs_less(size: D, share: D, less: D) -> None:
    thin = cost_of_leaving(stressed_book(BOOK, lambda _: share), "long", size)
    thinner = cost_of_leaving(stressed_book(BOOK, lambda _: share * less), "long", size)
    assert thinner.filled <= thin.filled
    if thinner.cost_usd is not None:
        assert thin.cost_usd is not None
        assert thinner.cost_usd >= thin.cost_usd
    assert (
        closable_within(stressed_book(BOOK, lambda _: share * less), "long", D(200)).size
        <= closable_within(stressed_book(BOOK, lambda _: share), "long", D(200)).size
    )


@given(st.decimals("100", "500", places=1))
def test_what_is_closable_within_a_limit_costs_just_that(limit: D) -> None:
    found = closable_within(BOOK, "long", limit)
    cost = cost_of_leaving(BOOK, "long", found.size)
    assert cost.bp is not None
    assert cost.bp <= limit
    if not found.whole_book:
        assert abs(cost.bp - limit) < D("0.001")


def test_nothing_is_closable_within_less_than_the_best_price() -> None:
    assert closable_within(BOOK, "long", D(99)).size == 0
    assert closable_within(BOOK, "long", D(100)).size == 1


def test_the_whole_book_within_the_limit_is_at_least_this_much() -> None:
    found = closable_within(BOOK, "long", D(500))
    assert (found.size, found.whole_book) == (D(6), True)


@pytest.mark.parametrize(
    "changes",
    [
        {"bids": (Level(D(98), D(1)), Level(D(99), D(1)))},
        {"asks": (Level(D(104), D(1)), Level(D(101), D(1)))},
        {"bids": (Level(D(101), D(1)),)},
        {"asks": (Level(D(99), D(1)),)},
        {"bids": (Level(D(0), D(1)),)},
        {"bids": (Level(D(99), D(-1)),)},
        {"bids": (Level(D("NaN"), D(1)),)},
        {"bids": (Level(D(99), D("Infinity")),)},
        {"mid": D(0)},
        {"mid": D("NaN")},
    ],
)
def test_refuses_a_book_that_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(MarketDataError):
        dataclasses.replace(BOOK, **changes)


def test_refuses_sizes_limits_and_shares_without_meaning() -> None:
    with pytest.raises(MarketDataError):
        cost_of_leaving(BOOK, "long", D(-1))
    with pytest.raises(MarketDataError):
        closable_within(BOOK, "long", D("NaN"))
    for share in ("1.1", "-0.1", "NaN"):
        with pytest.raises(MarketDataError):
            stressed_book(BOOK, lambda _, share=share: D(share))  # type: ignore[misc]


def test_what_is_left_of_quotes_is_the_cascade_models_depth() -> None:
    left = remaining_after(0.1, xi=0.05, w_min=0.2)
    assert float(left(D("0.01"))) == pytest.approx(0.2 + 0.8 * math.exp(-0.11 / 0.05), abs=1e-6)
    assert remaining_after(0.0, xi=0.05, w_min=0.2)(D(0)) == 1


@given(st.floats(0, 0.5), st.floats(0, 0.5), st.decimals("0", "0.1", places=3))
def test_the_further_the_price_has_moved_the_less_is_left(shock: float, more: float, distance: D) -> None:
    stress = JUDGED_STRESS
    near = remaining_after(shock, xi=stress.xi, w_min=stress.w_min)(distance)
    far = remaining_after(shock + more, xi=stress.xi, w_min=stress.w_min)(distance)
    assert D("0.199999") <= far <= near <= 1


def test_the_judged_stress_leaves_three_tenths_at_the_mid() -> None:
    stress = JUDGED_STRESS
    left = remaining_after(stress.shock, xi=stress.xi, w_min=stress.w_min)(D(0))
    assert left.quantize(D("0.01")) == D("0.30")


def test_two_depths_prove_a_book_whose_cost_is_an_upper_bound() -> None:
    book = book_of(world.reading())
    assert book is not None
    assert [(level.price, level.size) for level in book.bids] == [
        (D(89_240) * D("0.999"), D(90)),
        (D(89_240) * D("0.99"), D(810)),
    ]
    assert book.asks == ()
    assert "upper bound" in book.grain


def test_a_book_that_is_seen_for_10_basis_points_only_proves_no_more() -> None:
    book = book_of(world.reading(depth_bid_1pct=None))
    assert book is not None
    assert cost_of_leaving(book, "long", D(91)).verdict == BEYOND


@pytest.mark.parametrize(
    "changes",
    [
        {"mark_price": None},
        {"depth_bid_1pct": None, "depth_bid_10bp": None},
        {"depth_bid_10bp": D(1000)},
        {"depth_bid_1pct": D(-1)},
    ],
)
def test_a_reading_without_depth_proves_no_book(changes: dict[str, Any]) -> None:
    assert book_of(world.reading(**changes)) is None


def test_an_inverse_position_is_closed_by_its_size_in_coins() -> None:
    inverse = dataclasses.replace(
        eve_of_the_fall("1", "100", "100").positions[0], size=D(200), inverse=True, settle="BTC"
    )
    assert cost_of_position(BOOK, inverse, D(50)).cost_usd == 3


def test_each_position_is_left_in_its_own_venues_book() -> None:
    eve = dataclasses.replace(eve_of_the_fall("14", "100", "100"), name="main", exchange="binance")
    other = dataclasses.replace(eve, name="other", exchange="bybit")
    here, there = leaving_of(eve, (BOOK,), D(100), None), leaving_of(other, (BOOK,), D(100), None)
    assert here[0].now is not None
    assert here[0].now.verdict == BEYOND
    assert here[0].stressed is None
    assert here[0].missing == ("what is left of the book under stress",)
    assert there[0].now is None
    assert there[0].missing == ("bids of BTCUSDT at other",)


def test_a_short_needs_asks_and_a_quote_of_unknown_price_is_missing() -> None:
    eve = dataclasses.replace(eve_of_the_fall("14", "100", "100"), name="main")
    short = dataclasses.replace(eve, positions=(dataclasses.replace(eve.positions[0], side="short"),))
    bids_only = dataclasses.replace(BOOK, asks=())
    assert leaving_of(short, (bids_only,), D(100), None)[0].missing == ("asks of BTCUSDT at main",)
    unpriced = dataclasses.replace(eve, collateral=())
    assert leaving_of(unpriced, (BOOK,), D(100), None)[0].missing == ("a price of USDT",)


def test_an_account_without_positions_has_nothing_to_leave() -> None:
    assert leaving_of(account((), (Collateral("USDT", D(1), D(1), D(1), None),)), (BOOK,), D(1), None) == ()
