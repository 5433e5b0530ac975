"""Venue accounts: wallets, positions, keys, and the records that explain every change of a balance.

A balance changes only through `credit` and `debit`, which refuse to go finer than 1e-8 or below what is there
(futures wallets may go negative: that is a loss, and the margin engine's business).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from emulator.venues.exact import ZERO, down
from emulator.venues.margin import Position


class InsufficientBalanceError(ValueError):
    """A wallet holds less than what should be taken from it."""


class Wallet(StrEnum):
    SPOT = "spot"
    FUTURES = "futures"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key of an account; an empty `ip_list` means any address."""

    key: str
    secret: str = field(repr=False)
    can_read: bool = True
    can_withdraw: bool = False
    can_transfer: bool = True
    can_trade: bool = False
    ip_list: tuple[str, ...] = ()
    created_ms: int = 0


@dataclass(frozen=True, slots=True)
class Income:
    """One booked change of a futures wallet, with Binance's income type."""

    tran_id: int
    time_ms: int
    kind: str
    asset: str
    amount: Decimal
    symbol: str = ""
    info: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    tran_id: int
    time_ms: int
    kind: str  # MAIN_UMFUTURE or UMFUTURE_MAIN
    asset: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Liquidation:
    """A position closed by force; `fee` is the liquidation clearance fee."""

    order_id: int
    time_ms: int
    symbol: str
    side: str  # of the closing order
    quantity: Decimal
    price: Decimal
    realised: Decimal
    fee: Decimal
    margin_balance: Decimal
    maintenance_margin: Decimal


@dataclass(slots=True)
class Account:
    """One venue account. Mutable; guarded by the venue's lock."""

    name: str
    uid: int
    multi_asset: bool = True
    keys: list[ApiKey] = field(default_factory=list)
    spot: dict[str, Decimal] = field(default_factory=dict)
    futures: dict[str, Decimal] = field(default_factory=dict)
    withdrawing: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    updated_ms: dict[str, int] = field(default_factory=dict)
    incomes: list[Income] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    liquidations: list[Liquidation] = field(default_factory=list)
    deposit_addresses: dict[tuple[str, str], str] = field(default_factory=dict)
    shown_addresses: dict[tuple[str, str], str] = field(default_factory=dict)
    whitelist_on: bool = False
    whitelist: list[tuple[str, str, str]] = field(default_factory=list)  # coin, network, address

    def wallet(self, which: Wallet) -> dict[str, Decimal]:
        return self.spot if which is Wallet.SPOT else self.futures

    def credit(self, which: Wallet, asset: str, amount: Decimal, now_ms: int) -> None:
        """Add to a wallet; raises ValueError for a negative amount or one finer than 1e-8."""
        if amount < ZERO or amount != down(amount):
            raise ValueError(f"expected an amount >= 0 with at most 8 decimals, found {amount}")
        wallet = self.wallet(which)
        wallet[asset] = wallet.get(asset, ZERO) + amount
        self.updated_ms[f"{which}:{asset}"] = now_ms

    def debit(
        self, which: Wallet, asset: str, amount: Decimal, now_ms: int, *, may_owe: bool = False
    ) -> None:
        """Take from a wallet; raises InsufficientBalanceError unless `may_owe`."""
        if amount < ZERO or amount != down(amount):
            raise ValueError(f"expected an amount >= 0 with at most 8 decimals, found {amount}")
        wallet = self.wallet(which)
        held = wallet.get(asset, ZERO)
        if held < amount and not may_owe:
            raise InsufficientBalanceError(f"expected at least {amount} {asset} in {which}, found {held}")
        wallet[asset] = held - amount
        self.updated_ms[f"{which}:{asset}"] = now_ms

    def book(self, income: Income) -> None:
        """Apply an income to the futures wallet and keep it in the records."""
        if income.amount >= ZERO:
            self.credit(Wallet.FUTURES, income.asset, income.amount, income.time_ms)
        else:
            self.debit(Wallet.FUTURES, income.asset, -income.amount, income.time_ms, may_owe=True)
        self.incomes.append(income)

    def open_positions(self) -> list[Position]:
        return [p for p in self.positions.values() if p.quantity != ZERO]
