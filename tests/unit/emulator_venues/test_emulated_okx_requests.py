"""The emulated OKX on a socket: signatures, expiry, rights, envelopes, and unmodified ccxt against it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.engine.refusals import Reason
from emulator.venues.okx.dialect import WORDS
from emulator.venues.serving.server import VenueServer

ADDRESS = "bcrt1q" + "q" * 38
READ = {"key": "read-key", "secret": "read-secret", "passphrase": "read-phrase", "transfer": False}
SEND = {"key": "send-key", "secret": "send-secret", "passphrase": "send-phrase", "withdraw": True}
FAR = {"key": "far-key", "secret": "far-secret", "passphrase": "far-phrase", "ip_list": ["203.0.113.7"]}
BALANCE = "/api/v5/account/balance"


@pytest.fixture
def server(chain: Any) -> Iterator[VenueServer]:
    with VenueServer("okx", chain=chain) as running:
        yield running


@pytest.fixture
def control(server: VenueServer) -> VenueControl:
    hand = VenueControl(server.url)
    hand.create_account(
        "main",
        keys=[READ, {**SEND, "ip_list": ["127.0.0.1"]}, FAR],
        wallets={"trading": {"BTC": "2", "USDT": "11000000"}, "funding": {"BTC": "1"}},
        positions=[{"symbol": "BTC-USDT-SWAP", "quantity": "100", "entry_price": "59000", "leverage": 10}],
    )
    return hand


def stamp(seconds: int = 0) -> str:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def headers(
    key: dict[str, Any], method: str, target: str, body: str = "", at: str | None = None
) -> dict[str, str]:
    time = stamp() if at is None else at
    text = f"{time}{method}{target}{body}".encode()
    digest = hmac.new(key["secret"].encode(), text, hashlib.sha256).digest()
    return {
        "OK-ACCESS-KEY": key["key"],
        "OK-ACCESS-PASSPHRASE": key["passphrase"],
        "OK-ACCESS-TIMESTAMP": time,
        "OK-ACCESS-SIGN": base64.b64encode(digest).decode(),
        "Content-Type": "application/json",
    }


def ask(
    server: VenueServer, method: str, target: str, head: dict[str, str] | None = None, body: str = ""
) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(  # noqa: S310  always http to loopback
        server.url + target, data=body.encode() if body else None, headers=head or {}, method=method
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def private(
    server: VenueServer, key: dict[str, Any], target: str, body: str = "", **changes: Any
) -> tuple[int, str]:
    method = "POST" if body else "GET"
    status, answer = ask(server, method, target, headers(key, method, target, body) | changes, body)
    return status, answer["code"]


def test_a_signed_request_is_answered_in_the_envelope(server: VenueServer, control: VenueControl) -> None:
    target = f"{BALANCE}?ccy=BTC"
    status, answer = ask(server, "GET", target, headers(READ, "GET", target))
    assert (status, answer["code"], answer["msg"]) == (200, "0", "")
    assert [line["ccy"] for line in answer["data"][0]["details"]] == ["BTC"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"OK-ACCESS-KEY": ""}, "50103"),
        ({"OK-ACCESS-PASSPHRASE": ""}, "50104"),
        ({"OK-ACCESS-PASSPHRASE": "Read-phrase"}, "50105"),
        ({"OK-ACCESS-SIGN": ""}, "50106"),
        ({"OK-ACCESS-SIGN": "AAAA"}, "50113"),
        ({"OK-ACCESS-TIMESTAMP": ""}, "50107"),
        ({"OK-ACCESS-TIMESTAMP": "1788264000000"}, "50112"),
        ({"OK-ACCESS-TIMESTAMP": "2020-12-08T09:08:57.715Z"}, "50102"),
        ({"OK-ACCESS-KEY": "nobody"}, "50111"),
    ],
)
def test_what_is_wrong_with_a_signature_has_its_own_code_and_http_401(
    server: VenueServer, control: VenueControl, changes: dict[str, str], code: str
) -> None:
    assert private(server, READ, BALANCE, **changes) == (401, code)


@pytest.mark.parametrize(("seconds", "code"), [(-29, "0"), (-31, "50102"), (29, "0"), (31, "50102")])
def test_a_request_expires_after_thirty_seconds(
    server: VenueServer, control: VenueControl, seconds: int, code: str
) -> None:
    _, answer = ask(server, "GET", BALANCE, headers(READ, "GET", BALANCE, at=stamp(seconds)))
    assert answer["code"] == code


def test_the_signature_covers_query_and_body(server: VenueServer, control: VenueControl) -> None:
    head = headers(READ, "GET", f"{BALANCE}?ccy=BTC")
    assert ask(server, "GET", f"{BALANCE}?ccy=USDT", head)[1]["code"] == "50113"
    target, body = "/api/v5/asset/transfer", '{"ccy":"BTC","amt":"1","from":"18","to":"6"}'
    head = headers(SEND, "POST", target, body)
    assert ask(server, "POST", target, head, body.replace('"1"', '"2"'))[1]["code"] == "50113"
    assert ask(server, "POST", target, head, body)[1]["code"] == "0"


def test_keys_do_only_what_they_may_and_from_where_they_may(
    server: VenueServer, control: VenueControl
) -> None:
    transfer = '{"ccy":"BTC","amt":"1","from":"18","to":"6"}'
    withdraw = json.dumps(
        {"ccy": "BTC", "amt": "0.1", "dest": "4", "toAddr": ADDRESS, "chain": "BTC-Bitcoin"}
    )
    assert private(server, READ, "/api/v5/asset/transfer", transfer) == (200, "50120")
    assert private(server, READ, "/api/v5/asset/withdrawal", withdraw) == (200, "50120")
    assert private(server, FAR, BALANCE) == (401, "50110")
    assert private(server, SEND, "/api/v5/asset/withdrawal", withdraw) == (200, "0")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amt": "0"}, 400, "51000"),
        ({"amt": "1e-05"}, 400, "51000"),
        ({"amt": ""}, 400, "50014"),
        ({"amt": "0.100000001"}, 400, "51000"),
        ({"amt": "1"}, 200, "58350"),
        ({"amt": "501"}, 200, "58205"),
        ({"chain": "BTC-OKC"}, 200, "58010"),
        ({"ccy": "DOGE"}, 400, "51000"),
        ({"toAddr": "not-an-address"}, 200, "58222"),
        ({"dest": "3"}, 400, "51000"),
        ({"clientId": "intent-1"}, 400, "51000"),
        ({"ccy": "XRP", "chain": "XRP-Ripple", "toAddr": "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"}, 200, "58221"),
    ],
)
def test_a_withdrawal_that_is_refused_has_okx_s_code(
    server: VenueServer, control: VenueControl, changes: dict[str, str], status: int, code: str
) -> None:
    wanted = {"ccy": "BTC", "amt": "0.1", "dest": "4", "toAddr": ADDRESS, "chain": "BTC-Bitcoin", **changes}
    if wanted["ccy"] == "XRP":
        wanted["amt"] = "5"
    assert private(server, SEND, "/api/v5/asset/withdrawal", json.dumps(wanted)) == (status, code)
    assert control.state("main")["withdrawals"] == []


def test_the_fee_comes_on_top(server: VenueServer, control: VenueControl) -> None:
    body = json.dumps(
        {"ccy": "BTC", "amt": "0.99998", "dest": "4", "toAddr": ADDRESS, "chain": "BTC-Bitcoin"}
    )
    assert private(server, SEND, "/api/v5/asset/withdrawal", body) == (200, "0")
    (row,) = control.state("main")["withdrawals"]
    assert (row["gross"], row["fee"], row["amount"]) == ("1", "0.00002", "0.99998")


def test_a_body_that_is_no_object_is_refused(server: VenueServer, control: VenueControl) -> None:
    assert private(server, SEND, "/api/v5/asset/transfer", "[1]") == (400, "50002")
    assert private(server, SEND, "/api/v5/asset/transfer", "{") == (400, "50002")


def test_every_reason_has_a_code_of_okx(server: VenueServer) -> None:
    assert set(WORDS) == set(Reason)
    for text in (text for _, text, _ in WORDS.values()):
        assert set(re.findall(r"{(\w+)}", text)) <= {"name", "network", "ip"}


def test_an_unknown_transfer_has_okx_s_code(server: VenueServer, control: VenueControl) -> None:
    assert private(server, READ, "/api/v5/asset/transfer-state?clientId=nothing") == (200, "58129")


def test_faults_speak_okx_s_language(server: VenueServer, control: VenueControl) -> None:
    control.fault("maintenance", "account/balance")
    assert private(server, READ, BALANCE) == (503, "50001")
    control.fault("http_500", "account/balance")
    assert private(server, READ, BALANCE) == (500, "50026")


# Unmodified ccxt


def rewritten(addresses: Any, url: str) -> Any:
    if isinstance(addresses, dict):
        return {name: rewritten(inner, url) for name, inner in addresses.items()}
    return re.sub(r"^(https?|wss?)://[^/]+", url, addresses)


@pytest.fixture
def exchange(server: VenueServer, control: VenueControl) -> Iterator[Any]:
    import ccxt

    made = ccxt.okx(
        {
            "apiKey": SEND["key"],
            "secret": SEND["secret"],
            "password": SEND["passphrase"],
            "enableRateLimit": False,
            "timeout": 5000,
        }
    )
    made.urls["api"] = rewritten(made.urls["api"], server.url)
    yield made
    made.session.close()


def test_ccxt_loads_markets_and_currencies(exchange: Any) -> None:
    markets = exchange.load_markets()
    assert {"BTC/USDT", "BTC/USDT:USDT", "BTC/USD:BTC"} <= set(markets)
    assert markets["BTC/USDT:USDT"]["contractSize"] == 0.01
    assert markets["BTC/USD:BTC"]["inverse"]
    currencies = exchange.fetch_currencies()
    assert currencies["BTC"]["networks"]["BTC"]["id"] == "BTC-Bitcoin"
    assert set(currencies["USDT"]["networks"]) == {"TRC20", "ERC20"}


def test_ccxt_reads_balances_and_positions(exchange: Any) -> None:
    balance = exchange.fetch_balance()
    assert balance["BTC"]["total"] == 2
    assert balance["info"]["data"][0]["adjEq"] == "10418400"
    assert exchange.fetch_balance({"type": "funding"})["BTC"]["free"] == 1
    (position,) = exchange.fetch_positions()
    assert (position["symbol"], position["side"], position["contracts"]) == ("BTC/USDT:USDT", "long", 100)
    assert position["maintenanceMargin"] == 240
    tiers = exchange.fetch_market_leverage_tiers("BTC/USDT:USDT")
    assert tiers[0]["maintenanceMarginRate"] == 0.004


def test_ccxt_finds_the_deposit_address_and_deposits(
    exchange: Any, chain: Any, control: VenueControl
) -> None:
    place = exchange.fetch_deposit_address("BTC")
    assert (place["address"][:6], place["network"]) == ("bcrt1q", "BTC")
    chain.receive(place["address"], 10_000_000, confirmations=2)
    control.tick()
    (deposit,) = exchange.fetch_deposits("BTC")
    assert (deposit["amount"], deposit["status"]) == (0.1, "ok")


def test_ccxt_transfers_withdraws_and_follows(exchange: Any, chain: Any, control: VenueControl) -> None:
    moved = exchange.transfer("BTC", 0.5, "trading", "funding", {"clientId": "move1"})
    assert exchange.fetch_transfer(moved["id"], "BTC")["status"] == "ok"
    sent = exchange.withdraw("BTC", 1.25, ADDRESS, {"network": "BTC", "clientId": "sweep1"})
    (found,) = exchange.fetch_withdrawals("BTC")
    assert (found["id"], found["amount"], found["status"], found["fee"]["cost"]) == (
        sent["id"],
        1.25,
        "pending",
        0.00002,
    )
    control.tick(4)
    (found,) = exchange.fetch_withdrawals("BTC")
    assert found["status"] == "ok"
    assert chain.paid == [(ADDRESS, 125_000_000)]


def test_ccxt_sees_okx_s_errors_as_its_own(exchange: Any, control: VenueControl) -> None:
    import ccxt

    with pytest.raises(ccxt.InsufficientFunds):
        exchange.withdraw("BTC", 100, ADDRESS, {"network": "BTC"})
    control.clock(offset_ms=60_000)
    with pytest.raises(ccxt.InvalidNonce):
        exchange.fetch_balance({"type": "funding"})


def test_ccxt_reads_the_public_side(exchange: Any) -> None:
    assert exchange.fetch_time() > 0
    assert exchange.fetch_status()["status"] == "ok"
    assert exchange.fetch_funding_rate("BTC/USDT:USDT")["fundingRate"] == 0.0001
    assert len(exchange.fetch_order_book("BTC/USDT:USDT", limit=5)["bids"]) == 5
    assert exchange.fetch_ticker("BTC/USDT")["last"] == 60000
