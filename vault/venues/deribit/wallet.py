"""Deribit wallet answers: networks, deposits, withdrawals, address book, key rights. Pure.

Refuses a status it does not know, a currency that has moved to another chain, and a withdrawal without its
amount or time. Sources: Deribit "public/get_currencies", "private/get_withdrawals", "private/get_deposits",
"private/get_address_book", "private/list_api_keys", "Access scope".
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, Literal

from vault.chain_address import Chain
from vault.errors import VenueError
from vault.money import Amount, Asset, asset_of
from vault.venues.base import (
    DepositStatus,
    KeyPermissions,
    Role,
    SpotBalance,
    WhitelistEntry,
    WithdrawalState,
    WithdrawalStatus,
    WithdrawNetwork,
)
from vault.venues.common.reading import DepositPlace
from vault.venues.deribit.answers import entries, entry, once
from vault.venues.line.raw import Fields
from vault.venues.registry import asset_network, same_address, same_txid

# The coin that a chain's fees are paid in is how Deribit names the chain (``network_currency``).
CHAIN_COINS: Final[dict[Chain, str]] = {"bitcoin": "BTC", "ethereum": "ETH", "solana": "SOL", "xrp": "XRP"}
# The venue says no step. It writes fees with eight digits: what is finer it might cut without a word.
DIGITS: Final = 8

# ``interrupted`` is not called an end anywhere: nothing is sent again because of it.
_WITHDRAWAL_STATES: Final[dict[str, WithdrawalState]] = {
    "unconfirmed": "processing",
    "confirmed": "processing",
    "interrupted": "processing",
    "completed": "completed",
    "cancelled": "cancelled",
    "rejected": "refused",
}
_DEPOSIT_STATES: Final[dict[str, Literal["pending", "credited", "refused"]]] = {
    "pending": "pending",
    "completed": "credited",
    "rejected": "refused",
    "replaced": "refused",  # the transaction was replaced by another, which has an entry of its own
}
_CLEARING: Final = frozenset({"in_progress", "pending_admin_decision", "pending_user_input"})
_RETURNED: Final = frozenset({"failed", "cancelled", "refund_initiated", "refunded"})
_ADDRESS_STATES: Final = {"ready": True, "confirmed": True, "waiting": False, "admin_locked": False}


def withdraw_network(answer: Any, asset: str, network: str, at: datetime) -> WithdrawNetwork:
    """The one way in and out of a currency. Raises `VenueError` (``venue.unknown_network``).

    Deribit says neither minimum, step nor whether withdrawals are open: the step is ours, the least amount is
    one step, and a closed currency is refused by the venue when it is asked.
    """
    kind, line = asset_of(asset), _currency(answer, asset)
    chain = asset_network("deribit", asset, network).chain
    coin = line.text("network_currency")
    if CHAIN_COINS.get(chain) != coin:
        raise VenueError(
            "unknown_network", f"expected {asset} on {chain}, the venue now moves it on the chain of {coin}"
        )
    step = Amount(kind, 10 ** max(0, kind.decimals - DIGITS))
    return WithdrawNetwork(
        asset=asset,
        network=network,
        enabled=True,
        deposit_enabled=True,
        fee=max(line.amount("withdrawal_fee", kind), line.amount("min_withdrawal_fee", kind)),
        minimum=step,
        maximum=None,
        step=step,
        confirmations=line.integer("min_confirmations"),
        observed_at=at,
    )


def _currency(answer: Any, asset: str) -> Fields:
    found: dict[str, Fields] = {}
    for line in entries(answer, "currencies"):
        once(found, line.text("currency"), line)
    if asset not in found:
        raise VenueError("unknown_network", f"expected {asset} at the venue, it lists no such currency")
    return found[asset]


def balance(answer: Any, asset: str, at: datetime) -> SpotBalance:
    """What of a currency can be withdrawn: margin is withdrawn directly, what positions need stays."""
    kind, line = asset_of(asset), entry(answer, "summary")
    _same(line, "currency", asset)
    free = line.decimal("available_withdrawal_funds")
    locked = max(line.decimal("balance") - free, free * 0)
    return SpotBalance(asset, Amount.floor(free, kind), Amount.floor(locked, kind), at)


def deposit_place(answer: Any, asset: str) -> DepositPlace:
    """The current deposit address; an account that has none yet is refused."""
    line = entry(answer, "depositAddress")
    _same(line, "currency", asset)
    _same(line, "type", "deposit")
    return DepositPlace(line.text("address"), line.optional_text("tag"))


def _same(line: Fields, name: str, expected: str) -> None:
    if (found := line.text(name)) != expected:
        raise VenueError("bad_answer", f"{line.where}.{name}: expected {expected}, found {found[:40]!r}")


def page(answer: Any, where: str) -> tuple[tuple[Fields, ...], int]:
    """The entries of one page of a history, and how many there are in all."""
    line = entry(answer, where)
    return line.rows("data"), line.integer("count")


def withdrawals(lines: Iterable[Fields], asset: str) -> tuple[WithdrawalStatus, ...]:
    """Entries of a currency's history; `client_id` is the nonce that the venue kept, "" without one."""
    return tuple(_withdrawal(line, asset_of(asset)) for line in lines if line.text("currency") == asset)


def _withdrawal(line: Fields, asset: Asset) -> WithdrawalStatus:
    state = line.text("state")
    if state not in _WITHDRAWAL_STATES:
        raise VenueError("unknown_status", f"{line.where}: expected a known status, found {state[:40]!r}")
    txid = line.text("transaction_id") if line.has("transaction_id") else None
    now = _WITHDRAWAL_STATES[state]
    return WithdrawalStatus(
        state="sent" if now == "processing" and txid else now,
        venue_id=str(line.integer("id")),
        client_id=line.optional_text("nonce"),
        txid=txid,
        asset=asset.symbol,
        amount=line.amount("amount", asset),
        fee=line.amount("fee", asset),
        address=line.text("address"),
        network=asset.symbol,
        applied_at=line.instant("created_timestamp"),
        raw_status=state,
        tag=line.optional_text("tag"),
        completed_at=line.instant("updated_timestamp") if state == "completed" else None,
    )


def deposits(
    lines: Iterable[Fields], asset: str, txid: str, address: str, confirmations: int
) -> tuple[DepositStatus, ...]:
    """The entries of one transaction and address; the venue says no confirmations, so a pending one has 0."""
    return tuple(
        dict.fromkeys(
            _deposit(line, asset_of(asset), confirmations)
            for line in lines
            if line.text("currency") == asset
            and line.has("transaction_id")
            and same_txid(line.text("transaction_id"), txid)
            and same_address(line.text("address"), address)
        )
    )


def _deposit(line: Fields, asset: Asset, required: int) -> DepositStatus:
    state, clearance = line.text("state"), line.optional_text("clearance_state")
    if state not in _DEPOSIT_STATES or clearance not in {"", "success", *_CLEARING, *_RETURNED}:
        raise VenueError(
            "unknown_status",
            f"{line.where}: expected a known deposit status, found {state[:40]!r} {clearance[:40]!r}",
        )
    credited = state == "completed"
    return DepositStatus(
        state="refused" if clearance in _RETURNED else _DEPOSIT_STATES[state],
        unlocked=credited and clearance in {"", "success"},
        txid=line.text("transaction_id"),
        asset=asset.symbol,
        network=asset.symbol,
        amount=line.amount("amount", asset),
        address=line.text("address"),
        confirmations=required if credited else 0,
        required_confirmations=required,
        raw_status=state if clearance in {"", "success"} else f"{state} {clearance}",
        tag=line.optional_text("tag"),
        applied_at=line.instant("received_timestamp"),
        credited_at=line.instant("updated_timestamp") if credited and line.has("updated_timestamp") else None,
    )


def whitelist(answer: Any, asset: str) -> tuple[WhitelistEntry, ...]:
    """A currency's address book: withdrawals go nowhere else; a waiting address is usable from its time."""
    found = []
    for line in entries(answer, f"addressBook.{asset}"):
        _same(line, "currency", asset)
        _same(line, "type", "withdrawal")
        status = line.text("status")
        if status not in _ADDRESS_STATES:
            raise VenueError(
                "unknown_status", f"{line.where}: expected a known status, found {status[:40]!r}"
            )
        found.append(
            WhitelistEntry(
                asset=asset,
                network=asset,
                address=line.text("address"),
                tag=line.optional_text("tag"),
                name=line.optional_text("label"),
                verified=_ADDRESS_STATES[status],
                usable_from=line.instant("waiting_timestamp") if line.has("waiting_timestamp") else None,
            )
        )
    return tuple(dict.fromkeys(found))


def key_permissions(answer: Any, key: str, role: Role, uid: str) -> KeyPermissions:
    """The rights of the key with that client id. The answer may hold secrets of keys: none is read."""
    mine = [line for line in entries(answer, "apiKeys") if line.text("client_id") == key]
    if len(mine) != 1:
        raise VenueError(
            "bad_answer", f"expected this key once in the list of keys, found it {len(mine)} times"
        )
    line = mine[0]
    scopes = set(line.text("max_scope").split())
    addresses = _addresses(line)
    return KeyPermissions(
        role=role,
        account_uid=uid,
        can_read=all(_reads(scopes, part) for part in ("account", "trade", "wallet")),
        can_withdraw="wallet:read_write" in scopes,
        # Whatever else can be written moves money or may: only wallet and account are told apart.
        can_trade=any(
            scope.endswith(":read_write") and scope.split(":")[0] not in {"wallet", "account"}
            for scope in scopes
        ),
        can_transfer="wallet:read_write" in scopes,
        ip_restricted=None if addresses is None else bool(addresses),
        created_at=line.instant("timestamp") if line.has("timestamp") else None,
        ip_list=addresses,
        withdraw_whitelist_on=True,
    )


def _reads(scopes: set[str], part: str) -> bool:
    return bool(scopes & {f"{part}:read", f"{part}:read_write"})


def _addresses(line: Fields) -> tuple[str, ...] | None:
    """None where the venue does not say; an empty list is a key that works from everywhere."""
    value = line.data.get("ip_whitelist")
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise VenueError("bad_answer", f"{line.where}.ip_whitelist: expected a list of addresses")
    return tuple(value)
