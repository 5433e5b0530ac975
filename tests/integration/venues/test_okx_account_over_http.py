"""An OKX account through the worker: margin, wallets, deposits, transfers and withdrawals over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.okx_world import ACCOUNT, COLD, NETWORK, OkxWorld, fill, okx_world, soon
from tests.support.warm_server import WarmServer
from vault.errors import VaultError, VenueError
from vault.money import BTC, XRP, Amount
from vault.venues import client as venue_client
from vault.venues.base import InternalTransfer

RIPPLE = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"


@pytest.fixture
def worker(keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from quick_keyring import QuickCryptFileKeyring

    fill(QuickCryptFileKeyring(), "only for tests")
    monkeypatch.setattr(venue_client, "_start", warm.worker)


@pytest.fixture
def world(worker: None) -> Iterator[OkxWorld]:
    with okx_world() as made:
        yield made


def refused(call: Any, *arguments: Any) -> VaultError:
    with pytest.raises(VaultError) as caught:
        call(*arguments)
    return caught.value


def test_the_account_is_read_with_its_parts_and_nothing_contradicts(world: OkxWorld) -> None:
    account = world.client.read_account(ACCOUNT)
    assert (account.exchange, account.mode, account.uid) == (
        "okx",
        "multi_currency",
        world.settings.account_uid,
    )
    assert account.flags == ()
    assert account.missing == ("available_to_withdraw",)
    # 2 BTC at 60,000 and 98 %, 11,001,000 USDT in tiers of 1, .9 and .8.
    assert account.equity == 117_600 + 10_300_800
    assert (account.initial_margin, account.maintenance_margin) == (6000, 240)
    assert account.ratio is not None
    assert account.ratio.bad == "down"
    tether = next(item for item in account.collateral if item.asset == "USDT")
    assert [tier.ratio for tier in tether.tiers] == [1, Decimal("0.9"), Decimal("0.8")]
    position = account.positions[0]
    assert (position.size, position.settle, position.isolated) == (1, "USDT", False)
    assert position.brackets[0].cap == 600_000
    assert {reading.what for reading in account.sources} == {"account", "mark:BTC-USDT-SWAP"}


def test_an_inverse_isolated_position_is_read_too(world: OkxWorld) -> None:
    world.control.call(
        "position",
        account="main",
        symbol="BTC-USD-SWAP",
        quantity="-10",
        entry_price="59000",
        leverage=10,
        isolated_margin="0.01",
    )
    account = world.client.read_account(ACCOUNT)
    assert account.flags == ()
    inverse = next(item for item in account.positions if item.inverse)
    assert (inverse.size, inverse.side, inverse.isolated_margin) == (1000, "short", Decimal("0.01"))
    bitcoin = next(item for item in account.collateral if item.asset == "BTC")
    assert (bitcoin.balance, bitcoin.ratio) == (2, Decimal("0.98"))


@pytest.mark.parametrize(("mode", "equity"), [("futures", 11_001_000), ("spot", 11_121_000)])
def test_the_other_modes_are_derived_and_say_so(worker: None, mode: str, equity: int) -> None:
    with okx_world(mode) as world:
        if mode == "spot":
            world.control.call(
                "position", account="main", symbol="BTC-USDT-SWAP", quantity="0", entry_price="1"
            )
            equity -= 1000
        account = world.client.read_account(ACCOUNT)
    assert (account.mode, account.equity) == (mode, equity)
    assert "equity" in account.derived
    assert account.flags == ()


def test_a_frozen_venue_shows_by_its_times(world: OkxWorld) -> None:
    world.control.clock(offset_ms=-500)
    world.control.freeze()
    # However slowly this runs: the venue's clock stands still, and may stay behind.
    with world.open(max_clock_skew_ms=60_000) as client:
        before = client.read_account(ACCOUNT).observed_at
        world.control.clock(offset_ms=0)
        assert client.read_account(ACCOUNT).observed_at == before


def test_a_key_of_another_account_is_refused(world: OkxWorld) -> None:
    with world.open(account_uid="1") as other:
        assert refused(other.read_account, ACCOUNT).code == "venue.wrong_account"


def test_a_clock_beyond_the_bound_is_refused_and_nothing_is_sent(world: OkxWorld) -> None:
    world.control.clock(offset_ms=5000)
    assert refused(world.client.withdraw, ACCOUNT, world.request()).code == "venue.clock_skew"
    assert world.control.requests(method="POST") == []


def test_keys_say_what_they_may_and_the_whitelist_cannot_be_read(world: OkxWorld) -> None:
    read = world.client.permissions(ACCOUNT, "read")
    assert (read.can_read, read.can_trade, read.can_withdraw, read.ip_list) == (True, False, False, ())
    sends = world.client.permissions(ACCOUNT, "withdraw")
    assert (sends.can_transfer, sends.can_withdraw) == (True, True)
    assert sends.ip_list == ("127.0.0.1",)
    assert world.client.whitelist(ACCOUNT) is None


def test_a_wrong_passphrase_is_the_key_s_trouble(world: OkxWorld) -> None:
    found = world.server.venue.find_key("okx-read-5c1f0a")
    assert found is not None
    object.__setattr__(found[1], "passphrase", "another")
    error = refused(world.client.read_account, ACCOUNT)
    assert error.details["venue_code"] == "50105"
    assert "okx-read" not in error.message


def test_a_deposit_goes_through_its_states(world: OkxWorld) -> None:
    place = world.client.deposit_address(ACCOUNT, "BTC", NETWORK)
    since = soon(-60)
    find = (ACCOUNT, "BTC", NETWORK, "ab" * 32, place.address, since)
    assert world.client.find_deposit(*find) is None
    for deep, state, unlocked in ((0, "pending", False), (1, "credited", False), (2, "credited", True)):
        world.bitcoin.receive(place.address, 50_000_000, deep)
        world.control.tick()
        found = world.client.find_deposit(*find)
        assert found is not None
        assert (found.state, found.unlocked, found.confirmations) == (state, unlocked, deep)
        assert found.amount == Amount.parse("0.5", BTC)
    assert world.client.spot_balance(ACCOUNT, "BTC").free == Amount.parse("100.5", BTC)


def test_a_deposit_that_credits_trading_is_margin_at_once(world: OkxWorld) -> None:
    usual = world.client.deposit_address(ACCOUNT, "BTC", NETWORK)
    world.control.call("account", account="main", deposit_wallet="trading")
    place = world.client.deposit_address(ACCOUNT, "BTC", NETWORK)
    assert (usual.wallet, place.wallet, place.address) == ("funding", "trading", usual.address)
    before = world.control.state("main")["wallets"]
    world.bitcoin.receive(place.address, 50_000_000, 1)
    world.control.tick()
    after = world.control.state("main")["wallets"]
    assert Decimal(after["trading"]["BTC"]) - Decimal(before["trading"]["BTC"]) == Decimal("0.5")
    assert after["funding"] == before["funding"]


def test_money_moves_from_margin_to_funding_and_back_and_is_found_by_its_id(world: OkxWorld) -> None:
    for back in (False, True):
        transfer = world.transfer(back=back)
        receipt = world.client.transfer_internal(ACCOUNT, transfer)
        search = world.client.find_internal_transfer(ACCOUNT, transfer, soon(-60))
        assert [(found.venue_id, found.state) for found in search.found] == [(receipt.venue_id, "confirmed")]
    assert world.client.spot_balance(ACCOUNT, "BTC").free == Amount.parse("100", BTC)


def test_another_transfer_of_the_same_amount_is_listed_beside_ours(world: OkxWorld) -> None:
    first, second = (
        world.transfer(),
        InternalTransfer("trading", "funding", Amount.parse("0.5", BTC), soon(61)),
    )
    ids = [world.client.transfer_internal(ACCOUNT, each).venue_id for each in (first, second)]
    search = world.client.find_internal_transfer(ACCOUNT, first, soon(-60))
    assert sorted(found.venue_id for found in search.found) == sorted(ids)


def test_a_transfer_that_never_was_is_proved_absent_once_the_venue_is_past_it(world: OkxWorld) -> None:
    late = soon(-300)
    transfer = InternalTransfer("trading", "funding", Amount.parse("0.5", BTC), late)
    search = world.client.find_internal_transfer(ACCOUNT, transfer, soon(-600))
    assert search.proves_absence(late)
    assert not search.proves_absence(soon())


def test_bills_that_reach_less_far_back_prove_nothing(world: OkxWorld) -> None:
    since = soon() - timedelta(days=28)
    error = refused(world.client.find_internal_transfer, ACCOUNT, world.transfer(), since)
    assert error.code == "venue.history_incomplete"


def test_a_wallet_that_okx_does_not_have_is_refused(world: OkxWorld) -> None:
    transfer = InternalTransfer("futures", "spot", Amount.parse("0.5", BTC), soon())
    assert refused(world.client.transfer_internal, ACCOUNT, transfer).code == "venue.unknown_transfer"


def test_margin_that_positions_need_cannot_be_moved_out(world: OkxWorld) -> None:
    world.control.call(
        "position",
        account="main",
        symbol="BTC-USDT-SWAP",
        quantity="17300",
        entry_price="60000",
        leverage=1,
    )
    error = refused(world.client.transfer_internal, ACCOUNT, world.transfer("2"))
    assert isinstance(error, VenueError)
    assert error.details["venue_code"] == "58116"


def test_a_withdrawal_goes_through_its_states_and_the_address_gets_the_net(world: OkxWorld) -> None:
    request = world.request(fee=Amount.parse("0.00002", BTC))
    receipt = world.client.withdraw(ACCOUNT, request)
    states = []
    for _ in range(4):
        found = world.client.search_withdrawal(ACCOUNT, request, soon(-60)).found
        assert found is not None
        assert (found.venue_id, found.client_id, found.gross) == (
            receipt.venue_id,
            "intent-0001",
            request.amount,
        )
        states.append(found.state)
        world.control.tick()
    assert states == ["processing", "processing", "sent", "completed"]
    assert world.bitcoin.paid == [(COLD, 24_998_000)]


def test_a_withdrawal_that_the_venue_rejects_is_refused_and_the_money_is_back(world: OkxWorld) -> None:
    world.control.withdrawals(reject_next=1)
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    world.control.tick(3)
    found = world.client.search_withdrawal(ACCOUNT, request, soon(-60)).found
    assert found is not None
    assert found.state == "refused"
    assert world.client.spot_balance(ACCOUNT, "BTC").free == Amount.parse("100", BTC)


def test_a_tag_travels_with_the_address_and_comes_back_in_the_history(world: OkxWorld) -> None:
    request = world.request(
        Amount.parse("25.5", XRP), asset="XRP", network="XRP-Ripple", address=RIPPLE, tag="12345"
    )
    world.client.withdraw(ACCOUNT, request)
    world.control.tick(3)
    assert world.ripple.paid == [(RIPPLE, 25_400_000, "12345")]
    found = world.client.search_withdrawal(ACCOUNT, request, soon(-60)).found
    assert found is not None
    assert (found.address, found.tag) == (RIPPLE, "12345")


@pytest.mark.parametrize(
    ("network", "code"),
    [
        ({"withdraw_enabled": False}, "venue.suspended"),
        ({"withdraw_step": "0.1"}, "venue.not_a_multiple"),
        ({"withdraw_min": "0.25"}, "venue.below_minimum"),
        ({"withdraw_max": "0.2"}, "venue.above_maximum"),
        ({"withdraw_fee": "0.25"}, "venue.below_fee"),
    ],
)
def test_the_network_s_present_rules_hold_for_what_arrives(
    world: OkxWorld, network: dict[str, Any], code: str
) -> None:
    world.control.network("BTC", **network)
    assert refused(world.client.withdraw, ACCOUNT, world.request()).code == code
    assert world.control.requests(method="POST") == []


def test_a_fee_that_is_not_the_planned_one_stops_the_withdrawal(world: OkxWorld) -> None:
    request = world.request(fee=Amount.parse("0.00001", BTC))
    assert refused(world.client.withdraw, ACCOUNT, request).code == "venue.fee_changed"
    assert world.control.requests(method="POST") == []


@pytest.mark.parametrize(
    ("handle", "venue_code"),
    [
        ({"travel_rule_next": 1}, "58237"),
        ({"hold": True}, "58219"),
    ],
)
def test_a_refusal_in_an_answer_with_http_200_is_one(
    world: OkxWorld, handle: dict[str, Any], venue_code: str
) -> None:
    if handle.pop("hold", False):
        world.control.hold("main", 4_000_000_000_000)
    else:
        world.control.withdrawals(**handle)
    error = refused(world.client.withdraw, ACCOUNT, world.request())
    assert (error.code, error.details["venue_code"]) == ("venue.refused", venue_code)
    assert world.withdrawals() == []


def test_a_history_too_old_is_not_searched(world: OkxWorld) -> None:
    since = soon() - timedelta(days=120)
    error = refused(world.client.search_withdrawal, ACCOUNT, world.request(), since)
    assert error.code == "venue.history_too_old"
