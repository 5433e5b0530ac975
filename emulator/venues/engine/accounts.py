"""Venue accounts: named wallets, positions, keys, and the records that explain every change of a balance.

A balance changes only through `credit` and `debit`, which refuse to go finer than the exchange keeps or below
what is there (a margin wallet may owe: that is a loss, and the margin engine's business).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from emulator.venues.engine.exact import ONE, ZERO, down
from emulator.venues.engine.keys import ApiKey
from emulator.venues.engine.positions import Position


class InsufficientBalanceError(ValueError):
    """A wallet holds less than what should be taken from it."""


class IncomeKind(StrEnum):
    REALISED = "realised"
    FUNDING = "funding"
    TRANSFER = "transfer"
    LIQUIDATION_FEE = "liquidation_fee"
    EXCHANGE = "exchange"  # one asset sold to pay a debt in another
    BANKRUPTCY = "bankruptcy"  # what the insurance fund took over


@dataclass(frozen=True, slots=True)
class Income:
    """One booked change of a margin wallet."""

    tran_id: int
    time_ms: int
    kind: IncomeKind
    asset: str
    amount: Decimal
    wallet: str
    symbol: str = ""
    info: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money moved between two wallets of one account; `kind` is the name the exchange has for the route."""

    tran_id: int
    time_ms: int
    kind: str
    asset: str
    amount: Decimal
    source: str
    target: str
    client_id: str = ""


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
    wallet: str


@dataclass(frozen=True, slots=True)
class WhitelistEntry:
    """A withdrawal address the account has registered at the exchange; `name` is its key or label there."""

    asset: str
    network: str
    address: str
    tag: str = ""
    name: str = ""
    usable: bool = True  # False: registered but not yet confirmed
    usable_from_ms: int = 0  # no withdrawal to it before: what follows its registration


@dataclass(frozen=True, slots=True)
class DepositPlace:
    """Where to pay: an address, and the tag (memo) that says whose it is where one address serves all."""

    address: str
    tag: str = ""


@dataclass(slots=True)
class Account:
    """One venue account. Mutable; guarded by the venue's lock.

    `mode` is the exchange's own word for how margin is reckoned (multi-asset, portfolio ...).
    """

    name: str
    uid: int
    mode: str = ""
    places: int = 8  # decimals the exchange keeps of a balance
    keys: list[ApiKey] = field(default_factory=list)
    wallets: dict[str, dict[str, Decimal]] = field(default_factory=dict)
    withdrawing: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    updated_ms: dict[str, int] = field(default_factory=dict)
    incomes: list[Income] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    liquidations: list[Liquidation] = field(default_factory=list)
    deposit_addresses: dict[tuple[str, str], DepositPlace] = field(default_factory=dict)
    shown_addresses: dict[tuple[str, str], DepositPlace] = field(default_factory=dict)
    whitelist_on: bool = False
    whitelist: list[WhitelistEntry] = field(default_factory=list)
    held_until_ms: int = 0  # no withdrawal before: what follows a change of security settings
    deposit_wallet: str = ""  # where its deposits are credited; empty: where the exchange usually does

    def wallet(self, name: str) -> dict[str, Decimal]:
        """One wallet's balances; raises KeyError for a name the exchange does not have."""
        if name not in self.wallets:
            raise KeyError(f"no wallet {name!r}; known: {sorted(self.wallets)}")
        return self.wallets[name]

    def held(self, wallet: str, asset: str) -> Decimal:
        return self.wallet(wallet).get(asset, ZERO)

    def credit(self, wallet: str, asset: str, amount: Decimal, now_ms: int) -> None:
        """Add to a wallet; raises ValueError for a negative amount or one finer than the exchange keeps."""
        self._check(amount)
        balances = self.wallet(wallet)
        balances[asset] = balances.get(asset, ZERO) + amount
        self.updated_ms[f"{wallet}:{asset}"] = now_ms

    def debit(self, wallet: str, asset: str, amount: Decimal, now_ms: int, *, may_owe: bool = False) -> None:
        """Take from a wallet; raises InsufficientBalanceError unless `may_owe`."""
        self._check(amount)
        balances = self.wallet(wallet)
        held = balances.get(asset, ZERO)
        if held < amount and not may_owe:
            raise InsufficientBalanceError(f"expected at least {amount} {asset} in {wallet}, found {held}")
        balances[asset] = held - amount
        self.updated_ms[f"{wallet}:{asset}"] = now_ms

    def _check(self, amount: Decimal) -> None:
        if amount < ZERO or self.too_fine(amount):
            raise ValueError(f"expected an amount >= 0 with at most {self.places} decimals, found {amount}")

    def too_fine(self, amount: Decimal) -> bool:
        return amount != down(amount, ONE.scaleb(-self.places))

    def book(self, income: Income) -> None:
        """Apply an income to its wallet and keep it in the records."""
        if income.amount >= ZERO:
            self.credit(income.wallet, income.asset, income.amount, income.time_ms)
        else:
            self.debit(income.wallet, income.asset, -income.amount, income.time_ms, may_owe=True)
        self.incomes.append(income)

    def open_positions(self) -> list[Position]:
        return [p for p in self.positions.values() if p.quantity != ZERO]
