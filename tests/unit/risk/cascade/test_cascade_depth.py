"""The book: its inverse inverts, moving along it is exact, and a stressed book is never a deeper one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given

from tests.support.cascade_markets import between, depths, flat_book
from vault.errors import MarketDataError
from vault.risk.cascade.depth import (
    FARTHEST,
    KAPPA_AS_QUOTED,
    Depth,
    density_of_quoted,
    log_drop,
    log_rise,
    simple_drop,
)

MOVES = between(0.0, 1.0)


@given(depths(), between(1e-6, 1.0))
def test_selling_what_the_book_takes_moves_it_that_far(depth: Depth, move: float) -> None:
    taken = depth.capacity(move)
    # Where the makers are all but gone, a digit of the notional is a mile of price.
    assume(float(depth.density(move)[0]) > 1e-6)
    assert depth.move_for(taken)[0] == pytest.approx(move, rel=1e-7)


@given(depths(), between(0.0, 10.0))
def test_the_book_has_taken_what_was_sold(depth: Depth, notional: float) -> None:
    move = float(depth.move_for(notional)[0])
    if math.isfinite(move):
        assert depth.capacity(move)[0] == pytest.approx(notional, rel=1e-9, abs=1e-12)
    else:
        assert notional >= depth.capacity(FARTHEST)[0] * (1 - 1e-12)


@given(depths(), between(0.0, 5.0), between(0.0, 5.0))
def test_selling_more_never_moves_the_price_less(depth: Depth, first: float, more: float) -> None:
    assert depth.move_for(first + more)[0] >= depth.move_for(first)[0]


@given(depths(), MOVES, MOVES)
def test_the_book_after_a_move_is_the_rest_of_the_book(depth: Depth, moved: float, further: float) -> None:
    rest = depth.capacity(moved + further) - depth.capacity(moved)
    assert depth.after(moved).capacity(further) == pytest.approx(rest, rel=1e-9, abs=1e-9)


@given(depths(), MOVES, MOVES)
def test_a_stressed_book_is_never_deeper(depth: Depth, moved: float, at: float) -> None:
    assert (depth.stressed(moved).capacity(at) <= depth.capacity(at) * (1 + 1e-12)).all()


def test_makers_who_leave_leave_the_agreed_share() -> None:
    book = Depth(100.0, 0.05, 0.2)
    assert book.density([0.0, 10.0]) == pytest.approx([100.0, 20.0])
    assert book.density(0.05)[0] == pytest.approx(100 * (0.2 + 0.8 / math.e))


def test_quoted_depth_becomes_a_density() -> None:
    # 300 million within 1 % is 30 billion per unit of log move.
    assert density_of_quoted(3e8, KAPPA_AS_QUOTED) == 3e10
    assert flat_book(3e10).capacity(0.01)[0] == pytest.approx(3e8)


def test_an_empty_book_takes_nothing_and_nothing_moves_it() -> None:
    empty = Depth(0.0, 0.05, 0.5)
    assert empty.move_for([0.0, 1e-9, 5.0]).tolist() == [0.0, math.inf, math.inf]
    assert empty.after(0.1) == empty


def test_log_moves_and_simple_ones() -> None:
    assert log_drop(0.10) == pytest.approx(0.1053605)
    assert log_rise(0.10) == pytest.approx(0.0953102)
    assert simple_drop(log_drop(0.33)) == pytest.approx(0.33)
    assert simple_drop(math.inf) == 1.0


@pytest.mark.parametrize(
    "parameters",
    [
        (math.nan, 0.05, 0.2, 0.0),
        (-1.0, 0.05, 0.2, 0.0),
        (1.0, 0.0, 0.2, 0.0),
        (1.0, 0.05, 1.2, 0.0),
        (1.0, 0.05, -0.1, 0.0),
        (1.0, 0.05, 0.2, math.inf),
    ],
)
def test_refuses_a_book_without_a_meaning(parameters: tuple[float, float, float, float]) -> None:
    with pytest.raises(MarketDataError) as refused:
        Depth(*parameters)
    assert refused.value.code == "market.bad_input"


def test_refuses_moves_that_are_none() -> None:
    for bad in (np.nan, np.inf, -0.1):
        with pytest.raises(MarketDataError, match="moves"):
            flat_book(1.0).capacity(bad)
    with pytest.raises(MarketDataError, match="drop"):
        log_drop(1.0)
