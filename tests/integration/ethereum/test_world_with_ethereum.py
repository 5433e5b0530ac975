"""A world with an Ethereum beside its Bitcoin: exchanges are paid over it, and a scenario works it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from emulator.chains.ethereum.deploy import USDC
from emulator.scenario import load_scenario
from emulator.scenario_accounts import ethereum_networks
from emulator.world_client import WorldProcess
from vault.ethereum.node.client import NodeClient
from vault.ethereum.view import CallRequest
from vault.evm.abi import function

SCENARIO = "2026-01-31-ethereum"
NOBODY = "0x00000000000000000000000000000000DeaDBeef"
BALANCE = function("balanceOf(address owner) returns (uint256)")


@pytest.fixture(scope="module")
def world() -> Iterator[WorldProcess]:
    with WorldProcess.start(scenario=SCENARIO, exchanges=("binance", "bybit")) as running:
        yield running


@pytest.fixture
def node(world: WorldProcess) -> NodeClient:
    assert world.report.ethereum is not None
    return NodeClient(world.report.ethereum.url, world.report.ethereum.chain_id)


def usdc(node: NodeClient, address: str) -> int:
    outcome = node.call(CallRequest(USDC, BALANCE.encode(address)), node.tip())
    return int.from_bytes(outcome.output, "big")


def test_every_exchange_has_its_stock_under_a_hot_key_of_its_own(
    world: WorldProcess, node: NodeClient
) -> None:
    plan = load_scenario(SCENARIO).ethereum
    assert plan is not None
    keys = [each.hot_key for each in world.report.venues]
    assert len(set(keys)) == 2
    for each in keys:
        assert usdc(node, each) == int(plan.venue["USDC"] * 10**6)
        assert node.balance(each, node.tip()) == int(plan.venue["ETH"] * 10**18)


def test_the_scenarios_accounts_are_opened_also_the_one_with_usdc(world: WorldProcess) -> None:
    assert {each.name for each in world.report.accounts} == {"protected", "twin", "trading-usdc"}
    for exchange, venue in world.venues.items():
        wallets: Any = venue.state("trading-usdc")["wallets"]
        held = next(wallet for wallet in wallets.values() if wallet)
        assert held == {"USDC": "1146521.06"}, exchange


def test_the_networks_on_ethereum_are_open_and_a_deposit_over_the_chain_is_credited(
    world: WorldProcess,
) -> None:
    assert world.ethereum is not None
    for exchange, venue in world.venues.items():
        code = dict(ethereum_networks(exchange))["USDC"]
        place = venue.deposit_address("trading-usdc", "USDC", network=code)
        world.ethereum.mint(USDC, place, 2_500_000)
        world.ethereum.mine(10)
        venue.tick()
        (deposit,) = venue.state("trading-usdc")["deposits"]
        assert Decimal(deposit["amount"]) == Decimal("2.5")


def test_the_scenarios_hand_funds_and_mines(world: WorldProcess, node: NodeClient) -> None:
    assert world.ethereum is not None
    before = node.tip().number
    world.ethereum.fund(NOBODY, 10**18)
    world.ethereum.mine(3)
    assert node.tip().number == before + 4
    assert node.balance(NOBODY, node.tip()) == 10**18


def test_the_bitcoin_of_the_day_is_that_of_the_scenario_it_is_based_on(world: WorldProcess) -> None:
    with WorldProcess.start() as plain:
        assert plain.report.ethereum is None
        assert plain.report.venues[0].hot_wallet == world.report.venues[0].hot_wallet
        assert plain.report.venues[0].hot_key == ""
        assert plain.venue.state("protected")["wallets"] == world.venue.state("protected")["wallets"]
        assert plain.venue.state("protected")["uid"] == world.venue.state("protected")["uid"]


def test_with_ticks_both_chains_find_blocks() -> None:
    with WorldProcess.start(scenario=SCENARIO, tick_seconds="0.05") as running:
        assert running.ethereum is not None
        first = running.ethereum.state().height
        bitcoin = running.chain.state().height
        for _ in range(1000):  # each look is a question over HTTP
            if running.ethereum.state().height > first + 1:
                break
        assert running.ethereum.state().height > first + 1
        assert running.chain.state().height > bitcoin
