"""Unmodified ccxt's own public calls against every emulated exchange, on a market with a past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from emulator.scenario_accounts import margin_wallet
from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from tests.support.ccxt_hosts import rewrite_hosts
from tests.support.venue_history import EXCHANGES, HOUR_MS, PRICE, Past, load_past

PERPETUAL = {"deribit": "BTC/USDC:USDC", "krakenfutures": "BTC/USD:USD"}
SPOT = {"kraken": "BTC/USD"}
CLASSES = (*EXCHANGES, "krakenfutures")


@dataclass
class Talk:
    """One ccxt class at its exchange."""

    name: str
    ccxt: Any
    past: Past
    control: VenueControl

    @property
    def perpetual(self) -> str:
        return PERPETUAL.get(self.name, "BTC/USDT:USDT")

    @property
    def spot(self) -> str:
        return SPOT.get(self.name, "BTC/USDT")

    @property
    def has_perpetual(self) -> bool:
        return self.name != "kraken"


@pytest.fixture(params=CLASSES)
def talk(request: pytest.FixtureRequest) -> Iterator[Talk]:
    import ccxt

    name = request.param
    exchange = "kraken" if name == "krakenfutures" else name
    with VenueServer(exchange) as server:
        control = VenueControl(server.url)
        past = load_past(control, exchange)
        client = getattr(ccxt, name)({"enableRateLimit": False, "timeout": 5000})
        client.urls["api"] = rewrite_hosts(client.urls["api"], server.url)
        client.load_markets()
        yield Talk(name, client, past, control)
        client.session.close()


def symbols(talk: Talk) -> list[str]:
    found = [talk.perpetual] if talk.has_perpetual else []
    return found if talk.name in {"deribit", "krakenfutures"} else [*found, talk.spot]


def test_tickers_books_and_trades_of_each_market(talk: Talk) -> None:
    for symbol in symbols(talk):
        assert talk.ccxt.fetch_ticker(symbol)["last"] == PRICE
        # Deribit is asked by currency, which ccxt takes for the contract's base.
        asked = (None, {"code": "USDC"}) if talk.name == "deribit" else ([symbol],)
        assert symbol in talk.ccxt.fetch_tickers(*asked)
        book = talk.ccxt.fetch_order_book(symbol)
        assert book["bids"][0][0] < PRICE < book["asks"][0][0]
        trades = talk.ccxt.fetch_trades(symbol)
        assert trades[-1]["price"] == PRICE


def test_candles_of_each_market_are_the_loaded_ones(talk: Talk) -> None:
    since = talk.past.now - 10 * HOUR_MS
    for symbol in symbols(talk):
        rows = talk.ccxt.fetch_ohlcv(symbol, "1h", since, 10)
        assert [row[0] for row in rows][-1] == talk.past.now - HOUR_MS
        assert rows[-1][4] == PRICE
        assert rows[-1][5] > 0


def test_mark_candles_where_ccxt_asks_for_them(talk: Talk) -> None:
    if talk.ccxt.has["fetchMarkOHLCV"] is not True:
        assert talk.name in {"deribit", "kraken"}
        return
    rows = talk.ccxt.fetch_mark_ohlcv(talk.perpetual, "1h", talk.past.now - 5 * HOUR_MS, 5)
    assert rows[-1][4] == PRICE + 1


def test_funding_open_interest_and_their_past(talk: Talk) -> None:
    if not talk.has_perpetual:
        assert talk.name == "kraken"  # its contracts are on the other side
        return
    has = talk.ccxt.has
    if has["fetchFundingRate"]:
        assert talk.ccxt.fetch_funding_rate(talk.perpetual)["symbol"] == talk.perpetual
    if has["fetchFundingRates"]:
        assert talk.perpetual in talk.ccxt.fetch_funding_rates([talk.perpetual])
    history = talk.ccxt.fetch_funding_rate_history(talk.perpetual, talk.past.now - 40 * HOUR_MS)
    assert len(history) >= 3
    if has["fetchOpenInterest"]:
        found = talk.ccxt.fetch_open_interest(talk.perpetual)
        assert found["openInterestAmount"] or found["openInterestValue"]
    if has["fetchOpenInterestHistory"]:
        rows = talk.ccxt.fetch_open_interest_history(talk.perpetual, "1h", talk.past.now - 20 * HOUR_MS, 20)
        assert len(rows) >= 19


def test_liquidations_status_currencies_and_time(talk: Talk) -> None:
    has = talk.ccxt.has
    if has["fetchLiquidations"] is True:
        assert len(talk.ccxt.fetch_liquidations(talk.perpetual)) == 2
    if has["fetchStatus"] is True:
        assert talk.ccxt.fetch_status()["status"] == "ok"
    if has["fetchCurrencies"] is True:
        talk.ccxt.fetch_currencies()
    if has["fetchTime"] is True:
        assert talk.ccxt.fetch_time() > talk.past.now


def test_a_liquidation_in_the_engine_is_seen_among_the_public_trades(talk: Talk) -> None:
    if not talk.has_perpetual:
        assert talk.name == "kraken"  # its contracts are on the other side
        return
    before = len(talk.ccxt.fetch_trades(talk.perpetual))
    quote = {"deribit": "USDC", "krakenfutures": "USD"}.get(talk.name, "USDT")
    exchange = "kraken" if talk.name == "krakenfutures" else talk.name
    quantity = str(talk.past.contracts(Decimal(2)))
    talk.control.create_account(
        "doomed",
        wallets={margin_wallet(exchange): {quote: "15000"}},
        positions=[
            {"symbol": talk.past.symbol, "quantity": quantity, "entry_price": str(PRICE), "leverage": 10}
        ],
    )
    talk.control.mark_all("BTC", str(PRICE - 9000))
    assert len(talk.ccxt.fetch_trades(talk.perpetual)) == before + 1
