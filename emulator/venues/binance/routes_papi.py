"""Binance portfolio margin, `/papi/v1`: one account over the USDⓈ-M, COIN-M and margin wallets.

Only for accounts in portfolio mode; any other is refused, as the venue does.
"""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.binance.profile import COIN_FUTURES, FUTURES, PORTFOLIO, PORTFOLIO_MARGIN
from emulator.venues.binance.routes_api import ping
from emulator.venues.binance.routes_dapi import inverse_lines, risk_row
from emulator.venues.binance.routes_dapi import leverage_bracket as cm_leverage_bracket
from emulator.venues.binance.routes_fapi_account import (
    highest_notional,
    income_rows,
    linear_lines,
    money_down,
    position_side_dual,
)
from emulator.venues.binance.routes_fapi_account import (
    leverage_bracket as um_leverage_bracket,
)
from emulator.venues.engine.exact import ZERO, exact, fixed, plain
from emulator.venues.engine.margin import MarginReport, PositionMargin
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.routing import Call, Handler, Route, Security
from emulator.venues.serving.wire import Json

NO_DEBT_UNI_MMR = "99999999"  # what the venue shows when there is nothing to keep margin for


def _report(call: Call) -> MarginReport:
    if call.account.mode != PORTFOLIO_MARGIN:
        raise VenueError(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
    return call.venue.report(call.account)


@exact
def uni_mmr(report: MarginReport) -> str:
    """Adjusted equity over maintenance margin: down is bad, liquidation at 1.05."""
    if report.maintenance_margin == ZERO:
        return NO_DEBT_UNI_MMR
    return fixed(report.margin_balance / report.maintenance_margin)


def account(call: Call) -> Json:
    """`GET /papi/v1/account`, in USD."""
    report = _report(call)
    return {
        "uniMMR": uni_mmr(report),
        "accountEquity": fixed(report.margin_balance),
        "actualEquity": fixed(report.equity),
        "accountInitialMargin": fixed(report.initial_margin),
        "accountMaintMargin": fixed(report.maintenance_margin),
        "accountStatus": "NORMAL",
        "virtualMaxWithdrawAmount": money_down(report.available),
        "totalAvailableBalance": "",
        "totalMarginOpenLoss": "",
        "updateTime": call.venue.clock.now_ms(),
    }


def balance(call: Call) -> Json:
    """`GET /papi/v1/balance`; one object, not a list, when an asset is asked for."""
    report = _report(call)
    wanted = call.params.get("asset")
    rows = [_balance(call, report, a) for a in call.venue.coins if wanted in (None, a)]
    return rows if wanted is None else rows[0] if rows else {}


@exact
def _balance(call: Call, report: MarginReport, asset: str) -> Json:
    held = {name: call.account.held(name, asset) for name in (PORTFOLIO, FUTURES, COIN_FUTURES)}
    touched = [call.account.updated_ms.get(f"{name}:{asset}", 0) for name in held]
    return {
        "asset": asset,
        "totalWalletBalance": fixed(sum(held.values(), ZERO)),
        "crossMarginAsset": fixed(held[PORTFOLIO]),
        "crossMarginBorrowed": fixed(ZERO),
        "crossMarginFree": fixed(held[PORTFOLIO]),
        "crossMarginInterest": fixed(ZERO),
        "crossMarginLocked": fixed(ZERO),
        "umWalletBalance": fixed(held[FUTURES]),
        "umUnrealizedPNL": fixed(_unrealised(report, asset, inverse=False)),
        "cmWalletBalance": fixed(held[COIN_FUTURES]),
        "cmUnrealizedPNL": fixed(_unrealised(report, asset, inverse=True)),
        "updateTime": max(touched),
        "negativeBalance": fixed(-min(ZERO, *held.values())),
    }


def _unrealised(report: MarginReport, asset: str, *, inverse: bool) -> Decimal:
    lines = [line for line in report.positions if line.position.inverse is inverse]
    return sum((line.unrealised for line in lines if line.position.settle == asset), ZERO)


def um_position_risk(call: Call) -> Json:
    _report(call)
    return [
        {
            "symbol": line.position.symbol,
            "positionAmt": plain(line.position.quantity),
            "entryPrice": plain(line.position.entry_price),
            "markPrice": fixed(line.mark_price),
            "unRealizedProfit": fixed(line.unrealised),
            "liquidationPrice": "0" if line.liquidation_price is None else fixed(line.liquidation_price),
            "leverage": str(line.position.leverage),
            "positionSide": line.position.side.upper(),
            "maxNotionalValue": highest_notional(line),
            "notional": fixed(line.notional),
            "updateTime": call.account.updated_ms.get(f"position:{line.position.key}", 0),
        }
        for line in linear_lines(call)
    ]


def cm_position_risk(call: Call) -> Json:
    _report(call)
    hidden = {"marginType", "isolatedMargin", "isAutoAddMargin", "isolatedWallet"}
    return [
        {name: value for name, value in risk_row(line, call.account).items() if name not in hidden}
        for line in inverse_lines(call)
    ]


def um_account(call: Call) -> Json:
    """`GET /papi/v1/um/account`."""
    return {"tradeGroupId": -1, **_side(call, linear_lines(call), FUTURES)}


def cm_account(call: Call) -> Json:
    """`GET /papi/v1/cm/account`."""
    return _side(call, inverse_lines(call), COIN_FUTURES)


@exact
def _side(call: Call, lines: list[PositionMargin], wallet: str) -> dict[str, Json]:
    _report(call)
    assets = sorted({*call.account.wallet(wallet), *(line.position.settle for line in lines)})
    mine = {asset: [line for line in lines if line.position.settle == asset] for asset in assets}
    return {
        "assets": [
            {
                "asset": asset,
                "crossWalletBalance": fixed(call.account.held(wallet, asset)),
                "crossUnPnl": fixed(sum((line.unrealised for line in mine[asset]), ZERO)),
                "maintMargin": fixed(sum((line.maintenance_margin for line in mine[asset]), ZERO)),
                "initialMargin": fixed(sum((line.initial_margin for line in mine[asset]), ZERO)),
                "positionInitialMargin": fixed(sum((line.initial_margin for line in mine[asset]), ZERO)),
                "openOrderInitialMargin": fixed(ZERO),
                "updateTime": call.account.updated_ms.get(f"{wallet}:{asset}", 0),
            }
            for asset in assets
        ],
        "positions": [
            {
                "symbol": line.position.symbol,
                "initialMargin": fixed(line.initial_margin),
                "maintMargin": fixed(line.maintenance_margin),
                "unrealizedProfit": fixed(line.unrealised),
                "positionInitialMargin": fixed(line.initial_margin),
                "openOrderInitialMargin": "0",
                "leverage": str(line.position.leverage),
                "entryPrice": plain(line.position.entry_price),
                "positionSide": line.position.side.upper(),
                "positionAmt": plain(line.position.quantity),
                "updateTime": call.account.updated_ms.get(f"position:{line.position.key}", 0),
            }
            for line in lines
        ],
    }


def um_income(call: Call) -> Json:
    return income_rows(call, FUTURES)


def cm_income(call: Call) -> Json:
    return income_rows(call, COIN_FUTURES)


def _read(path: str, handler: Handler) -> Route:
    return Route("GET", path, handler, Security.READ)


ROUTES = (
    Route("GET", "/papi/v1/ping", ping),
    _read("/papi/v1/account", account),
    _read("/papi/v1/balance", balance),
    _read("/papi/v1/um/account", um_account),
    _read("/papi/v1/cm/account", cm_account),
    _read("/papi/v1/um/positionRisk", um_position_risk),
    _read("/papi/v1/cm/positionRisk", cm_position_risk),
    _read("/papi/v1/um/leverageBracket", um_leverage_bracket),
    _read("/papi/v1/cm/leverageBracket", cm_leverage_bracket),
    _read("/papi/v1/um/positionSide/dual", position_side_dual),
    _read("/papi/v1/um/income", um_income),
    _read("/papi/v1/cm/income", cm_income),
)
