"""Kraken Futures positions and their margin schedules. Pure.

A schedule is marginal: each level's rate holds for the part of the position within it, counted in USD or in
contracts. Which of two schedules an account has, and whether the price at entry or the mark counts, is said
nowhere: the one that gives the venue's own maintenance margin is taken. Names what is no future. Sources:
Kraken Futures "Open positions", "Instruments", "Tickers"; "Multi-Collateral" and "Inverse Margin Schedule".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple

from vault.errors import VenueError
from vault.model import Bracket, Position
from vault.money import CONTEXT
from vault.venues.common.notes import Notes
from vault.venues.kraken import names
from vault.venues.kraken.answers import futures, iso
from vault.venues.line.raw import Fields

KINDS: Final = {"flexible_futures": False, "futures_vanilla": False, "futures_inverse": True}
QUOTE: Final = "USD"
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
# Prices are read some hundred milliseconds apart from the margin that is to be met.
BOUND: Final = Decimal("0.01")
ROUNDING: Final = Decimal("0.01")  # USD

Basis = Literal["mark", "entry"]


class Schedule(NamedTuple):
    """One way the venue may reckon; `levels` is the field of an instrument."""

    levels: str
    basis: Basis


SCHEDULES: Final = (
    Schedule("marginLevels", "mark"),
    Schedule("marginLevels", "entry"),
    Schedule("retailMarginLevels", "mark"),
    Schedule("retailMarginLevels", "entry"),
)


class Level(NamedTuple):
    """From `floor` (USD, or contracts of an inverse future) on, this maintenance rate."""

    floor: Decimal
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Held:
    """A position without brackets yet, and the levels of each schedule."""

    position: Position
    levels: Mapping[str, tuple[Level, ...]]


def open_positions(answer: Any) -> tuple[Fields, ...]:
    """The positions that are not empty; the same one twice is one. Raises ``venue.bad_answer``."""
    found: dict[str, Fields] = {}
    for line in futures(answer, "openpositions").rows("openPositions"):
        symbol = line.text("symbol").upper()
        if found.setdefault(symbol, line).data != line.data:
            raise VenueError("bad_answer", f"{line.where}: expected {symbol} once, found two that differ")
    return tuple(line for line in found.values() if line.decimal("size"))


def symbols(answer: Any) -> tuple[str, ...]:
    """The contracts that are held, as the venue writes them in upper case."""
    return tuple(sorted(line.text("symbol").upper() for line in open_positions(answer)))


def read(
    lines: Iterable[Fields], instruments: Any, tickers: Mapping[str, Any], notes: Notes
) -> tuple[Held, ...]:
    """Every future that is held; raises `VenueError` for one without its contract, mark or entry."""
    listed = {
        line.text("symbol").upper(): line
        for line in futures(instruments, "instruments").rows("instruments")
        if line.has("symbol")
    }
    found = []
    for line in lines:
        symbol = line.text("symbol").upper()
        if symbol not in listed:
            raise _absent("instruments", symbol)
        kind = listed[symbol].text("type")
        if kind not in KINDS:
            notes.missing.append(f"position:{symbol} ({kind[:20]})")
            continue
        if symbol not in tickers:
            raise _absent("tickers", symbol)
        mark, at = mark_price(tickers[symbol], symbol)
        found.append(_held(line, listed[symbol], mark, at, notes))
    return tuple(found)


def _absent(answer: str, symbol: str) -> VenueError:
    return VenueError(
        "incomplete_answer",
        f"{answer}: expected {symbol}, which is held, the venue did not send it",
        missing=f"{answer}.{symbol}",
    )


def mark_price(answer: Any, symbol: str) -> tuple[Decimal, datetime]:
    """The mark of a contract, and when the venue answered (a ticker has only the time of its last trade)."""
    envelope = futures(answer, "ticker")
    line = Fields.of(envelope.data.get("ticker"), "ticker")
    if (said := line.text("symbol").upper()) != symbol:
        raise VenueError("bad_answer", f"ticker: expected {symbol}, found {said[:40]!r}")
    mark = line.decimal("markPrice")
    if mark <= 0:
        raise VenueError("bad_answer", f"ticker.markPrice: expected a price, found {mark:f}")
    return mark, iso(envelope, "serverTime")


def _held(line: Fields, contract: Fields, mark: Decimal, at: datetime, notes: Notes) -> Held:
    symbol, side = line.text("symbol").upper(), line.text("side")
    inverse, base = KINDS[contract.text("type")], _base(symbol)
    size = CONTEXT.multiply(line.decimal("size"), contract.decimal("contractSize"))
    entry = line.decimal("price")
    if side not in {"long", "short"} or size <= 0 or entry <= 0:
        raise VenueError(
            "bad_answer",
            f"{line.where}: expected a long or a short above zero, found {side[:20]!r} {size:f} at {entry:f}",
        )
    isolated = line.has("maxFixedLeverage")
    if isolated:
        # Nothing says how much margin an isolated position has of its own.
        notes.missing.append(f"isolated_margin:{symbol}")
    position = Position(
        symbol=symbol,
        base=base,
        side="long" if side == "long" else "short",
        size=size,
        entry_price=entry,
        mark_price=mark,
        isolated=isolated,
        brackets=(),
        venue_liquidation_price=None,
        venue_maintenance_margin=None,
        settle=base if inverse else QUOTE,
        inverse=inverse,
        leverage=line.optional_decimal("maxFixedLeverage"),
        notional=CONTEXT.divide(size, mark) if inverse else CONTEXT.multiply(size, mark),
        observed_at=at,
    )
    levels = {
        name: _levels(contract, name, inverse=inverse)
        for name in dict.fromkeys(each.levels for each in SCHEDULES)
        if contract.has(name)
    }
    return Held(position, levels)


def _base(symbol: str) -> str:
    """BTC of PF_XBTUSD and FI_XBTUSD_260925; quotes are always USD."""
    pair = symbol.split("_")[1] if "_" in symbol else ""
    if not pair.endswith(QUOTE) or pair == QUOTE:
        raise VenueError("bad_answer", f"expected a contract in {QUOTE}, found {symbol[:40]!r}")
    return names.ours(pair.removesuffix(QUOTE))


def _levels(contract: Fields, name: str, *, inverse: bool) -> tuple[Level, ...]:
    threshold = "contracts" if inverse else "numNonContractUnits"
    found = []
    for line in contract.rows(name):
        # The older linear futures count contracts too.
        counted = threshold if line.has(threshold) else "contracts"
        found.append(Level(line.decimal(counted), line.decimal("maintenanceMargin")))
    rising = all(one.floor < other.floor for one, other in pairwise(found))
    if not found or found[0].floor or not rising or any(not 0 < each.rate <= 1 for each in found):
        raise VenueError("bad_answer", f"{contract.where}.{name}: expected levels that rise from zero")
    return tuple(found)


def unrealised(position: Position) -> Decimal:
    """Since entry, at the mark, in the settlement asset."""
    entry, mark = position.entry_price, position.mark_price
    moved = CONTEXT.subtract(mark, entry)
    if position.inverse:
        moved = CONTEXT.subtract(CONTEXT.divide(ONE, entry), CONTEXT.divide(ONE, mark))
    profit = CONTEXT.multiply(position.size, moved)
    return profit if position.side == "long" else CONTEXT.minus(profit)


def with_brackets(
    held: tuple[Held, ...], stated: Decimal, prices: Mapping[str, Decimal], notes: Notes
) -> tuple[Position, ...]:
    """The positions with the schedule that gives `stated` (USD), or the strictest where none does."""
    if not held:
        return ()
    for each in held:
        if not each.levels:
            notes.missing.append(f"brackets:{each.position.symbol}")
    sums = {schedule: _total(held, schedule, prices) for schedule in SCHEDULES}
    possible = {schedule: total for schedule, total in sums.items() if total is not None}
    if not possible:
        return tuple(each.position for each in held)
    fitting = [
        schedule
        for schedule, total in possible.items()
        if abs(total - stated) <= max(ROUNDING * len(held), BOUND * stated)
    ]
    chosen = fitting[0] if fitting else max(possible, key=lambda schedule: possible[schedule])
    notes.derived.append(f"brackets ({chosen.levels} at the {chosen.basis} price)")
    return tuple(
        replace(each.position, brackets=_brackets(each.position, each.levels[chosen.levels], chosen.basis))
        if chosen.levels in each.levels
        else each.position
        for each in held
    )


def _total(held: tuple[Held, ...], schedule: Schedule, prices: Mapping[str, Decimal]) -> Decimal | None:
    """Maintenance margin of all positions in USD; None where one has no such schedule."""
    total = ZERO
    for each in held:
        if schedule.levels not in each.levels:
            return None
        price = prices.get(each.position.settle, ONE)
        margin = _margin(each.position, each.levels[schedule.levels], schedule.basis)
        total = CONTEXT.add(total, CONTEXT.multiply(margin, price))
    return total


def _margin(position: Position, levels: tuple[Level, ...], basis: Basis) -> Decimal:
    """In the settlement asset."""
    price = position.mark_price if basis == "mark" else position.entry_price
    if position.inverse:
        return CONTEXT.divide(marginal(levels, position.size), price)
    return marginal(levels, CONTEXT.multiply(position.size, price))


def marginal(levels: tuple[Level, ...], amount: Decimal) -> Decimal:
    """Each level's rate on the part of `amount` within it."""
    total = ZERO
    for index, level in enumerate(levels):
        end = levels[index + 1].floor if index + 1 < len(levels) else amount
        part = CONTEXT.subtract(min(amount, end), level.floor)
        if part > 0:
            total = CONTEXT.add(total, CONTEXT.multiply(part, level.rate))
    return total


def _brackets(position: Position, levels: tuple[Level, ...], basis: Basis) -> tuple[Bracket, ...]:
    """As `Position` has them. What does not move with the price is one bracket: a sum, or a mean rate."""
    if basis == "entry":
        return (Bracket(ZERO, None, ZERO, CONTEXT.minus(_margin(position, levels, basis))),)
    if position.inverse:
        # Contracts are counted, and their number stands still while the coins they are worth do not.
        rate = CONTEXT.divide(marginal(levels, position.size), position.size)
        return (Bracket(ZERO, None, rate, ZERO),)
    found, cum, before = [], ZERO, ZERO
    for index, level in enumerate(levels):
        cum = CONTEXT.add(cum, CONTEXT.multiply(level.floor, CONTEXT.subtract(level.rate, before)))
        cap = levels[index + 1].floor if index + 1 < len(levels) else None
        found.append(Bracket(level.floor, cap, level.rate, cum))
        before = level.rate
    return tuple(found)
