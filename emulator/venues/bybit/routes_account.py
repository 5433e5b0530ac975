"""Bybit V5 account and key: `/v5/account`, `/v5/user/query-api`."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_DOWN, Decimal

from emulator.venues.bybit.dialect import answered
from emulator.venues.bybit.margin import ISOLATED, PORTFOLIO
from emulator.venues.bybit.profile import FUNDING, UNIFIED
from emulator.venues.engine.accounts import Account
from emulator.venues.engine.exact import WIDE, ZERO, exact, nearest, plain
from emulator.venues.engine.margin import AssetMargin, MarginReport
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

MAX_COINS = 20
RATE_STEP = Decimal("0.0001")


def shown(value: Decimal) -> str:
    """A number with at most eight decimals."""
    return plain(nearest(value))


def wallet_balance(call: Call) -> Json:
    if call.need("accountType") != "UNIFIED":
        raise Refusal(Reason.BAD_PARAMETER, name="accountType")
    wanted = {name for name in call.params.get("coin", "").split(",") if name}
    account = call.account
    report = call.venue.report(account)
    index = call.venue.market.indexes()
    coins = [
        _coin(line, account, index[line.asset])
        for line in report.assets
        if (line.asset in wanted if wanted else line.balance or any(line.facts.values()))
    ]
    return answered(call, {"list": [{**_totals(report, account), "coin": coins}]})


@exact
def _totals(report: MarginReport, account: Account) -> dict[str, Json]:
    said = {
        "accountType": "UNIFIED",
        "totalEquity": shown(report.equity),
        "totalWalletBalance": shown(report.wallet_balance),
        "totalPerpUPL": shown(report.unrealised),
        "accountLTV": "0",
    }
    margin = {
        "totalMarginBalance": shown(report.margin_balance),
        "totalAvailableBalance": shown(report.available),
        "totalInitialMargin": shown(report.initial_margin),
        "totalMaintenanceMargin": shown(report.maintenance_margin),
        "accountIMRate": _rate(report.initial_margin, report.margin_balance),
        "accountMMRate": _rate(report.maintenance_margin, report.margin_balance),
    }
    if account.mode == ISOLATED:  # account-wide margin means nothing there
        margin = dict.fromkeys(margin, "")
    return {**said, **margin}


def _rate(margin: Decimal, balance: Decimal) -> str:
    """Margin over balance with four digits, 99 where nothing is left to divide by."""
    if balance <= ZERO:
        return "99" if margin else "0"
    return plain((margin / balance).quantize(RATE_STEP, rounding=ROUND_DOWN, context=WIDE))


@exact
def _coin(line: AssetMargin, account: Account, index: Decimal) -> Json:
    profit, needed, kept = line.unrealised, line.initial_margin, line.maintenance_margin
    if account.mode == ISOLATED:
        profit, needed, kept = (line.facts[name] for name in ("unrealised", "initial", "maintenance"))
    equity = line.balance + profit
    unsaid = account.mode == PORTFOLIO
    return {
        "coin": line.asset,
        "equity": shown(equity),
        "usdValue": shown(equity * index),
        "walletBalance": shown(line.balance),
        "locked": "0",
        "spotHedgingQty": "0",
        "borrowAmount": shown(max(ZERO, -line.balance)),
        "spotBorrow": "0",
        "accruedInterest": "0",
        "totalOrderIM": "" if unsaid else "0",
        "totalPositionIM": "" if unsaid else shown(needed),
        "totalPositionMM": "" if unsaid else shown(kept),
        "unrealisedPnl": shown(profit),
        "cumRealisedPnl": "0",
        "bonus": "0",
        "marginCollateral": True,
        "collateralSwitch": True,
        "availableToWithdraw": "",
        "availableToBorrow": "",
    }


def transferable(call: Call) -> Json:
    names = call.need("coinName").split(",")
    if len(names) > MAX_COINS:
        raise Refusal(Reason.BAD_PARAMETER, name="coinName")
    found: dict[str, Json] = {}
    for name in names:
        if name not in call.venue.coins:
            raise Refusal(Reason.BAD_PARAMETER, name="coinName")
        found[name] = shown(call.venue.max_withdraw(call.account, UNIFIED, name))
    return answered(call, {"availableWithdrawal": found[names[0]], "availableWithdrawalMap": found})


def account_info(call: Call) -> Json:
    return answered(
        call,
        {
            "unifiedMarginStatus": int(call.venue.profile.facts.get("unifiedMarginStatus", "6")),
            "marginMode": call.account.mode,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
            "updatedTime": str(call.venue.clock.now_ms()),
            "dcpStatus": "OFF",
            "timeWindow": 0,
            "smpGroup": 0,
        },
    )


def api_key(call: Call) -> Json:
    key = call.key
    wallet = ["AccountTransfer"] if key.can_transfer else []
    trading: list[Json] = ["Order", "Position"] if key.can_trade else []
    return answered(
        call,
        {
            "id": key.facts.get("id", "13770661"),
            "note": key.facts.get("note", ""),
            "apiKey": key.key,
            "readOnly": int(not (key.can_transfer or key.can_withdraw or key.can_trade)),
            "secret": "",
            "permissions": {
                "ContractTrade": trading,
                "Spot": ["SpotTrade"] if key.can_trade else [],
                "Wallet": [*wallet, *(["Withdraw"] if key.can_withdraw else [])],
                "Options": [],
                "Derivatives": [],
                "Exchange": [],
                "Earn": [],
                "Affiliate": [],
            },
            "ips": list(key.ip_list) or ["*"],
            "type": 1,
            "deadlineDay": -2 if key.ip_list else 90,
            "expiredAt": key.facts.get("expiredAt", "1970-01-01T00:00:00Z"),
            "createdAt": _iso(key.created_ms),
            "unified": 0,
            "uta": int(call.venue.profile.facts.get("uta", "1")),
            "userID": call.account.uid,
            "inviterID": 0,
            "vipLevel": "No VIP",
            "isMaster": True,
            "parentUid": "0",
        },
    )


def _iso(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def coins_balance(call: Call) -> Json:
    """`/v5/asset/transfer/query-account-coins-balance`."""
    kind = call.need("accountType")
    wallet = {"FUND": FUNDING, "UNIFIED": UNIFIED}.get(kind)
    if wallet is None:
        raise Refusal(Reason.BAD_PARAMETER, name="accountType")
    wanted = [name for name in call.params.get("coin", "").split(",") if name]
    held = call.account.wallet(wallet)
    rows = [
        {
            "coin": name,
            "transferBalance": shown(call.venue.max_withdraw(call.account, wallet, name)),
            "walletBalance": shown(held.get(name, ZERO)),
            "bonus": "",
        }
        for name in (wanted or sorted(held))
    ]
    return answered(call, {"memberId": str(call.account.uid), "accountType": kind, "balance": rows})


ROUTES = (
    Route("GET", "/v5/account/wallet-balance", wallet_balance, Security.READ),
    Route("GET", "/v5/account/withdrawal", transferable, Security.READ),
    Route("GET", "/v5/account/info", account_info, Security.READ),
    Route("GET", "/v5/user/query-api", api_key, Security.READ),
    Route("GET", "/v5/asset/transfer/query-account-coins-balance", coins_balance, Security.READ),
)
