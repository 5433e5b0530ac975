"""Binance USD-M: the margin account out of raw answers. Pure: no I/O, no clock.

Refuses an answer that lacks a number the account cannot be judged without; what may be absent is named
in `missing`; numbers that contradict each other are named in `flags`. Sources: Binance "Account
Information V3", "Futures Account Configuration", "Position Information V3", "Notional and Leverage
Brackets", "Multi-Assets Mode Asset Index", "Symbol Configuration", "Mark Price".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Bracket, Collateral, MarginAccount, Position, Reading
from vault.money import CONTEXT
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import Fields, rows

# Prices in two answers are some hundred milliseconds apart; a fast market moves less than this in that time.
PRICE_BOUND: Final = Decimal("0.005")
# Maintenance margin is computed from the mark price of the same answer: only rounding may differ.
MAINTENANCE_BOUND: Final = Decimal("0.001")
ROUNDING: Final = Decimal("0.01")  # USD
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class AccountAnswers:
    """The parsed JSON of the endpoints an account is read from (None: that endpoint gave nothing)."""

    account: Any
    position_risk: Any
    brackets: Any
    multi_assets: Any
    asset_index: Any
    premium_index: tuple[Any, ...]
    symbol_config: Any = None


@dataclass(frozen=True, slots=True)
class Mark:
    """A contract's mark price, and when it was made."""

    price: Decimal
    at: datetime


def margin_account(answers: AccountAnswers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``venue.incomplete_answer``, ``venue.bad_answer``)."""
    account = Fields.of(answers.account, "account")
    missing: list[str] = []
    marks = read_marks(answers.premium_index, missing)
    positions = _positions(answers, missing)
    collateral = _collateral(account, answers, positions, missing)
    equity = account.decimal("totalMarginBalance")
    available = account.optional_decimal("maxWithdrawAmount")
    if available is None:
        missing.append("available_to_withdraw")
    balance = named(account, "totalWalletBalance", "balance", missing)
    orders = named(account, "totalOpenOrderInitialMargin", "open_order_margin", missing)
    flags = [
        *amount_flags(account.rows("positions"), rows(answers.position_risk, "positionRisk")),
        *mark_flags(positions, marks),
        *_maintenance_flags(positions),
        *_equity_flags(account, equity, collateral),
    ]
    return MarginAccount(
        name=context.name,
        exchange="binance",
        uid=context.uid,
        equity=equity,
        initial_margin=account.decimal("totalInitialMargin"),
        maintenance_margin=account.decimal("totalMaintMargin"),
        available_to_withdraw=available,
        collateral=collateral,
        positions=positions,
        observed_at=min([context.server_time, *(mark.at for mark in marks.values())]),
        received_at=context.received_at,
        clock_skew_ms=context.clock_skew_ms,
        missing=tuple(missing),
        flags=tuple(flags),
        balance=balance,
        open_order_margin=orders,
        mode="multi_assets" if _multi_assets(answers) else "single_asset",
        sources=(
            Reading("account, positions, brackets", "fapi/v3/account", context.server_time),
            *(Reading(f"mark {symbol}", "fapi/v1/premiumIndex", mark.at) for symbol, mark in marks.items()),
        ),
    )


def named(line: Fields, field: str, name: str, missing: list[str]) -> Decimal | None:
    """A number that may be absent; then `name` says so in `missing`."""
    number = line.optional_decimal(field)
    if number is None:
        missing.append(name)
    return number


def _multi_assets(answers: AccountAnswers) -> bool:
    return Fields.of(answers.multi_assets, "accountConfig").boolean("multiAssetsMargin")


def read_marks(answers: tuple[Any, ...], missing: list[str]) -> dict[str, Mark]:
    """Mark prices with their time: the account carries no time of its own, these are its age."""
    marks = {}
    for answer in answers:
        for line in rows(answer if isinstance(answer, list) else [answer], "premiumIndex"):
            marks[line.text("symbol")] = Mark(line.decimal("markPrice"), line.instant("time"))
    if not marks:
        missing.append("mark_price_time")
    return marks


def _positions(answers: AccountAnswers, missing: list[str]) -> tuple[Position, ...]:
    tables = bracket_tables(answers.brackets)
    config = {line.text("symbol"): line for line in rows(answers.symbol_config or [], "symbolConfig")}
    found = []
    for line in rows(answers.position_risk, "positionRisk"):
        amount = line.decimal("positionAmt")
        if not amount:
            continue
        symbol, quote = line.text("symbol"), line.text("marginAsset")
        pair = symbol.split("_", maxsplit=1)[0]
        if not pair.endswith(quote) or pair == quote:
            raise VenueError(
                "bad_answer", f"{line.where}: expected a contract settled in {quote}, found {symbol}"
            )
        found.append(linear_position(line, pair.removesuffix(quote), quote, tables, config, missing))
    return tuple(found)


def linear_position(  # noqa: PLR0917  one row and what stands elsewhere about it
    line: Fields,
    base: str,
    quote: str,
    tables: dict[str, tuple[Bracket, ...]],
    config: dict[str, Fields],
    missing: list[str],
) -> Position:
    """One row of a position answer; `base` and `quote` are the contract's."""
    symbol, amount = line.text("symbol"), line.decimal("positionAmt")
    brackets = tables.get(symbol, ())
    if not brackets:
        missing.append(f"brackets:{symbol}")
    said = config.get(symbol, line)
    isolated = _isolated(line)
    return Position(
        symbol=symbol,
        base=base,
        side="long" if amount > 0 else "short",
        size=abs(amount),
        entry_price=line.decimal("entryPrice"),
        mark_price=line.decimal("markPrice"),
        isolated=isolated,
        brackets=brackets,
        # "0" is how the venue says that no price liquidates.
        venue_liquidation_price=named(line, "liquidationPrice", f"liquidation_price:{symbol}", missing)
        or None,
        venue_maintenance_margin=named(line, "maintMargin", f"maintenance_margin:{symbol}", missing),
        settle=quote,
        leverage=named(said, "leverage", f"leverage:{symbol}", missing),
        notional=_absolute(named(line, "notional", f"notional:{symbol}", missing)),
        initial_margin=named(line, "initialMargin", f"position_initial_margin:{symbol}", missing),
        isolated_margin=named(line, "isolatedMargin", f"isolated_margin:{symbol}", missing)
        if isolated
        else None,
        adl_rank=_adl_rank(line, symbol, missing),
        observed_at=_updated(line),
    )


def position_margins(of_account: tuple[Fields, ...]) -> dict[tuple[str, str], Fields]:
    """The margins that some account answers give of each position, by symbol and side."""
    return {(line.text("symbol"), line.optional_text("positionSide")): line for line in of_account}


def with_margins(line: Fields, margins: dict[tuple[str, str], Fields]) -> Fields:
    """A position with the margins that the account answer gives of it; what is there already stays."""
    found = margins.get((line.text("symbol"), line.optional_text("positionSide")))
    if found is None:
        return line
    taken = {name: found.data[name] for name in ("maintMargin", "initialMargin") if found.has(name)}
    return Fields({**taken, **line.data}, line.where)


def _absolute(number: Decimal | None) -> Decimal | None:
    return None if number is None else abs(number)


def _adl_rank(line: Fields, symbol: str, missing: list[str]) -> int | None:
    """The venue's quantile 0 to 4, low to high in the queue, as our 1 to 5."""
    if not line.has("adl"):
        missing.append(f"adl_rank:{symbol}")
        return None
    quantile = line.integer("adl")
    if not 0 <= quantile <= 4:
        raise VenueError("bad_answer", f"{line.where}.adl: expected a quantile of 0 to 4, found {quantile}")
    return quantile + 1


def _updated(line: Fields) -> datetime | None:
    return line.instant("updateTime") if line.has("updateTime") and line.integer("updateTime") else None


def _isolated(line: Fields) -> bool:
    """V2 says it in `marginType`; in V3 only an isolated position has a wallet of its own."""
    if line.has("marginType"):
        return line.text("marginType").lower() == "isolated"
    return line.decimal("isolatedWallet") != 0 or line.decimal("isolatedMargin") != 0


def bracket_tables(answer: Any) -> dict[str, tuple[Bracket, ...]]:
    if answer is None:
        return {}
    tables = {}
    for table in rows(answer, "leverageBracket"):
        found = [
            Bracket(
                # COIN-M counts in the coin, and its documentation spells the floor in two ways.
                floor=_either(row, "notionalFloor", "qtyFloor", "qtylFloor"),
                cap=_either(row, "notionalCap", "qtyCap"),
                rate=row.decimal("maintMarginRatio"),
                cum=row.decimal("cum"),
            )
            for row in table.rows("brackets")
        ]
        tables[table.text("symbol")] = tuple(sorted(found, key=lambda bracket: bracket.floor))
    return tables


def _either(line: Fields, *names: str) -> Decimal:
    """The first of these fields that is there."""
    return line.decimal(next((name for name in names if line.has(name)), names[0]))


def _collateral(
    account: Fields, answers: AccountAnswers, positions: tuple[Position, ...], missing: list[str]
) -> tuple[Collateral, ...]:
    """One entry for each asset that is held or that settles a position.

    An asset without an index price is left out and named: a balance of unknown worth counts nowhere.
    """
    multi = _multi_assets(answers)
    index = {
        line.text("symbol").removesuffix("USD"): line
        for line in (() if answers.asset_index is None else rows(answers.asset_index, "assetIndex"))
    }
    held = {line.text("asset"): line for line in account.rows("assets")}
    settled = {position.settle for position in positions}
    found = []
    for asset in sorted({*held, *settled}):
        line = held.get(asset)
        # The venue lists only assets that are not empty.
        balance = ZERO if line is None else line.decimal("walletBalance")
        if not balance and asset not in settled:
            continue
        price = index[asset].optional_decimal("index") if asset in index else None
        buffer = index[asset].optional_decimal("bidBuffer") if asset in index else None
        if price is None or (multi and buffer is None):
            missing.append(f"collateral:{asset}")
            continue
        counted = asset in (settled or {"USDT"})
        ratio = CONTEXT.subtract(ONE, buffer or ZERO) if multi else Decimal(int(counted))
        limit = None if line is None else line.optional_decimal("maxWithdrawAmount")
        if limit is None:
            missing.append(f"max_withdraw:{asset}")
        found.append(Collateral(asset, balance, price, ratio, limit))
    return tuple(found)


def amount_flags(of_account: tuple[Fields, ...], of_risk: tuple[Fields, ...]) -> list[str]:
    """Both answers must speak of the same positions."""

    def amounts(lines: tuple[Fields, ...]) -> set[tuple[str, Decimal]]:
        return {
            (line.text("symbol"), line.decimal("positionAmt"))
            for line in lines
            if line.decimal("positionAmt")
        }

    here, there = amounts(of_account), amounts(of_risk)
    if here == there:
        return []
    names = ", ".join(sorted({symbol for symbol, _ in here ^ there}))
    return [f"positions_mismatch: account and position answers differ in {names}"]


def mark_flags(positions: tuple[Position, ...], marks: dict[str, Mark]) -> list[str]:
    return [
        f"mark_price_mismatch {position.symbol}: account {position.mark_price:f}, market {mark.price:f}"
        for position in positions
        if (mark := marks.get(position.symbol)) is not None
        and abs(position.mark_price - mark.price) > PRICE_BOUND * mark.price
    ]


def position_maintenance(position: Position) -> Decimal | None:
    """notional * rate - cum of the bracket with floor < notional <= cap; None without brackets."""
    notional = CONTEXT.multiply(position.size, position.mark_price)
    for bracket in position.brackets:
        if bracket.cap is None or notional <= bracket.cap:
            return CONTEXT.subtract(CONTEXT.multiply(notional, bracket.rate), bracket.cum)
    if not position.brackets:
        return None
    last = position.brackets[-1]
    return CONTEXT.subtract(CONTEXT.multiply(notional, last.rate), last.cum)


def _maintenance_flags(positions: tuple[Position, ...]) -> list[str]:
    flags = []
    for position in positions:
        ours, theirs = position_maintenance(position), position.venue_maintenance_margin
        if ours is None or theirs is None:
            continue
        if abs(ours - theirs) > max(ROUNDING, MAINTENANCE_BOUND * abs(theirs)):
            flags.append(f"maintenance_mismatch {position.symbol}: venue {theirs:f}, brackets {ours:f}")
    return flags


def _equity_flags(account: Fields, equity: Decimal, collateral: tuple[Collateral, ...]) -> list[str]:
    """Sum of (balance + unrealised profit) at the margin rate, against the venue's margin balance."""
    profit = {
        line.text("asset"): line.optional_decimal("unrealizedProfit") for line in account.rows("assets")
    }
    total, gross = ZERO, ZERO
    for item in collateral:
        net = CONTEXT.add(item.balance, profit.get(item.asset) or ZERO)
        ratio = item.ratio if net >= 0 else (2 - item.ratio if item.ratio else ZERO)
        total += CONTEXT.multiply(CONTEXT.multiply(net, item.price), ratio)
        gross += abs(CONTEXT.multiply(net, item.price))
    if abs(total - equity) <= max(ROUNDING, PRICE_BOUND * gross):
        return []
    return [f"equity_mismatch: venue {equity:f}, parts {total:f}"]
