"""A world with every emulated exchange: the scenario's accounts at each, one chain behind all of them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import pytest

from emulator import scenario_accounts
from emulator.venues.serving import exchange as exchanges
from emulator.world_client import WorldProcess

EXCHANGES: Final = ("binance", "bybit", "okx", "deribit", "kraken")
# Its accounts are addresses of whoever has their keys: no scenario opens any.
OF_ADDRESSES: Final = "hyperliquid"


@pytest.fixture(scope="module")
def world() -> Iterator[WorldProcess]:
    with WorldProcess.start(exchanges=EXCHANGES) as running:
        yield running


def test_every_emulated_exchange_can_be_in_a_world() -> None:
    assert {*EXCHANGES, OF_ADDRESSES} == set(exchanges.known())
    with WorldProcess.start(exchanges=("binance", OF_ADDRESSES)) as running:
        owner = "0x" + "11" * 20
        venue = running.venues[OF_ADDRESSES]
        venue.create_account("ours", keys=[{"key": owner, "secret": "-"}], wallets={"perp": {"USDC": "10"}})
        assert venue.state("ours")["wallets"]["perp"] == {"USDC": "10"}
        assert {account.exchange for account in running.report.accounts} == {"binance"}
        assert running.report.arbitrum is not None
        assert running.report.arbitrum.chain_id == 42161
        assert running.arbitrum is not None
        assert running.arbitrum.state().height > 0
        assert running.report.ethereum is None
        assert running.ethereum is None


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_the_scenarios_accounts_stand_at_each_exchange_with_their_margin(
    world: WorldProcess, exchange: str
) -> None:
    for plan in world.scenario.accounts:
        state = world.venues[exchange].state(plan.name)
        held = state["wallets"][scenario_accounts.margin_wallet(exchange)]
        assert {asset: Decimal(amount) for asset, amount in held.items()} == plan.futures
        (position,) = state["positions"]
        size = scenario_accounts.contract(exchange).contract_size
        assert Decimal(position["quantity"]) * size == plan.position.quantity
        named = scenario_accounts.account_uid(exchange, state["uid"])
        assert world.account(plan.name, exchange).uid == named


def test_keys_have_the_parts_their_exchange_asks_for(world: WorldProcess) -> None:
    name = world.scenario.accounts[0].name
    parts = {exchange: set(world.account(name, exchange).withdraw.parts()) for exchange in EXCHANGES}
    pair = {"key", "secret"}
    assert parts == {
        "binance": pair,
        "bybit": pair,
        "deribit": pair,
        "okx": {*pair, "password"},
        "kraken": {*pair, "futures_key", "futures_secret"},
    }
    assert world.account(name, "kraken").uid.startswith("AA")


def test_no_secret_is_in_the_file_that_is_left_behind(world: WorldProcess) -> None:
    text = (world.directory / "world.json").read_text(encoding="utf-8")
    for account in world.report.accounts:
        for pair in (account.read, account.withdraw):
            secrets = [value for part, value in pair.parts().items() if part not in {"key", "futures_key"}]
            assert secrets
            assert not [value for value in secrets if value in text]


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_what_is_paid_to_one_exchange_is_credited_there_alone(world: WorldProcess, exchange: str) -> None:
    name = world.scenario.accounts[0].name
    address = world.venues[exchange].deposit_address(name)
    world.chain.fund(address, 1_000_000, confirmations=6)
    for venue in world.venues.values():
        venue.tick()
    seen = {
        other: [row for row in venue.state(name)["deposits"] if row["address"] == address]
        for other, venue in world.venues.items()
    }
    assert [row["amount"] for row in seen.pop(exchange)] == ["0.01"]
    assert not any(seen.values())


def test_without_a_choice_it_is_binance_alone() -> None:
    with WorldProcess.start() as world:
        assert list(world.venues) == ["binance"]
        assert world.account("protected").exchange == "binance"
