"""Bybit wallet answers: statuses we do not know are refused, amounts are exact, rights are never guessed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.bybit_answers import NOW, TIME, envelope
from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import OutcomeUnknownError, VenueError
from vault.money import BTC, Amount
from vault.venues.base import InternalTransfer, WithdrawRequest
from vault.venues.bybit import rights, wallet
from vault.venues.bybit.account import Bybit
from vault.venues.bybit.dialect import DIALECT
from vault.venues.bybit.paging import Listing, read_pages, read_windows
from vault.venues.line.outcome import send_failure
from vault.venues.line.raw import Fields
from vault.venues.line.transport import Evidence

ADDRESS = "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"


def chain(**changes: Any) -> dict[str, Any]:
    line = {
        "chain": "BTC",
        "chainType": "BTC",
        "confirmation": "1",
        "safeConfirmNumber": "2",
        "withdrawFee": "0.000139",
        "depositMin": "0.00001",
        "withdrawMin": "0.00027",
        "chainDeposit": "1",
        "chainWithdraw": "1",
        "minAccuracy": "8",
        "withdrawPercentageFee": "0",
        "withdrawMax": "-1",
    }
    return envelope({"rows": [{"coin": "BTC", "chains": [{**line, **changes}]}]})


def row(**changes: Any) -> dict[str, Any]:
    line = {
        "coin": "BTC",
        "chain": "BTC",
        "amount": "0.249861",
        "withdrawFee": "0.000139",
        "txID": "",
        "status": "Pending",
        "toAddress": ADDRESS,
        "tag": "",
        "createTime": str(TIME),
        "updateTime": str(TIME + 1000),
        "withdrawId": "131629076",
        "withdrawType": 0,
    }
    return {**line, **changes}


def request(amount: str = "0.25", **changes: Any) -> WithdrawRequest:
    fields: dict[str, Any] = {
        "client_id": "intent1",
        "asset": "BTC",
        "amount": Amount.parse(amount, BTC),
        "network": "BTC",
        "address": ADDRESS,
        "tag": "",
        "bitcoin_network": "mainnet",
        "not_after": NOW + timedelta(seconds=60),
    }
    return WithdrawRequest(**{**fields, **changes})


def read(line: dict[str, Any]) -> Any:
    (status,) = wallet.withdrawals([envelope({"rows": [line]})], "BTC")
    return status


@pytest.mark.parametrize(
    ("word", "txid", "state"),
    [
        ("SecurityCheck", "", "processing"),
        ("Pending", "", "processing"),
        ("Pending", "ab" * 32, "sent"),
        ("MoreInformationRequired", "", "processing"),
        ("Unknown", "", "processing"),
        ("BlockchainConfirmed", "ab" * 32, "sent"),
        ("success", "ab" * 32, "completed"),
        ("CancelByUser", "", "cancelled"),
        ("Reject", "", "refused"),
        ("Fail", "", "refused"),
    ],
)
def test_each_status_means_one_state(word: str, txid: str, state: str) -> None:
    status = read(row(status=word, txID=txid))
    assert (status.state, status.txid, status.raw_status) == (state, txid or None, word)
    assert (status.completed_at is not None) == (state == "completed")


@pytest.mark.parametrize("word", ["Success", "SUCCESS", "Done", "pending"])
def test_an_unknown_status_is_neither_done_nor_failed(word: str) -> None:
    with pytest.raises(VenueError) as caught:
        read(row(status=word))
    assert caught.value.code == "venue.unknown_status"


def test_what_stays_inside_the_venue_has_no_transaction() -> None:
    assert read(row(withdrawType=1, txID="ab" * 32, status="success")).txid is None


@pytest.mark.parametrize(
    "field", ["amount", "withdrawFee", "toAddress", "tag", "chain", "status", "createTime"]
)
def test_an_entry_without_what_tells_it_apart_is_refused(field: str) -> None:
    line = row()
    del line[field]
    with pytest.raises(VenueError) as caught:
        read(line)
    assert caught.value.details["missing"].endswith(f".{field}")


@pytest.mark.parametrize("shown", ["0.249861", "0.25"])
def test_gross_fee_and_net_are_told_whichever_the_venue_lists(shown: str) -> None:
    status = wallet.as_netted(read(row(amount=shown)), request("0.25"))
    assert (status.gross.number, status.fee.number, status.amount.number) == (
        "0.25000000",
        "0.00013900",
        "0.24986100",
    )


def test_a_network_reads_as_its_strings() -> None:
    network = wallet.withdraw_network(chain(), "BTC", "BTC", NOW)
    assert (network.fee.number, network.minimum.number, network.maximum) == ("0.00013900", "0.00027000", None)
    assert (network.step.units, network.confirmations, network.enabled) == (1, 1, True)
    assert network.deposit_minimum == Amount.parse("0.00001", BTC)
    assert wallet.safe_confirmations(chain(), "BTC", "BTC") == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"withdrawPercentageFee": "0.001"}, "venue.percentage_fee"),
        ({"withdrawFee": ""}, "venue.incomplete_answer"),
        ({"withdrawMin": ""}, "venue.incomplete_answer"),
        ({"minAccuracy": ""}, "venue.incomplete_answer"),
        ({"minAccuracy": "99"}, "venue.bad_answer"),
        ({"chainWithdraw": "2"}, "venue.bad_answer"),
        ({"chainWithdraw": ""}, "venue.incomplete_answer"),
        ({"chain": "BRC20"}, "venue.unknown_network"),
    ],
)
def test_a_network_that_cannot_be_reckoned_with_is_refused(changes: dict[str, str], code: str) -> None:
    with pytest.raises(VenueError) as caught:
        wallet.withdraw_network(chain(**changes), "BTC", "BTC", NOW)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("digits", "most", "step", "maximum"), [("4", "10", 10_000, 10**9), ("12", "0.5", 1, 5 * 10**7)]
)
def test_steps_and_bounds_of_a_network(digits: str, most: str, step: int, maximum: int) -> None:
    network = wallet.withdraw_network(chain(minAccuracy=digits, withdrawMax=most), "BTC", "BTC", NOW)
    assert (network.step.units, network.maximum) == (step, Amount(BTC, maximum))


@pytest.mark.parametrize(("least", "units"), [("0.000000015", 2), ("0.00000002", 2), ("0", None), ("", None)])
def test_a_deposit_minimum_is_never_read_as_less(least: str, units: int | None) -> None:
    minimum = wallet.withdraw_network(chain(depositMin=least), "BTC", "BTC", NOW).deposit_minimum
    assert (None if minimum is None else minimum.units) == units


def deposit(**changes: Any) -> Any:
    line = {
        "coin": "BTC",
        "chain": "BTC",
        "amount": "0.5",
        "txID": "ab" * 32,
        "status": 3,
        "toAddress": ADDRESS,
        "tag": "",
        "successAt": str(TIME),
        "confirmations": "2",
        "depositType": "0",
        **changes,
    }
    pages = [envelope({"rows": [line]})]
    found = wallet.deposits(pages, "BTC", "AB" * 32, lambda address: address == ADDRESS, (1, 2))
    return found[0] if found else None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (0, "pending"), (1, "pending"), (2, "pending"), (3, "credited"), (4, "refused"), (7, "pending"),
        (10011, "pending"), (10012, "credited"), (70011, "refused"), (70012, "credited"), (70013, "pending"),
    ],
)  # fmt: skip
def test_each_deposit_status_means_one_state(status: int, state: str) -> None:
    assert deposit(status=status).state == state
    assert deposit(status=status).unlocked == (state == "credited")


@pytest.mark.parametrize("changes", [{"depositType": "20"}, {"depositType": "50"}, {"confirmations": "1"}])
def test_a_deposit_that_is_held_back_is_not_free(changes: dict[str, str]) -> None:
    found = deposit(**changes)
    assert (found.state, found.unlocked) == ("credited", False)


@pytest.mark.parametrize("changes", [{"txID": "cd" * 32}, {"chain": "ETH"}, {"toAddress": "elsewhere"}])
def test_a_deposit_of_another_is_not_ours(changes: dict[str, str]) -> None:
    assert deposit(**changes) is None


def test_an_unknown_deposit_status_is_refused() -> None:
    with pytest.raises(VenueError, match="known deposit status"):
        deposit(status=5)


def move(**changes: Any) -> dict[str, Any]:
    line = {
        "transferId": "f26122f3-da92-4bef-b7cf-74f876568db9",
        "coin": "BTC",
        "amount": "0.30",
        "fromAccountType": "UNIFIED",
        "toAccountType": "FUND",
        "timestamp": str(TIME),
        "status": "SUCCESS",
    }
    return {**line, **changes}


WANTED = InternalTransfer("unified", "funding", Amount.parse("0.3", BTC), NOW)


@pytest.mark.parametrize(
    ("changes", "states"),
    [
        ({}, ["confirmed"]),
        ({"status": "PENDING"}, ["pending"]),
        ({"status": "STATUS_UNKNOWN"}, ["pending"]),
        ({"status": "FAILED"}, ["failed"]),
        ({"amount": "0.31"}, []),
        ({"coin": "USDT"}, []),
        ({"fromAccountType": "FUND", "toAccountType": "UNIFIED"}, []),
    ],
)
def test_transfers_of_this_direction_asset_and_amount(changes: dict[str, str], states: list[str]) -> None:
    page = envelope({"list": [move(**changes), move(**changes)]})
    assert [receipt.state for receipt in wallet.transfers([page], WANTED)] == states


def test_an_unknown_transfer_status_is_refused() -> None:
    with pytest.raises(VenueError, match="known status"):
        wallet.transfers([envelope({"list": [move(status="DONE")]})], WANTED)


def test_the_funding_balance_is_what_can_be_withdrawn() -> None:
    fund = {"coin": "BTC", "withdrawableAmount": "1.234567891", "availableBalance": "2"}
    balance = wallet.funding_balance(envelope({"withdrawableAmount": {"FUND": fund}}), "BTC", NOW)
    assert (balance.free.number, balance.locked.number) == ("1.23456789", "0.76543210")
    for answer in ({"withdrawableAmount": {"UTA": fund}}, {"withdrawableAmount": {"FUND": None}}, {}):
        with pytest.raises(VenueError):
            wallet.funding_balance(envelope(answer), "BTC", NOW)


def test_a_deposit_address_is_of_the_coin_and_the_chain_asked_for() -> None:
    line = {"chain": "XRP", "addressDeposit": "rAddress", "tagDeposit": "77"}
    place = wallet.deposit_place(envelope({"coin": "XRP", "chains": [line]}), "XRP", "XRP")
    assert (place.address, place.tag) == ("rAddress", "77")
    for coin, lines in (("BTC", [line]), ("XRP", []), ("XRP", [line, line])):
        with pytest.raises(VenueError):
            wallet.deposit_place(envelope({"coin": coin, "chains": lines}), "XRP", "XRP")


def key(**changes: Any) -> dict[str, Any]:
    fields = {
        "readOnly": 0,
        "permissions": {"Spot": [], "Wallet": ["AccountTransfer", "Withdraw"], "NFT": []},
        "ips": ["18.181.170.164"],
        "createdAt": "2025-10-13T03:20:45Z",
        "expiredAt": "1970-01-01T00:00:00Z",
        "uta": 1,
        "userID": 1448939,
    }
    return envelope({**fields, **changes})


def test_a_keys_rights_are_read() -> None:
    permissions = rights.key_permissions(key(), "withdraw", "1448939")
    assert (permissions.can_withdraw, permissions.can_transfer, permissions.can_trade) == (True, True, False)
    assert permissions.ip_list == ("18.181.170.164",)
    assert permissions.created_at == datetime(2025, 10, 13, 3, 20, 45, tzinfo=UTC)
    assert (permissions.expires_at, permissions.withdraw_whitelist_on) == (None, True)
    assert rights.account_uid(key()) == "1448939"


@pytest.mark.parametrize("ips", [[], ["*"], ["::"], ["18.181.170.164", "*"], ["any"]])
def test_a_key_that_works_from_anywhere_is_not_called_restricted(ips: list[str]) -> None:
    permissions = rights.key_permissions(key(ips=ips), "withdraw", "1")
    assert (permissions.ip_restricted, permissions.ip_list) == (False, None)


@pytest.mark.parametrize("group", ["Spot", "Derivatives", "Earn", "BitCard", "SomethingNew"])
def test_a_right_that_could_move_money_counts_as_trading(group: str) -> None:
    permissions = {"Wallet": [], group: ["Anything"]}
    assert rights.key_permissions(key(permissions=permissions), "read", "1").can_trade
    assert not rights.key_permissions(key(permissions=permissions, readOnly=1), "read", "1").can_trade


@pytest.mark.parametrize("name", ["readOnly", "permissions", "ips", "uta", "userID"])
def test_a_key_answer_without_a_part_is_refused(name: str) -> None:
    answer = key()
    del answer["result"][name]
    with pytest.raises(VenueError):
        rights.account_uid(answer)
        rights.key_permissions(answer, "read", "1")


def test_an_account_that_is_not_unified_is_refused() -> None:
    with pytest.raises(VenueError) as caught:
        rights.account_uid(key(uta=0))
    assert caught.value.code == "venue.unsupported_account"


def test_the_address_book_says_when_an_address_can_be_used() -> None:
    seconds = TIME // 1000
    lines = [
        {"coin": "BTC", "chain": "BTC", "address": ADDRESS, "tag": "", "remark": "cold", "status": 0},
        {"coin": "baseCoin", "chain": "ETH", "address": "0x1", "status": 1, "createdAt": str(seconds)},
    ]
    plain, fresh = rights.whitelist([envelope({"rows": lines})])
    assert (plain.asset, plain.verified, plain.usable_from) == ("BTC", True, None)
    assert (fresh.asset, fresh.network, fresh.verified) == ("", "ETH", False)
    assert fresh.usable_from == NOW + timedelta(hours=24)


def evidence(code: object, status: int = 200) -> Evidence:
    return Evidence(
        left=True, status=status, body=json.dumps({"retCode": code, "retMsg": "no", "result": {}})
    )


@pytest.mark.parametrize(
    "code", [10001, 10002, 10005, 10006, 131074, 131085, 131093, 131096, 131097, 131212, "131089"]
)
def test_a_listed_code_with_http_200_is_a_refusal(code: object) -> None:
    error = send_failure(RuntimeError(), evidence(code), "withdraw", DIALECT)
    assert (type(error), error.details["venue_code"]) == (VenueError, str(code))


@pytest.mark.parametrize(
    "found",
    [
        *(evidence(int(code)) for code in sorted(DIALECT.uncertain)),
        *(evidence(code) for code in (131067, 131070, 131073, 131080, 131082)),
        evidence(999999),
        evidence(131096, status=500),
        evidence(0),
        evidence(True),
        evidence(None),
        Evidence(left=True, status=200, body="{}"),
        Evidence(left=True, status=200, body='{"retCode":'),
        Evidence(left=True, status=504, body="<html>"),
        Evidence(left=True, timed_out=True),
    ],
)
def test_everything_else_after_a_send_is_unknown(found: Evidence) -> None:
    assert isinstance(send_failure(RuntimeError(), found, "withdraw", DIALECT), OutcomeUnknownError)


def account() -> Bybit:
    settings = VenueSettings(name="bybit-main", exchange="bybit", account_uid="1448939")

    def nobody(role: object) -> Any:
        raise AssertionError("no connection is needed")

    return Bybit(settings, nobody, ManualClock(NOW))


def test_a_withdrawal_order_is_exactly_the_request() -> None:
    network = wallet.withdraw_network(chain(), "BTC", "BTC", NOW)
    order = account().withdraw_order(request("12.3456789", tag="7"), network)
    assert order.parameters == {
        "coin": "BTC",
        "chain": "BTC",
        "address": ADDRESS,
        "amount": "12.3456789",
        "timestamp": TIME,
        "forceChain": 1,
        "accountType": "FUND",
        "feeType": 1,
        "requestId": "intent1",
        "tag": "7",
    }
    assert order.receipt(Fields.of(envelope({"id": "9377266"}), "create")) == "9377266"
    with pytest.raises(VenueError):
        order.receipt(Fields.of(envelope({}), "create"))


def test_a_transfer_order_keeps_its_id_and_takes_no_other_receipt() -> None:
    order, again = account().transfer_order(WANTED), account().transfer_order(WANTED)
    assert order.parameters == again.parameters
    own = str(order.parameters["transferId"])
    assert order.receipt(Fields.of(envelope({"transferId": own, "status": "PENDING"}), "move")) == own
    with pytest.raises(VenueError):
        order.receipt(Fields.of(envelope({"transferId": "another"}), "move"))


class Pages:
    """Stands in for a connection: answers page after page and keeps what it was asked."""

    def __init__(self, *pages: tuple[int, str]) -> None:
        self.pages, self.asked = list(pages), list[dict[str, Any]]()

    def get(self, method: str, parameters: dict[str, Any]) -> Any:
        self.asked.append(parameters)
        rows, cursor = self.pages.pop(0) if self.pages else (0, "")
        return envelope({"rows": [{}] * rows, "nextPageCursor": cursor})


LISTING = Listing("list", {"coin": "BTC"}, 2, "rows")


@pytest.mark.parametrize(
    ("pages", "asked", "complete"),
    [
        ([(1, "more"), (1, "")], 2, True),  # a page that is not full may still not be the last
        ([(1, "more"), (1, "more")], 2, True),
        ([(2, "a"), (0, "b")], 2, True),
        ([(2, "a"), (2, "a")], 2, False),
        ([(2, "")], 1, False),
        ([(2, str(n)) for n in range(40)], 20, False),
    ],
)
def test_a_list_is_read_to_its_end_or_called_incomplete(
    pages: list[tuple[int, str]], asked: int, complete: bool
) -> None:
    line: Any = Pages(*pages)
    listed = read_pages(line, LISTING)
    assert (len(line.asked), listed.complete) == (asked, complete)


def test_a_long_history_is_asked_in_windows_that_touch() -> None:
    line: Any = Pages()
    span = timedelta(days=7)
    read_windows(line, LISTING, NOW - timedelta(days=20), NOW, span)
    windows = [(asked["startTime"], asked["endTime"]) for asked in line.asked]
    assert len(windows) == 3
    assert [end for _, end in windows[:-1]] == [start for start, _ in windows[1:]]
    assert windows[-1][1] == TIME
    assert all(end - start <= 7 * 86_400_000 for start, end in windows)


class History:
    """Stands in for a connection whose history is always the same full page without a next one."""

    def __init__(self, *lines: dict[str, Any], rows: str = "rows") -> None:
        self.answer = envelope({rows: list(lines), "nextPageCursor": ""})

    def get(self, method: str, parameters: dict[str, Any]) -> Any:
        return self.answer


def test_a_withdrawal_history_that_is_not_whole_proves_nothing() -> None:
    full: Any = History(*(row(withdrawId=str(number), amount="1") for number in range(50)))
    with pytest.raises(VenueError) as caught:
        account().withdrawals(full, request(), NOW - timedelta(minutes=5), NOW)
    assert caught.value.code == "venue.history_incomplete"


@pytest.mark.parametrize(
    ("created", "found"),
    [(0, True), (-301_000, False), (-299_000, True), (66_000, True), (68_000, False)],
)
def test_only_an_entry_of_the_request_s_own_time_is_ours(created: int, found: bool) -> None:
    """From `since` to `not_after` and the receive window, with a second and the clock bound of slack."""
    line: Any = History(row(createTime=str(TIME + created)))
    history = account().withdrawals(line, request(), NOW - timedelta(minutes=5), NOW)
    assert bool(history.found) is found
    assert all(status.client_id == "intent1" for status in history.found)


@pytest.mark.parametrize("ahead", [-30, 30])
def test_a_search_reaches_past_now_by_whichever_clock_is_ahead(ahead: int) -> None:
    line: Any = Pages()
    theirs = NOW + timedelta(seconds=ahead)
    account().withdrawals(line, request(), NOW - timedelta(minutes=5), theirs)
    assert line.asked[-1]["endTime"] > max(TIME, TIME + ahead * 1000)


def test_a_list_of_positions_or_addresses_that_is_not_whole_is_refused() -> None:
    lines: Any = History(*({} for _ in range(50)))
    with pytest.raises(VenueError) as caught:
        account().whitelisted(lines)
    assert caught.value.code == "venue.incomplete_answer"
    pages: Any = History(*({} for _ in range(200)), rows="list")
    with pytest.raises(VenueError) as caught:
        list(account()._positions(pages, "linear", "USDT"))
    assert caught.value.code == "venue.incomplete_answer"


def test_a_read_only_key_moves_nothing_whatever_its_groups_say() -> None:
    permissions = rights.key_permissions(key(readOnly=1), "read", "1")
    assert (permissions.can_withdraw, permissions.can_transfer, permissions.can_trade) == (False,) * 3
