"""Binance wallet endpoints, `/sapi`: coins and networks, deposits, withdrawals, transfers, key rights."""

from __future__ import annotations

from decimal import Decimal
from typing import TypeVar

from emulator.venues.clock import utc_text
from emulator.venues.coins import Coin, CoinNetwork
from emulator.venues.deposits import DepositRecord
from emulator.venues.errors import VenueError, illegal_parameter
from emulator.venues.exact import ZERO, InexactNumberError, fixed, number, plain
from emulator.venues.routing import Call, Route, Security, within
from emulator.venues.wire import Json
from emulator.venues.withdrawals import Withdrawal, WithdrawalRequest

T = TypeVar("T")
DAY_MS = 24 * 3_600_000
MAX_WINDOW_MS = 90 * DAY_MS
CLIENT_ID_WINDOW_MS = 7 * DAY_MS  # with withdrawOrderId the window is at most 7 days


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
        "free": plain(account.spot.get(coin.coin, ZERO)),
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
        "memoRegex": "",
        "withdrawFee": plain(network.withdraw_fee),
        "withdrawMin": plain(network.withdraw_min),
        "withdrawMax": plain(network.withdraw_max),
        "withdrawInternalMin": plain(network.withdraw_step),
        "depositDust": plain(network.deposit_dust),
        "minConfirm": network.min_confirm,
        "unLockConfirm": network.unlock_confirm,
        "sameAddress": False,
        "withdrawTag": False,
        "estimatedArrivalTime": 1,
        "busy": False,
        **contract,
    }


def deposit_address(call: Call) -> Json:
    coin = call.need("coin")
    address = call.venue.deposit_address(call.account, coin, call.params.get("network"))
    network = call.venue.network(coin, call.params.get("network"))
    url = f"https://www.blockchain.com/btc/address/{address}" if network.network == "BTC" else ""
    return {"address": address, "coin": coin, "tag": "", "url": url}


def deposit_history(call: Call) -> Json:
    """`GET /sapi/v1/capital/deposit/hisrec`, newest first."""
    window = call.window()
    _check_window(window, MAX_WINDOW_MS)
    coin, status, txid = (call.params.get(name) for name in ("coin", "status", "txId"))
    rows = [
        record
        for record in call.venue.deposits.of(call.account.uid)
        if coin in (None, record.coin)
        and status in (None, str(int(record.status)))
        and txid in (None, record.tx_id)
        and within(record.insert_ms, window)
    ]
    return [_deposit(row, call) for row in _page(rows, call)]


def _deposit(record: DepositRecord, call: Call) -> Json:
    rules = call.venue.network(record.coin, record.network)
    return {
        "id": record.id,
        "amount": plain(record.amount),
        "coin": record.coin,
        "network": record.network,
        "status": int(record.status),
        "address": record.address,
        "addressTag": "",
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
        amount=_amount(call),
        network=call.params.get("network"),
        address_tag=call.params.get("addressTag", ""),
        client_id=call.params.get("withdrawOrderId", ""),
    )
    return {"id": call.venue.withdraw(call.account, request).id}


def _amount(call: Call) -> Decimal:
    text = call.need("amount")
    if not text.replace(".", "", 1).isdigit() or not text.isascii():
        raise illegal_parameter("amount")  # also refuses 1e-05, which the venue does
    try:
        return number(text)
    except InexactNumberError:
        raise illegal_parameter("amount") from None


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
        and status in (None, str(int(record.status)))
        and client_id in (None, record.client_id)
        and within(record.apply_ms, window)
    ]
    return [_withdrawal(row) for row in _page(rows, call)]


def _withdrawal(record: Withdrawal) -> Json:
    row: dict[str, Json] = {
        "id": record.id,
        "amount": plain(record.amount),
        "transactionFee": plain(record.fee),
        "coin": record.coin,
        "status": int(record.status),
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
    if record.client_id:
        row["withdrawOrderId"] = record.client_id
    if record.complete_ms is not None:
        row["completeTime"] = utc_text(record.complete_ms)
    return row


def withdraw_addresses(call: Call) -> Json:
    """`GET /sapi/v1/capital/withdraw/address/list`: the venue-side whitelist."""
    return [
        {
            "address": address,
            "addressTag": "",
            "coin": coin,
            "name": f"{coin} {index}",
            "network": network,
            "origin": "",
            "originType": "",
            "whiteStatus": call.account.whitelist_on,
        }
        for index, (coin, network, address) in enumerate(call.account.whitelist, start=1)
    ]


def _check_window(window: tuple[int | None, int | None], longest_ms: int) -> None:
    start, end = window
    if start is not None and end is not None and not 0 <= end - start <= longest_ms:
        raise VenueError(-4047, f"Time interval must be within 0-{longest_ms // DAY_MS} days")


def _page(rows: list[T], call: Call) -> list[T]:
    offset = call.params.get("offset", "0")
    first = int(offset) if offset.isdigit() else 0
    return rows[first : first + call.limit(1000, 1000)]


def transfer(call: Call) -> Json:
    """`POST /sapi/v1/asset/transfer`, between spot and USDⓈ-M futures."""
    record = call.venue.transfer(call.account, call.need("type"), call.need("asset"), _amount(call))
    return {"tranId": record.tran_id}


def transfers(call: Call) -> Json:
    """`GET /sapi/v1/asset/transfer`, newest first."""
    kind, window = call.need("type"), call.window()
    size = call.limit(10, 100, "size")
    page = call.limit(1, 10_000, "current")
    rows = [
        row for row in reversed(call.account.transfers) if row.kind == kind and within(row.time_ms, window)
    ]
    return {
        "total": len(rows),
        "rows": [
            {
                "asset": row.asset,
                "amount": plain(row.amount),
                "type": row.kind,
                "status": "CONFIRMED",
                "tranId": row.tran_id,
                "timestamp": row.time_ms,
            }
            for row in rows[(page - 1) * size : page * size]
        ],
    }


def user_asset(call: Call) -> Json:
    """`POST /sapi/v3/asset/getUserAsset`: spot balances that are not empty."""
    wanted = call.params.get("asset")
    return [
        {
            "asset": coin,
            "free": fixed(free),
            "locked": fixed(ZERO),
            "freeze": fixed(ZERO),
            "withdrawing": fixed(call.account.withdrawing.get(coin, ZERO)),
            "ipoable": fixed(ZERO),
            "btcValuation": "0",
        }
        for coin, free in call.account.spot.items()
        if wanted in (None, coin) and (free or call.account.withdrawing.get(coin))
    ]


def funding_asset(call: Call) -> Json:
    """`POST /sapi/v1/asset/get-funding-asset`: there is no funding wallet here."""
    return []


def api_restrictions(call: Call) -> Json:
    """`GET /sapi/v1/account/apiRestrictions`: the rights of the key that asks."""
    if call.caller is None:
        raise TypeError("apiRestrictions needs a caller")
    key = call.caller.key
    return {
        "ipRestrict": bool(key.ip_list),
        "createTime": key.created_ms,
        "enableReading": key.can_read,
        "enableWithdrawals": key.can_withdraw,
        "enableInternalTransfer": False,
        "enableMargin": False,
        "enableFutures": key.can_trade,
        "permitsUniversalTransfer": key.can_transfer,
        "enableVanillaOptions": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
        "enableSpotAndMarginTrading": key.can_trade,
        "enablePortfolioMarginTrading": False,
    }


def account_info(call: Call) -> Json:
    """`GET /sapi/v1/account/info`."""
    return {
        "vipLevel": 0,
        "isMarginEnabled": False,
        "isFutureEnabled": True,
        "isOptionsEnabled": False,
        "isPortfolioMarginRetailEnabled": False,
    }


def account_status(call: Call) -> Json:
    return {"data": "Normal"}


def system_status(call: Call) -> Json:
    return {"status": 0, "msg": "normal"}


ROUTES = (
    Route("GET", "/sapi/v1/system/status", system_status),
    Route("GET", "/sapi/v1/capital/config/getall", coins, Security.READ),
    Route("GET", "/sapi/v1/capital/deposit/address", deposit_address, Security.READ),
    Route("GET", "/sapi/v1/capital/deposit/hisrec", deposit_history, Security.READ),
    Route("POST", "/sapi/v1/capital/withdraw/apply", withdraw_apply, Security.WITHDRAW),
    Route("GET", "/sapi/v1/capital/withdraw/history", withdraw_history, Security.READ),
    Route("GET", "/sapi/v1/capital/withdraw/address/list", withdraw_addresses, Security.READ),
    Route("POST", "/sapi/v1/asset/transfer", transfer, Security.TRANSFER),
    Route("GET", "/sapi/v1/asset/transfer", transfers, Security.READ),
    Route("POST", "/sapi/v3/asset/getUserAsset", user_asset, Security.READ),
    Route("POST", "/sapi/v1/asset/get-funding-asset", funding_asset, Security.READ),
    Route("GET", "/sapi/v1/account/apiRestrictions", api_restrictions, Security.READ),
    Route("GET", "/sapi/v1/account/info", account_info, Security.READ),
    Route("GET", "/sapi/v1/account/status", account_status, Security.READ),
)
