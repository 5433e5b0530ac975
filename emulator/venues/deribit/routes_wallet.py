"""Deribit wallet endpoints: address book, deposits, withdrawals. All are GETs, the withdrawal too.

A withdrawal goes only to an address of the book whose waiting time is over. Sources: Deribit "Wallet",
"Managing Withdrawals".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from emulator.venues.deribit.dialect import INVALID, DeribitError, result
from emulator.venues.deribit.routes_account import known
from emulator.venues.engine.accounts import WhitelistEntry
from emulator.venues.engine.deposits import DepositRecord, DepositStatus
from emulator.venues.engine.exact import InexactNumberError, number
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.withdrawals import Status, Withdrawal, WithdrawalRequest
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

WITHDRAWAL_STATES = {
    Status.EMAIL_SENT: "unconfirmed",
    Status.AWAITING_APPROVAL: "confirmed",
    Status.PROCESSING: "confirmed",
    Status.COMPLETED: "completed",
    Status.CANCELLED: "cancelled",
    Status.REJECTED: "rejected",
    Status.FAILED: "rejected",
}
PRIORITIES = ("insane", "extreme_high", "very_high", "high", "mid", "low", "very_low")
WAITING_MS = 72 * 3_600_000


def address_book(call: Call) -> Json:
    """`GET /api/v2/private/get_address_book`."""
    coin = known(call, call.need("currency"))
    if call.need("type") != "withdrawal":
        return result(call.venue, [])
    now = call.venue.clock.now_ms()
    return result(call.venue, [_entry(entry, now) for entry in call.account.whitelist if entry.asset == coin])


def _entry(entry: WhitelistEntry, now_ms: int) -> Json:
    waiting = "waiting" if now_ms < entry.usable_from_ms else "ready"
    found: dict[str, Json] = {
        "currency": entry.asset,
        "address": entry.address,
        "type": "withdrawal",
        "label": entry.name,
        "status": waiting if entry.usable else "admin_locked",
        "creation_timestamp": max(1, (entry.usable_from_ms or now_ms) - WAITING_MS),
        "requires_confirmation": False,
        "requires_confirmation_change": False,
        "personal": True,
        "agreed": True,
        "info_required": False,
    }
    if entry.usable_from_ms:
        found["waiting_timestamp"] = entry.usable_from_ms
    return found | ({"tag": entry.tag} if entry.tag else {})


def deposit_address(call: Call) -> Json:
    """`GET /api/v2/private/get_current_deposit_address`: nothing where a currency takes no deposits."""
    coin = known(call, call.need("currency"))
    try:
        place = call.venue.deposit_address(call.account, coin, None)
    except Refusal as refusal:
        if refusal.reason is not Reason.NO_DEPOSITS:
            raise
        return result(call.venue, None)
    found: dict[str, Json] = {
        "address": place.address,
        "currency": coin,
        "type": "deposit",
        "status": "ready",
        "creation_timestamp": 1_536_569_522_277,
    }
    return result(call.venue, found | ({"tag": place.tag} if place.tag else {}))


def _page(call: Call, rows: Sequence[Json]) -> Json:
    offset = call.params.get("offset", "0")
    if not (offset.isascii() and offset.isdigit()):
        raise Refusal(Reason.BAD_PARAMETER, name="offset")
    start = int(offset)
    listed = rows[start : start + call.limit(10, 1000, "count")]
    return result(call.venue, {"count": len(rows), "data": list(listed)})


def deposits(call: Call) -> Json:
    """`GET /api/v2/private/get_deposits`, newest first: says no confirmations."""
    coin = known(call, call.need("currency"))
    mine = [record for record in call.venue.deposits.of(call.account.uid) if record.coin == coin]
    return _page(call, [_deposit(record) for record in mine])


def _deposit(record: DepositRecord) -> Json:
    pending = record.status is DepositStatus.PENDING
    return {
        "address": record.address,
        "amount": record.amount,
        "currency": record.coin,
        "state": "pending" if pending else "completed",
        "clearance_state": "success" if record.status is DepositStatus.SUCCESS else "in_progress",
        "received_timestamp": record.insert_ms,
        "updated_timestamp": record.credited_ms or record.insert_ms,
        "transaction_id": record.tx_id,
        "refund_transaction_id": None,
        "source_address": None,
        "note": "",
    }


def withdrawals(call: Call) -> Json:
    """`GET /api/v2/private/get_withdrawals`, newest first; hides what is younger than the history lag."""
    coin, venue = known(call, call.need("currency")), call.venue
    seen = venue.withdrawals.visible(call.account.uid, venue.clock.now_ms(), venue.ticks)
    return _page(call, [_withdrawal(record) for record in seen if record.coin == coin])


def _withdrawal(record: Withdrawal) -> Json:
    found: dict[str, Json] = {
        "id": int(record.id),
        "currency": record.coin,
        "address": record.address,
        "amount": record.amount,
        "fee": record.fee,
        "priority": Decimal("0.15"),
        "state": WITHDRAWAL_STATES[record.status],
        "transaction_id": record.tx_id or None,
        "created_timestamp": record.apply_ms,
        "updated_timestamp": record.updated_ms,
        "confirmed_timestamp": None if record.status is Status.EMAIL_SENT else record.updated_ms,
    }
    return found | ({"nonce": record.client_id} if record.client_id else {})


def withdraw(call: Call) -> Json:
    """`GET /api/v2/private/withdraw`: money leaves by a GET, and the fee comes on top."""
    coin, address = known(call, call.need("currency")), call.need("address")
    if call.params.get("priority", "high") not in PRIORITIES:
        raise Refusal(Reason.BAD_PARAMETER, name="priority")
    now = call.venue.clock.now_ms()
    book = [entry for entry in call.account.whitelist if (entry.asset, entry.address) == (coin, address)]
    if not any(entry.usable and now >= entry.usable_from_ms for entry in book):
        raise Refusal(Reason.NOT_WHITELISTED, address=address)
    request = WithdrawalRequest(
        coin=coin,
        address=address,
        amount=_amount(call),
        tag=book[0].tag,
        client_id=call.params.get("nonce", ""),
        fee_mode=call.venue.withdrawals.settings.fee_mode,
    )
    return result(call.venue, _withdrawal(call.venue.withdraw(call.account, request)))


def _amount(call: Call) -> Decimal:
    """A JSON number: an exponent is one too."""
    try:
        return number(call.need("amount"))
    except InexactNumberError:
        raise DeribitError(*INVALID, 400, {"reason": "wrong format", "param": "amount"}) from None


ROUTES = (
    Route("GET", "/api/v2/private/get_address_book", address_book, Security.READ),
    Route("GET", "/api/v2/private/get_current_deposit_address", deposit_address, Security.READ),
    Route("GET", "/api/v2/private/get_deposits", deposits, Security.READ),
    Route("GET", "/api/v2/private/get_withdrawals", withdrawals, Security.READ),
    Route("GET", "/api/v2/private/withdraw", withdraw, Security.WITHDRAW),
)
