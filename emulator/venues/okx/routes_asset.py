"""OKX funding account endpoints: currencies, balances, deposits, withdrawals, transfers and their bills.

The fee comes on top of ``amt``. Sources: OKX "Funding Account".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from emulator.venues.engine.accounts import Transfer
from emulator.venues.engine.coins import CoinNetwork
from emulator.venues.engine.deposits import DepositRecord, DepositStatus
from emulator.venues.engine.exact import ZERO, plain
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.withdrawals import Status, Withdrawal, WithdrawalRequest
from emulator.venues.okx.margin import TRADING
from emulator.venues.okx.profile import FUNDING
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

WALLETS = {"6": FUNDING, "18": TRADING}
NUMBERS = {name: number for number, name in WALLETS.items()}
ON_CHAIN = "4"
PAGE = 100
WITHDRAWAL_STATES = {
    Status.EMAIL_SENT: "0",
    Status.AWAITING_APPROVAL: "4",
    Status.PROCESSING: "1",
    Status.COMPLETED: "2",
    Status.CANCELLED: "-2",
    Status.REJECTED: "-1",
    Status.FAILED: "-1",
}
DEPOSIT_STATES = {
    DepositStatus.PENDING: "0",
    DepositStatus.CREDITED_LOCKED: "1",
    DepositStatus.SUCCESS: "2",
}
T = TypeVar("T")


def currencies(call: Call) -> Json:
    """`GET /api/v5/asset/currencies`: one entry for each chain."""
    wanted = _wanted(call)
    return [
        _chain(coin.coin, coin.name, network, suspended=call.venue.withdrawals_suspended)
        for coin in call.venue.coins.values()
        for network in coin.networks
        if not wanted or coin.coin in wanted
    ]


def _wanted(call: Call) -> list[str]:
    return [name for name in call.params.get("ccy", "").split(",") if name]


def _chain(coin: str, name: str, network: CoinNetwork, *, suspended: bool) -> Json:
    open_now = network.withdraw_enabled and not suspended
    fee = plain(network.withdraw_fee)
    return {
        "burningFeeRate": "",
        "canDep": network.deposit_enabled,
        "canInternal": True,
        "canWd": open_now,
        "ccy": coin,
        "chain": network.network,
        "ctAddr": network.contract,
        "depEstOpenTime": "",
        "fee": fee,
        "logoLink": "",
        "mainNet": network.is_default,
        "maxFee": fee,
        "maxWd": plain(network.withdraw_max),
        "minDep": plain(network.deposit_dust),
        "minDepArrivalConfirm": str(network.min_confirm),
        "minFee": fee,
        "minInternal": plain(network.withdraw_step),
        "minWd": plain(network.withdraw_min),
        "minWdUnlockConfirm": str(network.unlock_confirm),
        "name": name,
        "needTag": network.tag_required,
        "usedWdQuota": "0",
        "wdEstOpenTime": "",
        "wdQuota": "10000000",
        "wdTickSz": str(-int(network.withdraw_step.normalize().as_tuple().exponent)),
    }


def balances(call: Call) -> Json:
    """`GET /api/v5/asset/balances`: only what is not zero."""
    wanted = _wanted(call)
    found: list[Json] = []
    for coin in sorted({*call.account.wallet(FUNDING), *call.account.withdrawing}):
        free = call.account.held(FUNDING, coin)
        frozen = call.account.withdrawing.get(coin, ZERO)
        if (free or frozen) and (not wanted or coin in wanted):
            found.append(
                {
                    "availBal": plain(free),
                    "bal": plain(free + frozen),
                    "ccy": coin,
                    "frozenBal": plain(frozen),
                }
            )
    return found


def deposit_address(call: Call) -> Json:
    """`GET /api/v5/asset/deposit-address`: the selected place of every chain, then those used before."""
    coin = call.need("ccy")
    if coin not in call.venue.coins:
        raise Refusal(Reason.UNKNOWN_ASSET, asset=coin)
    found: list[Json] = []
    for network in call.venue.coins[coin].networks:
        if (coin, network.network) not in call.venue.chains or not network.deposit_enabled:
            continue
        place = call.venue.deposit_address(call.account, coin, network.network)
        entry: dict[str, Json] = {
            "addr": place.address,
            "ccy": coin,
            "chain": network.network,
            "ctAddr": network.contract[-6:],
            "selected": True,
            "to": NUMBERS[call.venue.deposits.wallet_of(call.account)],
            "verifiedName": "",
        }
        found.append(entry | ({"tag": place.tag} if place.tag else {}))
        owners = call.venue.deposits.owners
        found += [
            entry | {"addr": old.address, "selected": False}
            for (owned, code, old), uid in owners.items()
            if (owned, code, uid) == (coin, network.network, call.account.uid) and old != place
        ]
    return found


def deposit_history(call: Call) -> Json:
    """`GET /api/v5/asset/deposit-history`, newest first."""
    state, txid = call.params.get("state"), call.params.get("txId")
    wanted = call.params.get("ccy")
    rows = [
        record
        for record in call.venue.deposits.of(call.account.uid)
        if wanted in (None, record.coin)
        and state in (None, DEPOSIT_STATES[record.status])
        and txid in (None, record.tx_id)
        and _newer(record.insert_ms, call)
    ]
    return [_deposit(record) for record in _page(rows, call)]


def _deposit(record: DepositRecord) -> Json:
    return {
        "actualDepBlkConfirm": str(record.confirmations),
        "amt": plain(record.amount),
        "areaCodeFrom": "",
        "ccy": record.coin,
        "chain": record.network,
        "depId": record.id,
        "from": "",
        "fromWdId": "",
        "state": DEPOSIT_STATES[record.status],
        "to": record.address,
        "ts": str(record.insert_ms),
        "txId": record.tx_id,
    }


def _newer(moment: int, call: Call) -> bool:
    """``before`` asks for what is newer, ``after`` for what is older."""
    before, after = call.window("before", "after")
    return (before is None or moment > before) and (after is None or moment < after)


def _page(rows: Sequence[T], call: Call) -> Sequence[T]:
    return rows[: call.limit(PAGE, PAGE)]


def withdraw(call: Call) -> Json:
    """`POST /api/v5/asset/withdrawal`, on chain only."""
    if call.need("dest") != ON_CHAIN:
        raise Refusal(Reason.BAD_PARAMETER, name="dest")
    coin, target = call.need("ccy"), call.need("toAddr")
    network = call.venue.network(coin, call.params.get("chain") or None)
    address, tag = target, ""
    if network.tag_pattern:
        address, _, tag = target.partition(":")
    request = WithdrawalRequest(
        coin=coin,
        address=address,
        amount=_amount(call),
        network=network.network,
        tag=tag,
        client_id=call.params.get("clientId", ""),
    )
    record = call.venue.withdraw(call.account, request)
    return [
        {
            "amt": plain(record.amount),
            "ccy": coin,
            "chain": record.network,
            "clientId": record.client_id,
            "wdId": record.id,
        }
    ]


def _amount(call: Call) -> Decimal:
    return call.amount("amt")


def withdrawal_history(call: Call) -> Json:
    """`GET /api/v5/asset/withdrawal-history`, newest first; hides what is younger than the history lag."""
    venue, params = call.venue, call.params
    rows = [
        record
        for record in venue.withdrawals.visible(call.account.uid, venue.clock.now_ms(), venue.ticks)
        if params.get("type") in (None, ON_CHAIN)
        and params.get("ccy") in (None, record.coin)
        and params.get("clientId") in (None, record.client_id)
        and params.get("wdId") in (None, record.id)
        and params.get("txId") in (None, record.tx_id)
        and params.get("state") in (None, WITHDRAWAL_STATES[record.status])
        and _newer(record.apply_ms, call)
    ]
    return [_withdrawal(record) for record in _page(rows, call)]


def _withdrawal(record: Withdrawal) -> Json:
    row: dict[str, Json] = {
        "amt": plain(record.amount),
        "areaCodeFrom": "",
        "areaCodeTo": "",
        "ccy": record.coin,
        "chain": record.network,
        "clientId": record.client_id,
        "fee": plain(record.fee),
        "feeCcy": record.coin,
        "from": "",
        "nonTradableAsset": False,
        "note": record.info,
        "state": WITHDRAWAL_STATES[record.status],
        "to": record.address,
        "toAddrType": "1",
        "ts": str(record.apply_ms),
        "txId": record.tx_id,
        "wdId": record.id,
    }
    return row | ({"tag": record.tag} if record.tag else {})


def transfer(call: Call) -> Json:
    """`POST /api/v5/asset/transfer` within the account."""
    if call.params.get("type", "0") != "0":
        raise Refusal(Reason.BAD_PARAMETER, name="type")
    source, target = call.need("from"), call.need("to")
    for name, number in (("from", source), ("to", target)):
        if number not in WALLETS:
            raise Refusal(Reason.BAD_PARAMETER, name=name)
    client_id = call.params.get("clientId", "")
    if client_id and not call.venue.profile.client_id_pattern.fullmatch(client_id):
        raise Refusal(Reason.BAD_CLIENT_ID, client_id=client_id)
    try:
        record = call.venue.transfer(
            call.account,
            WALLETS[source],
            WALLETS[target],
            call.need("ccy"),
            _amount(call),
            client_id=client_id,
        )
    except Refusal as refusal:
        if refusal.reason is Reason.INSUFFICIENT:
            raise VenueError("58116", "Transfer exceeds the available amount.", 200) from None
        raise
    return [
        {
            "amt": plain(record.amount),
            "ccy": record.asset,
            "clientId": client_id,
            "from": source,
            "to": target,
            "transId": str(record.tran_id),
        }
    ]


def transfer_state(call: Call) -> Json:
    """`GET /api/v5/asset/transfer-state`, by either id; says no time."""
    name = "transId" if call.params.get("transId") else "clientId"
    wanted = call.need(name)
    for record in call.account.transfers:
        if wanted == (str(record.tran_id) if name == "transId" else record.client_id):
            return [
                {
                    "amt": plain(record.amount),
                    "ccy": record.asset,
                    "clientId": record.client_id,
                    "from": NUMBERS[record.source],
                    "instId": "",
                    "state": "success",
                    "subAcct": "",
                    "to": NUMBERS[record.target],
                    "toInstId": "",
                    "transId": str(record.tran_id),
                    "type": "0",
                }
            ]
    raise VenueError("58129", f"{name} is incorrect or {name} does not match with 'type'", 200)


def bills(call: Call) -> Json:
    """`GET /api/v5/asset/bills`: the funding account's transfers, newest first."""
    rows = [
        record
        for record in reversed(call.account.transfers)
        if call.params.get("ccy") in (None, record.asset)
        and call.params.get("type") in (None, record.kind)
        and call.params.get("clientId") in (None, record.client_id)
        and _newer(record.time_ms, call)
    ]
    return [_bill(record) for record in _page(rows, call)]


def _bill(record: Transfer) -> Json:
    amount = record.amount if record.target == FUNDING else -record.amount
    return {
        "bal": "",
        "balChg": plain(amount),
        "billId": str(record.tran_id * 7 + 12_344),
        "ccy": record.asset,
        "clientId": record.client_id,
        "notes": "",
        "ts": str(record.time_ms),
        "type": record.kind,
    }


ROUTES = (
    Route("GET", "/api/v5/asset/currencies", currencies, Security.READ),
    Route("GET", "/api/v5/asset/balances", balances, Security.READ),
    Route("GET", "/api/v5/asset/deposit-address", deposit_address, Security.READ),
    Route("GET", "/api/v5/asset/deposit-history", deposit_history, Security.READ),
    Route("GET", "/api/v5/asset/withdrawal-history", withdrawal_history, Security.READ),
    Route("GET", "/api/v5/asset/transfer-state", transfer_state, Security.READ),
    Route("GET", "/api/v5/asset/bills", bills, Security.READ),
    Route("POST", "/api/v5/asset/transfer", transfer, Security.TRANSFER),
    Route("POST", "/api/v5/asset/withdrawal", withdraw, Security.WITHDRAW),
)
