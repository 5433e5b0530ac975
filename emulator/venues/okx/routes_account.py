"""OKX trading account endpoints: configuration, balance, positions, what can be moved out.

Which fields carry a number depends on the account's mode; the others are empty texts. Sources: OKX "Get
account configuration", "Get balance", "Get positions", "Get maximum withdrawals".
"""

from __future__ import annotations

import hashlib
from decimal import Decimal

from emulator.venues.engine.exact import ZERO, exact, nearest, plain
from emulator.venues.engine.margin import AssetMargin, MarginReport, PositionMargin, isolated_in
from emulator.venues.engine.positions import ONE_WAY
from emulator.venues.okx.margin import FUTURES, MULTI_CURRENCY, SPOT, TRADING
from emulator.venues.okx.routes_public import family
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

LEVELS = {SPOT: "1", FUTURES: "2", MULTI_CURRENCY: "3"}
GRAIN = Decimal("1e-12")  # figures that are computed; balances keep their own digits
ACCOUNT_WIDE = ("adjEq", "availEq", "borrowFroz", "imr", "mgnRatio", "mmr", "notionalUsd", "ordFroz", "upl")
NO_ORDERS = "0"


def text(value: Decimal) -> str:
    return plain(nearest(value, GRAIN))


def config(call: Call) -> Json:
    """`GET /api/v5/account/config`: the account and the rights of the key that asks."""
    account, key = call.account, call.key
    rights = ["read_only"] if key.can_read else []
    rights += ["withdraw"] if key.can_withdraw else []
    rights += ["trade"] if key.can_trade or key.can_transfer else []
    hedged = any(position.side != ONE_WAY for position in account.open_positions())
    return [
        {
            "acctLv": LEVELS[account.mode],
            "autoLoan": False,
            "enableSpotBorrow": False,
            "ip": ",".join(key.ip_list),
            "kycLv": "3",
            "label": account.name,
            "mainUid": str(account.uid),
            "perm": ",".join(rights),
            "posMode": "long_short_mode" if hedged else "net_mode",
            "roleType": "0",
            "type": "0",
            "uid": str(account.uid),
        }
    ]


@exact
def balance(call: Call) -> Json:
    """`GET /api/v5/account/balance`."""
    mode, reports = call.account.mode, call.venue.reports(call.account)
    prices, now = call.venue.market.indexes(), str(call.venue.clock.now_ms())
    wanted = [name for name in call.params.get("ccy", "").split(",") if name]
    details: list[Json] = []
    total = isolated = ZERO
    for report in reports.values():
        for line in report.assets:
            held = isolated_in(report.positions, line.asset)
            equity = line.balance + _profit(report, line.asset)
            total += equity * prices[line.asset]
            isolated += (held + _profit(report, line.asset, isolated=True)) * prices[line.asset]
            if (line.balance or equity) and (not wanted or line.asset in wanted):
                details.append(_detail(line, report, mode, prices[line.asset], now))
    answer: dict[str, Json] = {
        **dict.fromkeys(ACCOUNT_WIDE, ""),
        "details": details,
        "isoEq": "" if mode == SPOT else text(isolated),
        "totalEq": text(total),
        "uTime": now,
    }
    if mode == MULTI_CURRENCY:
        answer |= _account_wide(next(iter(reports.values())), prices)
    return [answer]


def _account_wide(report: MarginReport, prices: dict[str, Decimal]) -> dict[str, Json]:
    cross = [line for line in report.positions if not line.isolated]
    return {
        "adjEq": text(report.margin_balance),
        "availEq": text(report.available),
        "borrowFroz": "0",
        "imr": text(report.initial_margin),
        "mmr": text(report.maintenance_margin),
        "mgnRatio": _ratio(report.margin_balance, report.maintenance_margin),
        "notionalUsd": text(sum((abs(line.notional) * prices[line.position.settle] for line in cross), ZERO)),
        "notionalUsdForFutures": "0",
        "notionalUsdForSwap": text(
            sum((abs(line.notional) * prices[line.position.settle] for line in report.positions), ZERO)
        ),
        "ordFroz": NO_ORDERS,
        "upl": text(sum((line.unrealised * prices[line.position.settle] for line in cross), ZERO)),
    }


def _ratio(equity: Decimal, kept: Decimal) -> str:
    return text(equity / kept) if kept > ZERO else ""


def _profit(report: MarginReport, asset: str, *, isolated: bool | None = None) -> Decimal:
    """Unrealised profit in an asset of all its positions, or of those that are isolated, or cross."""
    return sum(
        (
            line.unrealised
            for line in report.positions
            if line.position.settle == asset and isolated in (None, line.isolated)
        ),
        ZERO,
    )


def _detail(line: AssetMargin, report: MarginReport, mode: str, price: Decimal, now: str) -> Json:
    held = isolated_in(report.positions, line.asset)
    isolated = _profit(report, line.asset, isolated=True)
    equity = line.balance + _profit(report, line.asset)
    crossed = any(entry.position.settle == line.asset and not entry.isolated for entry in report.positions)
    margined, futures = mode == MULTI_CURRENCY, mode == FUTURES and crossed
    own = equity - held - isolated
    return {
        "availBal": text(max(ZERO, line.available)),
        "availEq": "" if mode == SPOT else text(max(ZERO, own)),
        "cashBal": plain(line.balance - held),
        "ccy": line.asset,
        "collateralEnabled": margined,
        "crossLiab": "0" if margined else "",
        "disEq": text(line.facts["discounted_usd"]) if margined else "",
        "eq": text(equity),
        "eqUsd": text(equity * price),
        "fixedBal": "0",
        "frozenBal": text(line.initial_margin),
        "imr": text(line.initial_margin) if futures else "",
        "interest": "0" if margined else "",
        "isoEq": "" if mode == SPOT else text(held + isolated),
        "isoUpl": "" if mode == SPOT else text(isolated),
        "liab": ("0" if equity >= ZERO else text(-equity)) if margined else "",
        "mgnRatio": _ratio(own, line.maintenance_margin) if futures else "",
        "mmr": text(line.maintenance_margin) if futures else "",
        "ordFrozen": NO_ORDERS,
        "uTime": now,
        "upl": "" if mode == SPOT else text(_profit(report, line.asset)),
    }


@exact
def positions(call: Call) -> Json:
    """`GET /api/v5/account/positions`."""
    kind, wanted = call.params.get("instType"), call.params.get("instId")
    names = wanted.split(",") if wanted else None
    return [
        _position(line, report, call)
        for report in call.venue.reports(call.account).values()
        for line in report.positions
        if kind in (None, "SWAP") and (names is None or line.position.symbol in names)
    ]


def _position(line: PositionMargin, report: MarginReport, call: Call) -> Json:
    position, market = line.position, call.venue.market
    contract, own = market.symbols[position.symbol], position.isolated_margin
    price = market.indexes()[position.settle]
    changed = str(call.account.updated_ms.get(f"position:{position.key}", 0))
    equity = report.margin_balance / price if own is None else own + line.unrealised
    kept = report.maintenance_margin / price if own is None else line.maintenance_margin
    shown = position.quantity if position.side == ONE_WAY else abs(position.quantity)
    liquidation = line.liquidation_price
    return {
        "adl": "1",
        "availPos": "",
        "avgPx": plain(position.entry_price),
        "cTime": changed,
        "ccy": position.settle,
        "idxPx": plain(contract.index),
        "imr": text(line.initial_margin) if own is None else "",
        "instId": position.symbol,
        "instType": "SWAP",
        "last": plain(contract.last),
        "lever": str(position.leverage),
        "liab": "",
        "liqPx": "" if liquidation is None else text(liquidation),
        "margin": "" if own is None else plain(own),
        "markPx": plain(line.mark_price),
        "mgnMode": "cross" if own is None else "isolated",
        "mgnRatio": _ratio(equity, kept),
        "mmr": text(line.maintenance_margin),
        "notionalUsd": text(abs(line.notional) * price),
        "pos": plain(shown),
        "posCcy": "",
        "posId": str(int(hashlib.sha256(position.key.encode()).hexdigest()[:15], 16)),
        "posSide": "net" if position.side == ONE_WAY else position.side,
        "uTime": changed,
        "uly": family(contract),
        "upl": text(line.unrealised),
        "uplRatio": text(line.unrealised / line.initial_margin) if line.initial_margin else "",
        "usdPx": plain(price),
    }


def max_withdrawal(call: Call) -> Json:
    """`GET /api/v5/account/max-withdrawal`: what can go from the trading to the funding account."""
    wanted = [name for name in call.params.get("ccy", "").split(",") if name]
    names = wanted or sorted(name for name, held in call.account.wallet(TRADING).items() if held)
    found: list[Json] = []
    for name in names:
        most = plain(call.venue.max_withdraw(call.account, TRADING, name))
        found.append(
            {"ccy": name, "maxWd": most, "maxWdEx": most, "spotOffsetMaxWd": "", "spotOffsetMaxWdEx": ""}
        )
    return found


ROUTES = (
    Route("GET", "/api/v5/account/config", config, Security.READ),
    Route("GET", "/api/v5/account/balance", balance, Security.READ),
    Route("GET", "/api/v5/account/positions", positions, Security.READ),
    Route("GET", "/api/v5/account/max-withdrawal", max_withdrawal, Security.READ),
)
