"""Binance: one futures margin account with its spot wallet.

Every request is checked and sent by `vault.venues.common.account`; this names the endpoints.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from vault.errors import VenueError
from vault.model import MarginAccount
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
from vault.venues.binance import accounts, wallet
from vault.venues.binance.dialect import DIALECT
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.amounts import exact_text
from vault.venues.common.reading import DepositPlace, History, Order, ReadingContext, unix_milliseconds
from vault.venues.line.connection import Connection
from vault.venues.line.raw import Fields

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
        "fapiPublicGetKlines",
        "fapiPublicGetMarkPriceKlines",
        "fapiPublicGetAssetIndex",
        "fapiPublicGetTime",
        "dapiPublicGetPremiumIndex",
        "dapiPublicGetFundingRate",
        "dapiPublicGetFundingInfo",
        "dapiPublicGetOpenInterest",
        "dapiDataGetOpenInterestHist",
        "dapiPublicGetTicker24hr",
        "dapiPublicGetDepth",
        "dapiPublicGetKlines",
        "dapiPublicGetMarkPriceKlines",
        "publicGetTicker24hr",
        "publicGetKlines",
        "sapiGetSystemStatus",
    }
)
READ_ENDPOINTS: Final = frozenset(
    {
        "dapiPrivateGetAccount",
        "dapiPrivateGetPositionRisk",
        "dapiPrivateV2GetLeverageBracket",
        "dapiPublicGetExchangeInfo",
        "dapiPublicGetPremiumIndex",
        "fapiPrivateGetAccountConfig",
        "fapiPrivateGetLeverageBracket",
        "fapiPrivateGetSymbolConfig",
        "fapiPrivateV3GetAccount",
        "fapiPrivateV3GetPositionRisk",
        "fapiPublicGetAssetIndex",
        "papiGetAccount",
        "papiGetBalance",
        "papiGetCmAccount",
        "papiGetUmAccount",
        "papiGetCmLeverageBracket",
        "papiGetCmPositionRisk",
        "papiGetUmLeverageBracket",
        "papiGetUmPositionRisk",
        "privateGetAccount",
        "sapiGetAccountApiRestrictions",
        "sapiGetAssetTransfer",
        "sapiGetCapitalConfigGetall",
        "sapiGetCapitalDepositAddress",
        "sapiGetCapitalDepositHisrec",
        "sapiGetCapitalWithdrawAddressList",
        "sapiGetCapitalWithdrawHistory",
        "sapiGetPortfolioAssetIndexPrice",
        "sapiGetPortfolioCollateralRate",
    }
)
HISTORY_LIMIT: Final = 1000  # rows of one page of the withdrawal and deposit history
TRANSFER_PAGE: Final = 100


class Binance(ExchangeAccount):
    EXCHANGE = "binance"
    READS = READ_ENDPOINTS
    SENDS = frozenset({"sapiPostAssetTransfer", "sapiPostCapitalWithdrawApply"})
    PUBLIC = PUBLIC_ENDPOINTS
    DIALECT = DIALECT

    def uid(self, ask: Connection) -> str:
        return str(Fields.of(ask.get("privateGetAccount"), "spotAccount").integer("uid"))

    def server_time(self, ask: Connection) -> datetime:
        return Fields.of(ask.get("fapiPublicGetTime"), "time").instant("serverTime")

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        if self.settings.product == "coinm":
            return accounts.coin_account(ask, context)
        if self.settings.product == "portfolio":
            return accounts.portfolio_account(ask, context, self.settings.contracts[0])
        return accounts.usd_account(ask, context, self.settings.contracts[0])

    def key_permissions(self, ask: Connection, role: Role) -> KeyPermissions:
        answer = ask.get("sapiGetAccountApiRestrictions")
        return wallet.key_permissions(answer, role, self.settings.account_uid)

    def whitelisted(self, ask: Connection) -> tuple[WhitelistEntry, ...] | None:
        return wallet.whitelist(ask.get("sapiGetCapitalWithdrawAddressList"))

    def withdrawable(self, ask: Connection, asset: str, at: datetime) -> SpotBalance:
        return wallet.spot_balance(ask.get("privateGetAccount"), asset, at)

    def network(self, ask: Connection, asset: str, network: str) -> WithdrawNetwork:
        answer = ask.get("sapiGetCapitalConfigGetall")
        return wallet.withdraw_network(answer, asset, network, self._clock.now())

    def deposit_place(self, ask: Connection, asset: str, network: str) -> DepositPlace:
        answer = ask.get("sapiGetCapitalDepositAddress", {"coin": asset, "network": network})
        line = Fields.of(answer, "depositAddress")
        if line.text("coin") != asset:
            raise VenueError("bad_answer", f"expected a deposit address for {asset}, found another coin's")
        return DepositPlace(line.text("address"), line.optional_text("tag"))

    def deposits(  # noqa: PLR0917  a deposit is known by all of these
        self, ask: Connection, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> History[DepositStatus]:
        parameters = {
            "coin": asset, "txId": txid, "startTime": unix_milliseconds(since), "limit": HISTORY_LIMIT
        }  # fmt: skip
        answer = ask.get("sapiGetCapitalDepositHisrec", parameters)
        found = wallet.deposits(answer, asset, network, txid, address)
        return History(found, len(answer) < HISTORY_LIMIT)

    def transfer_order(self, transfer: InternalTransfer) -> Order:
        parameters = {
            "type": wallet.TRANSFER_TYPES[transfer.source, transfer.destination],
            "asset": transfer.amount.asset.symbol,
            "amount": exact_text(transfer.amount),
        }
        return Order("sapiPostAssetTransfer", parameters, lambda answer: str(answer.integer("tranId")))

    def transfers(
        self, ask: Connection, transfer: InternalTransfer, since: datetime
    ) -> History[InternalTransferReceipt]:
        kind = wallet.TRANSFER_TYPES[transfer.source, transfer.destination]
        parameters = {"type": kind, "startTime": unix_milliseconds(since), "size": TRANSFER_PAGE}
        answer = ask.get("sapiGetAssetTransfer", parameters)
        listing = Fields.of(answer, "transferHistory")
        listed = len(listing.rows("rows")) if listing.has("rows") else 0
        return History(wallet.internal_transfers(answer, transfer), listing.integer("total") <= listed)

    def withdraw_order(self, request: WithdrawRequest, network: WithdrawNetwork) -> Order:
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
        return Order("sapiPostCapitalWithdrawApply", parameters, lambda answer: answer.text("id"))

    def withdrawals(
        self, ask: Connection, request: WithdrawRequest, since: datetime, now: datetime
    ) -> History[WithdrawalStatus]:
        """By its client id, and where that finds nothing once more without: absence is said twice."""
        wanted: dict[str, object] = {"startTime": unix_milliseconds(since), "limit": HISTORY_LIMIT}
        method, reach = "sapiGetCapitalWithdrawHistory", self.traits.client_id_history
        if reach is not None and now - since < reach:
            answer = ask.get(method, {**wanted, "withdrawOrderId": request.client_id})
            if found := wallet.withdrawals(answer, request.client_id):
                return History(found, len(answer) < HISTORY_LIMIT)
        answer = ask.get(method, wanted)
        found = wallet.withdrawals(answer, request.client_id, request)
        return History(found, len(answer) < HISTORY_LIMIT)
