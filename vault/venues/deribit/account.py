"""Deribit: one account, of which one segregated currency or all with cross collateral is the margin account.

Margin is withdrawn directly, there is no other wallet. A withdrawal is a GET: it needs its permit all the
same. Our id goes with it as the venue's idempotency ``nonce``; records that carry none are told apart by
their details. Refuses to ask for a withdrawal whose fee was not planned, and a tag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, TypeVar

from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues import matching
from vault.venues.base import (
    DepositStatus,
    KeyPermissions,
    Role,
    SpotBalance,
    WhitelistEntry,
    WithdrawalSearch,
    WithdrawalStatus,
    WithdrawNetwork,
    WithdrawRequest,
)
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.amounts import check_added_fee, exact_text
from vault.venues.common.reading import DepositPlace, History, Order, ReadingContext
from vault.venues.deribit import margin, positions, wallet
from vault.venues.deribit.answers import entry
from vault.venues.deribit.dialect import DIALECT, NO_SUCH_INDEX
from vault.venues.line.connection import Connection
from vault.venues.line.raw import Fields
from vault.venues.registry import NETWORKS, same_address

PAGE: Final = 1000  # entries of one answer of a history, the most there are
MAX_PAGES: Final = 10
INDEX: Final = "publicGetGetIndexPrice"
T = TypeVar("T")
ASSETS: Final = tuple(dict.fromkeys(entry.asset for entry in NETWORKS if entry.exchange == "deribit"))


class Deribit(ExchangeAccount):
    """`settings.margin_currency` names the segregated margin account; "": all, with cross collateral."""

    EXCHANGE = "deribit"
    DIALECT = DIALECT
    READS = frozenset(
        {
            "privateGetGetAccountSummaries",
            "privateGetGetAccountSummary",
            "privateGetGetPositions",
            "privateGetGetAddressBook",
            "privateGetGetCurrentDepositAddress",
            "privateGetGetDeposits",
            "privateGetGetWithdrawals",
            "privateGetListApiKeys",
        }
    )
    SENDS = frozenset({"privateGetWithdraw"})
    PUBLIC = frozenset(
        {
            "publicGetGetTime",
            "publicGetGetCurrencies",
            "publicGetGetInstrument",
            "publicGetGetInstruments",
            INDEX,
            "publicGetTicker",
            "publicGetGetOrderBook",
            "publicGetGetFundingRateHistory",
            "publicGetGetBookSummaryByInstrument",
            "publicGetGetTradingviewChartData",
            "publicGetGetLastTradesByInstrumentAndTime",
            "publicGetStatus",
        }
    )

    def uid(self, ask: Connection) -> str:
        answer = ask.get("privateGetGetAccountSummaries", {"extended": "true"})
        return str(entry(answer, "summaries").integer("id"))

    def server_time(self, ask: Connection) -> datetime:
        return Fields.of(ask.get("publicGetGetTime"), "time").instant("result")

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        currency = self.settings.margin_currency
        summaries = ask.get("privateGetGetAccountSummaries")
        margin.chosen(summaries, currency)  # before anything else is asked
        held = ask.get("privateGetGetPositions", {"currency": "any"})
        futures = positions.futures(margin.own_positions(held, currency))
        names = sorted({line.text("instrument_name") for line in futures})
        instruments = tuple(ask.get("publicGetGetInstrument", {"instrument_name": each}) for each in names)
        settles = {contract.settle for contract in positions.contracts(instruments).values()}
        answers = margin.AccountAnswers(
            summaries=summaries,
            positions=held,
            instruments=instruments,
            indexes=self._indexes(ask, margin.used(summaries, currency, settles)),
            currencies=None if currency else ask.get("publicGetGetCurrencies"),
        )
        return margin.margin_account(answers, context, currency)

    @staticmethod
    def _indexes(ask: Connection, currencies: tuple[str, ...]) -> dict[str, Any]:
        """The USD index of each currency that has one."""
        found = {}
        for currency in currencies:
            try:
                found[currency] = ask.get(INDEX, {"index_name": f"{currency.lower()}_usd"})
            except VenueError as error:
                if error.details.get("venue_code") != NO_SUCH_INDEX:
                    raise
        return found

    def key_permissions(self, ask: Connection, role: Role) -> KeyPermissions:
        answer = ask.get("privateGetListApiKeys")
        return wallet.key_permissions(answer, ask.key_id, role, self.settings.account_uid)

    def whitelisted(self, ask: Connection) -> tuple[WhitelistEntry, ...] | None:
        found: list[WhitelistEntry] = []
        for asset in ASSETS:
            asked = {"currency": asset, "type": "withdrawal"}
            found.extend(wallet.whitelist(ask.get("privateGetGetAddressBook", asked), asset))
        return tuple(found)

    def withdrawable(self, ask: Connection, asset: str, at: datetime) -> SpotBalance:
        return wallet.balance(ask.get("privateGetGetAccountSummary", {"currency": asset}), asset, at)

    def network(self, ask: Connection, asset: str, network: str) -> WithdrawNetwork:
        answer = ask.get("publicGetGetCurrencies")
        return wallet.withdraw_network(answer, asset, network, self._clock.now())

    def deposit_place(self, ask: Connection, asset: str, network: str) -> DepositPlace:
        answer = ask.get("privateGetGetCurrentDepositAddress", {"currency": asset})
        return wallet.deposit_place(answer, asset)

    def deposits(  # noqa: PLR0917  a deposit is known by all of these
        self, ask: Connection, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> History[DepositStatus]:
        required = self.network(ask, asset, network).confirmations
        return _listed(
            ask,
            "privateGetGetDeposits",
            asset,
            lambda lines: wallet.deposits(lines, asset, txid, address, required),
        )

    def withdraw_order(self, request: WithdrawRequest, network: WithdrawNetwork) -> Order:
        """What is asked for is what the address receives: the venue adds its fee.

        Without the planned fee the record of it could not be told from another's.
        """
        _check_planned(request)
        if request.tag:
            raise VenueError(
                "tag_not_offered", "deribit: expected no tag, a withdrawal there has none; nothing was sent"
            )
        amount = exact_text(check_added_fee(request, network))
        parameters = {
            "currency": request.asset,
            "address": request.address,
            "amount": amount,
            "nonce": request.client_id,
        }
        return Order("privateGetWithdraw", parameters, lambda answer: _receipt(answer, request))

    def search_withdrawal(self, request: WithdrawRequest, since: datetime) -> WithdrawalSearch:
        _check_planned(request)
        return super().search_withdrawal(request, since)

    def withdrawals(
        self, ask: Connection, request: WithdrawRequest, since: datetime, now: datetime
    ) -> History[WithdrawalStatus]:
        """The one entry that can be the request, under its id. Raises ``venue.ambiguous_withdrawal``.

        An entry with another's nonce is another's; one with ours, or with none, must have the details.
        """
        listed = _listed(
            ask,
            "privateGetGetWithdrawals",
            request.asset,
            lambda lines: wallet.withdrawals(
                (
                    line
                    for line in lines
                    if matching.may_be(line, request, address="address", client_id="nonce")
                ),
                request.asset,
            ),
        )
        if not listed.complete:
            raise self._incomplete("withdrawals", since)
        candidates = tuple(status for status in listed.found if status.client_id in {"", request.client_id})
        late = request.not_after + self._accept_window() + self._skew()
        found = matching.only_one(candidates, replace(request, client_id=""), since, late)
        for status in candidates:
            if status.client_id == request.client_id and status != found:
                raise VenueError(
                    "ambiguous_withdrawal",
                    f"expected withdrawal {status.venue_id}, which has our id, to be {request.amount} to "
                    f"{request.address}; the venue lists {status.gross} to {status.address}",
                    hint="Stop, and compare the venue's history with the journal by hand.",
                )
        return History(() if found is None else (replace(found, client_id=request.client_id),))


def _check_planned(request: WithdrawRequest) -> None:
    if request.fee is None:
        raise VenueError(
            "fee_not_planned",
            "deribit adds its fee to the amount: expected a request with the planned fee, found none",
            hint="Make a new plan.",
        )


def _receipt(answer: Fields, request: WithdrawRequest) -> str:
    """The id of what the venue recorded, when that is what was asked for; a raise makes it unknown."""
    line = entry(answer.data, answer.where)
    (status,) = wallet.withdrawals((line,), request.asset)
    planned = request.fee or status.fee
    ours = (
        same_address(status.address, request.address)
        and status.amount == request.amount - planned
        and status.client_id in {"", request.client_id}
    )
    if not ours:
        raise VenueError("bad_answer", "expected the receipt of this withdrawal, found another's")
    return status.venue_id


def _listed(
    ask: Connection, method: str, asset: str, read: Callable[[list[Fields]], tuple[T, ...]]
) -> History[T]:
    """A currency's whole history. Pages shift when an entry is added meanwhile: none is lost by that."""
    lines: list[Fields] = []
    for number in range(MAX_PAGES):
        answer = ask.get(method, {"currency": asset, "count": PAGE, "offset": number * PAGE})
        rows, count = wallet.page(answer, method)
        lines.extend(rows)
        if len({line.data.get("id", index) for index, line in enumerate(lines)}) >= count:
            return History(read(lines))
        if len(rows) < PAGE:
            break
    return History(read(lines), complete=False)
