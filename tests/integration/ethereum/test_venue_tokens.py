"""Dollars and ether withdrawn from every exchange to Ethereum, settled to the base unit, and back again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.ethereum_venues import (
    ASKED,
    ASSETS,
    DEPTH,
    EXCHANGES,
    NETWORK,
    Payer,
    TokenBench,
    TokenDesk,
    amount,
)
from vault.errors import PlanError, VaultError
from vault.evm.address import evm_checksummed
from vault.store import venues as known
from vault.treasury.settle_withdrawal import LOOK_BACK
from vault.venues.client import VenueClient

EACH = [(exchange, asset) for exchange in EXCHANGES for asset in ASSETS]


# -- out -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("exchange", "asset"), EACH)
def test_a_withdrawal_arrives_to_the_base_unit(
    desk: TokenDesk, bench: TokenBench, exchange: str, asset: str
) -> None:
    cold = bench.cold()
    plan = desk.plan(exchange, (asset, ASKED[asset], cold))
    txid = desk.paid(plan, exchange)
    assert desk.settle(plan).state == "sent"
    bench.chain.mine(DEPTH - 2)
    assert desk.settle(plan).state == "sent"
    bench.chain.mine()
    done = desk.settle(plan)
    assert (done.state, done.reference) == ("done", txid)
    assert bench.holds(asset, cold) == plan.transfer(1).amount.units
    assert {"network": NETWORK, "confirmations": str(DEPTH)}.items() <= done.facts.items()
    with desk.desk.store.read() as connection:
        (way,) = known.known_ways(connection)
    assert (way.venue, way.asset, way.network) == (exchange, asset, bench.place(exchange, asset))


def test_the_venues_list_the_tokens_that_we_know(venues: VenueClient, bench: TokenBench) -> None:
    for exchange in EXCHANGES:
        bench.allow(exchange, bench.cold())
        for asset in ASSETS:
            found = venues.network_info(exchange, asset, bench.place(exchange, asset))
            assert found.fee.asset.symbol == asset
            assert found.enabled and found.deposit_enabled


@pytest.mark.parametrize(
    ("exchange", "asset"), [("binance", "USDC"), ("bybit", "USDT"), ("okx", "USDC"), ("binance", "ETH")]
)
def test_another_token_at_the_venue_is_refused_before_anything_is_sent(
    desk: TokenDesk, bench: TokenBench, monkeypatch: pytest.MonkeyPatch, exchange: str, asset: str
) -> None:
    plan = desk.plan(exchange, (asset, ASKED[asset], bench.cold()))
    network = bench.servers[exchange].venue.network(asset, bench.place(exchange, asset))
    monkeypatch.setattr(network, "contract", "0x" + "12" * 20)
    with pytest.raises(VaultError) as caught:
        desk.send(plan)
    assert caught.value.code == "venue.other_token"
    assert desk.step(plan).state == "unsent"


def test_a_plan_for_another_chain_is_never_sent(desk: TokenDesk, bench: TokenBench) -> None:
    plan = desk.plan("binance", ("USDC", "100", bench.cold()), network="eip155:42161")
    with pytest.raises(PlanError) as caught:
        desk.send(plan)
    assert caught.value.code == "plan.other_chain"
    assert not any(each.address == plan.transfer(1).payment.address for each in _recorded(bench, "binance"))


def _recorded(bench: TokenBench, exchange: str) -> list[Any]:
    return list(bench.servers[exchange].venue.withdrawals.records)


# -- in ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("exchange", "asset"), EACH)
def test_a_deposit_is_found_by_its_transaction_and_credited(
    desk: TokenDesk, bench: TokenBench, payer: Payer, exchange: str, asset: str
) -> None:
    venues, network = desk.desk.venues, bench.place(exchange, asset)
    place = venues.deposit_address(exchange, asset, network)
    assert place.address == evm_checksummed(place.address.lower())
    since = desk.desk.clock.now() - LOOK_BACK
    paid = amount(asset, "50.123456")
    txid = payer.pay(asset, place.address, paid.units)

    def found(address: str = place.address, named: str = txid) -> Any:
        return venues.find_deposit(exchange, asset, network, named, address, since)

    bench.tick(exchange)
    seen = found()
    assert seen is None or seen.state == "pending"
    bench.chain.mine(5)
    bench.tick(exchange)
    credited = found()
    assert (credited.state, credited.amount) == ("credited", paid)
    assert found(place.address.lower()) == credited
    assert found(bench.cold()) is None
    others = [each for each in ASSETS if each != asset]
    for other in others:
        assert (
            venues.find_deposit(exchange, other, bench.place(exchange, other), txid, place.address, since)
            is None
        )


def test_a_deposit_address_in_one_letter_case_gets_its_checksum_and_a_wrong_one_is_refused(
    desk: TokenDesk, bench: TokenBench
) -> None:
    place = desk.desk.venues.deposit_address("binance", "USDC", "ETH").address
    control = bench.control("binance")

    def shown(address: str) -> str:
        control.deposit_address("main", "USDC", network="ETH", show=address)
        return desk.desk.venues.deposit_address("binance", "USDC", "ETH").address

    try:
        assert shown(place.lower()) == place
        assert shown("0x" + place[2:].upper()) == place
        at = next(n for n, char in enumerate(place[2:], start=2) if char.isalpha())
        with pytest.raises(VaultError) as caught:
            shown(place[:at] + place[at].swapcase() + place[at + 1 :])
        assert caught.value.code == "venue.bad_answer"
    finally:
        control.deposit_address("main", "USDC", network="ETH", restore=True)
