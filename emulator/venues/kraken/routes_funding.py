"""Kraken spot funding: ways in and out, addresses by name, deposits, withdrawals, the move to futures.

A withdrawal names an address that was registered; an address sent along must be the same. Only a key that may
withdraw is told of the ways out. Source: Kraken "Spot REST: Funding".
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from emulator.venues.engine.accounts import WhitelistEntry
from emulator.venues.engine.coins import CoinNetwork
from emulator.venues.engine.deposits import DepositRecord, DepositStatus
from emulator.venues.engine.exact import ZERO, fixed, plain
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.withdrawals import Status, Withdrawal, WithdrawalRequest
from emulator.venues.kraken.margin import CASH, SPOT_WALLET
from emulator.venues.kraken.names import altname, asset_id, known_asset
from emulator.venues.kraken.profile import METHODS
from emulator.venues.kraken.routes_spot import digits
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

HISTORY = 500
FUTURES_WALLET = {"Spot Wallet": SPOT_WALLET, "Futures Wallet": CASH}
MAX_FEE = "EFunding:Max fee exceeded"
# What stands in ``status`` and, if anything, in ``status-prop``.
WITHDRAWAL_STATES = {
    Status.EMAIL_SENT: ("Initial", ""),
    Status.AWAITING_APPROVAL: ("Pending", ""),
    Status.PROCESSING: ("Settled", ""),
    Status.COMPLETED: ("Success", ""),
    Status.CANCELLED: ("Failure", "canceled"),
    Status.REJECTED: ("Failure", ""),
    Status.FAILED: ("Failure", ""),
}
DEPOSIT_STATES = {
    DepositStatus.PENDING: ("Settled", ""),
    DepositStatus.CREDITED_LOCKED: ("Success", "onhold"),
    DepositStatus.SUCCESS: ("Success", ""),
}


def asset_of(call: Call) -> str:
    return known_asset(call.need("asset"), call.venue.coins)


def _wanted(call: Call) -> str | None:
    return asset_of(call) if call.params.get("asset") else None


def networks(call: Call, *, into: bool) -> Iterator[tuple[str, CoinNetwork, str]]:
    """(asset, network, method) of every way that is open now."""
    wanted = _wanted(call)
    for (asset, code), names in METHODS.items():
        network = call.venue.network(asset, code)
        is_open = (
            network.deposit_enabled
            if into
            else network.withdraw_enabled and not call.venue.withdrawals_suspended
        )
        if wanted in (None, asset) and is_open:
            yield asset, network, names[into]


def withdraw_methods(call: Call) -> Json:
    return [
        {
            "asset": asset_id(asset),
            "method": method,
            "network": network.network,
            "minimum": plain(network.withdraw_min),
        }
        for asset, network, method in networks(call, into=False)
    ]


def deposit_methods(call: Call) -> Json:
    return [
        {
            "method": method,
            "limit": False,
            "fee": fixed(ZERO, digits(asset)),
            "gen-address": True,
            "minimum": plain(network.deposit_dust),
        }
        for asset, network, method in networks(call, into=True)
    ]


def withdraw_addresses(call: Call) -> Json:
    """`POST /0/private/WithdrawAddresses`: registered ones, confirmed or not."""
    wanted, method, key = _wanted(call), call.params.get("method"), call.params.get("key")
    found: list[Json] = []
    for entry in call.account.whitelist:
        own = METHODS[entry.asset, entry.network][0]
        if wanted in (None, entry.asset) and method in (None, own) and key in (None, entry.name):
            row: dict[str, Json] = {
                "address": entry.address,
                "asset": altname(entry.asset),
                "method": own,
                "key": entry.name,
                "verified": entry.usable and call.venue.clock.now_ms() >= entry.usable_from_ms,
            }
            found.append(row | ({"tag": entry.tag} if entry.tag else {}))
    return found


def _named(call: Call, asset: str) -> WhitelistEntry:
    """The registered address of the key in the request; raises Refusal NOT_WHITELISTED."""
    name, now = call.need("key"), call.venue.clock.now_ms()
    for entry in call.account.whitelist:
        if (entry.asset, entry.name) == (asset, name) and entry.usable and now >= entry.usable_from_ms:
            return entry
    raise Refusal(Reason.NOT_WHITELISTED, address=name)


def withdraw_info(call: Call) -> Json:
    """`POST /0/private/WithdrawInfo`: fee and limit now."""
    asset = asset_of(call)
    entry, amount = _named(call, asset), call.amount()
    network = call.venue.network(asset, entry.network)
    return {
        "method": METHODS[asset, network.network][0],
        "limit": fixed(network.withdraw_max, digits(asset)),
        "amount": fixed(max(ZERO, amount - network.withdraw_fee), digits(asset)),
        "fee": fixed(network.withdraw_fee, digits(asset)),
    }


def withdraw(call: Call) -> Json:
    """`POST /0/private/Withdraw`."""
    asset = asset_of(call)
    entry, amount = _named(call, asset), call.amount()
    sent = call.params.get("address", "")
    if sent not in ("", entry.address):
        raise Refusal(Reason.BAD_ADDRESS, address=sent)
    network = call.venue.network(asset, entry.network)
    if "max_fee" in call.params and call.amount("max_fee") < network.withdraw_fee:
        raise VenueError(MAX_FEE, MAX_FEE, 200)
    request = WithdrawalRequest(
        coin=asset, address=entry.address, amount=amount, network=entry.network, tag=entry.tag
    )
    return {"refid": call.venue.withdraw(call.account, request).id}


def withdraw_status(call: Call) -> Json:
    """`POST /0/private/WithdrawStatus`, newest first."""
    venue, wanted, method = call.venue, _wanted(call), call.params.get("method")
    rows = [
        record
        for record in venue.withdrawals.visible(call.account.uid, venue.clock.now_ms(), venue.ticks)
        if wanted in (None, record.coin)
        and method in (None, METHODS[record.coin, record.network][0])
        and _after_start(call, record.apply_ms)
    ]
    return [_withdrawal(call, record) for record in rows[: call.limit(HISTORY, HISTORY)]]


def _after_start(call: Call, moment_ms: int) -> bool:
    """Whole seconds; the start itself is included, what was before is not."""
    start = call.params.get("start")
    return start is None or moment_ms // 1000 >= Decimal(start)


def _withdrawal(call: Call, record: Withdrawal) -> Json:
    status, prop = WITHDRAWAL_STATES[record.status]
    place = (record.coin, record.network, record.address, record.tag)
    names = [
        each.name
        for each in call.account.whitelist
        if (each.asset, each.network, each.address, each.tag) == place
    ]
    row: dict[str, Json] = {
        "method": METHODS[record.coin, record.network][0],
        "aclass": "currency",
        "asset": asset_id(record.coin),
        "refid": record.id,
        "txid": record.tx_id or None,
        "info": record.address,
        "amount": fixed(record.amount, digits(record.coin)),
        "fee": fixed(record.fee, digits(record.coin)),
        "time": record.apply_ms // 1000,
        "status": status,
        "key": names[0] if names else "",
        "network": record.network,
    }
    return row | ({"status-prop": prop} if prop else {})


def deposit_addresses(call: Call) -> Json:
    """`POST /0/private/DepositAddresses`: the one in use first, then those used before."""
    asset, method = asset_of(call), call.need("method")
    for known, network, name in networks(call, into=True):
        if (known, name) != (asset, method):
            continue
        place = call.venue.deposit_address(call.account, asset, network.network)
        row: dict[str, Json] = {"address": place.address, "expiretm": "0", "new": True}
        found = [row | ({"tag": place.tag} if place.tag else {})]
        found += [
            {"address": old.address, "expiretm": "0"}
            for (owned, code, old), uid in call.venue.deposits.owners.items()
            if (owned, code, uid) == (asset, network.network, call.account.uid) and old != place
        ]
        return found
    raise Refusal(Reason.NO_DEPOSITS, asset=asset, network=method)


def deposit_status(call: Call) -> Json:
    """`POST /0/private/DepositStatus`, newest first."""
    wanted, method = _wanted(call), call.params.get("method")
    rows = [
        record
        for record in call.venue.deposits.of(call.account.uid)
        if wanted in (None, record.coin)
        and method in (None, METHODS[record.coin, record.network][1])
        and _after_start(call, record.insert_ms)
    ]
    return [_deposit(record) for record in rows[: call.limit(HISTORY, HISTORY)]]


def _deposit(record: DepositRecord) -> Json:
    status, prop = DEPOSIT_STATES[record.status]
    row: dict[str, Json] = {
        "method": METHODS[record.coin, record.network][1],
        "aclass": "currency",
        "asset": asset_id(record.coin),
        "refid": record.id,
        "txid": record.tx_id,
        "info": record.address,
        "amount": fixed(record.amount, digits(record.coin)),
        "fee": fixed(ZERO, digits(record.coin)),
        "time": record.insert_ms // 1000,
        "status": status,
    }
    return row | ({"status-prop": prop} if prop else {})


def wallet_transfer(call: Call) -> Json:
    """`POST /0/private/WalletTransfer`: only from spot to the futures side."""
    asset = asset_of(call)
    source, target = (FUTURES_WALLET.get(call.need(name)) for name in ("from", "to"))
    if (source, target) != (SPOT_WALLET, CASH):
        raise Refusal(Reason.NO_ROUTE, route=f"{source} -> {target}")
    move = call.venue.transfer(call.account, SPOT_WALLET, CASH, asset, call.amount())
    return {"refid": f"B{move.tran_id}"}


ROUTES = (
    Route("POST", "/0/private/WithdrawMethods", withdraw_methods, Security.WITHDRAW),
    Route("POST", "/0/private/DepositMethods", deposit_methods, Security.READ),
    Route("POST", "/0/private/WithdrawAddresses", withdraw_addresses, Security.WITHDRAW),
    Route("POST", "/0/private/WithdrawInfo", withdraw_info, Security.WITHDRAW),
    Route("POST", "/0/private/Withdraw", withdraw, Security.WITHDRAW),
    Route("POST", "/0/private/WithdrawStatus", withdraw_status, Security.READ),
    Route("POST", "/0/private/DepositAddresses", deposit_addresses, Security.READ),
    Route("POST", "/0/private/DepositStatus", deposit_status, Security.READ),
    Route("POST", "/0/private/WalletTransfer", wallet_transfer, Security.TRANSFER),
)
