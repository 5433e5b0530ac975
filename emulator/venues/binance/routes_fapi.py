"""Binance USDⓈ-M futures market data, `/fapi/v1` and `/futures/data`: everything that needs no key."""

from __future__ import annotations

from emulator.venues.binance.margin import margin_rate
from emulator.venues.binance.market_payloads import (
    HUNDRED,
    aggregate,
    candle_rows,
    depth_payload,
    linear_market,
    recent,
    ticker_payload,
    trade_rows,
)
from emulator.venues.binance.routes_api import ping, server_time
from emulator.venues.engine.exact import ONE, exact, fixed, plain
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.tape import Price, trades
from emulator.venues.engine.tape import open_interest as open_interest_of
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.routing import Call, Route, within
from emulator.venues.serving.wire import Json

PERPETUAL_DELIVERY_MS = 4_133_404_800_000
ONBOARD_MS = 1_569_398_400_000
DEPTH_LIMITS = (5, 10, 20, 50, 100, 500, 1000)
PRICE_PLACES = 2
PERIODS = {"5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d"}


def exchange_info(call: Call) -> Json:
    return {
        "timezone": "UTC",
        "serverTime": call.venue.clock.announced_ms(),
        "futuresType": "U_MARGINED",
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
        ],
        "exchangeFilters": [],
        "assets": [
            {"asset": asset, "marginAvailable": True, "autoAssetExchange": "0"}
            for asset in call.venue.collateral
        ],
        "symbols": [_symbol(market) for market in call.venue.market.linear()],
    }


def _symbol(market: SymbolMarket) -> Json:
    first = market.brackets.brackets[0]
    return {
        "symbol": market.symbol,
        "pair": market.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_DELIVERY_MS,
        "onboardDate": ONBOARD_MS,
        "status": "TRADING",
        "maintMarginPercent": fixed(first.rate * HUNDRED, 4),
        "requiredMarginPercent": "5.0000",
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        "marginAsset": market.quote,
        "pricePrecision": PRICE_PLACES,
        "quantityPrecision": 3,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500",
        "liquidationFee": fixed(market.liquidation_fee, 6),
        "marketTakeBound": "0.05",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": plain(market.tick),
                "maxPrice": "4529764",
                "tickSize": format(market.tick, "f"),
            },
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": plain(market.step)},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.001",
                "maxQty": "120",
                "stepSize": plain(market.step),
            },
            {"filterType": "MIN_NOTIONAL", "notional": "100"},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def premium_index(call: Call) -> Json:
    if "symbol" in call.params:
        return premium(linear_market(call), call)
    return [premium(market, call) for market in call.venue.market.linear()]


def premium(market: SymbolMarket, call: Call) -> dict[str, Json]:
    return {
        "symbol": market.symbol,
        "markPrice": fixed(market.mark),
        "indexPrice": fixed(market.index),
        "estimatedSettlePrice": fixed(market.index),
        "lastFundingRate": fixed(market.funding_rate),
        "interestRate": "0.00010000",
        "nextFundingTime": market.next_funding_ms,
        "time": call.venue.clock.now_ms(),
    }


def funding_rate(call: Call) -> Json:
    """`GET /fapi/v1/fundingRate`, oldest first; without a start the newest `limit` points."""
    return funding_rows(
        call, [linear_market(call)] if "symbol" in call.params else call.venue.market.linear()
    )


def funding_rows(call: Call, wanted: list[SymbolMarket]) -> Json:
    window, limit = call.window(), call.limit(100, 1000)
    points = sorted(
        (point.time_ms, market.symbol, point)
        for market in wanted
        for point in market.funding_history
        if within(point.time_ms, window)
    )
    chosen = points[:limit] if window[0] is not None else points[-limit:]
    return [
        {
            "symbol": symbol,
            "fundingTime": moment,
            "fundingRate": fixed(point.rate),
            "markPrice": fixed(point.mark_price),
        }
        for moment, symbol, point in chosen
    ]


def funding_info(call: Call) -> Json:
    return interval_rows(call.venue.market.linear())


def interval_rows(markets: list[SymbolMarket]) -> Json:
    return [
        {
            "symbol": market.symbol,
            "adjustedFundingRateCap": "0.02000000",
            "adjustedFundingRateFloor": "-0.02000000",
            "fundingIntervalHours": market.funding_hours,
            "disclaimer": False,
        }
        for market in markets
    ]


def open_interest(call: Call) -> Json:
    market = linear_market(call)
    return {
        "symbol": market.symbol,
        "openInterest": fixed(open_interest_of(call.venue, market), 3),
        "time": call.venue.clock.now_ms(),
    }


def open_interest_history(call: Call) -> Json:
    """`GET /futures/data/openInterestHist`: the recorded points, whatever period is asked for."""
    if "pair" in call.params:
        return interest_rows(call, _of_pair(call))
    return interest_rows(call, linear_market(call))


def _of_pair(call: Call) -> SymbolMarket:
    """COIN-M asks at the same path, by pair; the value of its points is in coins."""
    wanted = call.need("pair")
    for market in call.venue.market.inverse():
        if f"{market.base}{market.quote}" == wanted and call.need("contractType") in {"PERPETUAL", "ALL"}:
            return market
    raise Refusal(Reason.UNKNOWN_SYMBOL, symbol=wanted)


def interest_rows(call: Call, market: SymbolMarket) -> list[Json]:
    if call.need("period") not in PERIODS:
        raise VenueError(-1130, "Data sent for parameter 'period' is not valid.")
    window = call.window()
    points = [point for point in market.open_interest_history if within(point.time_ms, window)]
    return [
        {
            "symbol": market.symbol,
            "sumOpenInterest": fixed(point.contracts),
            "sumOpenInterestValue": fixed(point.value),
            "timestamp": point.time_ms,
        }
        for point in points[-call.limit(30, 500) :]
    ]


def depth(call: Call) -> Json:
    market = linear_market(call)
    asked = call.limit(500, 1000)
    if asked not in DEPTH_LIMITS:
        raise VenueError(-4021, f"Depth limit must be one of {', '.join(map(str, DEPTH_LIMITS))}.")
    now = call.venue.clock.now_ms()
    book = market.order_book(asked)
    return {"lastUpdateId": market.update_id, "E": now, "T": now, **depth_payload(book, 3)}


def ticker_24h(call: Call) -> Json:
    now = call.venue.clock.now_ms()
    if "symbol" in call.params:
        market = linear_market(call)
        return ticker_payload(market, market.perp_volume, now, PRICE_PLACES)
    return [
        ticker_payload(market, market.perp_volume, now, PRICE_PLACES) for market in call.venue.market.linear()
    ]


def klines(call: Call) -> Json:
    return candle_rows(call, linear_market(call), plain, Price.LAST)


def mark_klines(call: Call) -> Json:
    return candle_rows(call, linear_market(call), plain, Price.MARK)


def aggregate_trades(call: Call) -> Json:
    return trade_rows(call, trades(call.venue, linear_market(call)), aggregate)


def recent_trades(call: Call) -> Json:
    return trade_rows(call, trades(call.venue, linear_market(call)), recent)


@exact
def asset_index(call: Call) -> Json:
    """`GET /fapi/v1/assetIndex`: where the haircut of multi-asset mode is read from (bidBuffer)."""
    rows: dict[str, Json] = {}
    indexes = call.venue.market.indexes()
    for asset, rule in call.venue.collateral.items():
        index = indexes[asset]
        bid, ask = margin_rate(index, rule.haircut, ONE), margin_rate(index, rule.haircut, -ONE)
        rows[f"{asset}USD"] = {
            "symbol": f"{asset}USD",
            "time": call.venue.clock.now_ms(),
            "index": fixed(index),
            "bidBuffer": fixed(rule.haircut),
            "askBuffer": fixed(rule.haircut),
            "bidRate": fixed(bid),
            "askRate": fixed(ask),
            "autoExchangeBidBuffer": fixed(rule.haircut),
            "autoExchangeAskBuffer": fixed(rule.haircut),
            "autoExchangeBidRate": fixed(bid),
            "autoExchangeAskRate": fixed(ask),
        }
    wanted = call.params.get("symbol")
    if wanted is None:
        return list(rows.values())
    if wanted not in rows:
        raise Refusal(Reason.UNKNOWN_SYMBOL, symbol=wanted)
    return rows[wanted]


ROUTES = (
    Route("GET", "/fapi/v1/ping", ping),
    Route("GET", "/fapi/v1/time", server_time),
    Route("GET", "/fapi/v1/exchangeInfo", exchange_info),
    Route("GET", "/fapi/v1/premiumIndex", premium_index),
    Route("GET", "/fapi/v1/fundingRate", funding_rate),
    Route("GET", "/fapi/v1/fundingInfo", funding_info),
    Route("GET", "/fapi/v1/openInterest", open_interest),
    Route("GET", "/futures/data/openInterestHist", open_interest_history),
    Route("GET", "/fapi/v1/depth", depth),
    Route("GET", "/fapi/v1/ticker/24hr", ticker_24h),
    Route("GET", "/fapi/v1/klines", klines),
    Route("GET", "/fapi/v1/markPriceKlines", mark_klines),
    Route("GET", "/fapi/v1/aggTrades", aggregate_trades),
    Route("GET", "/fapi/v1/trades", recent_trades),
    Route("GET", "/fapi/v1/assetIndex", asset_index),
)
