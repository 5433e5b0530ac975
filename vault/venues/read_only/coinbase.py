"""Coinbase, only read: the futures account of an Advanced Trade user (Coinbase Financial Markets, in USD).

Refuses a user without a futures account: spot wallets are no margin. International perpetuals left this API
on 2026-10-01; a position in their shape is refused too. Tiers are not told: each position lacks its brackets.
Sources: Coinbase Advanced Trade "Get Futures Balance Summary", "List Futures Positions", "Get Public
Product", "Get API Key Permissions", "Get Server Time".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal, cast

from vault.errors import VenueError
from vault.model import Collateral, MarginAccount, Position
from vault.money import CONTEXT
from vault.venues.common.notes import Notes
from vault.venues.common.reading import ReadingContext
from vault.venues.line.connection import Connection
from vault.venues.line.outcome import Dialect, Refusal
from vault.venues.line.raw import Fields, rows
from vault.venues.read_only.common import (
    ONE,
    ReadOnlyAccount,
    Totals,
    chosen,
    margin_account,
    once,
)

COIN: Final = "USD"
WINDOWS: Final = ("intraday_margin_window_measure", "overnight_margin_window_measure")
_KEY = frozenset({"unauthorized", "UNAUTHENTICATED", "PERMISSION_DENIED", "Unauthorized"})


def find(answer: Any) -> Refusal | None:
    """The error of a parsed body: ``{"error", "message"}`` or ``{"errors": [{"id", "message"}]}``."""
    if not isinstance(answer, dict):
        return None
    if isinstance(answer.get("error"), str) and answer["error"]:
        return Refusal(answer["error"], str(answer.get("message") or answer.get("error_details") or ""))
    errors = answer.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return Refusal(str(errors[0].get("id", "error")), str(errors[0].get("message", "")))
    return None


DIALECT: Final = Dialect(
    find=find,
    uncertain=frozenset(),
    key=_KEY,
    clock=frozenset(),
    passing=_KEY | {"rate_limit_exceeded", "RESOURCE_EXHAUSTED"},
)


@dataclass(frozen=True, slots=True)
class Answers:
    """The parsed JSON; products by id."""

    summary: Any
    positions: Any
    products: Mapping[str, Any]


class Coinbase(ReadOnlyAccount):
    EXCHANGE = "coinbase"
    DIALECT = DIALECT
    READS = frozenset(
        {
            "v3PrivateGetBrokerageCfmBalanceSummary",
            "v3PrivateGetBrokerageCfmPositions",
            "v3PrivateGetBrokerageKeyPermissions",
        }
    )
    PUBLIC = frozenset({"v3PublicGetBrokerageMarketProductsProductId", "v3PublicGetBrokerageTime"})

    def uid(self, ask: Connection) -> str:
        answer = ask.get("v3PrivateGetBrokerageKeyPermissions")
        return Fields.of(answer, "keyPermissions").text("portfolio_uuid")

    def server_time(self, ask: Connection) -> datetime:
        return Fields.of(ask.get("v3PublicGetBrokerageTime"), "time").instant("epochMillis")

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        summary = ask.get("v3PrivateGetBrokerageCfmBalanceSummary")
        check_margin_account(summary)  # one without margin is not asked further
        positions = ask.get("v3PrivateGetBrokerageCfmPositions")
        products = {
            name: ask.get("v3PublicGetBrokerageMarketProductsProductId", {"product_id": name})
            for name in sorted({line.text("product_id") for line in _lines(positions)})
        }
        return futures_account(Answers(summary, positions, products), context)


def check_margin_account(answer: Any) -> Fields:
    """The balance summary. Raises ``venue.no_margin_account`` for a user who holds spot wallets alone."""
    summary = Fields.of(answer, "summary").data.get("balance_summary")
    if not summary:
        raise VenueError(
            "no_margin_account",
            "expected a futures account, this user has spot wallets alone: they are no margin",
            hint="Remove the account from the venues, or open a futures account at the venue.",
        )
    return Fields.of(summary, "balance_summary")


def _lines(answer: Any) -> tuple[Fields, ...]:
    """The positions that are not empty, in the shape of this API."""
    found = rows(Fields.of(answer, "positions").data.get("positions"), "positions")
    for line in found:
        if line.has("net_size"):
            raise VenueError(
                "unsupported_position",
                f"{line.where}: expected a futures position, found an international perpetual "
                f"({line.optional_text('symbol')[:40]})",
                hint="International perpetuals are an account at Coinbase International Exchange.",
            )
    return tuple(line for line in found if line.decimal("number_of_contracts"))


def futures_account(answers: Answers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``incomplete_answer``, ``bad_answer``, ``no_margin_account``)."""
    notes = Notes()
    line = check_margin_account(answers.summary)
    # Spot and futures dollars with the profit of futures: what the venue holds against its margins.
    equity, profit = _usd(line, "available_margin"), _usd(line, "unrealized_pnl")
    balance = CONTEXT.subtract(equity, profit)
    measures = [Fields.of(line.data.get(name), f"{line.where}.{name}") for name in WINDOWS]
    orders = _optional_usd(line, "total_open_orders_hold_amount")
    notes.derived += ["balance"]
    totals = Totals(
        equity=equity,
        # Margin is lower by day: an account must stand the night too, so the higher one counts.
        initial=max(measure.decimal("initial_margin") for measure in measures),
        maintenance=max(measure.decimal("maintenance_margin") for measure in measures),
        available=None,
        balance=balance,
        orders=orders,
        mode="futures",
    )
    seen: set[tuple[str, str]] = set()
    positions = []
    for row in _lines(answers.positions):
        positions.append(_position(row, answers.products, notes))
        once(seen, positions[-1].symbol, positions[-1].side, row)
    notes.missing += ["mark_price_time", "ratio", "max_withdraw:USD"]
    coins = (Collateral(COIN, balance, ONE, ONE, None),)
    return margin_account("coinbase", context, totals, coins, tuple(positions), (), notes)


def _usd(line: Fields, name: str) -> Decimal:
    amount = Fields.of(line.data.get(name), f"{line.where}.{name}")
    if amount.text("currency") != COIN:
        raise VenueError("bad_answer", f"{amount.where}: expected {COIN}, found another currency")
    return amount.decimal("value")


def _optional_usd(line: Fields, name: str) -> Decimal | None:
    return _usd(line, name) if line.has(name) else None


def _position(line: Fields, products: Mapping[str, Any], notes: Notes) -> Position:
    symbol = line.text("product_id")
    side = chosen(line, "side", {"LONG": "long", "SHORT": "short"})
    product = Fields.of(products.get(symbol), f"products.{symbol}")
    details = Fields.of(product.data.get("future_product_details"), f"{product.where}.future_product_details")
    unit, mark = details.decimal("contract_size"), line.decimal("current_price")
    size = CONTEXT.multiply(abs(line.decimal("number_of_contracts")), unit)
    if product.text("product_id") != symbol or unit <= 0:
        raise VenueError("bad_answer", f"{product.where}: expected {symbol} with a contract size above zero")
    notes.derived.append(f"notional:{symbol}")
    notes.missing += [
        f"{what}:{symbol}"
        for what in (
            "brackets", "leverage", "liquidation_price", "maintenance_margin", "initial_margin", "adl_rank"
        )
    ]  # fmt: skip
    return Position(
        symbol=symbol,
        base=details.text("contract_root_unit"),
        side=cast("Literal['long', 'short']", side),
        size=size,
        entry_price=line.decimal("avg_entry_price"),
        mark_price=mark,
        isolated=False,
        brackets=(),
        venue_liquidation_price=None,
        venue_maintenance_margin=None,
        settle=COIN,
        notional=CONTEXT.multiply(size, mark),
    )
