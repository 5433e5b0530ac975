"""One venue: accounts, market, withdrawals, deposits and the margin engine under one lock.

Knows nothing of HTTP, and of an exchange only what its profile says. Every change of money goes through here;
only `pump` lets time do work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from threading import RLock

from emulator.venues.engine.accounts import (
    Account,
    DepositPlace,
    Income,
    IncomeKind,
    Transfer,
)
from emulator.venues.engine.chain_port import ChainPort
from emulator.venues.engine.clock import VenueClock
from emulator.venues.engine.coins import Coin, CoinNetwork
from emulator.venues.engine.collateral import CollateralRule
from emulator.venues.engine.deposits import DepositDesk
from emulator.venues.engine.exact import ZERO
from emulator.venues.engine.keys import ApiKey, NonceBook
from emulator.venues.engine.liquidation import Liquidator
from emulator.venues.engine.margin import MarginGroup, MarginReport, Prices
from emulator.venues.engine.market import HOUR_MS, FundingPoint, Market
from emulator.venues.engine.paper_chain import PaperChain
from emulator.venues.engine.positions import Position, funding_payment
from emulator.venues.engine.profile import Profile
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.withdrawals import (
    Withdrawal,
    WithdrawalDesk,
    WithdrawalRequest,
    WithdrawalSettings,
    check,
)


@dataclass(slots=True)
class Venue:
    """Mutable state of an exchange; use it under `lock`."""

    profile: Profile
    market: Market = field(init=False)
    coins: dict[str, Coin] = field(init=False)
    collateral: dict[str, CollateralRule] = field(init=False)
    withdrawals: WithdrawalDesk = field(init=False)
    deposits: DepositDesk = field(init=False)
    chains: dict[tuple[str, str], ChainPort] = field(default_factory=dict)
    clock: VenueClock = field(default_factory=VenueClock)
    nonces: NonceBook = field(default_factory=NonceBook)
    accounts: dict[int, Account] = field(default_factory=dict)
    ticks: int = 0
    withdrawals_suspended: bool = False
    pump_errors: list[str] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)
    _uids: count[int] = field(init=False)
    _ids: count[int] = field(init=False)

    def __post_init__(self) -> None:
        profile = self.profile
        self.market, self.coins, self.collateral = profile.market(), profile.coins(), profile.collateral()
        settings = WithdrawalSettings(
            fee_mode=profile.fee_mode,
            client_ids=profile.client_ids,
            spacing_ms=profile.withdraw_spacing_ms,
        )
        self.withdrawals = WithdrawalDesk(profile.withdraw_wallet, profile.client_id_pattern, settings)
        self.deposits = DepositDesk(profile.deposit_wallet, profile.credits_sender)
        self._uids, self._ids = count(profile.first_uid), count(profile.first_id)

    def create_account(
        self,
        name: str,
        *,
        keys: tuple[ApiKey, ...] = (),
        wallets: Mapping[str, Mapping[str, Decimal]] | None = None,
        mode: str | None = None,
    ) -> Account:
        """Add an account with its opening balances; raises ValueError for a name or a key already in use."""
        with self.lock:
            if any(a.name == name for a in self.accounts.values()):
                raise ValueError(f"expected a new account name, found {name!r} in use")
            for key in keys:
                if self.find_key(key.key) is not None:
                    raise ValueError("expected new API keys, found one in use")
            account = Account(
                name=name,
                uid=next(self._uids),
                mode=self.known_mode(self.profile.modes[0] if mode is None else mode),
                places=self.profile.places,
                keys=list(keys),
                wallets={wallet: {} for wallet in self.profile.wallets},
            )
            now = self.clock.now_ms()
            for wallet, amounts in (wallets or {}).items():
                for asset, amount in amounts.items():
                    self._known_asset(asset)
                    account.credit(wallet, asset, amount, now)
            self.accounts[account.uid] = account
            return account

    def known_mode(self, mode: str) -> str:
        """Raises ValueError for a margin mode the exchange does not have."""
        if mode not in self.profile.modes:
            raise ValueError(f"expected one of the modes {list(self.profile.modes)}, found {mode!r}")
        return mode

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

    def groups(self, account: Account) -> tuple[MarginGroup, ...]:
        return self.profile.margin_groups(account, self.market, self.collateral)

    def report(self, account: Account, group: str | None = None) -> MarginReport:
        """The account's margin at present prices, of its first group or the one named; raises KeyError."""
        with self.lock:
            reports = self.reports(account)
            return next(iter(reports.values())) if group is None else reports[group]

    def reports(self, account: Account) -> dict[str, MarginReport]:
        """Every margin group of the account by name."""
        with self.lock:
            return {group.name: self._assess(account, group) for group in self.groups(account)}

    def _assess(self, account: Account, group: MarginGroup) -> MarginReport:
        balances: dict[str, Decimal] = {}
        for wallet in group.wallets:
            for asset, amount in account.wallet(wallet).items():
                if group.takes(asset):
                    balances[asset] = balances.get(asset, ZERO) + amount
        mine = [
            position
            for position in account.open_positions()
            if group.takes(position.settle) and self.wallet_of(position) in group.wallets
        ]
        return group.model.assess(balances, mine, Prices(self.market.marks(), self.market.indexes()))

    def wallet_of(self, position: Position) -> str:
        """The wallet a position is margined in."""
        return self.profile.wallet_of(self.market.symbols[position.symbol])

    def set_position(self, account: Account, position: Position) -> None:
        """Put a position in place, as if traded before the scenario began; quantity 0 removes it.

        What the contract says (settlement asset, size, inverse) overrides what the position says.
        """
        with self.lock:
            contract = self.market.symbols.get(position.symbol)
            if contract is None or position.leverage < 1:
                raise ValueError(f"expected a known symbol and leverage >= 1, found {position}")
            fitted = replace(
                position,
                settle=contract.settle,
                inverse=contract.inverse,
                contract_size=contract.contract_size,
            )
            if fitted.quantity == ZERO:
                account.positions.pop(fitted.key, None)
            else:
                account.positions[fitted.key] = fitted
            account.updated_ms[f"position:{fitted.key}"] = self.clock.now_ms()

    def set_price(
        self, symbol: str, mark: Decimal, last: Decimal | None = None, index: Decimal | None = None
    ) -> None:
        """Move a price; accounts whose margin fails at it are liquidated at once."""
        with self.lock:
            self.market.symbols[symbol].set_price(mark, last, index)
            self.liquidate_failed()

    def set_base_price(self, base: str, mark: Decimal) -> None:
        """Move every contract of one coin together, then liquidate; raises ValueError for none."""
        with self.lock:
            contracts = self.market.of_base(base)
            if not contracts:
                raise ValueError(f"expected a coin with contracts, found {base!r}")
            for contract in contracts:
                contract.set_price(mark)
            self.liquidate_failed()

    def liquidate_failed(self) -> None:
        with self.lock:
            for account in self.accounts.values():
                if not account.positions:
                    continue
                for group in self.groups(account):
                    report = self._assess(account, group)
                    if report.failed:
                        now = self.clock.now_ms()
                        wallet_of = self.profile.wallet_of
                        Liquidator(account, group, report, self.market, wallet_of, self.next_id, now).run()

    def next_id(self) -> int:
        return next(self._ids)

    def settle_funding(self, symbol: str, rate: Decimal | None = None) -> None:
        """Book funding for every position of `symbol` at its mark; a rate given becomes the present one."""
        with self.lock:
            market = self.market.symbols[symbol]
            now = self.clock.now_ms()
            market.funding_rate = market.funding_rate if rate is None else rate
            for account in self.accounts.values():
                for position in account.open_positions():
                    if position.symbol == symbol:
                        self._pay_funding(account, position, market.mark, market.funding_rate, now)
            market.funding_history.append(FundingPoint(now, market.funding_rate, market.mark))
            market.next_funding_ms = now + market.funding_hours * HOUR_MS
            self.liquidate_failed()

    def _pay_funding(
        self, account: Account, position: Position, mark: Decimal, rate: Decimal, now_ms: int
    ) -> None:
        paid = funding_payment(position, mark, rate)
        wallet = self.wallet_of(position)
        account.book(
            Income(self.next_id(), now_ms, IncomeKind.FUNDING, position.settle, paid, wallet, position.symbol)
        )
        if position.isolated_margin is not None:
            account.positions[position.key] = position.with_margin(position.isolated_margin + paid)

    def transfer(
        self,
        account: Account,
        source: str,
        target: str,
        asset: str,
        amount: Decimal,
        *,
        client_id: str = "",
    ) -> Transfer:
        """Move between two wallets; raises Refusal when route, amount or margin forbids it."""
        with self.lock:
            route = self.profile.route(source, target)
            if route is None:
                raise Refusal(Reason.NO_ROUTE, route=f"{source} -> {target}")
            margined = {wallet for group in self.groups(account) for wallet in group.wallets}
            if asset not in self.coins or (target in margined and asset not in self.collateral):
                raise Refusal(Reason.UNKNOWN_ASSET, asset=asset)
            if amount <= ZERO:
                raise Refusal(Reason.BAD_AMOUNT)
            if account.too_fine(amount):
                raise Refusal(Reason.TOO_FINE, asset=asset)
            held = account.held(source, asset)
            if amount > held:
                raise Refusal(Reason.INSUFFICIENT, asset=asset, held=held)
            most = self.max_withdraw(account, source, asset)
            if amount > most:
                raise Refusal(Reason.MARGIN, asset=asset, maximum=most)
            now = self.clock.now_ms()
            account.debit(source, asset, amount, now)
            account.credit(target, asset, amount, now)
            record = Transfer(self.next_id(), now, route.kind, asset, amount, source, target, client_id)
            account.transfers.append(record)
            for wallet, signed in ((source, -amount), (target, amount)):
                if wallet in margined:
                    account.incomes.append(
                        Income(record.tran_id, now, IncomeKind.TRANSFER, asset, signed, wallet)
                    )
            return record

    def max_withdraw(self, account: Account, wallet: str, asset: str) -> Decimal:
        """What may be moved out of a wallet: all of it, or what the positions margined by it leave free."""
        held = max(ZERO, account.held(wallet, asset))
        for group in self.groups(account):
            if wallet in group.wallets and group.takes(asset):
                line = self._assess(account, group).asset(asset)
                return ZERO if line is None else min(held, line.max_withdraw)
        return held

    def withdraw(self, account: Account, request: WithdrawalRequest) -> Withdrawal:
        """Check and record a withdrawal; raises Refusal."""
        with self.lock:
            earlier = self.withdrawals.earlier(account, request.client_id)
            if earlier is not None:
                return earlier
            now = self.clock.now_ms()
            network = check(
                request,
                self.coins,
                account,
                fee_mode=self.withdrawals.settings.fee_mode,
                suspended=self.withdrawals_suspended,
                now_ms=now,
            )
            wallet = self.profile.withdraw_wallet
            return self.withdrawals.apply(
                account,
                request,
                network,
                # Fresh deposits bind the wallet they arrived in.
                locked=self.deposits.locked(account.uid, request.coin, wallet),
                free=self.max_withdraw(account, wallet, request.coin),
                new_id=self._withdrawal_id(self.next_id()),
                now_ms=now,
                tick=self.ticks,
            )

    def _withdrawal_id(self, serial: int) -> str:
        if self.profile.withdrawal_id is not None:
            return self.profile.withdrawal_id(serial)
        return hashlib.sha256(f"withdrawal {serial}".encode()).hexdigest()[:32]

    def network(self, coin: str, code: str | None) -> CoinNetwork:
        """A coin's network, the default one for None; raises Refusal UNKNOWN_ASSET or UNKNOWN_NETWORK."""
        found = self.coins.get(coin)
        if found is None:
            raise Refusal(Reason.UNKNOWN_ASSET, asset=coin)
        network = found.network(code)
        if network is None:
            raise Refusal(Reason.UNKNOWN_NETWORK, asset=coin, network=code or "")
        return network

    def deposit_address(self, account: Account, coin: str, code: str | None) -> DepositPlace:
        """The place to pay to; raises Refusal NO_DEPOSITS when the network takes none."""
        with self.lock:
            network = self.network(coin, code)
            chain = self.chains.get((coin, network.network))
            if chain is None or not network.deposit_enabled:
                raise Refusal(Reason.NO_DEPOSITS, asset=coin, network=network.network)
            return self.deposits.address_of(account, coin, network, chain)

    def photograph(self) -> Venue:
        """A copy that stands still, for those who are to see the venue as it was; it has no chains."""
        with self.lock:
            then = Venue(self.profile, clock=replace(self.clock, fixed_ms=self.clock.now_ms(), offset_ms=0))
            memo: dict[int, object] = {}
            for name in ("market", "coins", "collateral", "withdrawals", "deposits", "accounts"):
                setattr(then, name, deepcopy(getattr(self, name), memo))
            then.ticks, then.withdrawals_suspended = self.ticks, self.withdrawals_suspended
            return then

    def pump(self) -> None:
        """One tick: deposits seen and credited, withdrawals moved on, failed margins liquidated."""
        with self.lock:
            self.ticks += 1
            now = self.clock.now_ms()
            for paper in {id(c): c for c in self.chains.values() if isinstance(c, PaperChain)}.values():
                paper.tick()
            for (coin, code), chain in self.chains.items():
                self.deposits.pump(self.accounts, coin, self.network(coin, code), chain, now)
            self.withdrawals.pump(self.accounts, self.chains, now)
            self.liquidate_failed()
