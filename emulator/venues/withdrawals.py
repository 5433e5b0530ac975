"""Withdrawals: the venue's checks, the record, and its way through the statuses to a transaction.

Amounts are exact to the satoshi and the fee is taken out of the amount. Client ids are stored. Refusing a
second use is a setting, off by default: the real venue does not promise it, so a client must not rely on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import IntEnum, StrEnum

from emulator.venues.accounts import Account, Wallet
from emulator.venues.chain_port import ChainPort
from emulator.venues.coins import Coin, CoinNetwork
from emulator.venues.errors import VenueError, illegal_parameter
from emulator.venues.exact import ZERO, exact, plain, to_base_units


class Status(IntEnum):
    """`GET /sapi/v1/capital/withdraw/history`."""

    EMAIL_SENT = 0
    CANCELLED = 1
    AWAITING_APPROVAL = 2
    REJECTED = 3
    PROCESSING = 4
    FAILED = 5
    COMPLETED = 6


OPEN_STATUSES = frozenset({Status.EMAIL_SENT, Status.AWAITING_APPROVAL, Status.PROCESSING})


class FeeMode(StrEnum):
    NETTED = "netted"  # Binance: the address receives amount - fee
    ADDED = "added"  # the address receives amount, the account pays amount + fee


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    """What the client asked for, parsed but unchecked."""

    coin: str
    address: str
    amount: Decimal
    network: str | None = None
    address_tag: str = ""
    client_id: str = ""


@dataclass(slots=True)
class Withdrawal:
    """One recorded withdrawal; `amount` is what the address receives, `gross` what left the wallet."""

    id: str
    uid: int
    coin: str
    network: str
    address: str
    gross: Decimal
    fee: Decimal
    amount: Decimal
    client_id: str
    apply_ms: int
    apply_tick: int
    status: Status = Status.EMAIL_SENT
    tx_id: str = ""
    info: str = ""
    complete_ms: int | None = None
    confirmations: int = 0


@dataclass(slots=True)
class WithdrawalSettings:
    """A scenario's handles."""

    fee_mode: FeeMode = FeeMode.NETTED
    refuse_duplicate_client_ids: bool = False
    hold_at: Status | None = None  # nothing goes beyond this status
    reject_next: int = 0  # this many are rejected at approval
    confirmations_to_complete: int = 0
    history_lag_ms: int = 0
    history_lag_ticks: int = 0


@exact
def split_fee(amount: Decimal, fee: Decimal, mode: FeeMode) -> tuple[Decimal, Decimal]:
    """(gross, net) of a requested amount."""
    return (amount, amount - fee) if mode is FeeMode.NETTED else (amount + fee, amount)


@exact
def check(
    request: WithdrawalRequest, coins: dict[str, Coin], account: Account, *, suspended: bool
) -> CoinNetwork:
    """The network to pay on; raises VenueError with Binance's code for everything that is refused."""
    coin = coins.get(request.coin)
    if coin is None:
        raise VenueError(-4018, "We don't have this asset.")
    network = coin.network(request.network)
    if network is None or not network.withdraw_enabled or suspended:
        raise VenueError(-4019, "Current asset is not open for withdrawal.")
    _check_amount(request.amount, network)
    if not re.fullmatch(network.address_pattern, request.address, re.ASCII):
        raise VenueError(-4033, "Illegal address.")
    entry = (request.coin, network.network, request.address)
    if account.whitelist_on and entry not in account.whitelist:
        raise VenueError(-4035, "This address is not on the whitelist. Please join and try again.")
    return network


def _check_amount(amount: Decimal, network: CoinNetwork) -> None:
    if amount <= ZERO:
        raise illegal_parameter("amount")
    if amount < network.withdraw_min:
        raise VenueError(-4022, f"Not less than the minimum pick-up quantity {plain(network.withdraw_min)}.")
    if amount <= network.withdraw_fee:
        raise VenueError(-4028, "The amount of withdrawal must be greater than the Commission.")
    if amount % network.withdraw_step != ZERO:
        raise VenueError(
            -4021, f"Asset withdrawal must be an integer multiple of {plain(network.withdraw_step)}."
        )
    if amount > network.withdraw_max:
        raise VenueError(-4023, "Within 24 hours, the withdrawal exceeds the maximum amount.")


@dataclass(slots=True)
class WithdrawalDesk:
    """All withdrawals of a venue. Mutable; guarded by the venue's lock."""

    settings: WithdrawalSettings = field(default_factory=WithdrawalSettings)
    records: list[Withdrawal] = field(default_factory=list)
    paid_out: dict[str, Decimal] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)

    def apply(
        self,
        account: Account,
        request: WithdrawalRequest,
        network: CoinNetwork,
        *,
        locked: Decimal,
        new_id: str,
        now_ms: int,
        tick: int,
    ) -> Withdrawal:
        """Record a checked request and take the money; raises VenueError when there is too little.

        `locked` is the part of the balance that came from deposits which are not yet unlocked.
        """
        if self.settings.refuse_duplicate_client_ids and self._known(account, request.client_id):
            raise VenueError(-4115, "clientTranId is duplicated")
        gross, net = split_fee(request.amount, network.withdraw_fee, self.settings.fee_mode)
        held = account.spot.get(request.coin, ZERO)
        if gross > held:
            raise VenueError(-4026, "You have insufficient balance.")
        if gross > held - locked:
            raise VenueError(
                -4060,
                "As your deposit has not reached the required block confirmations, "
                f"we have temporarily locked {plain(locked)} asset",
            )
        account.debit(Wallet.SPOT, request.coin, gross, now_ms)
        account.withdrawing[request.coin] = account.withdrawing.get(request.coin, ZERO) + gross
        record = Withdrawal(
            id=new_id,
            uid=account.uid,
            coin=request.coin,
            network=network.network,
            address=request.address,
            gross=gross,
            fee=network.withdraw_fee,
            amount=net,
            client_id=request.client_id,
            apply_ms=now_ms,
            apply_tick=tick,
        )
        self.records.append(record)
        return record

    def _known(self, account: Account, client_id: str) -> bool:
        return bool(client_id) and any(
            r.uid == account.uid and r.client_id == client_id for r in self.records
        )

    def visible(self, uid: int, now_ms: int, tick: int) -> list[Withdrawal]:
        """What the history shows of an account, newest first; recent entries hide for the history lag."""
        settings = self.settings
        return [
            r
            for r in reversed(self.records)
            if r.uid == uid
            and now_ms - r.apply_ms >= settings.history_lag_ms
            and tick - r.apply_tick >= settings.history_lag_ticks
        ]

    def pump(
        self, accounts: dict[int, Account], chains: dict[tuple[str, str], ChainPort], now_ms: int
    ) -> None:
        """Move every open withdrawal one status on; the payment is made when processing begins."""
        for record in self.records:
            if record.status in OPEN_STATUSES:
                self._advance(record, accounts[record.uid], chains.get((record.coin, record.network)), now_ms)
            elif record.status is Status.COMPLETED:
                chain = chains.get((record.coin, record.network))
                seen = chain.confirmations(record.tx_id) if chain is not None else None
                record.confirmations = record.confirmations if seen is None else seen

    def _advance(self, record: Withdrawal, account: Account, chain: ChainPort | None, now_ms: int) -> None:
        hold = self.settings.hold_at
        if hold is not None and record.status >= hold:
            return
        if record.status is Status.EMAIL_SENT:
            record.status = Status.AWAITING_APPROVAL
        elif record.status is Status.AWAITING_APPROVAL:
            if self.settings.reject_next > 0:
                self.settings.reject_next -= 1
                self.refuse(record, account, Status.REJECTED, "rejected by the venue", now_ms)
            else:
                record.status = Status.PROCESSING
                self._pay(record, account, chain, now_ms)
        elif record.tx_id:
            self._complete_when_confirmed(record, account, chain, now_ms)

    def _pay(self, record: Withdrawal, account: Account, chain: ChainPort | None, now_ms: int) -> None:
        if chain is None:
            self.refuse(record, account, Status.FAILED, "no chain behind this network", now_ms)
            return
        try:
            record.tx_id = chain.pay(record.address, to_base_units(record.amount))
        except ValueError as error:
            self.refuse(record, account, Status.FAILED, str(error), now_ms)

    def _complete_when_confirmed(
        self, record: Withdrawal, account: Account, chain: ChainPort | None, now_ms: int
    ) -> None:
        seen = None if chain is None else chain.confirmations(record.tx_id)
        record.confirmations = seen or 0
        if seen is None or seen < self.settings.confirmations_to_complete:
            return
        record.status, record.complete_ms = Status.COMPLETED, now_ms
        account.withdrawing[record.coin] -= record.gross
        self.paid_out[record.coin] = self.paid_out.get(record.coin, ZERO) + record.amount
        self.fees[record.coin] = self.fees.get(record.coin, ZERO) + record.fee

    def refuse(self, record: Withdrawal, account: Account, status: Status, reason: str, now_ms: int) -> None:
        """End an unpaid withdrawal and give the gross amount back; raises ValueError once it was paid."""
        if record.tx_id or record.status not in OPEN_STATUSES:
            raise ValueError(f"expected an unpaid open withdrawal, found {record.status.name} {record.tx_id}")
        record.status, record.info, record.complete_ms = status, reason, now_ms
        account.withdrawing[record.coin] -= record.gross
        account.credit(Wallet.SPOT, record.coin, record.gross, now_ms)
