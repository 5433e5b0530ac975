"""Stress excess and joint distance: the worked example to the digit, and properties over random accounts."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.support.margin_books import BRACKETS, account, books, eve_of_the_fall, worked_example
from vault.model import Bracket, Collateral, MarginAccount, Position
from vault.risk.margin import equity, maintenance_margin
from vault.risk.stress import Scenario, joint_distance, joint_scenarios, run_scenario

D = Decimal


def test_joint_distance_of_the_worked_example_is_minus_7_69_percent() -> None:
    distance = joint_distance(worked_example())
    assert distance is not None
    assert (distance * 100).quantize(D("0.01")) == D("-7.69")


def test_excess_of_the_worked_example_at_minus_10_percent() -> None:
    result = run_scenario(worked_example(), Scenario("fall", D("-0.1")), D(1))
    assert result.excess.quantize(D("0.01")) == D("-180760.69")


def test_a_ratio_looks_healthy_where_equity_is_gone_and_excess_does_not() -> None:
    result = run_scenario(worked_example(), Scenario("fall", D("-0.15")), D(1))
    ratio = result.maintenance_margin / result.equity
    assert ratio.quantize(D("0.01")) == D("-1.47")
    assert ratio < D("0.5")
    assert result.excess < D(-500_000)


def test_stress_excess_of_the_eve_of_31_january_2026() -> None:
    fall, rise = joint_scenarios(D("0.10"))
    calm = run_scenario(eve_of_the_fall("14", "89240", "89200"), fall, D(1))
    assert calm.excess == D(707_596)
    assert dict(calm.unit_values)["BTC"] == D(76_266)
    assert run_scenario(eve_of_the_fall("14", "89240", "89200"), rise, D(1)).excess > calm.excess
    swept = run_scenario(eve_of_the_fall("8", "89240", "89200"), fall, D(1))
    assert swept.excess == D(250_000)
    at_the_open = run_scenario(eve_of_the_fall("8", "84100", "84128"), fall, D(1))
    assert at_the_open.excess.quantize(D(1)) == D(-10_210)


def test_scenarios_are_named_by_their_move() -> None:
    assert [s.name for s in joint_scenarios(D("0.10"))] == ["joint -10 %", "joint +10 %"]
    assert [s.shock for s in joint_scenarios(D("0.125"))] == [D("-0.125"), D("0.125")]


def test_k_times_maintenance_margin_is_kept() -> None:
    once = run_scenario(worked_example(), Scenario("x", D(0)), D(1))
    twice = run_scenario(worked_example(), Scenario("x", D(0)), D(2))
    assert once.excess - twice.excess == once.maintenance_margin


def test_an_account_without_positions_has_no_distance() -> None:
    assert joint_distance(account((), worked_example().collateral)) is None


def test_an_account_that_is_under_water_now_is_at_distance_zero() -> None:
    poor = dataclasses.replace(
        worked_example(), collateral=(Collateral("USDT", D(100_000), D(1), D(1), None),)
    )
    assert joint_distance(poor) == 0


def test_a_short_is_liquidated_by_a_rise() -> None:
    one = Position(
        "BTCUSDT", "BTC", "short", D(1), D(100_000), D(100_000), False, BRACKETS, None, None, settle="USDT"
    )
    distance = joint_distance(account((one,), (Collateral("USDT", D(11_000), D(1), D(1), None),)))
    # 11,000 - 100,000 x = 0.005 * 100,000 (1 + x) - 50
    assert distance == (D(10_550) / D(100_500)).quantize(D("1e-12"))


def test_the_distance_is_found_in_the_bracket_where_it_lies() -> None:
    four_million = Position(
        "BTCUSDT", "BTC", "long", D(50), D(80_000), D(80_000), False, BRACKETS, None, None, settle="USDT"
    )

    def distance(cash: int) -> D | None:
        return joint_distance(account((four_million,), (Collateral("USDT", D(cash), D(1), D(1), None),)))

    # Above 3,000,000 the rate is 2.5 % less 46,300, under it 1 % less 1,300.
    assert distance(500_000) == (D(-446_300) / D(3_900_000)).quantize(D("1e-12"))
    assert distance(1_200_000) == (D(-1_161_300) / D(3_960_000)).quantize(D("1e-12"))


def test_maintenance_margin_does_not_go_below_zero_on_the_way_down() -> None:
    brackets = (Bracket(D(0), None, D("0.1"), D(135_365)),)
    eth = Position(
        "ETHUSDT", "ETH", "long", D(4_000), D(1_000), D(1_000), False, brackets, None, None, settle="USDT"
    )
    held = (
        Collateral("USDT", D(1_000_000), D(1), D(1), None),
        Collateral("USDC", D(2_800_000), D(1), D(1), None),
    )
    assert joint_distance(account((eth,), held)) == D("-0.95")


def test_coins_held_against_a_short_of_the_same_coins_move_together() -> None:
    hedged = Position(
        "BTCUSDT", "BTC", "short", D(1), D(100_000), D(100_000), False, BRACKETS, None, None, settle="USDT"
    )
    held = (Collateral("BTC", D(2), D(100_000), D(1), None),)
    assert joint_distance(account((hedged,), held)) is None


def headroom(book: MarginAccount, move: D) -> D:
    return equity(book, move) - maintenance_margin(book, move)


@given(books)
def test_at_the_joint_distance_equity_meets_maintenance_margin(book: MarginAccount) -> None:
    distance = joint_distance(book)
    # Where nearly nothing is left of the price, the twelfth digit of the move is dollars of a rising rate.
    if distance is None or distance == 0 or distance < D("-0.99"):
        return
    gross = sum((p.size if p.inverse else p.size * p.mark_price for p in book.positions), D(1_000_000))
    assert abs(headroom(book, distance)) < gross * D("1e-10")


@given(books, st.decimals("0", "1", places=4))
def test_no_smaller_joint_move_reaches_maintenance_margin(book: MarginAccount, share: D) -> None:
    distance = joint_distance(book)
    reach = D("0.999") if distance is None else min(D("0.999"), abs(distance) - D("1e-11"))
    if reach <= 0 or distance == 0:
        return
    for sign in (1, -1):
        assert headroom(book, sign * reach * share) > D("-1e-4")


@given(books, st.decimals("0.01", "0.5", places=2), st.decimals("-1", "1", places=3))
def test_no_smaller_joint_move_leaves_less_than_the_worse_scenario(
    book: MarginAccount, size: D, share: D
) -> None:
    worst = min(run_scenario(book, s, D(1)).excess for s in joint_scenarios(size))
    inside = run_scenario(book, Scenario("inside", size * share), D(1)).excess
    assert inside >= worst - D("1e-9")


def plain(book: MarginAccount) -> bool:
    """A coin counts the same whatever else is held: no tiers, and no coin-settled loss that makes a debt."""
    return not any(item.tiers for item in book.collateral) and not any(p.inverse for p in book.positions)


@given(books, st.decimals("0", "10", places=8))
def test_a_coin_more_adds_its_unit_value_in_every_scenario(book: MarginAccount, coins: D) -> None:
    more = dataclasses.replace(
        book,
        collateral=tuple(
            dataclasses.replace(c, balance=c.balance + coins) if c.asset == "BTC" else c
            for c in book.collateral
        ),
    )
    btc = next(item for item in book.collateral if item.asset == "BTC")
    for scenario in joint_scenarios(D("0.10")):
        before, after = run_scenario(book, scenario, D(1)), run_scenario(more, scenario, D(1))
        added, value = after.excess - before.excess, coins * dict(before.unit_values)["BTC"]
        if plain(book):
            assert added == value
        else:
            # Never more than a debt of a coin weighs, never less than the last tier gives.
            price = btc.price * (1 + scenario.shock)
            last = btc.tiers[-1].ratio if btc.tiers else btc.ratio
            rounding = D("1e-30")
            assert coins * price * last - rounding <= added <= coins * price * (2 - btc.ratio) + rounding


def test_a_soft_dollar_falls_with_the_market_and_is_no_help_to_a_short() -> None:
    short = Position(
        "BTCUSDT", "BTC", "short", D(1), D(100_000), D(100_000), False, BRACKETS, None, None, settle="USDT"
    )
    cash = Collateral("USDT", D(0), D(1), D(1), None)
    soft = Collateral("USDE", D(11_000), D(1), D(1), None)
    fall, rise = joint_scenarios(D("0.1"))
    held = account((), (cash, soft))
    assert run_scenario(held, rise, D(1)).equity == D(11_000)
    assert run_scenario(held, fall, D(1)).equity == D(9_900)
    # 11,000 - 100,000 x = 0.005 * 100,000 (1 + x) - 50, as with dollars that do not move.
    assert joint_distance(account((short,), (cash, soft))) == (D(10_550) / D(100_500)).quantize(D("1e-12"))
