"""OKX's funding account: networks, deposits, withdrawals, transfers, keys out of raw answers. Pure.

Refuses a status it does not know: a new number is never read as done or as failed. ``amt`` is what the
address receives, the fee comes on top. Sources: OKX "Get currencies", "Get balance" (funding account),
"Get deposit address", "Get deposit history", "Withdrawal", "Get withdrawal history", "Funds transfer",
"Get funds transfer state", "Asset bills details", "Get account configuration".
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from vault.errors import VenueError
from vault.money import Amount, Asset, asset_of
from vault.venues.base import (
    DepositStatus,
    InternalTransfer,
    InternalTransferReceipt,
    KeyPermissions,
    Role,
    SpotBalance,
    WithdrawalState,
    WithdrawalStatus,
    WithdrawNetwork,
    WithdrawRequest,
)
from vault.venues.common.reading import DepositPlace
from vault.venues.line.raw import Fields
from vault.venues.matching import may_be
from vault.venues.okx.answers import entries, entry, once
from vault.venues.registry import AssetNetwork, same_address, same_txid

FUNDING: Final = "6"
ACCOUNTS: Final = {"funding": FUNDING, "trading": "18"}
_WALLETS: Final = {number: name for name, number in ACCOUNTS.items()}
# Bills of the funding account: from and to the trading account.
MOVED_IN: Final = "130"
MOVED_OUT: Final = "131"
ON_CHAIN: Final = "4"
MAX_TICK_DIGITS: Final = 18

# Before the chain: 0 waits, 3 e-mail, 4 5 6 8 9 12 manual review, 7 approved, 10 waits for a transfer,
# 17 travel rule, 19 hot wallet empty. On its way: 1 broadcasting, 15 validation, 16 held by local law,
# -3 cancelling. At the end: 2 success, -1 failed, -2 cancelled.
_WITHDRAWAL_STATES: Final[dict[str, WithdrawalState]] = {
    **dict.fromkeys(("0", "1", "3", "4", "5", "6", "7", "8", "9", "10", "12"), "processing"),
    **dict.fromkeys(("15", "16", "17", "19", "-3"), "processing"),
    "2": "completed",
    "-1": "refused",
    "-2": "cancelled",
}
# 0 waits, 1 credited but not to be withdrawn, 2 done, 8 suspended, 11 blacklisted, 12 frozen,
# 13 intercepted, 14 identity limit, 17 travel rule. What is held back is not lost: it stays pending.
_DEPOSIT_STATES: Final[dict[str, Literal["pending", "credited", "refused"]]] = {
    **dict.fromkeys(("0", "8", "11", "12", "13", "14", "17"), "pending"),
    "1": "credited",
    "2": "credited",
}
_TRANSFER_STATES: Final[dict[str, Literal["pending", "confirmed", "failed"]]] = {
    "pending": "pending",
    "success": "confirmed",
    "failed": "failed",
}
# A hash as the chains write it; a withdrawal inside the venue has none.
_TXID = re.compile(r"(0x)?[0-9A-Za-z]{40,128}", re.ASCII)
_TAG_FIELDS: Final = ("tag", "memo", "pmtId")


def withdraw_network(answer: Any, asset: str, network: str, at: datetime) -> WithdrawNetwork:
    """One chain of one currency; minimum, maximum and step are of the amount that arrives.

    Raises `VenueError` (``venue.unknown_network``, ``venue.unsupported_fee``).
    """
    kind, line = asset_of(asset), _chain(answer, asset, network)
    if line.has("burningFeeRate") and line.decimal("burningFeeRate"):
        raise VenueError(
            "unsupported_fee", f"{asset} on {network}: expected a fixed fee, the venue also burns a share"
        )
    fee = line.amount("fee", kind)
    return WithdrawNetwork(
        asset=asset,
        network=network,
        enabled=line.boolean("canWd"),
        deposit_enabled=line.boolean("canDep"),
        fee=fee,
        minimum=line.amount("minWd", kind),
        maximum=None if not line.has("maxWd") else Amount.floor(line.decimal("maxWd"), kind),
        step=_step(line, kind),
        confirmations=line.integer("minDepArrivalConfirm"),
        observed_at=at,
        deposit_minimum=_rounded_up(line.decimal("minDep"), kind),
    )


def check_chain(answer: Any, entry: AssetNetwork) -> None:
    """Raise `VenueError` when the venue means another token, or wants a tag where we know of none."""
    line = _chain(answer, entry.asset, entry.network)
    where = f"{entry.asset} on {entry.network}"
    theirs = line.optional_text("ctAddr").strip()
    if entry.contract is not None and not same_address(theirs, entry.contract):
        raise VenueError(
            "other_token", f"{where}: expected the token {entry.contract}, found {theirs[:80]!r}"
        )
    if line.boolean("needTag") and not entry.takes_tag:
        raise VenueError("tag_needed", f"{where}: expected a chain without tags, the venue wants one")


def _chain(answer: Any, asset: str, network: str) -> Fields:
    found: dict[str, Fields] = {}
    for line in entries(answer, "currencies"):
        if line.text("ccy") == asset and line.optional_text("chain") == network:
            once(found, network, line)
    if network not in found:
        raise VenueError(
            "unknown_network", f"expected {asset} on {network} at the venue, it lists no such network"
        )
    return found[network]


def _step(line: Fields, kind: Asset) -> Amount:
    """``wdTickSz`` digits after the point, or our base unit where the venue's is finer."""
    digits = line.integer("wdTickSz")
    if not 0 <= digits <= MAX_TICK_DIGITS:
        raise VenueError("bad_answer", f"{line.where}.wdTickSz: expected 0 to 18 digits, found {digits}")
    return Amount.floor(Decimal(1).scaleb(-digits), kind) or Amount(kind, 1)


def _rounded_up(number: Decimal, kind: Asset) -> Amount | None:
    if number <= 0:
        return None
    least = Amount.floor(number, kind)
    return least if least.to_decimal() == number else least + Amount(kind, 1)


def funding_balance(answer: Any, asset: str, at: datetime) -> SpotBalance:
    """The funding account's balance; OKX leaves out what is zero, so no entry is zero."""
    kind = asset_of(asset)
    found: dict[str, Fields] = {}
    for line in entries(answer, "fundingBalances"):
        once(found, line.text("ccy"), line)
    if asset not in found:
        return SpotBalance(asset, Amount.zero(kind), Amount.zero(kind), at)
    line = found[asset]
    free, locked = line.decimal("availBal"), line.decimal("frozenBal")
    if free + locked != line.decimal("bal"):
        raise VenueError(
            "bad_answer", f"{line.where}: expected available and frozen to add up to the balance"
        )
    return SpotBalance(asset, Amount.floor(free, kind), Amount.floor(locked, kind), at)


def deposit_place(answer: Any, asset: str, network: str) -> DepositPlace:
    """The one selected address of a chain, with the account that it credits: funding or trading.

    Old addresses stay listed: only the selected one counts. Raises ``venue.ambiguous_address``,
    ``venue.no_deposit_address``, ``venue.deposits_elsewhere``.
    """
    lines = [
        line
        for line in entries(answer, "depositAddresses")
        if line.text("ccy") == asset and line.text("chain") == network and line.boolean("selected")
    ]
    found = {(line.text("addr"), _tag(line), line.text("to")) for line in lines}
    if not found:
        raise VenueError(
            "no_deposit_address", f"expected a selected deposit address for {asset} on {network}, found none"
        )
    if len(found) > 1:
        raise VenueError(
            "ambiguous_address",
            f"expected one selected deposit address for {asset} on {network}, found {len(found)}",
        )
    address, tag, account = found.pop()
    if account not in _WALLETS:
        raise VenueError(
            "deposits_elsewhere",
            f"expected deposits of {asset} to go to the funding or trading account, found {account[:8]!r}",
            hint="Set the deposit account to trading or funding at the venue.",
        )
    return DepositPlace(address, tag, _WALLETS[account])


def _tag(line: Fields) -> str:
    """Tag, memo, payment id or comment: at most one of them."""
    tags = {line.text(name) for name in _TAG_FIELDS if line.has(name)}
    if line.has("addrEx"):
        extra = Fields.of(line.data["addrEx"], f"{line.where}.addrEx")
        tags |= {extra.text(name) for name in extra.data if extra.has(name)}
    if len(tags) > 1:
        raise VenueError("bad_answer", f"{line.where}: expected one tag, found {len(tags)}")
    return tags.pop() if tags else ""


def deposits(answer: Any, network: str, txid: str, address: str, required: int) -> tuple[DepositStatus, ...]:
    """The entries of the history for one transaction and address."""
    found: dict[str, Fields] = {}
    for line in entries(answer, "depositHistory"):
        same = same_txid(line.optional_text("txId"), txid)
        if same and same_address(line.optional_text("to"), address):
            found.setdefault(line.text("depId"), line)
    return tuple(_deposit(line, required) for line in found.values() if line.text("chain") == network)


def _deposit(line: Fields, required: int) -> DepositStatus:
    status, asset = line.text("state"), asset_of(line.text("ccy"))
    if status not in _DEPOSIT_STATES:
        raise VenueError(
            "unknown_status", f"{line.where}: expected a known deposit state, found {status[:20]!r}"
        )
    return DepositStatus(
        state=_DEPOSIT_STATES[status],
        unlocked=status == "2",
        txid=line.text("txId"),
        asset=asset.symbol,
        network=line.text("chain"),
        amount=line.amount("amt", asset),
        address=line.text("to"),
        confirmations=line.integer("actualDepBlkConfirm"),
        required_confirmations=required,
        raw_status=status,
        applied_at=line.instant("ts"),
    )


def withdrawals(
    answer: Any, client_id: str, request: WithdrawRequest | None = None
) -> tuple[WithdrawalStatus, ...]:
    """The entries of the history with this client id, or that can be `request` under one akin to it, once.

    Raises when two of one venue id differ.
    """
    found: dict[str, WithdrawalStatus] = {}
    for line in entries(answer, "withdrawalHistory"):
        close = request is not None and may_be(
            line, request, address="to", client_id="clientId", amount="amt"
        )
        if line.optional_text("clientId") != client_id and not close:
            continue
        status = _withdrawal(line)
        if found.setdefault(status.venue_id, status) != status:
            raise VenueError(
                "bad_answer",
                f"{line.where}: expected withdrawal {status.venue_id} once, found two that differ",
            )
    return tuple(found.values())


def _withdrawal(line: Fields) -> WithdrawalStatus:
    status, asset = line.text("state"), asset_of(line.text("ccy"))
    if status not in _WITHDRAWAL_STATES:
        raise VenueError(
            "unknown_status", f"{line.where}: expected a known withdrawal state, found {status[:20]!r}"
        )
    if line.optional_text("feeCcy") not in {"", asset.symbol}:
        raise VenueError(
            "bad_answer", f"{line.where}: expected a fee in {asset}, found {line.text('feeCcy')[:20]!r}"
        )
    state, txid = _WITHDRAWAL_STATES[status], line.optional_text("txId")
    known = txid if _TXID.fullmatch(txid) else None
    return WithdrawalStatus(
        state="sent" if state == "processing" and known else state,
        venue_id=line.text("wdId"),
        client_id=line.optional_text("clientId"),
        txid=known,
        asset=asset.symbol,
        amount=line.amount("amt", asset),
        fee=line.amount("fee", asset),
        address=line.text("to"),
        network=line.text("chain"),
        applied_at=line.instant("ts"),
        raw_status=status,
        tag=_tag(line),
    )


def moves(answer: Any, transfer: InternalTransfer, since: datetime) -> tuple[Fields, ...]:
    """Entries of the funding account's bills of that direction, currency and exact amount, each once."""
    outward = transfer.destination == "funding"
    amount = transfer.amount.to_decimal()
    found: dict[str, Fields] = {}
    for line in entries(answer, "bills"):
        wanted = (transfer.amount.asset.symbol, MOVED_IN if outward else MOVED_OUT)
        if (line.text("ccy"), line.text("type")) != wanted or line.instant("ts") < since:
            continue
        if line.decimal("balChg") == (amount if outward else -amount):
            found.setdefault(line.text("billId"), line)
    return tuple(found.values())


def moved(line: Fields, transfer: InternalTransfer, known: tuple[Fields, ...]) -> InternalTransferReceipt:
    """A bill as a receipt; under the transfer's own id where the venue still knows it."""
    at = line.instant("ts")
    if known:
        return recorded(known[0], transfer, at)
    bill = f"bill {line.text('billId')}"
    return InternalTransferReceipt(
        bill, "confirmed", transfer.source, transfer.destination, transfer.amount, at
    )


def recorded(line: Fields, transfer: InternalTransfer, at: datetime) -> InternalTransferReceipt:
    """An entry of the transfer states; the venue says no time with it. Raises when it is another transfer."""
    state = line.text("state")
    if state not in _TRANSFER_STATES:
        raise VenueError("unknown_status", f"{line.where}: expected a known state, found {state[:20]!r}")
    said = (line.text("ccy"), ACCOUNTS.get(transfer.source), ACCOUNTS.get(transfer.destination))
    same = (transfer.amount.asset.symbol, line.text("from"), line.text("to")) == said
    if not same or line.decimal("amt") != transfer.amount.to_decimal():
        raise VenueError("bad_answer", f"{line.where}: expected {transfer.amount}, found another transfer")
    return InternalTransferReceipt(
        venue_id=line.text("transId"),
        state=_TRANSFER_STATES[state],
        source=transfer.source,
        destination=transfer.destination,
        amount=transfer.amount,
        at=at,
    )


def key_permissions(answer: Any, role: Role) -> KeyPermissions:
    """A key's rights: ``perm`` and ``ip`` of the configuration. Who may trade may also transfer."""
    line = entry(answer, "config")
    rights = frozenset(line.text("perm").split(","))
    if unknown := rights - {"read_only", "trade", "withdraw"}:
        raise VenueError(
            "bad_answer", f"{line.where}.perm: expected read_only, trade, withdraw; found {sorted(unknown)}"
        )
    if line.data.get("ip") is None:
        line.text("ip")  # "" is no list; an absent field is neither
    addresses = tuple(part.strip() for part in line.optional_text("ip").split(",") if part.strip())
    return KeyPermissions(
        role=role,
        account_uid=line.text("uid"),
        can_read="read_only" in rights,
        can_withdraw="withdraw" in rights,
        can_trade="trade" in rights,
        can_transfer="trade" in rights,
        ip_restricted=bool(addresses),
        created_at=None,
        ip_list=addresses,
    )
