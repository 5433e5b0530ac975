"""Bybit V5 positions: `/v5/position/list`."""

from __future__ import annotations

from emulator.venues.bybit.dialect import answered
from emulator.venues.bybit.margin import ISOLATED, PORTFOLIO
from emulator.venues.bybit.paging import paged
from emulator.venues.bybit.routes_account import shown
from emulator.venues.bybit.routes_market import category
from emulator.venues.engine.exact import ZERO, exact, plain
from emulator.venues.engine.margin import PositionMargin
from emulator.venues.engine.positions import notional
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

SIDES = {"both": 0, "long": 1, "short": 2}


def positions(call: Call) -> Json:
    kind = category(call, "linear", "inverse", "option")
    symbol, settle = call.params.get("symbol", ""), call.params.get("settleCoin", "")
    if kind == "linear" and not (symbol or settle):
        raise Refusal(Reason.MISSING_PARAMETER, name="symbol or settleCoin")
    report = call.venue.report(call.account)
    lines = [
        _position(call, line)
        for line in report.positions
        if line.position.inverse is (kind == "inverse")
        and kind != "option"
        and symbol in {"", line.position.symbol}
        and (symbol or settle in {"", line.position.settle})
    ]
    if symbol and not lines and kind != "option":
        lines = [_empty(call)]
    return answered(call, {"category": kind, **paged(call, "list", lines, default=20, highest=200)})


@exact
def _position(call: Call, line: PositionMargin) -> Json:
    position, mode = line.position, call.account.mode
    unsaid = mode == PORTFOLIO
    entered = notional(position, position.entry_price)
    updated = call.account.updated_ms.get(f"position:{position.key}", 0)
    return {
        **_frame(position.symbol, SIDES[position.side], updated),
        "side": "Buy" if position.quantity > ZERO else "Sell",
        "size": plain(abs(position.quantity)),
        "avgPrice": plain(position.entry_price),
        "positionValue": shown(abs(entered if mode == ISOLATED else line.notional)),
        "leverage": "" if unsaid else str(position.leverage),
        "markPrice": plain(line.mark_price),
        "liqPrice": "" if unsaid or line.liquidation_price is None else shown(line.liquidation_price),
        "positionIM": "" if unsaid else shown(line.initial_margin),
        "positionMM": "" if unsaid else shown(line.maintenance_margin),
        "positionBalance": shown(position.isolated_margin or ZERO) if mode == ISOLATED else "0",
        "unrealisedPnl": shown(line.unrealised),
        "adlRankIndicator": 2,
    }


def _empty(call: Call) -> Json:
    contract = call.contract()
    return {
        **_frame(contract.symbol, 0, 0),
        "side": "",
        "size": "0",
        "avgPrice": "0",
        "positionValue": "",
        "leverage": "10",
        "markPrice": plain(contract.mark),
        "liqPrice": "",
        "positionIM": "0",
        "positionMM": "0",
        "positionBalance": "0",
        "unrealisedPnl": "",
        "adlRankIndicator": 0,
    }


def _frame(symbol: str, index: int, updated_ms: int) -> dict[str, Json]:
    return {
        "symbol": symbol,
        "positionIdx": index,
        "riskId": 1,
        "riskLimitValue": "",
        "autoAddMargin": 0,
        "positionStatus": "Normal",
        "tradeMode": 0,
        "tpslMode": "Full",
        "takeProfit": "",
        "stopLoss": "",
        "trailingStop": "0",
        "bustPrice": "",
        "cumRealisedPnl": "0",
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
        "createdTime": str(updated_ms),
        "updatedTime": str(updated_ms),
        "seq": 1,
    }


ROUTES = (Route("GET", "/v5/position/list", positions, Security.READ),)
