"""Kraken: perpetuals of Kraken Futures, volume and status of the spot side.

Traps. `PF_` contracts count coins, `PI_` contracts dollars. `fundingRate` is in dollars an hour, the share is
`relativeFundingRate` (or the rate over the mark). A spot answer names the pair otherwise than it was asked,
its times are seconds, its last candle is open, and it reaches back 720 hours. Liquidations are trades of type
``liquidation``, one hundred an answer. No history of open interest.
Sources: Kraken "Get OHLC Data", "Get Ticker Information", "Get System Status", "Get Asset Info"; Kraken
Futures "Get ticker by symbol", "Historical funding rates", "Market candles", "Get orderbook", "Get trade
history".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from vault.clock import from_milliseconds, to_iso
from vault.errors import VenueError
from vault.markets.feeds.answers import (
    decimal,
    find,
    iso,
    items,
    milliseconds,
    number,
    price,
    quantity,
    same,
    seconds,
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
from vault.series import DAY, HOUR

PERPETUAL = re.compile(r"(PF|PI)_([A-Z0-9]{1,20}?)USD")
# The endpoints of the futures side, which has a host of its own.
FUTURES: Final = "krakenfutures."
TICKER: Final = f"{FUTURES}publicGetTickersSymbol"
CANDLES: Final = f"{FUTURES}chartsGetPriceTypeSymbolInterval"
OTHER_NAMES: Final = {"XBT": "BTC", "XDG": "DOGE"}
CANDLE_PAGE, SPOT_PAGE, TRADE_PAGE, WHOLE = 2000, 720, 100, 1_000_000
TRADES_READ: Final = DAY
HOUR_FUNDING: Final = Decimal(1)
# What a system status means: the others are maintenance, cancel_only, post_only, limit_only.
ONLINE: Final = "online"


def contract(ask: Asker, symbol: str) -> Contract:
    found = PERPETUAL.fullmatch(symbol)
    if found is None:
        raise VenueError("unknown_contract", f"kraken: expected one such as PF_XBTUSD, found {symbol}")
    asset = OTHER_NAMES.get(found[2], found[2])
    inverse = found[1] == "PI"
    return Contract("kraken", symbol, asset, "USD", inverse, spot=f"{found[2]}USD", main=not inverse)


def _named(each: Contract) -> Parameters:
    return (("symbol", each.symbol),)


def _pair(each: Contract) -> Parameters:
    return (("pair", each.spot),)


def _candles(kind: str, each: Contract, window: Window) -> Parameters:
    return (
        ("price_type", kind),
        *_named(each),
        ("interval", "1h"),
        ("from", str(window.start // 1000)),
        ("to", str(window.end // 1000)),
    )


def _spot_candles(each: Contract, window: Window) -> Parameters:
    return (*_pair(each), ("interval", "60"), ("since", str(window.start // 1000)))


def _trades(each: Contract, window: Window) -> Parameters:
    """Those before `lastTime`, newest first."""
    return (*_named(each), ("lastTime", to_iso(from_milliseconds(window.end + 1))))


def _funding_rows(answer: Any, each: Contract) -> list[Row]:
    """The whole history, from the first day."""
    return [(iso(row, "timestamp"), (decimal(row, "relativeFundingRate"),)) for row in items(answer, "rates")]


def _candle_rows(answer: Any, each: Contract) -> list[Row]:
    found: list[Row] = []
    for row in items(answer, "candles"):
        prices = tuple(number(find(row, name), name) for name in ("open", "high", "low", "close"))
        volume = number(row.get("volume"), "volume") if isinstance(row, dict) else Decimal(0)
        closed = prices[3]
        traded = each.in_base(volume, closed) if closed > 0 else volume
        found.append((milliseconds(row, "time"), (*prices, traded)))
    return found


def _mark_rows(answer: Any, each: Contract) -> list[Row]:
    """The mark has no volume; what stands there is not one."""
    return [(moment, (*values[:4], None)) for moment, values in _candle_rows(answer, each)]


def _spot_rows(answer: Any, each: Contract) -> list[Row]:
    """Rows of time, open, high, low, close, average, volume, count."""
    found: list[Row] = []
    for row in _only(find(answer, "result")):
        prices = tuple(number(find(row, place), "candle price") for place in range(1, 5))
        found.append((seconds(row, 0), (*prices, number(find(row, 6), "candle volume"))))
    return found


def _only(result: Any) -> list[Any]:
    """The one list of an answer beside `last`, whatever the pair is called there."""
    lists = [value for name, value in result.items() if name != "last"] if isinstance(result, dict) else []
    if len(lists) != 1:
        raise VenueError("bad_answer", f"expected one pair, found {len(lists)}")
    return items(lists[0])


def _trade_rows(answer: Any, each: Contract) -> list[Row]:
    found: list[Row] = []
    for row in items(answer, "history"):
        usd = each.in_usd(quantity(row, "size"), price(row, "price"))
        forced, side = text(row, "type") == "liquidation", text(row, "side")
        if side not in {"buy", "sell"}:
            raise VenueError("bad_answer", f"side: expected buy or sell, found {side[:20]!r}")
        long, short = forced and side == "sell", forced and side == "buy"
        found.append((iso(row, "time"), (usd if long else Decimal(0), usd if short else Decimal(0))))
    return found


def _line(answer: Any, each: Contract) -> Any:
    line = find(answer, "ticker")
    same(str(find(line, "symbol")).upper(), each.symbol)
    return line


def _priced(name: str) -> Value:
    return Value(
        TICKER,
        _named,
        lambda answer, each: price(_line(answer, each), name),
        at=lambda a: iso(a, "serverTime"),
    )


def _rate(answer: Any, each: Contract) -> Decimal:
    line = _line(answer, each)
    return CONTEXT.divide(decimal(line, "fundingRate"), price(line, "markPrice"))


def _volume(answer: Any, each: Contract) -> Decimal:
    line = _line(answer, each)
    return each.in_base(quantity(line, "vol24h"), price(line, "last"))


def _spot_volume(answer: Any, each: Contract) -> Decimal:
    result = find(answer, "result")
    if not isinstance(result, dict) or len(result) != 1:
        raise VenueError("bad_answer", "expected one pair")
    return quantity(next(iter(result.values())), "v", 1)


def _depth(answer: Any, each: Contract) -> Depth:
    return depth_of(
        levels(answer, each.in_base, "orderBook", "bids"), levels(answer, each.in_base, "orderBook", "asks")
    )


def _status(answer: Any) -> dict[str, Decimal]:
    return {"ALL": Decimal(int(text(answer, "result", "status") == ONLINE))}


def _assets(answer: Any) -> dict[str, Decimal]:
    """An asset is open when it is enabled; ``deposit_only`` and the like are not."""
    result = find(answer, "result")
    if not isinstance(result, dict):
        raise VenueError("bad_answer", "expected assets by name")
    found = {}
    for row in result.values():
        name = text(row, "altname")
        found[OTHER_NAMES.get(name, name)] = Decimal(int(text(row, "status") == "enabled"))
    return found


def _peg_of(asset: str) -> Listing:
    def read(answer: Any) -> dict[str, Decimal]:
        result = find(answer, "result")
        if not isinstance(result, dict) or len(result) != 1:
            raise VenueError("bad_answer", "expected one pair")
        return {asset: price(next(iter(result.values())), "c", 0)}

    return Listing("peg", "publicGetTicker", (("pair", f"{asset}USD"),), read)


PRESENT: Final[dict[Presence, Value]] = {
    "mark_price": _priced("markPrice"),
    "index_price": _priced("indexPrice"),
    "funding_rate": Value(TICKER, _named, _rate),
    "funding_interval_hours": Value(TICKER, _named, lambda answer, each: HOUR_FUNDING),
    "open_interest": Value(
        TICKER, _named, lambda answer, each: quantity(_line(answer, each), "openInterest")
    ),
    "perp_volume_24h": Value(TICKER, _named, _volume),
    "spot_volume_24h": Value("publicGetTicker", _pair, _spot_volume, needs_spot=True),
}
HISTORY: Final = (
    Question(
        f"{FUTURES}publicGetHistoricalfundingrates", lambda each, window: _named(each), _funding_rows,
        ("funding",), WHOLE, step=HOUR,
    ),
    Question(
        CANDLES, lambda each, window: _candles("trade", each, window), _candle_rows,
        ("price", "perp_volume"), CANDLE_PAGE, form="candles",
    ),
    Question(
        CANDLES, lambda each, window: _candles("mark", each, window), _mark_rows, ("mark",), CANDLE_PAGE,
        form="candles",
    ),
    Question(
        "publicGetOHLC", _spot_candles, _spot_rows, ("price", "spot_volume"), WHOLE, form="candles",
        needs_spot=True, keeps=SPOT_PAGE * HOUR,
    ),
    Question(
        f"{FUTURES}publicGetHistory", _trades, _trade_rows, ("long_liquidations", "short_liquidations"),
        TRADE_PAGE, form="events", direction="backward", keeps=TRADES_READ,
    ),
)  # fmt: skip
BOOK: Final = Book(f"{FUTURES}publicGetOrderbook", _named, _depth)
LISTINGS: Final = (
    Listing("venue_open", "publicGetSystemStatus", (), _status),
    Listing("venue_open", "publicGetAssets", (), _assets),
    _peg_of("USDT"),
    _peg_of("USDC"),
)
MARKET: Final = Market("kraken", contract, PRESENT, BOOK, HISTORY, {}, LISTINGS)


def market(symbol: str) -> Market:
    """The one market there is."""
    return MARKET
