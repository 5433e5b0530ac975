"""Bybit's coins as collateral: what each counts for after its tiers. Pure.

A coin whose worth or tiers nobody says is left out and named, save a debt, which always counts in full.
Sources: Bybit V5 "Get Wallet Balance", "Get Tiered Collateral Ratio", "Get Transferable Amount (Unified)".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from vault.errors import VenueError
from vault.model import Collateral, CollateralTier
from vault.money import CONTEXT
from vault.venues.bybit.envelope import opened
from vault.venues.common.notes import Notes
from vault.venues.line.raw import Fields

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)

Tiers = Mapping[str, tuple[CollateralTier, ...]]


@dataclass(frozen=True, slots=True)
class Coin:
    """One coin of the unified wallet; None where the venue said nothing."""

    asset: str
    balance: Decimal
    equity: Decimal
    profit: Decimal | None
    usd_value: Decimal
    borrowed: Decimal | None
    locked: Decimal | None
    order_margin: Decimal | None
    position_initial: Decimal | None
    position_maintenance: Decimal | None
    counts: bool

    @property
    def price(self) -> Decimal | None:
        """USD of one coin: the venue's own value over the equity; None where there is nothing to divide."""
        if not self.equity or not self.usd_value:
            return None
        return CONTEXT.divide(self.usd_value, self.equity)


def read_coins(account: Fields, notes: Notes) -> tuple[Coin, ...]:
    """The coins of the wallet. Raises `VenueError`; a coin twice is a bad answer."""
    coins = tuple(_coin(line, notes) for line in account.rows("coin"))
    if len({coin.asset for coin in coins}) != len(coins):
        raise VenueError("bad_answer", f"{account.where}.coin: expected each coin once")
    return coins


def _coin(line: Fields, notes: Notes) -> Coin:
    asset = line.text("coin")

    def optional(field: str, name: str) -> Decimal | None:
        return notes.told(line.optional_decimal(field), f"{name}:{asset}")

    # Since coins can be borrowed by hand the wallet balance includes them; older answers have no such field.
    spot_borrow = line.optional_decimal("spotBorrow") or ZERO
    return Coin(
        asset=asset,
        balance=CONTEXT.subtract(line.decimal("walletBalance"), spot_borrow),
        equity=line.decimal("equity"),
        profit=optional("unrealisedPnl", "unrealised_profit"),
        usd_value=line.decimal("usdValue"),
        borrowed=optional("borrowAmount", "borrowed"),
        locked=optional("locked", "locked"),
        order_margin=optional("totalOrderIM", "order_margin"),
        position_initial=optional("totalPositionIM", "position_initial_margin"),
        position_maintenance=optional("totalPositionMM", "position_maintenance_margin"),
        counts=line.boolean("marginCollateral") and line.boolean("collateralSwitch"),
    )


def read_tiers(answer: Any) -> dict[str, tuple[CollateralTier, ...]]:
    """Collateral ratios by coin; an empty ``maxQty`` has no end. Empty when the endpoint gave nothing."""
    if answer is None:
        return {}
    found = {}
    for line in opened(answer, "collateralRatio").result.rows("list"):
        rows = sorted(line.rows("collateralRatioList"), key=lambda row: row.decimal("minQty"))
        tiers = tuple(
            CollateralTier(
                row.decimal("minQty"), row.optional_decimal("maxQty"), row.decimal("collateralRatio")
            )
            for row in rows
        )
        if _gapless(tiers):
            found[line.text("currency")] = tiers
    return found


def _gapless(tiers: tuple[CollateralTier, ...]) -> bool:
    """Tiers that start at zero, join each other and hold ratios of 0 to 1; others are not believed."""
    joined = all(before.cap == after.floor for before, after in pairwise(tiers))
    return bool(tiers) and tiers[0].floor == 0 and joined and all(ZERO <= t.ratio <= ONE for t in tiers)


def counted(amount: Decimal, tiers: tuple[CollateralTier, ...]) -> Decimal:
    """How much of an amount counts: each part at its own tier's ratio, none past the last; all of a debt."""
    if amount <= 0:
        return amount
    total = ZERO
    for tier in tiers:
        upper = amount if tier.cap is None else min(amount, tier.cap)
        if upper > tier.floor:
            total = CONTEXT.add(total, CONTEXT.multiply(CONTEXT.subtract(upper, tier.floor), tier.ratio))
    return total


def read_transferable(answers: Iterable[Any]) -> dict[str, Decimal]:
    """What can leave the unified wallet now, by coin."""
    found: dict[str, Decimal] = {}
    for answer in answers:
        result = opened(answer, "transferable").result
        if not result.has("availableWithdrawalMap"):
            continue
        amounts = Fields.of(result.data["availableWithdrawalMap"], "transferable.availableWithdrawalMap")
        for asset in amounts.data:
            value = amounts.optional_decimal(asset)
            if value is not None:
                found[asset] = value
    return found


def collateral(
    coins: tuple[Coin, ...],
    settles: frozenset[str],
    tiers: Tiers,
    transferable: Mapping[str, Decimal],
    notes: Notes,
) -> tuple[Collateral, ...]:
    """One entry for each coin that is held, owed, or settles a position."""
    found = []
    listed = {coin.asset for coin in coins}
    notes.missing += [f"collateral:{asset}" for asset in sorted(settles - listed)]
    for coin in sorted(coins, key=lambda item: item.asset):
        if not coin.balance and not coin.equity and coin.asset not in settles:
            continue
        own = tiers.get(coin.asset, ())
        if coin.price is None or (coin.counts and coin.balance >= 0 and not own):
            notes.missing.append(f"collateral:{coin.asset}")
            continue
        notes.derived.append(f"price:{coin.asset}")
        found.append(
            Collateral(
                asset=coin.asset,
                balance=coin.balance,
                price=coin.price,
                ratio=_ratio(coin, own),
                max_withdraw=notes.told(transferable.get(coin.asset), f"max_withdraw:{coin.asset}"),
                tiers=own if coin.counts else (),
                borrowed=coin.borrowed,
            )
        )
    return tuple(found)


def _ratio(coin: Coin, tiers: tuple[CollateralTier, ...]) -> Decimal:
    if coin.balance < 0:
        return ONE
    if not coin.counts:
        return ZERO
    if not coin.balance:
        return tiers[0].ratio
    return CONTEXT.divide(counted(coin.balance, tiers), coin.balance)
