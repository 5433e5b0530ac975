"""Binance wallet endpoints, `/sapi`: transfers, spot and funding balances, key rights, rates, status."""

from __future__ import annotations

from emulator.venues.binance.dialect import NO_MONEY
from emulator.venues.binance.profile import FUNDING, PORTFOLIO_MARGIN, PROFILE, SPOT
from emulator.venues.engine.exact import ZERO, fixed, plain
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.routing import Call, Route, Security, within
from emulator.venues.serving.wire import Json


def transfer(call: Call) -> Json:
    """`POST /sapi/v1/asset/transfer`, between any two wallets of the account."""
    kind, asset = call.need("type"), call.need("asset")
    route = PROFILE.route_named(kind)
    if route is None:
        raise Refusal(Reason.NO_ROUTE, route=kind)
    try:
        record = call.venue.transfer(call.account, route.source, route.target, asset, call.amount())
    except Refusal as refusal:
        # A withdrawal has other codes for these two.
        if refusal.reason is Reason.INSUFFICIENT:
            raise VenueError(-5013, NO_MONEY) from None
        if refusal.reason is Reason.BAD_AMOUNT:
            raise Refusal(Reason.TOO_FINE, asset=asset) from None
        raise
    return {"tranId": record.tran_id}


def transfers(call: Call) -> Json:
    """`GET /sapi/v1/asset/transfer`, newest first."""
    kind, window = call.need("type"), call.window()
    size = call.limit(10, 100, "size")
    page = call.limit(1, 10_000, "current")
    rows = [
        row for row in reversed(call.account.transfers) if row.kind == kind and within(row.time_ms, window)
    ]
    return {
        "total": len(rows),
        "rows": [
            {
                "asset": row.asset,
                "amount": plain(row.amount),
                "type": row.kind,
                "status": "CONFIRMED",
                "tranId": row.tran_id,
                "timestamp": row.time_ms,
            }
            for row in rows[(page - 1) * size : page * size]
        ],
    }


def user_asset(call: Call) -> Json:
    """`POST /sapi/v3/asset/getUserAsset`: spot balances that are not empty."""
    wanted = call.params.get("asset")
    return [
        {
            "asset": coin,
            "free": fixed(free),
            "locked": fixed(ZERO),
            "freeze": fixed(ZERO),
            "withdrawing": fixed(call.account.withdrawing.get(coin, ZERO)),
            "ipoable": fixed(ZERO),
            "btcValuation": "0",
        }
        for coin, free in call.account.wallet(SPOT).items()
        if wanted in (None, coin) and (free or call.account.withdrawing.get(coin))
    ]


def funding_asset(call: Call) -> Json:
    """`POST /sapi/v1/asset/get-funding-asset`: balances of the funding wallet that are not empty."""
    return [
        {
            "asset": asset,
            "free": fixed(free),
            "locked": "0",
            "freeze": "0",
            "withdrawing": "0",
            "btcValuation": "0",
        }
        for asset, free in call.account.wallet(FUNDING).items()
        if free and call.params.get("asset") in (None, asset)
    ]


def api_restrictions(call: Call) -> Json:
    """`GET /sapi/v1/account/apiRestrictions`: the rights of the key that asks."""
    key = call.key
    return {
        "ipRestrict": bool(key.ip_list),
        "createTime": key.created_ms,
        "enableReading": key.can_read,
        "enableWithdrawals": key.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": key.can_trade,
        "permitsUniversalTransfer": key.can_transfer,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": key.can_trade,
        "enablePortfolioMarginTrading": key.can_trade and call.account.mode == PORTFOLIO_MARGIN,
    }


def collateral_rates(call: Call) -> Json:
    """`GET /sapi/v1/portfolio/collateralRate`: how much of each asset counts as margin."""
    return [
        {"asset": asset, "collateralRate": plain(rule.tiers[0].ratio)}
        for asset, rule in call.venue.collateral.items()
    ]


def index_prices(call: Call) -> Json:
    """`GET /sapi/v1/portfolio/asset-index-price`: USD per unit of each asset, or of the one asked for."""
    wanted = call.params.get("asset")
    return [
        {"asset": asset, "assetIndexPrice": plain(price)}
        for asset, price in call.venue.market.indexes().items()
        if asset in call.venue.coins and wanted in (None, asset)
    ]


def account_info(call: Call) -> Json:
    """`GET /sapi/v1/account/info`."""
    return {
        "vipLevel": 0,
        "isMarginEnabled": False,
        "isFutureEnabled": True,
        "isOptionsEnabled": False,
        "isPortfolioMarginRetailEnabled": call.account.mode == PORTFOLIO_MARGIN,
    }


def account_status(call: Call) -> Json:
    return {"data": "Normal"}


def system_status(call: Call) -> Json:
    return {"status": 0, "msg": "normal"}


ROUTES = (
    Route("GET", "/sapi/v1/system/status", system_status),
    Route("POST", "/sapi/v1/asset/transfer", transfer, Security.TRANSFER),
    Route("GET", "/sapi/v1/asset/transfer", transfers, Security.READ),
    Route("POST", "/sapi/v3/asset/getUserAsset", user_asset, Security.READ),
    Route("POST", "/sapi/v1/asset/get-funding-asset", funding_asset, Security.READ),
    Route("GET", "/sapi/v1/account/apiRestrictions", api_restrictions, Security.READ),
    Route("GET", "/sapi/v1/portfolio/collateralRate", collateral_rates, Security.KEY),
    Route("GET", "/sapi/v1/portfolio/asset-index-price", index_prices, Security.KEY),
    Route("GET", "/sapi/v1/account/info", account_info, Security.READ),
    Route("GET", "/sapi/v1/account/status", account_status, Security.READ),
)
