"""Bybit's unified account: the margin account out of raw answers. Pure: no I/O, no clock.

Refuses an account that is not a unified one of version 2 (before it inverse contracts had a wallet apart) and
an answer that lacks a number the account cannot be judged without. What may be absent is named in `missing`,
what we compute in `derived`, contradictions in `flags`. Sources: Bybit V5 "Get Wallet Balance", "Get Account
Info", and those of `positions` and `collateral`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Collateral, MarginAccount, Position, Reading, VenueRatio
from vault.money import CONTEXT
from vault.venues.bybit.checks import Wallet, account_flags, position_flags, with_close_fee
from vault.venues.bybit.collateral import Coin, collateral, read_coins, read_tiers, read_transferable
from vault.venues.bybit.envelope import opened
from vault.venues.bybit.positions import (
    ISOLATED,
    Category,
    PositionPage,
    read_markets,
    read_positions,
    read_risk_limits,
)
from vault.venues.common.notes import Notes
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import Fields

UNIFIED: Final = frozenset({5, 6})  # unifiedMarginStatus of version 2, plain and pro
MODES: Final = frozenset({"ISOLATED_MARGIN", "REGULAR_MARGIN", "PORTFOLIO_MARGIN"})
ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class AccountAnswers:
    """The parsed JSON of the endpoints an account is read from (None, empty: that endpoint gave nothing)."""

    wallet: Any
    info: Any
    positions: tuple[PositionPage, ...]
    risk_limits: tuple[Any, ...] = ()
    tickers: tuple[tuple[Category, Any], ...] = ()
    collateral_tiers: Any = None
    transferable: tuple[Any, ...] = ()


def margin_account(answers: AccountAnswers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``incomplete_answer``, ``bad_answer``, ``unsupported_account``)."""
    mode = read_mode(answers.info)
    notes = Notes()
    opening = opened(answers.wallet, "wallet")
    account = _unified(opening.result)
    coins = read_coins(account, notes)
    limits = read_risk_limits(answers.risk_limits)
    read = read_positions(answers.positions, mode, limits.tables)
    markets = read_markets(answers.tickers, frozenset(position.symbol for position in read.positions))
    notes.missing += [*limits.missing, *read.notes.missing]
    notes.missing += [f"mark_price:{p.symbol}" for p in read.positions if p.symbol not in markets]
    notes.derived += read.notes.derived
    settles = frozenset(position.settle for position in read.positions)
    tiers = read_tiers(answers.collateral_tiers)
    transferable = read_transferable(answers.transferable)
    held = collateral(coins, settles, tiers, transferable, notes)
    wallet = _wallet(account, mode, coins, read.positions, notes)
    sources = _sources(opening.at, read.positions_at, tuple((s, m.at) for s, m in markets.items()))
    return MarginAccount(
        name=context.name,
        exchange="bybit",
        uid=context.uid,
        equity=wallet.equity,
        initial_margin=wallet.initial,
        maintenance_margin=wallet.maintenance,
        available_to_withdraw=_available(wallet, held, coins, notes),
        collateral=held,
        positions=tuple(with_close_fee(position) for position in read.positions),
        observed_at=min(source.observed_at for source in sources),
        received_at=context.received_at,
        clock_skew_ms=context.clock_skew_ms,
        missing=tuple(dict.fromkeys(notes.missing)),
        flags=(
            *limits.flags,
            *read.flags,
            *account_flags(wallet, coins, tiers),
            *position_flags(read.positions, coins, markets),
        ),
        balance=wallet.balance,
        open_order_margin=_order_margin(coins, notes),
        ratio=wallet.ratio,
        mode=mode,
        derived=tuple(dict.fromkeys(notes.derived)),
        sources=sources,
    )


def read_mode(answer: Any) -> str:
    """The margin mode of a unified account. Raises `VenueError` for any other account."""
    info = opened(answer, "accountInfo").result
    status, mode = info.integer("unifiedMarginStatus"), info.text("marginMode")
    if status not in UNIFIED:
        raise VenueError(
            "unsupported_account",
            f"expected a unified trading account 2.0 (unifiedMarginStatus 5 or 6), found {status}",
            hint="Upgrade the account at the venue; margin of older accounts is spread over several wallets.",
        )
    if mode not in MODES:
        raise VenueError("bad_answer", f"accountInfo.marginMode: expected a known mode, found {mode[:40]!r}")
    return mode


def _unified(result: Fields) -> Fields:
    accounts = result.rows("list")
    if len(accounts) != 1 or accounts[0].text("accountType") != "UNIFIED":
        raise VenueError("bad_answer", f"{result.where}.list: expected one account of type UNIFIED")
    return accounts[0]


def _wallet(
    account: Fields,
    mode: str,
    coins: tuple[Coin, ...],
    positions: tuple[Position, ...],
    notes: Notes,
) -> Wallet:
    """The account-wide numbers; in isolated mode the venue keeps none of the margin ones."""

    def optional(field: str, name: str) -> Decimal | None:
        return notes.told(account.optional_decimal(field), name)

    total = optional("totalEquity", "total_equity")
    balance = optional("totalWalletBalance", "balance")
    available = optional("totalAvailableBalance", "available_balance")
    initial_rate = optional("accountIMRate", "initial_margin_ratio")
    rate = optional("accountMMRate", "ratio")
    if mode == ISOLATED and not account.has("totalMarginBalance"):
        notes.derived += ["equity", "initial_margin", "maintenance_margin"]
        equity = account.decimal("totalEquity")
        initial = _in_usd(positions, coins, "initial_margin")
        maintenance = _in_usd(positions, coins, "venue_maintenance_margin")
    else:
        equity = account.decimal("totalMarginBalance")
        initial = account.decimal("totalInitialMargin")
        maintenance = account.decimal("totalMaintenanceMargin")
    return Wallet(
        mode=mode,
        equity=equity,
        total_equity=total,
        balance=balance,
        available=available,
        initial=initial,
        maintenance=maintenance,
        initial_rate=initial_rate,
        ratio=None if rate is None else VenueRatio("accountMMRate", rate, "up"),
    )


def _in_usd(positions: Iterable[Position], coins: tuple[Coin, ...], name: str) -> Decimal:
    """A margin summed over positions. Raises `VenueError` when a part of the sum is not known."""
    prices = {coin.asset: coin.price for coin in coins}
    total = ZERO
    for position in positions:
        part: Decimal | None = getattr(position, name)
        price = prices.get(position.settle)
        if part is None or price is None:
            lacking = name if part is None else "usdValue"
            raise VenueError(
                "incomplete_answer",
                f"{position.symbol}: expected {lacking} to sum the isolated margins, found none",
                missing=f"{lacking}:{position.symbol}",
            )
        total = CONTEXT.add(total, CONTEXT.multiply(part, price))
    return total


def _order_margin(coins: tuple[Coin, ...], notes: Notes) -> Decimal | None:
    """Margin of open orders in USD, summed over coins."""
    total = ZERO
    for coin in coins:
        if coin.order_margin is None or (coin.order_margin and coin.price is None):
            notes.missing.append("open_order_margin")
            return None
        if coin.order_margin and coin.price is not None:
            total = CONTEXT.add(total, CONTEXT.multiply(coin.order_margin, coin.price))
    notes.derived.append("open_order_margin")
    return total


def _available(
    wallet: Wallet,
    held: tuple[Collateral, ...],
    coins: tuple[Coin, ...],
    notes: Notes,
) -> Decimal | None:
    """USD that may leave: no more than the margin leaves free, and no more than all coins together may.

    What the venue says of each coin is said of that coin alone; their sum can be more than leaves.
    """
    worth = [(item, item.max_withdraw) for item in held]
    unread = {coin.asset for coin in coins if coin.balance > 0} - {item.asset for item in held}
    if (
        unread
        or any(limit is None for _, limit in worth)
        or (wallet.available is None and wallet.mode != ISOLATED)
    ):
        notes.missing.append("available_to_withdraw")
        return None
    notes.derived.append("available_to_withdraw")
    total = ZERO
    for item, limit in worth:
        total = CONTEXT.add(total, CONTEXT.multiply(limit or ZERO, item.price))
    return total if wallet.available is None else max(ZERO, min(total, wallet.available))


def _sources(wallet_at: Any, *groups: Iterable[tuple[str, Any]]) -> tuple[Reading, ...]:
    found = [Reading("account and coins", "/v5/account/wallet-balance", wallet_at)]
    for what, at in (item for group in groups for item in group):
        endpoint = "/v5/position/list" if what.startswith("positions ") else "/v5/market/tickers"
        found.append(Reading(what, endpoint, at))
    return tuple(found)
