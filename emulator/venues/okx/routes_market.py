"""OKX market data with a past: candles, trades, full book, open interest by the hour, liquidations.

Lists are newest first; ``after`` asks for what is older than a moment, ``before`` for what is newer. Sources:
OKX "Market Data", "Public Data", "Trading Statistics".
"""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.engine.exact import exact, nearest, plain
from emulator.venues.engine.market import HOUR_MS, Candle, SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.tape import Price, candles, last_trade, trades
from emulator.venues.okx.routes_public import family, listed
from emulator.venues.serving.routing import Call, Route, within
from emulator.venues.serving.wire import Json

BARS = {"1H": HOUR_MS, "4H": 4 * HOUR_MS, "1D": 24 * HOUR_MS, "1Dutc": 24 * HOUR_MS}
LIQUIDATION_DAYS = 7


def _asked(call: Call, older: str = "after", newer: str = "before") -> tuple[int | None, int | None]:
    """The window between the two, both left out."""
    after, before = call.window(older, newer)
    return (None if before is None else before + 1, None if after is None else after - 1)


def _span(call: Call, name: str = "bar") -> int:
    span = BARS.get(call.params.get(name, "1H"))
    if span is None:
        raise Refusal(Reason.BAD_PARAMETER, name=name)
    return span


@exact
def _coins(market: SymbolMarket, quantity: Decimal, price: Decimal) -> Decimal:
    size = quantity * market.contract_size
    return nearest(size / price) if market.inverse else size


def price_candles(call: Call) -> Json:
    """`GET /api/v5/market/candles` and `history-candles`: a pair's `vol` is coins, a swap's contracts."""
    market, spot = listed(call)
    span, window = _span(call), _asked(call)
    found = [
        _candle(call, market, candle, span, spot=spot)
        for candle in reversed(candles(market, Price.SPOT if spot else Price.LAST, span))
        if within(candle.open_ms, window)
    ]
    return found[: call.limit(100, 300)]


@exact
def _candle(call: Call, market: SymbolMarket, candle: Candle, span: int, *, spot: bool) -> Json:
    coins = candle.volume if spot else _coins(market, candle.volume, candle.close)
    paid = nearest(coins * candle.close)
    return [
        str(candle.open_ms),
        *(plain(each) for each in (candle.open, candle.high, candle.low, candle.close)),
        plain(candle.volume),
        plain(paid if spot else coins),
        plain(paid),
        _closed(call, candle, span),
    ]


def _closed(call: Call, candle: Candle, span: int) -> str:
    return str(int(candle.open_ms + span <= call.venue.clock.now_ms()))


def mark_candles(call: Call) -> Json:
    """`GET /api/v5/market/mark-price-candles` and `history-mark-price-candles`."""
    market, span, window = call.contract("instId"), _span(call), _asked(call)
    found: list[Json] = [
        [
            str(candle.open_ms),
            *(plain(each) for each in (candle.open, candle.high, candle.low, candle.close)),
            _closed(call, candle, span),
        ]
        for candle in reversed(candles(market, Price.MARK, span))
        if within(candle.open_ms, window)
    ]
    return found[: call.limit(100, 100)]


def recent_trades(call: Call) -> Json:
    """`GET /api/v5/market/trades` and `history-trades`."""
    market, spot = listed(call)
    found = [last_trade(call.venue, market)] if spot else trades(call.venue, market)
    rows = [
        {
            "instId": call.need("instId"),
            "tradeId": str(trade.id),
            "px": plain(trade.price),
            "sz": plain(trade.quantity),
            "side": trade.side.lower(),
            "count": "1",
            "source": "0",
            "ts": str(trade.time_ms),
        }
        for trade in reversed(found)
    ]
    return rows[: call.limit(100, 500)]


def full_book(call: Call) -> Json:
    """`GET /api/v5/market/books-full`: price, size, orders."""
    market, _ = listed(call)
    book = market.order_book(call.limit(1, 5000, "sz"))
    sides = {
        name: [[plain(level.price), plain(level.quantity), "1"] for level in levels]
        for name, levels in (("asks", book.asks), ("bids", book.bids))
    }
    return [{**sides, "ts": str(call.venue.clock.now_ms())}]


@exact
def interest_history(call: Call) -> Json:
    """`GET /api/v5/rubik/stat/contracts/open-interest-history`: contracts, coins, dollars."""
    market, window = call.contract("instId"), call.window("begin", "end")
    _span(call, "period")
    found: list[Json] = []
    for point in reversed(market.open_interest_history):
        if within(point.time_ms, window):
            size = point.contracts * market.contract_size
            coins, usd = (point.value, size) if market.inverse else (size, point.value)
            found.append([str(point.time_ms), plain(point.contracts), plain(coins), plain(usd)])
    return found[: call.limit(100, 100)]


def liquidations(call: Call) -> Json:
    """`GET /api/v5/public/liquidation-orders`: those of the last days, all under their contract."""
    if call.need("instType") != "SWAP":
        return []
    named = call.params.get("instFamily") or call.params.get("uly") or ""
    oldest = call.venue.clock.now_ms() - LIQUIDATION_DAYS * 24 * HOUR_MS
    window, limit = _asked(call), call.limit(100, 100)
    found: list[Json] = []
    for market in call.venue.market.symbols.values():
        if family(market) != named:
            continue
        forced = [each for each in trades(call.venue, market) if each.forced and each.time_ms >= oldest]
        details = [
            {
                "bkLoss": "0",
                "bkPx": plain(trade.price),
                "ccy": "",
                "posSide": "long" if trade.side == "SELL" else "short",
                "side": trade.side.lower(),
                "sz": plain(trade.quantity),
                "time": str(trade.time_ms),
                "ts": str(trade.time_ms),
            }
            for trade in reversed(forced)
            if within(trade.time_ms, window)
        ]
        found.append(
            {
                "details": details[:limit],
                "instFamily": named,
                "instId": market.symbol,
                "instType": "SWAP",
                "totalLoss": "0",
                "uly": named,
            }
        )
    return found


ROUTES = (
    Route("GET", "/api/v5/market/candles", price_candles),
    Route("GET", "/api/v5/market/history-candles", price_candles),
    Route("GET", "/api/v5/market/mark-price-candles", mark_candles),
    Route("GET", "/api/v5/market/history-mark-price-candles", mark_candles),
    Route("GET", "/api/v5/market/trades", recent_trades),
    Route("GET", "/api/v5/market/history-trades", recent_trades),
    Route("GET", "/api/v5/market/books-full", full_book),
    Route("GET", "/api/v5/rubik/stat/contracts/open-interest-history", interest_history),
    Route("GET", "/api/v5/public/liquidation-orders", liquidations),
)
