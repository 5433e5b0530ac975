"""Bybit V5: linear and inverse perpetuals.

Traps. Linear contracts count coins, inverse ones dollars: history of inverse open interest has no coins in it
and is not read. Lists are newest first, and the end of a window must be named. The book shows 500 levels,
seldom 1 %. Realised liquidations are a stream only (`allLiquidation`): no history can be asked for.
Sources: Bybit "Get Open Interest", "Get Funding Rate History", "Get Kline", "Get Mark Price Kline", "Get
Tickers", "Get Orderbook", "Get Instruments Info", "Get System Status".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.markets.feeds.answers import decimal, find, items, milliseconds, number, price, quantity, same
from vault.markets.feeds.base import Parameters
from vault.markets.feeds.book import Depth, depth_of, levels
from vault.markets.feeds.venue.questions import (
    Asker,
    Book,
    Contract,
    Listing,
    Market,
    Presence,
    Question,
    Row,
    Value,
    Window,
)
from vault.money import CONTEXT
from vault.series import Kind

LINEAR = re.compile(r"([A-Z0-9]{1,20}?)(USDT|USDC|PERP)")
INVERSE = re.compile(r"([A-Z0-9]{1,20}?)USD")
INTEREST_PAGE, FUNDING_PAGE, CANDLE_PAGE = 200, 200, 1000
BOOK_LEVELS: Final = 500
MINUTES: Final = 60
TICKERS, STATUS = "publicGetV5MarketTickers", "publicGetV5SystemStatus"
LIQUIDATIONS: Final = "a stream only (allLiquidation)"
# Maintenance by its state; what has ended says nothing of now.
ONGOING: Final = "ongoing"


def contract(ask: Asker, symbol: str) -> Contract:
    if (found := LINEAR.fullmatch(symbol)) is not None:
        quote = "USDC" if found[2] == "PERP" else found[2]
        return Contract("bybit", symbol, found[1], quote, spot=f"{found[1]}USDT", main=quote == "USDT")
    if (found := INVERSE.fullmatch(symbol)) is not None:
        return Contract("bybit", symbol, found[1], "USD", inverse=True, spot=f"{found[1]}USDT")
    raise VenueError("unknown_contract", f"bybit: expected a perpetual such as BTCUSDT, found {symbol}")


def _named(each: Contract) -> Parameters:
    return (("category", "inverse" if each.inverse else "linear"), ("symbol", each.symbol))


def _spot(each: Contract) -> Parameters:
    return (("category", "spot"), ("symbol", each.spot))


def _interest(each: Contract, window: Window) -> Parameters:
    return (
        *_named(each),
        ("intervalTime", "1h"),
        ("limit", str(INTEREST_PAGE)),
        ("startTime", str(window.start)),
        ("endTime", str(window.end)),
    )


def _funding(each: Contract, window: Window) -> Parameters:
    return (
        *_named(each),
        ("limit", str(FUNDING_PAGE)),
        ("startTime", str(window.start)),
        ("endTime", str(window.end)),
    )


def _hours(window: Window) -> Parameters:
    return (
        ("interval", str(MINUTES)),
        ("limit", str(CANDLE_PAGE)),
        ("start", str(window.start)),
        ("end", str(window.end)),
    )


def _candles(each: Contract, window: Window) -> Parameters:
    return (*_named(each), *_hours(window))


def _spot_candles(each: Contract, window: Window) -> Parameters:
    return (*_spot(each), *_hours(window))


def _interest_rows(answer: Any, each: Contract) -> list[Row]:
    rows = items(answer, "result", "list")
    return [(milliseconds(row, "timestamp"), (quantity(row, "openInterest"),)) for row in rows]


def _funding_rows(answer: Any, each: Contract) -> list[Row]:
    rows = items(answer, "result", "list")
    return [(milliseconds(row, "fundingRateTimestamp"), (decimal(row, "fundingRate"),)) for row in rows]


def _rows(answer: Any, volume: int | None) -> list[Row]:
    found: list[Row] = []
    for row in items(answer, "result", "list"):
        prices = tuple(number(find(row, place), "candle price") for place in range(1, 5))
        traded = None if volume is None else number(find(row, volume), "candle volume")
        found.append((milliseconds(row, 0), (*prices, traded)))
    return found


def _candle_rows(answer: Any, each: Contract) -> list[Row]:
    """Inverse contracts say the volume in dollars and the turnover in coins."""
    return _rows(answer, 6 if each.inverse else 5)


def _ticker(answer: Any, symbol: str) -> Any:
    line = find(answer, "result", "list", 0)
    same(find(line, "symbol"), symbol)
    return line


def _at(answer: Any) -> int:
    return milliseconds(answer, "time")


def _priced(name: str) -> Value:
    return Value(TICKERS, _named, lambda answer, each: price(_ticker(answer, each.symbol), name), at=_at)


def _interval(answer: Any, each: Contract) -> Decimal:
    line = find(answer, "result", "list", 0)
    same(find(line, "symbol"), each.symbol)
    return CONTEXT.divide(price(line, "fundingInterval"), Decimal(MINUTES))


def _depth(answer: Any, each: Contract) -> Depth:
    same(find(answer, "result", "s"), each.symbol)
    return depth_of(levels(answer, each.in_base, "result", "b"), levels(answer, each.in_base, "result", "a"))


def _status(answer: Any) -> dict[str, Decimal]:
    under = any(find(row, "state") == ONGOING for row in items(answer, "result", "list"))
    return {"ALL": Decimal(int(not under))}


def _peg(answer: Any) -> dict[str, Decimal]:
    """What the venue values the collateral at, in dollars."""
    return {"USDC": price(_ticker(answer, "USDCUSDT"), "usdIndexPrice")}


PRESENT: Final[dict[Presence, Value]] = {
    "mark_price": _priced("markPrice"),
    "index_price": _priced("indexPrice"),
    "funding_rate": Value(
        TICKERS, _named, lambda answer, each: decimal(_ticker(answer, each.symbol), "fundingRate"), at=_at
    ),
    "funding_interval_hours": Value("publicGetV5MarketInstrumentsInfo", _named, _interval),
    "open_interest": Value(
        TICKERS, _named, lambda answer, each: quantity(_ticker(answer, each.symbol), "openInterest"), at=_at
    ),
    "perp_volume_24h": Value(
        TICKERS,
        _named,
        lambda answer, each: quantity(
            _ticker(answer, each.symbol), "turnover24h" if each.inverse else "volume24h"
        ),
        at=_at,
    ),
    "spot_volume_24h": Value(
        TICKERS,
        _spot,
        lambda answer, each: quantity(_ticker(answer, each.spot), "volume24h"),
        at=_at,
        needs_spot=True,
    ),
}
INTEREST: Final = Question(
    "publicGetV5MarketOpenInterest",
    _interest,
    _interest_rows,
    ("open_interest",),
    INTEREST_PAGE,
    direction="backward",
)
HISTORY: Final = (
    Question(
        "publicGetV5MarketFundingHistory",
        _funding,
        _funding_rows,
        ("funding",),
        FUNDING_PAGE,
        direction="backward",
        step=0,
    ),
    Question(
        "publicGetV5MarketKline",
        _candles,
        _candle_rows,
        ("price", "perp_volume"),
        CANDLE_PAGE,
        form="candles",
        direction="backward",
    ),
    Question(
        "publicGetV5MarketMarkPriceKline",
        _candles,
        lambda answer, each: _rows(answer, None),
        ("mark",),
        CANDLE_PAGE,
        form="candles",
        direction="backward",
    ),
    Question(
        "publicGetV5MarketKline",
        _spot_candles,
        lambda answer, each: _rows(answer, 5),
        ("price", "spot_volume"),
        CANDLE_PAGE,
        form="candles",
        direction="backward",
        needs_spot=True,
    ),
)
BOOK: Final = Book(
    "publicGetV5MarketOrderbook", lambda each: (*_named(each), ("limit", str(BOOK_LEVELS))), _depth
)
LISTINGS: Final = (
    Listing("venue_open", STATUS, (), _status),
    Listing("peg", TICKERS, (("category", "spot"), ("symbol", "USDCUSDT")), _peg),
)


def market(symbol: str) -> Market:
    """The market that a symbol belongs to."""
    inverse = LINEAR.fullmatch(symbol) is None
    silent: dict[Kind, str] = {"long_liquidations": LIQUIDATIONS, "short_liquidations": LIQUIDATIONS}
    if inverse:
        return Market("bybit", contract, PRESENT, BOOK, HISTORY, silent, LISTINGS)
    return Market("bybit", contract, PRESENT, BOOK, (INTEREST, *HISTORY), silent, LISTINGS)
