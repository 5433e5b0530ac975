"""Deribit positions out of raw answers: inverse ones sized in USD, linear ones in the base. Pure.

Names every position that is no future (options, combos, spot): its risk is not computed here. Refuses a
contract that the venue does not describe. Sources: Deribit "private/get_positions" (``size`` is in the quote
currency, ``size_currency`` in the base), "public/get_instrument".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from vault.errors import VenueError
from vault.model import Position
from vault.money import CONTEXT
from vault.venues.deribit import rates
from vault.venues.deribit.answers import entries, entry, once
from vault.venues.line.raw import Fields

FUTURE: Final = "future"  # perpetuals too
INVERSE, LINEAR = "reversed", "linear"
SIDES: Final[dict[str, Literal["long", "short"]]] = {"buy": "long", "sell": "short"}
# Both sizes are of one answer; ``size`` is rounded to the contract, ``size_currency`` to nine digits.
SIZE_BOUND: Final = Decimal("0.001")
DIGITS: Final = Decimal("1e-18")
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Contract:
    """What the venue says of an instrument."""

    symbol: str
    base: str
    quote: str
    settle: str
    inverse: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """What a reading did not find, and what it found contradicting itself; filled on the way."""

    missing: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def named(self, line: Fields, name: str, what: str) -> Decimal | None:
        """A number of an answer; `what` is missing without it."""
        if (value := line.optional_decimal(name)) is None:
            self.missing.append(what)
        return value


@dataclass(frozen=True, slots=True)
class Held:
    """A position with what only Deribit says of it, in the settlement currency."""

    position: Position
    floating: Decimal | None
    orders: Decimal | None


def held(answer: Any) -> tuple[Fields, ...]:
    """The positions that are not empty, each once."""
    found: dict[str, Fields] = {}
    for line in entries(answer, "positions"):
        if line.decimal("size"):
            once(found, line.text("instrument_name"), line)
    return tuple(found.values())


def futures(lines: Iterable[Fields]) -> tuple[Fields, ...]:
    """The positions whose risk is computed."""
    return tuple(line for line in lines if line.text("kind") == FUTURE)


def uncovered(lines: Iterable[Fields]) -> tuple[str, ...]:
    """What the account's `missing` must say: positions of kinds that are not computed."""
    return tuple(
        f"position:{line.text('instrument_name')} ({line.text('kind')})"
        for line in lines
        if line.text("kind") != FUTURE
    )


def contracts(answers: Iterable[Any]) -> dict[str, Contract]:
    """Contracts by name."""
    found = {}
    for answer in answers:
        line = entry(answer, "instrument")
        contract = _contract(line)
        found[contract.symbol] = contract
    return found


def _contract(line: Fields) -> Contract:
    symbol, kind = line.text("instrument_name"), line.text("instrument_type")
    base, quote = line.text("base_currency"), line.text("counter_currency")
    settle = line.text("settlement_currency")
    expected = {INVERSE: base, LINEAR: quote}
    if kind not in expected or expected[kind] != settle:
        raise VenueError(
            "bad_answer",
            f"{line.where}: expected {symbol} {INVERSE} and settled in {base}, or {LINEAR} and settled in "
            f"{quote}, found {kind[:20]!r} settled in {settle[:20]!r}",
        )
    return Contract(symbol, base, quote, settle, kind == INVERSE)


def contract_of(line: Fields, known: dict[str, Contract]) -> Contract:
    """The contract of a position. Raises ``venue.incomplete_answer``."""
    symbol = line.text("instrument_name")
    if symbol not in known:
        raise VenueError(
            "incomplete_answer",
            f"expected the instrument {symbol}, the venue did not send it",
            missing=f"instruments.{symbol}",
        )
    return known[symbol]


def read(line: Fields, contract: Contract, model: str, at: datetime, found: Findings) -> Held:
    """One open future under a margin model; `found` takes what it does not say or says twice."""
    symbol, mark = contract.symbol, line.decimal("mark_price")
    direction, signed = line.text("direction"), line.decimal("size")
    if direction not in SIDES or (signed > 0) != (direction == "buy") or mark <= 0:
        raise VenueError(
            "bad_answer",
            f"{line.where}: expected buy above zero or sell below, at a price, found {direction[:20]!r} of "
            f"{signed:f} at {mark:f}",
        )
    size, base = _sizes(line, contract, abs(signed), mark, found)
    worth = shortened(CONTEXT.divide(size, mark)) if contract.inverse else CONTEXT.multiply(size, mark)
    stated = found.named(line, "maintenance_margin", f"maintenance_margin:{symbol}")
    portfolio = model.endswith("_pm")  # margin comes from scenarios there, no rate says it
    rate = None
    if not portfolio:
        rate = rates.maintenance_rate(contract.base, contract.settle, worth, stated, inverse=contract.inverse)
    if rate is None:
        found.missing.append(f"brackets:{symbol}")
    elif stated is not None:
        price = mark if contract.inverse else ONE
        _check_margin(symbol, rates.margin(rate, worth, base), stated, price, found)
    if model == "segregated_sm" and "estimated_liquidation_price" not in line.data:
        found.missing.append(f"liquidation_price:{symbol}")
    position = Position(
        symbol=symbol,
        base=contract.base,
        side=SIDES[direction],
        size=size,
        entry_price=line.decimal("average_price"),
        mark_price=mark,
        isolated=False,
        brackets=rates.brackets(rate),
        # null is how the venue says that no price liquidates.
        venue_liquidation_price=line.optional_decimal("estimated_liquidation_price") or None,
        venue_maintenance_margin=stated,
        settle=contract.settle,
        inverse=contract.inverse,
        leverage=found.named(line, "leverage", f"leverage:{symbol}"),
        notional=worth,
        initial_margin=found.named(line, "initial_margin", f"initial_margin:{symbol}"),
        rate_per_unit=ZERO if rate is None else rate.per_unit,
        observed_at=at,
    )
    return Held(
        position=position,
        floating=found.named(line, "floating_profit_loss", f"floating_profit_loss:{symbol}"),
        orders=line.optional_decimal("open_orders_margin"),
    )


def _sizes(
    line: Fields, contract: Contract, stated: Decimal, mark: Decimal, found: Findings
) -> tuple[Decimal, Decimal]:
    """(size as `Position` has it, size in base units)."""
    if contract.inverse:
        ours = CONTEXT.divide(stated, mark)
        base = found.named(line, "size_currency", f"size_currency:{contract.symbol}")
        if base is not None and abs(abs(base) - ours) > SIZE_BOUND * ours:
            found.flags.append(f"size_mismatch {contract.symbol}: {stated:f} and {base:f} at {mark:f}")
        return stated, ours
    base = abs(line.decimal("size_currency"))
    ours = CONTEXT.multiply(base, mark)
    # Where a venue's ``size`` is in base units already, both are one number.
    if not base or (stated != base and abs(stated - ours) > SIZE_BOUND * ours):
        found.flags.append(f"size_mismatch {contract.symbol}: {stated:f} and {base:f} at {mark:f}")
    return base, base


def _check_margin(symbol: str, ours: Decimal, theirs: Decimal, price: Decimal, found: Findings) -> None:
    """`price`: USD of a unit of the settlement currency, near enough for a bound."""
    if abs(ours - theirs) > max(rates.ROUNDING / price, rates.BOUND * abs(theirs)):
        found.flags.append(f"maintenance_mismatch {symbol}: venue {theirs:f}, rate {ours:.8f}")


def unrealised(position: Position) -> Decimal:
    """Since entry, at the mark, in the settlement currency."""
    side = 1 if position.side == "long" else -1
    entry_price, mark = position.entry_price, position.mark_price
    if position.inverse:
        moved = CONTEXT.subtract(CONTEXT.divide(ONE, entry_price), CONTEXT.divide(ONE, mark))
    else:
        moved = CONTEXT.subtract(mark, entry_price)
    return shortened(CONTEXT.multiply(side * position.size, moved))


def shortened(number: Decimal) -> Decimal:
    """A quotient of ours with the digits that mean something: far below a base unit of any currency."""
    return CONTEXT.quantize(number, DIGITS)
