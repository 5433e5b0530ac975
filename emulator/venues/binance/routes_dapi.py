"""Binance COIN-M futures, `/dapi`: contracts, prices, and the account whose every coin is margined by itself.

Quantities are contracts, balances and margins are in the coin.
"""

from __future__ import annotations

from emulator.venues.binance.market_payloads import HUNDRED, depth_payload, inverse_market, ticker_payload
from emulator.venues.binance.profile import COIN_FUTURES
from emulator.venues.binance.routes_api import ping, server_time
from emulator.venues.binance.routes_fapi import ONBOARD_MS, PERPETUAL_DELIVERY_MS, premium
from emulator.venues.binance.routes_fapi_account import (
    asset_row,
    force_order_rows,
    highest_notional,
    income_rows,
    isolated_margin,
    isolated_wallet,
    money_down,
    position_side_dual,
)
from emulator.venues.engine.accounts import Account
from emulator.venues.engine.exact import ZERO, fixed, plain
from emulator.venues.engine.margin import AssetMargin, MarginReport, PositionMargin
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.serving.routing import Call, Handler, Route, Security
from emulator.venues.serving.wire import Json

PRICE_PLACES = 1


def exchange_info(call: Call) -> Json:
    return {
        "timezone": "UTC",
        "serverTime": call.venue.clock.announced_ms(),
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400}
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(market) for market in call.venue.market.inverse()],
    }


def _symbol(market: SymbolMarket) -> Json:
    return {
        "symbol": market.symbol,
        "pair": f"{market.base}{market.quote}",
        "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_DELIVERY_MS,
        "onboardDate": ONBOARD_MS,
        "contractStatus": "TRADING",
        "contractSize": market.contract_size,
        "maintMarginPercent": fixed(market.brackets.brackets[0].rate * HUNDRED, 4),
        "requiredMarginPercent": "5.0000",
        "baseAsset": market.base,
        "quoteAsset": market.quote,
        "marginAsset": market.settle,
        "pricePrecision": PRICE_PLACES,
        "quantityPrecision": 0,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "equalQtyPrecision": 4,
        "underlyingType": "COIN",
        "underlyingSubType": ["PoW"],
        "triggerProtect": "0.0500",
        "liquidationFee": fixed(market.liquidation_fee, 6),
        "marketTakeBound": "0.05",
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": plain(market.tick),
                "maxPrice": "4520958",
                "tickSize": plain(market.tick),
            },
            {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "1000000", "stepSize": plain(market.step)},
            {"filterType": "MARKET_LOT_SIZE", "minQty": "1", "maxQty": "60000", "stepSize": "1"},
        ],
        "orderTypes": ["LIMIT", "MARKET", "STOP", "STOP_MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }


def premium_index(call: Call) -> Json:
    """A list here, also for one symbol."""
    return [{**premium(market, call), "pair": f"{market.base}{market.quote}"} for market in _markets(call)]


def _markets(call: Call) -> list[SymbolMarket]:
    return [inverse_market(call)] if "symbol" in call.params else call.venue.market.inverse()


def depth(call: Call) -> Json:
    market, now = inverse_market(call), call.venue.clock.now_ms()
    book = depth_payload(market.order_book(call.limit(500, 1000)), PRICE_PLACES)
    names = {"symbol": market.symbol, "pair": f"{market.base}{market.quote}"}
    return {"lastUpdateId": market.update_id, **names, "E": now, "T": now, **book}


def ticker_24h(call: Call) -> Json:
    now = call.venue.clock.now_ms()
    return [
        {
            **ticker_payload(market, market.perp_volume, now, PRICE_PLACES),
            "pair": f"{market.base}{market.quote}",
            "baseVolume": fixed(market.perp_volume * market.contract_size / market.last),
        }
        for market in _markets(call)
    ]


def reports(call: Call) -> list[tuple[MarginReport, AssetMargin]]:
    """The coins of the COIN-M wallet, each with the report it is margined in."""
    found = [
        (call.venue.report(call.account, group.name), group)
        for group in call.venue.groups(call.account)
        if COIN_FUTURES in group.wallets
    ]
    return [(report, line) for report, group in found for line in report.assets if group.takes(line.asset)]


def inverse_lines(call: Call) -> list[PositionMargin]:
    """The caller's coin-margined positions, of one symbol when it is asked for."""
    wanted = call.params.get("symbol")
    return [
        line
        for report in call.venue.reports(call.account).values()
        for line in report.positions
        if line.position.inverse and wanted in (None, line.position.symbol)
    ]


def account(call: Call) -> Json:
    """`GET /dapi/v1/account`."""
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "assets": [asset_row(line, report, call.account, COIN_FUTURES) for report, line in reports(call)],
        "positions": [_position(line, call.account) for line in inverse_lines(call)],
    }


def _position(line: PositionMargin, mine: Account) -> Json:
    position = line.position
    return {
        "symbol": position.symbol,
        "initialMargin": fixed(line.initial_margin),
        "maintMargin": fixed(line.maintenance_margin),
        "unrealizedProfit": fixed(line.unrealised),
        "positionInitialMargin": fixed(line.initial_margin),
        "openOrderInitialMargin": "0",
        "leverage": str(position.leverage),
        "isolated": line.isolated,
        "isolatedWallet": isolated_wallet(line),
        "positionSide": position.side.upper(),
        "positionAmt": plain(position.quantity),
        "entryPrice": fixed(position.entry_price),
        "breakEvenPrice": fixed(position.entry_price),
        "maxQty": highest_notional(line),
        "notionalValue": fixed(line.notional),
        "updateTime": mine.updated_ms.get(f"position:{position.key}", 0),
    }


def position_risk(call: Call) -> Json:
    return [risk_row(line, call.account) for line in inverse_lines(call)]


def risk_row(line: PositionMargin, mine: Account) -> dict[str, Json]:
    position = line.position
    return {
        "symbol": position.symbol,
        "positionAmt": plain(position.quantity),
        "entryPrice": fixed(position.entry_price),
        "breakEvenPrice": fixed(position.entry_price),
        "markPrice": fixed(line.mark_price),
        "unRealizedProfit": fixed(line.unrealised),
        "liquidationPrice": "0" if line.liquidation_price is None else fixed(line.liquidation_price),
        "leverage": str(position.leverage),
        "maxQty": highest_notional(line),
        "marginType": "isolated" if line.isolated else "cross",
        "isolatedMargin": isolated_margin(line),
        "isAutoAddMargin": "false",
        "positionSide": position.side.upper(),
        "notionalValue": fixed(line.notional),
        "isolatedWallet": isolated_wallet(line),
        "updateTime": mine.updated_ms.get(f"position:{position.key}", 0),
    }


def balance(call: Call) -> Json:
    """`GET /dapi/v1/balance`."""
    return [
        {
            "accountAlias": f"uid{call.account.uid}",
            "asset": line.asset,
            "balance": fixed(line.balance),
            "withdrawAvailable": money_down(line.max_withdraw),
            "crossWalletBalance": fixed(line.facts["cross_balance"]),
            "crossUnPnl": fixed(line.unrealised),
            "availableBalance": money_down(line.available),
            "updateTime": call.account.updated_ms.get(f"{COIN_FUTURES}:{line.asset}", 0),
        }
        for _, line in reports(call)
    ]


def leverage_bracket(call: Call) -> Json:
    """`GET /dapi/v2/leverageBracket`: bands of quantity in the coin."""
    return [
        {
            "symbol": market.symbol,
            "notionalCoef": ZERO + 1,
            "brackets": [
                {
                    "bracket": row.level,
                    "initialLeverage": row.max_leverage,
                    "qtyCap": row.cap,
                    "qtyFloor": row.floor,
                    "maintMarginRatio": row.rate,
                    "cum": row.cum,
                }
                for row in market.brackets.brackets
            ],
        }
        for market in _markets(call)
    ]


def income(call: Call) -> Json:
    return income_rows(call, COIN_FUTURES)


def force_orders(call: Call) -> Json:
    return force_order_rows(call, COIN_FUTURES)


def _read(path: str, handler: Handler) -> Route:
    return Route("GET", path, handler, Security.READ)


ROUTES = (
    Route("GET", "/dapi/v1/ping", ping),
    Route("GET", "/dapi/v1/time", server_time),
    Route("GET", "/dapi/v1/exchangeInfo", exchange_info),
    Route("GET", "/dapi/v1/premiumIndex", premium_index),
    Route("GET", "/dapi/v1/depth", depth),
    Route("GET", "/dapi/v1/ticker/24hr", ticker_24h),
    _read("/dapi/v1/account", account),
    _read("/dapi/v1/positionRisk", position_risk),
    _read("/dapi/v1/balance", balance),
    _read("/dapi/v2/leverageBracket", leverage_bracket),
    _read("/dapi/v1/positionSide/dual", position_side_dual),
    _read("/dapi/v1/income", income),
    _read("/dapi/v1/forceOrders", force_orders),
)
