"""OKX's currencies as collateral, with the discount tiers that are public. Pure: no I/O, no clock.

A currency whose worth nobody says is left out and named; a debt always counts in full. Sources: OKX "Get
balance" (trading account), "Get discount rate and interest-free quota", "Get maximum withdrawals".
"""

from __future__ import annotations

import decimal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Collateral, CollateralTier
from vault.money import CONTEXT
from vault.venues.line.raw import Fields
from vault.venues.okx.answers import entries, once, stated

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
# OKX prints doubles, with noise in the last of their 16 digits: a quotient of two is good for 12.
_QUOTIENT: Final = decimal.Context(
    prec=12, rounding=decimal.ROUND_HALF_EVEN, traps=[decimal.InvalidOperation, decimal.DivisionByZero]
)
# Share of a currency's worth that the public tiers and the venue's own discount may differ by.
HAIRCUT_BOUND: Final = Decimal("0.005")
ROUNDING: Final = Decimal("0.01")  # USD

Tiers = Mapping[str, tuple[CollateralTier, ...]]


@dataclass(frozen=True, slots=True)
class Currency:
    """One entry of ``details``; None where the venue said that it does not apply, or nothing.

    `cash` leaves out what isolated positions hold (their equity is `isolated`), `balance` includes it.
    """

    asset: str
    cash: Decimal
    equity: Decimal
    worth: Decimal
    discounted: Decimal | None
    debt: Decimal | None
    isolated: Decimal | None
    balance: Decimal
    line: Fields

    @property
    def price(self) -> Decimal | None:
        """USD of one unit: the venue's own value over the equity, None without an equity to divide by."""
        if not self.equity or not self.worth:
            return None
        return _QUOTIENT.divide(self.worth, self.equity)

    @property
    def cross(self) -> Decimal:
        """Equity without that of isolated positions, which counts nowhere else."""
        return CONTEXT.subtract(self.equity, self.isolated or ZERO)


def read_currencies(balance: Fields, missing: list[str]) -> tuple[Currency, ...]:
    """Raises `VenueError` for one that lacks its balance, equity or worth, or that is listed twice."""
    found: dict[str, Fields] = {}
    for line in balance.rows("details"):
        once(found, line.text("ccy"), line)
    return tuple(_currency(asset, line, missing) for asset, line in found.items())


def _currency(asset: str, line: Fields, missing: list[str]) -> Currency:
    cash = line.decimal("cashBal")
    isolated = stated(line, "isoEq", missing, f"isolated:{asset}")
    balance = cash
    if isolated:
        # What isolated positions hold is their equity without their profit.
        balance = CONTEXT.subtract(CONTEXT.add(cash, isolated), line.decimal("isoUpl"))
    return Currency(
        asset=asset,
        cash=cash,
        equity=line.decimal("eq"),
        worth=line.decimal("eqUsd"),
        discounted=line.optional_decimal("disEq"),
        debt=line.optional_decimal("liab"),
        isolated=isolated,
        balance=balance,
        line=line,
    )


def read_tiers(answer: Any) -> Tiers:
    """Discount tiers by currency. Beyond the last one ``minDiscountRate`` holds."""
    if answer is None:
        return {}
    found: dict[str, Fields] = {}
    for line in entries(answer, "discountRates"):
        once(found, line.text("ccy"), line)
    return {asset: _tiers(line) for asset, line in found.items()}


def _tiers(line: Fields) -> tuple[CollateralTier, ...]:
    steps = sorted(line.rows("details"), key=lambda row: row.decimal("minAmt"))
    for row in steps:
        if row.data.get("maxAmt") is None:
            row.decimal("maxAmt")  # "" is a tier without an end; an absent field is not
    tiers = [
        CollateralTier(row.decimal("minAmt"), row.optional_decimal("maxAmt"), row.decimal("discountRate"))
        for row in steps
    ]
    expected: Decimal | None = ZERO
    for tier in tiers:
        if tier.floor != expected or not 0 <= tier.ratio <= 1:
            raise VenueError("bad_answer", f"{line.where}: expected tiers that join, with rates of 0 to 1")
        expected = tier.cap
    if expected is not None and (tiers or line.has("minDiscountRate")):
        tiers.append(CollateralTier(expected, None, line.decimal("minDiscountRate")))
    return tuple(tiers)


def discounted(tiers: tuple[CollateralTier, ...], equity: Decimal) -> Decimal:
    """What an equity counts for, in its own currency: each part at the rate of its tier, a debt in full."""
    if equity <= 0:
        return equity
    total = ZERO
    for tier in tiers:
        part = CONTEXT.subtract(equity if tier.cap is None else min(equity, tier.cap), tier.floor)
        if part > 0:
            total = CONTEXT.add(total, CONTEXT.multiply(part, tier.ratio))
    return total


def read_withdrawable(answer: Any) -> dict[str, Decimal]:
    """``maxWd`` by currency: what can leave the trading account without what is borrowed."""
    if answer is None:
        return {}
    found: dict[str, Fields] = {}
    for line in entries(answer, "maxWithdrawal"):
        once(found, line.text("ccy"), line)
    return {asset: line.decimal("maxWd") for asset, line in found.items() if line.has("maxWd")}


def collateral(
    currencies: Iterable[Currency],
    tiers: Tiers,
    withdrawable: Mapping[str, Decimal],
    missing: list[str],
    derived: list[str],
) -> tuple[Collateral, ...]:
    """Every currency at what the venue counts it for now (multi-currency and portfolio margin)."""
    found = []
    for item in currencies:
        price = item.price
        if price is None or item.discounted is None:
            missing.append(f"collateral:{item.asset}")
            continue
        if item.debt is None:
            missing.append(f"borrowed:{item.asset}")
        # Without tiers what counts for nothing, or is owed, cannot come to count for less.
        if item.discounted > 0 and not tiers.get(item.asset):
            missing.append(f"collateral_tiers:{item.asset}")
        derived += [f"price:{item.asset}", f"ratio:{item.asset}"]
        found.append(
            Collateral(
                asset=item.asset,
                balance=item.balance,
                price=price,
                ratio=_ratio(item.discounted, CONTEXT.multiply(item.cross, price)),
                max_withdraw=_limit(item, withdrawable, missing),
                tiers=tiers.get(item.asset, ()),
                borrowed=item.debt,
                debt_ratio=ONE,
            )
        )
    return tuple(found)


def _ratio(discounted_usd: Decimal, cross_usd: Decimal) -> Decimal:
    return _QUOTIENT.divide(discounted_usd, cross_usd) if cross_usd > 0 else ONE


def counted_in_full(
    currencies: Iterable[Currency],
    counting: frozenset[str] | None,
    withdrawable: Mapping[str, Decimal],
    missing: list[str],
    derived: list[str],
) -> tuple[Collateral, ...]:
    """Every currency at its worth, or at nothing when it is not one of `counting` (futures and spot mode)."""
    found = []
    for item in currencies:
        if (price := item.price) is None:
            missing.append(f"collateral:{item.asset}")
            continue
        derived += [f"price:{item.asset}", f"ratio:{item.asset}"]
        ratio = ONE if counting is None or item.asset in counting else ZERO
        limit = _limit(item, withdrawable, missing)
        found.append(
            Collateral(item.asset, item.balance, price, ratio, limit, borrowed=item.debt, debt_ratio=ONE)
        )
    return tuple(found)


def _limit(item: Currency, withdrawable: Mapping[str, Decimal], missing: list[str]) -> Decimal | None:
    if (limit := withdrawable.get(item.asset)) is None:
        missing.append(f"max_withdraw:{item.asset}")
    return limit


def haircut_flags(currencies: Iterable[Currency], tiers: Tiers) -> list[str]:
    """Where the public tiers and the venue's own discount of a currency cannot both be true."""
    flags = []
    for item in currencies:
        price, own = item.price, tiers.get(item.asset)
        # A currency that the owner does not let count is discounted to nothing, whatever its tiers.
        if price is None or not own or not item.discounted or item.cross <= 0:
            continue
        ours = CONTEXT.multiply(discounted(own, item.cross), price)
        if abs(ours - item.discounted) > max(ROUNDING, HAIRCUT_BOUND * item.worth):
            flags.append(f"haircut_mismatch {item.asset}: venue {item.discounted:f}, tiers {ours:f}")
    return flags
