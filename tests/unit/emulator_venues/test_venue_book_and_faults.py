"""The order book thins as price falls; a fault is taken as often as armed, by whom it is meant for."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.venues.binance.profile import default_market
from emulator.venues.engine.book import DepthModel, build, share_left
from emulator.venues.serving.faults import Fault, FaultBox, FaultKind

D = Decimal
MODEL = DepthModel(one_percent=D("900"))


def one_percent_depth(fall: str) -> Decimal:
    book = build(D("80000"), MODEL, D(fall), tick=D("0.1"), step=D("0.001"), levels=100)
    return sum((level.quantity for level in book.bids), D(0))


def test_a_calm_book_quotes_its_stated_depth_within_one_percent() -> None:
    assert one_percent_depth("0") == D("900")


def test_depth_shrinks_with_the_fall_and_never_below_what_stays() -> None:
    depths = [one_percent_depth(fall) for fall in ("0", "0.05", "0.10", "0.20", "0.50")]
    assert depths == sorted(depths, reverse=True)
    assert depths[2] < D("300")
    assert depths[-1] >= D("89")


@given(st.decimals("0", "0.9", places=4), st.decimals("100", "200000", places=1), st.integers(1, 1000))
def test_a_book_is_never_crossed_and_sits_on_the_tick_and_step(
    fall: Decimal, mid: Decimal, levels: int
) -> None:
    book = build(mid, MODEL, fall, tick=D("0.1"), step=D("0.001"), levels=levels)
    assert book.bids[0].price < mid < book.asks[0].price
    assert all(a.price >= b.price for a, b in zip(book.bids, book.bids[1:], strict=False))
    assert all(level.price % D("0.1") == 0 for level in book.bids + book.asks)
    assert all(level.quantity % D("0.001") == 0 for level in book.bids + book.asks)


def test_a_scale_of_zero_empties_the_book() -> None:
    empty = DepthModel(one_percent=D("900"), scale=D(0))
    book = build(D("80000"), empty, D(0), tick=D("0.1"), step=D("0.001"), levels=10)
    assert not book.bids
    assert share_left(empty, D("0.1")) == 0


def test_drawdown_is_measured_from_the_highest_mark() -> None:
    market = default_market().symbols["BTCUSDT"]
    market.set_price(D("100000"))
    market.set_price(D("90000"))
    assert market.drawdown() == D("0.1")
    with pytest.raises(ValueError, match="positive"):
        market.set_price(D("-1"))


def test_a_fault_is_spent_after_its_count_and_lets_the_skipped_pass() -> None:
    box = FaultBox()
    box.arm(Fault(FaultKind.HTTP_500, "withdraw/apply", skip=1, count=2))
    taken = [box.take("POST", "/sapi/v1/capital/withdraw/apply", "k") is not None for _ in range(5)]
    assert taken == [False, True, True, False, False]


def test_a_fault_for_one_key_method_or_path_leaves_others_alone() -> None:
    box = FaultBox()
    box.arm(Fault(FaultKind.HANG, "account", method="GET", api_key="mine"))
    assert box.take("POST", "/fapi/v3/account", "mine") is None
    assert box.take("GET", "/fapi/v3/account", "other") is None
    assert box.take("GET", "/api/v3/time", "mine") is None
    assert box.take("GET", "/fapi/v3/account", "mine") is not None


def test_refuses_a_fault_that_could_never_happen() -> None:
    with pytest.raises(ValueError, match="count"):
        FaultBox().arm(Fault(FaultKind.HANG, "x", count=0))
