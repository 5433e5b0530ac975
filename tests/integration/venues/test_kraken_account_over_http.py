"""A Kraken account through the worker: both hosts, both key pairs, both hops, withdrawals and deposits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.kraken_world import (
    ACCOUNT,
    COLD,
    NETWORK,
    READ,
    RIPPLE,
    SEND,
    KrakenWorld,
    api_keys,
    fill,
    key_pairs,
    kraken_world,
    regtest_address,
    soon,
)
from tests.support.warm_server import WarmServer
from vault.errors import VaultError
from vault.money import BTC, XRP, Amount
from vault.venues import client as venue_client


@pytest.fixture
def world(
    keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[KrakenWorld]:
    from quick_keyring import QuickCryptFileKeyring

    fill(QuickCryptFileKeyring(), "only for tests")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(venue_client, "_start", warm.worker)
    with kraken_world() as made:
        yield made


def refused(call: Any, *arguments: Any) -> VaultError:
    with pytest.raises(VaultError) as caught:
        call(*arguments)
    return caught.value


def test_the_account_is_read_with_its_parts_and_nothing_contradicts(world: KrakenWorld) -> None:
    account = world.client.read_account(ACCOUNT)
    assert (account.exchange, account.mode, account.uid) == (
        "kraken",
        "multi_collateral",
        world.settings.account_uid,
    )
    assert (account.missing, account.flags) == ((), ())
    # 2.5 BTC at 60,000 and 97 %, 20,000 USD, and 3,000 of profit.
    assert account.equity == Decimal("145500") + 20_000 + 3_000
    assert (account.initial_margin, account.maintenance_margin) == (3600, 1800)
    (position,) = account.positions
    assert (position.symbol, position.size, position.settle) == ("PF_XBTUSD", 3, "USD")


def test_the_margin_follows_the_price(world: KrakenWorld) -> None:
    world.control.mark_all("BTC", "50000")
    account = world.client.read_account(ACCOUNT)
    assert account.flags == ()
    assert account.equity == Decimal("121250") + 20_000 - 27_000
    assert account.positions[0].mark_price == 50_000


@pytest.mark.parametrize("price", ["60000", "75000", "48000"])
def test_contracts_of_both_kinds_add_up_at_every_price(world: KrakenWorld, price: str) -> None:
    from vault.risk.margin import contradictions, unusable

    world.control.call(
        "position", account="main", symbol="PI_XBTUSD", quantity="-900000", entry_price="61000", leverage=10
    )
    world.control.call(
        "position", account="main", symbol="PF_ETHUSD", quantity="40", entry_price="2900", leverage=10
    )
    world.control.mark_all("BTC", price)
    account = world.client.read_account(ACCOUNT)
    assert len(account.positions) == 3
    assert (account.missing, account.flags, contradictions(account), unusable(account)) == ((), (), (), None)


def test_a_stale_venue_shows_its_age(world: KrakenWorld) -> None:
    before = world.client.read_account(ACCOUNT)
    world.control.freeze()
    world.control.mark_all("BTC", "30000")
    account = world.client.read_account(ACCOUNT)
    assert account.equity == before.equity
    assert account.observed_at < account.received_at


def test_the_rights_of_both_keys_are_read_and_the_whitelist_is_inherent(world: KrakenWorld) -> None:
    read, send = (world.client.permissions(ACCOUNT, role) for role in ("read", "withdraw"))
    assert (read.can_read, read.can_withdraw, read.ip_restricted) == (True, False, False)
    assert (send.can_withdraw, send.can_transfer, send.ip_list) == (True, True, ("127.0.0.1",))
    assert send.withdraw_whitelist_on
    listed = world.client.whitelist(ACCOUNT)
    assert listed is not None
    assert [(each.asset, each.network, each.name, each.verified) for each in listed] == [
        ("BTC", NETWORK, "another", True),
        ("BTC", NETWORK, "cold one", True),
        ("BTC", NETWORK, "unconfirmed", False),
        ("XRP", "Ripple", "ripple desk", True),
    ]


@pytest.mark.parametrize("wrong", ["spot", "futures"])
def test_a_key_pair_of_another_account_on_either_host_is_refused(world: KrakenWorld, wrong: str) -> None:
    other = key_pairs("stranger")
    world.control.create_account("other", keys=api_keys(other))
    for name, text in key_pairs("read").items():
        assert READ[name] == text
    half = {
        **READ,
        **{name: text for name, text in other.items() if ("futures" in name) == (wrong == "futures")},
    }
    from quick_keyring import QuickCryptFileKeyring

    keyring = QuickCryptFileKeyring()
    keyring.keyring_key = "only for tests"
    try:
        for part, text in half.items():
            keyring.set_password("vault:test-treasury", f"venue/{ACCOUNT}/read/{part}", text)
        assert refused(world.client.read_account, ACCOUNT).code == "venue.wrong_account"
    finally:
        fill(keyring, "only for tests")


def test_money_goes_out_over_two_hops_and_back(world: KrakenWorld) -> None:
    way = (("flex", "cash"), ("cash", "spot"), ("spot", "cash"), ("cash", "flex"))
    for number, hop in enumerate(way):
        transfer = world.transfer("1.23456789", hop)
        receipt = world.client.transfer_internal(ACCOUNT, transfer)
        assert (receipt.venue_id, receipt.state) == ("", "pending")
        (found,) = world.client.find_internal_transfer(ACCOUNT, transfer, soon(-60)).found
        assert (found.state, found.amount, found.source) == ("confirmed", transfer.amount, hop[0])
        spot = world.client.spot_balance(ACCOUNT, "BTC").free
        assert spot == Amount.parse("101.23456789" if number == 1 else "100", BTC)
    assert world.control.state("main")["wallets"]["flex"]["BTC"] == "2.5"


def test_a_hop_over_both_at_once_is_none(world: KrakenWorld) -> None:
    for hop in (("flex", "spot"), ("spot", "flex")):
        error = refused(world.client.transfer_internal, ACCOUNT, world.transfer("0.1", hop))
        assert error.code == "venue.unknown_transfer"
    assert world.sent("/transfer") == world.sent("/withdrawal") == world.sent("/WalletTransfer") == []


def test_margin_that_positions_need_stays(world: KrakenWorld) -> None:
    world.control.call(
        "position", account="main", symbol="PF_XBTUSD", quantity="70", entry_price="60000", leverage=10
    )
    error = refused(world.client.transfer_internal, ACCOUNT, world.transfer("2.5"))
    assert error.code == "venue.refused"


def test_a_withdrawal_is_found_and_followed_to_its_transaction(world: KrakenWorld) -> None:
    request = world.request(fee=Amount.parse("0.00002", BTC))
    receipt = world.client.withdraw(ACCOUNT, request)
    found = world.client.search_withdrawal(ACCOUNT, request, soon(-60))
    assert found.matched_by == "details"
    assert found.found is not None
    assert (found.found.venue_id, found.found.state) == (receipt.venue_id, "processing")
    assert (found.found.gross, found.found.client_id) == (request.amount, request.client_id)
    states = []
    for _ in range(3):
        world.control.tick()
        told = world.client.search_withdrawal(ACCOUNT, request, soon(-60)).found
        assert told is not None
        states.append((told.state, told.txid is not None))
    assert states == [("processing", False), ("sent", True), ("completed", True)]
    assert world.bitcoin.paid == [(COLD, 24_998_000)]


def test_a_tagged_withdrawal_goes_by_its_registered_tag(world: KrakenWorld) -> None:
    request = world.request(
        Amount.parse("25.5", XRP), asset="XRP", network="Ripple", address=RIPPLE, tag="12345"
    )
    world.client.withdraw(ACCOUNT, request)
    world.control.tick(3)
    assert world.ripple.paid == [(RIPPLE, 25_480_000, "12345")]
    found = world.client.search_withdrawal(ACCOUNT, request, soon(-60)).found
    assert found is not None
    assert (found.tag, found.gross) == ("12345", request.amount)
    wrong = refused(world.client.withdraw, ACCOUNT, world.request(
        Amount.parse("5", XRP), asset="XRP", network="Ripple", address=RIPPLE, tag="1"
    ))  # fmt: skip
    assert wrong.code == "venue.no_withdrawal_key"


def test_a_deposit_is_seen_credited_and_unlocked(world: KrakenWorld) -> None:
    place = world.client.deposit_address(ACCOUNT, "BTC", NETWORK)
    assert place.account_uid == world.settings.account_uid
    seen = []
    for confirmations in (0, 1, 2):
        txid = world.bitcoin.receive(place.address, 5_000_000, confirmations)
        world.control.tick()
        found = world.client.find_deposit(ACCOUNT, "BTC", NETWORK, txid, place.address, soon(-60))
        assert found is not None
        seen.append((found.state, found.unlocked, found.amount.units))
    assert seen == [
        ("pending", False, 5_000_000),
        ("credited", False, 5_000_000),
        ("credited", True, 5_000_000),
    ]
    nothing = world.client.find_deposit(ACCOUNT, "BTC", NETWORK, "cd" * 32, place.address, soon(-60))
    assert nothing is None


def test_a_changed_deposit_address_shows(world: KrakenWorld) -> None:
    lie = regtest_address("somebody else")
    world.control.deposit_address("main", network=NETWORK, show=lie)
    assert world.client.deposit_address(ACCOUNT, "BTC", NETWORK).address == lie


def test_a_closed_network_and_a_changed_fee_are_seen_before_anything_is_sent(world: KrakenWorld) -> None:
    planned = world.request(fee=Amount.parse("0.00002", BTC))
    world.control.network("BTC", withdraw_enabled=False)
    assert refused(world.client.withdraw, ACCOUNT, planned).code == "venue.unknown_network"
    world.control.network("BTC", withdraw_enabled=True, deposit_enabled=False)
    assert world.client.network_info(ACCOUNT, "BTC", NETWORK).deposit_enabled is False
    world.control.network("BTC", withdraw_fee="0.001")
    assert refused(world.client.withdraw, ACCOUNT, planned).code == "venue.fee_changed"
    assert world.withdrawals() == []


def test_a_number_that_another_program_used_up_is_told_as_such(world: KrakenWorld) -> None:
    world.client.spot_balance(ACCOUNT, "BTC")
    world.control.nonce(READ["key"], 9_999_999_999_999)
    error = refused(world.client.spot_balance, ACCOUNT, "BTC")
    assert (error.code, error.details["venue_code"]) == ("venue.refused", "EAPI:Invalid nonce")
    assert error.details["passing"] == "yes"


def test_requests_of_many_threads_and_two_workers_never_fall_behind_each_other(world: KrakenWorld) -> None:
    errors: list[VaultError] = []

    def ask(client: Any) -> None:
        try:
            for _ in range(4):
                client.spot_balance(ACCOUNT, "BTC")
        except VaultError as error:
            errors.append(error)

    with world.open() as second:
        threads = [
            threading.Thread(target=ask, args=(client,))
            for client in (world.client, second)
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert errors == []
    numbers = [int(row["body"].split("nonce=")[1].split("&")[0]) for row in world.sent("/BalanceEx")]
    assert numbers == sorted(set(numbers))


def test_each_request_is_signed_by_the_pair_that_may_make_it(world: KrakenWorld) -> None:
    world.client.read_account(ACCOUNT)
    world.client.spot_balance(ACCOUNT, "BTC")
    world.client.deposit_address(ACCOUNT, "BTC", NETWORK)
    assert {row["api_key"] for row in world.control.requests()} == {None, READ["key"], READ["futures_key"]}
    request = world.request()
    world.client.withdraw(ACCOUNT, request)
    assert world.client.search_withdrawal(ACCOUNT, request, soon(-60)).found is not None
    for path in ("/Withdraw", "/WithdrawMethods", "/WithdrawAddresses", "/WithdrawInfo"):
        assert {row["api_key"] for row in world.sent(path)} == {SEND["key"]}
    for path in ("/WithdrawStatus", "/Ledgers", "/BalanceEx"):
        assert {row["api_key"] for row in world.sent(path)} == {READ["key"]}
    text = str(world.control.requests())
    assert all(pair[name] not in text for pair in (READ, SEND) for name in ("secret", "futures_secret"))


def test_without_a_registered_address_nothing_is_withdrawn(world: KrakenWorld) -> None:
    world.control.call("whitelist", account="main", on=True, entries=[])
    assert refused(world.client.withdraw, ACCOUNT, world.request()).code == "venue.no_withdrawal_key"
    assert world.sent("/Withdraw") == []


def test_a_clock_that_is_off_stops_the_send(world: KrakenWorld) -> None:
    world.control.clock(offset_ms=120_000)
    assert refused(world.client.withdraw, ACCOUNT, world.request()).code == "venue.clock_skew"
    assert refused(world.client.read_clock, ACCOUNT).code == "venue.clock_skew"
    world.control.clock(offset_ms=0)
    assert abs(world.client.read_clock(ACCOUNT).skew_ms) <= 1000


def test_a_request_is_not_sent_after_its_time(world: KrakenWorld) -> None:
    late = world.request(not_after=soon() - timedelta(seconds=90))
    assert refused(world.client.withdraw, ACCOUNT, late).code == "venue.too_late"
    assert world.sent("/Withdraw") == []
