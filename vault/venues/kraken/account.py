"""Kraken: the multi-collateral margin of Kraken Futures and the spot wallet, two hosts under one account.

Each host has a key pair of its own; both must belong to the account, whose UID names it on both. Private
requests of the spot host are all POSTs, also those that only read. Refuses to withdraw to an address that is
not registered at the venue.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final

from vault.errors import VenueError
from vault.model import MarginAccount
from vault.money import plain
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
from vault.venues.common.account import ExchangeAccount
from vault.venues.common.amounts import exact_text
from vault.venues.common.reading import DepositPlace, History, Order, ReadingContext, unix_milliseconds
from vault.venues.kraken import margin, names, positions, rights, transfers, wallet
from vault.venues.kraken.answers import futures, seconds, spot_object, spot_rows
from vault.venues.kraken.dialect import FUTURES, SPOT
from vault.venues.line.connection import Connection
from vault.venues.line.endpoints import KEY, Endpoints
from vault.venues.line.raw import Fields
from vault.venues.registry import asset_network, same_address

FUTURES_SIDE: Final = "krakenfutures"
LOG: Final = "historyGetAccountLog"
LEDGERS: Final = "privatePostLedgers"
PAGE: Final = 500  # entries of one answer of the funding histories
LOG_PAGE: Final = 2000  # every trade and funding payment is an entry there
LEDGER_PAGE: Final = 50
MAX_PAGES: Final = 20
# A time of theirs is in whole seconds, and its start is not included.
SECOND: Final = timedelta(seconds=1)


class Kraken(ExchangeAccount):
    EXCHANGE = "kraken"
    DIALECT = SPOT
    READS = frozenset(
        {
            "privatePostBalanceEx",
            "privatePostDepositAddresses",
            "privatePostDepositMethods",
            "privatePostDepositStatus",
            "privatePostGetApiKeyInfo",
            LEDGERS,
            "privatePostOpenPositions",
            "privatePostWithdrawAddresses",
            "privatePostWithdrawInfo",
            "privatePostWithdrawMethods",
            "privatePostWithdrawStatus",
        }
    )
    SENDS = frozenset({"privatePostWithdraw", "privatePostWalletTransfer"})
    PUBLIC = frozenset(
        {
            "publicGetTime",
            "publicGetAssets",
            "publicGetTicker",
            "publicGetDepth",
            "publicGetOHLC",
            "publicGetSystemStatus",
        }
    )
    BESIDE: ClassVar[Mapping[str, Endpoints]] = {
        FUTURES_SIDE: Endpoints(
            ccxt=FUTURES_SIDE,
            reads=frozenset({"privateGetAccounts", "privateGetOpenpositions", LOG}),
            sends=frozenset({"privatePostTransfer", "privatePostWithdrawal"}),
            public=frozenset(
                {
                    "publicGetInstruments",
                    "publicGetTickersSymbol",
                    "publicGetHistoricalfundingrates",
                    "publicGetHistory",
                    "publicGetOrderbook",
                    "chartsGetPriceTypeSymbolInterval",
                }
            ),
            dialect=FUTURES,
            credentials={"futures_key": KEY["key"], "futures_secret": KEY["secret"]},
        )
    }

    def uid(self, ask: Connection) -> str:
        """``IIBAN/futures account``: one key pair of another account makes it another."""
        spot = rights.identity(ask.get("privatePostGetApiKeyInfo"))
        log = ask.other(FUTURES_SIDE).get(LOG, {"count": 1})
        return f"{spot}/{Fields.of(log, 'accountLog').text('accountUid')}"

    def server_time(self, ask: Connection) -> datetime:
        """The venue says whole seconds: the middle of that second."""
        return seconds(spot_object(ask.get("publicGetTime"), "time"), "unixtime") + SECOND / 2

    def account(self, ask: Connection, context: ReadingContext) -> MarginAccount:
        line = ask.other(FUTURES_SIDE)
        accounts = line.get("privateGetAccounts")
        held = line.get("privateGetOpenpositions")
        answers = margin.AccountAnswers(
            accounts=accounts,
            positions=held,
            instruments=line.get("publicGetInstruments"),
            tickers={
                symbol: line.get("publicGetTickersSymbol", {"symbol": symbol})
                for symbol in positions.symbols(held)
            },
            spot_positions=ask.get("privatePostOpenPositions", {"consolidation": "market"}),
        )
        return margin.margin_account(answers, context)

    def key_permissions(self, ask: Connection, role: Role) -> KeyPermissions:
        answer = ask.get("privatePostGetApiKeyInfo")
        return rights.key_permissions(answer, role, self.settings.account_uid)

    def whitelisted(self, ask: Connection) -> tuple[WhitelistEntry, ...] | None:
        ways = ask.get("privatePostWithdrawMethods")
        return wallet.whitelist(ask.get("privatePostWithdrawAddresses"), ways)

    def withdrawable(self, ask: Connection, asset: str, at: datetime) -> SpotBalance:
        return wallet.spot_balance(ask.get("privatePostBalanceEx"), asset, at)

    # What the venue tells of the ways out, only a key that may withdraw is told.

    def whitelist(self) -> tuple[WhitelistEntry, ...] | None:
        with self._own("withdraw") as ask:
            return self.whitelisted(ask)

    def network_info(self, asset: str, network: str) -> WithdrawNetwork:
        asset_network(self.EXCHANGE, asset, network)
        with self._own("withdraw") as ask:
            return self.network(ask, asset, network).public()

    def network(self, ask: Connection, asset: str, network: str) -> wallet.KrakenNetwork:
        asked = {"asset": names.theirs(asset)}
        ways = ask.get("privatePostWithdrawMethods", asked)
        addresses = ask.get("privatePostWithdrawAddresses", asked)
        least = wallet.method_of(ways, asset, network).decimal("minimum")
        key = wallet.usable(wallet.keys_of(addresses, ways, asset, network))
        about = {**asked, "key": "" if key is None else key.name, "amount": plain(2 * least)}
        answers = wallet.NetworkAnswers(
            assets=ask.get("publicGetAssets", asked),
            methods=ways,
            deposit_methods=ask.get("privatePostDepositMethods", asked),
            addresses=addresses,
            info=None if key is None else ask.get("privatePostWithdrawInfo", about),
        )
        return wallet.withdraw_network(answers, asset, network, self._clock.now())

    def deposit_place(self, ask: Connection, asset: str, network: str) -> DepositPlace:
        asked = {"asset": names.theirs(asset), "method": self._deposit_method(ask, asset, network)}
        return wallet.deposit_place(ask.get("privatePostDepositAddresses", asked), asset)

    def _deposit_method(self, ask: Connection, asset: str, network: str) -> str:
        listed = ask.get("privatePostDepositMethods", {"asset": names.theirs(asset)})
        way = wallet.deposit_method(listed, asset, network)
        if way is None:
            raise VenueError("unknown_network", f"expected a way to deposit {asset} on {network}, found none")
        return way.text("method")

    def deposits(  # noqa: PLR0917  a deposit is known by all of these
        self, ask: Connection, asset: str, network: str, txid: str, address: str, since: datetime
    ) -> History[DepositStatus]:
        asked = {
            "asset": names.theirs(asset),
            "method": self._deposit_method(ask, asset, network),
            "start": _second(since),
            "limit": PAGE,
        }
        lines = spot_rows(ask.get("privatePostDepositStatus", asked), "depositStatus")
        found = wallet.deposits(lines, asset, network, txid)
        mine = tuple(each for each in found if same_address(each.address, address))
        return History(mine, len(lines) < PAGE)

    def transfer_order(self, transfer: InternalTransfer) -> Order:
        """One hop; no receipt has an id that a history repeats, so none is kept."""
        amount = exact_text(transfer.amount)
        asset = names.theirs(transfer.amount.asset.symbol)
        if transfer.source == transfers.SPOT:
            asked = {"asset": asset, "from": "Spot Wallet", "to": "Futures Wallet", "amount": amount}
            return Order("privatePostWalletTransfer", asked, _refid_seen)
        if transfer.destination == transfers.SPOT:
            return Order(
                "privatePostWithdrawal", {"currency": asset, "amount": amount}, _accepted, FUTURES_SIDE
            )
        asked = {
            "fromAccount": transfer.source,
            "toAccount": transfer.destination,
            "unit": asset,
            "amount": amount,
        }
        return Order("privatePostTransfer", asked, _accepted, FUTURES_SIDE)

    def transfers(
        self, ask: Connection, transfer: InternalTransfer, since: datetime
    ) -> History[InternalTransferReceipt]:
        asset = transfer.amount.asset.symbol
        # Of every kind: a move under a name that we do not know must not be taken for none.
        asked = {"since": unix_milliseconds(since), "sort": "asc", "count": LOG_PAGE}
        log = ask.other(FUTURES_SIDE).get(LOG, asked)
        legs, complete = transfers.log_legs(log, transfer.amount), len(log["logs"]) < LOG_PAGE
        if transfers.SPOT in {transfer.source, transfer.destination}:
            ledger = _ledger(ask, asset, "transfer", since)
            legs += transfers.ledger_legs(ledger.found[0], asset)
            complete = complete and ledger.complete
        found = transfers.matched(legs, transfer)
        return History(found.found, complete and found.complete)

    def withdraw_order(self, request: WithdrawRequest, network: WithdrawNetwork) -> Order:
        """By the name of a registered address; the address goes along, the venue compares the two."""
        keys = network.keys if isinstance(network, wallet.KrakenNetwork) else ()
        parameters = {
            "asset": names.theirs(request.asset),
            "key": wallet.chosen_key(keys, request),
            "amount": exact_text(request.amount),
            "address": request.address,
            "max_fee": exact_text(request.fee or network.fee),
        }
        return Order("privatePostWithdraw", parameters, _refid)

    def withdrawals(
        self, ask: Connection, request: WithdrawRequest, since: datetime, now: datetime
    ) -> History[WithdrawalStatus]:
        """All of an asset; not complete when the ledger knows a withdrawal that the history leaves out."""
        asked: dict[str, Any] = {"asset": names.theirs(request.asset)}
        with self._own("withdraw") as funds:
            ways = funds.get("privatePostWithdrawMethods", asked)
            addresses = funds.get("privatePostWithdrawAddresses", asked)
        keys = wallet.keys_of(addresses, ways, request.asset, request.network)
        # The ledger first: what it knows by now, the history must know too.
        ledger = _ledger(ask, request.asset, "withdrawal", since)
        listed = ask.get("privatePostWithdrawStatus", {**asked, "start": _second(since), "limit": PAGE})
        lines = spot_rows(listed, "withdrawStatus")
        found = wallet.withdrawals(lines, ways, keys, request)
        known = {line.optional_text("refid") for line in lines}
        booked = {
            line.text("refid")
            for line in ledger.found[0].values()
            if names.ours(line.text("asset")) == request.asset and seconds(line, "time") >= since
        }
        return History(found, ledger.complete and len(lines) < PAGE and booked <= known)


def _second(moment: datetime) -> int:
    """Unix seconds for a ``start`` that is not included."""
    return unix_milliseconds(moment - SECOND) // 1000


def _ledger(ask: Connection, asset: str, kind: str, since: datetime) -> History[dict[str, Fields]]:
    """Entries of one kind by their id. Pages shift when one is added meanwhile: none is lost by that."""
    found: dict[str, Fields] = {}
    asked = {"asset": names.theirs(asset), "type": kind, "start": _second(since)}
    for number in range(MAX_PAGES):
        answer = spot_object(ask.get(LEDGERS, {**asked, "ofs": number * LEDGER_PAGE}), "ledgers")
        entries = Fields.of(answer.data.get("ledger"), "ledgers.ledger")
        found |= {name: Fields.of(each, f"ledger.{name}") for name, each in entries.data.items()}
        if len(found) >= answer.integer("count"):
            return History((found,))
        if len(entries.data) < LEDGER_PAGE:
            break
    return History((found,), complete=False)


def _refid(answer: Fields) -> str:
    return spot_object(answer.data, "receipt").text("refid")


def _refid_seen(answer: Fields) -> str:
    """The receipt of a move to the futures side: an id that no history repeats."""
    _refid(answer)
    return ""


def _accepted(answer: Fields) -> str:
    """The receipt of a move on the futures side: it says no more than success."""
    futures(answer.data, "receipt")
    return ""
