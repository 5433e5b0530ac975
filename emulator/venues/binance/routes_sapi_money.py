"""Binance wallet endpoints for money in and out, `/sapi/v1/capital`: coins, deposits, withdrawals."""

from __future__ import annotations

from emulator.venues.binance.paging import page
from emulator.venues.binance.profile import SPOT
from emulator.venues.engine.clock import utc_text
from emulator.venues.engine.coins import Coin, CoinNetwork
from emulator.venues.engine.deposits import DepositRecord, DepositStatus
from emulator.venues.engine.exact import ZERO, plain
from emulator.venues.engine.withdrawals import Status, Withdrawal, WithdrawalRequest
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.routing import Call, Route, Security, within
from emulator.venues.serving.wire import Json

DAY_MS = 24 * 3_600_000
MAX_WINDOW_MS = 90 * DAY_MS
CLIENT_ID_WINDOW_MS = 7 * DAY_MS  # with withdrawOrderId the window is at most 7 days
# `status` of `GET /sapi/v1/capital/withdraw/history` and of `deposit/hisrec`.
WITHDRAWAL_STATUS = {
    Status.EMAIL_SENT: 0,
    Status.CANCELLED: 1,
    Status.AWAITING_APPROVAL: 2,
    Status.REJECTED: 3,
    Status.PROCESSING: 4,
    Status.FAILED: 5,
    Status.COMPLETED: 6,
}
DEPOSIT_STATUS = {DepositStatus.PENDING: 0, DepositStatus.SUCCESS: 1, DepositStatus.CREDITED_LOCKED: 6}


def coins(call: Call) -> Json:
    """`GET /sapi/v1/capital/config/getall`."""
    return [_coin(coin, call) for coin in call.venue.coins.values()]


def _coin(coin: Coin, call: Call) -> Json:
    account = call.account
    suspended = call.venue.withdrawals_suspended
    return {
        "coin": coin.coin,
        "depositAllEnable": any(n.deposit_enabled for n in coin.networks),
        "withdrawAllEnable": any(n.withdraw_enabled for n in coin.networks) and not suspended,
        "name": coin.name,
        "free": plain(account.held(SPOT, coin.coin)),
        "locked": "0",
        "freeze": "0",
        "withdrawing": plain(account.withdrawing.get(coin.coin, ZERO)),
        "ipoing": "0",
        "ipoable": "0",
        "storage": "0",
        "isLegalMoney": False,
        "trading": True,
        "networkList": [_network(network, coin.coin, suspended) for network in coin.networks],
    }


def _network(network: CoinNetwork, coin: str, suspended: bool) -> Json:
    contract: dict[str, Json] = {}
    if network.contract:
        contract = {"contractAddressUrl": network.contract_url, "contractAddress": network.contract}
    return {
        "network": network.network,
        "coin": coin,
        "withdrawIntegerMultiple": plain(network.withdraw_step),
        "isDefault": network.is_default,
        "depositEnable": network.deposit_enabled,
        "withdrawEnable": network.withdraw_enabled and not suspended,
        "depositDesc": "" if network.deposit_enabled else "Wallet Maintenance, Deposit Suspended",
        "withdrawDesc": "" if network.withdraw_enabled else "Wallet Maintenance, Withdrawal Suspended",
        "specialTips": "",
        "specialWithdrawTips": "",
        "name": network.name,
        "resetAddressStatus": False,
        "addressRegex": network.address_pattern,
        "memoRegex": network.tag_pattern,
        "withdrawFee": plain(network.withdraw_fee),
        "withdrawMin": plain(network.withdraw_min),
        "withdrawMax": plain(network.withdraw_max),
        "withdrawInternalMin": plain(network.withdraw_step),
        "depositDust": plain(network.deposit_dust),
        "minConfirm": network.min_confirm,
        "unLockConfirm": network.unlock_confirm,
        "sameAddress": False,
        "withdrawTag": network.tag_required,
        "estimatedArrivalTime": 1,
        "busy": False,
        **contract,
    }


def deposit_address(call: Call) -> Json:
    coin = call.need("coin")
    place = call.venue.deposit_address(call.account, coin, call.params.get("network"))
    network = call.venue.network(coin, call.params.get("network"))
    url = f"https://www.blockchain.com/btc/address/{place.address}" if network.network == "BTC" else ""
    return {"address": place.address, "coin": coin, "tag": place.tag, "url": url}


def deposit_history(call: Call) -> Json:
    """`GET /sapi/v1/capital/deposit/hisrec`, newest first."""
    window = call.window()
    _check_window(window, MAX_WINDOW_MS)
    coin, status, txid = (call.params.get(name) for name in ("coin", "status", "txId"))
    rows = [
        record
        for record in call.venue.deposits.of(call.account.uid)
        if coin in (None, record.coin)
        and status in (None, str(DEPOSIT_STATUS[record.status]))
        and txid in (None, record.tx_id)
        and within(record.insert_ms, window)
    ]
    return [_deposit(row, call) for row in page(rows, call)]


def _deposit(record: DepositRecord, call: Call) -> Json:
    rules = call.venue.network(record.coin, record.network)
    return {
        "id": record.id,
        "amount": plain(record.amount),
        "coin": record.coin,
        "network": record.network,
        "status": DEPOSIT_STATUS[record.status],
        "address": record.address,
        "addressTag": record.tag,
        "txId": record.tx_id,
        "insertTime": record.insert_ms,
        "transferType": 0,
        "confirmTimes": f"{min(record.confirmations, rules.min_confirm)}/{rules.min_confirm}",
        "unlockConfirm": rules.unlock_confirm,
        "walletType": 0,
    }


def withdraw_apply(call: Call) -> Json:
    """`POST /sapi/v1/capital/withdraw/apply`."""
    request = WithdrawalRequest(
        coin=call.need("coin"),
        address=call.need("address"),
        amount=call.amount(),
        network=call.params.get("network"),
        tag=call.params.get("addressTag", ""),
        client_id=call.params.get("withdrawOrderId", ""),
    )
    return {"id": call.venue.withdraw(call.account, request).id}


def withdraw_history(call: Call) -> Json:
    """`GET /sapi/v1/capital/withdraw/history`, newest first; hides what is younger than the history lag."""
    venue, window = call.venue, call.window()
    client_id = call.params.get("withdrawOrderId")
    _check_window(window, CLIENT_ID_WINDOW_MS if client_id else MAX_WINDOW_MS)
    coin, status = call.params.get("coin"), call.params.get("status")
    now = venue.clock.now_ms()
    if client_id and window == (None, None):
        window = (now - CLIENT_ID_WINDOW_MS, None)
    rows = [
        record
        for record in venue.withdrawals.visible(call.account.uid, now, venue.ticks)
        if coin in (None, record.coin)
        and status in (None, str(WITHDRAWAL_STATUS[record.status]))
        and client_id in (None, record.client_id)
        and within(record.apply_ms, window)
    ]
    return [_withdrawal(row) for row in page(rows, call)]


def _withdrawal(record: Withdrawal) -> Json:
    row: dict[str, Json] = {
        "id": record.id,
        "amount": plain(record.amount),
        "transactionFee": plain(record.fee),
        "coin": record.coin,
        "status": WITHDRAWAL_STATUS[record.status],
        "address": record.address,
        "txId": record.tx_id,
        "applyTime": utc_text(record.apply_ms),
        "network": record.network,
        "transferType": 0,
        "info": record.info,
        "confirmNo": record.confirmations,
        "walletType": 0,
        "txKey": "",
    }
    if record.tag:
        row["addressTag"] = record.tag
    if record.client_id:
        row["withdrawOrderId"] = record.client_id
    if record.complete_ms is not None:
        row["completeTime"] = utc_text(record.complete_ms)
    return row


def withdraw_addresses(call: Call) -> Json:
    """`GET /sapi/v1/capital/withdraw/address/list`: the venue-side whitelist."""
    return [
        {
            "address": entry.address,
            "addressTag": entry.tag,
            "coin": entry.asset,
            "name": entry.name or f"{entry.asset} {index}",
            "network": entry.network,
            "origin": "",
            "originType": "",
            "whiteStatus": call.account.whitelist_on and entry.usable,
        }
        for index, entry in enumerate(call.account.whitelist, start=1)
    ]


def _check_window(window: tuple[int | None, int | None], longest_ms: int) -> None:
    start, end = window
    if start is not None and end is not None and not 0 <= end - start <= longest_ms:
        raise VenueError(-4047, f"Time interval must be within 0-{longest_ms // DAY_MS} days")


ROUTES = (
    Route("GET", "/sapi/v1/capital/config/getall", coins, Security.READ),
    Route("GET", "/sapi/v1/capital/deposit/address", deposit_address, Security.READ),
    Route("GET", "/sapi/v1/capital/deposit/hisrec", deposit_history, Security.READ),
    Route("POST", "/sapi/v1/capital/withdraw/apply", withdraw_apply, Security.WITHDRAW),
    Route("GET", "/sapi/v1/capital/withdraw/history", withdraw_history, Security.READ),
    Route("GET", "/sapi/v1/capital/withdraw/address/list", withdraw_addresses, Security.ADDRESSES),
)
