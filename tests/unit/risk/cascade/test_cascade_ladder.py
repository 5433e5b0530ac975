"""The ladder: where positions are liquidated, who is still there, and how much it adds up to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.cascade_markets import GRID, between, flat_book, history_of, linear_ladder
from vault.errors import MarketDataError
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import (
    JUDGED_MIX,
    EntryHistory,
    Ladder,
    LeverageMix,
    Side,
    build_ladder,
    long_liquidation_price,
    short_liquidation_price,
)

TEN = LeverageMix((10.0,), (1.0,))
PRICES = st.lists(between(50.0, 150.0), min_size=1, max_size=60)
SIDES = st.sampled_from(("long", "short"))


def built(
    history: EntryHistory,
    mix: LeverageMix = TEN,
    side: Side = "long",
    *,
    price: float | None = None,
    interest: float = 100.0,
    phi: float = 1.0,
    maintenance: float = 0.005,
) -> Ladder:
    return build_ladder(
        history,
        mix,
        side=side,
        price=float(history.closes[-1]) if price is None else price,
        open_interest=interest,
        maintenance=maintenance,
        tau_hours=100.0,
        phi=phi,
        grid=GRID,
    )


def one_by_one(history: EntryHistory, mix: LeverageMix, side: Side) -> list[tuple[float, float]]:
    """Log distance and weight of each survivor, position by position."""
    price, found = float(history.closes[-1]), []
    for k, entry in enumerate(history.closes):
        for leverage, share in zip(mix.leverages, mix.shares, strict=True):
            weight = float(history.volumes[k]) * math.exp(-float(history.ages[k]) / 100.0) * share
            if side == "long":
                level = float(long_liquidation_price(entry, leverage, 0.005))
                alive = level < min([price, *history.lows[k + 1 :].tolist()])
            else:
                level = float(short_liquidation_price(entry, leverage, 0.005))
                alive = level > max([price, *history.highs[k + 1 :].tolist()])
            if alive:
                found.append((abs(math.log(level / price)), weight))
    return found


def test_liquidation_prices_meet_maintenance_margin() -> None:
    # 10x from 100 with 0.5 %: equity (P - 100) + 10 = 0.005 P at 90.4523; (100 - P) + 10 = 0.005 P at
    # 109.4527.
    assert float(long_liquidation_price(100, 10, 0.005)) == pytest.approx(90.4522613)
    assert float(short_liquidation_price(100, 10, 0.005)) == pytest.approx(109.4527363)


@given(PRICES, between(0.0, 0.1), SIDES)
def test_every_level_holds_what_a_count_position_by_position_holds(
    closes: list[float], wick: float, side: Side
) -> None:
    history = history_of(closes, wick)
    counted = built(history, JUDGED_MIX, side).triggered
    moves, weights = (np.array(row) for row in zip(*one_by_one(history, JUDGED_MIX, side), strict=True))
    # A hair to both sides: a price exactly on a level may be rounded either way.
    before, after = (
        100.0 * (moves[None, :] <= (GRID.moves + hair)[:, None]) @ weights / weights.sum()
        for hair in (-1e-9, 1e-9)
    )
    assert (before - 1e-9 <= counted).all()
    assert (counted <= after + 1e-9).all()


def test_a_position_that_a_later_low_reached_is_gone() -> None:
    rows = (
        [100.0, 100.0, 100.0],
        [100.0, 90.5, 100.0],
        [100.0, 100.0, 100.0],
        [1e9, 1.0, 1.0],
        [2.0, 1.0, 0.0],
    )
    alive = built(EntryHistory(*(np.array(row) for row in rows)), maintenance=0.005)
    rows[1][1] = 90.4
    gone = built(EntryHistory(*(np.array(row) for row in rows)), LeverageMix((10.0, 5.0), (0.5, 0.5)))
    # 10x from 100 is liquidated at 90.45. At 90.5 all are still there; at 90.4 only the 5x of the first hour.
    assert alive.at(0.102)[0] == pytest.approx(100.0)
    assert gone.at(0.102)[0] < 1e-6
    assert gone.at(0.22)[0] == pytest.approx(100.0)


def test_the_low_of_the_hour_of_entry_does_not_kill_a_position_opened_at_its_close() -> None:
    history = EntryHistory(*(np.array([value]) for value in (100.0, 80.0, 120.0)), np.ones(1), np.zeros(1))
    assert built(history).triggered[-1] == pytest.approx(100.0)


def test_what_was_opened_long_ago_weighs_less() -> None:
    old_low = history_of([80.0, *[100.0] * 200])
    recent_low = history_of([*[100.0] * 200, 80.0, 100.0])
    far = math.log(100 / 75)
    beyond_old = built(old_low).total - built(old_low).at(far)[0]
    beyond_recent = built(recent_low).total - built(recent_low).at(far)[0]
    assert 0 < beyond_old < beyond_recent


@given(PRICES, between(0.0, 0.1), SIDES, between(0.01, 1.0), between(1.0, 1e12))
def test_survivors_add_up_to_phi_times_the_open_interest(
    closes: list[float], wick: float, side: Side, phi: float, interest: float
) -> None:
    ladder = built(history_of(closes, wick), JUDGED_MIX, side, interest=interest, phi=phi)
    assert ladder.total == pytest.approx(phi * interest)
    assert ladder.triggered[-1] + ladder.beyond == pytest.approx(ladder.total)
    assert (np.diff(ladder.triggered) >= 0).all()
    assert ladder.triggered[0] == 0.0
    assert ladder.at([GRID.end + 0.01, math.inf]) == pytest.approx([ladder.total] * 2)


@given(st.lists(between(50.0, 150.0), min_size=2, max_size=40), between(2.0, 20.0), between(1.0, 5.0))
def test_more_leverage_never_ends_a_cascade_earlier_while_nobody_has_died(
    closes: list[float], leverage: float, factor: float
) -> None:
    rising = history_of(sorted(closes))
    less, more = (
        built(rising, LeverageMix((value,), (1.0,)), maintenance=0.001)
        for value in (leverage, leverage * factor)
    )
    assert (more.triggered >= less.triggered - 1e-9).all()
    book = flat_book(400.0)
    shocks = np.linspace(0.0, 0.4, 21)
    ends = [CascadeCurve.of(ladder, book).reach(shocks) for ladder in (less, more)]
    assert (ends[1] >= ends[0] - 1e-9).all()


def test_leverage_that_has_already_been_flushed_threatens_nobody() -> None:
    # The fall to 85 closed the 20x of 100; what is left of them was opened at 60, far away.
    closes = np.array([60.0, 100.0, 90.0, 100.0])
    lows = np.array([60.0, 100.0, 85.0, 90.0])
    history = EntryHistory(closes, lows, closes, np.array([1.0, 50.0, 0.0, 0.0]), np.arange(4.0)[::-1])
    five, twenty = (built(history, LeverageMix((value,), (1.0,))) for value in (5.0, 20.0))
    assert five.at(0.25)[0] > 90.0
    assert twenty.at(0.25)[0] == 0.0


def test_no_open_interest_is_an_empty_ladder() -> None:
    empty = built(history_of([100.0]), interest=0.0)
    assert (empty.total, empty.triggered.max(), empty.beyond) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("closes", [[], [100.0, 100.0]])
def test_open_interest_without_a_survivor_is_unknown_not_calm(closes: list[float]) -> None:
    with pytest.raises(MarketDataError) as refused:
        built(history_of(closes), price=50.0)
    assert refused.value.code == "market.no_ladder"


def test_a_long_without_leverage_is_never_liquidated() -> None:
    ladder = built(history_of([100.0]), LeverageMix((1.0, 10.0), (0.5, 0.5)))
    assert ladder.beyond == pytest.approx(50.0)


def test_a_ladder_of_twice_the_open_interest_is_twice_the_ladder() -> None:
    once, twice = (built(history_of([100.0, 103.0]), interest=value) for value in (50.0, 100.0))
    assert once.scaled(2.0).triggered == pytest.approx(twice.triggered)


@pytest.mark.parametrize("column", ["closes", "lows", "highs", "volumes", "ages"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_refuses_an_hour_that_is_not_a_number(column: str, bad: float) -> None:
    rows = {name: np.array([1.0, 1.0]) for name in ("closes", "lows", "highs", "volumes", "ages")}
    rows[column][1] = bad
    with pytest.raises(MarketDataError, match=column):
        EntryHistory(**rows)


def test_refuses_hours_that_contradict_themselves() -> None:
    ones = np.ones(2)
    with pytest.raises(MarketDataError, match="between low and high"):
        EntryHistory(ones, ones * 2, ones * 2, ones, ones)
    with pytest.raises(MarketDataError, match="oldest hour first"):
        EntryHistory(ones, ones, ones, ones, np.array([0.0, 1.0]))
    with pytest.raises(MarketDataError, match="lows"):
        EntryHistory(ones, np.ones(3), ones, ones, ones)


def test_refuses_a_mix_that_cannot_be() -> None:
    with pytest.raises(MarketDataError, match="add up to 1"):
        LeverageMix((5.0, 10.0), (0.5, 0.6))
    with pytest.raises(MarketDataError, match="leverages"):
        LeverageMix((0.5,), (1.0,))
    with pytest.raises(MarketDataError, match="leverages below"):
        built(history_of([100.0]), LeverageMix((250.0,), (1.0,)))


def test_refuses_a_ladder_that_falls_or_holds_more_than_all() -> None:
    with pytest.raises(MarketDataError, match="cumulative"):
        Ladder(GRID, linear_ladder(1.0).triggered[::-1], 5.0, "long")
    with pytest.raises(MarketDataError, match="total"):
        Ladder(GRID, linear_ladder(1.0).triggered, 0.1, "long")
    with pytest.raises(MarketDataError, match="moves"):
        linear_ladder(1.0).at(math.nan)
