"""Deribit market data with a past: candles, trades with their liquidation flag, settlements, funding.

Amounts are USD for inverse contracts and base units for linear ones; candles have base units always.
Sources: Deribit "public/get_tradingview_chart_data", "public/get_last_trades_by_instrument_and_time",
"public/get_last_settlements_by_instrument", "public/get_funding_rate_value".
"""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.deribit.dialect import result
from emulator.venues.deribit.routes_public import PLACES
from emulator.venues.engine.exact import ZERO, exact, nearest
from emulator.venues.engine.market import HOUR_MS, SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.tape import Price, Trade, candles, trades
from emulator.venues.serving.routing import Call, Route, within
from emulator.venues.serving.wire import Json

RESOLUTIONS = {"60": HOUR_MS, "1D": 24 * HOUR_MS}
MOST_CANDLES = 5000
EIGHT_HOURS = Decimal(8)


@exact
def chart(call: Call) -> Json:
    """`GET /api/v2/public/get_tradingview_chart_data`: a column for each thing."""
    contract = call.contract("instrument_name")
    span = RESOLUTIONS.get(call.need("resolution"))
    if span is None:
        raise Refusal(Reason.BAD_PARAMETER, name="resolution")
    window = call.window("start_timestamp", "end_timestamp")
    chosen = [each for each in candles(contract, Price.LAST, span) if within(each.open_ms, window)]
    chosen = chosen[-MOST_CANDLES:]
    names = ("open", "high", "low", "close", "volume")
    columns: dict[str, Json] = {name: [getattr(each, name) for each in chosen] for name in names}
    return result(
        call.venue,
        {
            "status": "ok" if chosen else "no_data",
            "ticks": [each.open_ms for each in chosen],
            **columns,
            "cost": [nearest(each.volume * each.close) for each in chosen],
        },
    )


@exact
def _trade(contract: SymbolMarket, trade: Trade, index: Decimal) -> Json:
    row: dict[str, Json] = {
        "trade_seq": trade.id,
        "trade_id": f"{contract.symbol}-{trade.id}",
        "timestamp": trade.time_ms,
        "tick_direction": 2,
        "price": trade.price,
        "mark_price": contract.mark,
        "index_price": index,
        "instrument_name": contract.symbol,
        "direction": trade.side.lower(),
        "amount": trade.quantity,
    }
    return {**row, "liquidation": "T"} if trade.forced else row


def last_trades(call: Call) -> Json:
    """`get_last_trades_by_instrument` and `…_and_time`: newest first, or oldest with ``sorting=asc``."""
    contract = call.contract("instrument_name")
    window, limit = call.window("start_timestamp", "end_timestamp"), call.limit(10, 1000, "count")
    found = [each for each in trades(call.venue, contract) if within(each.time_ms, window)]
    if call.params.get("sorting") != "asc":
        found.reverse()
    index = call.venue.market.indexes()[contract.base]
    rows = [_trade(contract, each, index) for each in found[:limit]]
    return result(call.venue, {"trades": rows, "has_more": len(found) > limit})


def settlements(call: Call) -> Json:
    """`get_last_settlements_by_instrument`: a bankruptcy for each forced trade."""
    contract = call.contract("instrument_name")
    start = call.window("search_start_timestamp", "search_start_timestamp")[0]
    found = [
        each
        for each in reversed(trades(call.venue, contract))
        if each.forced and (start is None or each.time_ms >= start)
    ]
    wanted = call.params.get("type", "bankruptcy") == "bankruptcy"
    rows: list[Json] = [
        {
            "type": "bankruptcy",
            "timestamp": each.time_ms,
            "instrument_name": contract.symbol,
            "session_bankruptcy": ZERO,
            "session_tax": ZERO,
            "session_tax_rate": ZERO,
            "socialized": ZERO,
            "funded": ZERO,
            "position": each.quantity,
            "mark_price": each.price,
            "index_price": each.price,
        }
        for each in found
    ]
    shown = rows[: call.limit(20, 1000, "count")] if wanted else []
    return result(call.venue, {"settlements": shown, "continuation": ""})


@exact
def funding_value(call: Call) -> Json:
    """`GET /api/v2/public/get_funding_rate_value` of a span: the hours in it together."""
    contract = call.contract("instrument_name")
    window = call.window("start_timestamp", "end_timestamp")
    hours = [each.rate / EIGHT_HOURS for each in contract.funding_history if within(each.time_ms, window)]
    return result(call.venue, nearest(sum(hours, ZERO), PLACES))


ROUTES = (
    Route("GET", "/api/v2/public/get_tradingview_chart_data", chart),
    Route("GET", "/api/v2/public/get_last_trades_by_instrument", last_trades),
    Route("GET", "/api/v2/public/get_last_trades_by_instrument_and_time", last_trades),
    Route("GET", "/api/v2/public/get_last_settlements_by_instrument", settlements),
    Route("GET", "/api/v2/public/get_funding_rate_value", funding_value),
)
