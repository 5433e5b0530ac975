"""Hyperliquid: the margin account out of raw answers. Pure: no I/O, no clock.

A standard account keeps USDC on each exchange of perpetuals apart; a unified one keeps it in the spot state,
from which all that are settled in USDC draw. Refuses a mode that is not known and a position that is settled
in another coin. Sources: Hyperliquid "Perpetuals" and "Spot" of the info endpoint, "Margining", "Margin
tiers", "Account abstraction modes" (unified account ratio).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Bracket, Collateral, MarginAccount, Position, Reading
from vault.money import CONTEXT
from vault.venues.common.notes import Notes
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import Fields, rows
from vault.venues.read_only.common import (
    ONE,
    ZERO,
    Totals,
    chosen,
    dollar,
    margin_account,
    mark_flags,
    once,
    quotient,
    side_of,
    table,
    total,
)

COIN: Final = "USDC"
COIN_TOKEN: Final = 0
STANDARD: Final = "standard"
UNIFIED: Final = "unified"
MODES: Final = {
    "default": STANDARD,
    "disabled": STANDARD,
    "dexAbstraction": STANDARD,
    "unifiedAccount": UNIFIED,
}
MAX_DEXES: Final = 8  # others beside the first that are asked: each is one more question
LARGEST_PLAIN_TABLE: Final = 50  # "IDs less than 50 have one tier, with that leverage"
TWO: Final = Decimal(2)


@dataclass(frozen=True, slots=True)
class Dex:
    """One exchange of perpetuals: the user's state there, and its market where it was asked for."""

    name: str
    state: Any
    market: Any


@dataclass(frozen=True, slots=True)
class _Market:
    """Marks and tiers by coin, and the token that margins are kept in."""

    marks: dict[str, Decimal]
    tiers: dict[str, tuple[Bracket, ...]]
    token: int | None


@dataclass(frozen=True, slots=True)
class _Read:
    """What one exchange says."""

    cross_equity: Decimal
    equity: Decimal
    initial: Decimal
    maintenance: Decimal
    withdrawable: Decimal | None
    positions: tuple[Position, ...]
    profit: Decimal
    isolated_used: Decimal
    source: Reading


def read_mode(answer: Any) -> str:
    """STANDARD or UNIFIED. Raises `VenueError` (``unsupported_account``) for any other mode."""
    if not isinstance(answer, str) or answer not in MODES:
        raise VenueError(
            "unsupported_account",
            f"expected one of the account modes {', '.join(MODES)}, found {str(answer)[:40]!r}",
        )
    return MODES[answer]


def dex_names(answer: Any) -> tuple[str, ...]:
    """The other exchanges of perpetuals; the first has no name and is listed as null."""
    if not isinstance(answer, list):
        raise VenueError("bad_answer", "perpDexs: expected a list")
    named = (one for one in answer if one is not None)
    return tuple(Fields.of(one, "perpDexs").text("name") for one in named)


def held(state: Any) -> tuple[Fields, ...]:
    """The positions that are not empty."""
    found = (
        Fields.of(line.data.get("position"), f"{line.where}.position")
        for line in Fields.of(state, "state").rows("assetPositions")
    )
    return tuple(line for line in found if line.decimal("szi"))


def standard_account(dex: Dex, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``incomplete_answer``, ``bad_answer``, ``unsupported_position``)."""
    notes = Notes()
    read = _read(dex, notes)
    balance = CONTEXT.subtract(read.equity, read.profit)
    notes.derived.append("balance")
    totals = Totals(
        equity=read.cross_equity,
        initial=read.initial,
        maintenance=read.maintenance,
        available=read.withdrawable,
        balance=balance,
        mode=STANDARD,
    )
    coins = (Collateral(COIN, balance, dollar(COIN, notes), ONE, read.withdrawable),)
    return margin_account("hyperliquid", context, totals, coins, read.positions, (read.source,), notes)


def unified_account(
    dexes: tuple[Dex, ...], spot: Any, unread: tuple[str, ...], context: ReadingContext
) -> MarginAccount:
    """The spot state's USDC against the margin of every exchange that is settled in it.

    Raises `VenueError` (``incomplete_answer``, ``bad_answer``, ``unsupported_position``).
    """
    notes = Notes()
    notes.missing += [f"positions:{name}" for name in unread]
    reads = tuple(_read(dex, notes) for dex in dexes)
    line = _usdc(spot)
    whole, hold = line.decimal("total"), line.decimal("hold")
    isolated = total(read.isolated_used for read in reads)
    balance = CONTEXT.subtract(whole, total(read.profit for read in reads))
    available = max(ZERO, CONTEXT.subtract(whole, hold))
    notes.derived += ["equity", "initial_margin", "maintenance_margin", "balance", "available_to_withdraw"]
    totals = Totals(
        equity=CONTEXT.subtract(whole, isolated),
        initial=total(read.initial for read in reads),
        maintenance=total(read.maintenance for read in reads),
        available=available,
        balance=balance,
        mode=UNIFIED,
    )
    coins = (Collateral(COIN, balance, dollar(COIN, notes), ONE, available),)
    positions = tuple(position for read in reads for position in read.positions)
    sources = tuple(read.source for read in reads)
    return margin_account("hyperliquid", context, totals, coins, positions, sources, notes)


def _usdc(spot: Any) -> Fields:
    found = [
        line
        for line in Fields.of(spot, "spotState").rows("balances")
        if line.text("coin") == COIN and line.integer("token") == COIN_TOKEN
    ]
    if len(found) != 1:
        raise VenueError(
            "incomplete_answer",
            f"spotState: expected {COIN} once, the venue sent it {len(found)} times",
            missing=f"spotState.{COIN}",
        )
    return found[0]


def _read(dex: Dex, notes: Notes) -> _Read:
    where = f"state {dex.name}".rstrip()
    state = Fields.of(dex.state, where)
    whole = Fields.of(state.data.get("marginSummary"), f"{where}.marginSummary")
    cross = Fields.of(state.data.get("crossMarginSummary"), f"{where}.crossMarginSummary")
    market = _market(dex, notes)
    lines = held(dex.state)
    if lines and market.token not in {None, COIN_TOKEN}:
        raise VenueError(
            "unsupported_position",
            f"{where}: expected positions settled in {COIN}, found an exchange that settles in token "
            f"{market.token}",
        )
    seen: set[tuple[str, str]] = set()
    positions = []
    for line in lines:
        positions.append(_position(line, market, notes))
        once(seen, positions[-1].symbol, "", line)
    notes.flags += mark_flags(positions, market.marks)
    isolated = (line for line, position in zip(lines, positions, strict=True) if position.isolated)
    return _Read(
        cross_equity=cross.decimal("accountValue"),
        equity=whole.decimal("accountValue"),
        initial=cross.decimal("totalMarginUsed"),
        maintenance=state.decimal("crossMaintenanceMarginUsed"),
        withdrawable=state.optional_decimal("withdrawable"),
        positions=tuple(positions),
        profit=total(line.decimal("unrealizedPnl") for line in lines),
        isolated_used=total(line.decimal("marginUsed") for line in isolated),
        source=Reading(where, "clearinghouseState", state.instant("time")),
    )


def _position(line: Fields, market: _Market, notes: Notes) -> Position:
    """The mark is derived from the position's own value: the market's is of another moment."""
    coin, size = line.text("coin"), line.decimal("szi")
    leverage = Fields.of(line.data.get("leverage"), f"{line.where}.leverage")
    isolated = chosen(leverage, "type", {"cross": "", "isolated": "isolated"}) == "isolated"
    value, used, profit = (
        line.decimal("positionValue"),
        line.decimal("marginUsed"),
        line.decimal("unrealizedPnl"),
    )
    if "liquidationPx" not in line.data:
        notes.missing.append(f"liquidation_price:{coin}")
    notes.missing += [f"maintenance_margin:{coin}", f"adl_rank:{coin}"]
    notes.derived.append(f"mark_price:{coin}")
    if isolated:
        # The margin that an isolated position uses holds its profit.
        notes.derived.append(f"isolated_margin:{coin}")
    brackets = market.tiers.get(coin, ())
    (notes.derived if brackets else notes.missing).append(f"brackets:{coin}")
    return Position(
        symbol=coin,
        base=coin.rpartition(":")[2],
        side=side_of(size),
        size=abs(size),
        entry_price=line.decimal("entryPx"),
        mark_price=quotient(value, abs(size)),
        isolated=isolated,
        brackets=brackets,
        venue_liquidation_price=line.optional_decimal("liquidationPx"),
        venue_maintenance_margin=None,
        settle=COIN,
        leverage=notes.told(leverage.optional_decimal("value"), f"leverage:{coin}"),
        notional=value,
        initial_margin=used,
        isolated_margin=CONTEXT.subtract(used, profit) if isolated else None,
    )


def _market(dex: Dex, notes: Notes) -> _Market:
    if dex.market is None:
        return _Market({}, {}, None)
    if not isinstance(dex.market, list) or len(dex.market) != 2:
        raise VenueError("bad_answer", "metaAndAssetCtxs: expected a list of two")
    meta, contexts = Fields.of(dex.market[0], "meta"), rows(dex.market[1], "assetCtxs")
    universe = meta.rows("universe")
    if len(universe) != len(contexts):
        raise VenueError("bad_answer", "metaAndAssetCtxs: expected as many contexts as coins")
    tables = _tables(meta)
    names = [line.text("name") for line in universe]
    marks = {
        name: context.decimal("markPx")
        for name, context in zip(names, contexts, strict=True)
        if context.has("markPx")
    }
    tiers = {name: _tiers(line, tables) for name, line in zip(names, universe, strict=True)}
    if not meta.has("collateralToken"):
        notes.missing.append(f"collateral_token:{dex.name}".rstrip(":"))
        return _Market(marks, tiers, None)
    return _Market(marks, tiers, meta.integer("collateralToken"))


def _tables(meta: Fields) -> dict[int, tuple[Fields, ...]]:
    found = {}
    listed = meta.data.get("marginTables", [])
    if not isinstance(listed, list):
        raise VenueError("bad_answer", "meta.marginTables: expected a list")
    for entry in listed:
        if not isinstance(entry, list) or len(entry) != 2 or type(entry[0]) is not int:
            raise VenueError("bad_answer", "meta.marginTables: expected pairs of an id and a table")
        found[entry[0]] = Fields.of(entry[1], f"marginTables[{entry[0]}]").rows("marginTiers")
    return found


def _tiers(line: Fields, tables: dict[int, tuple[Fields, ...]]) -> tuple[Bracket, ...]:
    """Half the initial rate at the highest leverage; a deduction keeps the margin continuous at floors."""
    number = line.integer("marginTableId") if line.has("marginTableId") else None
    if number in tables:
        steps = sorted((row.decimal("lowerBound"), row.decimal("maxLeverage")) for row in tables[number])
    elif line.has("maxLeverage") and (number is None or number < LARGEST_PLAIN_TABLE):
        steps = [(ZERO, line.decimal("maxLeverage"))]
    else:
        return ()
    if not steps or steps[0][0] != 0 or any(leverage <= 0 for _, leverage in steps):
        raise VenueError("bad_answer", f"{line.where}: expected margin tiers from zero with a leverage each")
    found: list[tuple[Decimal | None, Decimal, Decimal]] = []
    rate = cum = ZERO
    for index, (floor, leverage) in enumerate(steps):
        now = quotient(ONE, CONTEXT.multiply(TWO, leverage))
        cum = CONTEXT.add(cum, CONTEXT.multiply(floor, CONTEXT.subtract(now, rate)))
        rate = now
        cap = steps[index + 1][0] if index + 1 < len(steps) else None
        found.append((cap, rate, cum))
    return table(found)
