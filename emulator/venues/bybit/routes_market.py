"""Bybit V5 market data, `/v5/market` and the collateral ratios: everything that needs no key."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from emulator.venues.bybit.dialect import answered
from emulator.venues.engine.book import Level
from emulator.venues.engine.exact import ONE, exact, fixed, nearest, plain
from emulator.venues.engine.market import HOUR_MS, Candle, SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.tape import Price, candles, last_trade, trades
from emulator.venues.engine.tape import open_interest as open_interest_of
from emulator.venues.serving.routing import Call, Route, within
from emulator.venues.serving.wire import Json

LAUNCH_MS = 1_585_526_400_000
INTERVALS = {"60": HOUR_MS, "240": 4 * HOUR_MS, "D": 24 * HOUR_MS}
DOLLAR_PAIRS = {"USDCUSDT": "USDC"}
CATEGORIES = ("spot", "linear", "inverse", "option")


def server_time(call: Call) -> Json:
    now = call.venue.clock.announced_ms()
    return {"result": {"timeSecond": str(now // 1000), "timeNano": str(now * 1_000_000)}, "time": now}


def category(call: Call, *allowed: str) -> str:
    """The product type asked for; raises Refusal MISSING_PARAMETER or BAD_PARAMETER."""
    found = call.need("category")
    if found not in (allowed or CATEGORIES):
        raise Refusal(Reason.BAD_PARAMETER, name="category")
    return found


def contracts(call: Call, kind: str) -> list[SymbolMarket]:
    """The contracts (or pairs) of a product type, or the one named."""
    market = call.venue.market
    found = {"spot": market.spot, "linear": market.linear, "inverse": market.inverse}.get(kind)
    listed = found() if found is not None else []
    symbol = call.params.get("symbol", "")
    if not symbol:
        return listed
    named = [contract for contract in listed if contract.symbol == symbol]
    if not named:
        raise Refusal(Reason.UNKNOWN_SYMBOL, symbol=symbol)
    return named


def named(call: Call, kind: str) -> SymbolMarket:
    """The one contract that must be named."""
    call.need("symbol")
    return contracts(call, kind)[0]


def instruments(call: Call) -> Json:
    kind = category(call)
    ahead = call.params.get("status", "") not in {"", "Trading"}
    listed = [] if ahead else contracts(call, kind)
    show = _pair if kind == "spot" else _contract
    return answered(
        call, {"category": kind, "list": [show(market) for market in listed], "nextPageCursor": ""}
    )


def _pair(market: SymbolMarket) -> Json:
    return {
        "symbol": market.symbol,
        "baseCoin": market.base,
        "quoteCoin": market.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "utaOnly",
        "lotSizeFilter": {
            "basePrecision": "0.000001",
            "quotePrecision": "0.00000001",
            "minOrderQty": "0.000011",
            "maxOrderQty": "83",
            "minOrderAmt": "5",
            "maxOrderAmt": "8000000",
        },
        "priceFilter": {"tickSize": plain(market.tick)},
    }


def _contract(market: SymbolMarket) -> Json:
    kind = "Inverse" if market.inverse else "Linear"
    return {
        "symbol": market.symbol,
        "contractType": f"{kind}Perpetual" if market.expiry_ms is None else f"{kind}Futures",
        "status": "Trading",
        "baseCoin": market.base,
        "quoteCoin": market.quote,
        "settleCoin": market.settle,
        "launchTime": str(LAUNCH_MS),
        "deliveryTime": str(market.expiry_ms or 0),
        "deliveryFeeRate": "",
        "priceScale": "2",
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": f"{market.brackets.brackets[0].max_leverage}.00",
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": plain(market.tick),
            "maxPrice": "1999999.80",
            "tickSize": plain(market.tick),
        },
        "lotSizeFilter": {
            "maxOrderQty": "1190.000",
            "minOrderQty": plain(market.step),
            "qtyStep": plain(market.step),
            "postOnlyMaxOrderQty": "1190.000",
            "maxMktOrderQty": "500.000",
            "minNotionalValue": "5",
        },
        "unifiedMarginTrade": True,
        "fundingInterval": market.funding_hours * 60,
        "copyTrading": "both",
    }


def tickers(call: Call) -> Json:
    kind = category(call)
    index = call.venue.market.indexes()
    if kind == "spot" and call.params.get("symbol") in DOLLAR_PAIRS:
        rows: list[Json] = [_dollar_ticker(call.params["symbol"], index)]
    elif kind == "spot":
        rows = [_spot_ticker(market, index[market.base]) for market in contracts(call, kind)]
    else:
        rows = [_ticker(market, open_interest_of(call.venue, market)) for market in contracts(call, kind)]
    return answered(call, {"category": kind, "list": rows})


@exact
def _dollar_ticker(symbol: str, index: Mapping[str, Decimal]) -> Json:
    """One dollar coin in another; `usdIndexPrice` is what the venue values it at as collateral."""
    price = index[DOLLAR_PAIRS[symbol]]
    return {
        "symbol": symbol,
        "bid1Price": plain(price),
        "bid1Size": "1",
        "ask1Price": plain(price),
        "ask1Size": "1",
        "lastPrice": plain(price),
        "prevPrice24h": plain(price),
        "price24hPcnt": "0",
        "highPrice24h": plain(price),
        "lowPrice24h": plain(price),
        "turnover24h": "0",
        "volume24h": "0",
        "usdIndexPrice": plain(price),
    }


@exact
def _common(market: SymbolMarket, volume: Decimal) -> dict[str, Json]:
    return {
        "symbol": market.symbol,
        "bid1Price": plain(market.last - market.tick),
        "bid1Size": "1",
        "ask1Price": plain(market.last + market.tick),
        "ask1Size": "1",
        "lastPrice": plain(market.last),
        "prevPrice24h": plain(market.open_24h),
        "price24hPcnt": plain(nearest(market.last / market.open_24h - ONE, Decimal("0.000001"))),
        "highPrice24h": plain(market.high_24h),
        "lowPrice24h": plain(market.low_24h),
        "turnover24h": fixed(volume * (ONE if market.inverse else market.last), 4),
        "volume24h": plain(volume),
    }


def _spot_ticker(market: SymbolMarket, index: Decimal) -> Json:
    return {**_common(market, market.spot_volume), "usdIndexPrice": plain(index)}


@exact
def _ticker(market: SymbolMarket, held: Decimal) -> Json:
    value = held / market.mark if market.inverse else held * market.mark
    return {
        **_common(market, market.perp_volume),
        "indexPrice": plain(market.index),
        "markPrice": plain(market.mark),
        "prevPrice1h": plain(market.last),
        "openInterest": plain(held),
        "openInterestValue": fixed(value, 2),
        "fundingRate": plain(market.funding_rate),
        "nextFundingTime": str(market.next_funding_ms),
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "deliveryFeeRate": "",
        "deliveryTime": str(market.expiry_ms or 0),
        "basis": "",
    }


@exact
def risk_limit(call: Call) -> Json:
    kind = category(call, "linear", "inverse")
    rows: list[Json] = [
        {
            "id": number,
            "symbol": market.symbol,
            "riskLimitValue": plain(tier.cap),
            "maintenanceMargin": plain(tier.rate),
            "initialMargin": plain(ONE / tier.max_leverage),
            "isLowestRisk": int(number == 1),
            "maxLeverage": f"{tier.max_leverage}.00",
            "mmDeduction": plain(tier.cum) if tier.cum else "",
        }
        for market in contracts(call, kind)
        for number, tier in enumerate(market.brackets.brackets, start=1)
    ]
    return answered(call, {"category": kind, "list": rows, "nextPageCursor": ""})


def collateral_ratios(call: Call) -> Json:
    wanted = call.params.get("currency", "")
    rows: list[Json] = []
    for asset, rule in call.venue.collateral.items():
        if wanted not in {"", asset}:
            continue
        floor = "0"
        tiers: list[Json] = []
        for tier in rule.tiers:
            top = "" if tier.up_to is None else plain(tier.up_to)
            tiers.append({"minQty": floor, "maxQty": top, "collateralRatio": plain(tier.ratio)})
            floor = top
        rows.append({"currency": asset, "collateralRatioList": tiers})
    return answered(call, {"list": rows})


def funding_history(call: Call) -> Json:
    kind = category(call, "linear", "inverse")
    market = named(call, kind)
    window = call.window()
    rows = [
        {
            "symbol": market.symbol,
            "fundingRate": plain(point.rate),
            "fundingRateTimestamp": str(point.time_ms),
        }
        for point in reversed(market.funding_history)
        if within(point.time_ms, window)
    ]
    return answered(call, {"category": kind, "list": rows[: call.limit(200, 200)]})


def open_interest(call: Call) -> Json:
    kind = category(call, "linear", "inverse")
    market = named(call, kind)
    window = call.window()
    rows = [
        {"openInterest": plain(point.contracts), "timestamp": str(point.time_ms)}
        for point in reversed(market.open_interest_history)
        if within(point.time_ms, window)
    ]
    return answered(
        call,
        {
            "category": kind,
            "symbol": market.symbol,
            "list": rows[: call.limit(50, 200)],
            "nextPageCursor": "",
        },
    )


def order_book(call: Call) -> Json:
    kind = category(call, "spot", "linear", "inverse")
    market = named(call, kind)
    book = market.order_book(call.limit(25, 500))

    def side(levels: tuple[Level, ...]) -> Json:
        return [[plain(level.price), plain(level.quantity)] for level in levels]

    now = call.venue.clock.now_ms()
    return answered(
        call,
        {
            "s": market.symbol,
            "b": side(tuple(book.bids)),
            "a": side(tuple(book.asks)),
            "ts": now,
            "u": market.update_id,
            "seq": market.update_id,
            "cts": now,
        },
    )


def klines(call: Call) -> Json:
    kind = category(call, "spot", "linear", "inverse")
    market = named(call, kind)
    return _klines(call, kind, market, Price.SPOT if kind == "spot" else Price.LAST)


def mark_klines(call: Call) -> Json:
    kind = category(call, "linear", "inverse")
    return _klines(call, kind, named(call, kind), Price.MARK)


@exact
def _klines(call: Call, kind: str, market: SymbolMarket, price: Price) -> Json:
    span = INTERVALS.get(call.need("interval"))
    if span is None:
        raise Refusal(Reason.BAD_PARAMETER, name="interval")
    window = call.window("start", "end")
    rows: list[list[str]] = []
    for candle in reversed(candles(market, price, span)):
        if not within(candle.open_ms, window):
            continue
        prices = [plain(each) for each in (candle.open, candle.high, candle.low, candle.close)]
        volumes = [plain(candle.volume), plain(_turnover(market, candle))]
        rows.append([str(candle.open_ms // span * span), *prices, *([] if price is Price.MARK else volumes)])
    return answered(call, {"category": kind, "symbol": market.symbol, "list": rows[: call.limit(200, 1000)]})


def _turnover(market: SymbolMarket, candle: Candle) -> Decimal:
    """Inverse contracts are dollars, their turnover is in coins."""
    return nearest(candle.volume / candle.close if market.inverse else candle.volume * candle.close)


def recent_trades(call: Call) -> Json:
    kind = category(call, "spot", "linear", "inverse")
    market = named(call, kind)
    found = [last_trade(call.venue, market)] if kind == "spot" else trades(call.venue, market)
    rows: list[Json] = [
        {
            "execId": f"00000000-0000-5000-8000-{trade.id:012d}",
            "symbol": market.symbol,
            "price": plain(trade.price),
            "size": plain(trade.quantity),
            "side": trade.side.title(),
            "time": str(trade.time_ms),
            "isBlockTrade": False,
            "isRPITrade": False,
        }
        for trade in reversed(found)
    ]
    return answered(call, {"category": kind, "list": rows[: call.limit(500, 1000)]})


def system_status(call: Call) -> Json:
    """`GET /v5/system/status`: maintenance that is announced or under way; there is none."""
    return answered(call, {"list": []})


ROUTES = (
    Route("GET", "/v5/market/time", server_time),
    Route("GET", "/v5/market/instruments-info", instruments),
    Route("GET", "/v5/market/tickers", tickers),
    Route("GET", "/v5/market/risk-limit", risk_limit),
    Route("GET", "/v5/market/funding/history", funding_history),
    Route("GET", "/v5/market/open-interest", open_interest),
    Route("GET", "/v5/market/orderbook", order_book),
    Route("GET", "/v5/market/kline", klines),
    Route("GET", "/v5/market/mark-price-kline", mark_klines),
    Route("GET", "/v5/market/recent-trade", recent_trades),
    Route("GET", "/v5/system/status", system_status),
    Route("GET", "/v5/spot-margin-trade/collateral", collateral_ratios),
)
