"""A Bybit account end to end: worker, ccxt, HTTP, emulated server. What is read is what the server holds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from emulator.venues.engine.market import Market
from tests.support.bybit_world import ACCOUNT, COLD, MOVE, BybitWorld, bybit_world, soon
from tests.support.warm_server import WarmServer
from vault.errors import VenueError
from vault.money import BTC, Amount
from vault.venues.base import InternalTransfer

TREASURY = "test-treasury"


@pytest.fixture
def bybit(
    keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BybitWorld]:
    from quick_keyring import QuickCryptFileKeyring

    backend = QuickCryptFileKeyring()
    backend.keyring_key = os.environ["KEYRING_CRYPTFILE_PASSWORD"]
    with bybit_world(TREASURY, backend, warm, monkeypatch) as world:
        yield world


def test_a_whole_account_reads_without_a_gap_or_a_contradiction(bybit: BybitWorld) -> None:
    account = bybit.client.read_account(ACCOUNT)
    assert (account.missing, account.flags) == ((), ())
    assert {position.symbol for position in account.positions} == {"BTCUSDT", "BTCPERP", "BTCUSD"}
    assert {item.asset: item.balance for item in account.collateral} == {
        "BTC": Decimal("1.5"),
        "USDC": Decimal(500),
        "USDT": Decimal(20000),
    }
    report = bybit.server.venue.report(bybit.server.venue.account("trading"))
    for ours, theirs in (
        (account.equity, report.margin_balance),
        (account.initial_margin, report.initial_margin),
        (account.maintenance_margin, report.maintenance_margin),
        (account.balance, report.wallet_balance),
    ):
        assert ours is not None
        assert abs(ours - theirs) <= Decimal("1e-8")
    assert account.mode == "REGULAR_MARGIN"
    inverse = next(position for position in account.positions if position.inverse)
    assert (inverse.settle, inverse.size, inverse.brackets[0].cap) == ("BTC", 4000, 150)


@pytest.mark.parametrize("mode", ["ISOLATED_MARGIN", "PORTFOLIO_MARGIN"])
def test_the_other_margin_modes_read_too_and_name_what_they_do_not_say(bybit: BybitWorld, mode: str) -> None:
    bybit.server.venue.account("trading").mode = mode
    account = bybit.client.read_account(ACCOUNT)
    assert account.mode == mode
    assert account.flags == ()
    if mode == "ISOLATED_MARGIN":
        assert {"equity", "initial_margin", "maintenance_margin"} <= set(account.derived)
        assert "ratio" in account.missing
        assert all(position.isolated_margin for position in account.positions)
    else:
        assert "liquidation_price:BTCUSDT" in account.missing
        assert account.ratio is not None


def test_each_call_of_the_flow_answers(bybit: BybitWorld) -> None:
    client = bybit.client
    assert abs(client.read_clock(ACCOUNT).skew_ms) < 1000
    balance = client.spot_balance(ACCOUNT, "BTC")
    assert (balance.free, balance.locked) == (Amount.parse("100", BTC), Amount.zero(BTC))
    network = client.network_info(ACCOUNT, "BTC", "BTC")
    assert (network.fee.number, network.minimum.number, network.enabled) == ("0.00013900", "0.00027000", True)
    place = client.deposit_address(ACCOUNT, "BTC", "BTC")
    assert (place.address, place.tag, place.account_uid) == (bybit.chain.new_deposit_address(), "", bybit.uid)
    read, withdraw = client.permissions(ACCOUNT, "read"), client.permissions(ACCOUNT, "withdraw")
    assert (read.can_withdraw, read.can_transfer, read.can_trade, read.ip_restricted) == (False,) * 4
    assert (withdraw.can_withdraw, withdraw.can_transfer) == (True, True)
    assert withdraw.ip_list == ("127.0.0.1",)
    assert withdraw.expires_at is None


def test_the_address_book_is_read_with_the_withdraw_key(bybit: BybitWorld) -> None:
    bybit.control.call(
        "whitelist",
        account="trading",
        on=True,
        entries=[{"coin": "BTC", "network": "BTC", "address": COLD, "name": "cold"}],
    )
    entries = bybit.client.whitelist(ACCOUNT)
    assert entries is not None
    assert [(e.asset, e.network, e.address, e.name, e.verified) for e in entries] == [
        ("BTC", "BTC", COLD, "cold", True)
    ]


def test_a_transfer_moves_once_and_is_found(bybit: BybitWorld) -> None:
    transfer = bybit.transfer("0.25")
    receipt = bybit.client.transfer_internal(ACCOUNT, transfer)
    found = bybit.client.find_internal_transfer(ACCOUNT, transfer, soon(-300)).found
    assert [(r.venue_id, r.state, r.amount) for r in found] == [
        (receipt.venue_id, "confirmed", transfer.amount)
    ]
    assert bybit.client.spot_balance(ACCOUNT, "BTC").free == Amount.parse("100.25", BTC)


def test_the_same_transfer_sent_again_does_not_move_again(bybit: BybitWorld) -> None:
    transfer = bybit.transfer("0.25")
    bybit.client.transfer_internal(ACCOUNT, transfer)
    with pytest.raises(Exception, match="131214"):
        bybit.client.transfer_internal(ACCOUNT, transfer)
    assert len(bybit.sent(MOVE)) == 2
    assert bybit.client.spot_balance(ACCOUNT, "BTC").free == Amount.parse("100.25", BTC)


def test_a_transfer_between_other_wallets_is_refused(bybit: BybitWorld) -> None:
    transfer = InternalTransfer("unified", "spot", Amount.parse("0.1", BTC), soon())
    with pytest.raises(VenueError) as caught:
        bybit.client.transfer_internal(ACCOUNT, transfer)
    assert caught.value.code == "venue.unknown_transfer"
    assert bybit.sent(MOVE) == []


def test_a_deposit_is_pending_then_credited_then_free(bybit: BybitWorld) -> None:
    place = bybit.client.deposit_address(ACCOUNT, "BTC", "BTC")
    txid = bybit.chain.receive(place.address, 5_000_000, 0)
    seen = []
    for depth in (0, 1, 2):
        bybit.chain.confirm(depth)
        bybit.control.tick()
        found = bybit.client.find_deposit(ACCOUNT, "BTC", "BTC", txid, place.address, soon(-300))
        assert found is not None
        seen.append((found.state, found.unlocked, found.amount.number))
    assert seen == [
        ("pending", False, "0.05000000"),
        ("credited", False, "0.05000000"),
        ("credited", True, "0.05000000"),
    ]
    assert bybit.client.find_deposit(ACCOUNT, "BTC", "BTC", "ab" * 32, place.address, soon(-300)) is None


def test_a_key_of_another_account_is_refused_before_anything(bybit: BybitWorld) -> None:
    other = bybit.settings.model_copy(update={"account_uid": "7"})
    from vault.venues.client import VenueClient

    with VenueClient(TREASURY, other) as client, pytest.raises(VenueError) as caught:
        client.read_account(ACCOUNT)
    assert caught.value.code == "venue.wrong_account"
    assert bybit.control.requests(path="wallet-balance") == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("wallet-balance", "totalMarginBalance"),
        ("wallet-balance", "walletBalance"),
        ("wallet-balance", "usdValue"),
        ("position/list", "size"),
        ("position/list", "markPrice"),
        ("account/info", "marginMode"),
    ],
)
def test_a_partial_answer_is_refused_and_names_the_part(bybit: BybitWorld, path: str, field: str) -> None:
    bybit.control.fault("partial_answer", path, field=field, lasting=True)
    with pytest.raises(VenueError) as caught:
        bybit.client.read_account(ACCOUNT)
    assert caught.value.code == "venue.incomplete_answer"
    assert caught.value.details["missing"].endswith(field)


def test_a_position_left_out_or_doubled_is_flagged(bybit: BybitWorld) -> None:
    bybit.control.fault("partial_answer", "position/list", lasting=True)
    flags = bybit.client.read_account(ACCOUNT).flags
    assert sum(flag.startswith("positions_mismatch") for flag in flags) == 3
    bybit.control.clear_faults()
    bybit.control.fault("duplicate_entries", "position/list", lasting=True)
    account = bybit.client.read_account(ACCOUNT)
    assert len(account.positions) == 3
    assert sum(flag.startswith("position_twice") for flag in account.flags) == 3


def test_an_unknown_field_and_more_digits_change_nothing(bybit: BybitWorld) -> None:
    before = bybit.client.read_account(ACCOUNT)
    bybit.control.fault("unknown_field", "/v5/", lasting=True)
    after = bybit.client.read_account(ACCOUNT)
    assert (after.equity, after.collateral, after.flags) == (before.equity, before.collateral, ())


def test_a_contract_the_venue_no_longer_lists_is_named_and_does_not_spoil_the_account(
    bybit: BybitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = Market.linear
    monkeypatch.setattr(Market, "linear", lambda market: [c for c in listed(market) if c.symbol != "BTCPERP"])
    account = bybit.client.read_account(ACCOUNT)
    assert set(account.missing) == {"brackets:BTCPERP", "mark_price:BTCPERP"}
    assert len(account.positions) == 3


def test_a_maintenance_window_is_an_error_that_names_it(bybit: BybitWorld) -> None:
    bybit.control.fault("maintenance", "wallet-balance")
    with pytest.raises(VenueError) as caught:
        bybit.client.read_account(ACCOUNT)
    assert (caught.value.code, caught.value.details["venue_code"]) == ("venue.refused", "10016")
