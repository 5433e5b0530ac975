"""Bybit's wallets out of raw answers: networks, deposits, withdrawals, transfers, balances. Pure.

Refuses a status it does not know (a new word is never read as done or as failed) and a network whose fee is a
share of the amount. Sources: Bybit V5 "Get Coin Info", "Get Withdrawal Records", "Get Deposit Records
(on-chain)", "Get Internal Transfer Records", "Get Withdrawable Amount", "Get Master Deposit
Address", "Enums Definitions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from vault.errors import VenueError
from vault.money import Amount, Asset, asset_of
from vault.venues import matching
from vault.venues.base import (
    DepositStatus,
    InternalTransfer,
    InternalTransferReceipt,
    SpotBalance,
    WithdrawalState,
    WithdrawalStatus,
    WithdrawNetwork,
    WithdrawRequest,
)
from vault.venues.bybit.envelope import opened
from vault.venues.common.reading import DepositPlace
from vault.venues.line.raw import Fields
from vault.venues.registry import same_txid

WALLETS: Final = {"unified": "UNIFIED", "funding": "FUND"}
# BlockchainConfirmed comes before success; Unknown is the venue's own word, and says neither done nor failed.
_WITHDRAWAL_STATES: Final[dict[str, WithdrawalState]] = {
    "SecurityCheck": "processing",
    "Pending": "processing",
    "MoreInformationRequired": "processing",
    "Unknown": "processing",
    "BlockchainConfirmed": "sent",
    "success": "completed",
    "CancelByUser": "cancelled",
    "Reject": "refused",
    "Fail": "refused",
}
# 7, 70011, 70012, 70013: being rolled back, rolled back, valid after all, waiting for a person.
_DEPOSIT_STATES: Final[dict[int, Literal["pending", "credited", "refused"]]] = {
    0: "pending",
    1: "pending",
    2: "pending",
    3: "credited",
    4: "refused",
    7: "pending",
    10011: "pending",
    10012: "credited",
    70011: "refused",
    70012: "credited",
    70013: "pending",
}
_TRANSFER_STATES: Final[dict[str, Literal["pending", "confirmed", "failed"]]] = {
    "SUCCESS": "confirmed",
    "PENDING": "pending",
    "STATUS_UNKNOWN": "pending",
    "FAILED": "failed",
}
_TXID = re.compile(r"[0-9A-Za-z]{32,100}", re.ASCII)
ON_CHAIN: Final = 0  # withdrawType; 1 stays inside the venue and has no transaction
FREE_DEPOSIT: Final = 0  # depositType; any other is held back


def withdraw_network(answer: Any, asset: str, network: str, at: datetime) -> WithdrawNetwork:
    """One network of one coin. Raises `VenueError` (``venue.unknown_network``, ``venue.percentage_fee``)."""
    kind, line = asset_of(asset), _chain(answer, asset, network)
    share = line.optional_decimal("withdrawPercentageFee")
    if share:
        raise VenueError(
            "percentage_fee",
            f"{asset} on {network}: expected a fee of fixed size, the venue takes {share:f} of the amount",
        )
    return WithdrawNetwork(
        asset=asset,
        network=network,
        enabled=_open(line, "chainWithdraw"),
        deposit_enabled=_open(line, "chainDeposit"),
        fee=line.amount("withdrawFee", kind),
        minimum=line.amount("withdrawMin", kind),
        maximum=_maximum(line, kind),
        step=_step(line, kind),
        confirmations=line.integer("confirmation"),
        observed_at=at,
        deposit_minimum=_deposit_minimum(line, kind),
        contract=line.optional_text("contractAddress"),
    )


def safe_confirmations(answer: Any, asset: str, network: str) -> int:
    """Confirmations after which a deposit can be withdrawn again."""
    return _chain(answer, asset, network).integer("safeConfirmNumber")


def _chain(answer: Any, asset: str, network: str) -> Fields:
    for coin in opened(answer, "coinInfo").result.rows("rows"):
        if coin.text("coin") != asset:
            continue
        for line in coin.rows("chains"):
            if line.text("chain") == network:
                return line
    raise VenueError(
        "unknown_network", f"expected {asset} on {network} at the venue, it lists no such network"
    )


def _open(line: Fields, name: str) -> bool:
    value = line.integer(name)
    if value not in {0, 1}:
        raise VenueError("bad_answer", f"{line.where}.{name}: expected 0 or 1, found {value}")
    return value == 1


def _maximum(line: Fields, kind: Asset) -> Amount | None:
    number = line.optional_decimal("withdrawMax")
    return None if number is None or number < 0 else Amount.floor(number, kind)


def _step(line: Fields, kind: Asset) -> Amount:
    """``minAccuracy`` digits after the point, or our base unit where the venue's are more."""
    digits = line.integer("minAccuracy")
    if not 0 <= digits <= 36:
        raise VenueError("bad_answer", f"{line.where}.minAccuracy: expected 0 to 36 digits, found {digits}")
    return Amount.floor(Decimal(1).scaleb(-digits), kind) or Amount(kind, 1)


def _deposit_minimum(line: Fields, kind: Asset) -> Amount | None:
    """``depositMin``, never below what the venue says: rounded up to our base unit."""
    number = line.optional_decimal("depositMin")
    if number is None or number <= 0:
        return None
    least = Amount.floor(number, kind)
    return least if least.to_decimal() == number else least + Amount(kind, 1)


def withdrawals(
    pages: Iterable[Any], asset: str, request: WithdrawRequest | None = None
) -> tuple[WithdrawalStatus, ...]:
    """The entries of one coin, of them those that can be `request`: others need no reading.

    The venue does not list our request ids: `client_id` is "" in all of them.
    """
    return tuple(
        _withdrawal(line)
        for page in pages
        for line in opened(page, "withdrawals").result.rows("rows")
        if line.text("coin") == asset
        and (request is None or matching.may_be(line, request, address="toAddress", fee="withdrawFee"))
    )


def _withdrawal(line: Fields) -> WithdrawalStatus:
    word, asset = line.text("status"), asset_of(line.text("coin"))
    if word not in _WITHDRAWAL_STATES:
        raise VenueError(
            "unknown_status",
            f"{line.where}: expected one of {', '.join(_WITHDRAWAL_STATES)}, found {word[:40]!r}",
        )
    if "tag" not in line.data:  # without it, an entry of ours could look like another's
        raise VenueError(
            "incomplete_answer",
            f"{line.where}: expected the field 'tag', the venue did not send it",
            missing=f"{line.where}.tag",
        )
    state = _WITHDRAWAL_STATES[word]
    txid = line.optional_text("txID") if line.integer("withdrawType") == ON_CHAIN else ""
    known = txid if _TXID.fullmatch(txid) else None
    return WithdrawalStatus(
        state="sent" if state == "processing" and known else state,
        venue_id=line.text("withdrawId"),
        client_id="",
        txid=known,
        asset=asset.symbol,
        amount=line.amount("amount", asset),
        fee=line.amount("withdrawFee", asset),
        address=line.text("toAddress"),
        network=line.text("chain"),
        applied_at=line.instant("createTime"),
        raw_status=word,
        tag=line.optional_text("tag"),
        completed_at=line.instant("updateTime") if state == "completed" else None,
    )


def as_netted(status: WithdrawalStatus, request: WithdrawRequest) -> WithdrawalStatus:
    """The entry in gross, fee and net, where it may show the gross amount that we asked for.

    We ask for a gross amount (``feeType`` 1) and the venue's page does not say which of the two it lists:
    both are taken for ours, since taking ours for another's could send it twice.
    """
    if status.amount == request.amount and status.fee < status.amount:
        return replace(status, amount=status.amount - status.fee)
    return status


def deposits(
    pages: Iterable[Any], network: str, txid: str, same: Callable[[str], bool], required: tuple[int, int]
) -> tuple[DepositStatus, ...]:
    """Entries of one transaction for which `same` (address) holds; `required`: to credit, to withdraw."""
    found = [
        _deposit(line, required)
        for page in pages
        for line in opened(page, "deposits").result.rows("rows")
        if same_txid(line.text("txID"), txid)
        and line.text("chain") == network
        and same(line.text("toAddress"))
    ]
    return tuple(dict.fromkeys(found))


def _deposit(line: Fields, required: tuple[int, int]) -> DepositStatus:
    status, asset = line.integer("status"), asset_of(line.text("coin"))
    if status not in _DEPOSIT_STATES:
        raise VenueError("unknown_status", f"{line.where}: expected a known deposit status, found {status}")
    state = _DEPOSIT_STATES[status]
    confirmations = line.integer("confirmations") if line.has("confirmations") else 0
    kind = line.integer("depositType") if line.has("depositType") else FREE_DEPOSIT
    credited = line.has("successAt") and line.decimal("successAt") > 0
    return DepositStatus(
        state=state,
        unlocked=state == "credited" and kind == FREE_DEPOSIT and confirmations >= required[1],
        txid=line.text("txID"),
        asset=asset.symbol,
        network=line.text("chain"),
        amount=line.amount("amount", asset),
        address=line.text("toAddress"),
        confirmations=confirmations,
        required_confirmations=required[0],
        raw_status=str(status),
        tag=line.optional_text("tag"),
        credited_at=line.instant("successAt") if state == "credited" and credited else None,
    )


def deposit_place(answer: Any, asset: str, network: str) -> DepositPlace:
    """Where the venue says a deposit goes now."""
    result = opened(answer, "depositAddress").result
    if result.text("coin") != asset:
        raise VenueError("bad_answer", f"expected a deposit address for {asset}, found another coin's")
    found = [line for line in result.rows("chains") if line.text("chain") == network]
    if len(found) != 1:
        raise VenueError(
            "bad_answer", f"expected one deposit address for {asset} on {network}, found {len(found)}"
        )
    return DepositPlace(found[0].text("addressDeposit"), found[0].optional_text("tagDeposit"))


def transfers(pages: Iterable[Any], wanted: InternalTransfer) -> tuple[InternalTransferReceipt, ...]:
    """Entries of this direction, asset and exact amount."""
    asset = wanted.amount.asset
    direction = (WALLETS[wanted.source], WALLETS[wanted.destination])
    found = {}
    for page in pages:
        for line in opened(page, "transfers").result.rows("list"):
            if line.text("coin") != asset.symbol or line.decimal("amount") != wanted.amount.to_decimal():
                continue
            if (line.text("fromAccountType"), line.text("toAccountType")) != direction:
                continue
            receipt = _transfer(line, wanted)
            found[receipt.venue_id] = receipt
    return tuple(found.values())


def _transfer(line: Fields, wanted: InternalTransfer) -> InternalTransferReceipt:
    status = line.text("status")
    if status not in _TRANSFER_STATES:
        raise VenueError("unknown_status", f"{line.where}: expected a known status, found {status[:40]!r}")
    return InternalTransferReceipt(
        venue_id=line.text("transferId"),
        state=_TRANSFER_STATES[status],
        source=wanted.source,
        destination=wanted.destination,
        amount=wanted.amount,
        at=line.instant("timestamp"),
    )


def funding_balance(answer: Any, asset: str, at: datetime) -> SpotBalance:
    """The funding wallet's balance; one the venue does not tell is refused, not zero."""
    kind = asset_of(asset)
    result = opened(answer, "withdrawable").result
    where = f"{result.where}.withdrawableAmount"
    amounts = Fields.of(result.data.get("withdrawableAmount"), where)
    if not amounts.has("FUND"):
        raise VenueError(
            "incomplete_answer",
            f"expected the funding wallet's {asset}, the venue did not send it",
            missing=f"{where}.FUND",
        )
    line = Fields.of(amounts.data["FUND"], f"{where}.FUND")
    if line.text("coin") != asset:
        raise VenueError("bad_answer", f"expected a balance of {asset}, found another coin's")
    free, held = line.decimal("withdrawableAmount"), line.decimal("availableBalance")
    locked = max(Decimal(0), held - free)
    return SpotBalance(asset, Amount.floor(free, kind), Amount.floor(locked, kind), at)
