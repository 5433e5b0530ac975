"""Public questions of each exchange: hand-made answers are read exactly, hostile ones are refused by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import VaultError, VenueError
from vault.markets.feeds.answers import parse_answer
from vault.markets.feeds.venue import paging
from vault.markets.feeds.venue.events import hourly
from vault.markets.feeds.venue.markets import MARKETS, market_of
from vault.markets.feeds.venue.paging import read_pages
from vault.markets.feeds.venue.questions import Asker, Contract, Question, Row, Window
from vault.series import HOUR

T = 1_769_835_600_000  # a whole hour
D = Decimal


@dataclass(frozen=True)
class Text:
    text: str


def asker(answers: dict[str, Any]) -> Asker:
    def fetch(endpoint: str, parameters: tuple[tuple[str, str], ...]) -> Text:
        found = answers[endpoint]
        return Text(found if isinstance(found, str) else json.dumps(found))

    return Asker(fetch)


SWAP = {"data": [{"instId": "BTC-USDT-SWAP", "ctType": "linear", "ctVal": "0.01", "ctValCcy": "BTC"}]}
INVERSE_SWAP = {"data": [{"instId": "BTC-USD-SWAP", "ctType": "inverse", "ctVal": "100", "ctValCcy": "USD"}]}
SYMBOLS = {
    "binance": "BTCUSDT",
    "bybit": "BTCUSDT",
    "okx": "BTC-USDT-SWAP",
    "deribit": "BTC-PERPETUAL",
    "kraken": "PF_XBTUSD",
}


def contract(exchange: str, symbol: str) -> Contract:
    instrument = INVERSE_SWAP if symbol == "BTC-USD-SWAP" else SWAP
    market = market_of(exchange, symbol)
    return market.contract(asker({"publicGetPublicInstruments": instrument}), symbol)


def rows(exchange: str, symbol: str, endpoint: str, answer: Any, kind: str) -> list[Row]:
    """What the question of that endpoint and kind reads out of an answer."""
    for question in market_of(exchange, symbol).history:
        if question.endpoint.rpartition(".")[2] == endpoint and kind in question.yields:
            parsed = parse_answer(json.dumps(answer), endpoint)
            return question.read(parsed, contract(exchange, symbol))
    raise AssertionError(f"{exchange} does not ask {endpoint} for {kind}")


@pytest.mark.parametrize(
    ("exchange", "symbol", "asset", "sent", "coins"),
    [
        ("binance", "BTCUSDT", "BTC", "3", "3"),
        ("binance", "BTCUSD_PERP", "BTC", "500", "1"),  # of 100 USD at 50,000
        ("binance", "ETHUSD_PERP", "ETH", "5000", "1"),  # of 10 USD
        ("bybit", "BTCUSDT", "BTC", "3", "3"),
        ("bybit", "BTCPERP", "BTC", "3", "3"),
        ("bybit", "BTCUSD", "BTC", "50000", "1"),
        ("okx", "BTC-USDT-SWAP", "BTC", "300", "3"),
        ("okx", "BTC-USD-SWAP", "BTC", "500", "1"),
        ("deribit", "BTC-PERPETUAL", "BTC", "50000", "1"),
        ("deribit", "BTC_USDC-PERPETUAL", "BTC", "3", "3"),
        ("kraken", "PF_XBTUSD", "BTC", "3", "3"),
        ("kraken", "PI_XBTUSD", "BTC", "50000", "1"),
    ],
)
def test_a_quantity_as_sent_becomes_coins(
    exchange: str, symbol: str, asset: str, sent: str, coins: str
) -> None:
    found = contract(exchange, symbol)
    assert found.asset == asset
    assert found.in_base(D(sent), D(50_000)) == D(coins)


@pytest.mark.parametrize("exchange", MARKETS)
@pytest.mark.parametrize("symbol", ["", "BTC", "btcusdt", "BTCUSDT_260327", "../etc", "BTC-27MAR26", "×USDT"])
def test_what_is_no_perpetual_is_refused(exchange: str, symbol: str) -> None:
    with pytest.raises(VenueError) as caught:
        contract(exchange, symbol)
    assert caught.value.code in {"venue.unknown_contract", "venue.bad_answer"}


READ = [
    ("binance", "BTCUSDT", "fapiDataGetOpenInterestHist", "open_interest",
     [{"timestamp": T, "sumOpenInterest": "90000.123", "sumOpenInterestValue": "1"}], [(T, ("90000.123",))]),
    ("binance", "BTCUSD_PERP", "dapiDataGetOpenInterestHist", "open_interest",
     [{"timestamp": T, "sumOpenInterest": "9", "sumOpenInterestValue": "18000.5"}], [(T, ("18000.5",))]),
    ("binance", "BTCUSD_PERP", "dapiPublicGetKlines", "perp_volume",
     [[T, "1", "3", "1", "2", "500", T + 1, "0.01", 1, "0", "0", "0"]], [(T, ("1", "3", "1", "2", "0.01"))]),
    ("bybit", "BTCUSDT", "publicGetV5MarketOpenInterest", "open_interest",
     {"result": {"list": [{"openInterest": "461134384.00000000", "timestamp": str(T)}]}},
     [(T, ("461134384",))]),
    ("bybit", "BTCUSD", "publicGetV5MarketKline", "perp_volume",
     {"result": {"list": [[str(T), "1", "3", "1", "2", "60000", "1.5"]]}},
     [(T, ("1", "3", "1", "2", "1.5"))]),
    ("okx", "BTC-USDT-SWAP", "publicGetRubikStatContractsOpenInterestHistory", "open_interest",
     {"data": [[str(T), "2000000", "20000", "1200000000"]]}, [(T, ("20000",))]),
    ("okx", "BTC-USDT-SWAP", "publicGetPublicFundingRateHistory", "funding",
     {"data": [{"fundingTime": str(T), "fundingRate": "0.9", "realizedRate": "-0.0002"}]},
     [(T, ("-0.0002",))]),
    ("okx", "BTC-USDT-SWAP", "publicGetMarketHistoryCandles", "perp_volume",
     {"data": [[str(T), "1", "3", "1", "2", "500", "5", "9", "1"]]}, [(T, ("1", "3", "1", "2", "5"))]),
    ("okx", "BTC-USDT-SWAP", "publicGetMarketHistoryCandles", "spot_volume",
     {"data": [[str(T), "1", "3", "1", "2", "500", "5", "9", "1"]]}, [(T, ("1", "3", "1", "2", "500"))]),
    ("okx", "BTC-USD-SWAP", "publicGetPublicLiquidationOrders", "long_liquidations",
     {"data": [{"instId": "BTC-USD-SWAP", "details": [
         {"side": "sell", "posSide": "long", "sz": "3", "bkPx": "50000", "ts": str(T)},
         {"side": "buy", "posSide": "net", "sz": "1", "bkPx": "50000", "ts": str(T + 1)}]},
         {"instId": "ETH-USD-SWAP", "details": [{}]}]},
     [(T, ("300", "0")), (T + 1, ("0", "100"))]),
    ("deribit", "BTC-PERPETUAL", "publicGetGetFundingRateHistory", "funding",
     {"result": [{"timestamp": T, "interest_1h": 1.25e-05, "interest_8h": 0.0001}]}, [(T, ("0.0000125",))]),
    ("deribit", "BTC-PERPETUAL", "publicGetGetTradingviewChartData", "perp_volume",
     {"result": {"status": "ok", "ticks": [T], "open": [1], "high": [3], "low": [1], "close": [2],
                 "volume": [7.5], "cost": [15]}}, [(T, ("1", "3", "1", "2", "7.5"))]),
    ("deribit", "BTC-PERPETUAL", "publicGetGetLastTradesByInstrumentAndTime", "long_liquidations",
     {"result": {"trades": [
         {"timestamp": T, "amount": 100, "price": 5, "direction": "sell"},
         {"timestamp": T, "amount": 10, "price": 5, "direction": "sell", "liquidation": "T"},
         {"timestamp": T, "amount": 20, "price": 5, "direction": "sell", "liquidation": "M"},
         {"timestamp": T, "amount": 40, "price": 5, "direction": "buy", "liquidation": "MT"}]}},
     [(T, ("0", "0")), (T, ("10", "0")), (T, ("0", "20")), (T, ("40", "40"))]),
    ("kraken", "PF_XBTUSD", "publicGetHistoricalfundingrates", "funding",
     {"rates": [{"timestamp": "2026-01-31T05:00:00.000Z", "fundingRate": 0.5, "relativeFundingRate": 1e-05}]},
     [(T, ("0.00001",))]),
    ("kraken", "PF_XBTUSD", "publicGetOHLC", "spot_volume",
     {"result": {"XXBTZUSD": [[T // 1000, "1", "3", "1", "2", "1.5", "7", 4]], "last": 1}},
     [(T, ("1", "3", "1", "2", "7"))]),
    ("kraken", "PF_XBTUSD", "publicGetHistory", "short_liquidations",
     {"history": [{"time": "2026-01-31T05:00:00Z", "price": 5, "size": 2, "side": "buy",
                   "type": "liquidation"},
                  {"time": "2026-01-31T05:00:00Z", "price": 5, "size": 2, "side": "buy", "type": "fill"}]},
     [(T, ("0", "10")), (T, ("0", "0"))]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("exchange", "symbol", "endpoint", "kind", "answer", "expected"),
    READ,
    ids=[f"{case[0]}-{case[2]}-{case[3]}" for case in READ],
)
def test_an_answer_is_read_exactly(  # noqa: PLR0917
    exchange: str, symbol: str, endpoint: str, kind: str, answer: Any, expected: Any
) -> None:
    found = rows(exchange, symbol, endpoint, answer, kind)
    assert found == [(at, tuple(D(value) for value in values)) for at, values in expected]


HOSTILE = ["x", "[1", "{}", "[]", "null", '{"data":{}}', '{"result":[]}', '{"result":{"list":{}}}', "NaN",
           '{"a":1,"a":2}', "[" * 100_000, '[{"timestamp":"soon"}]', '{"data":[["1","1"]]}',
           '{"result":{"trades":[{"timestamp":1,"amount":-1,"price":1,"direction":"x"}]}}',
           '{"rates":[{"timestamp":"31.1.2026","relativeFundingRate":1}]}', '[[true,1,1,1,1,1]]']  # fmt: skip


@pytest.mark.parametrize("exchange", MARKETS)
@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_answer_is_refused_typed_or_holds_nothing(exchange: str, text: str) -> None:
    symbol = SYMBOLS[exchange]
    market, known = market_of(exchange, symbol), contract(exchange, symbol)
    ask = Asker(lambda endpoint, parameters: Text(text))
    for question in market.history:
        found = read_pages(ask, question, known, Window(T - HOUR, T))
        assert found.failure is not None or not found.rows
        assert found.failure is None or found.failure.code.startswith("venue.")
    for value in market.present.values():
        # What needs no answer (a fixed interval) may be told all the same.
        try:
            told = value.read(ask(value.endpoint, value.parameters(known)), known)
        except VaultError as error:
            assert error.code.startswith("venue.")
        else:
            assert told in {1, 8}
    with pytest.raises(VenueError):
        market.book.read(ask(market.book.endpoint, ()), known)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
                        st.sampled_from(["data", "result", "list", "candles", "history", "rates", "trades"]),
                        inner, max_size=3), max_leaves=12))  # fmt: skip
def test_no_answer_whatever_crashes_a_reader(answer: Any) -> None:
    for exchange, symbol in SYMBOLS.items():
        known = contract(exchange, symbol)
        for question in market_of(exchange, symbol).history:
            try:
                question.read(answer, known)
            except VaultError as error:
                assert error.code.startswith(("venue.", "money."))


def series(page: int, **more: Any) -> Question:
    return Question("x", lambda each, window: (("s", str(window.start)), ("e", str(window.end))),
                    lambda answer, each: [(at, (D(value),)) for at, value in answer],
                    ("open_interest",), page, **more)  # fmt: skip


def venue_of(points: list[tuple[int, int]], page: int, direction: str) -> tuple[Asker, list[Any]]:
    """A venue that keeps these points and answers a page of them."""
    asked: list[Any] = []

    def fetch(endpoint: str, parameters: tuple[tuple[str, str], ...]) -> Text:
        start, end = (int(value) for _, value in parameters)
        asked.append((start, end))
        inside = [point for point in sorted(points) if start <= point[0] <= end]
        return Text(json.dumps(inside[:page] if direction == "forward" else inside[::-1][:page]))

    return Asker(fetch), asked


NOBODY = Contract("x", "x", "X", "USD")
moments = st.lists(st.integers(0, 60), min_size=0, max_size=40)


@given(moments, st.integers(2, 7), st.sampled_from(["forward", "backward"]))
def test_pages_bring_every_point_of_the_window_once(found: list[int], page: int, direction: str) -> None:
    points = [(T + at * 1000, at) for at in set(found)]
    ask, _ = venue_of(points, page, direction)
    pages = read_pages(ask, series(page, direction=direction), NOBODY, Window(T + 5000, T + 50_000))
    assert pages.failure is None
    assert sorted(at for at, _ in pages.rows) == sorted(
        at for at, _ in points if T + 5000 <= at <= T + 50_000
    )


@given(moments, st.integers(2, 7), st.sampled_from(["forward", "backward"]))
def test_events_of_one_moment_are_neither_lost_nor_counted_twice(
    found: list[int], page: int, direction: str
) -> None:
    points = [(T + at // 3 * 1000, number) for number, at in enumerate(found)]
    ask, _ = venue_of(points, page, direction)
    pages = read_pages(ask, series(page, direction=direction, form="events"), NOBODY, Window(T, T + 60_000))
    told = sorted(int(values[0] or 0) for _, values in pages.rows)
    assert len(told) == len(set(told))
    if pages.failure is None:
        assert told == sorted(number for _, number in points)
    else:
        assert pages.failure.code == "venue.truncated"
        assert pages.covered != Window(T, T + 60_000)


def test_pages_are_bounded_and_the_cut_is_named() -> None:
    points = [(T + at, at) for at in range(1000)]
    ask, asked = venue_of(points, 2, "forward")
    pages = read_pages(ask, series(2), NOBODY, Window(T, T + 2000))
    assert len(asked) == paging.MAX_PAGES
    assert pages.failure is not None
    assert pages.failure.code == "venue.truncated"
    assert pages.covered.end == T + 2 * paging.MAX_PAGES


def test_a_venue_that_ignores_the_window_does_not_keep_us_in_a_circle() -> None:
    asked = []

    def fetch(endpoint: str, parameters: tuple[tuple[str, str], ...]) -> Text:
        asked.append(parameters)
        return Text(json.dumps([[T + 1, 1], [T + 2, 2]]))

    pages = read_pages(Asker(fetch), series(2), NOBODY, Window(T, T + 10))
    assert len(asked) <= 2
    assert [at for at, _ in pages.rows] == [T + 1, T + 2]


def test_hours_are_whole_or_not_there() -> None:
    events: list[Row] = [(T + 1, (D(5),)), (T + HOUR, (D(7),)), (T + 2 * HOUR + 1, (D(9),))]
    found = hourly(events, Window(T, T + 2 * HOUR + 30), 1)
    assert found == ((T + HOUR, (D(5),)), (T + 2 * HOUR, (D(7),)))
    assert hourly(events, Window(T + 1, T + HOUR), 1) == ()
