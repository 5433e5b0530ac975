"""Binance USDⓈ-M futures account endpoints, `/fapi/v1` to `/fapi/v3`: margin, positions, brackets, income.

Totals are USD after haircuts, so that totalMarginBalance is what liquidation compares with totalMaintMargin.
"""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.accounts import Account
from emulator.venues.binance.market_payloads import symbol_market
from emulator.venues.brackets import BracketTable
from emulator.venues.exact import ZERO, down, exact, fixed, plain
from emulator.venues.margin import AssetMargin, MarginReport, PositionMargin
from emulator.venues.routing import Call, Handler, Route, Security, within
from emulator.venues.wire import Json


def _money_down(value: Decimal) -> str:
    """What may be taken out is never rounded up."""
    return fixed(down(value))


def account_v3(call: Call) -> Json:
    """`GET /fapi/v3/account`: assets and positions that are not empty."""
    report = call.venue.report(call.account)
    return {
        **_totals(report),
        "assets": [_asset(line, call.account) for line in report.assets],
        "positions": [_position(line, call.account) for line in report.positions],
    }


def account_v2(call: Call) -> Json:
    """`GET /fapi/v2/account`: as v3, with the permissions and with leverage and entry on every position."""
    report = call.venue.report(call.account)
    return {
        "feeTier": 0,
        "feeBurn": True,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "updateTime": 0,
        "multiAssetsMargin": call.account.multi_asset,
        "tradeGroupId": -1,
        **_totals(report),
        "assets": [{**_asset(line, call.account), "marginAvailable": True} for line in report.assets],
        "positions": [
            {
                **_position(line, call.account),
                "positionInitialMargin": fixed(line.initial_margin),
                "openOrderInitialMargin": fixed(ZERO),
                "leverage": str(line.position.leverage),
                "isolated": False,
                "entryPrice": plain(line.position.entry_price),
                "breakEvenPrice": plain(line.position.entry_price),
                "maxNotional": plain(line.bracket.cap),
                "bidNotional": "0",
                "askNotional": "0",
            }
            for line in report.positions
        ],
    }


def _totals(report: MarginReport) -> dict[str, Json]:
    return {
        "totalInitialMargin": fixed(report.initial_margin),
        "totalMaintMargin": fixed(report.maintenance_margin),
        "totalWalletBalance": fixed(report.wallet_balance),
        "totalUnrealizedProfit": fixed(report.unrealised),
        "totalMarginBalance": fixed(report.margin_balance),
        "totalPositionInitialMargin": fixed(report.initial_margin),
        "totalOpenOrderInitialMargin": fixed(ZERO),
        "totalCrossWalletBalance": fixed(report.wallet_balance),
        "totalCrossUnPnl": fixed(report.unrealised),
        "availableBalance": _money_down(report.available),
        "maxWithdrawAmount": _money_down(report.available),
    }


@exact
def _asset(line: AssetMargin, account: Account) -> dict[str, Json]:
    return {
        "asset": line.asset,
        "walletBalance": fixed(line.balance),
        "unrealizedProfit": fixed(line.unrealised),
        "marginBalance": fixed(line.balance + line.unrealised),
        "maintMargin": fixed(line.maintenance_margin),
        "initialMargin": fixed(line.initial_margin),
        "positionInitialMargin": fixed(line.initial_margin),
        "openOrderInitialMargin": fixed(ZERO),
        "crossWalletBalance": fixed(line.balance),
        "crossUnPnl": fixed(line.unrealised),
        "availableBalance": _money_down(line.available),
        "maxWithdrawAmount": _money_down(line.max_withdraw),
        "updateTime": account.updated_ms.get(f"futures:{line.asset}", 0),
    }


def _position(line: PositionMargin, account: Account) -> dict[str, Json]:
    position = line.position
    return {
        "symbol": position.symbol,
        "positionSide": "BOTH",
        "positionAmt": plain(position.quantity),
        "unrealizedProfit": fixed(line.unrealised),
        "isolatedMargin": "0",
        "notional": fixed(line.notional),
        "isolatedWallet": "0",
        "initialMargin": fixed(line.initial_margin),
        "maintMargin": fixed(line.maintenance_margin),
        "updateTime": account.updated_ms.get(f"position:{position.symbol}", 0),
    }


def position_risk_v3(call: Call) -> Json:
    return [_risk(line, call.account) for line in _wanted(call)]


def position_risk_v2(call: Call) -> Json:
    return [
        {
            **_risk(line, call.account),
            "leverage": str(line.position.leverage),
            "maxNotionalValue": plain(line.bracket.cap),
            "marginType": "cross",
            "isAutoAddMargin": "false",
        }
        for line in _wanted(call)
    ]


def _wanted(call: Call) -> list[PositionMargin]:
    symbol = call.params.get("symbol")
    lines = call.venue.report(call.account).positions
    return [line for line in lines if symbol is None or line.position.symbol == symbol]


def _risk(line: PositionMargin, account: Account) -> dict[str, Json]:
    position = line.position
    return {
        "symbol": position.symbol,
        "positionSide": "BOTH",
        "positionAmt": plain(position.quantity),
        "entryPrice": plain(position.entry_price),
        "breakEvenPrice": plain(position.entry_price),
        "markPrice": fixed(line.mark_price),
        "unRealizedProfit": fixed(line.unrealised),
        "liquidationPrice": "0" if line.liquidation_price is None else fixed(line.liquidation_price),
        "isolatedMargin": "0",
        "notional": fixed(line.notional),
        "marginAsset": position.settle,
        "isolatedWallet": "0",
        "initialMargin": fixed(line.initial_margin),
        "maintMargin": fixed(line.maintenance_margin),
        "positionInitialMargin": fixed(line.initial_margin),
        "openOrderInitialMargin": "0",
        "adl": "2",
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": account.updated_ms.get(f"position:{position.symbol}", 0),
    }


def balance(call: Call) -> Json:
    """`GET /fapi/v2/balance` and v3."""
    report = call.venue.report(call.account)
    return [
        {
            "accountAlias": f"uid{call.account.uid}",
            "asset": line.asset,
            "balance": fixed(line.balance),
            "crossWalletBalance": fixed(line.balance),
            "crossUnPnl": fixed(line.unrealised),
            "availableBalance": _money_down(line.available),
            "maxWithdrawAmount": _money_down(line.max_withdraw),
            "marginAvailable": True,
            "updateTime": call.account.updated_ms.get(f"futures:{line.asset}", 0),
        }
        for line in report.assets
    ]


def leverage_bracket(call: Call) -> Json:
    if "symbol" in call.params:
        return [_brackets(symbol_market(call).brackets)]
    return [_brackets(market.brackets) for market in call.venue.market.symbols.values()]


def _brackets(table: BracketTable) -> Json:
    """Ratios are JSON numbers on this endpoint, not strings."""
    return {
        "symbol": table.symbol,
        "brackets": [
            {
                "bracket": row.level,
                "initialLeverage": row.max_leverage,
                "notionalCap": row.cap,
                "notionalFloor": row.floor,
                "maintMarginRatio": row.rate,
                "cum": row.cum,
            }
            for row in table.brackets
        ],
    }


def multi_assets_margin(call: Call) -> Json:
    return {"multiAssetsMargin": call.account.multi_asset}


def position_side_dual(call: Call) -> Json:
    return {"dualSidePosition": False}


def symbol_config(call: Call) -> Json:
    wanted = call.params.get("symbol")
    return [
        {
            "symbol": name,
            "marginType": "CROSSED",
            "isAutoAddMargin": False,
            "leverage": call.account.positions[name].leverage if name in call.account.positions else 20,
            "maxNotionalValue": plain(market.brackets.brackets[-1].cap),
        }
        for name, market in call.venue.market.symbols.items()
        if wanted in (None, name)
    ]


def account_config(call: Call) -> Json:
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "dualSidePosition": False,
        "updateTime": 0,
        "multiAssetsMargin": call.account.multi_asset,
        "tradeGroupId": -1,
    }


def income(call: Call) -> Json:
    """`GET /fapi/v1/income`, oldest first; without a start the newest `limit` rows."""
    kind, symbol = call.params.get("incomeType"), call.params.get("symbol")
    window, limit = call.window(), call.limit(100, 1000)
    rows: list[Json] = [
        {
            "symbol": row.symbol,
            "incomeType": row.kind,
            "income": fixed(row.amount),
            "asset": row.asset,
            "time": row.time_ms,
            "info": row.info,
            "tranId": row.tran_id,
            "tradeId": "",
        }
        for row in call.account.incomes
        if kind in (None, row.kind) and symbol in (None, row.symbol) and within(row.time_ms, window)
    ]
    return rows[:limit] if window[0] is not None else rows[-limit:]


def force_orders(call: Call) -> Json:
    """`GET /fapi/v1/forceOrders`: the caller's own liquidations, newest first."""
    symbol, window = call.params.get("symbol"), call.window()
    if call.params.get("autoCloseType") == "ADL":
        return []
    rows: list[Json] = [
        {
            "orderId": row.order_id,
            "symbol": row.symbol,
            "status": "FILLED",
            "clientOrderId": f"autoclose-{row.order_id}",
            "price": fixed(row.price, 2),
            "avgPrice": fixed(row.price, 5),
            "origQty": plain(row.quantity),
            "executedQty": plain(row.quantity),
            "cumQuote": fixed(row.price * row.quantity, 5),
            "timeInForce": "IOC",
            "type": "LIMIT",
            "reduceOnly": False,
            "closePosition": False,
            "side": row.side,
            "positionSide": "BOTH",
            "stopPrice": "0",
            "workingType": "CONTRACT_PRICE",
            "origType": "LIMIT",
            "time": row.time_ms,
            "updateTime": row.time_ms,
        }
        for row in reversed(call.account.liquidations)
        if symbol in (None, row.symbol) and within(row.time_ms, window)
    ]
    return rows[: call.limit(50, 100)]


def _read(path: str, handler: Handler) -> Route:
    return Route("GET", path, handler, Security.READ)


ROUTES = (
    _read("/fapi/v3/account", account_v3),
    _read("/fapi/v2/account", account_v2),
    _read("/fapi/v3/positionRisk", position_risk_v3),
    _read("/fapi/v2/positionRisk", position_risk_v2),
    _read("/fapi/v3/balance", balance),
    _read("/fapi/v2/balance", balance),
    _read("/fapi/v1/leverageBracket", leverage_bracket),
    _read("/fapi/v1/multiAssetsMargin", multi_assets_margin),
    _read("/fapi/v1/positionSide/dual", position_side_dual),
    _read("/fapi/v1/symbolConfig", symbol_config),
    _read("/fapi/v1/accountConfig", account_config),
    _read("/fapi/v1/income", income),
    _read("/fapi/v1/forceOrders", force_orders),
)
