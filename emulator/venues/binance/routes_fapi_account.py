"""Binance USDⓈ-M futures account endpoints, `/fapi/v1` to `/fapi/v3`: margin, positions, brackets, income.

Totals are USD after haircuts, so that totalMarginBalance is what liquidation compares with totalMaintMargin.
"""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.binance.market_payloads import linear_market
from emulator.venues.binance.profile import FUTURES, MULTI_ASSET
from emulator.venues.engine.accounts import Account, Income, IncomeKind
from emulator.venues.engine.brackets import BracketTable
from emulator.venues.engine.exact import ZERO, down, exact, fixed, plain
from emulator.venues.engine.margin import AssetMargin, MarginReport, PositionMargin
from emulator.venues.engine.positions import ONE_WAY
from emulator.venues.serving.routing import Call, Handler, Route, Security, within
from emulator.venues.serving.wire import Json

INCOME_TYPES = {
    IncomeKind.REALISED: "REALIZED_PNL",
    IncomeKind.FUNDING: "FUNDING_FEE",
    IncomeKind.TRANSFER: "TRANSFER",
    IncomeKind.LIQUIDATION_FEE: "INSURANCE_CLEAR",
    IncomeKind.EXCHANGE: "AUTO_EXCHANGE",
    IncomeKind.BANKRUPTCY: "INSURANCE_CLEAR",
}
INCOME_INFO = {
    IncomeKind.FUNDING: "FUNDING_FEE",
    IncomeKind.TRANSFER: "TRANSFER",
    IncomeKind.LIQUIDATION_FEE: "fee",
    IncomeKind.BANKRUPTCY: "bankruptcy",
}


def income_info(row: Income) -> str:
    return INCOME_INFO.get(row.kind, row.info)


def money_down(value: Decimal) -> str:
    """What may be taken out is never rounded up."""
    return fixed(down(value))


def account_v3(call: Call) -> Json:
    """`GET /fapi/v3/account`: assets and positions that are not empty."""
    report = call.venue.report(call.account)
    return {
        **_totals(report),
        "assets": [asset_row(line, report, call.account, FUTURES) for line in report.assets],
        "positions": [_position(line, call.account) for line in _linear(report)],
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
        "multiAssetsMargin": call.account.mode == MULTI_ASSET,
        "tradeGroupId": -1,
        **_totals(report),
        "assets": [
            {**asset_row(line, report, call.account, FUTURES), "marginAvailable": True}
            for line in report.assets
        ],
        "positions": [
            {
                **_position(line, call.account),
                "positionInitialMargin": fixed(line.initial_margin),
                "openOrderInitialMargin": fixed(ZERO),
                "leverage": str(line.position.leverage),
                "isolated": line.isolated,
                "entryPrice": plain(line.position.entry_price),
                "breakEvenPrice": plain(line.position.entry_price),
                "maxNotional": highest_notional(line),
                "bidNotional": "0",
                "askNotional": "0",
            }
            for line in _linear(report)
        ],
    }


def _totals(report: MarginReport) -> dict[str, Json]:
    """Cross and isolated together, save where the name says cross; isolated positions are in USDT here."""
    alone = [line for line in report.positions if line.isolated]
    own = sum((line.position.isolated_margin or ZERO for line in alone), ZERO)
    pnl = sum((line.unrealised for line in alone), ZERO)
    initial = report.initial_margin + sum((line.initial_margin for line in alone), ZERO)
    return {
        "totalInitialMargin": fixed(initial),
        "totalMaintMargin": fixed(
            report.maintenance_margin + sum((line.maintenance_margin for line in alone), ZERO)
        ),
        "totalWalletBalance": fixed(report.wallet_balance + own),
        "totalUnrealizedProfit": fixed(report.unrealised + pnl),
        "totalMarginBalance": fixed(report.margin_balance + own + pnl),
        "totalPositionInitialMargin": fixed(initial),
        "totalOpenOrderInitialMargin": fixed(ZERO),
        "totalCrossWalletBalance": fixed(report.wallet_balance),
        "totalCrossUnPnl": fixed(report.unrealised),
        "availableBalance": money_down(report.available),
        "maxWithdrawAmount": money_down(report.available),
    }


@exact
def asset_row(line: AssetMargin, report: MarginReport, account: Account, wallet: str) -> dict[str, Json]:
    """One asset of an account answer, the same in USDⓈ-M and COIN-M."""
    alone = [p for p in report.positions if p.isolated and p.position.settle == line.asset]
    pnl = line.unrealised + sum((p.unrealised for p in alone), ZERO)
    initial = line.initial_margin + sum((p.initial_margin for p in alone), ZERO)
    kept = line.maintenance_margin + sum((p.maintenance_margin for p in alone), ZERO)
    return {
        "asset": line.asset,
        "walletBalance": fixed(line.balance),
        "unrealizedProfit": fixed(pnl),
        "marginBalance": fixed(line.balance + pnl),
        "maintMargin": fixed(kept),
        "initialMargin": fixed(initial),
        "positionInitialMargin": fixed(initial),
        "openOrderInitialMargin": fixed(ZERO),
        "crossWalletBalance": fixed(line.facts["cross_balance"]),
        "crossUnPnl": fixed(line.unrealised),
        "availableBalance": money_down(line.available),
        "maxWithdrawAmount": money_down(line.max_withdraw),
        "updateTime": account.updated_ms.get(f"{wallet}:{line.asset}", 0),
    }


def highest_notional(line: PositionMargin) -> str:
    return "0" if line.bracket is None else plain(line.bracket.cap)


def isolated_wallet(line: PositionMargin) -> str:
    own = line.position.isolated_margin
    return "0" if own is None else fixed(own)


@exact
def isolated_margin(line: PositionMargin) -> str:
    """The isolated wallet with the position's own profit or loss."""
    own = line.position.isolated_margin
    return "0" if own is None else fixed(own + line.unrealised)


def _position(line: PositionMargin, account: Account) -> dict[str, Json]:
    position = line.position
    return {
        "symbol": position.symbol,
        "positionSide": position.side.upper(),
        "positionAmt": plain(position.quantity),
        "unrealizedProfit": fixed(line.unrealised),
        "isolatedMargin": isolated_margin(line),
        "notional": fixed(line.notional),
        "isolatedWallet": isolated_wallet(line),
        "initialMargin": fixed(line.initial_margin),
        "maintMargin": fixed(line.maintenance_margin),
        "updateTime": account.updated_ms.get(f"position:{position.key}", 0),
    }


def position_risk_v3(call: Call) -> Json:
    return [_risk(line, call.account) for line in linear_lines(call)]


def position_risk_v2(call: Call) -> Json:
    return [
        {
            **_risk(line, call.account),
            "leverage": str(line.position.leverage),
            "maxNotionalValue": highest_notional(line),
            "marginType": "isolated" if line.isolated else "cross",
            "isAutoAddMargin": "false",
        }
        for line in linear_lines(call)
    ]


def linear_lines(call: Call) -> list[PositionMargin]:
    """The caller's USDⓈ-M positions, of one symbol when it is asked for."""
    symbol = call.params.get("symbol")
    lines = _linear(call.venue.report(call.account))
    return [line for line in lines if symbol is None or line.position.symbol == symbol]


def _linear(report: MarginReport) -> list[PositionMargin]:
    return [line for line in report.positions if not line.position.inverse]


def _risk(line: PositionMargin, account: Account) -> dict[str, Json]:
    position = line.position
    return {
        "symbol": position.symbol,
        "positionSide": position.side.upper(),
        "positionAmt": plain(position.quantity),
        "entryPrice": plain(position.entry_price),
        "breakEvenPrice": plain(position.entry_price),
        "markPrice": fixed(line.mark_price),
        "unRealizedProfit": fixed(line.unrealised),
        "liquidationPrice": "0" if line.liquidation_price is None else fixed(line.liquidation_price),
        "isolatedMargin": isolated_margin(line),
        "notional": fixed(line.notional),
        "marginAsset": position.settle,
        "isolatedWallet": isolated_wallet(line),
        "initialMargin": fixed(line.initial_margin),
        "maintMargin": fixed(line.maintenance_margin),
        "positionInitialMargin": fixed(line.initial_margin),
        "openOrderInitialMargin": "0",
        "adl": "2",
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": account.updated_ms.get(f"position:{position.key}", 0),
    }


def balance(call: Call) -> Json:
    """`GET /fapi/v2/balance` and v3."""
    report = call.venue.report(call.account)
    return [
        {
            "accountAlias": f"uid{call.account.uid}",
            "asset": line.asset,
            "balance": fixed(line.balance),
            "crossWalletBalance": fixed(line.facts["cross_balance"]),
            "crossUnPnl": fixed(line.unrealised),
            "availableBalance": money_down(line.available),
            "maxWithdrawAmount": money_down(line.max_withdraw),
            "marginAvailable": True,
            "updateTime": call.account.updated_ms.get(f"{FUTURES}:{line.asset}", 0),
        }
        for line in report.assets
    ]


def leverage_bracket(call: Call) -> Json:
    if "symbol" in call.params:
        return [_brackets(linear_market(call).brackets)]
    return [_brackets(market.brackets) for market in call.venue.market.linear()]


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
    return {"multiAssetsMargin": call.account.mode == MULTI_ASSET}


def position_side_dual(call: Call) -> Json:
    return {"dualSidePosition": any(p.side != ONE_WAY for p in call.account.open_positions())}


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
        "dualSidePosition": any(p.side != ONE_WAY for p in call.account.open_positions()),
        "updateTime": 0,
        "multiAssetsMargin": call.account.mode == MULTI_ASSET,
        "tradeGroupId": -1,
    }


def income(call: Call) -> Json:
    """`GET /fapi/v1/income`."""
    return income_rows(call, FUTURES)


def income_rows(call: Call, wallet: str) -> Json:
    """Booked changes of a wallet, oldest first; without a start the newest `limit` rows."""
    kind, symbol = call.params.get("incomeType"), call.params.get("symbol")
    window, limit = call.window(), call.limit(100, 1000)
    rows: list[Json] = [
        {
            "symbol": row.symbol,
            "incomeType": INCOME_TYPES[row.kind],
            "income": fixed(row.amount),
            "asset": row.asset,
            "time": row.time_ms,
            "info": income_info(row),
            "tranId": row.tran_id,
            "tradeId": "",
        }
        for row in call.account.incomes
        if row.wallet == wallet
        and kind in (None, INCOME_TYPES[row.kind])
        and symbol in (None, row.symbol)
        and within(row.time_ms, window)
    ]
    return rows[:limit] if window[0] is not None else rows[-limit:]


def force_orders(call: Call) -> Json:
    """`GET /fapi/v1/forceOrders`."""
    return force_order_rows(call, FUTURES)


def force_order_rows(call: Call, wallet: str) -> Json:
    """The caller's own liquidations, newest first."""
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
        if row.wallet == wallet and symbol in (None, row.symbol) and within(row.time_ms, window)
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
