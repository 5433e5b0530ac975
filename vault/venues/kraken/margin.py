"""Kraken Futures' multi-collateral margin account (``flex``) out of raw answers. Pure: no I/O, no clock.

Refuses an answer that lacks a number the account cannot be judged without, and an account with margin in a
single-collateral wallet too: that is a margin of its own, liquidated alone. What such a wallet merely holds
is named. Sources: Kraken Futures "Get wallets", "Open positions", "Instruments", "Tickers", "Margining &
Liquidations: Multi-Collateral".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Collateral, MarginAccount, Position, Reading, WaitingCoins
from vault.money import CONTEXT
from vault.venues.common.notes import Notes
from vault.venues.common.reading import ReadingContext
from vault.venues.kraken import names, positions
from vault.venues.kraken.answers import futures, iso, spot
from vault.venues.kraken.positions import ONE, QUOTE, ZERO
from vault.venues.line.raw import Fields, rows

MULTI: Final = "multiCollateralMarginAccount"
SINGLE: Final = "marginAccount"
CASH: Final = "cashAccount"
# Sums of one answer: only their rounding may differ, and that by currency.
ROUNDING: Final = Decimal("0.02")  # USD
SHARE: Final = Decimal("0.0001")
# Marks are read some hundred milliseconds after the wallet; a fast market moves less than this in that time.
PRICE_BOUND: Final = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class AccountAnswers:
    """The parsed JSON of the endpoints; `tickers` of every contract that is held, by its name.

    `spot_positions` are those of margin trading on the spot side.
    """

    accounts: Any
    positions: Any
    instruments: Any
    tickers: Mapping[str, Any]
    spot_positions: Any


def margin_account(answers: AccountAnswers, context: ReadingContext) -> MarginAccount:
    """Raises `VenueError` (``venue.incomplete_answer``, ``venue.bad_answer``, ``venue.separate_margins``)."""
    envelope = futures(answers.accounts, "accounts")
    wallets = Fields.of(envelope.data.get("accounts"), "accounts")
    flex = _flex(wallets)
    notes = Notes()
    waiting = _other_wallets(wallets, context.name, notes)
    notes.missing.extend(_spot_margin(answers.spot_positions))
    lines = positions.open_positions(answers.positions)
    held = positions.read(lines, answers.instruments, answers.tickers, notes)
    collateral = _collateral(flex, tuple(each.position for each in held), notes)
    maintenance = flex.decimal("maintenanceMargin")
    prices = {item.asset: item.price for item in collateral}
    found = positions.with_brackets(held, maintenance, prices, notes)
    available = flex.optional_decimal("availableMargin")
    if available is None:
        notes.missing.append("available_to_withdraw")
    initial, with_orders = flex.decimal("initialMargin"), flex.decimal("initialMarginWithOrders")
    notes.derived.append("open_order_margin")
    _check_sums(flex, notes)
    _check_profit(flex.decimal("pnl"), maintenance, found, prices, notes)
    asked = {
        "accounts": iso(envelope, "serverTime"),
        "openpositions": iso(futures(answers.positions, "openpositions"), "serverTime"),
    }
    marks = {each.symbol: each.observed_at for each in found if each.observed_at is not None}
    return MarginAccount(
        name=context.name,
        exchange="kraken",
        uid=context.uid,
        equity=flex.decimal("marginEquity"),
        initial_margin=with_orders,
        maintenance_margin=maintenance,
        available_to_withdraw=available,
        collateral=collateral,
        positions=found,
        observed_at=min([context.server_time, *asked.values(), *marks.values()]),
        received_at=context.received_at,
        clock_skew_ms=context.clock_skew_ms,
        missing=tuple(notes.missing),
        flags=tuple(notes.flags),
        balance=flex.decimal("collateralValue"),
        open_order_margin=CONTEXT.subtract(with_orders, initial),
        mode="portfolio" if flex.has("portfolioMarginBreakdown") else "multi_collateral",
        derived=tuple(notes.derived),
        sources=(
            *(Reading(what, f"derivatives/api/v3/{what}", at) for what, at in asked.items()),
            *(Reading(f"mark {symbol}", "derivatives/api/v3/tickers", at) for symbol, at in marks.items()),
        ),
        waiting=waiting,
    )


def _flex(wallets: Fields) -> Fields:
    if not wallets.has("flex"):
        raise VenueError(
            "incomplete_answer",
            "accounts: expected the multi-collateral wallet 'flex', the venue did not send it",
            missing="accounts.flex",
            hint="Single-collateral accounts are not read.",
        )
    flex = Fields.of(wallets.data["flex"], "accounts.flex")
    if (kind := flex.text("type")) != MULTI:
        raise VenueError("bad_answer", f"accounts.flex.type: expected {MULTI}, found {kind[:40]!r}")
    return flex


def _other_wallets(wallets: Fields, name: str, notes: Notes) -> tuple[WaitingCoins, ...]:
    """What waits in the cash wallet; single-collateral ones are refused with margin, named when they hold."""
    waiting: list[WaitingCoins] = []
    for wallet in sorted(set(wallets.data) - {"flex"}):
        line = Fields.of(wallets.data[wallet], f"accounts.{wallet}")
        kind = line.text("type")
        if kind == CASH:
            waiting += _waiting(wallet, line)  # no margin: a stop on the way between margin and spot
            continue
        if kind != SINGLE:
            notes.missing.append(f"account:{wallet} ({kind[:40]})")
            continue
        needed = Fields.of(line.data.get("marginRequirements"), f"{line.where}.marginRequirements")
        if any(needed.decimal(each) for each in ("im", "mm")):
            raise VenueError(
                "separate_margins",
                f"{name}: expected all positions in the multi-collateral wallet, found margin in use in "
                f"{wallet}, which is a margin of its own",
                hint="Close the positions there, or keep them in an account of its own.",
            )
        balances = Fields.of(line.data.get("balances"), f"{line.where}.balances")
        if any(balances.decimal(each) for each in balances.data):
            notes.missing.append(f"account:{wallet}")
    return tuple(waiting)


def _waiting(wallet: str, line: Fields) -> list[WaitingCoins]:
    balances = Fields.of(line.data.get("balances"), f"{line.where}.balances")
    held = [WaitingCoins(wallet, names.ours(each), balances.decimal(each)) for each in sorted(balances.data)]
    return [each for each in held if each.balance]


def _spot_margin(answer: Any) -> list[str]:
    """Positions on the spot side stand against the spot wallet: a margin that is not computed here."""
    result = spot(answer, "spotPositions")
    listed = list(result.values()) if isinstance(result, dict) else result
    return sorted({f"spot_margin:{line.text('pair')}" for line in rows(listed, "spotPositions")})


def _collateral(flex: Fields, held: tuple[Position, ...], notes: Notes) -> tuple[Collateral, ...]:
    """What is held, at the price and the haircut that the answer's own values imply; what settles, always.

    A currency without a value is left out and named: a balance of unknown worth counts nowhere.
    """
    currencies = Fields.of(flex.data.get("currencies"), f"{flex.where}.currencies")
    found: dict[str, Collateral] = {}
    counted = ZERO
    for theirs in sorted(currencies.data):
        line = Fields.of(currencies.data[theirs], f"{currencies.where}.{theirs}")
        asset = names.ours(theirs)
        quantity, value = line.decimal("quantity"), line.decimal("value")
        margin = line.decimal("collateral" if line.has("collateral") else "collateralValue")
        counted = CONTEXT.add(counted, margin)
        if asset in found:
            raise VenueError("bad_answer", f"{line.where}: expected {asset} once")
        if not quantity:
            continue
        if not value or (value > 0) != (quantity > 0):
            notes.missing.append(f"collateral:{asset}")
            continue
        found[asset] = _priced(asset, line, (quantity, value, margin), notes)
    total = flex.decimal("collateralValue")
    if _differ(counted, total, len(currencies.data)):
        notes.flags.append(f"collateral_mismatch: venue {total:f}, currencies {counted:f}")
    settled = {each.settle: each for each in held}
    if any(not each.inverse for each in held):
        found.setdefault(QUOTE, Collateral(QUOTE, ZERO, ONE, ONE, None))
    for asset in sorted(set(settled) - set(found)):
        # Not held at all: what a profit in it would count at is said nowhere.
        notes.missing.append(f"collateral:{asset}")
    return tuple(found[asset] for asset in sorted(found))


def _priced(asset: str, line: Fields, said: tuple[Decimal, Decimal, Decimal], notes: Notes) -> Collateral:
    quantity, value, margin = said
    price, ratio = CONTEXT.divide(value, quantity), CONTEXT.divide(margin, value)
    notes.derived.extend([f"collateral.price:{asset}", f"collateral.ratio:{asset}"])
    limit = line.optional_decimal("available")
    if limit is None:
        notes.missing.append(f"max_withdraw:{asset}")
    if quantity < 0:
        # A debt shows what it counts at; its credit would count at the other side of that haircut.
        debt = max(ratio, ONE)
        if not ONE <= debt <= 2 or margin > 0:
            raise VenueError(
                "bad_answer", f"{line.where}: expected a debt that counts as one, found {margin:f}"
            )
        return Collateral(asset, quantity, price, CONTEXT.subtract(Decimal(2), debt), limit, debt_ratio=debt)
    if ratio > ONE and not _differ(margin, value, 1):
        ratio = ONE
    if not 0 <= ratio <= ONE:
        raise VenueError(
            "bad_answer", f"{line.where}: expected to count for no more than {value:f}, found {margin:f}"
        )
    return Collateral(asset, quantity, price, ratio, limit)


def _differ(one: Decimal, other: Decimal, parts: int) -> bool:
    return abs(CONTEXT.subtract(one, other)) > max(ROUNDING * max(parts, 1), SHARE * abs(other))


def _check_sums(flex: Fields, notes: Notes) -> None:
    """The answer's totals against each other; a total that is not there is an error of the answer."""
    unrealised = flex.decimal("totalUnrealized")
    sums = (
        ("totalUnrealized", ("pnl", "unrealizedFunding")),
        ("portfolioValue", ("balanceValue", "totalUnrealized")),
        ("marginEquity", ("collateralValue", "totalUnrealizedAsMargin")),
    )
    gross = max(abs(unrealised), abs(flex.decimal("balanceValue")))
    for total, parts in sums:
        theirs, ours = flex.decimal(total), CONTEXT.add(flex.decimal(parts[0]), flex.decimal(parts[1]))
        if abs(CONTEXT.subtract(theirs, ours)) > max(ROUNDING, SHARE * gross):
            notes.flags.append(f"{total}_mismatch: venue {theirs:f}, parts {ours:f}")


def _check_profit(
    stated: Decimal,
    maintenance: Decimal,
    found: tuple[Position, ...],
    prices: Mapping[str, Decimal],
    notes: Notes,
) -> None:
    """A position that one of the two answers leaves out shows in the profit, or in margin for nothing."""
    ours, gross = ZERO, ZERO
    for each in found:
        price = prices.get(each.settle, ONE)
        ours = CONTEXT.add(ours, CONTEXT.multiply(positions.unrealised(each), price))
        gross = CONTEXT.add(gross, CONTEXT.multiply(each.notional or ZERO, price))
    if abs(CONTEXT.subtract(ours, stated)) > max(ROUNDING, PRICE_BOUND * gross):
        notes.flags.append(f"pnl_mismatch: venue {stated:f}, positions {ours:.2f}")
    if maintenance and not found and not notes.missing:
        notes.flags.append(f"positions_mismatch: no position, margin of {maintenance:f} is kept for one")
