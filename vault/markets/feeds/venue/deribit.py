"""Deribit: inverse and linear perpetuals.

Traps. Open interest, book and trades of inverse contracts are in dollars, of linear ones in coins; volumes
are always coins. Funding is continuous: `interest_1h` is what an hour cost, `interest_8h` a rolling sum that
counts each hour eight times. Liquidations are trades with the flag `liquidation` (M: the maker's, T: the
taker's position, MT: both), so all trades are read to find them; "settlements" of type bankruptcy are
something else.
No history of open interest or of mark prices; its own spot market is too small to compare with.
Sources: Deribit "public/ticker", "public/get_funding_rate_history", "public/get_tradingview_chart_data",
"public/get_order_book", "public/get_last_trades_by_instrument_and_time", "public/status".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.markets.feeds.answers import (
    decimal,
    find,
    items,
    milliseconds,
    number,
    price,
    quantity,
    same,
    text,
)
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
from vault.series import DAY, HOUR, Kind

INVERSE = re.compile(r"([A-Z0-9]{1,20})-PERPETUAL")
LINEAR = re.compile(r"([A-Z0-9]{1,20})_(USDC|USDT)-PERPETUAL")
FUNDING_PAGE, CANDLE_PAGE, TRADE_PAGE = 744, 5000, 1000
BOOK_LEVELS: Final = 1000
TICKER: Final = "publicGetTicker"
# All trades are read for the few that are liquidations: so far back at most.
LIQUIDATIONS_READ: Final = DAY
ROLLING_HOURS: Final = Decimal(8)
ABSENT: Final[dict[Kind, str]] = {
    "mark": "no candles of the mark price",
    "spot_volume": "its own spot market is too small to compare with",
}


def contract(ask: Asker, symbol: str) -> Contract:
    if (found := LINEAR.fullmatch(symbol)) is not None:
        return Contract("deribit", symbol, found[1], found[2])
    if (found := INVERSE.fullmatch(symbol)) is not None:
        return Contract("deribit", symbol, found[1], "USD", inverse=True, main=True)
    raise VenueError("unknown_contract", f"deribit: expected one such as BTC-PERPETUAL, found {symbol}")


def _named(each: Contract) -> Parameters:
    return (("instrument_name", each.symbol),)


def _window(each: Contract, window: Window) -> Parameters:
    return (
        *_named(each),
        ("start_timestamp", str(window.start)),
        ("end_timestamp", str(window.end)),
    )


def _candles(each: Contract, window: Window) -> Parameters:
    return (*_window(each, window), ("resolution", "60"))


def _trades(each: Contract, window: Window) -> Parameters:
    return (*_window(each, window), ("count", str(TRADE_PAGE)), ("sorting", "asc"))


def _funding_rows(answer: Any, each: Contract) -> list[Row]:
    return [
        (milliseconds(row, "timestamp"), (decimal(row, "interest_1h"),)) for row in items(answer, "result")
    ]


def _candle_rows(answer: Any, each: Contract) -> list[Row]:
    """Columns of their own; their lengths must agree."""
    result = find(answer, "result")
    if text(result, "status") == "no_data":
        return []
    columns = [items(result, name) for name in ("ticks", "open", "high", "low", "close", "volume")]
    if len({len(column) for column in columns}) != 1:
        raise VenueError("bad_answer", "expected columns of one length")
    return [
        (milliseconds(row, 0), tuple(number(value, "candle") for value in row[1:]))
        for row in (list(each_row) for each_row in zip(*columns, strict=True))
    ]


def _trade_rows(answer: Any, each: Contract) -> list[Row]:
    """Every trade is a row, so that it is known how far was read; most have nothing of either kind."""
    found: list[Row] = []
    for row in items(answer, "result", "trades"):
        usd = each.in_usd(quantity(row, "amount"), price(row, "price"))
        found.append((milliseconds(row, "timestamp"), _forced(row, usd)))
    return found


def _forced(row: Any, usd: Decimal) -> tuple[Decimal, Decimal]:
    """Dollars of long and of short positions that a trade closed by force."""
    flag = row.get("liquidation")
    if flag in (None, "", "none"):
        return Decimal(0), Decimal(0)
    taker = text(row, "direction")
    if flag not in {"M", "T", "MT"} or taker not in {"buy", "sell"}:
        raise VenueError("bad_answer", f"expected a liquidation M, T or MT, found {str(flag)[:20]!r}")
    sold = ("T" in flag and taker == "sell") or ("M" in flag and taker == "buy")
    bought = ("T" in flag and taker == "buy") or ("M" in flag and taker == "sell")
    return usd if sold else Decimal(0), usd if bought else Decimal(0)


def _line(answer: Any, each: Contract) -> Any:
    line = find(answer, "result")
    same(find(line, "instrument_name"), each.symbol)
    return line


def _at(answer: Any) -> int:
    return milliseconds(answer, "result", "timestamp")


def _priced(name: str) -> Value:
    return Value(TICKER, _named, lambda answer, each: price(_line(answer, each), name), at=_at)


def _depth(answer: Any, each: Contract) -> Depth:
    same(find(answer, "result", "instrument_name"), each.symbol)
    return depth_of(
        levels(answer, each.in_base, "result", "bids"), levels(answer, each.in_base, "result", "asks")
    )


def _status(answer: Any) -> dict[str, Decimal]:
    """``partial``: trading in some currencies is locked."""
    locked = text(answer, "result", "locked") if not _plain_flag(answer) else "false"
    if locked not in {"true", "false", "partial"}:
        raise VenueError("bad_answer", f"locked: expected true, false or partial, found {locked[:20]!r}")
    return {"ALL": Decimal(int(locked == "false"))}


def _plain_flag(answer: Any) -> bool:
    result = find(answer, "result")
    return isinstance(result, dict) and result.get("locked") is False


def _peg_of(asset: str) -> Listing:
    return Listing(
        "peg",
        "publicGetGetIndexPrice",
        (("index_name", f"{asset.lower()}_usd"),),
        lambda answer: {asset: price(answer, "result", "index_price")},
    )


PRESENT: Final[dict[Presence, Value]] = {
    "mark_price": _priced("mark_price"),
    "index_price": _priced("index_price"),
    # Of an hour, as the history: the rolling sum of eight over eight.
    "funding_rate": Value(
        TICKER,
        _named,
        lambda answer, each: CONTEXT.divide(decimal(_line(answer, each), "funding_8h"), ROLLING_HOURS),
        at=_at,
    ),
    "funding_interval_hours": Value(TICKER, _named, lambda answer, each: Decimal(1)),
    "open_interest": Value(
        TICKER, _named, lambda answer, each: quantity(_line(answer, each), "open_interest"), at=_at
    ),
    "perp_volume_24h": Value(
        TICKER, _named, lambda answer, each: quantity(_line(answer, each), "stats", "volume"), at=_at
    ),
}
HISTORY: Final = (
    Question(
        "publicGetGetFundingRateHistory", _window, _funding_rows, ("funding",), FUNDING_PAGE,
        direction="backward", step=HOUR,
    ),
    Question(
        "publicGetGetTradingviewChartData", _candles, _candle_rows, ("price", "perp_volume"), CANDLE_PAGE,
        form="candles", direction="backward",
    ),
    Question(
        "publicGetGetLastTradesByInstrumentAndTime", _trades, _trade_rows,
        ("long_liquidations", "short_liquidations"), TRADE_PAGE, form="events", keeps=LIQUIDATIONS_READ,
    ),
)  # fmt: skip
BOOK: Final = Book("publicGetGetOrderBook", lambda each: (*_named(each), ("depth", str(BOOK_LEVELS))), _depth)
LISTINGS: Final = (
    Listing("venue_open", "publicGetStatus", (), _status),
    _peg_of("USDC"),
    _peg_of("USDT"),
)
MARKET: Final = Market("deribit", contract, PRESENT, BOOK, HISTORY, ABSENT, LISTINGS)


def market(symbol: str) -> Market:
    """The one market there is."""
    return MARKET
