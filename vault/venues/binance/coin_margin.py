"""Binance COIN-M: the margin account out of raw answers. Pure: no I/O, no clock.

Each coin is a margin of its own there, and the venue sums nothing. Refuses an account whose positions
settle in more than one coin: one equity would hide that one of them can be liquidated alone. Sources:
Binance COIN-M "Account Information", "Position Information", "Notional Bracket for Symbol" v2, "Index Price
and Mark Price", "Exchange Information".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Bracket, Collateral, MarginAccount, Position, Reading
from vault.money import CONTEXT
from vault.venues.binance.margin import (
    amount_flags,
    bracket_tables,
    mark_flags,
    named,
    position_margins,
    read_marks,
    with_margins,
)
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import Fields, rows

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class CoinAnswers:
    """The parsed JSON of the endpoints; `premium_index` of every pair of a coin that is held."""

    account: Any
    position_risk: Any
    brackets: Any
    premium_index: tuple[Any, ...]
    exchange_info: Any


def coins_held(account: Any) -> tuple[str, ...]:
    """Coins that are not empty or that margin something."""
    names = ("walletBalance", "unrealizedProfit", "initialMargin", "maintMargin")
    return tuple(
        line.text("asset")
        for line in Fields.of(account, "account").rows("assets")
        if any(line.decimal(name) for name in names)
    )


def margin_account(answers: CoinAnswers, context: ReadingContext) -> MarginAccount:
    """All sums are ours, coin by coin at the venue's index price.

    Raises `VenueError` (``venue.incomplete_answer``, ``venue.bad_answer``, ``venue.separate_margins``).
    """
    account = Fields.of(answers.account, "account")
    missing: list[str] = []
    marks = [line for answer in answers.premium_index for line in rows(answer, "premiumIndex")]
    positions = coin_positions(
        answers.position_risk, account.rows("positions"), answers.exchange_info, answers.brackets, missing
    )
    settled = {position.settle for position in positions}
    if len(settled) > 1:
        raise VenueError(
            "separate_margins",
            f"{context.name}: expected positions in one coin, found them in {', '.join(sorted(settled))}; "
            "each of these is a margin of its own",
            hint="Keep the positions of each coin in an account of its own.",
        )
    lines = {line.text("asset"): line for line in account.rows("assets")}
    counted = settled or set(coins_held(answers.account))
    prices = {
        coin: _index_price(coin, marks, missing) for coin in sorted({*counted, *coins_held(answers.account)})
    }
    total = {
        name: _sum(counted, lines, prices, field)
        for name, field in (
            ("equity", "marginBalance"),
            ("initial_margin", "initialMargin"),
            ("maintenance_margin", "maintMargin"),
            ("balance", "walletBalance"),
            ("open_order_margin", "openOrderInitialMargin"),
            ("available_to_withdraw", "maxWithdrawAmount"),
        )
    }
    times = {line.text("symbol"): line.instant("time") for line in marks}
    if not times:
        missing.append("mark_price_time")
    return MarginAccount(
        name=context.name,
        exchange="binance",
        uid=context.uid,
        equity=total["equity"],
        initial_margin=total["initial_margin"],
        maintenance_margin=total["maintenance_margin"],
        available_to_withdraw=total["available_to_withdraw"],
        collateral=_collateral(lines, prices, counted, missing),
        positions=positions,
        observed_at=min([context.server_time, *times.values()]),
        received_at=context.received_at,
        clock_skew_ms=context.clock_skew_ms,
        missing=tuple(missing),
        flags=tuple(
            amount_flags(account.rows("positions"), rows(answers.position_risk, "positionRisk"))
            + mark_flags(positions, read_marks(answers.premium_index, []))
        ),
        balance=total["balance"],
        open_order_margin=total["open_order_margin"],
        mode="coinm",
        derived=tuple(total),
        sources=(
            Reading("account, positions, brackets", "dapi/v1/account", context.server_time),
            *(Reading(f"mark {symbol}", "dapi/v1/premiumIndex", at) for symbol, at in times.items()),
        ),
    )


def coin_positions(
    position_risk: Any, of_account: tuple[Fields, ...], exchange_info: Any, brackets: Any, missing: list[str]
) -> tuple[Position, ...]:
    """Inverse positions: sizes in USD (contracts times the contract's size), margins in the coin."""
    margins = position_margins(of_account)
    contracts = {
        line.text("symbol"): line for line in Fields.of(exchange_info, "exchangeInfo").rows("symbols")
    }
    tables = bracket_tables(brackets)
    return tuple(
        _position(with_margins(line, margins), _contract(contracts, line.text("symbol")), tables, missing)
        for line in rows(position_risk, "positionRisk")
        if line.decimal("positionAmt")
    )


def _contract(contracts: dict[str, Fields], symbol: str) -> Fields:
    if symbol not in contracts:
        raise VenueError(
            "incomplete_answer",
            f"expected the contract size of {symbol}, the venue did not send it",
            missing=f"exchangeInfo.symbols.{symbol}",
        )
    return contracts[symbol]


def _position(
    line: Fields, contract: Fields, tables: dict[str, tuple[Bracket, ...]], missing: list[str]
) -> Position:
    symbol, amount, coin = line.text("symbol"), line.decimal("positionAmt"), contract.text("marginAsset")
    if symbol not in tables:
        missing.append(f"brackets:{symbol}")
    missing.append(f"adl_rank:{symbol}")
    isolated = line.text("marginType").lower() == "isolated"
    notional = named(line, "notionalValue", f"notional:{symbol}", missing)
    return Position(
        symbol=symbol,
        base=coin,
        side="long" if amount > 0 else "short",
        size=CONTEXT.multiply(abs(amount), contract.decimal("contractSize")),
        entry_price=line.decimal("entryPrice"),
        mark_price=line.decimal("markPrice"),
        isolated=isolated,
        brackets=tables.get(symbol, ()),
        venue_liquidation_price=named(line, "liquidationPrice", f"liquidation_price:{symbol}", missing)
        or None,
        venue_maintenance_margin=named(line, "maintMargin", f"maintenance_margin:{symbol}", missing),
        settle=coin,
        inverse=True,
        leverage=named(line, "leverage", f"leverage:{symbol}", missing),
        notional=None if notional is None else abs(notional),
        initial_margin=named(line, "initialMargin", f"position_initial_margin:{symbol}", missing),
        isolated_margin=line.decimal("isolatedMargin") if isolated else None,
        observed_at=line.instant("updateTime")
        if line.has("updateTime") and line.integer("updateTime")
        else None,
    )


def _index_price(coin: str, marks: list[Fields], missing: list[str]) -> Decimal | None:
    for line in marks:
        if line.text("pair") == f"{coin}USD":
            return line.decimal("indexPrice")
    missing.append(f"collateral:{coin}")
    return None


def _sum(coins: set[str], lines: dict[str, Fields], prices: dict[str, Decimal | None], field: str) -> Decimal:
    """USD over these coins; a coin without a price cannot be judged at all."""
    total = ZERO
    for coin in sorted(coins):
        price = prices[coin]
        if price is None or coin not in lines:
            raise VenueError(
                "incomplete_answer",
                f"expected balance and index price of {coin}, the venue did not send them",
                missing=f"account.assets.{coin}" if price is not None else f"premiumIndex.{coin}USD",
            )
        total = CONTEXT.add(total, CONTEXT.multiply(lines[coin].decimal(field), price))
    return total


def _collateral(
    lines: dict[str, Fields], prices: dict[str, Decimal | None], counted: set[str], missing: list[str]
) -> tuple[Collateral, ...]:
    found = []
    for coin, price in prices.items():
        if price is None:
            continue
        limit = lines[coin].optional_decimal("maxWithdrawAmount")
        if limit is None:
            missing.append(f"max_withdraw:{coin}")
        ratio = ONE if coin in counted else ZERO
        found.append(Collateral(coin, lines[coin].decimal("walletBalance"), price, ratio, limit))
    return tuple(found)
