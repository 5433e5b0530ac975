"""Deribit: the margin account out of raw answers. Pure: no I/O, no clock.

Segregated, every currency is a margin account of its own, and one of them is read; with cross collateral the
whole is one. What the venue says in a currency is given in USD at the venue's index. Refuses to add up
margin accounts that do not answer for each other. Sources: Deribit "private/get_account_summaries" (with
cross collateral the margins of each currency are those of the whole account), "Margin types and usage",
"Cross collateral specifications" (haircuts belong to the initial margin alone).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Collateral, MarginAccount, Reading
from vault.money import CONTEXT
from vault.venues.common.reading import ReadingContext
from vault.venues.deribit import positions as positions_of
from vault.venues.deribit.answers import entries, entry, made_at, once
from vault.venues.deribit.positions import Contract, Findings, Held
from vault.venues.line.raw import Fields

SEGREGATED: Final = frozenset({"segregated_sm", "segregated_pm"})
CROSS: Final = frozenset({"cross_sm", "cross_pm"})
# Answers are some hundred milliseconds apart; a fast market moves less than this in that time.
PRICE_BOUND: Final = Decimal("0.005")
ROUNDING: Final = Decimal("0.01")  # USD
ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class AccountAnswers:
    """The parsed JSON of the endpoints an account is read from; an index that is not there gave nothing."""

    summaries: Any
    positions: Any
    instruments: tuple[Any, ...] = ()
    indexes: Mapping[str, Any] | None = None
    currencies: Any = None


def read_model(answer: Any) -> str:
    """The margin model, the same for every currency. Raises `VenueError` for one that is not known."""
    found = {line.text("margin_model") for line in summaries(answer).values()}
    if len(found) != 1 or not found <= SEGREGATED | CROSS:
        raise VenueError(
            "unsupported_account",
            f"expected one of {', '.join(sorted(SEGREGATED | CROSS))} for all currencies, "
            f"found {', '.join(sorted(found))[:80] or 'none'}",
        )
    return found.pop()


def summaries(answer: Any) -> dict[str, Fields]:
    """The summary of each currency."""
    found: dict[str, Fields] = {}
    for line in entry(answer, "summaries").rows("summaries"):
        once(found, line.text("currency"), line)
    return found


def chosen(answer: Any, currency: str) -> tuple[str, ...]:
    """The currencies of the margin account that is meant: one, or all with cross collateral.

    Raises `VenueError` (``venue.margin_currency``) where the settings do not fit the account.
    """
    known, model = summaries(answer), read_model(answer)
    if (model in SEGREGATED) != bool(currency) or (currency and currency not in known):
        said = f"{currency!r}" if currency else "none"
        wanted = f"one of {', '.join(sorted(known))}" if model in SEGREGATED else "none"
        raise VenueError(
            "margin_currency",
            f"margin_currency: expected {wanted} (the account's margin model is {model}), found {said}",
            hint="Segregated, each currency is a margin account of its own: configure one for each in use.",
        )
    return (currency,) if currency else tuple(known)


def used(answer: Any, currency: str, settles: set[str]) -> tuple[str, ...]:
    """Those of the chosen currencies that hold something or settle a position: their index is needed."""
    lines = summaries(answer)
    return tuple(
        name
        for name in chosen(answer, currency)
        if name in settles or name == currency or lines[name].decimal("equity")
    )


def margin_account(answers: AccountAnswers, context: ReadingContext, currency: str = "") -> MarginAccount:
    """`currency` is the segregated margin account to read, "" the whole under cross collateral.

    Raises `VenueError` (``venue.incomplete_answer``, ``venue.bad_answer``, ``venue.margin_currency``).
    """
    return _Reader(answers, context, currency).account()


class _Reader:
    """One reading; collects on its way what is missing, derived or contradictory."""

    def __init__(self, answers: AccountAnswers, context: ReadingContext, currency: str) -> None:
        self.answers, self.context, self.currency = answers, context, currency
        self.model = read_model(answers.summaries)
        self.lines = summaries(answers.summaries)
        self.names = chosen(answers.summaries, currency)
        self.found = Findings()
        self.missing, self.flags = self.found.missing, self.found.flags
        self.derived: list[str] = []
        self.account_at = made_at(answers.summaries, context.server_time)
        self.positions_at = made_at(answers.positions, context.server_time)

    def account(self) -> MarginAccount:
        held = self._held()
        prices = self._prices({item.position.settle for item in held})
        totals = self._segregated(prices) if self.currency else self._cross()
        collateral = self._collateral(held, prices)
        self._check_profits(held, prices)
        orders = self._orders(held, prices)
        moments = [self.account_at, self.positions_at, *(at for _, at in prices.values())]
        return MarginAccount(
            name=self.context.name,
            exchange="deribit",
            uid=self.context.uid,
            equity=totals["equity"],
            initial_margin=totals["initial_margin"],
            maintenance_margin=totals["maintenance_margin"],
            available_to_withdraw=totals.get("available_to_withdraw"),
            collateral=collateral,
            positions=tuple(item.position for item in held),
            observed_at=min(moments),
            received_at=self.context.received_at,
            clock_skew_ms=self.context.clock_skew_ms,
            missing=tuple(dict.fromkeys(self.missing)),
            flags=tuple(self.flags),
            balance=self._balance(prices),
            open_order_margin=orders,
            mode="portfolio" if self.model.endswith("_pm") else self.model.removesuffix("_sm"),
            derived=tuple(dict.fromkeys(self.derived)),
            sources=(
                Reading("account", "private/get_account_summaries", self.account_at),
                Reading("positions", "private/get_positions", self.positions_at),
                *(Reading(f"index {name}", "public/get_index_price", at) for name, (_, at) in prices.items()),
            ),
        )

    def _held(self) -> tuple[Held, ...]:
        lines = own_positions(self.answers.positions, self.currency)
        known = positions_of.contracts(self.answers.instruments)
        self.missing.extend(positions_of.uncovered(lines))
        found = []
        for line in positions_of.futures(lines):
            contract = positions_of.contract_of(line, known)
            if contract.settle not in self.names:
                raise VenueError(
                    "incomplete_answer",
                    f"expected a summary of {contract.settle}, which {contract.symbol} settles in, "
                    "the venue did not send it",
                    missing=f"summaries.{contract.settle}",
                )
            found.append(self._position(line, contract))
        return tuple(found)

    def _position(self, line: Fields, contract: Contract) -> Held:
        return positions_of.read(line, contract, self.model, self.positions_at, self.found)

    def _prices(self, settles: set[str]) -> dict[str, tuple[Decimal, datetime]]:
        """USD index of each currency in use, with its time; what has none is named."""
        found = {}
        indexes = self.answers.indexes or {}
        for name in used(self.answers.summaries, self.currency, settles):
            if name not in indexes:
                self.missing.append(f"index_price:{name}")
                continue
            price = entry(indexes[name], f"index.{name}").decimal("index_price")
            if price <= 0:
                raise VenueError("bad_answer", f"index.{name}: expected a price above zero, found {price:f}")
            found[name] = (price, made_at(indexes[name], self.context.server_time))
        return found

    def _segregated(self, prices: Mapping[str, tuple[Decimal, datetime]]) -> dict[str, Decimal]:
        """The currency's numbers at its index. Without an index nothing is worth anything in USD."""
        line = self.lines[self.currency]
        if self.currency not in prices:
            raise VenueError(
                "incomplete_answer",
                f"expected the index price of {self.currency}, the venue did not send it",
                missing=f"index_price:{self.currency}",
            )
        price = prices[self.currency][0]
        totals = {
            "equity": CONTEXT.multiply(line.decimal("margin_balance"), price),
            "initial_margin": CONTEXT.multiply(line.decimal("initial_margin"), price),
            "maintenance_margin": CONTEXT.multiply(line.decimal("maintenance_margin"), price),
        }
        self.derived.append("usd")
        if line.has("available_withdrawal_funds"):
            free = line.decimal("available_withdrawal_funds")
            totals["available_to_withdraw"] = CONTEXT.multiply(free, price)
        else:
            self.missing.append("available_to_withdraw")
        return totals

    def _cross(self) -> dict[str, Decimal]:
        """The account-wide numbers in USD, which every summary repeats."""
        self.missing.append("available_to_withdraw")  # said for each currency only
        return {
            "equity": self._total("total_margin_balance_usd"),
            "initial_margin": self._total("total_initial_margin_usd"),
            "maintenance_margin": self._total("total_maintenance_margin_usd"),
        }

    def _total(self, name: str) -> Decimal:
        stated = [line for line in self.lines.values() if line.has(name)]
        # A currency outside the pool may repeat nothing; without any the field itself is missing.
        first = (stated or list(self.lines.values()))[0].decimal(name)
        for line in stated:
            if abs(line.decimal(name) - first) > max(ROUNDING, PRICE_BOUND * abs(first)):
                self.flags.append(f"total_mismatch {name}: {first:f} and {line.decimal(name):f}")
                break
        return first

    def _collateral(
        self, held: tuple[Held, ...], prices: Mapping[str, tuple[Decimal, datetime]]
    ) -> tuple[Collateral, ...]:
        """Equity without the futures' profit since entry: with it, parts and whole are one.

        The venue's own ``balance`` holds what was settled of that profit every day at 08:00 UTC.
        """
        pool = None if self.currency else self._pool()
        found = []
        for name, (price, _) in prices.items():
            line = self.lines[name]
            profit = ZERO
            for item in held:
                if item.position.settle == name:
                    profit = CONTEXT.add(profit, positions_of.unrealised(item.position))
                    self.derived.append(f"collateral:{name}")
            if pool is not None and name not in pool:
                self.missing.append(f"collateral_pool:{name}")
                continue
            limit = line.optional_decimal("available_withdrawal_funds")
            if limit is None:
                self.missing.append(f"max_withdraw:{name}")
            counts = ONE if pool is None or pool[name] else ZERO
            balance = CONTEXT.subtract(line.decimal("equity"), profit)
            found.append(Collateral(name, balance, price, counts, limit))
        return tuple(found)

    def _pool(self) -> dict[str, bool]:
        """Whether a currency counts for the whole account; what does not say so is absent here."""
        if self.answers.currencies is None:
            return {}
        return {
            line.text("currency"): line.boolean("in_cross_collateral_pool")
            for line in entries(self.answers.currencies, "currencies")
            if line.has("in_cross_collateral_pool")
        }

    def _balance(self, prices: Mapping[str, tuple[Decimal, datetime]]) -> Decimal | None:
        total = ZERO
        for name in used(self.answers.summaries, self.currency, set(prices)):
            line = self.lines[name]
            if name not in prices or not line.has("balance"):
                self.missing.append("balance")
                return None
            total = CONTEXT.add(total, CONTEXT.multiply(line.decimal("balance"), prices[name][0]))
        self.derived.append("balance")
        return total

    def _orders(
        self, held: tuple[Held, ...], prices: Mapping[str, tuple[Decimal, datetime]]
    ) -> Decimal | None:
        """What the orders of the held contracts take; the venue names no sum of all orders."""
        total = ZERO
        for item in held:
            if item.orders is None or item.position.settle not in prices:
                self.missing.append("open_order_margin")
                return None
            total = CONTEXT.add(total, CONTEXT.multiply(item.orders, prices[item.position.settle][0]))
        self.derived.append("open_order_margin")
        return total

    def _check_profits(self, held: tuple[Held, ...], prices: Mapping[str, tuple[Decimal, datetime]]) -> None:
        """A position that was left out shows in the session's profit, one too few in the equity."""
        for name, (price, _) in prices.items():
            line = self.lines[name]
            mine = [item for item in held if item.position.settle == name]
            worth = sum((abs(item.position.notional or ZERO) for item in mine), ZERO)
            bound = max(CONTEXT.divide(ROUNDING, price), PRICE_BOUND * worth)
            floating = [item.floating for item in mine if item.floating is not None]
            if line.has("futures_session_upl") and len(floating) == len(mine):
                theirs, ours = line.decimal("futures_session_upl"), sum(floating, ZERO)
                if abs(theirs - ours) > bound:
                    self.flags.append(f"profit_mismatch {name}: account {theirs:f}, positions {ours:f}")
            self._check_equity(name, bound)

    def _check_equity(self, name: str, bound: Decimal) -> None:
        line, parts = self.lines[name], ZERO
        for part in ("balance", "futures_session_upl", "futures_session_rpl", "options_value"):
            if not line.has(part):
                self.missing.append(f"{part}:{name}")
                return
            parts = CONTEXT.add(parts, line.decimal(part))
        equity = line.decimal("equity")
        if abs(equity - parts) > bound:
            self.flags.append(f"equity_mismatch {name}: venue {equity:f}, parts {parts:f}")


def own_positions(answer: Any, currency: str) -> tuple[Fields, ...]:
    """The open positions of a margin account: of all currencies, or of one by their names.

    BTC-PERPETUAL settles in BTC, BTC_USDC-PERPETUAL in USDC; what this overlooks shows in the sums.
    """
    lines = positions_of.held(answer)
    if not currency:
        return lines
    return tuple(line for line in lines if _settles_in(line.text("instrument_name")) == currency)


def _settles_in(symbol: str) -> str:
    pair = symbol.split("-", maxsplit=1)[0]
    return pair.rpartition("_")[2] if "_" in pair else pair
