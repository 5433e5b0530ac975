"""Bybit V5 money in motion: transfers between the wallets, withdrawals, and the records of both."""

from __future__ import annotations

import re
from decimal import Decimal

from emulator.venues.bybit.dialect import answered
from emulator.venues.bybit.paging import Window, paged
from emulator.venues.bybit.profile import FUNDING, UNIFIED
from emulator.venues.engine.accounts import Transfer
from emulator.venues.engine.exact import ZERO, plain
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.withdrawals import FeeMode, Status, Withdrawal, WithdrawalRequest, split_fee
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

WALLETS = {"UNIFIED": UNIFIED, "FUND": FUNDING}
NAMES = {wallet: name for name, wallet in WALLETS.items()}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
FEE_MODES = {"0": FeeMode.ADDED, "1": FeeMode.NETTED}
STATUSES = {
    Status.EMAIL_SENT: "SecurityCheck",
    Status.AWAITING_APPROVAL: "Pending",
    Status.PROCESSING: "Pending",
    Status.COMPLETED: "success",
    Status.CANCELLED: "CancelByUser",
    Status.REJECTED: "Reject",
    Status.FAILED: "Fail",
}
TRANSFER_DAYS, WITHDRAWAL_DAYS = 7, 30


def transfer(call: Call) -> Json:
    transfer_id = call.need("transferId")
    if not UUID.fullmatch(transfer_id):
        raise VenueError(131203, "Request parameter error", status=200)
    source, target = (call.need(name) for name in ("fromAccountType", "toAccountType"))
    if source == target:
        raise VenueError(131211, "fromAccountType can't be the same as toAccountType", status=200)
    if source not in WALLETS or target not in WALLETS:
        raise Refusal(Reason.NO_ROUTE)
    if any(record.client_id == transfer_id for record in call.account.transfers):
        raise VenueError(131214, "TransferId exist", status=200)
    call.venue.transfer(
        call.account,
        WALLETS[source],
        WALLETS[target],
        call.need("coin"),
        call.amount(),
        client_id=transfer_id,
    )
    return answered(call, {"transferId": transfer_id, "status": "SUCCESS"})


def transfers(call: Call) -> Json:
    window, coin = Window(call, TRANSFER_DAYS), call.params.get("coin", "")
    wanted = call.params.get("transferId", "")
    rows = [
        _transfer(record)
        for record in reversed(call.account.transfers)
        if window.holds(record.time_ms) and coin in {"", record.asset} and wanted in {"", record.client_id}
    ]
    return answered(call, paged(call, "list", rows, default=20))


def _transfer(record: Transfer) -> Json:
    return {
        "transferId": record.client_id,
        "coin": record.asset,
        "amount": plain(record.amount),
        "fromAccountType": NAMES[record.source],
        "toAccountType": NAMES[record.target],
        "timestamp": str(record.time_ms),
        "status": "SUCCESS",
    }


def withdraw(call: Call) -> Json:
    params = call.params
    if not call.need("timestamp").isdigit():
        raise Refusal(Reason.BAD_PARAMETER, name="timestamp")
    if params.get("forceChain", "0") not in {"0", "1"}:
        raise Refusal(Reason.BAD_PARAMETER, name="forceChain")
    mode = FEE_MODES.get(params.get("feeType", "0"))
    account_type = call.need("accountType")
    if mode is None or account_type not in {"FUND", "UTA", "FUND,UTA"}:
        raise Refusal(Reason.BAD_PARAMETER, name="feeType or accountType")
    request = WithdrawalRequest(
        coin=call.need("coin"),
        address=call.need("address"),
        amount=call.amount(),
        network=call.need("chain"),
        tag=params.get("tag", ""),
        client_id=params.get("requestId", ""),
        fee_mode=mode,
    )
    moved = ZERO if account_type == "FUND" else _bring(call, request, all_of_it=account_type == "UTA")
    try:
        record = call.venue.withdraw(call.account, request)
    except Refusal:
        if moved:
            call.venue.transfer(call.account, FUNDING, UNIFIED, request.coin, moved)
        raise
    return answered(call, {"id": record.id})


def _bring(call: Call, request: WithdrawalRequest, *, all_of_it: bool) -> Decimal:
    """Move what the withdrawal needs from the unified to the funding wallet, and say how much that was."""
    if call.venue.withdrawals.earlier(call.account, request.client_id) is not None:
        return ZERO
    fee = call.venue.network(request.coin, request.network).withdraw_fee
    gross, _ = split_fee(request.amount, fee, request.fee_mode or FeeMode.ADDED)
    lacking = gross if all_of_it else max(ZERO, gross - call.account.held(FUNDING, request.coin))
    if lacking:
        call.venue.transfer(call.account, UNIFIED, FUNDING, request.coin, lacking)
    return lacking


def withdrawals(call: Call) -> Json:
    """The history; it never shows the request ids that clients sent."""
    venue, params = call.venue, call.params
    window, coin = Window(call, WITHDRAWAL_DAYS), params.get("coin", "")
    wanted, txid = params.get("withdrawID", ""), params.get("txID", "")
    off_chain = params.get("withdrawType", "0") == "1"
    rows = [
        _withdrawal(record)
        for record in venue.withdrawals.visible(call.account.uid, venue.clock.now_ms(), venue.ticks)
        if not off_chain
        and window.holds(record.apply_ms)
        and coin in {"", record.coin}
        and wanted in {"", record.id}
        and txid in {"", record.tx_id}
    ]
    return answered(call, paged(call, "rows", rows))


def _withdrawal(record: Withdrawal) -> Json:
    confirmed = record.status is Status.PROCESSING and record.confirmations > 0
    return {
        "coin": record.coin,
        "chain": record.network,
        "amount": plain(record.amount),
        "txID": record.tx_id,
        "status": "BlockchainConfirmed" if confirmed else STATUSES[record.status],
        "toAddress": record.address,
        "tag": record.tag,
        "withdrawFee": plain(record.fee),
        "createTime": str(record.apply_ms),
        "updateTime": str(record.updated_ms),
        "withdrawId": record.id,
        "withdrawType": 0,
        "fee": "",
        "tax": "",
        "taxRate": "",
        "taxType": "",
    }


ROUTES = (
    Route("POST", "/v5/asset/transfer/inter-transfer", transfer, Security.TRANSFER),
    Route("GET", "/v5/asset/transfer/query-inter-transfer-list", transfers, Security.READ),
    Route("POST", "/v5/asset/withdraw/create", withdraw, Security.WITHDRAW),
    Route("GET", "/v5/asset/withdraw/query-record", withdrawals, Security.READ),
)
