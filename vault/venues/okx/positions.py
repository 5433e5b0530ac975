"""OKX positions out of raw answers, contracts turned into base units. Pure: no I/O, no clock.

Refuses options, margin-trading positions and contracts whose unit it does not know. Sources: OKX "Get
positions", "Get instruments", "Get position tiers", "Get mark price".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from vault.errors import VenueError
from vault.model import Bracket, Position
from vault.money import CONTEXT
from vault.venues.line.raw import Fields
from vault.venues.okx.answers import entries, once, stated

MarginMode = Literal["cross", "isolated"]
# Contracts of other kinds (options, margin trading) carry a risk that this program does not compute.
CONTRACT_TYPES: Final = frozenset({"SWAP", "FUTURES"})
# Prices in two answers are some hundred milliseconds apart; a fast market moves less than this in that time.
PRICE_BOUND: Final = Decimal("0.005")
# ``notionalUsd`` also holds the price of the settlement asset, which a stable asset may be off by.
NOTIONAL_BOUND: Final = Decimal("0.02")
MAINTENANCE_BOUND: Final = Decimal("0.005")
ROUNDING: Final = Decimal("0.01")  # USD
ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class TierTable:
    """Position tiers of some families as they were asked for: the answer itself does not say the mode."""

    mode: MarginMode
    answer: Any


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract is `unit` of the base (linear) or of the quote (inverse)."""

    symbol: str
    family: str
    base: str
    settle: str
    inverse: bool
    unit: Decimal


@dataclass(frozen=True, slots=True)
class Mark:
    """A mark price and when the venue says it was true."""

    price: Decimal
    at: datetime


def held(answer: Any) -> tuple[Fields, ...]:
    """The positions that are not empty, each once."""
    found: dict[str, Fields] = {}
    for line in entries(answer, "positions"):
        if line.decimal("pos"):
            once(found, line.text("posId"), line)
    return tuple(found.values())


def contract(line: Fields) -> Contract:
    """An entry of the instruments. Raises ``venue.bad_answer`` for a contract of another shape."""
    symbol, kind = line.text("instId"), line.text("ctType")
    base, _, quote = line.text("uly").partition("-")
    units = {"linear": base, "inverse": quote}
    if kind not in units or units[kind] != line.text("ctValCcy") or not units[kind]:
        raise VenueError(
            "bad_answer",
            f"{line.where}: expected {symbol} linear and valued in {base}, or inverse and valued in {quote}",
        )
    unit = CONTEXT.multiply(line.decimal("ctVal"), line.decimal("ctMult"))
    if unit <= 0:
        raise VenueError("bad_answer", f"{line.where}: expected a contract above zero, found {unit:f}")
    return Contract(symbol, line.text("instFamily"), base, line.text("settleCcy"), kind == "inverse", unit)


def contracts(answers: Iterable[Any], symbols: frozenset[str]) -> dict[str, Contract]:
    """These contracts by instrument id; others in the answers are not even read."""
    return {symbol: contract(line) for symbol, line in _wanted(answers, "instruments", symbols)}


def marks(answers: Iterable[Any], symbols: frozenset[str]) -> dict[str, Mark]:
    """Mark prices of these contracts by instrument id."""
    return {
        symbol: Mark(line.decimal("markPx"), line.instant("ts"))
        for symbol, line in _wanted(answers, "markPrice", symbols)
    }


def _wanted(answers: Iterable[Any], where: str, symbols: frozenset[str]) -> Iterable[tuple[str, Fields]]:
    found: dict[str, Fields] = {}
    for answer in answers:
        for line in entries(answer, where):
            if (symbol := line.optional_text("instId")) in symbols:
                once(found, symbol, line)
    return found.items()


def read(
    lines: tuple[Fields, ...],
    known: dict[str, Contract],
    tables: tuple[TierTable, ...],
    dated: dict[str, Mark],
    missing: list[str],
) -> tuple[Position, ...]:
    """The open positions; what a position does not say is named in `missing`."""
    return tuple(_position(line, known, tables, dated, missing) for line in lines)


def _position(
    line: Fields,
    known: dict[str, Contract],
    tables: tuple[TierTable, ...],
    dated: dict[str, Mark],
    missing: list[str],
) -> Position:
    symbol = line.text("instId")
    if line.text("instType") not in CONTRACT_TYPES:
        raise VenueError(
            "unsupported_position",
            f"{line.where}: expected a swap or a future, found {symbol} ({line.text('instType')})",
            hint="Close it, or keep it in another account.",
        )
    if symbol not in known:
        raise VenueError(
            "incomplete_answer",
            f"expected the contract {symbol} among the instruments, the venue did not send it",
            missing=f"instruments.{symbol}",
        )
    this, mode = known[symbol], margin_mode(line)
    if this.settle != line.text("ccy"):
        raise VenueError(
            "bad_answer", f"{line.where}: expected margin in {this.settle}, found {line.text('ccy')[:20]!r}"
        )
    side, amount = _side(line)
    mark = line.decimal("markPx")
    brackets = _brackets(this, mode, mark, tables)
    if not brackets:
        missing.append(f"brackets:{symbol}")
    if symbol not in dated:
        missing.append(f"mark_price_time:{symbol}")
    return Position(
        symbol=symbol,
        base=this.base,
        side=side,
        size=CONTEXT.multiply(amount, this.unit),
        entry_price=line.decimal("avgPx"),
        mark_price=mark,
        isolated=mode == "isolated",
        brackets=brackets,
        # "" is how the venue says that no price liquidates.
        venue_liquidation_price=stated(line, "liqPx", missing, f"liquidation_price:{symbol}"),
        venue_maintenance_margin=_named(line, "mmr", missing, f"maintenance_margin:{symbol}"),
        settle=this.settle,
        inverse=this.inverse,
        leverage=stated(line, "lever", missing, f"leverage:{symbol}"),
        notional=_named(line, "notionalUsd", missing, f"notional:{symbol}"),
        initial_margin=(
            _named(line, "imr", missing, f"initial_margin:{symbol}")
            if mode == "cross"
            else line.optional_decimal("imr")
        ),
        isolated_margin=line.decimal("margin") if mode == "isolated" else None,
        adl_rank=_adl(line, missing, symbol),
        observed_at=dated[symbol].at if symbol in dated else None,
    )


def _named(line: Fields, name: str, missing: list[str], what: str) -> Decimal | None:
    if (value := line.optional_decimal(name)) is None:
        missing.append(what)
    return value


def margin_mode(line: Fields) -> MarginMode:
    """Cross or isolated. Raises ``venue.bad_answer``."""
    mode = line.text("mgnMode")
    if mode == "cross":
        return "cross"
    if mode == "isolated":
        return "isolated"
    raise VenueError("bad_answer", f"{line.where}.mgnMode: expected cross or isolated, found {mode[:20]!r}")


def _side(line: Fields) -> tuple[Literal["long", "short"], Decimal]:
    """``net`` says the side by the sign; ``long`` and ``short`` are never negative."""
    side, amount = line.text("posSide"), line.decimal("pos")
    if side == "net":
        return ("long" if amount > 0 else "short"), abs(amount)
    if amount > 0 and side == "long":
        return "long", amount
    if amount > 0 and side == "short":
        return "short", amount
    raise VenueError(
        "bad_answer", f"{line.where}: expected net, long or short, found {side[:20]!r} of {amount:f}"
    )


def _adl(line: Fields, missing: list[str], symbol: str) -> int | None:
    rank = stated(line, "adl", missing, f"adl_rank:{symbol}")
    if rank is None:
        return None
    if rank != int(rank) or not 0 <= rank <= 5:
        raise VenueError("bad_answer", f"{line.where}.adl: expected 0 to 5, found {rank:f}")
    return int(rank)


def _brackets(
    this: Contract, mode: MarginMode, mark: Decimal, tables: tuple[TierTable, ...]
) -> tuple[Bracket, ...]:
    """Tiers in notional at the present mark, in the settlement asset.

    The rate of a tier holds for the whole position, so `cum` is 0.
    """
    worth = CONTEXT.divide(this.unit, mark) if this.inverse else CONTEXT.multiply(this.unit, mark)
    for table in tables:
        if table.mode == mode and (bands := _bands(table, this.family)):
            return tuple(
                Bracket(
                    CONTEXT.multiply(floor, worth),
                    None if cap is None else CONTEXT.multiply(cap, worth),
                    rate,
                    ZERO,
                )
                for floor, cap, rate in bands
            )
    return ()


def _bands(table: TierTable, family: str) -> list[tuple[Decimal, Decimal | None, Decimal]]:
    """Floor and cap in contracts, and the rate; a tier ends where the next begins. Refuses a gap."""
    lines: dict[str, Fields] = {}
    for line in entries(table.answer, "positionTiers"):
        if line.text("instFamily") == family:
            once(lines, line.text("tier"), line)
    bands: list[tuple[Decimal, Decimal | None, Decimal]] = []
    floor: Decimal | None = ZERO
    for line in sorted(lines.values(), key=lambda row: row.decimal("minSz")):
        # The venue writes the next tier's least size up to one contract above the last one's most.
        if floor is None or not 0 <= line.decimal("minSz") - floor <= 1:
            raise VenueError("bad_answer", f"{line.where}: expected tiers of {family} that join")
        if line.data.get("maxSz") is None:
            line.decimal("maxSz")  # "" is a tier without an end; an absent field is not
        cap = line.optional_decimal("maxSz")
        bands.append((floor, cap, line.decimal("mmr")))
        floor = cap
    return bands


def notional(position: Position) -> Decimal:
    """In the settlement asset."""
    if position.inverse:
        return CONTEXT.divide(position.size, position.mark_price)
    return CONTEXT.multiply(position.size, position.mark_price)


def maintenance(position: Position) -> Decimal | None:
    """Notional times the rate of its bracket, in the settlement asset; None without brackets."""
    if not position.brackets:
        return None
    worth = notional(position)
    fitting = [item for item in position.brackets if item.cap is None or worth <= item.cap]
    return CONTEXT.multiply(worth, (fitting or [position.brackets[-1]])[0].rate)


def contradictions(positions: tuple[Position, ...], dated: dict[str, Mark], *, tiers: bool) -> list[str]:
    """Where a position's own numbers, the tiers and the market's mark price cannot all be true."""
    found = []
    for position in positions:
        symbol, mark = position.symbol, dated.get(position.symbol)
        if mark is not None and abs(position.mark_price - mark.price) > PRICE_BOUND * mark.price:
            found.append(
                f"mark_price_mismatch {symbol}: account {position.mark_price:f}, market {mark.price:f}"
            )
        ours = position.size if position.inverse else CONTEXT.multiply(position.size, position.mark_price)
        theirs = position.notional
        if theirs is not None and abs(ours - theirs) > max(ROUNDING, NOTIONAL_BOUND * ours):
            found.append(f"notional_mismatch {symbol}: venue {theirs:f}, contracts {ours:f}")
        margin, said = maintenance(position), position.venue_maintenance_margin
        if tiers and margin is not None and said is not None:
            worth = position.mark_price if position.inverse else Decimal(1)
            bound = max(ROUNDING / worth, MAINTENANCE_BOUND * abs(said))
            if abs(margin - said) > bound:
                found.append(f"maintenance_mismatch {symbol}: venue {said:f}, tiers {margin:f}")
    return found
