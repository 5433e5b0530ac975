"""The day with Ethereum: the same Bitcoin story, and what is claimed of the account with USDC, computed."""

from __future__ import annotations

from dataclasses import replace
from decimal import ROUND_FLOOR, Decimal
from pathlib import Path

import pytest

from emulator.scenario import SCENARIOS, AccountPlan, Scenario, Step, load_scenario
from emulator.strict_toml import ScenarioError
from emulator.venues.binance.margin import UsdMargin
from emulator.venues.binance.profile import collateral, default_market
from emulator.venues.engine.margin import Prices
from emulator.venues.engine.positions import Position

ONE = Decimal(1)
SHOCK = Decimal("0.1")
RATIO = Decimal("0.9999")
CENT = Decimal("0.01")
OURS = (SCENARIOS / "2026-01-31-ethereum.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def day() -> Scenario:
    return load_scenario("2026-01-31-ethereum")


def margin_left(account: AccountPlan, step: Step, usdc: Decimal, move: Decimal = Decimal(0)) -> Decimal:
    """Margin balance minus maintenance margin with so much USDC, when all but the dollar moved."""
    plan = account.position
    position = Position(plan.symbol, plan.quantity, plan.entry_price, plan.leverage)
    brackets = {name: market.brackets for name, market in default_market().symbols.items()}
    prices = Prices({plan.symbol: step.mark * (ONE + move)}, {"USDC": ONE, "USDT": ONE})
    report = UsdMargin(brackets, collateral()).assess({"USDC": usdc}, [position], prices)
    return report.margin_balance - report.maintenance_margin


def stress_excess(account: AccountPlan, step: Step, usdc: Decimal) -> Decimal:
    return min(margin_left(account, step, usdc, move) for move in (-SHOCK, SHOCK))


def test_nothing_of_the_bitcoin_story_changes(day: Scenario) -> None:
    base = load_scenario()
    assert day.story == base.story == base.name
    assert day.accounts[: len(base.accounts)] == base.accounts
    assert day.devices[: len(base.devices)] == base.devices
    same = replace(day, name=base.name, title=base.title, based_on="", devices=base.devices)
    assert replace(same, accounts=base.accounts, ethereum=None) == base
    assert base.ethereum is None


def test_the_account_is_swept_in_the_calm_topped_up_on_the_day_and_lives(day: Scenario) -> None:
    account, levels = day.account("trading-usdc"), day.levels
    before = account.futures["USDC"]
    calm = stress_excess(account, day.first("calm"), before)
    assert calm == Decimal("649960.007894") > levels.ceiling
    sweep = ((calm - levels.target) / RATIO).quantize(CENT, ROUND_FLOOR)
    assert sweep == 400_000
    left = before - sweep
    assert 0 <= stress_excess(account, day.first("calm"), left) - levels.target < 1
    assert stress_excess(account, day.first("fragile"), left) == Decimal("23956.007894") > levels.floor
    open_ = stress_excess(account, day.first("breach"), left)
    assert open_ == Decimal("-2579.592106") < levels.floor
    top_up = ((levels.target - open_) / RATIO).quantize(CENT, ROUND_FLOOR)
    assert top_up == Decimal("252604.85")
    assert all(margin_left(account, step, left + top_up) > 200_000 for step in day.steps)


def test_without_the_top_up_it_is_liquidated_in_the_flush_and_not_before(day: Scenario) -> None:
    account = day.account("trading-usdc")
    left = account.futures["USDC"] - 400_000
    alive = [step.phase for step in day.steps if margin_left(account, step, left) > 0]
    assert alive == ["calm", "warning", "fragile", "breach", "fall", "fall", "fall", "recovery"]
    assert margin_left(account, day.first("flush"), left) == Decimal("-2579.592106")


def test_what_stands_ready_on_ethereum_pays_for_it(day: Scenario) -> None:
    assert day.ethereum is not None
    assert day.ethereum.venue["USDC"] > 400_000
    # The larger half of a cold account stays, as the shipped policies have it.
    assert (day.ethereum.accounts["cold"]["USDC"] + 400_000 - 1) / 2 > 252_605
    assert day.ethereum.accounts["gas"]["ETH"] > 0


def test_the_third_owner_shows_what_it_signs_whatever_the_others_play(day: Scenario) -> None:
    played = {plan.label: plan.persona for plan in day.with_persona("trezor-one").devices}
    assert played == {"cold": "trezor-one", "staging": "trezor-one", "third": "trezor-core"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'based_on = "2026-01-31"',
            'based_on = "2026-01-31-ethereum"',
            "expected a scenario that stands by it",
        ),
        ('based_on = "2026-01-31"', 'based_on = "2020-03-12"', "2020-03-12"),
        ('name = "trading-usdc"', 'name = "protected"', "expected distinct names"),
        ("[ethereum]\n", "[ethereum]\nhot = { ETH = '1' }\n", "expected one of venue, cold, staging, gas"),
        ('gas = { ETH = "2" }', 'gas = { DAI = "2" }', "expected amounts of ETH, USDC, USDT"),
        ('gas = { ETH = "2" }', "gas = { ETH = 2.5 }", "expected a decimal in quotes"),
        ("fixed = true", 'fixed = "yes"', "expected true or false"),
        ("[ethereum]\n", 'symbol = "ETHUSDT"\n[ethereum]\n', "unknown key"),
    ],
)
def test_refuses_a_file_and_names_what_is_wrong(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in OURS
    (tmp_path / "day.toml").write_text(OURS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ScenarioError, match=told):
        load_scenario(str(tmp_path / "day.toml"))
