"""Binance COIN-M market data, `/dapi/v1`: what needs no key, beside prices and book.

Volumes are contracts, what they are in coins stands beside them.
"""

from __future__ import annotations

from emulator.venues.binance.market_payloads import (
    aggregate,
    candle_rows,
    inverse_market,
    recent,
    trade_rows,
)
from emulator.venues.binance.routes_fapi import funding_rows, interval_rows
from emulator.venues.engine.exact import plain
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.tape import Price, open_interest, trades
from emulator.venues.serving.routing import Call, Route
from emulator.venues.serving.wire import Json

PERPETUAL = "PERPETUAL"


def pair(market: SymbolMarket) -> str:
    return f"{market.base}{market.quote}"


def interest(call: Call) -> Json:
    market = inverse_market(call)
    return {
        "symbol": market.symbol,
        "pair": pair(market),
        "openInterest": plain(open_interest(call.venue, market)),
        "contractType": PERPETUAL,
        "time": call.venue.clock.now_ms(),
    }


def funding_rate(call: Call) -> Json:
    return funding_rows(call, [inverse_market(call)])


def funding_info(call: Call) -> Json:
    return interval_rows(call.venue.market.inverse())


def klines(call: Call) -> Json:
    return candle_rows(call, inverse_market(call), plain, Price.LAST)


def mark_klines(call: Call) -> Json:
    return candle_rows(call, inverse_market(call), plain, Price.MARK)


def aggregate_trades(call: Call) -> Json:
    return trade_rows(call, trades(call.venue, inverse_market(call)), aggregate)


def recent_trades(call: Call) -> Json:
    return trade_rows(call, trades(call.venue, inverse_market(call)), recent)


ROUTES = (
    Route("GET", "/dapi/v1/openInterest", interest),
    Route("GET", "/dapi/v1/fundingRate", funding_rate),
    Route("GET", "/dapi/v1/fundingInfo", funding_info),
    Route("GET", "/dapi/v1/klines", klines),
    Route("GET", "/dapi/v1/markPriceKlines", mark_klines),
    Route("GET", "/dapi/v1/aggTrades", aggregate_trades),
    Route("GET", "/dapi/v1/trades", recent_trades),
)
