"""Bybit's way of talking: who may ask what, how it says no, what its lists and records show."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from emulator.venues.bybit.dialect import TRANSFER_WORDS, WORDS, BybitDialect
from emulator.venues.bybit.endpoints import bybit
from emulator.venues.engine.accounts import WhitelistEntry
from emulator.venues.engine.keys import ApiKey
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.dispatch import Dispatcher
from emulator.venues.serving.messages import Incoming

NOW = 1_788_264_000_000
ADDRESS = "bcrt1q" + "q" * 32 + "zzzzzz"
Ask = Callable[..., Any]


@pytest.fixture
def desk(chain: Any) -> Dispatcher:
    exchange = bybit()
    venue = Venue(exchange.profile)
    venue.clock.fixed_ms = NOW
    venue.chains["BTC", "BTC"] = chain
    account = venue.create_account(
        "main",
        keys=(
            ApiKey("read", "s-read", can_transfer=False),
            ApiKey("all", "s-all", can_withdraw=True, ip_list=("127.0.0.1",)),
            ApiKey("far", "s-far", ip_list=("203.0.113.7",)),
        ),
        wallets={"unified": {"BTC": Decimal(2), "USDT": Decimal(1000)}, "funding": {"BTC": Decimal(5)}},
    )
    account.whitelist = [WhitelistEntry("BTC", "BTC", ADDRESS, name="cold")]
    return Dispatcher(exchange, venue)


@pytest.fixture
def ask(desk: Dispatcher) -> Ask:
    """Sign and send; `sent`, `window`, `sign` and `key` are what a client could get wrong."""

    def call(method: str, path: str, key: str = "all", **given: Any) -> dict[str, Any]:
        params = given.pop("params", {})
        query = "&".join(f"{n}={v}" for n, v in params.items()) if method == "GET" else ""
        body = json.dumps(params) if method == "POST" else ""
        sent, window = str(given.pop("sent", NOW)), str(given.pop("window", 5000))
        text = sent + key + window + query + body
        sign = (
            given.pop("sign", None)
            or hmac.new(f"s-{key}".encode(), text.encode(), hashlib.sha256).hexdigest()
        )
        headers = {
            "x-bapi-api-key": key,
            "x-bapi-timestamp": sent,
            "x-bapi-recv-window": window,
            "x-bapi-sign": sign,
        }
        answer = desk.answer(Incoming(method, path, query, body, key, "127.0.0.1", headers))
        assert answer.status in {200, 404}
        return dict(json.loads(answer.text))

    return call


def withdrawal(**changes: Any) -> dict[str, Any]:
    return {
        "coin": "BTC",
        "chain": "BTC",
        "address": ADDRESS,
        "amount": "0.5",
        "timestamp": NOW,
        "forceChain": 1,
        "accountType": "FUND",
        "feeType": 1,
        "requestId": uuid.uuid4().hex,
        **changes,
    }


CREATE, RECORDS = "/v5/asset/withdraw/create", "/v5/asset/withdraw/query-record"
MOVE, MOVES = "/v5/asset/transfer/inter-transfer", "/v5/asset/transfer/query-inter-transfer-list"
INFO = "/v5/account/info"


def test_a_good_signature_opens_the_envelope(ask: Ask) -> None:
    answer = ask("GET", INFO, "read")
    assert (answer["retCode"], answer["time"]) == (0, NOW)
    assert answer["result"]["marginMode"] == "REGULAR_MARGIN"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"sent": NOW + 1000}, 10002),
        ({"sent": NOW - 5001}, 10002),
        ({"sent": "soon"}, 10001),
        ({"sign": "0" * 64}, 10004),
        ({"key": "nobody"}, 10003),
        ({"key": "far"}, 10010),
    ],
)
def test_a_request_that_proves_nothing_is_refused(ask: Ask, given: dict[str, Any], code: int) -> None:
    assert ask("GET", INFO, **{"key": "read", **given})["retCode"] == code


@pytest.mark.parametrize("sent", [NOW + 999, NOW - 5000])
def test_the_edges_of_the_time_window_are_inside(ask: Ask, sent: int) -> None:
    assert ask("GET", INFO, sent=sent)["retCode"] == 0


@pytest.mark.parametrize(
    ("method", "path"), [("POST", CREATE), ("POST", MOVE), ("GET", "/v5/asset/withdraw/query-address")]
)
def test_a_key_without_the_right_is_refused(ask: Ask, method: str, path: str) -> None:
    assert ask(method, path, "read")["retCode"] == 10005


def test_every_reason_of_the_engine_has_bybits_words() -> None:
    assert set(WORDS) == set(Reason)
    for path in ("/v5/asset/transfer/x", "/v5/asset/withdraw/create"):
        incoming = Incoming("POST", path, "", "", None, "")
        for reason in Reason:
            worded = BybitDialect().worded(incoming, Refusal(reason))
            assert type(worded.code) is int
            assert worded.message
            assert "{" not in worded.message
    assert set(TRANSFER_WORDS) <= set(Reason)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "0.0001"}, 131096),
        ({"amount": "501"}, 131096),
        ({"amount": "0.000000001"}, 131096),
        ({"amount": "0.100000001"}, 131002),
        ({"amount": "-1"}, 10001),
        ({"amount": "1e-05"}, 10001),
        ({"amount": "100"}, 131001),
        ({"address": "nowhere"}, 131002),
        ({"tag": "7"}, 131002),
        ({"chain": "TRX"}, 131002),
        ({"coin": "DOGE"}, 131002),
        ({"requestId": "with-dash"}, 131002),
        ({"requestId": "x" * 33}, 131002),
        ({"forceChain": 2}, 10001),
        ({"feeType": 3}, 10001),
        ({"accountType": "SPOT"}, 10001),
        ({"timestamp": "now"}, 10001),
        ({"chain": ""}, 10001),
    ],
)
def test_a_withdrawal_bybit_would_refuse_is_refused(
    ask: Ask, desk: Dispatcher, changes: dict[str, Any], code: int
) -> None:
    assert ask("POST", CREATE, params=withdrawal(**changes))["retCode"] == code
    assert desk.venue.withdrawals.records == []


def test_the_whitelist_is_kept_where_it_is_on(ask: Ask, desk: Dispatcher) -> None:
    desk.venue.account("main").whitelist_on = True
    other = ADDRESS[:-1] + "y"
    assert ask("POST", CREATE, params=withdrawal(address=other))["retCode"] == 131093
    assert ask("POST", CREATE, params=withdrawal())["retCode"] == 0


def test_the_same_request_id_is_one_withdrawal(ask: Ask, desk: Dispatcher) -> None:
    params = withdrawal()
    first, second = (ask("POST", CREATE, params=params) for _ in range(2))
    assert first["result"] == second["result"]
    assert len(desk.venue.withdrawals.records) == 1


def test_one_withdrawal_in_ten_seconds_of_a_coin_on_a_chain(ask: Ask, desk: Dispatcher) -> None:
    assert ask("POST", CREATE, params=withdrawal())["retCode"] == 0
    assert ask("POST", CREATE, params=withdrawal())["retCode"] == 10006
    desk.venue.clock.fixed_ms = NOW + 10_000
    assert ask("POST", CREATE, params=withdrawal(timestamp=NOW + 10_000), sent=NOW + 10_000)["retCode"] == 0


@pytest.mark.parametrize(("fee_type", "gross", "net"), [(0, "0.500139", "0.5"), (1, "0.5", "0.499861")])
def test_the_fee_is_added_or_taken_out(
    ask: Ask, desk: Dispatcher, fee_type: int, gross: str, net: str
) -> None:
    ask("POST", CREATE, params=withdrawal(feeType=fee_type))
    (row,) = ask("GET", RECORDS)["result"]["rows"]
    assert (row["amount"], row["withdrawFee"], row["status"]) == (net, "0.000139", "SecurityCheck")
    assert str(desk.venue.withdrawals.records[0].gross) == gross


def test_records_never_show_request_ids_and_follow_the_statuses(
    ask: Ask, desk: Dispatcher, chain: Any
) -> None:
    params = withdrawal()
    ask("POST", CREATE, params=params)
    seen = []
    for confirmations in (0, 0, 0, 1, 1):
        chain.confirm(confirmations)
        (row,) = ask("GET", RECORDS)["result"]["rows"]
        assert params["requestId"] not in json.dumps(row)
        seen.append((row["status"], bool(row["txID"])))
        desk.venue.pump()
    assert seen[0] == ("SecurityCheck", False)
    assert seen[-1] == ("success", True)
    assert ("Pending", True) in seen


@pytest.mark.parametrize("account_type", ["UTA", "FUND,UTA"])
def test_a_withdrawal_may_bring_its_money_from_the_unified_wallet(
    ask: Ask, desk: Dispatcher, account_type: str
) -> None:
    account = desk.venue.account("main")
    account.wallets["funding"] = {"BTC": Decimal("0.1")}
    assert ask("POST", CREATE, params=withdrawal(accountType=account_type))["retCode"] == 0
    left = {name: account.held(name, "BTC") for name in ("unified", "funding")}
    assert sum(left.values()) == Decimal("1.6")
    refused = ask("POST", CREATE, params=withdrawal(accountType=account_type, address="nowhere"))
    assert refused["retCode"] == 131002
    assert left == {name: account.held(name, "BTC") for name in ("unified", "funding")}


def test_transfers_are_known_by_their_uuid_and_happen_once(ask: Ask, desk: Dispatcher) -> None:
    params = {
        "transferId": str(uuid.uuid4()),
        "coin": "BTC",
        "amount": "0.3",
        "fromAccountType": "UNIFIED",
        "toAccountType": "FUND",
    }
    assert ask("POST", MOVE, params=params)["result"]["status"] == "SUCCESS"
    assert ask("POST", MOVE, params=params)["retCode"] == 131214
    assert ask("POST", MOVE, params={**params, "transferId": "mine"})["retCode"] == 131203
    (row,) = ask("GET", MOVES)["result"]["list"]
    assert (row["transferId"], row["amount"], row["fromAccountType"]) == (
        params["transferId"],
        "0.3",
        "UNIFIED",
    )
    assert desk.venue.account("main").held("funding", "BTC") == Decimal("5.3")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": "3"}, 131212),
        ({"amount": "0"}, 131215),
        ({"amount": "0.000000001"}, 131210),
        ({"toAccountType": "UNIFIED"}, 131211),
        ({"toAccountType": "SPOT"}, 131208),
        ({"coin": "DOGE"}, 131203),
    ],
)
def test_transfers_that_cannot_be_are_refused(ask: Ask, changes: dict[str, str], code: int) -> None:
    params = {
        "transferId": str(uuid.uuid4()),
        "coin": "BTC",
        "amount": "0.3",
        "fromAccountType": "UNIFIED",
        "toAccountType": "FUND",
        **changes,
    }
    assert ask("POST", MOVE, params=params)["retCode"] == code


@pytest.mark.parametrize(
    ("path", "days"), [(RECORDS, 30), (MOVES, 7), ("/v5/asset/deposit/query-record", 30)]
)
def test_a_history_is_asked_in_windows(ask: Ask, path: str, days: int) -> None:
    span = days * 86_400_000
    for length, code in ((span, 0), (span + 1, 10001)):
        window = {"startTime": NOW - length, "endTime": NOW}
        assert ask("GET", path, params=window)["retCode"] == code


def test_lists_come_in_pages_by_cursor(ask: Ask, desk: Dispatcher) -> None:
    desk.venue.withdrawals.settings.spacing_ms = 0
    for _ in range(5):
        ask("POST", CREATE, params=withdrawal(amount="0.001"))
    found: list[str] = []
    cursor = ""
    for _ in range(3):
        result = ask("GET", RECORDS, params={"limit": 2, "cursor": cursor})["result"]
        found += [row["withdrawId"] for row in result["rows"]]
        cursor = result["nextPageCursor"]
    assert len(set(found)) == 5
    assert cursor == ""
    assert ask("GET", RECORDS, params={"cursor": "elsewhere"})["retCode"] == 10001


def test_a_position_list_needs_a_symbol_or_a_settle_coin(ask: Ask) -> None:
    assert ask("GET", "/v5/position/list", params={"category": "linear"})["retCode"] == 10001
    empty = ask("GET", "/v5/position/list", params={"category": "linear", "symbol": "BTCUSDT"})
    assert empty["result"]["list"][0]["size"] == "0"
    assert ask("GET", "/v5/position/list", params={"category": "inverse"})["result"]["list"] == []


def test_an_isolated_account_says_no_margin_of_the_whole(ask: Ask, desk: Dispatcher) -> None:
    desk.venue.account("main").mode = "ISOLATED_MARGIN"
    answer = ask("GET", "/v5/account/wallet-balance", params={"accountType": "UNIFIED"})
    line = answer["result"]["list"][0]
    assert line["totalMarginBalance"] == line["accountMMRate"] == ""
    assert line["totalEquity"] == "161000"


def test_a_parameter_sent_twice_is_refused(desk: Dispatcher) -> None:
    for incoming in (
        Incoming("GET", "/v5/market/tickers", "category=spot&category=linear", "", None, ""),
        Incoming("POST", MOVE, "", '{"coin":"BTC","coin":"ETH"}', None, ""),
        Incoming("POST", MOVE, "", '["coin"]', None, ""),
        Incoming("POST", MOVE, "", "{", None, ""),
    ):
        assert json.loads(desk.answer(incoming).text)["retCode"] == 10001
