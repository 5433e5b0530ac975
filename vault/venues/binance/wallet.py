"""Binance wallet answers (``/sapi``, ``/api``): networks, deposits, withdrawals, transfers. Pure.

Refuses a status it does not know: a new number is never read as done or as failed. Sources: Binance
"All Coins' Information", "Withdraw History", "Deposit History", "Query User Universal Transfer History",
"Get API Key Permission".
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, Final, Literal

from vault.errors import VenueError
from vault.money import Amount, asset_of
from vault.venues.base import (
    DepositStatus,
    InternalTransfer,
    InternalTransferReceipt,
    KeyPermissions,
    Role,
    SpotBalance,
    VenueWallet,
    WhitelistEntry,
    WithdrawalState,
    WithdrawalStatus,
    WithdrawNetwork,
    WithdrawRequest,
)
from vault.venues.line.raw import Fields, rows
from vault.venues.matching import may_be
from vault.venues.registry import same_address, same_txid

TRANSFER_TYPES: Final[dict[tuple[VenueWallet, VenueWallet], str]] = {
    ("futures", "spot"): "UMFUTURE_MAIN",
    ("spot", "futures"): "MAIN_UMFUTURE",
    ("coin_futures", "spot"): "CMFUTURE_MAIN",
    ("spot", "coin_futures"): "MAIN_CMFUTURE",
    ("portfolio", "spot"): "PORTFOLIO_MARGIN_MAIN",
    ("spot", "portfolio"): "MAIN_PORTFOLIO_MARGIN",
}
_TRANSFER_STATES: Final[dict[str, Literal["pending", "confirmed", "failed"]]] = {
    "PENDING": "pending",
    "CONFIRMED": "confirmed",
    "FAILED": "failed",
}
# 0 email sent, 1 cancelled, 2 awaiting approval, 3 rejected, 4 processing, 5 failure, 6 completed.
_WITHDRAWAL_STATES: Final[dict[int, WithdrawalState]] = {
    0: "processing",
    1: "cancelled",
    2: "processing",
    3: "refused",
    4: "processing",
    5: "refused",
    6: "completed",
}
# 0 pending, 1 success, 2 rejected, 6 credited but cannot withdraw, 7 wrong deposit, 8 waiting for the user.
_DEPOSIT_STATES: Final[dict[int, Literal["pending", "credited", "refused"]]] = {
    0: "pending",
    1: "credited",
    2: "refused",
    6: "credited",
    7: "refused",
    8: "pending",
}
_TXID = re.compile(r"(0x)?[0-9a-fA-F]{64}", re.ASCII)


def withdraw_network(answer: Any, asset: str, network: str, at: datetime) -> WithdrawNetwork:
    """One network of one coin. Raises `VenueError` (``venue.unknown_network``)."""
    kind = asset_of(asset)
    for coin in rows(answer, "getall"):
        if coin.text("coin") != asset:
            continue
        for line in coin.rows("networkList"):
            if line.text("network") == network:
                return WithdrawNetwork(
                    asset=asset,
                    network=network,
                    enabled=line.boolean("withdrawEnable"),
                    deposit_enabled=line.boolean("depositEnable"),
                    fee=line.amount("withdrawFee", kind),
                    minimum=line.amount("withdrawMin", kind),
                    maximum=_maximum(line, asset),
                    step=_step(line, asset),
                    confirmations=line.integer("minConfirm"),
                    observed_at=at,
                    deposit_minimum=_deposit_minimum(line, asset),
                    contract=line.optional_text("contractAddress"),
                )
    raise VenueError(
        "unknown_network", f"expected {asset} on {network} at the venue, it lists no such network"
    )


def _maximum(line: Fields, asset: str) -> Amount | None:
    number = line.optional_decimal("withdrawMax")
    return None if number is None or number <= 0 else Amount.floor(number, asset_of(asset))


def _deposit_minimum(line: Fields, asset: str) -> Amount | None:
    """``depositDust``, never below what the venue says: rounded up to our base unit."""
    number = line.optional_decimal("depositDust")
    if number is None or number <= 0:
        return None
    least = Amount.floor(number, asset_of(asset))
    return least if least.to_decimal() == number else least + Amount(asset_of(asset), 1)


def _step(line: Fields, asset: str) -> Amount:
    """The venue's step, or our base unit where the venue's is finer or zero ("no step")."""
    step = Amount.floor(line.decimal("withdrawIntegerMultiple"), asset_of(asset))
    return step or Amount(asset_of(asset), 1)


def withdrawals(
    answer: Any, client_id: str, request: WithdrawRequest | None = None
) -> tuple[WithdrawalStatus, ...]:
    """The entries of the history that carry this client id, or can be `request` under an id akin to it."""
    names = {"address": "address", "client_id": "withdrawOrderId", "fee": "transactionFee"}
    return tuple(
        _withdrawal(line)
        for line in rows(answer, "withdrawHistory")
        if line.optional_text("withdrawOrderId") == client_id
        or (request is not None and may_be(line, request, **names))
    )


def _withdrawal(line: Fields) -> WithdrawalStatus:
    status, asset = line.integer("status"), asset_of(line.text("coin"))
    if status not in _WITHDRAWAL_STATES:
        raise VenueError(
            "unknown_status", f"{line.where}: expected a withdrawal status of 0 to 6, found {status}"
        )
    state = _WITHDRAWAL_STATES[status]
    # Transfers inside the venue carry a text here instead of a transaction.
    txid = line.optional_text("txId")
    known = txid if _TXID.fullmatch(txid) else None
    return WithdrawalStatus(
        state="sent" if state == "processing" and known else state,
        venue_id=line.text("id"),
        client_id=line.optional_text("withdrawOrderId"),
        txid=known,
        asset=asset.symbol,
        amount=line.amount("amount", asset),
        fee=line.amount("transactionFee", asset),
        address=line.text("address"),
        network=line.text("network"),
        applied_at=_utc(line, "applyTime"),
        raw_status=str(status),
        tag=line.optional_text("addressTag"),
        completed_at=_utc(line, "completeTime") if line.has("completeTime") else None,
    )


def _utc(line: Fields, name: str) -> datetime:
    text = line.text(name)
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        raise VenueError(
            "bad_answer", f"{line.where}.{name}: expected a UTC time, found {text[:40]!r}"
        ) from None


def deposits(answer: Any, asset: str, network: str, txid: str, address: str) -> tuple[DepositStatus, ...]:
    """The entries of the history for one transaction and address; one transaction may bring several coins."""
    return tuple(
        _deposit(line)
        for line in rows(answer, "depositHistory")
        if (line.text("coin"), line.text("network")) == (asset, network)
        and same_txid(line.text("txId"), txid)
        and same_address(line.text("address"), address)
    )


def _deposit(line: Fields) -> DepositStatus:
    status = line.integer("status")
    if status not in _DEPOSIT_STATES:
        raise VenueError("unknown_status", f"{line.where}: expected a known deposit status, found {status}")
    asset = asset_of(line.text("coin"))
    times = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", line.text("confirmTimes"), re.ASCII)
    if times is None:
        raise VenueError("bad_answer", f'{line.where}.confirmTimes: expected "n/m", found something else')
    return DepositStatus(
        state=_DEPOSIT_STATES[status],
        unlocked=status == 1,
        txid=line.text("txId"),
        asset=asset.symbol,
        network=line.text("network"),
        amount=line.amount("amount", asset),
        address=line.text("address"),
        confirmations=int(times[1]),
        required_confirmations=int(times[2]),
        raw_status=str(status),
        tag=line.optional_text("addressTag"),
        applied_at=line.instant("insertTime") if line.has("insertTime") else None,
        credited_at=line.instant("completeTime") if line.has("completeTime") else None,
    )


def internal_transfers(answer: Any, wanted: InternalTransfer) -> tuple[InternalTransferReceipt, ...]:
    """Entries of this direction, asset and exact amount, oldest first."""
    found = []
    for line in Fields.of(answer, "transferHistory").rows("rows"):
        if line.text("asset") != wanted.amount.asset.symbol:
            continue
        if line.decimal("amount") != wanted.amount.to_decimal():
            continue
        if line.text("type") != TRANSFER_TYPES[wanted.source, wanted.destination]:
            continue
        status = line.text("status")
        if status not in _TRANSFER_STATES:
            raise VenueError(
                "unknown_status", f"{line.where}: expected a known status, found {status[:40]!r}"
            )
        found.append(
            InternalTransferReceipt(
                venue_id=str(line.integer("tranId")),
                state=_TRANSFER_STATES[status],
                source=wanted.source,
                destination=wanted.destination,
                amount=wanted.amount,
                at=line.instant("timestamp"),
            )
        )
    return tuple(sorted(found, key=lambda receipt: receipt.at))


def spot_balance(answer: Any, asset: str, at: datetime) -> SpotBalance:
    """An asset's spot balance; an asset the venue does not list at all is refused, not zero."""
    kind = asset_of(asset)
    for line in Fields.of(answer, "spotAccount").rows("balances"):
        if line.text("asset") == asset:
            free, locked = line.decimal("free"), line.decimal("locked")
            return SpotBalance(asset, Amount.floor(free, kind), Amount.floor(locked, kind), at)
    raise VenueError(
        "incomplete_answer",
        f"expected a spot balance of {asset}, the venue did not send one",
        missing=f"spotAccount.balances.{asset}",
    )


def key_permissions(answer: Any, role: Role, uid: str) -> KeyPermissions:
    """A key's rights; trading counts when any kind of it is enabled."""
    line = Fields.of(answer, "apiRestrictions")
    trading = (
        "enableFutures",
        "enableSpotAndMarginTrading",
        "enableMargin",
        "enableVanillaOptions",
        "enablePortfolioMarginTrading",
        "enableFixApiTrade",
    )
    return KeyPermissions(
        role=role,
        account_uid=uid,
        can_read=line.boolean("enableReading"),
        can_withdraw=line.boolean("enableWithdrawals"),
        can_trade=any(line.has(name) and line.boolean(name) for name in trading),
        can_transfer=line.boolean("permitsUniversalTransfer")
        or (line.has("enableInternalTransfer") and line.boolean("enableInternalTransfer")),
        ip_restricted=line.boolean("ipRestrict"),
        created_at=line.instant("createTime") if line.decimal("createTime") else None,
        expires_at=_expiry(line),
    )


def _expiry(line: Fields) -> datetime | None:
    """When trading and transfers of a key without an IP list end; "0" and absence mean never."""
    name = "tradingAuthorityExpirationTime"
    return line.instant(name) if line.has(name) and line.decimal(name) else None


def whitelist(answer: Any) -> tuple[WhitelistEntry, ...]:
    """The address book that withdrawals can be confined to; "" where an entry is for any coin or network."""
    return tuple(
        WhitelistEntry(
            asset=line.optional_text("coin"),
            network=line.optional_text("network"),
            address=line.text("address"),
            tag=line.optional_text("addressTag"),
            name=line.optional_text("name"),
            verified=line.boolean("whiteStatus"),
        )
        for line in rows(answer, "withdrawAddressList")
    )
