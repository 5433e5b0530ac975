"""Deribit wallet answers: states, networks, address book, keys, and how the venue says no."""

from __future__ import annotations

import copy
import inspect
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.support.deribit_answers import CURRENCIES, NOW, envelope
from vault.errors import VenueError
from vault.money import BTC, ETH, USDC, Amount
from vault.venues.common.reading import unix_milliseconds
from vault.venues.deribit import wallet
from vault.venues.deribit.account import ASSETS
from vault.venues.deribit.dialect import DIALECT
from vault.venues.line.raw import Fields
from vault.venues.line.transport import Evidence

ADDRESS = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
TXID = "ab" * 32
RECORD = {
    "id": 301, "currency": "BTC", "address": ADDRESS, "amount": Decimal("0.25"),
    "fee": Decimal("0.00001229"), "priority": Decimal("0.15"), "state": "unconfirmed",
    "transaction_id": None, "created_timestamp": unix_milliseconds(NOW),
    "updated_timestamp": unix_milliseconds(NOW), "confirmed_timestamp": None,
}  # fmt: skip
DEPOSIT = {
    "currency": "BTC", "address": ADDRESS, "amount": Decimal("0.4"), "state": "completed",
    "clearance_state": "success", "received_timestamp": unix_milliseconds(NOW),
    "updated_timestamp": unix_milliseconds(NOW), "transaction_id": TXID, "source_address": None,
}  # fmt: skip
ENTRY = {
    "currency": "BTC", "address": ADDRESS, "type": "withdrawal", "label": "cold", "status": "ready",
    "creation_timestamp": unix_milliseconds(NOW),
}  # fmt: skip
KEY = {
    "id": 1, "client_id": "mine", "client_secret": "never-shown", "enabled": True, "timestamp": 1560236001108,
    "max_scope": "account:read block_trade:read trade:read wallet:read", "ip_whitelist": ["203.0.113.7"],
}  # fmt: skip


def record(**changes: Any) -> dict[str, Any]:
    return {**RECORD, **changes}


@pytest.mark.parametrize(
    ("state", "txid", "ours"),
    [
        ("unconfirmed", None, "processing"),
        ("confirmed", None, "processing"),
        ("confirmed", TXID, "sent"),
        ("interrupted", None, "processing"),
        ("completed", TXID, "completed"),
        ("cancelled", None, "cancelled"),
        ("rejected", None, "refused"),
    ],
)
def test_states_of_withdrawals(state: str, txid: str | None, ours: str) -> None:
    (status,) = wallet.withdrawals([Fields(record(state=state, transaction_id=txid), "w")], "BTC")
    assert (status.state, status.txid, status.raw_status) == (ours, txid, state)
    assert (status.completed_at is not None) == (state == "completed")


@pytest.mark.parametrize("state", ["", "done", "COMPLETED", "failed"])
def test_an_unknown_state_is_never_read_as_done_or_failed(state: str) -> None:
    with pytest.raises(VenueError) as caught:
        wallet.withdrawals([Fields(record(state=state), "w")], "BTC")
    assert caught.value.code in {"venue.unknown_status", "venue.incomplete_answer"}


@pytest.mark.parametrize(
    "name", sorted(set(RECORD) - {"priority", "transaction_id", "confirmed_timestamp", "updated_timestamp"})
)
def test_a_withdrawal_without_a_field_is_refused(name: str) -> None:
    line = record()
    del line[name]
    with pytest.raises(VenueError) as caught:
        wallet.withdrawals([Fields(line, "w")], "BTC")
    assert caught.value.code == "venue.incomplete_answer"


@pytest.mark.parametrize(
    ("state", "clearance", "ours", "unlocked"),
    [
        ("pending", "in_progress", "pending", False),
        ("completed", "success", "credited", True),
        ("completed", "", "credited", True),
        ("completed", "pending_user_input", "credited", False),
        ("completed", "refund_initiated", "refused", False),
        ("rejected", "failed", "refused", False),
        ("replaced", "", "refused", False),
    ],
)
def test_states_of_deposits(state: str, clearance: str, ours: str, unlocked: bool) -> None:
    line = {**DEPOSIT, "state": state, "clearance_state": clearance}
    (status,) = wallet.deposits([Fields(line, "d")], "BTC", TXID, ADDRESS, 3)
    assert (status.state, status.unlocked) == (ours, unlocked)
    assert status.confirmations == (3 if state == "completed" else 0)
    assert status.amount == Amount.parse("0.4", BTC)


def test_other_deposits_are_not_ours_and_unknown_states_are_refused() -> None:
    others = [
        {**DEPOSIT, "transaction_id": "cd" * 32},
        {**DEPOSIT, "address": "other"},
        {**DEPOSIT, "transaction_id": None},
        {**DEPOSIT, "currency": "ETH"},
    ]
    assert wallet.deposits([Fields(line, "d") for line in others], "BTC", TXID, ADDRESS, 1) == ()
    for changes in ({"state": "frozen"}, {"clearance_state": "lost"}):
        with pytest.raises(VenueError) as caught:
            wallet.deposits([Fields({**DEPOSIT, **changes}, "d")], "BTC", TXID, ADDRESS, 1)
        assert caught.value.code == "venue.unknown_status"


def test_a_network_s_fee_is_never_below_the_least_one() -> None:
    raw = copy.deepcopy(CURRENCIES)
    raw["result"][0]["min_withdrawal_fee"] = Decimal("0.00005")
    assert wallet.withdraw_network(raw, "BTC", "BTC", NOW).fee == Amount.parse("0.00005", BTC)


def test_steps_are_no_finer_than_the_venue_writes() -> None:
    assert wallet.withdraw_network(CURRENCIES, "ETH", "ETH", NOW).step == Amount.parse("0.00000001", ETH)
    assert wallet.withdraw_network(CURRENCIES, "USDC", "USDC", NOW).step == Amount(USDC, 1)


def test_a_currency_that_moved_to_another_chain_is_refused() -> None:
    raw = copy.deepcopy(CURRENCIES)
    raw["result"][2]["network_currency"] = "SOL"
    with pytest.raises(VenueError) as caught:
        wallet.withdraw_network(raw, "USDC", "USDC", NOW)
    assert caught.value.code == "venue.unknown_network"


@pytest.mark.parametrize(
    "name",
    ["currency", "network_currency", "withdrawal_fee", "min_withdrawal_fee", "min_confirmations"],
)
def test_a_network_without_a_field_is_refused(name: str) -> None:
    raw = copy.deepcopy(CURRENCIES)
    for line in raw["result"]:
        del line[name]
    with pytest.raises(VenueError) as caught:
        wallet.withdraw_network(raw, "BTC", "BTC", NOW)
    assert caught.value.code == "venue.incomplete_answer"


@pytest.mark.parametrize(
    ("status", "verified"),
    [("ready", True), ("confirmed", True), ("waiting", False), ("admin_locked", False)],
)
def test_addresses_of_the_book(status: str, verified: bool) -> None:
    until = NOW + timedelta(days=3)
    line = {**ENTRY, "status": status, "waiting_timestamp": unix_milliseconds(until)}
    (entry,) = wallet.whitelist(envelope([line, line]), "BTC")
    assert (entry.address, entry.name, entry.verified, entry.usable_from) == (
        ADDRESS,
        "cold",
        verified,
        until,
    )


def test_an_address_of_an_unknown_status_is_refused() -> None:
    with pytest.raises(VenueError) as caught:
        wallet.whitelist(envelope([{**ENTRY, "status": "maybe"}]), "BTC")
    assert caught.value.code == "venue.unknown_status"


@pytest.mark.parametrize(
    ("scope", "read", "withdraw", "trade"),
    [
        ("account:read trade:read wallet:read", True, False, False),
        ("account:read trade:read wallet:read_write", True, True, False),
        ("account:read trade:read_write wallet:read", True, False, True),
        ("account:read block_rfq:read_write trade:read wallet:read", True, False, True),
        ("account:read tomorrow:read_write trade:read wallet:read", True, False, True),
        ("account:read wallet:read trade:none", False, False, False),
        ("wallet:read_write", False, True, False),
    ],
)
def test_rights_of_a_key(scope: str, read: bool, withdraw: bool, trade: bool) -> None:
    other = {**KEY, "client_id": "other", "max_scope": "wallet:read_write"}
    rights = wallet.key_permissions(envelope([other, {**KEY, "max_scope": scope}]), "mine", "read", "57101")
    assert (rights.can_read, rights.can_withdraw, rights.can_trade) == (read, withdraw, trade)
    assert rights.can_transfer == withdraw
    assert (rights.ip_restricted, rights.ip_list) == (True, ("203.0.113.7",))
    assert "never-shown" not in repr(rights)


@pytest.mark.parametrize(("listed", "restricted"), [([], False), (None, None), (["203.0.113.7"], True)])
def test_an_ip_list_that_is_not_said_is_not_an_empty_one(listed: Any, restricted: bool | None) -> None:
    rights = wallet.key_permissions(envelope([{**KEY, "ip_whitelist": listed}]), "mine", "read", "57101")
    assert rights.ip_restricted is restricted


def test_a_key_that_is_not_listed_is_refused_without_telling_another_s_secret() -> None:
    with pytest.raises(VenueError) as caught:
        wallet.key_permissions(envelope([KEY]), "yours", "read", "57101")
    assert caught.value.code == "venue.bad_answer"
    assert "never-shown" not in str(caught.value)
    assert "client_secret" not in inspect.getsource(wallet)


def test_the_address_book_is_asked_for_every_currency_that_is_known() -> None:
    assert set(ASSETS) == {"BTC", "ETH", "SOL", "XRP", "USDT", "USDC"}


def answered(status: int, body: str) -> Evidence:
    return Evidence(left=True, status=status, body=body)


@pytest.mark.parametrize(
    ("status", "code", "refused"),
    [
        (400, 10009, True),
        (400, 11090, True),
        (400, -32602, True),
        (400, 13021, True),
        (429, 10028, True),
        (400, 10001, False),
        (400, 10040, False),
        (400, 11051, False),
        (400, 11094, False),
        (400, 13888, False),
        (400, 99999, False),
        (500, 10009, False),
        (200, 10009, False),
        (503, 11051, False),
    ],
)
def test_only_a_known_refusal_is_the_word_that_nothing_was_accepted(
    status: int, code: int, refused: bool
) -> None:
    body = f'{{"jsonrpc":"2.0","error":{{"code":{code},"message":"m","data":{{"reason":"r"}}}}}}'
    refusal = DIALECT.refusal(answered(status, body))
    assert refusal is not None
    assert (refusal.code, refusal.text) == (str(code), "m r")
    assert DIALECT.refuses(refusal, status) is refused


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"error":null}', '{"error":{"code":true}}', '{"error":{}}']
)
def test_a_body_without_an_error_carries_no_refusal(body: str) -> None:
    assert DIALECT.refusal(answered(400, body)) is None
