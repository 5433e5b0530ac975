"""`POST /info`: everything that is read. All of it is public: whoever knows an address may ask.

An address of nobody has an empty account. Sources: Hyperliquid "Info endpoint", "Perpetuals", "Spot".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from emulator.venues.engine.accounts import Account, Transfer
from emulator.venues.engine.deposits import DepositRecord
from emulator.venues.engine.exact import ZERO, exact, nearest, plain
from emulator.venues.engine.margin import PositionMargin
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.venue import Venue
from emulator.venues.engine.withdrawals import Status, Withdrawal
from emulator.venues.hyperliquid import market_info
from emulator.venues.hyperliquid.asking import LINES, PRICE, Body, body_of, first_dex, number, user_of, window
from emulator.venues.hyperliquid.margin import COIN, PERP, SPOT, TIERS
from emulator.venues.serving.routing import Call, Route
from emulator.venues.serving.wire import Json

PAID = (Status.PROCESSING, Status.COMPLETED)  # the ledger shows a withdrawal once it was signed for payment


def info(call: Call) -> Json:
    """One question of the table below, by its ``type``."""
    asked = body_of(call)
    kind = asked.get("type")
    if not isinstance(kind, str) or kind not in ANSWERS:
        raise Refusal(Reason.BAD_PARAMETER, name="type")
    return ANSWERS[kind](call.venue, asked)


def _account(venue: Venue, asked: Body) -> Account | None:
    found = venue.find_key(user_of(asked))
    return None if found is None else found[0]


def exchange_status(venue: Venue, _: Body) -> Json:
    return {"specialStatuses": None, "time": venue.clock.announced_ms()}


def user_role(venue: Venue, asked: Body) -> Json:
    return {"role": "missing" if _account(venue, asked) is None else "user"}


def user_abstraction(venue: Venue, asked: Body) -> Json:
    account = _account(venue, asked)
    return "default" if account is None else account.mode


@exact
def clearinghouse_state(venue: Venue, asked: Body) -> Json:
    """The perpetuals' account: what isolated positions hold is part of the whole, not of the cross part."""
    first_dex(asked)
    account = _account(venue, asked)
    report = None if account is None else venue.report(account)
    lines = report.positions if report else ()
    cross = [line for line in lines if not line.isolated]
    free = ZERO if report is None or account is None else venue.max_withdraw(account, PERP, COIN)
    return {
        "marginSummary": _summary(report.equity if report else ZERO, lines),
        "crossMarginSummary": _summary(report.margin_balance if report else ZERO, cross),
        "crossMaintenanceMarginUsed": number(report.maintenance_margin if report else ZERO),
        "withdrawable": number(free),
        "assetPositions": [{"type": "oneWay", "position": _position(line)} for line in lines],
        "time": venue.clock.now_ms(),
    }


def _summary(value: Decimal, lines: Sequence[PositionMargin]) -> Json:
    return {
        "accountValue": number(nearest(value, PRICE)),
        "totalNtlPos": number(sum((abs(line.notional) for line in lines), ZERO)),
        "totalRawUsd": number(nearest(value - sum((line.notional for line in lines), ZERO), PRICE)),
        "totalMarginUsed": number(nearest(sum((_used(line) for line in lines), ZERO), PRICE)),
    }


def _used(line: PositionMargin) -> Decimal:
    own = line.position.isolated_margin
    return line.initial_margin if own is None else own + line.unrealised


def _position(line: PositionMargin) -> Json:
    position, price = line.position, line.liquidation_price
    leverage: dict[str, Json] = {
        "type": "isolated" if line.isolated else "cross",
        "value": position.leverage,
    }
    if line.isolated:
        leverage["rawUsd"] = number(_used(line) - line.notional)
    cost = abs(position.quantity) * position.entry_price / position.leverage
    return {
        "coin": position.symbol,
        "szi": plain(position.quantity),
        "leverage": leverage,
        "entryPx": number(position.entry_price),
        "positionValue": number(abs(line.notional)),
        "unrealizedPnl": number(line.unrealised),
        "returnOnEquity": number(nearest(line.unrealised / cost, PRICE)),
        "liquidationPx": None if price is None else number(nearest(price, PRICE)),
        "marginUsed": number(nearest(_used(line), PRICE)),
        "maxLeverage": TIERS[position.symbol][0][0],
        "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
    }


def spot_state(venue: Venue, asked: Body) -> Json:
    account = _account(venue, asked)
    held = ZERO if account is None else account.held(SPOT, COIN)
    line: dict[str, Json] = {
        "coin": COIN,
        "token": 0,
        "total": number(held),
        "hold": "0.0",
        "entryNtl": "0.0",
    }
    return {"balances": [line] if held else []}


def user_fees(venue: Venue, asked: Body) -> Json:
    user_of(asked)
    return {
        "dailyUserVlm": [],
        "userCrossRate": "0.00045",
        "userAddRate": "0.00015",
        "userSpotCrossRate": "0.0007",
        "userSpotAddRate": "0.0004",
        "activeReferralDiscount": "0.0",
    }


def ledger(venue: Venue, asked: Body) -> Json:
    """What moved the account's money beside trading, oldest first. A withdrawal has no address here."""
    account = _account(venue, asked)
    start, end = window(asked)
    if account is None:
        return []
    seen = venue.withdrawals.visible(account.uid, venue.clock.now_ms(), venue.ticks)
    rows = [
        *((each.apply_ms, _hash(each.id), _withdrawn(each)) for each in seen if each.status in PAID),
        *((each.time_ms, _hash(str(each.tran_id)), _moved(each)) for each in account.transfers),
        *(
            (each.credited_ms, each.tx_id, _deposited(each))
            for each in venue.deposits.of(account.uid)
            if each.credited_ms is not None
        ),
    ]
    rows.sort(key=lambda row: row[0])
    found: list[Json] = [
        {"time": row[0], "hash": row[1], "delta": row[2]} for row in rows if start <= row[0] <= end
    ]
    return found[:LINES]


def _deposited(record: DepositRecord) -> dict[str, Json]:
    return {"type": "deposit", "usdc": number(record.amount)}


def _moved(record: Transfer) -> dict[str, Json]:
    return {"type": "accountClassTransfer", "usdc": number(record.amount), "toPerp": record.target == PERP}


def _withdrawn(record: Withdrawal) -> dict[str, Json]:
    return {
        "type": "withdraw",
        "usdc": number(record.amount),
        "nonce": int(record.client_id),
        "fee": number(record.fee),
    }


def _hash(label: str) -> str:
    return "0x" + hashlib.sha256(f"hyperliquid {label}".encode()).hexdigest()


def nothing(venue: Venue, asked: Body) -> Json:
    user_of(asked)
    return []


ANSWERS: Mapping[str, Callable[[Venue, Body], Json]] = {
    "exchangeStatus": exchange_status,
    "userRole": user_role,
    "userAbstraction": user_abstraction,
    "clearinghouseState": clearinghouse_state,
    "spotClearinghouseState": spot_state,
    "meta": market_info.meta,
    "metaAndAssetCtxs": market_info.meta_and_contexts,
    "spotMeta": market_info.spot_meta,
    "spotMetaAndAssetCtxs": lambda venue, asked: [market_info.spot_meta(venue, asked), []],
    "perpDexs": lambda venue, asked: [None],
    "allMids": market_info.all_mids,
    "l2Book": market_info.book,
    "fundingHistory": market_info.funding_history,
    "userFees": user_fees,
    "userNonFundingLedgerUpdates": ledger,
    "openOrders": nothing,
    "frontendOpenOrders": nothing,
    "userFills": nothing,
    "userFillsByTime": nothing,
}

ROUTES = (Route("POST", "/info", info),)
