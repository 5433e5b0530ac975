"""Binance spot, `/api/v3`: time, exchange information, the spot account, and spot market data."""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.binance.market_payloads import (
    aggregate,
    candle_rows,
    depth_payload,
    linear_market,
    recent,
    ticker_payload,
    trade_rows,
)
from emulator.venues.binance.profile import SPOT
from emulator.venues.engine.exact import ZERO, fixed, plain
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.tape import last_trade
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

SPOT_TICK = Decimal("0.01")
SPOT_STEP = Decimal("0.00001")


def ping(call: Call) -> Json:
    return {}


def server_time(call: Call) -> Json:
    return {"serverTime": call.venue.clock.announced_ms()}


def exchange_info(call: Call) -> Json:
    return {
        "timezone": "UTC",
        "serverTime": call.venue.clock.announced_ms(),
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000}
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(market) for market in call.venue.market.spot()],
    }


def _symbol(market: SymbolMarket) -> Json:
    return {
        "symbol": market.symbol,
        "status": "TRADING",
        "baseAsset": market.base,
        "baseAssetPrecision": 8,
        "quoteAsset": market.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": fixed(SPOT_TICK),
                "maxPrice": "1000000.00000000",
                "tickSize": fixed(SPOT_TICK),
            },
            {
                "filterType": "LOT_SIZE",
                "minQty": fixed(SPOT_STEP),
                "maxQty": "9000.00000000",
                "stepSize": fixed(SPOT_STEP),
            },
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "maxNotional": "9000000.00000000"},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
    }


def account(call: Call) -> Json:
    """`GET /api/v3/account`; locked stays zero because nothing here places orders."""
    mine = call.account
    touched = [moment for place, moment in mine.updated_ms.items() if place.startswith(f"{SPOT}:")]
    return {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": "0.00100000",
            "taker": "0.00100000",
            "buyer": "0.00000000",
            "seller": "0.00000000",
        },
        "canTrade": True,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": max(touched, default=0),
        "accountType": "SPOT",
        "balances": [
            {"asset": coin, "free": fixed(mine.held(SPOT, coin)), "locked": fixed(ZERO)}
            for coin in call.venue.coins
        ],
        "permissions": ["SPOT"],
        "uid": mine.uid,
    }


def depth(call: Call) -> Json:
    market = linear_market(call)
    book = market.order_book(call.limit(100, 5000), SPOT_TICK)
    return {"lastUpdateId": market.update_id, **depth_payload(book, 8)}


def ticker_24h(call: Call) -> Json:
    if "symbol" not in call.params:
        return [_ticker(market, call) for market in call.venue.market.spot()]
    return _ticker(linear_market(call), call)


def _ticker(market: SymbolMarket, call: Call) -> Json:
    book = market.order_book(1, SPOT_TICK)
    bid, ask = (book.bids or (None,))[0], (book.asks or (None,))[0]
    return {
        **ticker_payload(market, market.spot_volume, call.venue.clock.now_ms(), 8),
        "prevClosePrice": fixed(market.open_24h),
        "bidPrice": fixed(bid.price if bid else ZERO),
        "bidQty": fixed(bid.quantity if bid else ZERO),
        "askPrice": fixed(ask.price if ask else ZERO),
        "askQty": fixed(ask.quantity if ask else ZERO),
    }


def price(call: Call) -> Json:
    """`GET /api/v3/ticker/price`; all symbols when none is asked for."""
    if "symbol" in call.params:
        market = linear_market(call)
        return {"symbol": market.symbol, "price": fixed(market.last)}
    return [{"symbol": m.symbol, "price": fixed(m.last)} for m in call.venue.market.spot()]


def klines(call: Call) -> Json:
    return candle_rows(call, linear_market(call), plain)


def aggregate_trades(call: Call) -> Json:
    return trade_rows(call, [last_trade(call.venue, linear_market(call))], aggregate)


def recent_trades(call: Call) -> Json:
    return trade_rows(call, [last_trade(call.venue, linear_market(call))], recent)


ROUTES = (
    Route("GET", "/api/v3/ping", ping),
    Route("GET", "/api/v3/time", server_time),
    Route("GET", "/api/v3/exchangeInfo", exchange_info),
    Route("GET", "/api/v3/account", account, Security.READ),
    Route("GET", "/api/v3/depth", depth),
    Route("GET", "/api/v3/ticker/24hr", ticker_24h),
    Route("GET", "/api/v3/ticker/price", price),
    Route("GET", "/api/v3/klines", klines),
    Route("GET", "/api/v3/aggTrades", aggregate_trades),
    Route("GET", "/api/v3/trades", recent_trades),
)
