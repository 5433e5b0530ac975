"""Binance wallet answers: statuses we do not know are refused, amounts are exact, matches are exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from vault.config import VenueSettings
from vault.errors import GuardError, VaultError, VenueError
from vault.money import BTC, Amount
from vault.venues.base import InternalTransfer, WithdrawalSearch
from vault.venues.binance import wallet as binance_wallet
from vault.venues.common.amounts import check_amount
from vault.venues.line.guard import venue_address
from vault.venues.line.transport import GuardedAdapter, SendPermit

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)


def withdrawal(**changes: Any) -> dict[str, Any]:
    row = {
        "id": "b6ae",
        "amount": "8.91000001",
        "transactionFee": "0.004",
        "coin": "BTC",
        "status": 4,
        "address": "addr",
        "txId": "",
        "applyTime": "2019-10-12 11:12:02",
        "network": "BTC",
        "withdrawOrderId": "mine",
    }
    return {**row, **changes}


@pytest.mark.parametrize(
    ("status", "txid", "state"),
    [
        (0, "", "processing"),
        (2, "", "processing"),
        (4, "", "processing"),
        (4, "ab" * 32, "sent"),
        (4, "Internal transfer 12345", "processing"),
        (6, "ab" * 32, "completed"),
        (1, "", "cancelled"),
        (3, "", "refused"),
        (5, "", "refused"),
    ],
)
def test_withdrawal_states(status: int, txid: str, state: str) -> None:
    (found,) = binance_wallet.withdrawals([withdrawal(status=status, txId=txid)], "mine")
    assert (found.state, found.raw_status) == (state, str(status))
    assert found.txid == (txid if len(txid) == 64 else None)
    assert (found.amount.number, found.fee.number, found.gross.number) == (
        "8.91000001",
        "0.00400000",
        "8.91400001",
    )
    assert found.applied_at == datetime(2019, 10, 12, 11, 12, 2, tzinfo=UTC)


@pytest.mark.parametrize("status", [7, -1, 99])
def test_an_unknown_status_is_refused_not_guessed(status: int) -> None:
    with pytest.raises(VenueError) as caught:
        binance_wallet.withdrawals([withdrawal(status=status)], "mine")
    assert caught.value.code == "venue.unknown_status"
    with pytest.raises(VenueError):
        binance_wallet.deposits([deposit(status=status + 30)], "BTC", "BTC", "tx", "addr")


def test_entries_of_others_are_not_taken() -> None:
    rows = [withdrawal(withdrawOrderId="other"), withdrawal(withdrawOrderId=""), withdrawal(coin="DOGE2")]
    assert binance_wallet.withdrawals(rows[:2], "mine") == ()
    with pytest.raises(VaultError):
        binance_wallet.withdrawals(rows, "mine")


@pytest.mark.parametrize("amount", ["8.910000001", "-1", "NaN", ""])
def test_an_amount_that_is_not_exact_is_refused(amount: str) -> None:
    with pytest.raises(VenueError):
        binance_wallet.withdrawals([withdrawal(amount=amount)], "mine")


def deposit(**changes: Any) -> dict[str, Any]:
    row = {
        "amount": "0.5",
        "coin": "BTC",
        "network": "BTC",
        "status": 0,
        "address": "addr",
        "txId": "tx",
        "confirmTimes": "1/2",
    }
    return {**row, **changes}


@pytest.mark.parametrize(
    ("status", "state", "unlocked"),
    [
        (0, "pending", False),
        (8, "pending", False),
        (6, "credited", False),
        (1, "credited", True),
        (7, "refused", False),
        (2, "refused", False),
    ],
)
def test_deposit_states(status: int, state: str, unlocked: bool) -> None:
    (found,) = binance_wallet.deposits([deposit(status=status)], "BTC", "BTC", "tx", "addr")
    assert (found.state, found.unlocked, found.confirmations, found.required_confirmations) == (
        state,
        unlocked,
        1,
        2,
    )


def test_a_deposit_is_matched_by_transaction_address_and_network() -> None:
    for wrong in ({"txId": "other"}, {"address": "other"}, {"network": "BSC"}):
        assert binance_wallet.deposits([deposit(**wrong)], "BTC", "BTC", "tx", "addr") == ()


def test_transfers_match_by_exact_amount_not_by_text() -> None:
    wanted = InternalTransfer("futures", "spot", Amount.parse("0.5", BTC), NOW)
    row = {
        "asset": "BTC",
        "type": "UMFUTURE_MAIN",
        "status": "CONFIRMED",
        "tranId": 7,
        "timestamp": 1769835600000,
    }
    answer = {"rows": [{**row, "amount": text} for text in ("0.50000000", "0.5", "0.50000001")]}
    assert len(binance_wallet.internal_transfers(answer, wanted)) == 2


def test_absence_needs_an_answer_younger_than_the_last_possible_acceptance() -> None:
    search = WithdrawalSearch(None, NOW, NOW - timedelta(seconds=65))
    assert search.proves_absence(NOW - timedelta(seconds=66))
    assert not search.proves_absence(NOW - timedelta(seconds=65))


NETWORK = {
    "network": "BTC",
    "withdrawEnable": True,
    "depositEnable": True,
    "withdrawFee": "0.000015",
    "withdrawMin": "0.001",
    "withdrawMax": "100",
    "withdrawIntegerMultiple": "0.0001",
    "minConfirm": 1,
}


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0.0009", "venue.below_minimum"),
        ("0.00105", "venue.not_a_multiple"),
        ("100.0001", "venue.above_maximum"),
        ("0", "venue.below_minimum"),
    ],
)
def test_amounts_against_the_network_s_rules(amount: str, code: str) -> None:
    answer = [{"coin": "BTC", "networkList": [NETWORK]}]
    network = binance_wallet.withdraw_network(answer, "BTC", "BTC", NOW)
    check_amount(Amount.parse("0.0011", BTC), network)
    with pytest.raises(VenueError) as caught:
        check_amount(Amount.parse(amount, BTC), network)
    assert caught.value.code == code


def test_less_than_the_fee_may_arrive_where_the_fee_comes_on_top() -> None:
    dear = {**NETWORK, "withdrawFee": "0.5"}
    network = binance_wallet.withdraw_network([{"coin": "BTC", "networkList": [dear]}], "BTC", "BTC", NOW)
    amount = Amount.parse("0.1", BTC)
    check_amount(amount, network, fee_included=False)
    with pytest.raises(VenueError) as caught:
        check_amount(amount, network)
    assert caught.value.code == "venue.below_fee"


def test_a_network_with_a_field_missing_is_refused() -> None:
    for name in NETWORK:
        if name == "withdrawMax":
            continue
        lacking = {key: value for key, value in NETWORK.items() if key != name}
        with pytest.raises(VenueError):
            binance_wallet.withdraw_network([{"coin": "BTC", "networkList": [lacking]}], "BTC", "BTC", NOW)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://127.9.9.9", True),
        ("http://localhost:8080", False),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
        ("https://api.binance.com", False),
        (None, False),
    ],
)
def test_only_loopback_addresses_are_reached(url: str | None, allowed: bool) -> None:
    settings = VenueSettings(name="a", exchange="binance", account_uid="1", url=url)
    if allowed:
        assert venue_address(settings) == url
        return
    with pytest.raises(GuardError):
        venue_address(settings)


def test_a_permit_sends_once_in_time_and_to_the_configured_host_only() -> None:
    import requests

    from vault.clock import ManualClock

    clock = ManualClock(NOW)
    adapter = GuardedAdapter("http://127.0.0.1:9", clock)

    def post(url: str = "http://127.0.0.1:9/x") -> str:
        request = requests.Request("POST", url, data="a=1").prepare()
        try:
            adapter.send(request, timeout=1)
        except VenueError as error:
            return error.code
        except requests.exceptions.ConnectionError:
            return "tried"
        return "answered"

    assert post() == "venue.no_permit"
    adapter.begin_send(SendPermit(NOW))
    assert post("http://127.0.0.1:99/x") == "venue.foreign_host"
    assert post() == "tried"
    assert post() == "venue.no_permit"
    adapter.begin_send(SendPermit(NOW))
    clock.advance(0.001)
    assert post() == "venue.too_late"
    assert not adapter.evidence.left


def test_the_venue_s_list_of_addresses_is_read_as_it_is() -> None:
    row = {
        "address": "addr", "addressTag": "", "coin": "BTC", "name": "cold", "network": "BTC",
        "origin": "bla", "originType": "others", "whiteStatus": True,
    }  # fmt: skip
    everything = {**row, "coin": "", "network": "", "whiteStatus": False}
    one, other = binance_wallet.whitelist([row, everything])
    assert (one.asset, one.network, one.address, one.name, one.verified) == (
        "BTC",
        "BTC",
        "addr",
        "cold",
        True,
    )
    assert (other.asset, other.network, other.verified) == ("", "", False)
    with pytest.raises(VenueError):
        binance_wallet.whitelist([{**row, "whiteStatus": "true"}])
    with pytest.raises(VenueError):
        binance_wallet.whitelist({"address": "addr"})


@pytest.mark.parametrize(("said", "ends"), [(None, None), (0, None), (1769835600000, NOW)])
def test_a_key_says_when_it_ends(said: int | None, ends: datetime | None) -> None:
    answer: dict[str, Any] = {
        "enableReading": True, "enableWithdrawals": False, "permitsUniversalTransfer": False,
        "ipRestrict": False, "createTime": 1769835600000,
    }  # fmt: skip
    if said is not None:
        answer["tradingAuthorityExpirationTime"] = said
    found = binance_wallet.key_permissions(answer, "read", "1")
    assert (found.expires_at, found.ip_list, found.withdraw_whitelist_on) == (ends, None, None)


def test_histories_carry_the_times_the_venue_says() -> None:
    (sent,) = binance_wallet.withdrawals([withdrawal(status=6, completeTime="2019-10-12 12:00:00")], "mine")
    assert sent.completed_at == datetime(2019, 10, 12, 12, tzinfo=UTC)
    row = deposit(status=1, insertTime=1769835600000, completeTime=1769835660000)
    (came,) = binance_wallet.deposits([row], "BTC", "BTC", "tx", "addr")
    assert (came.applied_at, came.credited_at) == (NOW, NOW + timedelta(minutes=1))
