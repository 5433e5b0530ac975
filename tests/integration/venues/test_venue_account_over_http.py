"""Unmodified ccxt in the real worker reads the emulated exchange over HTTP: numbers are its raw strings."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from emulator.venues.engine.chain_port import Deposit
from vault.errors import GuardError, SecretError, VaultError, VenueError
from vault.markets.feeds.venue.present import read_market
from vault.money import BTC, USDT, Amount
from vault.venues.base import InternalTransfer

ACCOUNT = "binance-main"


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def test_the_margin_account_equals_the_exchange_s_own_books(world: Any) -> None:
    world.control.mark("BTCUSDT", "76543.21")
    account = world.client.read_account(ACCOUNT)
    margin = world.control.state("trading")["margin"]
    assert account.equity == Decimal(margin["margin_balance"])
    assert account.initial_margin == Decimal(margin["initial_margin"])
    assert account.maintenance_margin == Decimal(margin["maintenance_margin"])
    assert account.available_to_withdraw is not None
    assert abs(account.available_to_withdraw - Decimal(margin["available"])) < Decimal("0.00000001")
    assert [(item.asset, item.balance, item.ratio) for item in account.collateral] == [
        ("BTC", Decimal("2.5"), Decimal("0.95")),
        ("USDT", Decimal("20000"), Decimal(1)),
    ]
    (position,) = account.positions
    assert (position.symbol, position.base, position.side) == ("BTCUSDT", "BTC", "long")
    assert (position.size, position.entry_price) == (Decimal(3), Decimal(79000))
    assert position.mark_price == Decimal("76543.21")
    assert position.venue_liquidation_price is not None
    assert position.brackets[2].cum == Decimal(1300)
    assert account.missing == ()
    assert account.flags == ()
    assert account.uid == world.uid


def test_a_price_that_a_float_would_break_arrives_digit_by_digit(world: Any) -> None:
    world.control.mark("BTCUSDT", "80000.00000001")
    account = world.client.read_account(ACCOUNT)
    assert account.positions[0].mark_price == Decimal("80000.00000001")


def test_a_key_of_another_account_is_refused_before_anything_else(world: Any) -> None:
    with world.open(account_uid="999") as client:
        for call in (
            lambda: client.read_account(ACCOUNT),
            lambda: client.withdraw(ACCOUNT, world.request()),
            lambda: client.deposit_address(ACCOUNT, "BTC", "BTC"),
        ):
            with pytest.raises(VenueError) as caught:
                call()
            assert caught.value.code == "venue.wrong_account"
    assert world.control.requests(method="POST") == []
    assert world.control.requests(path="deposit/address") == []


def test_a_real_venue_is_refused(world: Any) -> None:
    for url in (None, "https://api.binance.com", "http://localhost:1"):
        with world.open(url=url) as client, pytest.raises(GuardError) as caught:
            client.read_account(ACCOUNT)
        assert caught.value.code == "guard.real_venue"


def test_a_missing_key_is_a_typed_error(world: Any) -> None:
    with world.open(name="not-in-the-keyring") as client:
        with pytest.raises(SecretError) as caught:
            client.read_account("not-in-the-keyring")
        assert caught.value.code == "secret.missing"


def test_a_slow_and_a_dead_venue_spoil_no_other(world: Any) -> None:
    from vault.venues.client import VenueClient

    settings = [world.settings]
    settings.append(type(world.settings)(**{**world.settings.model_dump(), "name": "binance-second"}))
    dead = {**world.settings.model_dump(), "name": "dead", "url": "http://127.0.0.1:9"}
    settings.append(type(world.settings)(**dead))
    with VenueClient(world.treasury, *settings) as client:
        # Only the first account that asks for its positions is held.
        world.control.fault("hang", "/fapi/v3/positionRisk", seconds="30")
        results = client.read_accounts(("binance-main", "binance-second", "dead"))
    kinds = sorted(
        getattr(result, "code", "read") for name, result in results.items() if name.startswith("binance")
    )
    assert kinds == ["read", "venue.timeout"]
    assert isinstance(results["dead"], VaultError)


def test_spot_balance_networks_and_permissions(world: Any) -> None:
    assert world.client.spot_balance(ACCOUNT, "BTC").free == Amount.parse("100", BTC)
    assert world.client.spot_balance(ACCOUNT, "USDT").free == Amount.zero(USDT)
    network = world.client.network_info(ACCOUNT, "BTC", "BTC")
    assert (network.enabled, network.fee.number, network.minimum.number) == (True, "0.00001500", "0.00012000")
    world.control.withdrawals(suspended=True)
    assert not world.client.network_info(ACCOUNT, "BTC", "BTC").enabled
    read = world.client.permissions(ACCOUNT, "read")
    withdraw = world.client.permissions(ACCOUNT, "withdraw")
    assert (read.can_withdraw, read.can_trade, read.ip_restricted) == (False, False, False)
    assert (withdraw.can_withdraw, withdraw.can_trade, withdraw.ip_restricted) == (True, False, True)


def test_a_read_key_cannot_withdraw_at_the_venue(world: Any) -> None:
    with pytest.raises(VenueError) as caught:
        world.client.network_info(ACCOUNT, "BTC", "LIGHTNING")
    assert caught.value.code == "venue.unknown_network"


def test_an_internal_transfer_is_made_and_found(world: Any) -> None:
    transfer = InternalTransfer("futures", "spot", Amount.parse("0.12345678", BTC), world.soon())
    receipt = world.client.transfer_internal(ACCOUNT, transfer)
    search = world.client.find_internal_transfer(ACCOUNT, transfer, now() - timedelta(minutes=1))
    assert [found.venue_id for found in search.found] == [receipt.venue_id]
    assert search.found[0].state == "confirmed"
    other = InternalTransfer("futures", "spot", Amount.parse("0.12345679", BTC), world.soon())
    back = InternalTransfer("spot", "futures", transfer.amount, world.soon())
    for different in (other, back):
        assert not world.client.find_internal_transfer(ACCOUNT, different, now() - timedelta(minutes=1)).found
    assert world.client.spot_balance(ACCOUNT, "BTC").free == Amount.parse("100.12345678", BTC)


def test_a_deposit_is_pending_then_credited(world: Any) -> None:
    shown = world.client.deposit_address(ACCOUNT, "BTC", "BTC")
    assert shown.account_uid == world.uid
    txid, since = "ab" * 32, now() - timedelta(minutes=5)

    def find() -> Any:
        return world.client.find_deposit(ACCOUNT, "BTC", "BTC", txid, shown.address, since)

    assert find() is None
    for confirmations, state, unlocked in (
        (0, "pending", False),
        (1, "credited", False),
        (2, "credited", True),
    ):
        world.chain.seen = [Deposit(txid, 0, shown.address, 12_345_678, confirmations)]
        world.control.tick()
        deposit = find()
        assert (deposit.state, deposit.unlocked) == (state, unlocked)
        assert deposit.amount == Amount(BTC, 12_345_678)
    assert world.client.find_deposit(ACCOUNT, "BTC", "BTC", txid, world.address, since) is None


def test_a_withdrawal_is_followed_to_completion(world: Any) -> None:
    request = world.request()
    receipt = world.client.withdraw(ACCOUNT, request)
    states, since = [], now() - timedelta(minutes=5)
    for _ in range(4):
        status = world.client.find_withdrawal(ACCOUNT, request, since)
        states.append(status.state)
        world.control.tick()
    assert states == ["processing", "processing", "sent", "completed"]
    assert status.venue_id == receipt.venue_id
    assert status.gross == request.amount
    assert (status.amount.number, status.fee.number) == ("0.24998500", "0.00001500")
    assert world.chain.paid == [(request.address, 24_998_500)]
    assert len(status.txid) == 64


def test_a_withdrawal_the_venue_rejects_is_refused_not_lost(world: Any) -> None:
    world.control.withdrawals(reject_next=1)
    world.client.withdraw(ACCOUNT, world.request())
    world.control.tick(3)
    status = world.client.find_withdrawal(ACCOUNT, world.request(), now() - timedelta(minutes=5))
    assert (status.state, status.txid) == ("refused", None)


def test_two_withdrawals_under_one_client_id_are_never_taken_for_one(world: Any) -> None:
    world.client.withdraw(ACCOUNT, world.request())
    world.client.withdraw(ACCOUNT, world.request())
    with pytest.raises(VenueError) as caught:
        world.client.find_withdrawal(ACCOUNT, world.request(), now() - timedelta(minutes=5))
    assert caught.value.code == "venue.withdrawn_twice"


def test_the_market_is_read_through_the_same_worker(world: Any) -> None:
    ask = lambda endpoint, parameters: world.client.public(ACCOUNT, endpoint, parameters)  # noqa: E731
    reading = read_market(ask, "binance", ACCOUNT, "BTCUSDT", now())
    assert reading.mark_price == Decimal(80000)
    assert reading.funding_interval_hours == 8
    assert reading.open_interest == Decimal(90003)  # 90,000 and what the account holds
    assert (reading.spot_volume_24h, reading.perp_volume_24h) == (Decimal(30000), Decimal(180000))
    assert reading.depth_bid_10bp is not None
    assert reading.spread is not None
    raw = json.loads(world.client.public(ACCOUNT, "fapiPublicGetDepth", (("symbol", "BTCUSDT"),)).text)
    assert raw["bids"]


def test_only_public_endpoints_can_be_asked_for_as_raw_text(world: Any) -> None:
    for endpoint in ("sapiPostCapitalWithdrawApply", "privateGetAccount", "__class__", "close"):
        with pytest.raises(VenueError) as caught:
            world.client.public(ACCOUNT, endpoint)
        assert caught.value.code == "venue.not_public"
    assert world.control.requests() == []


def test_public_requests_carry_no_key(world: Any) -> None:
    world.client.public(ACCOUNT, "fapiPublicGetPremiumIndex", (("symbol", "BTCUSDT"),))
    assert [row["api_key"] for row in world.control.requests()] == [None]
