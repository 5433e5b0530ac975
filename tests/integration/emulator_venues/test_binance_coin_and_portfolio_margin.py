"""Unmodified ccxt reads coin-margined and portfolio margin accounts, and moves money to and from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from tests.support.ccxt_hosts import rewrite_hosts

TYPES = ["spot", "linear", "inverse"]


@pytest.fixture
def hand(server: VenueServer) -> VenueControl:
    control = VenueControl(server.url)
    for name, mode in (("coin", "single_asset"), ("portfolio", "portfolio")):
        control.create_account(
            name,
            mode=mode,
            keys=[{"key": f"{name}-key", "secret": f"{name}-secret"}],
            wallets={
                "spot": {"BTC": "1"},
                "coin_futures": {"BTC": "2"},
                "futures": {"USDT": "30000"},
            },
            positions=[
                {"symbol": "BTCUSD_PERP", "quantity": "-800", "entry_price": "80000", "leverage": 10},
                {"symbol": "BTCUSDT", "quantity": "1", "entry_price": "79000", "leverage": 20},
            ],
        )
    return control


@pytest.fixture
def talk(server: VenueServer, hand: VenueControl) -> Iterator[Any]:
    opened: list[Any] = []

    def make(name: str, kind: str = "binancecoinm", **options: Any) -> Any:
        exchange = getattr(ccxt, kind)(
            {
                "apiKey": f"{name}-key",
                "secret": f"{name}-secret",
                "enableRateLimit": False,
                "options": {"fetchMargins": False, "fetchMarkets": {"types": TYPES}, **options},
            }
        )
        exchange.urls["api"] = rewrite_hosts(exchange.urls["api"], server.url)
        exchange.load_markets()
        opened.append(exchange)
        return exchange

    yield make
    for exchange in opened:
        exchange.session.close()


def test_coin_margined_balance_positions_and_brackets(talk: Any, hand: VenueControl) -> None:
    exchange = talk("coin")
    hand.mark("BTCUSD_PERP", "100000")
    balance = exchange.fetch_balance()
    (asset,) = [row for row in balance["info"]["assets"] if row["asset"] == "BTC"]
    assert (asset["walletBalance"], asset["unrealizedProfit"]) == ("2.00000000", "-0.20000000")
    assert (asset["marginBalance"], asset["maintMargin"]) == ("1.80000000", "0.00320000")
    assert balance["BTC"]["total"] == 1.8
    (position,) = exchange.fetch_positions()
    assert (position["symbol"], position["side"], position["contracts"]) == ("BTC/USD:BTC", "short", 800.0)
    assert position["info"]["notionalValue"] == "-0.80000000"
    assert position["marginMode"] == "cross"
    (table,) = exchange.dapiPrivateV2GetLeverageBracket()
    assert (table["brackets"][0]["qtyCap"], table["brackets"][1]["cum"]) == (5, 0.005)
    assert exchange.fetch_funding_rate("BTC/USD:BTC")["markPrice"] == 100000.0
    assert exchange.dapiPrivateGetBalance()[0]["withdrawAvailable"] == "1.72000000"


def test_coin_margin_moves_to_spot_and_back_within_what_is_free(talk: Any, hand: VenueControl) -> None:
    exchange = talk("coin", "binance")
    exchange.transfer("BTC", "0.5", "inverse", "spot")
    exchange.transfer("BTC", "0.25", "spot", "inverse")
    state = hand.state("coin")
    assert (state["wallets"]["spot"]["BTC"], state["wallets"]["coin_futures"]["BTC"]) == ("1.25", "1.75")
    assert [row["kind"] for row in state["transfers"]] == ["CMFUTURE_MAIN", "MAIN_CMFUTURE"]
    with pytest.raises(ccxt.BaseError, match="-5013"):
        exchange.transfer("BTC", "1.6501", "inverse", "spot")


def test_portfolio_margin_account_balance_and_both_kinds_of_position(talk: Any, hand: VenueControl) -> None:
    exchange = talk("portfolio", "binance", portfolioMargin=True)
    account = exchange.papiGetAccount()
    # 2 BTC at 95 %, 30000 USDT and 1000 of profit, over 0.4 % of both positions less the brackets' cum.
    assert (account["accountEquity"], account["actualEquity"]) == ("183000.00000000", "191000.00000000")
    assert account["accountMaintMargin"] == "670.00000000"
    assert account["uniMMR"] == "273.13432836"
    balance = exchange.fetch_balance({"portfolioMargin": True})
    (btc,) = [row for row in balance["info"] if row["asset"] == "BTC"]
    assert (btc["cmWalletBalance"], btc["umWalletBalance"]) == ("2.00000000", "0.00000000")
    (um,) = exchange.fetch_positions(None, {"portfolioMargin": True, "subType": "linear"})
    assert (um["symbol"], um["info"]["notional"]) == ("BTC/USDT:USDT", "80000.00000000")
    exchange.options["leverageBrackets"] = None
    (cm,) = exchange.fetch_positions(None, {"portfolioMargin": True, "subType": "inverse"})
    assert (cm["symbol"], cm["contracts"]) == ("BTC/USD:BTC", 800.0)


def test_portfolio_endpoints_are_closed_to_other_accounts(talk: Any) -> None:
    with pytest.raises(ccxt.BaseError, match="-2015"):
        talk("coin", "binance").papiGetAccount()


def test_an_isolated_position_is_shown_as_one(talk: Any, hand: VenueControl) -> None:
    hand.call(
        "position",
        account="coin",
        symbol="BTCUSDT",
        quantity="1",
        entry_price="80000",
        leverage=20,
        isolated_margin="4000",
    )
    exchange = talk("coin", "binance")
    hand.mark("BTCUSDT", "79000")
    (row,) = exchange.fapiPrivateV2GetPositionRisk({"symbol": "BTCUSDT"})
    assert (row["marginType"], row["isolatedWallet"]) == ("isolated", "4000.00000000")
    assert row["isolatedMargin"] == "3000.00000000"
    totals = exchange.fapiPrivateV3GetAccount()
    assert totals["totalWalletBalance"] == "30000.00000000"
    assert totals["totalCrossWalletBalance"] == "26000.00000000"
    assert totals["totalMarginBalance"] == "29000.00000000"
    (position,) = exchange.fetch_positions(["BTC/USDT:USDT"])
    assert position["marginMode"] == "isolated"
