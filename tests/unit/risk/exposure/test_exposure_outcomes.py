"""What scenarios leave of an account: to the digit, and never better when the scenario is worse."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.margin_books import BRACKETS, account, books, eve_of_the_fall, worked_example
from vault.model import Bracket, Collateral, MarginAccount, Position
from vault.risk.exposure.defaults import DEFAULT_SCENARIOS, named
from vault.risk.exposure.outcome import Outcome, run
from vault.risk.exposure.scenario import AssetMove, ScenarioSpec

D = Decimal
SPEED = D("0.05")
ROUNDING = D("1e-20")
few = settings(max_examples=40)


def spec(kind: Any, **parts: Any) -> ScenarioSpec:
    return ScenarioSpec("x", kind, "because", **parts)


def excess(book: MarginAccount, kind: Any, **parts: Any) -> D:
    found = run(book, spec(kind, **parts), D(1), SPEED).excess
    assert found is not None
    return found


def usual(name: str) -> ScenarioSpec:
    found = named(DEFAULT_SCENARIOS, name)
    assert found is not None
    return found


def isolated(side: Any = "long", margin: str | None = "9000") -> Position:
    made = Position(
        "ETHUSDT", "ETH", side, D(10), D(3_000), D(3_000), True, BRACKETS, None, None, settle="USDT"
    )
    return dataclasses.replace(made, isolated_margin=None if margin is None else D(margin))


# -- worked examples ---------------------------------------------------------------------------------


def test_the_worked_example_does_not_survive_a_wick_of_10_percent_though_its_distances_look_safe() -> None:
    found = run(worked_example(), usual("wick"), D(1), SPEED)
    assert (found.state, found.case) == ("liquidated", "-10 %")
    assert found.excess is not None
    assert found.excess.quantize(D("0.01")) == D("-180760.69")


def test_equity_below_nothing_is_liquidated_whatever_a_ratio_says() -> None:
    found = run(worked_example(), spec("gap", market=D("-0.15")), D(1), SPEED)
    assert found.equity is not None
    assert found.maintenance_margin is not None
    assert (found.maintenance_margin / found.equity).quantize(D("0.01")) == D("-1.47")
    assert found.state == "liquidated"


def test_an_account_that_survives_a_wick_is_afterwards_what_it_was() -> None:
    eve = eve_of_the_fall("14", "89240", "89200")
    found = run(eve, usual("wick"), D(1), SPEED)
    assert (found.state, found.excess) == ("ok", D(707_596))
    assert found.after is not None
    now = run(eve, spec("move", prices=(AssetMove("NONE", D(0)),)), D(1), SPEED)
    assert found.after.excess == now.excess


def test_what_a_wick_liquidates_is_closed_at_its_end_and_does_not_come_back() -> None:
    """Long 1 at 100 with 9 of margin: at 90 a loss of 10 is realised, the price's return earns nothing."""
    thin = account(
        (
            Position(
                "BTCUSDT", "BTC", "long", D(1), D(100), D(100), False,
                (Bracket(D(0), None, D("0.01"), D(0)),), None, None, settle="USDT",
            ),
        ),
        (Collateral("USDT", D(9), D(1), D(1), None), Collateral("BTC", D("0.02"), D(100), D(1), None)),
    )  # fmt: skip
    found = run(thin, usual("wick"), D(1), SPEED)
    assert (found.state, found.equity) == ("liquidated", D(9) - 10 + D("1.8"))
    assert found.after is not None
    assert (found.after.equity, found.after.maintenance_margin) == (D(9) - 10 + 2, D(0))


def test_no_top_up_arrives_in_a_wick_a_gap_a_day_or_a_freeze() -> None:
    eve = eve_of_the_fall("14", "89240", "89200")
    can = {each.name: run(eve, each, D(1), SPEED).top_up for each in DEFAULT_SCENARIOS}
    assert {name for name, arrives in can.items() if arrives} == {"joint", "depeg", "haircut"}


def test_a_gap_takes_isolated_margin_as_a_whole() -> None:
    eve = eve_of_the_fall("14", "89240", "89200")
    book = dataclasses.replace(eve, positions=(*eve.positions, isolated()))
    held = run(book, spec("gap", market=D("-0.2")), D(1), SPEED)
    assert (held.state, held.isolated_lost, held.lost) == ("ok", D(0), ())
    lost = run(book, spec("gap", market=D("-0.3")), D(1), SPEED)
    assert (lost.isolated_lost, lost.lost) == (D(9_000), ("ETHUSDT",))
    assert lost.state != "ok"


def test_isolated_margin_lost_in_a_wick_is_gone_when_prices_are_back() -> None:
    rich = account((isolated(margin="3000"),), (Collateral("USDT", D(10_000), D(1), D(1), None),))
    found = run(rich, spec("wick", market=D("-0.1")), D(1), SPEED)
    assert (found.state, found.isolated_lost, found.excess) == ("short", D(3_000), D(7_000))
    assert found.after is not None
    assert found.after.equity == D(7_000)


def test_a_depeg_of_usde_to_65_cents_takes_35_percent_of_what_it_counted_for() -> None:
    held = (Collateral("USDE", D(100_000), D(1), D("0.9"), None), Collateral("USDT", D(1), D(1), D(1), None))
    found = run(account((), held), usual("depeg"), D(1), SPEED)
    assert (found.case, found.equity) == ("USDE -35 %", D(65_000) * D("0.9") + 1)


# -- what is not known -------------------------------------------------------------------------------


def test_numbers_that_cannot_be_used_are_unknown_and_no_number_is_given() -> None:
    broken = dataclasses.replace(worked_example(), collateral=())
    for each in DEFAULT_SCENARIOS:
        found = run(broken, each, D(1), SPEED)
        assert (found.state, found.excess, found.need) == ("unknown", None, None)
        assert "settlement asset" in found.reason


def test_an_isolated_position_of_unknown_margin_is_never_ok() -> None:
    book = account((isolated(margin=None),), (Collateral("USDT", D(10_000), D(1), D(1), None),))
    found = run(book, usual("joint"), D(1), SPEED)
    assert found.state == "unknown"
    assert "does not say the margin of ETHUSDT" in found.reason


def test_what_would_have_to_arrive_is_what_is_short() -> None:
    outcome = Outcome("a", "x", "move", "", "short", "", excess=D(-5))
    assert outcome.need == 5
    assert dataclasses.replace(outcome, excess=D(5)).need == 0


# -- properties --------------------------------------------------------------------------------------


@few
@given(books, st.decimals("0", "0.5", places=3), st.decimals("0", "0.4", places=3))
def test_a_larger_move_either_way_never_leaves_more(book: MarginAccount, size: D, more: D) -> None:
    smaller = excess(book, "move", market=-size, both_ways=True)
    assert excess(book, "move", market=-size - more, both_ways=True) <= smaller + ROUNDING


longs = st.builds(
    lambda size, entry, mark, usdt, coins: account(
        (Position("BTCUSDT", "BTC", "long", size, entry, mark, False, BRACKETS, None, None, settle="USDT"),),
        (Collateral("USDT", usdt, D(1), D(1), None), Collateral("BTC", coins, mark, D("0.9"), None)),
    ),
    st.decimals("0.1", "200", places=3),
    st.decimals("10000", "120000", places=1),
    st.decimals("10000", "120000", places=1),
    st.decimals("-100000", "3000000", places=2),
    st.decimals("0", "50", places=8),
)


@few
@given(longs, st.decimals("0", "0.5", places=3), st.decimals("0", "0.4", places=3))
def test_a_deeper_fall_never_leaves_a_long_more(book: MarginAccount, fall: D, more: D) -> None:
    deeper = -fall - more
    assert excess(book, "gap", market=deeper) <= excess(book, "gap", market=-fall) + ROUNDING
    of_its_own = excess(book, "gap", prices=(AssetMove("BTC", -fall),))
    assert excess(book, "gap", prices=(AssetMove("BTC", deeper),)) <= of_its_own + ROUNDING


@few
@given(books, st.decimals("1", "500000", places=2), st.decimals("0.01", "0.5", places=2))
def test_a_deeper_depeg_of_what_is_held_never_leaves_more(book: MarginAccount, held: D, drop: D) -> None:
    book = dataclasses.replace(
        book, collateral=(*book.collateral, Collateral("USDE", held, D(1), D("0.9"), None))
    )
    whole = excess(book, "depeg", prices=(AssetMove("USDE", -drop),))
    assert excess(book, "depeg", prices=(AssetMove("USDE", -drop - D("0.4")),)) <= whole + ROUNDING
    assert whole <= excess(book, "move") + ROUNDING


@few
@given(books, st.decimals("-0.9", "-0.01", places=2), st.sampled_from(["DAI", "USDE", "WBETH", "PAXG"]))
def test_a_depeg_of_what_is_not_held_changes_nothing(book: MarginAccount, drop: D, asset: str) -> None:
    assert excess(book, "depeg", prices=(AssetMove(asset, drop),)) == excess(book, "move")


@few
@given(books, st.decimals("0.01", "0.5", places=2), st.decimals("0", "0.5", places=2))
def test_a_larger_haircut_cut_never_raises_excess(book: MarginAccount, cut: D, more: D) -> None:
    once = excess(book, "haircut", ratio_cut=cut)
    assert once <= excess(book, "move") + ROUNDING
    assert excess(book, "haircut", ratio_cut=cut + more) <= once + ROUNDING
    cash_too = excess(book, "haircut", ratio_cut=cut, assets=("USDT", "BTC", "PYUSD"))
    assert cash_too <= once + ROUNDING


@few
@given(books, st.decimals("0.1", "10", places=1), st.decimals("0", "9", places=1))
def test_a_venue_that_is_frozen_for_longer_never_helps(book: MarginAccount, hours: D, more: D) -> None:
    shorter = excess(book, "frozen", hours=hours, both_ways=True)
    assert shorter <= excess(book, "move") + ROUNDING
    assert excess(book, "frozen", hours=hours + more, both_ways=True) <= shorter + ROUNDING


@few
@given(books, st.decimals("0.01", "0.3", places=2))
def test_a_wick_never_leaves_more_afterwards_than_there_was(book: MarginAccount, size: D) -> None:
    found = run(book, spec("wick", market=-size), D(1), SPEED)
    assert found.after is not None
    if found.state == "ok":
        assert abs(found.after.excess - excess(book, "move")) < ROUNDING


def test_a_wick_takes_only_the_isolated_side_that_it_reaches() -> None:
    both = (isolated(margin="3000"), isolated("short", margin="3000"))
    book = account(both, (Collateral("USDT", D(10_000), D(1), D(1), None),))
    found = run(book, spec("wick", market=D("-0.1")), D(1), SPEED)
    assert (found.isolated_lost, found.after and found.after.equity) == (D(3_000), D(4_000))


def test_debts_that_outgrow_what_is_held_are_liquidated_without_any_position() -> None:
    borrowed = account(
        (), (Collateral("USDT", D(-9_000), D(1), D(1), None), Collateral("BTC", D(1), D(10_000), D(1), None))
    )
    assert run(borrowed, spec("gap", market=D("-0.05")), D(1), SPEED).state == "ok"
    assert run(borrowed, spec("gap", market=D("-0.2")), D(1), SPEED).state == "liquidated"
