"""OKX: the margin account out of raw answers. Pure: no I/O, no clock.

What an account says depends on its mode: multi-currency and portfolio margin have account-wide numbers,
futures mode has them for each currency (and is refused when several carry positions), spot mode has none
unless it borrows. Nothing is filled in: what is absent is named or refused. Sources: OKX "Get balance" with
its table of fields for each account mode, "Get account configuration".
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Collateral, MarginAccount, Position, Reading, VenueRatio
from vault.money import CONTEXT
from vault.venues.common.reading import ReadingContext
from vault.venues.line.raw import Fields
from vault.venues.okx import collateral as currencies_of
from vault.venues.okx import positions as positions_of
from vault.venues.okx.answers import entry, stated
from vault.venues.okx.collateral import Currency, Tiers
from vault.venues.okx.positions import TierTable

MODES: Final = {"1": "spot", "2": "futures", "3": "multi_currency", "4": "portfolio"}
# ``mgnRatio`` also counts the fees of a liquidation, so it is below equity over maintenance, never far.
RATIO_BOUND: Final = Decimal("1.005")
RATIO_FLOOR: Final = Decimal("0.5")
# adjEq leaves out fees of open orders and what is lent; prices inside one answer are of one moment.
EQUITY_BOUND: Final = Decimal("0.005")
NOTIONAL_BOUND: Final = Decimal("0.02")
TOTAL_BOUND: Final = Decimal("0.001")
ROUNDING: Final = Decimal("0.01")  # USD
ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class AccountAnswers:
    """The parsed JSON of the endpoints an account is read from; None or empty: that one gave nothing."""

    config: Any
    balance: Any
    positions: Any
    instruments: tuple[Any, ...] = ()
    tiers: tuple[TierTable, ...] = ()
    marks: tuple[Any, ...] = ()
    discounts: Any = None
    max_withdrawal: Any = None


@dataclass(frozen=True, slots=True)
class _Totals:
    """The account-wide numbers, USD."""

    equity: Decimal
    initial: Decimal
    maintenance: Decimal
    orders: Decimal | None
    ratio: Decimal | None
    collateral: tuple[Collateral, ...]


def read_mode(answer: Any) -> str:
    """The account's mode. Raises `VenueError` for one that is not known."""
    level = entry(answer, "config").text("acctLv")
    if level not in MODES:
        raise VenueError(
            "unsupported_account", f"expected an account mode (acctLv) of 1 to 4, found {level[:20]!r}"
        )
    return MODES[level]


def margin_account(answers: AccountAnswers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``venue.incomplete_answer``, ``venue.bad_answer``, ``venue.unsupported_account``,
    ``venue.separate_margins``, ``venue.unsupported_position``)."""
    mode, balance = read_mode(answers.config), entry(answers.balance, "balance")
    missing: list[str] = ["available_to_withdraw"]  # OKX says it for each currency only
    derived: list[str] = []
    lines = positions_of.held(answers.positions)
    symbols = frozenset(line.text("instId") for line in lines)
    dated = positions_of.marks(answers.marks, symbols)
    # In portfolio margin a position's margin comes from a risk unit, no tier says it.
    tables = () if mode == "portfolio" else answers.tiers
    positions = positions_of.read(
        lines,
        positions_of.contracts(answers.instruments, symbols),
        tables,
        dated,
        missing,
    )
    currencies = currencies_of.read_currencies(balance, missing)
    tiers = currencies_of.read_tiers(answers.discounts)
    read = _Reader(balance, answers, currencies, positions, tiers, missing, derived)
    totals, cash = read.totals(mode), read.cash()
    at = balance.instant("uTime")
    sources = (
        Reading("account", "account/balance", at),
        *(Reading(f"mark:{s}", "public/mark-price", dated[s].at) for s in sorted(dated)),
    )
    derived += [f"brackets:{position.symbol}" for position in positions if position.brackets]
    return MarginAccount(
        name=context.name,
        exchange="okx",
        uid=context.uid,
        equity=totals.equity,
        initial_margin=totals.initial,
        maintenance_margin=totals.maintenance,
        available_to_withdraw=None,
        collateral=totals.collateral,
        positions=positions,
        observed_at=min([context.server_time, *(source.observed_at for source in sources)]),
        received_at=context.received_at,
        clock_skew_ms=context.clock_skew_ms,
        missing=tuple(dict.fromkeys(missing)),
        flags=(
            *positions_of.contradictions(positions, dated, tiers=bool(tables)),
            *currencies_of.haircut_flags(currencies, tiers),
            *_account_flags(mode, balance, currencies, positions, totals),
        ),
        balance=cash,
        open_order_margin=totals.orders,
        ratio=None if totals.ratio is None else VenueRatio("mgnRatio", totals.ratio, "down"),
        mode=mode,
        derived=tuple(dict.fromkeys(derived)),
        sources=sources,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """The account-wide numbers by mode; what is missing or derived is noted on the way."""

    balance: Fields
    answers: AccountAnswers
    currencies: tuple[Currency, ...]
    positions: tuple[Position, ...]
    tiers: Tiers
    missing: list[str]
    derived: list[str]

    def totals(self, mode: str) -> _Totals:
        if mode == "futures":
            return self._futures()
        if mode == "spot" and not self.balance.has("adjEq"):
            return self._cash_only()
        held = currencies_of.collateral(
            self.currencies, self.tiers, self._withdrawable(), self.missing, self.derived
        )
        return _Totals(
            equity=self.balance.decimal("adjEq"),
            initial=self.balance.decimal("imr"),
            maintenance=self.balance.decimal("mmr"),
            orders=self._order_margin(self.balance, "ordFroz"),
            ratio=stated(self.balance, "mgnRatio", self.missing, "ratio"),
            collateral=held,
        )

    def _futures(self) -> _Totals:
        """Each currency margins its own positions; only one may carry any, for one account has one equity."""
        settles = frozenset(item.settle for item in self.positions if not item.isolated)
        if len(settles) > 1:
            raise VenueError(
                "separate_margins",
                "expected cross positions in one settlement currency (futures mode shares no margin), "
                f"found {', '.join(sorted(settles))}",
                hint="Use multi-currency margin, or one account for each currency.",
            )
        self.derived.extend(["equity", "initial_margin", "maintenance_margin", "open_order_margin"])
        counting = [item for item in self.currencies if not settles or item.asset in settles]
        if settles and not counting:
            raise VenueError(
                "incomplete_answer",
                f"expected {', '.join(settles)} among the balances, the venue did not send it",
                missing=f"balance.details.{', '.join(settles)}",
            )
        equity = initial = maintenance = orders = ZERO
        for item in counting:
            price = self._price(item)
            if item.isolated is None:
                item.line.decimal("isoEq")
            equity = CONTEXT.add(equity, CONTEXT.multiply(item.cross, price))
            initial = CONTEXT.add(initial, CONTEXT.multiply(self._margin(item, "imr", settles), price))
            maintenance = CONTEXT.add(
                maintenance, CONTEXT.multiply(self._margin(item, "mmr", settles), price)
            )
            orders = CONTEXT.add(orders, CONTEXT.multiply(item.line.decimal("ordFrozen"), price))
        ratio = None
        if settles:
            ratio = stated(counting[0].line, "mgnRatio", self.missing, "ratio")
        held = currencies_of.counted_in_full(
            self.currencies, settles or None, self._withdrawable(), self.missing, self.derived
        )
        return _Totals(equity, initial, maintenance, orders, ratio, held)

    @staticmethod
    def _margin(item: Currency, name: str, settles: frozenset[str]) -> Decimal:
        """Said when there is a cross position; without one there is nothing to maintain."""
        return item.line.decimal(name) if settles else item.line.optional_decimal(name) or ZERO

    def _price(self, item: Currency) -> Decimal:
        if (price := item.price) is None:
            raise VenueError(
                "incomplete_answer",
                f"{item.line.where}: expected {item.asset} with its worth in USD, the venue did not say it",
                missing=f"{item.line.where}.eqUsd",
            )
        return price

    def _cash_only(self) -> _Totals:
        """Spot mode that cannot borrow: what is held is the equity, and there is nothing to maintain."""
        config = entry(self.answers.config, "config")
        # Where borrowing is on, an absent adjEq hides the debt.
        if config.boolean("enableSpotBorrow") or self.positions:
            self.balance.decimal("adjEq")
        if owed := [item.asset for item in self.currencies if item.debt]:
            raise VenueError("bad_answer", f"expected no debt without borrowing, found {', '.join(owed)}")
        self.derived.extend(["equity", "initial_margin", "maintenance_margin", "open_order_margin"])
        held = currencies_of.counted_in_full(
            self.currencies, None, self._withdrawable(), self.missing, self.derived
        )
        return _Totals(self.balance.decimal("totalEq"), ZERO, ZERO, ZERO, None, held)

    def cash(self) -> Decimal | None:
        """What is held of all currencies at their worth, before any discount and without profits."""
        total = ZERO
        for item in self.currencies:
            if (price := item.price) is not None:
                total = CONTEXT.add(total, CONTEXT.multiply(item.balance, price))
            elif item.balance:
                self.missing.append("balance")
                return None
        self.derived.append("balance")
        return total

    def _order_margin(self, line: Fields, name: str) -> Decimal | None:
        if not line.has(name):
            self.missing.append("open_order_margin")
            return None
        return line.decimal(name)

    def _withdrawable(self) -> dict[str, Decimal]:
        return currencies_of.read_withdrawable(self.answers.max_withdrawal)


def _position_flags(balance: Fields, positions: tuple[Position, ...]) -> list[str]:
    """The account's notional in swaps and futures against the positions: one that was left out shows here."""
    if not (balance.has("notionalUsdForSwap") and balance.has("notionalUsdForFutures")):
        return []
    said = CONTEXT.add(balance.decimal("notionalUsdForSwap"), balance.decimal("notionalUsdForFutures"))
    every = sum((item.notional or ZERO for item in positions), ZERO)
    cross = sum((item.notional or ZERO for item in positions if not item.isolated), ZERO)
    # Whether isolated positions are in it is not said: either sum will do.
    if min(abs(every - said), abs(cross - said)) <= max(ROUNDING, NOTIONAL_BOUND * said):
        return []
    return [f"positions_mismatch: venue {said:f}, positions {every:f}"]


def _account_flags(
    mode: str,
    balance: Fields,
    currencies: tuple[Currency, ...],
    positions: tuple[Position, ...],
    totals: _Totals,
) -> list[str]:
    """Account-wide numbers against the sum of their parts: a currency that was left out shows here."""
    flags = []
    total = balance.decimal("totalEq")
    parts = sum((item.worth for item in currencies), ZERO)
    gross = sum((abs(item.worth) for item in currencies), ZERO)
    if abs(total - parts) > max(ROUNDING, TOTAL_BOUND * gross):
        flags.append(f"total_mismatch: venue {total:f}, currencies {parts:f}")
    if mode in {"multi_currency", "portfolio"}:
        counted = [item.discounted for item in currencies if item.discounted is not None]
        parts = sum(counted, ZERO)
        gross = sum((abs(number) for number in counted), ZERO)
        if abs(totals.equity - parts) > max(ROUNDING, EQUITY_BOUND * gross):
            flags.append(f"equity_mismatch: venue {totals.equity:f}, currencies {parts:f}")
        flags += _position_flags(balance, positions)
    if totals.ratio is not None and totals.maintenance > 0:
        ours = CONTEXT.divide(totals.equity, totals.maintenance)
        if not RATIO_FLOOR * ours <= totals.ratio <= RATIO_BOUND * ours:
            flags.append(f"ratio_mismatch: venue {totals.ratio:f}, equity over maintenance {ours:.4f}")
    return flags
