"""One venue: accounts, market, withdrawals, deposits and the margin engine under one lock.

Knows nothing of HTTP. Every change of money goes through here; only `pump` lets time do work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from threading import RLock

from emulator.venues.accounts import Account, ApiKey, Income, InsufficientBalanceError, Transfer, Wallet
from emulator.venues.chain_port import ChainPort
from emulator.venues.clock import VenueClock
from emulator.venues.coins import Coin, CoinNetwork, default_coins
from emulator.venues.deposits import DepositDesk
from emulator.venues.errors import VenueError
from emulator.venues.exact import ZERO, down
from emulator.venues.liquidation import liquidate
from emulator.venues.margin import (
    AssetRule,
    MarginReport,
    MarginRules,
    Position,
    Prices,
    assess,
    funding_payment,
)
from emulator.venues.market import HOUR_MS, FundingPoint, Market, default_market
from emulator.venues.withdrawals import Withdrawal, WithdrawalDesk, WithdrawalRequest, check

TO_FUTURES = "MAIN_UMFUTURE"
TO_SPOT = "UMFUTURE_MAIN"
FIRST_UID = 100_000_001
FIRST_TRAN_ID = 5_000_000_001

DEFAULT_RULES = {
    "USDT": AssetRule("USDT", ZERO),
    "BTC": AssetRule("BTC", Decimal("0.05")),  # collateral value ratio 95 %
    "ETH": AssetRule("ETH", Decimal("0.05")),
}


@dataclass(slots=True)
class Venue:
    """Mutable state of an exchange; use it under `lock`."""

    market: Market = field(default_factory=default_market)
    coins: dict[str, Coin] = field(default_factory=default_coins)
    chains: dict[tuple[str, str], ChainPort] = field(default_factory=dict)
    asset_rules: dict[str, AssetRule] = field(default_factory=lambda: dict(DEFAULT_RULES))
    clock: VenueClock = field(default_factory=VenueClock)
    withdrawals: WithdrawalDesk = field(default_factory=WithdrawalDesk)
    deposits: DepositDesk = field(default_factory=DepositDesk)
    accounts: dict[int, Account] = field(default_factory=dict)
    ticks: int = 0
    withdrawals_suspended: bool = False
    pump_errors: list[str] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)
    _uids: count[int] = field(default_factory=lambda: count(FIRST_UID))
    _tran_ids: count[int] = field(default_factory=lambda: count(FIRST_TRAN_ID))

    def create_account(
        self,
        name: str,
        *,
        keys: tuple[ApiKey, ...] = (),
        spot: Mapping[str, Decimal] | None = None,
        futures: Mapping[str, Decimal] | None = None,
        multi_asset: bool = True,
    ) -> Account:
        """Add an account with its opening balances; raises ValueError for a name or a key already in use."""
        with self.lock:
            if any(a.name == name for a in self.accounts.values()):
                raise ValueError(f"expected a new account name, found {name!r} in use")
            for key in keys:
                if self.find_key(key.key) is not None:
                    raise ValueError("expected new API keys, found one in use")
            account = Account(name=name, uid=next(self._uids), multi_asset=multi_asset, keys=list(keys))
            now = self.clock.now_ms()
            for which, amounts in ((Wallet.SPOT, spot or {}), (Wallet.FUTURES, futures or {})):
                for asset, amount in amounts.items():
                    self._known_asset(asset)
                    account.credit(which, asset, amount, now)
            self.accounts[account.uid] = account
            return account

    def account(self, name: str) -> Account:
        """The account of this name; raises KeyError."""
        for account in self.accounts.values():
            if account.name == name:
                return account
        raise KeyError(f"no account {name!r}; known: {sorted(a.name for a in self.accounts.values())}")

    def find_key(self, key: str) -> tuple[Account, ApiKey] | None:
        for account in self.accounts.values():
            for candidate in account.keys:
                if candidate.key == key:
                    return account, candidate
        return None

    def _known_asset(self, asset: str) -> None:
        if asset not in self.coins:
            raise ValueError(f"expected one of {sorted(self.coins)}, found {asset!r}")

    def rules(self, account: Account) -> MarginRules:
        brackets = {name: market.brackets for name, market in self.market.symbols.items()}
        return MarginRules(brackets, self.asset_rules, account.multi_asset)

    def report(self, account: Account) -> MarginReport:
        """The account's margin at present prices."""
        with self.lock:
            return assess(
                account.futures,
                account.open_positions(),
                Prices(self.market.marks(), self.market.indexes()),
                self.rules(account),
            )

    def set_position(self, account: Account, position: Position) -> None:
        """Put a position in place, as if traded before the scenario began; quantity 0 removes it."""
        with self.lock:
            if position.symbol not in self.market.symbols or position.leverage < 1:
                raise ValueError(f"expected a known symbol and leverage >= 1, found {position}")
            if position.quantity == ZERO:
                account.positions.pop(position.symbol, None)
            else:
                account.positions[position.symbol] = position
            account.updated_ms[f"position:{position.symbol}"] = self.clock.now_ms()

    def set_price(
        self, symbol: str, mark: Decimal, last: Decimal | None = None, index: Decimal | None = None
    ) -> None:
        """Move a price; accounts whose margin fails at it are liquidated at once."""
        with self.lock:
            self.market.symbols[symbol].set_price(mark, last, index)
            self.liquidate_failed()

    def liquidate_failed(self) -> None:
        with self.lock:
            for account in self.accounts.values():
                report = self.report(account)
                if report.must_liquidate:
                    liquidate(account, report, self.market, self.next_id, self.clock.now_ms())

    def next_id(self) -> int:
        return next(self._tran_ids)

    def settle_funding(self, symbol: str, rate: Decimal | None = None) -> None:
        """Book funding for every position of `symbol` at its mark; a rate given becomes the present one."""
        with self.lock:
            market = self.market.symbols[symbol]
            now = self.clock.now_ms()
            market.funding_rate = market.funding_rate if rate is None else rate
            for account in self.accounts.values():
                position = account.positions.get(symbol)
                if position is not None:
                    paid = funding_payment(position, market.mark, market.funding_rate)
                    account.book(
                        Income(
                            self.next_id(), now, "FUNDING_FEE", position.settle, paid, symbol, "FUNDING_FEE"
                        )
                    )
            market.funding_history.append(FundingPoint(now, market.funding_rate, market.mark))
            market.next_funding_ms = now + market.funding_hours * HOUR_MS
            self.liquidate_failed()

    def transfer(self, account: Account, kind: str, asset: str, amount: Decimal) -> Transfer:
        """Move between spot and futures; raises VenueError when kind, amount or margin forbids it."""
        with self.lock:
            if kind not in {TO_FUTURES, TO_SPOT}:
                raise VenueError(-5001, "Don't allow transfer to micro assets.")
            if asset not in self.asset_rules or asset not in self.coins:
                raise VenueError(-4018, "We don't have this asset.")
            if amount <= ZERO or amount != down(amount):
                raise VenueError(-1111, "Precision is over the maximum defined for this asset.")
            source, target = (
                (Wallet.SPOT, Wallet.FUTURES) if kind == TO_FUTURES else (Wallet.FUTURES, Wallet.SPOT)
            )
            if source is Wallet.FUTURES and amount > self.max_withdraw(account, asset):
                raise VenueError(-5013, "Asset transfer failed: insufficient balance")
            now = self.clock.now_ms()
            try:
                account.debit(source, asset, amount, now)
            except InsufficientBalanceError:
                raise VenueError(-5013, "Asset transfer failed: insufficient balance") from None
            account.credit(target, asset, amount, now)
            record = Transfer(self.next_id(), now, kind, asset, amount)
            account.transfers.append(record)
            signed = amount if target is Wallet.FUTURES else -amount
            account.incomes.append(Income(record.tran_id, now, "TRANSFER", asset, signed, info="TRANSFER"))
            return record

    def max_withdraw(self, account: Account, asset: str) -> Decimal:
        for line in self.report(account).assets:
            if line.asset == asset:
                return line.max_withdraw
        return ZERO

    def withdraw(self, account: Account, request: WithdrawalRequest) -> Withdrawal:
        """Check and record a withdrawal; raises VenueError."""
        with self.lock:
            network = check(request, self.coins, account, suspended=self.withdrawals_suspended)
            serial = self.next_id()
            return self.withdrawals.apply(
                account,
                request,
                network,
                locked=self.deposits.locked(account.uid, request.coin),
                new_id=hashlib.sha256(f"withdrawal {serial}".encode()).hexdigest()[:32],
                now_ms=self.clock.now_ms(),
                tick=self.ticks,
            )

    def network(self, coin: str, code: str | None) -> CoinNetwork:
        """A coin's network; raises VenueError -4018 or -4019."""
        found = self.coins.get(coin)
        if found is None:
            raise VenueError(-4018, "We don't have this asset.")
        network = found.network(code)
        if network is None:
            raise VenueError(-4019, "Current asset is not open for withdrawal.")
        return network

    def deposit_address(self, account: Account, coin: str, code: str | None) -> str:
        """The address to pay to; raises VenueError when the network takes no deposits."""
        with self.lock:
            network = self.network(coin, code)
            chain = self.chains.get((coin, network.network))
            if chain is None or not network.deposit_enabled:
                raise VenueError(-4040, "This address not charged.")
            return self.deposits.address_of(account, coin, network.network, chain)

    def pump(self) -> None:
        """One tick: deposits seen and credited, withdrawals moved on, failed margins liquidated."""
        with self.lock:
            self.ticks += 1
            now = self.clock.now_ms()
            for (coin, code), chain in self.chains.items():
                self.deposits.pump(self.accounts, coin, self.network(coin, code), chain, now)
            self.withdrawals.pump(self.accounts, self.chains, now)
            self.liquidate_failed()
