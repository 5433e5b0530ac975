"""dYdX, only read: one subaccount of an address, from the indexer. No keys: the address is public.

`account_uid` is the address, or address/number for another subaccount than 0. Refuses an answer about another
address. Isolated markets are held in subaccounts of their own (128 and up): they are named, not read.
Sources: dYdX indexer "Get Subaccounts", "Get Perpetual Markets", "Get Height", "Get Time".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal, cast

from vault.clock import from_milliseconds
from vault.errors import VenueError
from vault.model import Collateral, MarginAccount, Position, Reading
from vault.money import CONTEXT
from vault.venues.common.notes import Notes
from vault.venues.common.reading import ReadingContext
from vault.venues.line.connection import Connection
from vault.venues.line.outcome import Dialect, Refusal
from vault.venues.line.raw import MAX_MILLISECONDS, Fields
from vault.venues.read_only.common import (
    ONE,
    PRICE_BOUND,
    ZERO,
    ReadOnlyAccount,
    Totals,
    chosen,
    dollar,
    margin_account,
    once,
    table,
    total,
)

COIN: Final = "USDC"
PARENTS: Final = 128  # subaccounts of one parent are its number plus multiples of this
_UID: Final = re.compile(r"(dydx1[02-9ac-hj-np-z]{38,58})(?:/(0|[1-9][0-9]{0,5}))?", re.ASCII)


def find(answer: Any) -> Refusal | None:
    """The error of a parsed body: ``{"errors": [{"msg", …}]}``."""
    errors = answer.get("errors") if isinstance(answer, dict) else None
    if not errors:
        return None
    first = errors[0] if isinstance(errors, list) and isinstance(errors[0], dict) else {}
    return Refusal("errors", str(first.get("msg", "")))


DIALECT: Final = Dialect(
    find=find, uncertain=frozenset(), key=frozenset(), clock=frozenset(), passing=frozenset()
)


@dataclass(frozen=True, slots=True)
class Answers:
    """The parsed JSON of the indexer; `number` is the subaccount that is read."""

    address: str
    number: int
    subaccounts: Any
    markets: Any
    height: Any


class Dydx(ReadOnlyAccount):
    EXCHANGE = "dydx"
    CREDENTIALS: ClassVar[Mapping[str, str]] = {}
    DIALECT = DIALECT
    READS = frozenset({"indexerGetAddressesAddress"})
    PUBLIC = frozenset({"indexerGetHeight", "indexerGetPerpetualMarkets", "indexerGetTime"})

    def uid(self, ask: Connection) -> str:
        """The address itself: whatever is read of it is public, and nothing here can be signed."""
        self._place()
        return self.settings.account_uid

    def _place(self) -> tuple[str, int]:
        found = _UID.fullmatch(self.settings.account_uid)
        if found is None:
            raise VenueError(
                "bad_account",
                f"{self.settings.name}: expected account_uid to be a dYdX address, or address/subaccount, "
                f"found {self.settings.account_uid!r}",
            )
        return found[1], int(found[2] or 0)

    def server_time(self, ask: Connection) -> datetime:
        return _seconds(Fields.of(ask.get("indexerGetTime"), "time"), "epoch")

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        address, number = self._place()
        answers = Answers(
            address=address,
            number=number,
            subaccounts=ask.get("indexerGetAddressesAddress", {"address": address}),
            markets=ask.get("indexerGetPerpetualMarkets"),
            height=ask.get("indexerGetHeight"),
        )
        return subaccount(answers, context)


def _seconds(line: Fields, name: str) -> datetime:
    """An instant written as Unix seconds, with or without a fraction."""
    number = CONTEXT.multiply(line.decimal(name), Decimal(1000))
    if not 0 < number < MAX_MILLISECONDS:
        raise VenueError("bad_answer", f"{line.where}.{name}: expected Unix seconds, found {number:.3e} ms")
    return from_milliseconds(int(number))


def _instant(line: Fields, name: str) -> datetime:
    """An instant in ISO 8601, with or without a fraction."""
    text = line.text(name)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise VenueError(
            "bad_answer", f"{line.where}.{name}: expected an ISO 8601 instant, found {text[:40]!r}"
        )
    return instant.astimezone(UTC)


def subaccount(answers: Answers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``incomplete_answer``, ``bad_answer``)."""
    notes = Notes()
    line = _ours(answers, notes)
    markets = Fields.of(Fields.of(answers.markets, "markets").data.get("markets"), "markets")
    open_positions = Fields.of(
        line.data.get("openPerpetualPositions"), f"{line.where}.openPerpetualPositions"
    )
    seen: set[tuple[str, str]] = set()
    positions, margins = [], []
    for name in sorted(open_positions.data):
        position = Fields.of(open_positions.data[name], f"{open_positions.where}.{name}")
        if not position.decimal("size"):
            continue
        market = Fields.of(markets.data.get(position.text("market")), f"markets.{name}")
        positions.append(_position(position, market, notes))
        margins.append(_maintenance(positions[-1]))
        once(seen, positions[-1].symbol, "", position)
    equity, free = line.decimal("equity"), line.decimal("freeCollateral")
    quote = _quote(line)
    balance = total([quote, *(_paid(position) for position in positions)])
    notes.flags += _equity_flags(equity, quote, positions)
    notes.derived += ["initial_margin", "maintenance_margin", "balance"]
    totals = Totals(
        equity=equity,
        initial=CONTEXT.subtract(equity, free),
        maintenance=total(margins),
        available=max(ZERO, free),
        balance=balance,
        mode="cross" if answers.number < PARENTS else "isolated",
    )
    coins = (Collateral(COIN, balance, dollar(COIN, notes), ONE, max(ZERO, free)),)
    height = Fields.of(answers.height, "height")
    source = Reading("block", "height", _instant(height, "time"))
    return margin_account("dydx", context, totals, coins, tuple(positions), (source,), notes)


def _ours(answers: Answers, notes: Notes) -> Fields:
    """The subaccount; those that hold isolated positions under it are named."""
    found = None
    for line in Fields.of(answers.subaccounts, "address").rows("subaccounts"):
        number = line.integer("subaccountNumber")
        if line.text("address") != answers.address:
            raise VenueError("bad_answer", f"{line.where}: expected subaccounts of {answers.address}")
        if number == answers.number:
            if found is not None:
                raise VenueError("bad_answer", f"{line.where}: expected subaccount {number} once")
            found = line
        elif number % PARENTS == answers.number and line.decimal("equity"):
            notes.missing.append(f"isolated_subaccount:{number}")
    if found is None:
        raise VenueError(
            "incomplete_answer",
            f"expected subaccount {answers.number} of {answers.address}, the venue did not send it",
            missing=f"subaccount {answers.number}",
        )
    return found


def _position(line: Fields, market: Fields, notes: Notes) -> Position:
    symbol, size = line.text("market"), line.decimal("size")
    side = chosen(line, "side", {"LONG": "long", "SHORT": "short"})
    base, _, quote = symbol.partition("-")
    if market.text("ticker") != symbol or quote != "USD" or not base:
        raise VenueError("bad_answer", f"{line.where}: expected a market in USD, found {symbol[:40]}")
    if (size > 0) != (side == "long"):
        raise VenueError("bad_answer", f"{line.where}: expected a {side} of that sign, found {size:f}")
    rate, price = market.decimal("maintenanceMarginFraction"), market.decimal("oraclePrice")
    notes.derived += [f"brackets:{symbol}", f"notional:{symbol}"]
    notes.missing += [
        f"{what}:{symbol}"
        for what in ("leverage", "liquidation_price", "maintenance_margin", "initial_margin", "adl_rank")
    ]
    return Position(
        symbol=symbol,
        base=base,
        side=cast("Literal['long', 'short']", side),
        size=abs(size),
        entry_price=line.decimal("entryPrice"),
        mark_price=price,
        isolated=False,
        # One rate at every size: only the initial margin rises with a market's open interest.
        brackets=table([(None, rate, ZERO)]),
        venue_liquidation_price=None,
        venue_maintenance_margin=None,
        settle=COIN,
        notional=CONTEXT.multiply(abs(size), price),
    )


def _maintenance(position: Position) -> Decimal:
    """Size at the oracle price, times the market's maintenance fraction."""
    return CONTEXT.multiply(position.notional or ZERO, position.brackets[0].rate)


def _quote(line: Fields) -> Decimal:
    """The USDC, which holds what shorts received at entry and lacks what longs paid.

    Only what is not empty is listed, so no USDC among the assets is none; anything else is refused.
    """
    assets = Fields.of(line.data.get("assetPositions"), f"{line.where}.assetPositions")
    if unknown := set(assets.data) - {COIN}:
        raise VenueError("bad_answer", f"{assets.where}: expected {COIN} alone, found {sorted(unknown)}")
    if COIN not in assets.data:
        return ZERO
    asset = Fields.of(assets.data[COIN], f"{assets.where}.{COIN}")
    side = chosen(asset, "side", {"LONG": "1", "SHORT": "-1"})
    return CONTEXT.multiply(abs(asset.decimal("size")), Decimal(side))


def _equity_flags(equity: Decimal, quote: Decimal, positions: list[Position]) -> list[str]:
    """USDC and positions at the oracle price against the venue's equity: what was left out shows here."""
    worths = [one.notional or ZERO for one in positions]
    signed = [worth if one.side == "long" else -worth for worth, one in zip(worths, positions, strict=True)]
    parts = total([quote, *signed])
    if abs(parts - equity) <= max(ONE, CONTEXT.multiply(PRICE_BOUND, total([abs(quote), *worths]))):
        return []
    return [f"equity_mismatch: venue {equity:f}, parts {parts:f}"]


def _paid(position: Position) -> Decimal:
    """What the position is worth at its entry price, less than zero for a short."""
    paid = CONTEXT.multiply(position.size, position.entry_price)
    return paid if position.side == "long" else -paid
