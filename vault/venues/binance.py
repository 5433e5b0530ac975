"""Binance: one USD-M margin account with its spot wallet.

Refuses to act on another account than the configured UID, with a clock beyond the bound, and to send a
withdrawal or transfer whose network, amount or address it has not checked itself just before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vault.clock import Clock, to_iso
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.money import Amount, plain
from vault.venues import binance_margin, binance_wallet
from vault.venues.base import (
    ClockReading,
    DepositAddress,
    DepositStatus,
    InternalTransfer,
    InternalTransferReceipt,
    InternalTransferSearch,
    KeyPermissions,
    RawAnswer,
    Role,
    SpotBalance,
    Venue,
    WithdrawalSearch,
    WithdrawNetwork,
    WithdrawReceipt,
    WithdrawRequest,
)
from vault.venues.connection import Connection
from vault.venues.raw import Fields, rows
from vault.venues.registry import asset_network, check_client_id, check_destination
from vault.venues.transport import SendPermit

# Everything that needs no key and that `vault.markets` may ask for.
PUBLIC_ENDPOINTS: Final = frozenset(
    {
        "fapiPublicGetPremiumIndex",
        "fapiPublicGetFundingRate",
        "fapiPublicGetFundingInfo",
        "fapiPublicGetOpenInterest",
        "fapiDataGetOpenInterestHist",
        "fapiPublicGetTicker24hr",
        "fapiPublicGetDepth",
        "fapiPublicGetTime",
        "publicGetTicker24hr",
        "publicGetKlines",
    }
)
HISTORY_LIMIT: Final = 1000  # rows of one page of the withdrawal and deposit history
TRANSFER_PAGE: Final = 100
FEW_ASSETS: Final = 8
NO_SUCH_SYMBOL: Final = "-1121"
CLIENT_ID_HISTORY: Final = timedelta(days=6, hours=23)  # the filter by client id reaches back 7 days
HISTORY: Final = timedelta(days=89)  # without it, 90 days

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Connections = Callable[[Role | None], AbstractContextManager[Connection]]


class Binance(Venue):
    """`connections` lends a connection of a role (None: without keys) for the time of one call."""

    def __init__(self, settings: VenueSettings, connections: Connections, clock: Clock) -> None:
        self.settings = settings
        self._connections = connections
        self._clock = clock

    # What is read

    def read_account(self) -> MarginAccount:
        with self._own("read") as ask:
            multi_assets = ask.get("fapiPrivateGetAccountConfig")
            clock = self._checked_clock(ask)
            account = ask.get("fapiPrivateV3GetAccount")
            positions = ask.get("fapiPrivateV3GetPositionRisk")
            symbols = self._symbols(positions)
            answers = binance_margin.AccountAnswers(
                account=account,
                position_risk=positions,
                premium_index=tuple(
                    ask.get("fapiPublicGetPremiumIndex", {"symbol": symbol}) for symbol in symbols
                ),
                brackets=ask.get("fapiPrivateGetLeverageBracket"),
                multi_assets=multi_assets,
                asset_index=self._asset_index(ask, account, positions),
            )
        context = binance_margin.ReadingContext(
            name=self.settings.name,
            uid=self.settings.account_uid,
            server_time=clock.server_time,
            received_at=self._clock.now(),
            clock_skew_ms=clock.skew_ms,
        )
        return binance_margin.margin_account(answers, context)

    def _symbols(self, positions: Any) -> list[str]:
        """Contracts whose mark price dates the account: those held, else the first configured one."""
        lines = rows(positions, "positionRisk")
        held = {line.text("symbol") for line in lines if line.decimal("positionAmt")}
        return sorted(held) or [self.settings.contracts[0]]

    def _asset_index(self, ask: Connection, account: Any, positions: Any) -> list[Any]:
        """Index and haircut of each asset that is held or settles a position.

        A few are cheapest one by one; the list of all costs ten times the weight of one.
        """
        assets = {
            line.text("asset")
            for line in Fields.of(account, "account").rows("assets")
            if line.decimal("walletBalance") or line.decimal("unrealizedProfit")
        }
        assets |= {
            line.text("marginAsset")
            for line in rows(positions, "positionRisk")
            if line.decimal("positionAmt")
        }
        if len(assets) > FEW_ASSETS:
            every = ask.get("fapiPublicGetAssetIndex")
            return every if isinstance(every, list) else [every]
        found = []
        for asset in sorted(assets):
            try:
                found.append(ask.get("fapiPublicGetAssetIndex", {"symbol": f"{asset}USD"}))
            except VenueError as error:
                if error.details.get("venue_code") != NO_SUCH_SYMBOL:
                    raise
        return found

    def read_clock(self) -> ClockReading:
        with self._connections(None) as ask:
            return self._checked_clock(ask)

    def _measure_clock(self, ask: Connection) -> ClockReading:
        before = self._clock.now()
        server = Fields.of(ask.get("fapiPublicGetTime"), "time").instant("serverTime")
        round_trip = self._clock.now() - before
        skew = server - (before + round_trip / 2)
        return ClockReading(server, _milliseconds(skew), _milliseconds(round_trip))

    def _checked_clock(self, ask: Connection) -> ClockReading:
        clock = self._measure_clock(ask)
        bound = self.settings.max_clock_skew_ms
        # Half the round trip is what the measurement itself may be off.
        if abs(clock.skew_ms) - clock.round_trip_ms // 2 > bound:
            raise VenueError(
                "clock_skew",
                f"{self.settings.name}: expected clocks within {bound} ms, "
                f"the venue's is {clock.skew_ms} ms off",
                hint="Synchronise this machine's clock; nothing was sent.",
            )
        return clock

    def permissions(self, role: Role) -> KeyPermissions:
        with self._own(role) as ask:
            answer = ask.get("sapiGetAccountApiRestrictions")
        return binance_wallet.key_permissions(answer, role, self.settings.account_uid)

    def spot_balance(self, asset: str) -> SpotBalance:
        with self._own("read") as ask:
            clock = self._measure_clock(ask)
            return binance_wallet.spot_balance(ask.get("privateGetAccount"), asset, clock.server_time)

    def network_info(self, asset: str, network: str) -> WithdrawNetwork:
        asset_network("binance", asset, network)
        with self._own("read") as ask:
            return self._network_info(ask, asset, network)

    def _network_info(self, ask: Connection, asset: str, network: str) -> WithdrawNetwork:
        answer = ask.get("sapiGetCapitalConfigGetall")
        return binance_wallet.withdraw_network(answer, asset, network, self._clock.now())

    def deposit_address(self, asset: str, network: str) -> DepositAddress:
        asset_network("binance", asset, network)
        with self._own("read") as ask:
            answer = ask.get("sapiGetCapitalDepositAddress", {"coin": asset, "network": network})
        line = Fields.of(answer, "depositAddress")
        if line.text("coin") != asset:
            raise VenueError("bad_answer", f"expected a deposit address for {asset}, found another coin's")
        return DepositAddress(
            asset=asset,
            network=network,
            address=line.text("address"),
            tag=line.optional_text("tag"),
            account_uid=self.settings.account_uid,
            observed_at=self._clock.now(),
        )

    def find_deposit(
        self, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> DepositStatus | None:
        with self._own("read") as ask:
            answer = ask.get(
                "sapiGetCapitalDepositHisrec",
                {"coin": asset, "txId": txid, "startTime": self._start(since), "limit": HISTORY_LIMIT},
            )
        found = binance_wallet.deposits(answer, network, txid, address)
        if len(found) > 1:
            raise VenueError(
                "ambiguous_deposit",
                f"expected one deposit of {txid} to {address}, the venue lists {len(found)}",
                hint="Compare the transaction's outputs with the venue's records by hand.",
            )
        return found[0] if found else None

    def public(self, endpoint: str, parameters: tuple[tuple[str, str], ...]) -> RawAnswer:
        if endpoint not in PUBLIC_ENDPOINTS:
            raise VenueError(
                "not_public", f"expected an allow-listed public endpoint, found {endpoint[:60]!r}"
            )
        if any(name == "limit" and not value.isdecimal() for name, value in parameters):
            raise VenueError("bad_request", "limit: expected digits")
        with self._connections(None) as ask:
            # ccxt computes the cost of a request from its limit, as a number.
            typed = {name: int(value) if name == "limit" else value for name, value in parameters}
            return RawAnswer(ask.text(endpoint, typed), self._clock.now())

    # What is sent, each at most once

    def transfer_internal(self, transfer: InternalTransfer) -> InternalTransferReceipt:
        kind = self._transfer_type(transfer)
        if transfer.amount.units <= 0:
            raise VenueError("bad_amount", f"expected an amount above zero, found {transfer.amount}")
        self._in_time(transfer.not_after)
        with self._own("withdraw", fresh=True) as ask:
            self._checked_clock(ask)
            venue_id = ask.send(
                "sapiPostAssetTransfer",
                {"type": kind, "asset": transfer.amount.asset.symbol, "amount": exact_text(transfer.amount)},
                SendPermit(transfer.not_after),
                lambda answer: str(answer.integer("tranId")),
            )
        return InternalTransferReceipt(
            venue_id=venue_id,
            state="pending",
            source=transfer.source,
            destination=transfer.destination,
            amount=transfer.amount,
            at=self._clock.now(),
        )

    def find_internal_transfer(self, transfer: InternalTransfer, since: datetime) -> InternalTransferSearch:
        kind = self._transfer_type(transfer)
        with self._own("read") as ask:
            clock = self._measure_clock(ask)
            answer = ask.get(
                "sapiGetAssetTransfer",
                {"type": kind, "startTime": self._start(since), "size": TRANSFER_PAGE},
            )
        if Fields.of(answer, "transferHistory").integer("total") > TRANSFER_PAGE:
            raise VenueError(
                "history_incomplete",
                f"expected at most {TRANSFER_PAGE} transfers since {to_iso(since)}, the venue has more",
            )
        found = binance_wallet.internal_transfers(answer, transfer)
        return InternalTransferSearch(found, clock.server_time, self._covers_until(clock.server_time))

    def withdraw(self, request: WithdrawRequest) -> WithdrawReceipt:
        check_client_id(request.client_id)
        entry = asset_network("binance", request.asset, request.network)
        if request.amount.asset.symbol != request.asset:
            raise VenueError("bad_amount", f"expected an amount of {request.asset}, found {request.amount}")
        check_destination(entry, request.address, request.tag, request.bitcoin_network)
        self._in_time(request.not_after)
        with self._own("withdraw", fresh=True) as ask:
            self._checked_clock(ask)
            check_amount(request.amount, self._network_info(ask, request.asset, request.network))
            parameters = {
                "coin": request.asset,
                "network": request.network,
                "address": request.address,
                "amount": exact_text(request.amount),
                "withdrawOrderId": request.client_id,
                "walletType": "0",
            }
            if request.tag:
                parameters["addressTag"] = request.tag
            permit = SendPermit(request.not_after)
            venue_id = ask.send(
                "sapiPostCapitalWithdrawApply", parameters, permit, lambda answer: answer.text("id")
            )
            sent_at = ask.evidence.left_at
        return WithdrawReceipt(venue_id, request.client_id, sent_at or self._clock.now())

    def search_withdrawal(self, client_id: str, since: datetime) -> WithdrawalSearch:
        check_client_id(client_id)
        with self._own("read") as ask:
            clock = self._measure_clock(ask)
            age = clock.server_time - since
            if age > HISTORY:
                raise VenueError(
                    "history_too_old",
                    f"expected a search within the venue's 90 days, found one since {to_iso(since)}",
                    hint="Ask the venue's support, and look on the chain.",
                )
            parameters: dict[str, object] = {"startTime": self._start(since), "limit": HISTORY_LIMIT}
            if age < CLIENT_ID_HISTORY:
                parameters["withdrawOrderId"] = client_id
            answer = ask.get("sapiGetCapitalWithdrawHistory", parameters)
        found = binance_wallet.withdrawals(answer, client_id)
        if len(found) > 1:
            raise VenueError(
                "withdrawn_twice",
                f"expected at most one withdrawal with client id {client_id}, the venue lists {len(found)}: "
                + ", ".join(status.venue_id for status in found),
                hint="Stop, and compare the venue's history with the journal by hand.",
            )
        if not found and len(answer) >= HISTORY_LIMIT:
            raise VenueError(
                "history_incomplete", f"expected fewer than {HISTORY_LIMIT} withdrawals since {to_iso(since)}"
            )
        return WithdrawalSearch(
            found[0] if found else None, clock.server_time, self._covers_until(clock.server_time)
        )

    # Common ground

    @contextmanager
    def _own(self, role: Role, *, fresh: bool = False) -> Iterator[Connection]:
        """A connection whose key belongs to the configured account; asked again when `fresh`."""
        with self._connections(role) as ask:
            if fresh or not ask.verified:
                uid = str(Fields.of(ask.get("privateGetAccount"), "spotAccount").integer("uid"))
                if uid != self.settings.account_uid:
                    raise VenueError(
                        "wrong_account",
                        f"{self.settings.name}: expected account UID {self.settings.account_uid}, "
                        f"the {role} key belongs to {uid}",
                        hint="Store the keys of the configured account, or correct account_uid.",
                    )
                ask.verified = True
            yield ask

    def _in_time(self, not_after: datetime) -> None:
        now = self._clock.now()
        if now > not_after:
            raise VenueError(
                "too_late",
                f"expected to send until {to_iso(not_after)}, it is {to_iso(now)}; nothing was sent",
                hint="The step is unsent: run `vault send PLAN --resume`, which makes a new request.",
            )

    def _transfer_type(self, transfer: InternalTransfer) -> str:
        try:
            return binance_wallet.TRANSFER_TYPES[transfer.source, transfer.destination]
        except KeyError:
            raise VenueError(
                "unknown_transfer",
                "expected futures to spot or spot to futures, "
                f"found {transfer.source} to {transfer.destination}",
            ) from None

    def _start(self, since: datetime) -> int:
        """Start of a history search, early enough for a clock that is off within the bound."""
        slack = timedelta(milliseconds=self.settings.max_clock_skew_ms + 1000)
        return _milliseconds(since - slack - EPOCH)

    def _covers_until(self, server_time: datetime) -> datetime:
        return server_time - timedelta(
            seconds=self.settings.history_lag_seconds, milliseconds=self.settings.recv_window_ms
        )


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def exact_text(amount: Amount) -> str:
    """The shortest plain literal of an amount: no exponent, no trailing zeros, every digit."""
    text = plain(amount.to_decimal())
    return text.rstrip("0").rstrip(".") if "." in text else text


def check_amount(amount: Amount, network: WithdrawNetwork) -> None:
    """Raise `VenueError` unless the venue takes this gross amount on this network now."""
    where = f"{network.asset} on {network.network}"
    if not network.enabled:
        raise VenueError(
            "suspended", f"expected withdrawals of {where} to be open, the venue has closed them"
        )
    if amount.units <= 0 or amount < network.minimum:
        raise VenueError("below_minimum", f"{where}: expected at least {network.minimum}, found {amount}")
    if network.maximum is not None and amount > network.maximum:
        raise VenueError("above_maximum", f"{where}: expected at most {network.maximum}, found {amount}")
    if amount <= network.fee:
        raise VenueError("below_fee", f"{where}: expected more than the fee of {network.fee}, found {amount}")
    if amount != amount.quantise_down(network.step):
        raise VenueError("not_a_multiple", f"{where}: expected a multiple of {network.step}, found {amount}")
