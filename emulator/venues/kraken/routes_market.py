"""Kraken market data with a past: candles, books and trades of both hosts, funding rates of the futures side.

Spot times are seconds, futures candles' milliseconds and its other times texts. Sources: Kraken "Get OHLC
Data", "Get Order Book", "Get Recent Trades"; Kraken Futures "Market candles", "Get orderbook", "Get trade
history", "Get public execution events", "Historical funding rates".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from emulator.venues.engine.exact import exact, nearest, plain
from emulator.venues.engine.market import HOUR_MS
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.tape import Price, Trade, candles, last_trade, trades
from emulator.venues.kraken.names import pair
from emulator.venues.kraken.profile import market
from emulator.venues.kraken.routes_futures import BASE, answered, iso
from emulator.venues.kraken.routes_spot import named_pair, seconds
from emulator.venues.serving.routing import Call, Route, within
from emulator.venues.serving.wire import Json

CHARTS, HISTORY = "/api/charts/v1", "/api/history/v3"
MINUTES = {"60": HOUR_MS, "240": 4 * HOUR_MS, "1440": 24 * HOUR_MS}
INTERVALS = {"1h": HOUR_MS, "4h": 4 * HOUR_MS, "1d": 24 * HOUR_MS}
SPOT_CANDLES, FUTURES_CANDLES, TRADES = 720, 2000, 100
GRAIN = Decimal("0.000000000001")
PRICES = {"trade": Price.LAST, "mark": Price.MARK, "spot": Price.SPOT}


def spot_candles(call: Call) -> Json:
    """`GET /0/public/OHLC`: the last 720, seconds; `since` is not included."""
    contract = named_pair(call)
    span = MINUTES.get(call.params.get("interval", "1"))
    if span is None:
        raise Refusal(Reason.BAD_PARAMETER, name="interval")
    since = call.window("since", "since")[0]
    found: list[Json] = [
        [
            each.open_ms // 1000,
            *(plain(price) for price in (each.open, each.high, each.low, each.close)),
            plain(each.close),
            plain(each.volume),
            1,
        ]
        for each in candles(contract, Price.SPOT, span)
        if since is None or each.open_ms // 1000 > since
    ]
    last = candles(contract, Price.SPOT, span)[-1].open_ms // 1000 if contract.candles else 0
    return {pair(contract): found[-SPOT_CANDLES:], "last": last}


def spot_book(call: Call) -> Json:
    """`GET /0/public/Depth`: price, quantity, seconds."""
    contract, now = named_pair(call), call.venue.clock.now_ms() // 1000
    book = contract.order_book(call.limit(100, 500, "count"))
    sides: dict[str, Json] = {
        name: [[plain(level.price), plain(level.quantity), now] for level in levels]
        for name, levels in (("asks", book.asks), ("bids", book.bids))
    }
    return {pair(contract): sides}


def spot_trades(call: Call) -> Json:
    """`GET /0/public/Trades`."""
    contract = named_pair(call)
    trade = last_trade(call.venue, contract)
    side = trade.side[0].lower()
    row: Json = [
        plain(trade.price), plain(trade.quantity), seconds(trade.time_ms), side, "m", "", trade.id,
    ]  # fmt: skip
    return {pair(contract): [row], "last": str(trade.time_ms * 1_000_000)}


def futures_book(call: Call) -> Json:
    """`GET /orderbook`: the whole of it."""
    book = call.contract().order_book(1000)
    sides: dict[str, Json] = {
        name: [[level.price, level.quantity] for level in levels]
        for name, levels in (("asks", book.asks), ("bids", book.bids))
    }
    return answered(call, orderBook=sides)


def futures_trades(call: Call) -> Json:
    """`GET /history`: a hundred before a moment, newest first; forced ones by their type."""
    contract, until = call.contract(), call.params.get("lastTime")
    before = call.venue.clock.now_ms() + 1 if until is None else _moment(until)
    found = [each for each in trades(call.venue, contract) if each.time_ms < before]
    rows = [_trade(each) for each in reversed(found[-TRADES:])]
    return answered(call, history=rows)


def _moment(text: str) -> int:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise Refusal(Reason.BAD_PARAMETER, name="lastTime") from None


def _trade(trade: Trade) -> Json:
    return {
        "time": iso(trade.time_ms),
        "trade_id": trade.id,
        "price": trade.price,
        "size": trade.quantity,
        "side": trade.side.lower(),
        "type": "liquidation" if trade.forced else "fill",
        "uid": _uid(trade.id),
    }


def _uid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


@exact
def funding(call: Call) -> Json:
    """`GET /historicalfundingrates`, the whole history: dollars an hour, and the share of the price."""
    found: list[Json] = [
        {
            "timestamp": iso(each.time_ms),
            "fundingRate": nearest(each.rate * each.mark_price, GRAIN),
            "relativeFundingRate": each.rate,
        }
        for each in call.contract().funding_history
    ]
    return answered(call, rates=found)


def executions_of(symbol: str) -> Callable[[Call], Json]:
    """`GET /api/history/v3/market/<symbol>/executions`: newest first, each in three envelopes."""

    def executions(call: Call) -> Json:
        window = call.window("since", "before")
        contract = call.venue.market.symbols[symbol]
        found = [each for each in trades(call.venue, contract) if within(each.time_ms, window)]
        elements: list[Json] = [
            {"uid": _uid(each.id), "timestamp": each.time_ms, "event": _execution(symbol, each)}
            for each in reversed(found)
        ]
        shown = elements[: call.limit(TRADES, 1000, "count")]
        return {"elements": shown, "len": len(shown)}

    return executions


def _execution(symbol: str, trade: Trade) -> Json:
    order: Json = {
        "uid": _uid(trade.id),
        "tradeable": symbol,
        "direction": trade.side.title(),
        "quantity": plain(trade.quantity),
        "timestamp": trade.time_ms,
        "limitPrice": plain(trade.price),
        "orderType": "Liquidation" if trade.forced else "Limit",
        "reduceOnly": False,
        "lastUpdateTimestamp": trade.time_ms,
    }
    execution: Json = {
        "uid": _uid(trade.id),
        "makerOrder": order,
        "takerOrder": order,
        "timestamp": trade.time_ms,
        "quantity": plain(trade.quantity),
        "price": plain(trade.price),
        "markPrice": plain(trade.price),
        "limitFilled": False,
        "executionType": "liquidation" if trade.forced else "fill",
        "usdValue": plain(nearest(trade.price * trade.quantity)),
    }
    return {"Execution": {"execution": execution, "takerReducedQuantity": ""}}


def chart_of(kind: str, symbol: str, interval: str) -> Callable[[Call], Json]:
    """`GET /api/charts/v1/<price>/<symbol>/<interval>`: seconds asked, milliseconds answered."""

    def chart(call: Call) -> Json:
        start, end = call.window("from", "to")
        window = (None if start is None else start * 1000, None if end is None else end * 1000)
        contract = call.venue.market.symbols[symbol]
        chosen = [
            each
            for each in candles(contract, PRICES[kind], INTERVALS[interval])
            if within(each.open_ms, window)
        ]
        found: list[Json] = [
            {
                "time": each.open_ms,
                "open": plain(each.open),
                "high": plain(each.high),
                "low": plain(each.low),
                "close": plain(each.close),
                "volume": plain(each.volume) if kind == "trade" else 0,
            }
            for each in chosen[:FUTURES_CANDLES]
        ]
        return {"candles": found, "more_candles": len(chosen) > FUTURES_CANDLES}

    return chart


SYMBOLS = tuple(market().symbols)
ROUTES = (
    Route("GET", "/0/public/OHLC", spot_candles),
    Route("GET", "/0/public/Depth", spot_book),
    Route("GET", "/0/public/Trades", spot_trades),
    Route("GET", f"{BASE}/orderbook", futures_book),
    Route("GET", f"{BASE}/history", futures_trades),
    Route("GET", f"{BASE}/historicalfundingrates", funding),
    Route("GET", "/derivatives/api/v4/historicalfundingrates", funding),
    *(Route("GET", f"{HISTORY}/market/{name}/executions", executions_of(name)) for name in SYMBOLS),
    *(
        Route("GET", f"{CHARTS}/{kind}/{name}/{interval}", chart_of(kind, name, interval))
        for kind in PRICES
        for name in SYMBOLS
        for interval in INTERVALS
    ),
)
