"""OKX: one account with its trading and funding wallets, from which withdrawals leave.

Refuses what the common flow refuses, a tag the venue wants and we have not, and a fee that is not fixed.
OKX adds its fee to the amount we ask for: the address receives exactly ``amt``. Sources: those of `margin`,
`positions`, `collateral` and `wallet`; OKX "Error Code".
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from vault.clock import to_iso
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues.base import (
    DepositStatus,
    InternalTransfer,
    InternalTransferReceipt,
    KeyPermissions,
    Role,
    SpotBalance,
    WithdrawalStatus,
    WithdrawNetwork,
    WithdrawRequest,
)
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.amounts import check_added_fee, exact_text
from vault.venues.common.reading import DepositPlace, History, Order, ReadingContext, unix_milliseconds
from vault.venues.line.connection import Connection
from vault.venues.line.endpoints import KEY_AND_PASSWORD
from vault.venues.line.raw import Fields
from vault.venues.okx import margin, positions, wallet
from vault.venues.okx.answers import entries, entry
from vault.venues.okx.dialect import DIALECT, NO_SUCH_TRANSFER
from vault.venues.registry import asset_network

LIQUIDATIONS: Final = "publicGetPublicLiquidationOrders"
BILLS: Final = timedelta(days=27)  # the funding account's bills reach back a month
FEW: Final = 4  # contracts that are asked for one by one
FAMILIES: Final = 5  # in one question for tiers, the most there are
PAGE: Final = 100  # entries of one answer of a history, the most there are


class Okx(ExchangeAccount):
    """One account in any of OKX's four modes; what a mode does not say is named or refused."""

    EXCHANGE = "okx"
    CREDENTIALS = KEY_AND_PASSWORD
    DIALECT = DIALECT
    READS = frozenset(
        {
            "privateGetAccountConfig",
            "privateGetAccountBalance",
            "privateGetAccountPositions",
            "privateGetAccountMaxWithdrawal",
            "privateGetAssetBalances",
            "privateGetAssetCurrencies",
            "privateGetAssetDepositAddress",
            "privateGetAssetDepositHistory",
            "privateGetAssetWithdrawalHistory",
            "privateGetAssetTransferState",
            "privateGetAssetBills",
        }
    )
    SENDS = frozenset({"privatePostAssetTransfer", "privatePostAssetWithdrawal"})
    PUBLIC = frozenset(
        {
            "publicGetPublicTime",
            "publicGetPublicInstruments",
            "publicGetPublicPositionTiers",
            "publicGetPublicDiscountRateInterestFreeQuota",
            "publicGetPublicMarkPrice",
            "publicGetPublicFundingRate",
            "publicGetPublicFundingRateHistory",
            "publicGetPublicOpenInterest",
            "publicGetMarketIndexTickers",
            "publicGetMarketTicker",
            "publicGetMarketBooks",
            "publicGetMarketCandles",
            "publicGetMarketHistoryCandles",
            "publicGetMarketHistoryMarkPriceCandles",
            "publicGetMarketBooksFull",
            "publicGetRubikStatContractsOpenInterestHistory",
            "publicGetSystemStatus",
            LIQUIDATIONS,
        }
    )
    UNNAMED: ClassVar[Mapping[str, str]] = {LIQUIDATIONS: "public/liquidation-orders"}

    def uid(self, ask: Connection) -> str:
        return entry(ask.get("privateGetAccountConfig"), "config").text("uid")

    def server_time(self, ask: Connection) -> datetime:
        return entry(ask.get("publicGetPublicTime"), "time").instant("ts")

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        config = ask.get("privateGetAccountConfig")
        balance = ask.get("privateGetAccountBalance")
        held = ask.get("privateGetAccountPositions")
        lines = [line for line in positions.held(held) if line.text("instType") in positions.CONTRACT_TYPES]
        instruments = _of_each(ask, "publicGetPublicInstruments", lines)
        mode = margin.read_mode(config)
        answers = margin.AccountAnswers(
            config=config,
            balance=balance,
            positions=held,
            instruments=instruments,
            tiers=() if mode == "portfolio" else _tiers(ask, lines, instruments),
            marks=_of_each(ask, "publicGetPublicMarkPrice", lines),
            discounts=(
                None if mode == "futures" else ask.get("publicGetPublicDiscountRateInterestFreeQuota")
            ),
            max_withdrawal=ask.get("privateGetAccountMaxWithdrawal"),
        )
        return margin.margin_account(answers, context)

    def key_permissions(self, ask: Connection, role: Role) -> KeyPermissions:
        return wallet.key_permissions(ask.get("privateGetAccountConfig"), role)

    def withdrawable(self, ask: Connection, asset: str, at: datetime) -> SpotBalance:
        return wallet.funding_balance(ask.get("privateGetAssetBalances", {"ccy": asset}), asset, at)

    def network(self, ask: Connection, asset: str, network: str) -> WithdrawNetwork:
        answer = ask.get("privateGetAssetCurrencies", {"ccy": asset})
        wallet.check_chain(answer, asset_network(self.EXCHANGE, asset, network))
        return wallet.withdraw_network(answer, asset, network, self._clock.now())

    def deposit_place(self, ask: Connection, asset: str, network: str) -> DepositPlace:
        return wallet.deposit_place(ask.get("privateGetAssetDepositAddress", {"ccy": asset}), asset, network)

    def deposits(  # noqa: PLR0917  a deposit is known by all of these
        self, ask: Connection, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> History[DepositStatus]:
        required = self.network(ask, asset, network).confirmations
        answer = ask.get(
            "privateGetAssetDepositHistory",
            {"ccy": asset, "txId": txid, "before": _before(since), "limit": PAGE},
        )
        found = wallet.deposits(answer, network, txid, address, required)
        return History(found, len(entries(answer, "depositHistory")) < PAGE)

    def transfer_order(self, transfer: InternalTransfer) -> Order:
        return Order(
            "privatePostAssetTransfer",
            {
                "type": "0",
                "ccy": transfer.amount.asset.symbol,
                "amt": exact_text(transfer.amount),
                "from": wallet.ACCOUNTS[transfer.source],
                "to": wallet.ACCOUNTS[transfer.destination],
                "clientId": transfer_id(transfer),
            },
            lambda answer: _receipt(answer.data, "transId"),
        )

    def transfers(
        self, ask: Connection, transfer: InternalTransfer, since: datetime
    ) -> History[InternalTransferReceipt]:
        """By the funding account's bills, and by our own id: what is pending or failed has no bill."""
        kind = wallet.MOVED_IN if transfer.destination == "funding" else wallet.MOVED_OUT
        answer = ask.get(
            "privateGetAssetBills",
            {
                "ccy": transfer.amount.asset.symbol,
                "type": kind,
                "before": _before(since),
                "limit": PAGE,
            },
        )
        ours, found = transfer_id(transfer), []
        lines = wallet.moves(answer, transfer, since)
        for line in lines:
            theirs = line.optional_text("clientId")
            found.append(wallet.moved(line, transfer, self._state(ask, theirs) if theirs else ()))
        if ours not in {line.optional_text("clientId") for line in lines}:
            known = self._state(ask, ours)
            found += [wallet.recorded(line, transfer, transfer.not_after) for line in known]
        reached = since > self._clock.now() - BILLS
        return History(tuple(found), reached and len(entries(answer, "bills")) < PAGE)

    @staticmethod
    def _state(ask: Connection, client_id: str) -> tuple[Fields, ...]:
        """The transfer of that client id, none when the venue knows none; it forgets after two weeks."""
        try:
            answer = ask.get("privateGetAssetTransferState", {"clientId": client_id, "type": "0"})
        except VenueError as error:
            if error.details.get("venue_code") != NO_SUCH_TRANSFER:
                raise
            return ()
        lines = entries(answer, "transferState")
        return tuple(line for line in lines if line.optional_text("clientId") == client_id)

    def withdraw_order(self, request: WithdrawRequest, network: WithdrawNetwork) -> Order:
        return Order(
            "privatePostAssetWithdrawal",
            {
                "ccy": request.asset,
                "amt": exact_text(check_added_fee(request, network)),
                "dest": wallet.ON_CHAIN,
                "toAddr": f"{request.address}:{request.tag}" if request.tag else request.address,
                "chain": request.network,
                "clientId": request.client_id,
            },
            lambda answer: _receipt(answer.data, "wdId"),
        )

    def withdrawals(
        self, ask: Connection, request: WithdrawRequest, since: datetime, now: datetime
    ) -> History[WithdrawalStatus]:
        """By its client id, and where that finds nothing once more without: absence is said twice."""
        wanted = {
            "ccy": request.asset,
            "type": wallet.ON_CHAIN,
            "before": _before(since),
            "limit": PAGE,
        }
        for more, like in (({"clientId": request.client_id}, None), ({}, request)):
            answer = ask.get("privateGetAssetWithdrawalHistory", wanted | more)
            if found := wallet.withdrawals(answer, request.client_id, like):
                break
        return History(found, len(entries(answer, "withdrawalHistory")) < PAGE)


def _of_each(ask: Connection, method: str, lines: list[Fields]) -> tuple[Any, ...]:
    """A public answer on every contract held: one by one for a few, else all of their kind at once."""
    named = sorted({(line.text("instType"), line.text("instId")) for line in lines})
    if len(named) > FEW:
        return tuple(ask.get(method, {"instType": kind}) for kind in sorted({kind for kind, _ in named}))
    return tuple(ask.get(method, {"instType": kind, "instId": name}) for kind, name in named)


def _tiers(
    ask: Connection, lines: list[Fields], instruments: tuple[Any, ...]
) -> tuple[positions.TierTable, ...]:
    """The position tiers of every family held, by kind of contract and margin mode."""
    known = positions.contracts(instruments, frozenset(line.text("instId") for line in lines))
    wanted: dict[tuple[str, positions.MarginMode], set[str]] = {}
    for line in lines:
        if (found := known.get(line.text("instId"))) is not None:
            wanted.setdefault((line.text("instType"), positions.margin_mode(line)), set()).add(found.family)
    tables = []
    for (kind, mode), families in sorted(wanted.items()):
        names = sorted(families)
        for start in range(0, len(names), FAMILIES):
            some = ",".join(names[start : start + FAMILIES])
            asked = {"instType": kind, "tdMode": mode, "instFamily": some}
            tables.append(positions.TierTable(mode, ask.get("publicGetPublicPositionTiers", asked)))
    return tuple(tables)


def transfer_id(transfer: InternalTransfer) -> str:
    """The client id of one attempt at a transfer: the same however often it is searched for."""
    text = "|".join(
        (
            transfer.source,
            transfer.destination,
            transfer.amount.asset.symbol,
            str(transfer.amount.units),
            to_iso(transfer.not_after),
        )
    )
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _receipt(answer: Any, name: str) -> str:
    return entry(answer, "receipt").text(name)


def _before(since: datetime) -> str:
    """Entries newer than that: OKX's word for it is the other way round."""
    return str(max(0, unix_milliseconds(since) - 1))
