"""The flow that is the same at every exchange: check the account, the clock and the request, then ask once.

Refuses to act on another account than the configured UID, with a clock beyond the bound, to send what it
has not checked itself just before, and to pick one of two records that both look like ours. An exchange
fills the hooks at the end; what it leaves out is refused by name.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar, Final, NoReturn

from vault.clock import Clock, to_iso
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues import matching
from vault.venues.base import (
    ClockReading,
    DepositAddress,
    DepositStatus,
    HoldStatus,
    InternalTransfer,
    InternalTransferReceipt,
    InternalTransferSearch,
    KeyPermissions,
    RawAnswer,
    Role,
    SpotBalance,
    Venue,
    WhitelistEntry,
    WithdrawalSearch,
    WithdrawalStatus,
    WithdrawNetwork,
    WithdrawReceipt,
    WithdrawRequest,
)
from vault.venues.common import clocks
from vault.venues.common.amounts import check_added_fee, check_amount, check_included_fee
from vault.venues.common.reading import DepositPlace, History, Order, ReadingContext
from vault.venues.common.sanity import checked
from vault.venues.line.connection import Connection
from vault.venues.line.endpoints import KEY, Endpoints
from vault.venues.line.outcome import Dialect
from vault.venues.line.transport import SendPermit
from vault.venues.registry import asset_network, check_client_id, check_destination
from vault.venues.routes import check_hop, wallets
from vault.venues.traits import Traits, traits_of

CLOCK_SLACK: Final = timedelta(seconds=1)
# Parameters of public endpoints that ccxt computes a cost from, as numbers.
NUMBERS: Final = frozenset({"limit"})

Connections = Callable[[Role | None], AbstractContextManager[Connection]]


class ExchangeAccount(Venue):
    """`connections` lends a connection of a role (None: without keys) for the time of one call."""

    EXCHANGE: ClassVar[str]
    READS: ClassVar[frozenset[str]]
    SENDS: ClassVar[frozenset[str]] = frozenset()
    PUBLIC: ClassVar[frozenset[str]] = frozenset()
    DIALECT: ClassVar[Dialect]
    CREDENTIALS: ClassVar[Mapping[str, str]] = KEY
    CCXT: ClassVar[str] = ""
    """The ccxt class, where it is not named like the exchange."""
    BESIDE: ClassVar[Mapping[str, Endpoints]] = {}
    """Other ccxt classes of the same account, for `Connection.other`."""
    UNNAMED: ClassVar[Mapping[str, str]] = {}
    """Public paths that ccxt has no method for, by the name that they get here."""

    def __init__(self, settings: VenueSettings, connections: Connections, clock: Clock) -> None:
        self.settings = settings
        self._connections = connections
        self._clock = clock

    @classmethod
    def endpoints(cls) -> Endpoints:
        """What a connection of this exchange may call."""
        return Endpoints(
            ccxt=cls.CCXT or cls.EXCHANGE,
            reads=cls.READS,
            sends=cls.SENDS,
            public=cls.PUBLIC,
            dialect=cls.DIALECT,
            credentials=cls.CREDENTIALS,
            rising_nonces=traits_of(cls.EXCHANGE).rising_nonces,
            unnamed=cls.UNNAMED,
        )

    @property
    def traits(self) -> Traits:
        return traits_of(self.EXCHANGE)

    # What is read

    def read_account(self) -> MarginAccount:
        with self._own("read") as ask:
            clock = self._checked_clock(ask)
            context = ReadingContext(
                name=self.settings.name,
                uid=self.settings.account_uid,
                server_time=clock.server_time,
                received_at=self._clock.now(),
                clock_skew_ms=clock.skew_ms,
            )
            account = self.account(ask, context)
        return replace(checked(account), received_at=self._clock.now(), custody=self.settings.custody)

    def read_clock(self) -> ClockReading:
        with self._connections(None) as ask:
            return self._checked_clock(ask)

    def permissions(self, role: Role) -> KeyPermissions:
        with self._own(role) as ask:
            return self.key_permissions(ask, role)

    def whitelist(self) -> tuple[WhitelistEntry, ...] | None:
        with self._own("read") as ask:
            return self.whitelisted(ask)

    def holds(self) -> HoldStatus:
        with self._own("read") as ask:
            return self.hold(ask)

    def spot_balance(self, asset: str) -> SpotBalance:
        with self._own("read") as ask:
            return self.withdrawable(ask, asset, self._measure_clock(ask).server_time)

    def network_info(self, asset: str, network: str) -> WithdrawNetwork:
        entry = asset_network(self.EXCHANGE, asset, network)
        with self._own("read") as ask:
            found = self.network(ask, asset, network)
        entry.require_token(found.contract)
        return found

    def deposit_address(self, asset: str, network: str) -> DepositAddress:
        entry = asset_network(self.EXCHANGE, asset, network)
        with self._own("read") as ask:
            place = self.deposit_place(ask, asset, network)
        return DepositAddress(
            asset=asset,
            network=network,
            address=entry.own_address(place.address),
            tag=place.tag,
            account_uid=self.settings.account_uid,
            observed_at=self._clock.now(),
            wallet=place.wallet or wallets(self.EXCHANGE, self.settings.product)[-1],
        )

    def find_deposit(
        self, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> DepositStatus | None:
        asset_network(self.EXCHANGE, asset, network)
        with self._own("read") as ask:
            history = self.deposits(ask, asset, network, txid, address, self._from(since))
        found = tuple(dict.fromkeys(history.found))  # a venue may list one record twice, word for word
        if len(found) > 1:
            raise VenueError(
                "ambiguous_deposit",
                f"expected one deposit of {txid} to {address}, the venue lists {len(found)}",
                hint="Compare the transaction's outputs with the venue's records by hand.",
            )
        if not found and not history.complete:
            raise self._incomplete("deposits", since)
        return found[0] if found else None

    def public(self, endpoint: str, parameters: tuple[tuple[str, str], ...]) -> RawAnswer:
        beside, _, method = endpoint.rpartition(".")
        listed = self.PUBLIC if not beside else self.BESIDE[beside].public if beside in self.BESIDE else ()
        if method not in listed:
            raise VenueError(
                "not_public", f"expected an allow-listed public endpoint, found {endpoint[:60]!r}"
            )
        if any(name in NUMBERS and not value.isdecimal() for name, value in parameters):
            raise VenueError("bad_request", "limit: expected digits")
        with self._connections(None) as ask:
            typed = {name: int(value) if name in NUMBERS else value for name, value in parameters}
            line = ask.other(beside) if beside else ask
            return RawAnswer(line.text(method, typed), self._clock.now())

    # What is sent, each at most once

    def transfer_internal(self, transfer: InternalTransfer) -> InternalTransferReceipt:
        self._may_send()
        check_hop(self.EXCHANGE, self.settings.product, transfer.source, transfer.destination)
        if transfer.amount.units <= 0:
            raise VenueError("bad_amount", f"expected an amount above zero, found {transfer.amount}")
        self._in_time(transfer.not_after)
        order = self.transfer_order(transfer)
        with self._own("withdraw", fresh=True) as ask:
            self._checked_clock(ask)
            venue_id, _ = _submit(ask, order, transfer.not_after)
        return InternalTransferReceipt(
            venue_id=venue_id,
            state="pending",
            source=transfer.source,
            destination=transfer.destination,
            amount=transfer.amount,
            at=self._clock.now(),
        )

    def find_internal_transfer(self, transfer: InternalTransfer, since: datetime) -> InternalTransferSearch:
        check_hop(self.EXCHANGE, self.settings.product, transfer.source, transfer.destination)
        with self._own("read") as ask:
            clock = self._measure_clock(ask)
            history = self.transfers(ask, transfer, self._from(since))
        if not history.complete:
            raise self._incomplete("transfers", since)
        found = tuple(sorted(dict.fromkeys(history.found), key=lambda receipt: receipt.at))
        return InternalTransferSearch(found, clock.server_time, self._covers_until(clock.server_time))

    def withdraw(self, request: WithdrawRequest) -> WithdrawReceipt:
        self._may_send()
        check_client_id(request.client_id)
        entry = asset_network(self.EXCHANGE, request.asset, request.network)
        if request.amount.asset.symbol != request.asset:
            raise VenueError("bad_amount", f"expected an amount of {request.asset}, found {request.amount}")
        check_destination(entry, request.address, request.tag, request.bitcoin_network)
        self._in_time(request.not_after)
        with self._own("withdraw", fresh=True) as ask:
            self._checked_clock(ask)
            network = self.network(ask, request.asset, request.network)
            entry.require_token(network.contract)
            added = self.traits.fee == "added"
            asked = (check_added_fee if added else check_included_fee)(request, network)
            check_amount(asked, network, fee_included=not added)
            order = self.withdraw_order(self._as_theirs(request), network)
            venue_id, sent_at = _submit(ask, order, request.not_after)
        return WithdrawReceipt(venue_id, request.client_id, sent_at or self._clock.now())

    def search_withdrawal(self, request: WithdrawRequest, since: datetime) -> WithdrawalSearch:
        check_client_id(request.client_id)
        asset_network(self.EXCHANGE, request.asset, request.network)
        theirs = self._as_theirs(request)
        with self._own("read") as ask:
            clock = self._measure_clock(ask)
            if clock.server_time - since > self.traits.history:
                raise VenueError(
                    "history_too_old",
                    f"expected a search within the venue's {self.traits.history.days + 1} days, "
                    f"found one since {to_iso(since)}",
                    hint="Ask the venue's support, and look on the chain.",
                )
            history = self.withdrawals(ask, theirs, self._from(since), clock.server_time)
        late = request.not_after + self._accept_window() + self._skew()
        found = matching.only_one(history.found, theirs, self._from(since), late)
        if not history.complete and (found is None or not theirs.client_id):
            raise self._incomplete("withdrawals", since)
        return WithdrawalSearch(
            None if found is None else replace(found, client_id=request.client_id),
            clock.server_time,
            self._covers_until(clock.server_time),
            self.traits.known_by,
        )

    # Common ground

    @contextmanager
    def _own(self, role: Role, *, fresh: bool = False) -> Iterator[Connection]:
        """A connection whose key belongs to the configured account; asked again when `fresh`."""
        with self._connections(role) as ask:
            if fresh or not ask.verified:
                if self.traits.rising_nonces:
                    clocks.keep_nonces_low(self._measure_clock(ask), self.settings)
                uid = self.uid(ask)
                if uid != self.settings.account_uid:
                    raise VenueError(
                        "wrong_account",
                        f"{self.settings.name}: expected account UID {self.settings.account_uid}, "
                        f"the {role} key belongs to {uid}",
                        hint="Store the keys of the configured account, or correct account_uid.",
                    )
                ask.verified = True
            yield ask

    def _measure_clock(self, ask: Connection) -> ClockReading:
        return clocks.measured(self._clock, lambda: self.server_time(ask))

    def _checked_clock(self, ask: Connection) -> ClockReading:
        return clocks.check_skew(self._measure_clock(ask), self.settings)

    def _may_send(self) -> None:
        if self.traits.ships == "read_only":
            raise VenueError(
                "read_only", f"{self.settings.name}: {self.EXCHANGE} is only read here; nothing was sent"
            )
        if self.settings.custody == "off_exchange":
            raise VenueError(
                "off_exchange",
                f"{self.settings.name}: the coins are with {self.settings.custodian}, the venue holds only "
                "their mirror; nothing was sent",
                hint="Move them at the custodian.",
            )

    def _in_time(self, not_after: datetime) -> None:
        now = self._clock.now()
        if now > not_after:
            raise VenueError(
                "too_late",
                f"expected to send until {to_iso(not_after)}, it is {to_iso(now)}; nothing was sent",
                hint="The step is unsent: run `vault send PLAN --resume`, which makes a new request.",
            )

    def _as_theirs(self, request: WithdrawRequest) -> WithdrawRequest:
        """The request under the venue's form of our client id, "" where it has none."""
        ids = self.traits.client_ids
        return replace(request, client_id="" if ids is None else ids.of(request.client_id))

    def _skew(self) -> timedelta:
        return timedelta(milliseconds=self.settings.max_clock_skew_ms) + CLOCK_SLACK

    def _from(self, since: datetime) -> datetime:
        """Start of a history search, early enough for a clock that is off within the bound."""
        return since - self._skew()

    def _accept_window(self) -> timedelta:
        return self.traits.accept_window or timedelta(milliseconds=self.settings.recv_window_ms)

    def _covers_until(self, server_time: datetime) -> datetime:
        """Never later than our own clock allows: a venue's clock that is wrong must not prove an absence."""
        seen = min(server_time, self._clock.now() + self._skew())
        return seen - timedelta(seconds=self.settings.history_lag_seconds) - self._accept_window()

    @staticmethod
    def _incomplete(what: str, since: datetime) -> VenueError:
        return VenueError(
            "history_incomplete",
            f"expected all {what} since {to_iso(since)}, the venue has more than it lists",
            hint="Look the entry up at the venue.",
        )

    def _not_offered(self, what: str) -> NoReturn:
        raise VenueError("not_offered", f"{self.EXCHANGE}: {what} is not read from this exchange")

    # Hooks: what an exchange fills

    @abstractmethod
    def uid(self, ask: Connection) -> str:
        """The account that the connection's key belongs to."""

    @abstractmethod
    def server_time(self, ask: Connection) -> datetime:
        """The venue's clock; must need no key."""

    @abstractmethod
    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        """Several `ask.get`, then one pure function of the exchange's margin module."""

    def key_permissions(self, ask: Connection, role: Role) -> KeyPermissions:
        """What the connection's key may do."""
        self._not_offered("what a key may do")

    def whitelisted(self, ask: Connection) -> tuple[WhitelistEntry, ...] | None:
        """The venue's list of addresses, None where it cannot say."""
        return None

    def hold(self, ask: Connection) -> HoldStatus:
        """Whether withdrawals are held back."""
        return HoldStatus(held=None, until=None, reason="", observed_at=self._clock.now())

    def withdrawable(self, ask: Connection, asset: str, at: datetime) -> SpotBalance:
        """The balance of the wallet that withdrawals leave from; `at` is the venue's clock."""
        self._not_offered("the wallet that withdrawals leave from")

    def network(self, ask: Connection, asset: str, network: str) -> WithdrawNetwork:
        """The network's flags, fee, minimum and step, live."""
        self._not_offered("a network")

    def deposit_place(self, ask: Connection, asset: str, network: str) -> DepositPlace:
        """The venue's present deposit address."""
        self._not_offered("a deposit address")

    def deposits(  # noqa: PLR0917  a deposit is known by all of these
        self, ask: Connection, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> History[DepositStatus]:
        """The deposits of that transaction to that address, on that network."""
        self._not_offered("the history of deposits")

    def transfer_order(self, transfer: InternalTransfer) -> Order:
        """Pure: the send that makes a transfer, one hop of `vault.venues.routes`."""
        self._not_offered("a transfer")

    def transfers(
        self, ask: Connection, transfer: InternalTransfer, since: datetime
    ) -> History[InternalTransferReceipt]:
        """Recorded transfers of that direction, asset and exact amount."""
        self._not_offered("the history of transfers")

    def withdraw_order(self, request: WithdrawRequest, network: WithdrawNetwork) -> Order:
        """Pure: the send that withdraws. `request` carries the venue's form of the client id."""
        self._not_offered("a withdrawal")

    def withdrawals(
        self, ask: Connection, request: WithdrawRequest, since: datetime, now: datetime
    ) -> History[WithdrawalStatus]:
        """What may be the request: entries of its client id, or all of its asset where there are no ids.

        `now` is the venue's clock. The caller matches them (`vault.venues.matching`).
        """
        self._not_offered("the history of withdrawals")


def _submit(ask: Connection, order: Order, not_after: datetime) -> tuple[str, datetime | None]:
    """The venue's id of what was sent once, and when it left."""
    line = ask.other(order.beside) if order.beside else ask
    venue_id = line.send(order.method, order.parameters, SendPermit(not_after), order.receipt)
    return venue_id, line.evidence.left_at
