"""Gate: the margin account out of raw answers, of a unified account or a classic one. Pure: no I/O, no clock.

Refuses a unified account in single-currency mode (its totals stand at zero there) and contracts that are
neither linear in their settlement asset nor inverse. A margin of "0" beside an open position is a number the
venue did not fill. Sources: Gate API v4 "Get unified account information", "Get futures account", "List all
positions of a user", "List all futures contracts", "List risk limit tiers", "List currency discount tiers".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Bracket, Collateral, CollateralTier, MarginAccount, Position, VenueRatio
from vault.money import CONTEXT
from vault.venues.common.notes import Notes
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import Fields, rows
from vault.venues.read_only.common import (
    DOLLARS,
    ONE,
    ZERO,
    Totals,
    chosen,
    dollar,
    leaving,
    margin_account,
    mark_flags,
    once,
    reached,
    side_of,
    table,
    total,
    without_profit,
)

CLASSIC: Final = "classic"
MODES: Final = frozenset({CLASSIC, "multi_currency", "portfolio"})
_NO_END: Final = "+"  # how a discount tier says that it has no upper limit
_LEAST_QUEUED: Final = 6  # of the ranks: 1 is deleveraged first, 5 last, 6 not at all


@dataclass(frozen=True, slots=True)
class Answers:
    """The parsed JSON: positions and contracts by settlement asset, tiers by contract."""

    account: Any
    positions: Mapping[str, Any]
    contracts: Mapping[str, Any]
    tiers: Mapping[str, Any]
    transferable: Any = None


@dataclass(frozen=True, slots=True)
class _Contract:
    """One contract is `unit` of the base (linear) or of the quote (inverse)."""

    name: str
    base: str
    quote: str
    settle: str
    inverse: bool
    unit: Decimal
    mark: Decimal
    index: Decimal


@dataclass(frozen=True, slots=True)
class _Held:
    """A position with its maintenance margin and profit in the settlement asset."""

    position: Position
    maintenance: Decimal
    profit: Decimal


def read_mode(answer: Any) -> str:
    """Raises ``venue.unsupported_account`` for a mode whose totals are not read."""
    mode = Fields.of(answer, "unifiedMode").text("mode")
    if mode not in MODES:
        raise VenueError(
            "unsupported_account",
            f"expected one of {', '.join(sorted(MODES))}, found the mode {mode[:40]!r}",
            hint="Gate fills the account's totals only in multi-currency and portfolio mode.",
        )
    return mode


def held(answer: Any) -> tuple[Fields, ...]:
    """The positions that are not empty."""
    return tuple(line for line in rows(answer, "positions") if line.decimal("size"))


def classic_account(answers: Answers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``incomplete_answer``, ``bad_answer``, ``unsupported_position``)."""
    notes = Notes()
    line = Fields.of(answers.account, "futures/accounts")
    coin = line.text("currency")
    contracts = _contracts(answers, notes)
    found = _positions(answers, contracts, notes)
    price = _price(coin, contracts, notes)
    if price is None:
        raise VenueError(
            "incomplete_answer",
            f"expected a contract of {coin} that says its price, found none",
            missing=f"price:{coin}",
        )
    balance, orders = line.decimal("total"), line.decimal("order_margin")
    equity = CONTEXT.add(balance, line.decimal("unrealised_pnl"))
    said = line.optional_decimal("maintenance_margin")
    maintenance = said or total(one.maintenance for one in found)
    notes.derived += ["equity", "initial_margin", *([] if said else ["maintenance_margin"])]
    available, bonus = line.optional_decimal("available"), notes.told(line.optional_decimal("bonus"), "bonus")
    if available is not None and bonus is not None:
        # A bonus is margin but cannot leave.
        available = max(ZERO, CONTEXT.subtract(available, bonus))
        notes.derived.append("available_to_withdraw")
    else:
        available = None

    def usd(number: Decimal) -> Decimal:
        return CONTEXT.multiply(number, price)

    totals = Totals(
        equity=usd(equity),
        initial=usd(CONTEXT.add(line.decimal("position_margin"), orders)),
        maintenance=usd(maintenance),
        available=None if available is None else usd(available),
        balance=usd(balance),
        orders=usd(orders),
        mode=CLASSIC,
    )
    coins = (Collateral(coin, balance, price, ONE, available),)
    return _account(totals, coins, found, contracts, notes, context)


def unified_account(answers: Answers, mode: str, discounts: Any, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``incomplete_answer``, ``bad_answer``, ``unsupported_position``)."""
    notes = Notes()
    line = Fields.of(answers.account, "unified/accounts")
    contracts = _contracts(answers, notes)
    # In portfolio margin a position's margin comes from a risk unit, no tier says it.
    tiers = answers.tiers if mode != "portfolio" else {}
    found = _positions(replace(answers, tiers=tiers), contracts, notes)
    whole = line.optional_decimal("unified_account_total_equity")
    profits = {one.position.settle: ZERO for one in found}
    for one in found:
        profits[one.position.settle] = CONTEXT.add(profits[one.position.settle], one.profit)
    limits = _limits(answers.transferable)
    coins = _coins(line, contracts, profits, (_discounts(discounts), limits), notes)
    balance = without_profit(whole, profits.items(), coins, notes)
    rate = notes.told(line.optional_decimal("total_maintenance_margin_rate"), "ratio")
    if line.data.get("locked") is True:
        notes.flags.append("locked: the venue has locked the account")
    totals = Totals(
        equity=line.decimal("total_margin_balance"),
        initial=line.decimal("total_initial_margin"),
        maintenance=line.decimal("total_maintenance_margin"),
        available=leaving(line.optional_decimal("total_available_margin"), coins, notes),
        balance=balance,
        ratio=None if rate is None else VenueRatio("total_maintenance_margin_rate", rate, "down"),
        mode=mode,
    )
    return _account(totals, coins, found, contracts, notes, context)


def _account(  # noqa: PLR0917  an account is made of all of these
    totals: Totals,
    coins: tuple[Collateral, ...],
    found: tuple[_Held, ...],
    contracts: Mapping[str, _Contract],
    notes: Notes,
    context: ReadingContext,
) -> MarginAccount:
    positions = tuple(one.position for one in found)
    notes.missing.append("mark_price_time")  # no answer of this venue's futures carries a time
    notes.flags += mark_flags(positions, {name: one.mark for name, one in contracts.items()})
    return margin_account("gate", context, totals, coins, positions, (), notes)


def _contracts(answers: Answers, notes: Notes) -> dict[str, _Contract]:
    """Contracts by name; one of another shape is left out (a position in it is then refused)."""
    found = {}
    for settle, answer in answers.contracts.items():
        coin = settle.upper()
        for line in rows(answer, f"contracts.{settle}"):
            name = line.text("name")
            base, _, quote = name.partition("_")
            inverse = line.optional_text("type") == "inverse" and (base, quote) == (coin, "USD")
            linear = line.optional_text("type") == "direct" and quote == coin
            if not (inverse or linear) or not (line.has("mark_price") and line.has("index_price")):
                continue
            unit = ONE if inverse else line.decimal("quanto_multiplier")
            mark, index = line.decimal("mark_price"), line.decimal("index_price")
            if unit > 0 and mark > 0 and index > 0:
                found[name] = _Contract(name, base, quote, coin, inverse, unit, mark, index)
    return found


def _price(coin: str, contracts: Mapping[str, _Contract], notes: Notes) -> Decimal | None:
    """USD of a coin: the index price of its contract, None where there is none."""
    if coin in DOLLARS:
        return dollar(coin, notes)
    for quote in ("USD", "USDT"):
        if (found := contracts.get(f"{coin}_{quote}")) is not None:
            notes.derived.append(f"price:{coin}")
            return found.index
    return None


def _positions(answers: Answers, contracts: Mapping[str, _Contract], notes: Notes) -> tuple[_Held, ...]:
    seen: set[tuple[str, str]] = set()
    found = []
    for answer in answers.positions.values():
        for line in held(answer):
            name = line.text("contract")
            if name not in contracts:
                raise VenueError(
                    "unsupported_position",
                    f"{line.where}: expected a linear or inverse contract that is told of, found {name[:40]}",
                )
            found.append(_position(line, contracts[name], answers.tiers.get(name), notes))
            once(seen, name, found[-1].position.side, line)
    return tuple(found)


def _position(line: Fields, contract: _Contract, tiers: Any, notes: Notes) -> _Held:
    symbol, contracts = contract.name, line.decimal("size")
    value, margin = line.decimal("value"), line.optional_decimal("margin")
    isolated = _isolated(line)
    # "0" is what this venue writes where it does not fill a margin.
    maintenance = line.optional_decimal("maintenance_margin") or None
    initial = line.optional_decimal("initial_margin") or None
    notes.missing += [f"initial_margin:{symbol}"] if initial is None else []
    if maintenance is None:
        notes.missing.append(f"maintenance_margin:{symbol}")
        notes.derived.append("maintenance_margin")
    if isolated and margin is None:
        notes.missing.append(f"isolated_margin:{symbol}")
    if not line.has("liq_price"):
        notes.missing.append(f"liquidation_price:{symbol}")
    position = Position(
        symbol=symbol,
        base=contract.base,
        side=side_of(contracts),
        size=CONTEXT.multiply(abs(contracts), contract.unit),
        entry_price=line.decimal("entry_price"),
        mark_price=line.decimal("mark_price"),
        isolated=isolated,
        brackets=_brackets(symbol, tiers, notes),
        venue_liquidation_price=line.optional_decimal("liq_price") or None,
        venue_maintenance_margin=maintenance,
        settle=contract.settle,
        inverse=contract.inverse,
        leverage=notes.told(
            line.optional_decimal("leverage" if isolated else "cross_leverage_limit"), f"leverage:{symbol}"
        ),
        notional=value,
        initial_margin=initial,
        isolated_margin=margin if isolated else None,
        adl_rank=_rank(line, symbol, notes),
    )
    ours = maintenance or CONTEXT.multiply(value, line.decimal("maintenance_rate"))
    return _Held(position, ours, line.decimal("unrealised_pnl"))


def _isolated(line: Fields) -> bool:
    """Older answers say it by the leverage alone: "0" is cross."""
    if line.has("pos_margin_mode"):
        words = {"cross": "", "isolated": "isolated"}
        return chosen(line, "pos_margin_mode", words) == "isolated"
    return line.decimal("leverage") != 0


def _rank(line: Fields, symbol: str, notes: Notes) -> int | None:
    """The venue counts down: 1 is deleveraged first; ours is 5 there."""
    if not line.has("adl_ranking"):
        notes.missing.append(f"adl_rank:{symbol}")
        return None
    rank = line.integer("adl_ranking")
    if not 1 <= rank <= _LEAST_QUEUED:
        raise VenueError("bad_answer", f"{line.where}.adl_ranking: expected 1 to 6, found {rank}")
    return _LEAST_QUEUED - rank or None


def _brackets(symbol: str, answer: Any, notes: Notes) -> tuple[Bracket, ...]:
    """Tiers in the settlement asset; without deductions a rate counts for the whole position: never less."""
    lines = () if answer is None else rows(answer, f"tiers.{symbol}")
    (notes.derived if lines else notes.missing).append(f"brackets:{symbol}")
    if any(line.has("contract") and line.text("contract") != symbol for line in lines):
        raise VenueError("bad_answer", f"tiers: expected those of {symbol}, found another contract's")
    if len(lines) > 1 and not all(line.has("deduction") for line in lines):
        notes.missing.append(f"deduction:{symbol}")
        return table((line.decimal("risk_limit"), line.decimal("maintenance_rate"), ZERO) for line in lines)
    return table(
        (
            line.decimal("risk_limit"),
            line.decimal("maintenance_rate"),
            line.optional_decimal("deduction") or ZERO,
        )
        for line in lines
    )


def _coins(
    account: Fields,
    contracts: Mapping[str, _Contract],
    profits: Mapping[str, Decimal],
    known: tuple[Mapping[str, tuple[CollateralTier, ...]], Mapping[str, Decimal]],
    notes: Notes,
) -> tuple[Collateral, ...]:
    """Coins with their haircut tiers and what may leave of each; one of unknown worth is named instead."""
    tiers, limits = known
    held_coins = balances(account.data)
    found = []
    for coin in sorted({*held_coins.data, *profits}):
        line = Fields.of(held_coins.data.get(coin), f"{held_coins.where}.{coin}")
        equity = line.decimal("equity")
        balance = CONTEXT.subtract(equity, profits.get(coin, ZERO))
        if not balance and coin not in profits:
            continue
        price = _price(coin, contracts, notes)
        if price is None or coin not in tiers:
            notes.missing.append(f"collateral:{coin}")
            continue
        notes.derived.append(f"balance:{coin}")
        if coin not in limits:
            notes.missing.append(f"max_withdraw:{coin}")
        ratio = reached(equity, tiers[coin])
        borrowed = notes.told(line.optional_decimal("borrowed"), f"borrowed:{coin}")
        found.append(Collateral(coin, balance, price, ratio, limits.get(coin), tiers[coin], borrowed))
    return tuple(found)


def balances(answer: Any) -> Fields:
    """The coins of a unified account, by name."""
    account = Fields.of(answer, "unified/accounts")
    return Fields.of(account.data.get("balances"), f"{account.where}.balances")


def _limits(answer: Any) -> dict[str, Decimal]:
    """The most that may be transferred out of each coin alone."""
    lines = () if answer is None else rows(answer, "transferables")
    return {line.text("currency"): line.decimal("amount") for line in lines}


def _discounts(answer: Any) -> dict[str, tuple[CollateralTier, ...]]:
    """Haircut tiers by coin in its own units."""
    found = {}
    for line in rows(answer, "discountTiers"):
        steps = sorted(line.rows("discount_tiers"), key=lambda row: row.decimal("lower_limit"))
        tiers = tuple(
            CollateralTier(
                row.decimal("lower_limit"),
                None if row.optional_text("upper_limit") == _NO_END else row.decimal("upper_limit"),
                row.decimal("discount"),
            )
            for row in steps
        )
        if tiers and tiers[0].floor == 0:
            found[line.text("currency")] = tiers
    return found
