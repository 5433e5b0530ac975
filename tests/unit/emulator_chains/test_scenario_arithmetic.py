"""What the comment in scenarios/2026-01-31.toml claims, computed by the venue's own margin engine."""

from __future__ import annotations

from decimal import Decimal

import pytest

from emulator.scenario import AccountPlan, Scenario, Step, load_scenario
from emulator.venues.binance.margin import UsdMargin
from emulator.venues.binance.profile import collateral, default_market
from emulator.venues.engine.margin import Prices
from emulator.venues.engine.positions import Position

ONE = Decimal(1)
SHOCK = Decimal("0.1")


@pytest.fixture(scope="module")
def day() -> Scenario:
    return load_scenario()


def margin_left(
    account: AccountPlan, step: Step, *, move: Decimal = Decimal(0), btc: Decimal = Decimal(0)
) -> Decimal:
    """Margin balance minus maintenance margin after a joint move, with `btc` more collateral."""
    plan = account.position
    position = Position(plan.symbol, plan.quantity, plan.entry_price, plan.leverage)
    balances = {**account.futures, "BTC": account.futures["BTC"] + btc}
    brackets = {name: market.brackets for name, market in default_market().symbols.items()}
    prices = Prices({plan.symbol: step.mark * (ONE + move)}, {"BTC": step.index * (ONE + move), "USDT": ONE})
    report = UsdMargin(brackets, collateral()).assess(balances, [position], prices)
    return report.margin_balance - report.maintenance_margin


def stress_excess(account: AccountPlan, step: Step, btc: Decimal = Decimal(0)) -> Decimal:
    return min(margin_left(account, step, move=move, btc=btc) for move in (-SHOCK, SHOCK))


def test_calm_excess_is_above_the_ceiling_and_a_sweep_of_six_coins_meets_the_target(day: Scenario) -> None:
    protected, calm = day.account("protected"), day.first("calm")
    assert stress_excess(protected, calm) == 707_596 > 2 * day.levels.ceiling
    assert stress_excess(protected, calm, btc=Decimal(-6)) == day.levels.target


def test_the_twin_is_what_the_protected_account_is_after_the_sweep(day: Scenario) -> None:
    protected, twin = day.account("protected"), day.account("twin")
    assert twin.position == protected.position
    assert dict(twin.futures) == {**protected.futures, "BTC": protected.futures["BTC"] - 6}


def test_excess_stays_above_the_floor_on_the_eve_and_is_under_it_at_the_open(day: Scenario) -> None:
    twin = day.account("twin")
    assert stress_excess(twin, day.first("warning")) > day.levels.floor
    assert stress_excess(twin, day.first("fragile")) == Decimal(17_053)
    assert stress_excess(twin, day.first("breach")) < 0 < day.levels.floor


def test_the_twin_fails_in_the_flush_and_not_before(day: Scenario) -> None:
    twin = day.account("twin")
    alive = [step.phase for step in day.steps if margin_left(twin, step) > 0]
    assert alive == ["calm", "warning", "fragile", "breach", "fall", "fall", "fall", "recovery"]
    assert margin_left(twin, day.first("flush")) == Decimal("-8805.5")
    assert day.first("flush").time < day.first("low").time


def test_a_top_up_to_the_target_at_the_open_survives_the_low(day: Scenario) -> None:
    twin, open_ = day.account("twin"), day.first("breach")
    missing = day.levels.target - stress_excess(twin, open_)
    coins = (missing / (Decimal("0.95") * (ONE - SHOCK) * open_.index)).quantize(Decimal("0.00000001"))
    assert Decimal("3.617") < coins < Decimal("3.619")
    assert all(margin_left(twin, step, btc=coins) > 200_000 for step in day.steps)


def test_even_the_unswept_account_would_fail_its_own_stress_at_the_low(day: Scenario) -> None:
    assert stress_excess(day.account("protected"), day.first("low")) < 0


def test_the_day_has_the_published_shape(day: Scenario) -> None:
    open_, low, close = day.first("breach"), day.first("low"), day.first("recovery")
    fall = ONE - low.index / open_.index
    assert Decimal("0.1005") < fall < Decimal("0.1015")
    assert low.index < 76_000
    assert close.index == 78_621
    assert low.liquidated_24h_usd == 2_560_000_000


def test_cold_and_staging_hold_enough_for_two_top_ups(day: Scenario) -> None:
    assert day.funding_of_wallets.cold > 2 * 4
    assert day.funding_of_wallets.venue > 6
    assert {device.label for device in day.devices} == {"cold", "staging"}
