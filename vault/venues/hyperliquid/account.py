"""Hyperliquid: the account of an address. No keys exist: what is read is public, what is sent was signed.

A withdrawal is an action that the device of the address has signed; this posts it as it is, and the venue
takes a nonce once. Refuses an account in portfolio margin, whose haircuts no answer says, and every send that
is not such a withdrawal. Sources: those of `margin` and `wallet`; Hyperliquid "Info endpoint".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final

from vault.errors import VenueError
from vault.model import MarginAccount
from vault.money import Amount, asset_of
from vault.venues.base import DepositStatus, SpotBalance, WithdrawalStatus, WithdrawNetwork, WithdrawRequest
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.reading import DepositPlace, History, Order, ReadingContext, unix_milliseconds
from vault.venues.hyperliquid import margin, wallet
from vault.venues.hyperliquid.dialect import DIALECT
from vault.venues.line.connection import Connection
from vault.venues.line.raw import Fields

MAX_PAGES: Final = 20
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)


class Hyperliquid(ExchangeAccount):
    EXCHANGE = "hyperliquid"
    CREDENTIALS: ClassVar[Mapping[str, str]] = {}
    DIALECT = DIALECT
    READS = frozenset({"publicPostInfo"})
    SENDS = frozenset({"privatePostExchange"})

    def uid(self, ask: Connection) -> str:
        """The address itself: there is no key whose account could be another."""
        if not _ADDRESS.fullmatch(self.settings.account_uid):
            raise VenueError(
                "bad_account",
                f"{self.settings.name}: expected account_uid to be an address (0x and 40 hex digits), "
                f"found {self.settings.account_uid!r}",
            )
        return self.settings.account_uid

    def server_time(self, ask: Connection) -> datetime:
        return Fields.of(self._info(ask, "exchangeStatus"), "exchangeStatus").instant("time")

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        user = self._user(ask)
        mode = margin.read_mode(self._info(ask, "userAbstraction", user=user))
        first = self._dex(ask, user, "")
        if mode == margin.STANDARD:
            return margin.standard_account(first, context)
        names = margin.dex_names(self._info(ask, "perpDexs"))
        others = tuple(self._dex(ask, user, name) for name in names[: margin.MAX_DEXES])
        spot = self._info(ask, "spotClearinghouseState", user=user)
        unread = names[margin.MAX_DEXES :]
        return margin.unified_account((first, *others), spot, unread, context)

    def withdrawable(self, ask: Connection, asset: str, at: datetime) -> SpotBalance:
        if asset != wallet.COIN:
            nothing = Amount(asset_of(asset), 0)  # the margin is in USDC and holds nothing else
            return SpotBalance(asset, nothing, nothing, at)
        user = self._user(ask)
        mode = margin.read_mode(self._info(ask, "userAbstraction", user=user))
        if mode != margin.STANDARD:
            raise VenueError(
                "unsupported_account",
                f"{self.settings.name}: expected a standard account, found one in mode {mode}: what can be "
                "withdrawn of it is not said",
                hint="Withdraw there by hand, or turn the unified account off at the venue.",
            )
        return wallet.balance(self._info(ask, "clearinghouseState", user=user), at)

    def network(self, ask: Connection, asset: str, network: str) -> WithdrawNetwork:
        return wallet.withdraw_network(self._clock.now())

    def deposit_place(self, ask: Connection, asset: str, network: str) -> DepositPlace:
        return wallet.deposit_place()

    def deposits(  # noqa: PLR0917  a deposit is known by all of these
        self, ask: Connection, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> History[DepositStatus]:
        listed = self._ledger(ask, "deposit", since)
        return History(wallet.deposits(listed.found, txid), listed.complete)

    def withdraw_order(self, request: WithdrawRequest, network: WithdrawNetwork) -> Order:
        """The signed action as it is. `request` carries its nonce as the venue's form of the client id."""
        body, nonce = wallet.signed_body(request), request.client_id
        return Order("privatePostExchange", body, lambda answer: wallet.receipt(answer, nonce))

    def withdrawals(
        self, ask: Connection, request: WithdrawRequest, since: datetime, now: datetime
    ) -> History[WithdrawalStatus]:
        listed = self._ledger(ask, "withdraw", since)
        return History(wallet.withdrawals(listed.found, request), listed.complete)

    def _as_theirs(self, request: WithdrawRequest) -> WithdrawRequest:
        """The request under the nonce that was signed. Raises `VenueError` (``venue.not_signed``, …)."""
        return replace(request, client_id=wallet.nonce_of(request))

    def _ledger(self, ask: Connection, kind: str, since: datetime) -> History[Fields]:
        """The ledger's lines of a kind; a page begins where the one before it ended.

        A full page that is not oldest first may have left out what is older: then it is not complete.
        """
        user, start = self._user(ask), unix_milliseconds(since)
        found: dict[str, Fields] = {}
        for _ in range(MAX_PAGES):
            answer = self._info(ask, "userNonFundingLedgerUpdates", user=user, startTime=start)
            page = wallet.lines(answer, kind)
            found.update((str(sorted(line.data.items(), key=str)), line) for line in page)
            if len(answer) < wallet.PAGE:
                return History(tuple(found.values()))
            times = [unix_milliseconds(line.instant("time")) for line in wallet.every_line(answer)]
            if times != sorted(times) or times[-1] <= start:
                break  # the second: more at one moment than an answer holds
            start = times[-1]
        return History(tuple(found.values()), complete=False)

    def _user(self, ask: Connection) -> str:
        return self.uid(ask).lower()

    def _dex(self, ask: Connection, user: str, name: str) -> margin.Dex:
        """One exchange of perpetuals on the chain: "" is the first, others are named."""
        where = {"dex": name} if name else {}
        state = self._info(ask, "clearinghouseState", user=user, **where)
        market = self._info(ask, "metaAndAssetCtxs", **where) if margin.held(state) or not name else None
        return margin.Dex(name, state, market)

    @staticmethod
    def _info(ask: Connection, kind: str, **parameters: object) -> Any:
        return ask.get("publicPostInfo", {"type": kind, **parameters})
