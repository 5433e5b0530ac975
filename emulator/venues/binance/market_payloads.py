"""Market data as Binance prints it, shared by the spot and the futures endpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from emulator.venues.engine.book import Book
from emulator.venues.engine.exact import ZERO, exact, fixed, nearest, plain
from emulator.venues.engine.market import HOUR_MS, Candle, SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.tape import SELL, Price, Trade, candles
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.routing import Call, within
from emulator.venues.serving.wire import Json

DAY_MS = 24 * HOUR_MS
INTERVALS = {"1h": HOUR_MS, "4h": 4 * HOUR_MS, "1d": 24 * HOUR_MS}
HUNDRED = Decimal(100)


def linear_market(call: Call, name: str = "symbol") -> SymbolMarket:
    """The USDT pair a parameter names; raises Refusal MISSING_PARAMETER or UNKNOWN_SYMBOL."""
    return _of_kind(call, name, inverse=False)


def inverse_market(call: Call, name: str = "symbol") -> SymbolMarket:
    """The coin-margined contract a parameter names; raises as `linear_market`."""
    return _of_kind(call, name, inverse=True)


def _of_kind(call: Call, name: str, *, inverse: bool) -> SymbolMarket:
    found = call.contract(name)
    if found.inverse is not inverse:
        raise Refusal(Reason.UNKNOWN_SYMBOL, symbol=found.symbol)
    return found


def depth_payload(book: Book, places: int) -> dict[str, Json]:
    """Both sides as [price, quantity] strings; `places` 8 on spot, and as printed on futures."""
    return {
        "bids": [[fixed(level.price, places), fixed(level.quantity, places)] for level in book.bids],
        "asks": [[fixed(level.price, places), fixed(level.quantity, places)] for level in book.asks],
    }


@exact
def ticker_payload(market: SymbolMarket, volume: Decimal, now_ms: int, places: int) -> dict[str, Json]:
    """The part of a 24 h ticker that spot and futures have in common."""
    change = market.last - market.open_24h
    middle = (market.high_24h + market.low_24h) / 2
    return {
        "symbol": market.symbol,
        "priceChange": fixed(change, places),
        "priceChangePercent": fixed(change / market.open_24h * HUNDRED, 3),
        "weightedAvgPrice": fixed(middle, places),
        "lastPrice": fixed(market.last, places),
        "lastQty": fixed(market.step, places),
        "openPrice": fixed(market.open_24h, places),
        "highPrice": fixed(market.high_24h, places),
        "lowPrice": fixed(market.low_24h, places),
        "volume": fixed(volume, places),
        "quoteVolume": fixed(volume * middle, places),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": 1,
        "lastId": market.update_id,
        "count": market.update_id,
    }


@exact
def candle_rows(
    call: Call, market: SymbolMarket, show: Callable[[Decimal], str], price: Price = Price.SPOT
) -> Json:
    """The scenario's candles of a price; raises VenueError -1120 for an interval that there is not.

    The eighth field is the quote's volume, of an inverse contract the coins'.
    """
    span = INTERVALS.get(call.need("interval"))
    if span is None:
        raise VenueError(-1120, "Invalid interval.")
    window = call.window()
    rows: list[Json] = [
        [
            candle.open_ms,
            show(candle.open),
            show(candle.high),
            show(candle.low),
            show(candle.close),
            show(candle.volume),
            candle.open_ms + span - 1,
            fixed(_turnover(market, candle)),
            1,
            fixed(ZERO),
            fixed(ZERO),
            "0",
        ]
        for candle in candles(market, price, span)
        if within(candle.open_ms, window)
    ]
    limit = call.limit(500, 1500)
    return rows[:limit] if window[0] is not None else rows[-limit:]


def _turnover(market: SymbolMarket, candle: Candle) -> Decimal:
    if market.inverse:
        return candle.volume * market.contract_size / candle.close
    return candle.volume * candle.close


def aggregate(trade: Trade) -> Json:
    """One row of `aggTrades`."""
    return {
        "a": trade.id,
        "p": plain(trade.price),
        "q": plain(trade.quantity),
        "f": trade.id,
        "l": trade.id,
        "T": trade.time_ms,
        "m": trade.side == SELL,
    }


def recent(trade: Trade) -> Json:
    """One row of `trades`."""
    return {
        "id": trade.id,
        "price": plain(trade.price),
        "qty": plain(trade.quantity),
        "quoteQty": plain(nearest(trade.price * trade.quantity)),
        "time": trade.time_ms,
        "isBuyerMaker": trade.side == SELL,
    }


def trade_rows(call: Call, trades: Sequence[Trade], show: Callable[[Trade], Json]) -> Json:
    """The newest trades of a window, oldest first."""
    window = call.window()
    chosen = [show(trade) for trade in trades if within(trade.time_ms, window)]
    return chosen[-call.limit(500, 1000) :]
