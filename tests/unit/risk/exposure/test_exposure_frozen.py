"""A frozen venue: who needs its money elsewhere, and that what is unknown is nothing to lean on."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.policy import policy_world as world
from vault.errors import PolicyError
from vault.risk.exposure.defaults import DEFAULT_SCENARIOS, named
from vault.risk.exposure.frozen import Dependence, dependence
from vault.risk.exposure.scenario import ScenarioSpec

D = Decimal
NOTHING = D(0)
FROZEN = ScenarioSpec("frozen", "frozen", "because", hours=D(4), both_ways=True)
BIG = world.account(name="big", exchange="binance", available_to_withdraw=D(10**6))
WEAK = world.account(name="weak", exchange="bybit", coins="6", available_to_withdraw=D(0))


def depend(
    *accounts: Any, exchange: str = "binance", wallets: D | None = NOTHING, **changes: Any
) -> Dependence:
    spec = dataclasses.replace(FROZEN, **changes)
    return dependence(accounts, spec, exchange, D(1), D("0.05"), wallets_usd=wallets)


def test_an_account_that_only_the_frozen_money_could_save_depends_on_it() -> None:
    found = depend(BIG, WEAK)
    assert (found.case, found.locked, found.elsewhere) == ("-20 %", BIG.equity, D(0))
    assert [name for name, _ in found.needs] == ["weak"]
    assert found.uncovered == found.needs[0][1]
    assert found.dependents == ("weak",)


def test_coins_in_wallets_cover_it_at_their_fallen_price() -> None:
    need = depend(BIG, WEAK).uncovered
    assert depend(BIG, WEAK, wallets=need).uncovered == need - need * D("0.8")
    covered = depend(BIG, WEAK, wallets=need * 2)
    assert (covered.uncovered, covered.dependents) == (D(0), ())


def test_accounts_of_the_frozen_exchange_cannot_help_each_other() -> None:
    other = dataclasses.replace(BIG, name="other")
    assert depend(BIG, other, WEAK).elsewhere == 0
    elsewhere = dataclasses.replace(BIG, name="other", exchange="kraken", collateral=BIG.collateral)
    rich = dataclasses.replace(elsewhere, positions=())
    assert depend(BIG, rich, WEAK).elsewhere > 0


def test_nobody_spares_more_than_the_venue_lets_out_nor_what_a_custodian_holds() -> None:
    rich = dataclasses.replace(BIG, name="rich", exchange="kraken", positions=())
    little = dataclasses.replace(rich, available_to_withdraw=D(7))
    assert depend(BIG, little, WEAK).elsewhere == 7
    assert depend(BIG, dataclasses.replace(rich, custody="off_exchange"), WEAK).elsewhere == 0
    unsaid = depend(BIG, dataclasses.replace(rich, available_to_withdraw=None), WEAK)
    assert (unsaid.elsewhere, unsaid.unknown) == (D(0), ("rich: what can be withdrawn",))


def test_wallets_of_unknown_worth_are_nothing_to_lean_on_and_are_named() -> None:
    found = depend(BIG, WEAK, wallets=None)
    assert found.unknown == ("what the wallets are worth",)
    assert found.dependents == ("weak",)


def test_an_account_that_cannot_be_computed_is_named_on_either_side() -> None:
    broken = dataclasses.replace(WEAK, collateral=())
    assert "weak: " in depend(BIG, broken).unknown[0]
    assert depend(BIG, broken, exchange="bybit").locked is None


def test_all_accounts_are_put_through_the_same_move() -> None:
    """A long and a short of the same size are never short of money at once."""
    short = dataclasses.replace(WEAK.positions[0], side="short", entry_price=D(89_240))
    upside = dataclasses.replace(WEAK, name="upside", exchange="okx", positions=(short,))
    found = depend(BIG, WEAK, upside)
    assert [name for name, _ in found.needs] == ["weak"]


@settings(max_examples=30)
@given(st.decimals("0.1", "8", places=1), st.decimals("0", "8", places=1))
def test_a_longer_freeze_never_leaves_less_uncovered(hours: D, more: D) -> None:
    assert depend(BIG, WEAK, hours=hours + more).uncovered >= depend(BIG, WEAK, hours=hours).uncovered


def test_refuses_a_scenario_in_which_nothing_is_frozen() -> None:
    wick = named(DEFAULT_SCENARIOS, "wick")
    assert wick is not None
    with pytest.raises(PolicyError):
        dependence((BIG,), wick, "binance", D(1), D("0.05"), wallets_usd=None)
