"""A Deribit account through the worker: what is read, whole or refused, and what no error tells."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.deribit_world import (
    ACCOUNT,
    COLD,
    ETHER,
    READ_KEY,
    SEND_KEY,
    DeribitWorld,
    deribit_world,
    soon,
    use_worker,
)
from tests.support.warm_server import WarmServer
from vault.config import VenueSettings
from vault.errors import VaultError
from vault.money import BTC, USDC, Amount
from vault.risk.margin import contradictions


@pytest.fixture
def worker(keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch) -> None:
    use_worker(warm, monkeypatch)


@pytest.fixture
def world(worker: None) -> Iterator[DeribitWorld]:
    with deribit_world() as made:
        yield made


def code_of(call: Any, *arguments: Any) -> str:
    with pytest.raises(VaultError) as caught:
        call(*arguments)
    return caught.value.code


@pytest.mark.parametrize(
    ("currency", "equity", "maintenance"),
    [("BTC", "20012500", "501.25"), ("USDC", "301500", "1511.25")],
)
def test_a_segregated_margin_account_is_read_whole(
    world: DeribitWorld, currency: str, equity: str, maintenance: str
) -> None:
    with world.open(margin_currency=currency) as client:
        account = client.read_account(ACCOUNT)
    assert (account.equity, account.maintenance_margin) == (Decimal(equity), Decimal(maintenance))
    assert (account.missing, account.flags, contradictions(account)) == ((), (), ())
    assert account.mode == "segregated"
    assert {item.asset for item in account.collateral} == {currency}


def test_an_account_with_cross_collateral_is_one(worker: None) -> None:
    with deribit_world("cross_sm") as world:
        account = world.client.read_account(ACCOUNT)
        assert account.equity == Decimal(20_012_500 + 301_500)
        assert account.maintenance_margin == Decimal("2012.5")
        assert account.missing == ("available_to_withdraw",)
        assert (account.flags, contradictions(account)) == ((), ())
        with world.open(margin_currency="BTC") as client:
            assert code_of(client.read_account, ACCOUNT) == "venue.margin_currency"


def test_a_segregated_account_of_no_named_currency_is_refused(world: DeribitWorld) -> None:
    with world.open(margin_currency="") as client:
        assert code_of(client.read_account, ACCOUNT) == "venue.margin_currency"


def test_another_s_key_is_refused(world: DeribitWorld) -> None:
    with world.open(account_uid="1") as client:
        assert code_of(client.read_account, ACCOUNT) == "venue.wrong_account"


def test_a_venue_that_stands_still_is_seen_by_its_own_time(world: DeribitWorld) -> None:
    world.control.freeze()
    world.control.clock(offset_ms=3000)
    world.control.mark("BTC-PERPETUAL", "50000")
    account = world.client.read_account(ACCOUNT)
    assert account.positions[0].mark_price == 100_000
    assert account.observed_at <= account.received_at


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "partial_answer", "path": "get_account_summaries", "field": "maintenance_margin"},
        {"kind": "partial_answer", "path": "get_account_summaries", "field": "margin_model"},
        {"kind": "partial_answer", "path": "get_positions", "field": "mark_price"},
        {"kind": "partial_answer", "path": "get_instrument", "field": "instrument_type"},
        {"kind": "partial_answer", "path": "get_index_price", "field": "index_price"},
    ],
)
def test_an_answer_without_what_is_needed_is_refused(world: DeribitWorld, fault: dict[str, Any]) -> None:
    world.control.fault(**fault, count=2)
    assert code_of(world.client.read_account, ACCOUNT) == "venue.incomplete_answer"


def test_a_position_left_out_of_an_answer_is_flagged(world: DeribitWorld) -> None:
    world.control.fault("partial_answer", "get_positions", entries=2)
    account = world.client.read_account(ACCOUNT)
    assert [flag.split(":")[0] for flag in account.flags] == ["profit_mismatch BTC"]
    assert contradictions(account)


def test_doubled_entries_and_strange_fields_change_nothing(world: DeribitWorld) -> None:
    plain = world.client.read_account(ACCOUNT)
    for kind in ("duplicate_entries", "unknown_field"):
        world.control.fault(kind, "private/get_", count=10)
        account = world.client.read_account(ACCOUNT)
        world.control.clear_faults()
        assert (account.equity, account.positions[0].size, account.flags) == (
            plain.equity,
            plain.positions[0].size,
            (),
        )


def test_rights_addresses_networks_and_balances(world: DeribitWorld) -> None:
    read = world.client.permissions(ACCOUNT, "read")
    assert (read.can_read, read.can_withdraw, read.ip_restricted) == (True, False, False)
    send = world.client.permissions(ACCOUNT, "withdraw")
    assert (send.can_withdraw, send.ip_list, send.withdraw_whitelist_on) == (True, ("127.0.0.1",), True)
    entries = world.client.whitelist(ACCOUNT)
    assert entries is not None
    assert {(entry.asset, entry.address, entry.verified) for entry in entries} == {
        ("BTC", COLD, True),
        ("USDC", ETHER, True),
    }
    assert world.client.holds(ACCOUNT).held is None
    assert world.client.spot_balance(ACCOUNT, "BTC").free == Amount.parse("200", BTC)
    assert world.client.network_info(ACCOUNT, "USDC", "USDC").fee == Amount.parse("5", USDC)
    place = world.client.deposit_address(ACCOUNT, "BTC", "BTC")
    assert place.address == world.bitcoin.new_deposit_address()
    assert code_of(world.client.deposit_address, ACCOUNT, "SOL", "SOL") == "venue.incomplete_answer"


def test_an_address_that_still_waits_says_until_when(world: DeribitWorld) -> None:
    until = soon(3600)
    world.allow(
        {
            "coin": "BTC",
            "network": "BTC",
            "address": COLD,
            "usable_from_ms": int(until.timestamp() * 1000),
        }
    )
    (entry,) = world.client.whitelist(ACCOUNT) or ()
    assert (entry.verified, entry.usable_from) == (False, until)
    assert code_of(world.client.withdraw, ACCOUNT, world.request()) == "venue.refused"
    assert world.withdrawals() == []


def test_a_deposit_is_pending_then_credited_then_unlocked(world: DeribitWorld) -> None:
    place = world.client.deposit_address(ACCOUNT, "BTC", "BTC").address
    states = []
    for depth in (0, 1, 2):
        txid = world.bitcoin.receive(place, 40_000_000, depth)
        world.control.tick()
        status = world.client.find_deposit(ACCOUNT, "BTC", "BTC", txid, place, soon(-600))
        assert status is not None
        assert status.amount == Amount.parse("0.4", BTC)
        states.append((status.state, status.unlocked))
    assert states == [("pending", False), ("credited", False), ("credited", True)]


def test_the_withdraw_key_s_secret_is_in_no_error_and_no_answer(world: DeribitWorld) -> None:
    world.control.fault("partial_answer", "list_api_keys", field="max_scope")
    with pytest.raises(VaultError) as caught:
        world.client.permissions(ACCOUNT, "withdraw")
    shown = (
        str(caught.value) + repr(caught.value.details) + repr(world.client.permissions(ACCOUNT, "withdraw"))
    )
    assert not any(secret in shown for secret in (READ_KEY["secret"], SEND_KEY["secret"]))


def test_the_settings_say_the_margin_account_only_where_there_are_several() -> None:
    with pytest.raises(ValueError, match="margin_currency"):
        VenueSettings(name="b", exchange="binance", account_uid="1", margin_currency="BTC")
    with pytest.raises(ValueError, match="margin_currency"):
        VenueSettings(name="d", exchange="deribit", account_uid="1", margin_currency="btc")
