"""Bybit: one unified trading account with its funding wallet, from which withdrawals leave.

Request ids make a withdrawal happen once at the venue, but its history does not list them: what was sent is
found again by its details, and two entries that fit are refused.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues import matching
from vault.venues.base import (
    DepositStatus,
    InternalTransfer,
    InternalTransferReceipt,
    KeyPermissions,
    Role,
    SpotBalance,
    WhitelistEntry,
    WithdrawalStatus,
    WithdrawNetwork,
    WithdrawRequest,
)
from vault.venues.bybit import margin, rights, wallet
from vault.venues.bybit.collateral import read_coins
from vault.venues.bybit.dialect import DIALECT
from vault.venues.bybit.envelope import opened
from vault.venues.bybit.paging import Listing, read_pages, read_windows
from vault.venues.bybit.positions import Category, PositionPage
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.amounts import exact_text
from vault.venues.common.notes import Notes
from vault.venues.common.reading import (
    DepositPlace,
    History,
    Order,
    ReadingContext,
    unix_milliseconds,
)
from vault.venues.line.connection import Connection
from vault.venues.line.outcome import Dialect
from vault.venues.line.raw import Fields
from vault.venues.registry import same_address

ROWS: Final = 50  # of one page of a wallet's history
POSITION_ROWS: Final = 200
COINS_AT_ONCE: Final = 20  # of one question for transferable amounts
FEW_CONTRACTS: Final = 3  # above that one list of all tickers is cheaper than one each
BAD_PARAMETER: Final = "10001"
TRANSFER_SPAN: Final = timedelta(days=7)
HISTORY_SPAN: Final = timedelta(days=29)  # the venue allows less than 30
# Any fixed UUID: the ids of our transfers are names within it.
TRANSFER_NAMES: Final = uuid.UUID("6f1b2c9e-6b7f-4c0e-9d3a-0d7f5b1f2e55")
PLACES: Final[tuple[tuple[Category, str], ...]] = (("linear", "USDT"), ("linear", "USDC"), ("inverse", ""))


class Bybit(ExchangeAccount):
    """The hooks of a Bybit account; `vault.venues.common.account` says when each is called."""

    EXCHANGE: ClassVar[str] = "bybit"
    READS: ClassVar[frozenset[str]] = frozenset(
        {
            "privateGetV5UserQueryApi",
            "privateGetV5AccountInfo",
            "privateGetV5AccountWalletBalance",
            "privateGetV5AccountWithdrawal",
            "privateGetV5PositionList",
            "privateGetV5AssetCoinQueryInfo",
            "privateGetV5AssetDepositQueryAddress",
            "privateGetV5AssetDepositQueryRecord",
            "privateGetV5AssetTransferQueryInterTransferList",
            "privateGetV5AssetWithdrawQueryAddress",
            "privateGetV5AssetWithdrawQueryRecord",
            "privateGetV5AssetWithdrawWithdrawableAmount",
        }
    )
    SENDS: ClassVar[frozenset[str]] = frozenset(
        {"privatePostV5AssetTransferInterTransfer", "privatePostV5AssetWithdrawCreate"}
    )
    PUBLIC: ClassVar[frozenset[str]] = frozenset(
        {
            "publicGetV5MarketTime",
            "publicGetV5MarketTickers",
            "publicGetV5MarketRiskLimit",
            "publicGetV5MarketInstrumentsInfo",
            "publicGetV5MarketFundingHistory",
            "publicGetV5MarketOpenInterest",
            "publicGetV5MarketOrderbook",
            "publicGetV5MarketKline",
            "publicGetV5MarketMarkPriceKline",
            "publicGetV5SystemStatus",
            "publicGetV5SpotMarginTradeCollateral",
        }
    )
    DIALECT: ClassVar[Dialect] = DIALECT

    def uid(self, ask: Connection) -> str:
        return rights.account_uid(ask.get("privateGetV5UserQueryApi"))

    def server_time(self, ask: Connection) -> datetime:
        return opened(ask.get("publicGetV5MarketTime"), "time").at

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        info = ask.get("privateGetV5AccountInfo")
        margin.read_mode(info)  # an account of another kind is not asked further
        balances = ask.get("privateGetV5AccountWalletBalance", {"accountType": "UNIFIED"})
        pages = tuple(page for place in PLACES for page in self._positions(ask, *place))
        held = _contracts(pages)
        return margin.margin_account(
            margin.AccountAnswers(
                wallet=balances,
                info=info,
                positions=pages,
                risk_limits=tuple(self._risk_limits(ask, held)),
                tickers=tuple(self._tickers(ask, held)),
                collateral_tiers=ask.get("publicGetV5SpotMarginTradeCollateral"),
                transferable=tuple(self._transferable(ask, balances)),
            ),
            context,
        )

    def _positions(self, ask: Connection, category: Category, settle: str) -> Iterator[PositionPage]:
        asked = {"category": category} | ({"settleCoin": settle} if settle else {})
        listed = read_pages(ask, Listing("privateGetV5PositionList", asked, POSITION_ROWS, "list"))
        if not listed.complete:
            raise VenueError("incomplete_answer", f"expected all positions, {category} {settle} has more")
        for answer in listed.pages:
            yield PositionPage(category, settle, answer)

    def _risk_limits(self, ask: Connection, held: tuple[tuple[Category, str], ...]) -> Iterator[Any]:
        for category, symbol in held:
            asked = {"category": category, "symbol": symbol}
            if (answer := _if_known(ask, "publicGetV5MarketRiskLimit", asked)) is not None:
                yield answer

    def _tickers(
        self, ask: Connection, held: tuple[tuple[Category, str], ...]
    ) -> Iterator[tuple[Category, Any]]:
        if len(held) <= FEW_CONTRACTS:
            for category, symbol in held:
                asked = {"category": category, "symbol": symbol}
                if (answer := _if_known(ask, "publicGetV5MarketTickers", asked)) is not None:
                    yield category, answer
            return
        for category in sorted({category for category, _ in held}):
            yield category, ask.get("publicGetV5MarketTickers", {"category": category})

    def _transferable(self, ask: Connection, balances: Any) -> Iterator[Any]:
        accounts = opened(balances, "wallet").result.rows("list")
        names = sorted({coin.asset for account in accounts for coin in read_coins(account, Notes())})
        for start in range(0, len(names), COINS_AT_ONCE):
            wanted = ",".join(names[start : start + COINS_AT_ONCE])
            answer = _if_known(ask, "privateGetV5AccountWithdrawal", {"coinName": wanted})
            if answer is not None:
                yield answer

    def key_permissions(self, ask: Connection, role: Role) -> KeyPermissions:
        answer = ask.get("privateGetV5UserQueryApi")
        return rights.key_permissions(answer, role, self.settings.account_uid)

    def whitelist(self) -> tuple[WhitelistEntry, ...] | None:
        """The address book, which the venue shows only to keys that may withdraw."""
        with self._own("withdraw") as ask:
            return self.whitelisted(ask)

    def whitelisted(self, ask: Connection) -> tuple[WhitelistEntry, ...] | None:
        method = "privateGetV5AssetWithdrawQueryAddress"
        listed = read_pages(ask, Listing(method, {"addressType": 0}, ROWS, "rows"))
        if not listed.complete:
            raise VenueError("incomplete_answer", "expected the whole address book, the venue has more")
        return rights.whitelist(listed.pages)

    def withdrawable(self, ask: Connection, asset: str, at: datetime) -> SpotBalance:
        answer = ask.get("privateGetV5AssetWithdrawWithdrawableAmount", {"coin": asset})
        return wallet.funding_balance(answer, asset, at)

    def network(self, ask: Connection, asset: str, network: str) -> WithdrawNetwork:
        return wallet.withdraw_network(self._coin(ask, asset), asset, network, self._clock.now())

    def _coin(self, ask: Connection, asset: str) -> Any:
        return ask.get("privateGetV5AssetCoinQueryInfo", {"coin": asset})

    def deposit_place(self, ask: Connection, asset: str, network: str) -> DepositPlace:
        asked = {"coin": asset, "chainType": network}
        return wallet.deposit_place(ask.get("privateGetV5AssetDepositQueryAddress", asked), asset, network)

    def deposits(  # noqa: PLR0917  a deposit is known by all of these
        self, ask: Connection, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> History[DepositStatus]:
        coin = self._coin(ask, asset)
        required = (
            wallet.withdraw_network(coin, asset, network, self._clock.now()).confirmations,
            wallet.safe_confirmations(coin, asset, network),
        )
        asked = {"coin": asset, "txID": txid}
        listing = Listing("privateGetV5AssetDepositQueryRecord", asked, ROWS, "rows")
        listed = read_windows(ask, listing, since, self._later(), HISTORY_SPAN)
        same = partial(same_address, address)
        found = wallet.deposits(listed.pages, network, txid, same, required)
        return History(found, listed.complete)

    def transfer_order(self, transfer: InternalTransfer) -> Order:
        """The id is made of the transfer: the same transfer sent again is refused as a repetition."""
        name = f"{self.settings.account_uid} {transfer.source} {transfer.destination} {transfer.amount} "
        transfer_id = str(uuid.uuid5(TRANSFER_NAMES, name + transfer.not_after.isoformat()))
        return Order(
            "privatePostV5AssetTransferInterTransfer",
            {
                "transferId": transfer_id,
                "coin": transfer.amount.asset.symbol,
                "amount": exact_text(transfer.amount),
                "fromAccountType": wallet.WALLETS[transfer.source],
                "toAccountType": wallet.WALLETS[transfer.destination],
            },
            lambda answer: _named(answer, "transferId", transfer_id),
        )

    def transfers(
        self, ask: Connection, transfer: InternalTransfer, since: datetime
    ) -> History[InternalTransferReceipt]:
        method = "privateGetV5AssetTransferQueryInterTransferList"
        listing = Listing(method, {"coin": transfer.amount.asset.symbol}, ROWS, "list")
        listed = read_windows(ask, listing, since, self._later(), TRANSFER_SPAN)
        return History(wallet.transfers(listed.pages, transfer), listed.complete)

    def withdraw_order(self, request: WithdrawRequest, network: WithdrawNetwork) -> Order:
        """On the chain even to another account of the venue, and with the fee taken out of the amount."""
        parameters: dict[str, object] = {
            "coin": request.asset,
            "chain": network.network,
            "address": request.address,
            "amount": exact_text(request.amount),
            "timestamp": unix_milliseconds(self._clock.now()),
            "forceChain": 1,
            "accountType": "FUND",
            "feeType": 1,
            "requestId": request.client_id,
        }
        if request.tag:
            parameters["tag"] = request.tag
        return Order("privatePostV5AssetWithdrawCreate", parameters, lambda answer: _named(answer, "id"))

    def withdrawals(
        self, ask: Connection, request: WithdrawRequest, since: datetime, now: datetime
    ) -> History[WithdrawalStatus]:
        """The one entry that can be the request, under its id. Raises ``venue.ambiguous_withdrawal``."""
        asked = {"coin": request.asset, "withdrawType": 2}
        listing = Listing("privateGetV5AssetWithdrawQueryRecord", asked, ROWS, "rows")
        history = read_windows(ask, listing, since, max(now + self._skew(), self._later()), HISTORY_SPAN)
        if not history.complete:
            raise self._incomplete("withdrawals", since)
        listed = tuple(
            wallet.as_netted(status, request)
            for status in wallet.withdrawals(history.pages, request.asset, request)
        )
        late = request.not_after + self._accept_window() + self._skew()
        found = matching.only_one(listed, replace(request, client_id=""), since, late)
        return History(() if found is None else (replace(found, client_id=request.client_id),))

    def _later(self) -> datetime:
        """The end of a search: a little past now, by a clock that may be off within the bound."""
        return self._clock.now() + self._skew()


def _if_known(ask: Connection, method: str, asked: dict[str, str]) -> Any:
    """The answer; None where the venue does not know a coin or contract in the question (any more).

    What is then not told is named as missing; an account is not lost over one name.
    """
    try:
        return ask.get(method, asked)
    except VenueError as error:
        if error.details.get("venue_code") == BAD_PARAMETER:
            return None
        raise


def _contracts(pages: tuple[PositionPage, ...]) -> tuple[tuple[Category, str], ...]:
    """The contracts with an open position, each once."""
    held = {
        (page.category, line.text("symbol"))
        for page in pages
        for line in opened(page.answer, "positions").result.rows("list")
        if line.decimal("size")
    }
    return tuple(sorted(held))


def _named(answer: Fields, name: str, expected: str = "") -> str:
    """The id in a receipt. Raises `VenueError` where it is absent, or another than the expected one."""
    found = opened(answer.data, answer.where).result.text(name)
    if expected and found != expected:
        raise VenueError("bad_answer", f"expected the receipt of {expected}, found another's")
    return found
