"""Withdrawals: the checks every exchange makes, the record, and its way to a transaction.

Amounts are exact to the network's base unit. What a second use of a client id means is the exchange's rule;
what is refused, and why, is a `Refusal`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from emulator.venues.engine.accounts import Account
from emulator.venues.engine.chain_port import ChainPort
from emulator.venues.engine.coins import Coin, CoinNetwork
from emulator.venues.engine.exact import ZERO, exact, to_base_units
from emulator.venues.engine.refusals import Reason, Refusal


class Status(StrEnum):
    """Where a withdrawal stands; every exchange shows these by its own names and numbers."""

    EMAIL_SENT = "email_sent"  # recorded
    AWAITING_APPROVAL = "awaiting_approval"
    PROCESSING = "processing"  # paid, or about to be
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    FAILED = "failed"


WAY = (Status.EMAIL_SENT, Status.AWAITING_APPROVAL, Status.PROCESSING, Status.COMPLETED)
OPEN_STATUSES = frozenset(WAY[:-1])
REFUSED_STATUSES = frozenset({Status.CANCELLED, Status.REJECTED, Status.FAILED})


class FeeMode(StrEnum):
    NETTED = "netted"  # the address receives amount - fee
    ADDED = "added"  # the address receives amount, the account pays amount + fee


class ClientIds(StrEnum):
    """What a second withdrawal with the same client id is."""

    IGNORED = "ignored"  # a second withdrawal
    REFUSED = "refused"  # DUPLICATE_CLIENT_ID
    IDEMPOTENT = "idempotent"  # the first one, told again


@dataclass(frozen=True, slots=True)
class WithdrawalRequest:
    """What the client asked for, parsed but unchecked."""

    coin: str
    address: str
    amount: Decimal
    network: str | None = None
    tag: str = ""
    client_id: str = ""
    fee_mode: FeeMode | None = None  # None: as the exchange does


@dataclass(slots=True)
class Withdrawal:
    """One recorded withdrawal; `amount` is what the address receives, `gross` what left the wallet."""

    id: str
    uid: int
    coin: str
    network: str
    address: str
    tag: str
    gross: Decimal
    fee: Decimal
    amount: Decimal
    client_id: str
    apply_ms: int
    apply_tick: int
    decimals: int = 8
    status: Status = Status.EMAIL_SENT
    tx_id: str = ""
    info: str = ""
    complete_ms: int | None = None
    updated_ms: int = 0
    confirmations: int = 0


@dataclass(slots=True)
class WithdrawalSettings:
    """A scenario's handles; the exchange's profile gives the first values."""

    fee_mode: FeeMode = FeeMode.NETTED
    client_ids: ClientIds = ClientIds.IGNORED
    spacing_ms: int = 0  # least time between two withdrawals of a coin on a network
    hold_at: Status | None = None  # nothing goes beyond this status
    reject_next: int = 0  # this many are rejected at approval
    travel_rule_next: int = 0  # this many are refused for want of travel-rule information
    confirmations_to_complete: int = 0
    history_lag_ms: int = 0
    history_lag_ticks: int = 0


@exact
def split_fee(amount: Decimal, fee: Decimal, mode: FeeMode) -> tuple[Decimal, Decimal]:
    """(gross, net) of a requested amount."""
    return (amount, amount - fee) if mode is FeeMode.NETTED else (amount + fee, amount)


@exact
def check(
    request: WithdrawalRequest,
    coins: dict[str, Coin],
    account: Account,
    *,
    fee_mode: FeeMode,
    suspended: bool,
    now_ms: int,
) -> CoinNetwork:
    """The network to pay on; raises Refusal for everything that is wrong with the request itself.

    `fee_mode` holds where the request names none.
    """
    coin = coins.get(request.coin)
    if coin is None:
        raise Refusal(Reason.UNKNOWN_ASSET, asset=request.coin)
    network = coin.network(request.network)
    if network is None:
        raise Refusal(Reason.UNKNOWN_NETWORK, asset=request.coin, network=request.network or "")
    if not network.withdraw_enabled or suspended:
        raise Refusal(Reason.SUSPENDED, asset=request.coin, network=network.network)
    _check_amount(request, network, request.fee_mode or fee_mode)
    if not re.fullmatch(network.address_pattern, request.address, re.ASCII):
        raise Refusal(Reason.BAD_ADDRESS, address=request.address)
    _check_tag(request, network)
    if account.whitelist_on and not _listed(request, network, account, now_ms):
        raise Refusal(Reason.NOT_WHITELISTED, address=request.address)
    if now_ms < account.held_until_ms:
        raise Refusal(Reason.HELD, until_ms=account.held_until_ms)
    return network


def _check_amount(request: WithdrawalRequest, network: CoinNetwork, fee_mode: FeeMode) -> None:
    amount, asset = request.amount, request.coin
    if amount <= ZERO:
        raise Refusal(Reason.BAD_AMOUNT)
    if amount < network.withdraw_min:
        raise Refusal(Reason.BELOW_MINIMUM, minimum=network.withdraw_min, asset=asset)
    if amount <= network.withdraw_fee and fee_mode is FeeMode.NETTED:
        raise Refusal(Reason.BELOW_FEE, fee=network.withdraw_fee, asset=asset)
    if amount % network.withdraw_step != ZERO:
        raise Refusal(Reason.NOT_A_MULTIPLE, step=network.withdraw_step, asset=asset)
    if amount > network.withdraw_max:
        raise Refusal(Reason.ABOVE_MAXIMUM, maximum=network.withdraw_max, asset=asset)


def _check_tag(request: WithdrawalRequest, network: CoinNetwork) -> None:
    missing = network.tag_required and not request.tag
    if missing or (request.tag and not re.fullmatch(network.tag_pattern or "(?!)", request.tag, re.ASCII)):
        raise Refusal(Reason.BAD_TAG, tag=request.tag)


def _listed(request: WithdrawalRequest, network: CoinNetwork, account: Account, now_ms: int) -> bool:
    wanted = (request.coin, network.network, request.address, request.tag)
    return any(
        e.usable and now_ms >= e.usable_from_ms and (e.asset, e.network, e.address, e.tag) == wanted
        for e in account.whitelist
    )


@dataclass(slots=True)
class WithdrawalDesk:
    """All withdrawals of a venue. Mutable; guarded by the venue's lock."""

    wallet: str  # the wallet that withdrawals leave from
    client_id_pattern: re.Pattern[str]
    settings: WithdrawalSettings = field(default_factory=WithdrawalSettings)
    records: list[Withdrawal] = field(default_factory=list)
    paid_out: dict[str, Decimal] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)

    def earlier(self, account: Account, client_id: str) -> Withdrawal | None:
        """The withdrawal that a repeated client id stands for, where the exchange answers it again.

        Raises Refusal BAD_CLIENT_ID for an id of the wrong form and DUPLICATE_CLIENT_ID by rule.
        """
        if not client_id:
            return None
        if not self.client_id_pattern.fullmatch(client_id):
            raise Refusal(Reason.BAD_CLIENT_ID, client_id=client_id)
        known = next((r for r in self.records if (r.uid, r.client_id) == (account.uid, client_id)), None)
        if known is None or self.settings.client_ids is ClientIds.IGNORED:
            return None
        if self.settings.client_ids is ClientIds.REFUSED:
            raise Refusal(Reason.DUPLICATE_CLIENT_ID, client_id=client_id)
        return known

    def apply(
        self,
        account: Account,
        request: WithdrawalRequest,
        network: CoinNetwork,
        *,
        locked: Decimal,
        free: Decimal,
        new_id: str,
        now_ms: int,
        tick: int,
    ) -> Withdrawal:
        """Record a checked request and take the money; raises Refusal when there is too little, or too soon.

        `locked` is the part of the balance that came from deposits which are not yet unlocked, `free` what
        the positions margined in this wallet leave.
        """
        self._check_pace(account, request.coin, network.network, now_ms)
        if self.settings.travel_rule_next > 0:
            self.settings.travel_rule_next -= 1
            raise Refusal(Reason.TRAVEL_RULE)
        mode = request.fee_mode or self.settings.fee_mode
        gross, net = split_fee(request.amount, network.withdraw_fee, mode)
        held = account.held(self.wallet, request.coin)
        if gross > held:
            raise Refusal(Reason.INSUFFICIENT, asset=request.coin, held=held)
        if gross > held - locked:
            raise Refusal(Reason.LOCKED, asset=request.coin, locked=locked)
        if gross > free:
            raise Refusal(Reason.MARGIN, asset=request.coin, maximum=free)
        account.debit(self.wallet, request.coin, gross, now_ms)
        account.withdrawing[request.coin] = account.withdrawing.get(request.coin, ZERO) + gross
        record = Withdrawal(
            id=new_id,
            uid=account.uid,
            coin=request.coin,
            network=network.network,
            address=request.address,
            tag=request.tag,
            gross=gross,
            fee=network.withdraw_fee,
            amount=net,
            client_id=request.client_id,
            apply_ms=now_ms,
            apply_tick=tick,
            decimals=network.decimals,
            updated_ms=now_ms,
        )
        self.records.append(record)
        return record

    def _check_pace(self, account: Account, coin: str, network: str, now_ms: int) -> None:
        if not self.settings.spacing_ms:
            return
        mine = (account.uid, coin, network)
        last = max((r.apply_ms for r in self.records if (r.uid, r.coin, r.network) == mine), default=None)
        if last is not None and now_ms - last < self.settings.spacing_ms:
            raise Refusal(Reason.TOO_FREQUENT, wait_ms=self.settings.spacing_ms - (now_ms - last))

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
        if hold is not None and WAY.index(record.status) >= WAY.index(hold):
            return
        if record.status is Status.EMAIL_SENT:
            record.status, record.updated_ms = Status.AWAITING_APPROVAL, now_ms
        elif record.status is Status.AWAITING_APPROVAL:
            if self.settings.reject_next > 0:
                self.settings.reject_next -= 1
                self.refuse(record, account, Status.REJECTED, "rejected by the venue", now_ms)
            else:
                record.status, record.updated_ms = Status.PROCESSING, now_ms
                self._pay(record, account, chain, now_ms)
        elif record.tx_id:
            self._complete_when_confirmed(record, account, chain, now_ms)

    def _pay(self, record: Withdrawal, account: Account, chain: ChainPort | None, now_ms: int) -> None:
        if chain is None:
            self.refuse(record, account, Status.FAILED, "no chain behind this network", now_ms)
            return
        try:
            units = to_base_units(record.amount, record.decimals)
            # A chain that knows no tags is never given an empty one.
            paid = (record.address, units, record.tag) if record.tag else (record.address, units)
            record.tx_id = chain.pay(*paid)
        except ValueError as error:
            self.refuse(record, account, Status.FAILED, str(error), now_ms)

    def _complete_when_confirmed(
        self, record: Withdrawal, account: Account, chain: ChainPort | None, now_ms: int
    ) -> None:
        seen = None if chain is None else chain.confirmations(record.tx_id)
        record.confirmations = seen or 0
        if seen is None or seen < self.settings.confirmations_to_complete:
            return
        record.status, record.complete_ms, record.updated_ms = Status.COMPLETED, now_ms, now_ms
        account.withdrawing[record.coin] -= record.gross
        self.paid_out[record.coin] = self.paid_out.get(record.coin, ZERO) + record.amount
        self.fees[record.coin] = self.fees.get(record.coin, ZERO) + record.fee

    def refuse(self, record: Withdrawal, account: Account, status: Status, reason: str, now_ms: int) -> None:
        """End an unpaid withdrawal and give the gross amount back; raises ValueError once it was paid."""
        if record.tx_id or record.status not in OPEN_STATUSES:
            raise ValueError(f"expected an unpaid open withdrawal, found {record.status.name} {record.tx_id}")
        record.status, record.info = status, reason
        record.complete_ms = record.updated_ms = now_ms
        account.withdrawing[record.coin] -= record.gross
        account.credit(self.wallet, record.coin, record.gross, now_ms)
