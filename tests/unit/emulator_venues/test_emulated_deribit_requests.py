"""The emulated Deribit on a socket: signatures, windows, rights, envelopes, and unmodified ccxt."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.deribit.dialect import WORDS
from emulator.venues.engine.refusals import Reason
from emulator.venues.serving.server import VenueServer

ADDRESS = "bcrt1q" + "q" * 38
READ = {"key": "read-key", "secret": "read-secret"}
SEND = {"key": "send-key", "secret": "send-secret", "withdraw": True, "ip_list": ["127.0.0.1"]}
FAR = {"key": "far-key", "secret": "far-secret", "ip_list": ["203.0.113.7"]}
SUMMARIES = "/api/v2/private/get_account_summaries"
WITHDRAW = "/api/v2/private/withdraw"


@pytest.fixture
def server(chain: Any) -> Iterator[VenueServer]:
    with VenueServer("deribit", chain=chain) as running:
        yield running


@pytest.fixture
def control(server: VenueServer) -> VenueControl:
    hand = VenueControl(server.url)
    hand.create_account(
        "main",
        keys=[READ, SEND, FAR],
        wallets={"margin": {"BTC": "2", "USDC": "300000"}},
        positions=[
            {"symbol": "BTC-PERPETUAL", "quantity": "50000", "entry_price": "80000"},
            {"symbol": "BTC_USDC-PERPETUAL", "quantity": "-1.5", "entry_price": "101000"},
        ],
    )
    hand.call("whitelist", account="main", entries=[{"coin": "BTC", "network": "BTC", "address": ADDRESS}])
    return hand


def signed(key: dict[str, Any], target: str, **changes: str) -> str:
    moment, nonce = changes.get("ts", str(time.time_ns() // 1_000_000)), changes.get("nonce", "n1")
    text = f"{moment}\n{nonce}\nGET\n{target}\n\n"
    sig = hmac.new(key["secret"].encode(), text.encode(), hashlib.sha256).hexdigest()
    parts = {"id": key["key"], "ts": moment, "sig": sig, "nonce": nonce, **changes}
    return "deri-hmac-sha256 " + ",".join(f"{name}={value}" for name, value in parts.items() if value)


def ask(server: VenueServer, target: str, header: str | None = None) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(server.url + target)  # noqa: S310  loopback
    if header is not None:
        request.add_header("Authorization", header)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def code(server: VenueServer, target: str, header: str | None = None) -> int:
    status, answer = ask(server, target, header)
    assert status in {400, 429, 503}
    assert answer["jsonrpc"] == "2.0"
    return int(answer["error"]["code"])


def test_a_good_signature_is_answered_in_the_envelope(server: VenueServer, control: VenueControl) -> None:
    status, answer = ask(server, SUMMARIES, signed(READ, SUMMARIES))
    assert status == 200
    assert set(answer) == {"jsonrpc", "result", "usIn", "usOut", "usDiff", "testnet"}
    assert answer["usOut"] - answer["usIn"] == answer["usDiff"]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sig": "00" * 32}, 13004),
        ({"id": "nobody"}, 13004),
        ({"nonce": ""}, 10000),
        ({"sig": ""}, 10000),
        ({"ts": "1"}, 13004),
        ({"ts": "soon"}, 13004),
    ],
)
def test_a_wrong_header_is_refused(
    server: VenueServer, control: VenueControl, changes: dict[str, str], expected: int
) -> None:
    assert code(server, SUMMARIES, signed(READ, SUMMARIES, **changes)) == expected


def test_no_header_or_another_scheme_is_refused(server: VenueServer, control: VenueControl) -> None:
    assert code(server, SUMMARIES) == 10000
    assert code(server, SUMMARIES, "Bearer abc") == 10000


def test_a_timestamp_is_good_for_a_minute(server: VenueServer, control: VenueControl) -> None:
    now = time.time_ns() // 1_000_000
    assert ask(server, SUMMARIES, signed(READ, SUMMARIES, ts=str(now - 50_000)))[0] == 200
    assert code(server, SUMMARIES, signed(READ, SUMMARIES, ts=str(now - 61_000))) == 13004


def test_the_query_is_signed_too(server: VenueServer, control: VenueControl) -> None:
    honest = f"{WITHDRAW}?currency=BTC&address={ADDRESS}&amount=0.1"
    assert code(server, honest + "9", signed(SEND, honest)) == 13004
    assert control.state("main")["withdrawals"] == []


def test_a_key_without_the_right_or_from_elsewhere_is_refused(
    server: VenueServer, control: VenueControl
) -> None:
    target = f"{WITHDRAW}?currency=BTC&address={ADDRESS}&amount=0.1"
    assert code(server, target, signed(READ, target)) == 13021
    assert code(server, SUMMARIES, signed(FAR, SUMMARIES)) == 13009
    assert ask(server, target, signed(SEND, target))[0] == 200


def withdraw(server: VenueServer, **given: str) -> tuple[int, dict[str, Any]]:
    asked = {"currency": "BTC", "address": ADDRESS, "amount": "0.1", **given}
    target = WITHDRAW + "?" + "&".join(f"{name}={value}" for name, value in asked.items())
    return ask(server, target, signed(SEND, target))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"amount": "0"}, -32602),
        ({"amount": "-1"}, -32602),
        ({"amount": "1e"}, -32602),
        ({"amount": "0.000000001"}, -32602),
        ({"amount": "2"}, 10009),
        ({"address": "bcrt1q" + "z" * 38}, 11090),
        ({"currency": "DOGE"}, -32602),
        ({"nonce": "short"}, -32602),
        ({"priority": "warp"}, -32602),
    ],
)
def test_what_cannot_be_withdrawn_is_refused(
    server: VenueServer, control: VenueControl, given: dict[str, str], expected: int
) -> None:
    status, answer = withdraw(server, **given)
    assert (status, answer["error"]["code"]) == (400, expected)
    assert control.state("main")["withdrawals"] == []


def test_the_fee_comes_on_top_and_an_exponent_is_a_number(server: VenueServer, control: VenueControl) -> None:
    assert withdraw(server, amount="1e-05")[0] == 200
    (record,) = control.state("main")["withdrawals"]
    assert (record["amount"], record["fee"], record["gross"]) == ("0.00001", "0.00001229", "0.00002229")


def test_a_repeated_nonce_is_the_same_withdrawal(server: VenueServer, control: VenueControl) -> None:
    first, again = (withdraw(server, nonce="intent-0001")[1]["result"] for _ in range(2))
    other = withdraw(server, nonce="intent-0002")[1]["result"]
    assert first["id"] == again["id"] != other["id"]
    assert first["nonce"] == "intent-0001"
    assert len(control.state("main")["withdrawals"]) == 2


def test_an_address_waits_until_it_may_be_used(server: VenueServer, control: VenueControl) -> None:
    later = time.time_ns() // 1_000_000 + 3_600_000
    entry = {"coin": "BTC", "network": "BTC", "address": ADDRESS, "usable_from_ms": later}
    control.call("whitelist", account="main", entries=[entry])
    assert withdraw(server)[1]["error"]["code"] == 11090
    target = "/api/v2/private/get_address_book?currency=BTC&type=withdrawal"
    (line,) = ask(server, target, signed(READ, target))[1]["result"]
    assert (line["status"], line["waiting_timestamp"]) == ("waiting", later)


def test_maintenance_and_closed_withdrawals_have_the_venue_s_own_words(
    server: VenueServer, control: VenueControl
) -> None:
    control.fault("maintenance", "get_account_summaries")
    assert code(server, SUMMARIES, signed(READ, SUMMARIES)) == 11051
    control.network("BTC", withdraw_enabled=False)
    assert withdraw(server)[1]["error"]["code"] == 13025


def test_every_reason_has_a_code() -> None:
    assert set(WORDS) == set(Reason)


# ccxt as it is


@pytest.fixture
def stock(server: VenueServer, control: VenueControl) -> Any:
    import ccxt

    exchange = ccxt.deribit({"apiKey": "send-key", "secret": "send-secret", "enableRateLimit": False})
    exchange.urls["api"]["rest"] = server.url
    return exchange


def test_ccxt_loads_markets_and_currencies(stock: Any) -> None:
    markets = stock.load_markets()
    assert markets["BTC/USD:BTC"]["inverse"] is True
    assert markets["BTC/USDC:USDC"]["linear"] is True
    assert {"BTC", "ETH", "USDC"} <= set(stock.fetch_currencies())
    assert stock.fetch_ticker("BTC/USD:BTC")["last"] == 100_000
    assert stock.fetch_order_book("BTC/USDC:USDC", 3)["bids"]


def test_ccxt_reads_balance_and_positions(stock: Any) -> None:
    balance = stock.fetch_balance()
    assert balance["BTC"]["total"] == 2.125
    assert stock.fetch_balance({"code": "USDC"})["USDC"]["total"] == 301_500
    held = {line["symbol"]: line for line in stock.fetch_positions()}
    assert held["BTC/USD:BTC"]["maintenanceMargin"] == 0.0050125
    assert held["BTC/USDC:USDC"]["side"] == "short"
    assert [line["symbol"] for line in stock.fetch_positions(None, {"currency": "USDC"})] == ["BTC/USDC:USDC"]


def test_ccxt_reads_the_market(stock: Any, control: VenueControl) -> None:
    control.funding("BTC-PERPETUAL", "0.0003")
    (rate,) = stock.fetch_funding_rate_history("BTC/USD:BTC", params={"start_timestamp": 0})
    assert rate["fundingRate"] in {0.0003, 0.0000375}
    assert stock.fetch_open_interest("BTC/USD:BTC")["openInterestValue"] == 900_050_000
    assert stock.fetch_status()["status"] == "ok"


def test_ccxt_withdraws_and_finds_it(stock: Any, control: VenueControl) -> None:
    stock.withdraw("BTC", 0.5, ADDRESS)
    control.tick(2)
    (found,) = stock.fetch_withdrawals("BTC")
    assert (found["amount"], found["fee"]["cost"], found["address"]) == (0.5, 0.00001229, ADDRESS)
    assert found["txid"]


def test_ccxt_finds_where_to_pay_and_what_came(stock: Any, control: VenueControl, chain: Any) -> None:
    place = stock.fetch_deposit_address("BTC")["address"]
    chain.receive(place, 40_000_000, confirmations=3)
    control.tick()
    (found,) = stock.fetch_deposits("BTC")
    assert (found["amount"], found["status"], found["address"]) == (0.4, "ok", place)
