"""Kraken Futures' account log: every change of a futures wallet, with the balance before and after.

Numbers of the entries are their places in time. A move between two futures wallets is two entries. Source:
Kraken Futures "Get account log".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from emulator.venues.engine.accounts import Account, IncomeKind
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.kraken.margin import CASH, FLEX
from emulator.venues.kraken.names import altname, futures_account
from emulator.venues.kraken.routes_futures import iso
from emulator.venues.serving.routing import Call, Route, Security, within
from emulator.venues.serving.wire import Json

PAGE = 500
WORDS = {
    IncomeKind.REALISED: "futures trade",
    IncomeKind.FUNDING: "funding rate change",
    IncomeKind.LIQUIDATION_FEE: "futures liquidation",
    IncomeKind.EXCHANGE: "conversion",
    IncomeKind.BANKRUPTCY: "futures unwind bankrupt",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one futures wallet."""

    moment_ms: int
    serial: int
    info: str
    wallet: str
    asset: str
    amount: Decimal
    symbol: str = ""


def changes(account: Account) -> list[Change]:
    """All of them, oldest first."""
    found = [
        Change(row.time_ms, row.tran_id, WORDS[row.kind], row.wallet, row.asset, row.amount, row.symbol)
        for row in account.incomes
        if row.kind in WORDS
    ]
    for move in account.transfers:
        for wallet, amount in ((move.source, -move.amount), (move.target, move.amount)):
            if wallet in (CASH, FLEX):
                found.append(Change(move.time_ms, move.tran_id, move.kind, wallet, move.asset, amount))
    return sorted(found, key=lambda change: (change.moment_ms, change.serial))


def account_log(call: Call) -> Json:
    """`GET /api/history/v3/account-log`, newest first unless ``sort`` is asc."""
    account, window = call.account, call.window("since", "before")
    sort, kind = call.params.get("sort", "desc"), call.params.get("info")
    if sort not in ("asc", "desc"):
        raise Refusal(Reason.BAD_PARAMETER, name="sort")
    balances = {
        (wallet, asset): amount for wallet in (CASH, FLEX) for asset, amount in account.wallet(wallet).items()
    }
    rows: list[Json] = []
    everything = changes(account)
    for place, change in reversed(list(enumerate(everything, start=1))):
        after = balances[change.wallet, change.asset]
        balances[change.wallet, change.asset] = after - change.amount
        if kind in (None, change.info) and within(change.moment_ms, window):
            rows.append(_row(account, place, change, after))
    if sort == "asc":
        rows.reverse()
    return {"accountUid": futures_account(account.uid), "logs": rows[: call.limit(PAGE, 100_000, "count")]}


def _row(account: Account, place: int, change: Change, after: Decimal) -> Json:
    return {
        "asset": altname(change.asset).lower(),
        "booking_uid": futures_account(account.uid * 1000 + place),
        "contract": change.symbol.lower() or None,
        "date": iso(change.moment_ms),
        "id": place,
        "info": change.info,
        "margin_account": change.wallet,
        "new_balance": after,
        "old_balance": after - change.amount,
        "realized_funding": None,
        "realized_pnl": None,
    }


ROUTES = (Route("GET", "/api/history/v3/account-log", account_log, Security.READ),)
