"""What the store holds for a stress of own accounts: last snapshot, books, ages of positions, wallets.

Refuses to fill in what nobody said: it is None, and named.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from vault.canonical import read_json
from vault.clock import from_iso, to_iso
from vault.errors import StoreError
from vault.money import BTC
from vault.risk.exact import ZERO, exact
from vault.risk.exposure.book import book_of
from vault.risk.exposure.rules import Age
from vault.risk.margin import STABLE_ASSETS
from vault.risk.pool import prices_of
from vault.store import records, schema
from vault.store import venues as known
from vault.store.observations import read_snapshot
from vault.treasury import lead_times
from vault.treasury.plan import Expected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

    from vault.config import Treasury
    from vault.model import Snapshot
    from vault.risk.exposure.book import Book
    from vault.store.database import Store

# How often in the past it is looked at to see since when a position has been open.
AGE_STEP: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class StressInputs:
    """`ages` by (account, symbol, side), `waits` (deposits) by account; `unread`: accounts not read.

    `wallets_usd`: what is confirmed in all wallets, None when that is not known. `spot_usd`: (exchange, USD)
    in spot wallets. `missing` names what is not there.
    """

    snapshot: Snapshot
    ages: Mapping[tuple[str, str, str], Age]
    waits: Mapping[str, Expected]
    books: tuple[Book, ...]
    unread: tuple[str, ...]
    wallets_usd: Decimal | None
    spot_usd: tuple[tuple[str, Decimal], ...]
    missing: tuple[str, ...]


def read_inputs(
    treasury: Treasury, store: Store, books: Sequence[Book], age_limit: timedelta
) -> StressInputs:
    """Raises `StoreError` (``store.nothing_observed``). `age_limit`: how far back positions are followed."""
    with store.read() as connection:
        found = records.latest_document(connection, "snapshot")
        if found is None:
            raise StoreError(
                "nothing_observed", "nothing has been observed yet", hint="`vault check` observes."
            )
        snapshot = read_snapshot(found[2])
        ages, waits = _ages(connection, snapshot, age_limit), _waits(connection)
    read = {account.name for account in snapshot.accounts}
    missing: list[str] = []
    wallets, spot = _wallets(treasury, snapshot, missing), _spot(treasury, snapshot, missing)
    unread = tuple(venue.name for venue in treasury.config.venue if venue.name not in read)
    missing += [f"account.{name}: not in the last observation" for name in unread]
    proven = (book for book in map(book_of, snapshot.markets) if book is not None)
    return StressInputs(snapshot, ages, waits, (*books, *proven), unread, wallets, spot, tuple(missing))


def _waits(connection: Connection) -> dict[str, Expected]:
    """The slowest recorded way of deposits into each account."""
    found: dict[str, Expected] = {}
    for way in known.known_ways(connection):
        if way.direction == "deposit" and way.asset == BTC.symbol:
            took = lead_times.expected(connection, way, 0, "")
            if way.venue not in found or took.p95_seconds > found[way.venue].p95_seconds:
                found[way.venue] = took
    return found


def _ages(connection: Connection, snapshot: Snapshot, limit: timedelta) -> dict[tuple[str, str, str], Age]:
    """Since when a position was seen open at every look: at least so long. No venue here tells more."""
    columns = schema.document.c
    open_now = {(a.name, p.symbol, p.side) for a in snapshot.accounts for p in a.positions if p.size}
    since = dict.fromkeys(open_now, snapshot.taken_at)
    standing, when = set(open_now), snapshot.taken_at
    furthest = snapshot.taken_at - limit - 2 * AGE_STEP
    while standing and (when := when - AGE_STEP) > furthest:
        row = connection.execute(
            select(columns.at, columns.body)
            .where(columns.kind == "snapshot", columns.at <= to_iso(when))
            .order_by(columns.at.desc(), columns.digest)
            .limit(1)
        ).first()
        if row is None or when - from_iso(row.at) > AGE_STEP:
            break  # nobody looked
        standing &= _open_in(read_json(row.body))
        since |= dict.fromkeys(standing, from_iso(row.at))
    return {
        position: Age(Decimal(int((snapshot.taken_at - seen).total_seconds())) / 3600, exact=False)
        for position, seen in since.items()
    }


def _open_in(body: Mapping[str, object]) -> set[tuple[str, str, str]]:
    found = set()
    accounts = body.get("accounts", ())
    for account in accounts if isinstance(accounts, list) else ():
        for position in account.get("positions", ()):
            if position.get("size") != "0":
                found.add((str(account["name"]), str(position["symbol"]), str(position["side"])))
    return found


@exact
def _wallets(treasury: Treasury, snapshot: Snapshot, missing: list[str]) -> Decimal | None:
    """What is confirmed in all wallets and accounts, in USD; None when one was not read or has no price."""
    seen = {wallet.name for wallet in snapshot.wallets}
    named = [*(each.name for each in treasury.config.wallet), *_holding(treasury)]
    absent = [name for name in named if name not in seen]
    missing += [f"wallet.{name}: not in the last observation" for name in absent]
    if absent:
        return None
    worth = ZERO
    for asset in dict.fromkeys(wallet.asset for wallet in snapshot.wallets):
        coins = sum((each.confirmed.to_decimal() for each in snapshot.wallets if each.asset == asset), ZERO)
        price = _price(snapshot, asset.symbol)
        if price is None and coins:
            name = "bitcoin" if asset == BTC else asset.symbol
            missing.append(f"wallets: no price of {name} in the last observation")
            return None
        worth += coins * (price or ZERO)
    return worth


def _holding(treasury: Treasury) -> list[str]:
    """Accounts that hold something for us; one that only signs does not."""
    return [each.name for each in treasury.config.account if each.role != "signer"]


@exact
def _spot(treasury: Treasury, snapshot: Snapshot, missing: list[str]) -> tuple[tuple[str, Decimal], ...]:
    """Spot wallets at venues, in USD by exchange."""
    exchange_of = {venue.name: venue.exchange for venue in treasury.config.venue}
    found = []
    for holding in snapshot.spot:
        amount = holding.free + holding.locked
        if not amount or holding.account not in exchange_of:
            continue
        price = _price(snapshot, amount.asset.symbol)
        if price is None:
            missing.append(f"holdings: no price of {amount.asset.symbol} in {holding.account}'s spot wallet")
        else:
            found.append((exchange_of[holding.account], amount.to_decimal() * price))
    return tuple(found)


def _price(snapshot: Snapshot, asset: str) -> Decimal | None:
    """The least USD price that an account was valued at, else that a market showed; stable assets are 1."""
    told = [prices_of(account).get(asset) for account in snapshot.accounts]
    told += [p.mark_price for a in snapshot.accounts for p in a.positions if p.base == asset]
    prices = [price for price in told if price is not None and price > 0]
    if not prices:
        contract = re.compile(rf"{re.escape(asset)}[-_/]?(USD|PERP)")
        shown = [m.index_price or m.mark_price for m in snapshot.markets if contract.match(m.symbol)]
        prices = [price for price in shown if price is not None and price > 0]
    return min(prices) if prices else Decimal(1) if asset in STABLE_ASSETS else None
