"""Unmodified ccxt's own calls against the emulated Bybit."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer

ADDRESS = "bcrt1q" + "q" * 32 + "zzzzzz"
Connect = Callable[..., Any]


def rewritten(addresses: Any, url: str) -> Any:
    if isinstance(addresses, dict):
        return {name: rewritten(inner, url) for name, inner in addresses.items()}
    return re.sub(r"^(https?|wss?)://[^/]+", url, addresses)


@pytest.fixture
def server(chain: Any) -> Iterator[VenueServer]:
    with VenueServer("bybit", chain=chain) as running:
        yield running


@pytest.fixture
def control(server: VenueServer) -> VenueControl:
    hand = VenueControl(server.url)
    hand.create_account(
        "main",
        keys=[
            {"key": "read-key", "secret": "read-secret", "transfer": False},
            {"key": "withdraw-key", "secret": "withdraw-secret", "withdraw": True, "ip_list": ["127.0.0.1"]},
        ],
        wallets={"funding": {"BTC": "1"}, "unified": {"BTC": "2", "USDT": "10000"}},
        positions=[
            {"symbol": "BTCUSDT", "quantity": "0.5", "entry_price": "79000", "leverage": 10},
            {"symbol": "BTCUSD", "quantity": "-4000", "entry_price": "81000", "leverage": 5},
        ],
    )
    return hand


@pytest.fixture
def connect(server: VenueServer, control: VenueControl) -> Iterator[Connect]:
    import ccxt

    opened: list[Any] = []

    def make(key: str = "withdraw", *, secret: str | None = None, load: bool = True) -> Any:
        exchange = ccxt.bybit(
            {
                "apiKey": f"{key}-key",
                "secret": secret or f"{key}-secret",
                "enableRateLimit": False,
                "timeout": 5000,
            }
        )
        exchange.urls["api"] = rewritten(exchange.urls["api"], server.url)
        opened.append(exchange)
        if load:
            exchange.load_markets()
        return exchange

    yield make
    for exchange in opened:
        exchange.session.close()


def test_markets_and_currencies(connect: Connect) -> None:
    exchange = connect()
    assert {"BTC/USDT", "BTC/USDT:USDT", "BTC/USDC:USDC", "BTC/USD:BTC", "ETH/USDT:USDT"} <= set(
        exchange.markets
    )
    btc = exchange.fetch_currencies()["BTC"]["networks"]["BTC"]
    assert (btc["withdraw"], btc["deposit"], btc["fee"]) == (True, True, 0.000139)
    assert btc["limits"]["withdraw"]["min"] == 0.00027
    assert btc["precision"] == 1e-8
    assert exchange.fetch_time() > 1_700_000_000_000


def test_balances_of_both_wallets(connect: Connect) -> None:
    exchange = connect("read")
    unified = exchange.fetch_balance()
    assert (unified["BTC"]["total"], unified["USDT"]["total"]) == (2.0, 10000.0)
    assert exchange.fetch_balance({"type": "funding"})["BTC"]["free"] == 1.0


def test_positions_tickers_and_tiers(connect: Connect) -> None:
    exchange = connect("read")
    (linear,) = exchange.fetch_positions(["BTC/USDT:USDT"])
    assert (linear["side"], linear["contracts"], linear["entryPrice"]) == ("long", 0.5, 79000.0)
    assert linear["unrealizedPnl"] == 500.0
    (inverse,) = exchange.fetch_positions(None, {"subType": "inverse"})
    assert (inverse["symbol"], inverse["side"], inverse["contracts"]) == ("BTC/USD:BTC", "short", 4000.0)
    assert exchange.fetch_ticker("BTC/USDT:USDT")["markPrice"] == 80000.0
    tiers = exchange.fetch_leverage_tiers(["BTC/USDT:USDT"])["BTC/USDT:USDT"]
    assert [tier["maintenanceMarginRate"] for tier in tiers[:2]] == [0.005, 0.01]
    assert exchange.fetch_order_book("BTC/USDT:USDT", 5)["bids"]
    assert exchange.fetch_margin_mode("BTC/USDT:USDT")["marginMode"] == "cross"


def test_deposit_address_and_deposits(connect: Connect, chain: Any, control: VenueControl) -> None:
    exchange = connect("read")
    place = exchange.fetch_deposit_address("BTC", {"network": "BTC"})
    assert (place["network"], place["address"].startswith("bcrt1q")) == ("BTC", True)
    chain.receive(place["address"], 25_000_000, 3)
    control.tick()
    (deposit,) = exchange.fetch_deposits("BTC")
    assert (deposit["amount"], deposit["status"]) == (0.25, "ok")
    assert exchange.fetch_balance({"type": "funding"})["BTC"]["free"] == 1.25


def test_transfer_and_its_record(connect: Connect) -> None:
    exchange = connect()
    moved = exchange.transfer("BTC", 0.5, "unified", "funding")
    assert moved["status"] == "ok"
    (found,) = exchange.fetch_transfers("BTC")
    assert (found["id"], found["fromAccount"], found["toAccount"]) == (moved["id"], "unified", "fund")
    assert exchange.fetch_balance({"type": "funding"})["BTC"]["total"] == 1.5


def test_withdraw_and_its_record(connect: Connect, control: VenueControl, chain: Any) -> None:
    exchange = connect()
    made = exchange.withdraw("BTC", 0.4, ADDRESS, {"network": "BTC", "accountType": "FUND"})
    control.tick(3)
    chain.confirm(1)
    control.tick()
    (found,) = exchange.fetch_withdrawals("BTC")
    assert (found["id"], found["status"], found["amount"]) == (made["id"], "ok", 0.4)
    assert found["fee"]["cost"] == 0.000139
    assert chain.paid == [(ADDRESS, 40_000_000)]


def test_refusals_are_what_ccxt_takes_them_for(connect: Connect) -> None:
    import ccxt

    with pytest.raises(ccxt.AuthenticationError):
        connect(secret="wrong", load=False).fetch_balance()
    with pytest.raises(ccxt.PermissionDenied):
        connect("read").withdraw("BTC", 0.4, ADDRESS, {"network": "BTC", "accountType": "FUND"})
    late = connect("read")
    late.nonce = lambda: late.milliseconds() - 60_000
    with pytest.raises(ccxt.InvalidNonce):
        late.fetch_balance()
    with pytest.raises(ccxt.BadRequest):
        connect().withdraw("BTC", 0.0001, ADDRESS, {"network": "BTC", "accountType": "FUND"})
