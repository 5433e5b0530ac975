"""What a trading venue can be asked, and the types its answers come in.

Pure data and one abstract base; a venue is one module that fills it. Amounts that move are `Amount`,
what is measured is an exact `Decimal`; what a venue did not say is None, never zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from vault.model import MarginAccount
from vault.money import Amount

Role = Literal["read", "withdraw"]
VenueWallet = str
"""A wallet of an account in the exchange's own words (`vault.venues.routes`)."""
WithdrawalState = Literal["processing", "sent", "completed", "refused", "cancelled"]


@dataclass(frozen=True, slots=True)
class WithdrawNetwork:
    """One way in and out for an asset as the venue says it now; `fee` is taken out of the amount.

    `step` is the smallest multiple the venue accepts, `confirmations` what a deposit waits for; less than
    `deposit_minimum` is never credited. `contract` is the token that the venue says it moves, "" where it
    does not.
    """

    asset: str
    network: str
    enabled: bool
    deposit_enabled: bool
    fee: Amount
    minimum: Amount
    maximum: Amount | None
    step: Amount
    confirmations: int
    observed_at: datetime
    deposit_minimum: Amount | None = None
    contract: str = ""


@dataclass(frozen=True, slots=True)
class DepositAddress:
    """Where the venue says a deposit goes now; a plan compares it with the attested entry.

    `wallet` is the one of the account that it is credited to.
    """

    asset: str
    network: str
    address: str
    tag: str
    account_uid: str
    observed_at: datetime
    wallet: VenueWallet


@dataclass(frozen=True, slots=True)
class DepositStatus:
    """A deposit as the venue sees it. ``credited`` can be transferred; only `unlocked` can be withdrawn."""

    state: Literal["pending", "credited", "refused"]
    unlocked: bool
    txid: str
    asset: str
    network: str
    amount: Amount
    address: str
    confirmations: int
    required_confirmations: int
    raw_status: str
    tag: str = ""
    applied_at: datetime | None = None
    credited_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SpotBalance:
    """An asset in the wallet that withdrawals leave from: `free` can be withdrawn, `locked` cannot."""

    asset: str
    free: Amount
    locked: Amount
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class KeyPermissions:
    """What one API key may do at the venue; None where the venue does not say.

    `ip_list` are the addresses the key works from; a venue may say only whether there are any.
    `withdraw_whitelist_on`: withdrawals go to the venue's own list of addresses alone.
    """

    role: Role
    account_uid: str
    can_read: bool | None
    can_withdraw: bool | None
    can_trade: bool | None
    can_transfer: bool | None
    ip_restricted: bool | None
    created_at: datetime | None
    ip_list: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    withdraw_whitelist_on: bool | None = None


@dataclass(frozen=True, slots=True)
class WhitelistEntry:
    """One address the venue lets withdrawals go to; "" where the entry is for any asset or network.

    `name` is what the venue calls it (at kraken the key that a withdrawal names). None: not said.
    """

    asset: str
    network: str
    address: str
    tag: str
    name: str
    verified: bool | None
    usable_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class HoldStatus:
    """Withdrawals held back after a security change: until when; all None where the venue does not say."""

    held: bool | None
    until: datetime | None
    reason: str
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class WithdrawRequest:
    """A withdrawal from the spot wallet to a chain address.

    `amount` is gross: what leaves the wallet, the venue's fee included. `fee` is the part of it that was
    planned as the venue's; where the venue adds its fee to what we ask for, another fee is refused.
    `not_after` bounds how late the request may still be sent; the venue can accept it until `not_after`
    plus the receive window, by its own clock. `bitcoin_network` is the network that an address of Bitcoin
    must belong to, "" where another chain is meant. `signed_action`: what a device has signed, at venues that
    take nothing else (`Traits.signed_by`).
    """

    client_id: str
    asset: str
    amount: Amount
    network: str
    address: str
    tag: str
    bitcoin_network: str
    not_after: datetime
    fee: Amount | None = None
    signed_action: str = ""


@dataclass(frozen=True, slots=True)
class WithdrawReceipt:
    """The venue accepted the request under its own id."""

    venue_id: str
    client_id: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class WithdrawalStatus:
    """A withdrawal in the venue's history; `amount` is what the address receives, `fee` what was kept.

    `client_id` is "" where the venue knows none. Of its times those that the venue says.
    """

    state: WithdrawalState
    venue_id: str
    client_id: str
    txid: str | None
    asset: str
    amount: Amount
    fee: Amount
    address: str
    network: str
    applied_at: datetime
    raw_status: str
    tag: str = ""
    completed_at: datetime | None = None

    @property
    def gross(self) -> Amount:
        """What left the wallet."""
        return self.amount + self.fee


@dataclass(frozen=True, slots=True)
class WithdrawalSearch:
    """The history asked for one request: by its client id, or by its details where the venue has no ids.

    `answered_at` is the venue's clock read before the history was asked, so the answer is at least
    that young. `covers_until` = answered_at - history lag - receive window: a request whose `not_after`
    lies before it, and that was not found, was never accepted.
    """

    found: WithdrawalStatus | None
    answered_at: datetime
    covers_until: datetime
    matched_by: Literal["client_id", "details"] = "client_id"

    def proves_absence(self, not_after: datetime) -> bool:
        """True when nothing was found and nothing sent up to `not_after` can still appear."""
        return self.found is None and not_after < self.covers_until


@dataclass(frozen=True, slots=True)
class InternalTransfer:
    """A move between two wallets of one account; the venue knows no client id for it."""

    source: VenueWallet
    destination: VenueWallet
    amount: Amount
    not_after: datetime


@dataclass(frozen=True, slots=True)
class InternalTransferReceipt:
    """A transfer as the venue recorded it."""

    venue_id: str
    state: Literal["pending", "confirmed", "failed"]
    source: VenueWallet
    destination: VenueWallet
    amount: Amount
    at: datetime


@dataclass(frozen=True, slots=True)
class InternalTransferSearch:
    """All recorded transfers of that direction, asset and exact amount since a moment, oldest first.

    `answered_at` and `covers_until` as in `WithdrawalSearch`.
    """

    found: tuple[InternalTransferReceipt, ...]
    answered_at: datetime
    covers_until: datetime

    def proves_absence(self, not_after: datetime) -> bool:
        """True when nothing was found and nothing sent up to `not_after` can still appear."""
        return not self.found and not_after < self.covers_until


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """The text of a public endpoint's answer as it came over the wire, and when it came."""

    text: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The venue's clock against ours: `skew_ms` = venue - ours, at the middle of a round trip."""

    server_time: datetime
    skew_ms: int
    round_trip_ms: int


class Venue(ABC):
    """One account at one venue.

    Reads raise `VenueError`; sends raise `VenueError` only when nothing was accepted, and
    `OutcomeUnknownError` for everything else that is not a receipt. Nothing is ever sent twice.
    """

    @abstractmethod
    def read_account(self) -> MarginAccount:
        """The margin account, from the venue's raw strings."""

    @abstractmethod
    def read_clock(self) -> ClockReading:
        """The venue's clock; raises ``venue.clock_skew`` beyond the configured bound."""

    @abstractmethod
    def permissions(self, role: Role) -> KeyPermissions:
        """What the key of that role may do."""

    @abstractmethod
    def whitelist(self) -> tuple[WhitelistEntry, ...] | None:
        """The venue's own list of addresses for withdrawals; None: it cannot say."""

    @abstractmethod
    def holds(self) -> HoldStatus:
        """Whether withdrawals are held back after a security change."""

    @abstractmethod
    def spot_balance(self, asset: str) -> SpotBalance:
        """What the wallet that withdrawals leave from holds of an asset."""

    @abstractmethod
    def network_info(self, asset: str, network: str) -> WithdrawNetwork:
        """Flags, fee, minimum and step, read live."""

    @abstractmethod
    def deposit_address(self, asset: str, network: str) -> DepositAddress:
        """The venue's present deposit address."""

    @abstractmethod
    def transfer_internal(self, transfer: InternalTransfer) -> InternalTransferReceipt:
        """Move between the account's own wallets, once."""

    @abstractmethod
    def find_internal_transfer(self, transfer: InternalTransfer, since: datetime) -> InternalTransferSearch:
        """Transfers like this one since a moment."""

    @abstractmethod
    def withdraw(self, request: WithdrawRequest) -> WithdrawReceipt:
        """Withdraw, once."""

    @abstractmethod
    def search_withdrawal(self, request: WithdrawRequest, since: datetime) -> WithdrawalSearch:
        """What the venue recorded of that request, or proof material that there is nothing."""

    @abstractmethod
    def find_deposit(
        self, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> DepositStatus | None:
        """The deposit of that transaction to that address, or None."""

    @abstractmethod
    def public(self, endpoint: str, parameters: tuple[tuple[str, str], ...]) -> RawAnswer:
        """The raw text of an allow-listed public endpoint; asked without keys."""
