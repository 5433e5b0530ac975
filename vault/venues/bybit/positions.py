"""Bybit positions and risk limits out of raw answers. Pure.

Refuses a contract whose name does not say its base coin, and a side or rank it does not know; rates whose
unit cannot be told are left out and named. Sources: Bybit V5 "Get Position Info", "Get Risk Limit",
"Get Tickers".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, Literal

from vault.errors import VenueError
from vault.model import Bracket, Position
from vault.money import CONTEXT
from vault.venues.bybit.envelope import opened
from vault.venues.common.notes import Notes
from vault.venues.line.raw import Fields

Category = Literal["linear", "inverse"]

ZERO: Final = Decimal(0)
ISOLATED: Final = "ISOLATED_MARGIN"
PORTFOLIO: Final = "PORTFOLIO_MARGIN"
# initialMargin * maxLeverage is about 1 where rates are fractions, 100 where they are per cent.
FRACTION: Final = (Decimal("0.8"), Decimal("1.25"))
PER_CENT: Final = (Decimal(80), Decimal(125))
_SIDES: Final[dict[str, Literal["long", "short"]]] = {"Buy": "long", "Sell": "short"}
_RANKS: Final = range(6)


@dataclass(frozen=True, slots=True)
class PositionPage:
    """One page of the position list, and what it was asked for (`settle` is empty for inverse)."""

    category: Category
    settle: str
    answer: Any


@dataclass(frozen=True, slots=True)
class Market:
    """A contract's prices as the public ticker says."""

    mark: Decimal
    index: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class PositionsRead:
    """What the pages say; `positions_at` is when each page was answered."""

    positions: tuple[Position, ...]
    positions_at: tuple[tuple[str, datetime], ...]
    notes: Notes
    flags: tuple[str, ...]


def read_positions(
    pages: Iterable[PositionPage], mode: str, tables: Mapping[str, tuple[Bracket, ...]]
) -> PositionsRead:
    """Open positions. Raises `VenueError` (``venue.incomplete_answer``, ``venue.bad_answer``)."""
    found: list[Position] = []
    times: list[tuple[str, datetime]] = []
    notes, flags = Notes(), list[str]()
    seen: set[tuple[str, str]] = set()
    for page in pages:
        what = f"positions {page.category} {page.settle}".rstrip()
        answer = opened(page.answer, what)
        times.append((what, answer.at))
        for line in answer.result.rows("list"):
            if not line.decimal("size"):
                continue
            position = _position(line, page, mode, tables, notes)
            place = (position.symbol, position.side)
            if place in seen:
                flags.append(f"position_twice {position.symbol}: the venue lists it more than once")
                continue
            seen.add(place)
            found.append(position)
            flags += _status_flags(line, position)
    return PositionsRead(tuple(found), tuple(times), notes, tuple(flags))


def _position(
    line: Fields,
    page: PositionPage,
    mode: str,
    tables: Mapping[str, tuple[Bracket, ...]],
    notes: Notes,
) -> Position:
    symbol, side = line.text("symbol"), line.text("side")
    if side not in _SIDES:
        raise VenueError("bad_answer", f"{line.where}.side: expected Buy or Sell, found {side[:20]!r}")
    base, settle = contract_coins(symbol, page)

    def optional(field: str, name: str) -> Decimal | None:
        return notes.told(line.optional_decimal(field), f"{name}:{symbol}")

    brackets = tables.get(symbol, ())
    if not brackets:
        notes.missing.append(f"brackets:{symbol}")
    initial = optional("positionIM", "initial_margin")
    isolated = mode == ISOLATED
    return Position(
        symbol=symbol,
        base=base,
        side=_SIDES[side],
        size=line.decimal("size"),
        entry_price=line.decimal("avgPrice"),
        mark_price=line.decimal("markPrice"),
        isolated=isolated,
        brackets=brackets,
        venue_liquidation_price=_liquidation(line, symbol, mode, notes),
        venue_maintenance_margin=optional("positionMM", "maintenance_margin"),
        settle=settle,
        inverse=page.category == "inverse",
        leverage=optional("leverage", "leverage"),
        notional=optional("positionValue", "notional"),
        initial_margin=initial,
        isolated_margin=_isolated_margin(line, initial, symbol, notes) if isolated else None,
        adl_rank=_rank(line, symbol, notes),
    )


def _liquidation(line: Fields, symbol: str, mode: str, notes: Notes) -> Decimal | None:
    """``""`` says that no price the venue allows liquidates; under portfolio margin nothing is said."""
    price = line.optional_decimal("liqPrice")
    if price is None and (mode == PORTFOLIO or line.data.get("liqPrice") is None):
        notes.missing.append(f"liquidation_price:{symbol}")
    return price or None


def _isolated_margin(line: Fields, initial: Decimal | None, symbol: str, notes: Notes) -> Decimal | None:
    """``positionBalance``; where the venue no longer fills it, the initial margin, as its page says."""
    margin = line.optional_decimal("positionBalance")
    if margin:
        return margin
    (notes.missing if initial is None else notes.derived).append(f"isolated_margin:{symbol}")
    return initial


def _rank(line: Fields, symbol: str, notes: Notes) -> int | None:
    if not line.has("adlRankIndicator"):
        notes.missing.append(f"adl_rank:{symbol}")
        return None
    rank = line.integer("adlRankIndicator")
    if rank not in _RANKS:
        raise VenueError("bad_answer", f"{line.where}.adlRankIndicator: expected 0 to 5, found {rank}")
    return rank or None


def _status_flags(line: Fields, position: Position) -> list[str]:
    flags = []
    status = line.optional_text("positionStatus")
    if status and status != "Normal":
        flags.append(f"position_status {position.symbol}: {status[:20]}")
    worth = position.notional
    if worth is not None and not any(
        abs(worth - value_at(position, price)) <= max(Decimal("0.00000001"), abs(worth) * Decimal("0.001"))
        for price in (position.entry_price, position.mark_price)
        if price
    ):
        flags.append(f"notional_mismatch {position.symbol}: venue {worth:f}, size and prices say otherwise")
    return flags


def value_at(position: Position, price: Decimal) -> Decimal:
    """The position's value in its settle coin: size * price, for an inverse contract size / price."""
    if position.inverse:
        return CONTEXT.divide(position.size, price)
    return CONTEXT.multiply(position.size, price)


def contract_coins(symbol: str, page: PositionPage) -> tuple[str, str]:
    """(base, settle) of a contract: BTCUSDT, BTCPERP, BTC-26DEC26 (USDC), BTCUSD and BTCUSDZ26 (inverse)."""
    root, _, expiry = symbol.partition("-")
    if page.category == "inverse":
        base, _, expiry = root.partition("USD")
        known = bool(base) and (not expiry or (len(expiry) == 3 and expiry[1:].isdigit()))
        settle = base
    elif page.settle == "USDC":
        base, settle = root.removesuffix("PERP").removesuffix("USDC") or root, "USDC"
        known = base != root or bool(expiry)
    else:
        base, settle = root.removesuffix(page.settle), page.settle
        known = bool(base) and base != root
    if not known:
        raise VenueError(
            "bad_answer",
            f"expected a contract of category {page.category} settled in {page.settle or 'its base'}, "
            f"found {symbol[:40]!r}",
        )
    return base, settle


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """Brackets of each contract, and what could not be read of them."""

    tables: Mapping[str, tuple[Bracket, ...]]
    missing: tuple[str, ...]
    flags: tuple[str, ...]


def read_risk_limits(answers: Iterable[Any]) -> RiskLimits:
    """Notional tiers of maintenance margin; `cum` is the venue's own ``mmDeduction``.

    Floors and caps are in the settle coin. A tier above the lowest without a deduction counts without one
    (more margin, never less) and is named.
    """
    grouped: dict[str, list[Fields]] = {}
    for answer in answers:
        for line in opened(answer, "riskLimit").result.rows("list"):
            grouped.setdefault(line.text("symbol"), []).append(line)
    tables: dict[str, tuple[Bracket, ...]] = {}
    missing: list[str] = []
    flags: list[str] = []
    for symbol, lines in grouped.items():
        lines.sort(key=lambda line: line.decimal("riskLimitValue"))
        unit = _unit(lines)
        if unit is None:
            flags.append(f"risk_limit_unit {symbol}: rates and leverage do not agree")
            continue
        tables[symbol] = _table(symbol, lines, unit, missing)
        flags += _deduction_flags(symbol, tables[symbol])
    return RiskLimits(tables, tuple(missing), tuple(flags))


def _unit(lines: list[Fields]) -> Decimal | None:
    """What a rate has to be multiplied by to be a fraction."""
    products = [
        CONTEXT.multiply(line.decimal("initialMargin"), line.decimal("maxLeverage")) for line in lines
    ]
    for (low, high), unit in ((FRACTION, Decimal(1)), (PER_CENT, Decimal("0.01"))):
        if all(low <= product <= high for product in products):
            return unit
    return None


def _table(symbol: str, lines: list[Fields], unit: Decimal, missing: list[str]) -> tuple[Bracket, ...]:
    found: list[Bracket] = []
    floor = ZERO
    for number, line in enumerate(lines):
        deduction = line.optional_decimal("mmDeduction")
        if deduction is None and number:
            missing.append(f"mm_deduction:{symbol}")
        cap = line.decimal("riskLimitValue")
        rate = CONTEXT.multiply(line.decimal("maintenanceMargin"), unit)
        found.append(Bracket(floor, cap, rate, deduction or ZERO))
        floor = cap
    return tuple(found)


def _deduction_flags(symbol: str, table: tuple[Bracket, ...]) -> list[str]:
    """Where deductions are given they must keep the margin continuous at each floor."""
    for before, after in pairwise(table):
        if not after.cum:
            continue
        step = CONTEXT.multiply(after.floor, after.rate - before.rate)
        if abs(after.cum - before.cum - step) > max(Decimal("0.01"), abs(step) * Decimal("0.001")):
            return [f"deduction_mismatch {symbol}: margin jumps at {after.floor:f}"]
    return []


def read_markets(answers: Iterable[tuple[Category, Any]], wanted: frozenset[str]) -> dict[str, Market]:
    """Mark and index price of the wanted contracts, with the time of the answer."""
    found: dict[str, Market] = {}
    for category, answer in answers:
        ticker = opened(answer, f"tickers {category}")
        for line in ticker.result.rows("list"):
            symbol = line.text("symbol")
            if symbol in wanted:
                found[symbol] = Market(line.decimal("markPrice"), line.decimal("indexPrice"), ticker.at)
    return found
