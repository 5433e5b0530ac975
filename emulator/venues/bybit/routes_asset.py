"""Bybit V5 coins, deposits, the address book: what `/v5/asset` tells and does not change."""

from __future__ import annotations

from emulator.venues.bybit.dialect import answered
from emulator.venues.bybit.paging import Window, paged
from emulator.venues.bybit.profile import FUNDING, UNIFIED
from emulator.venues.bybit.routes_account import shown
from emulator.venues.engine.accounts import WhitelistEntry
from emulator.venues.engine.coins import Coin, CoinNetwork
from emulator.venues.engine.deposits import DepositRecord, DepositStatus
from emulator.venues.engine.exact import ZERO, plain
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

DAYS = 30
TO_BE_CONFIRMED, PROCESSING, SUCCESS = 1, 2, 3


def coin_info(call: Call) -> Json:
    wanted = call.params.get("coin", "")
    if wanted and wanted not in call.venue.coins:
        raise Refusal(Reason.UNKNOWN_ASSET, asset=wanted)
    suspended = call.venue.withdrawals_suspended
    rows = [
        _coin(coin, suspended=suspended) for coin in call.venue.coins.values() if wanted in {"", coin.coin}
    ]
    return answered(call, {"rows": rows})


def _coin(coin: Coin, *, suspended: bool) -> Json:
    return {
        "name": coin.name,
        "coin": coin.coin,
        "remainAmount": "10000000",
        "chains": [_chain(network, suspended=suspended) for network in coin.networks],
    }


def _chain(network: CoinNetwork, *, suspended: bool) -> Json:
    return {
        "chainType": network.name,
        "confirmation": str(network.min_confirm),
        "withdrawFee": plain(network.withdraw_fee),
        "depositMin": plain(network.deposit_dust),
        "withdrawMin": plain(network.withdraw_min),
        "chain": network.network,
        "chainDeposit": str(int(network.deposit_enabled)),
        "chainWithdraw": str(int(network.withdraw_enabled and not suspended)),
        "minAccuracy": str(max(0, -int(network.withdraw_step.normalize().as_tuple().exponent))),
        "withdrawPercentageFee": "0",
        "contractAddress": network.contract,
        "safeConfirmNumber": str(network.unlock_confirm),
        "withdrawMax": plain(network.withdraw_max),
    }


def deposit_address(call: Call) -> Json:
    name, code = call.need("coin"), call.params.get("chainType", "")
    coin = call.venue.coins.get(name)
    if coin is None:
        raise Refusal(Reason.UNKNOWN_ASSET, asset=name)
    codes = [code] if code else [n.network for n in coin.networks if (name, n.network) in call.venue.chains]
    chains = []
    for each in codes:
        place = call.venue.deposit_address(call.account, name, each)
        network = call.venue.network(name, each)
        chains.append(
            {
                "chainType": network.name,
                "addressDeposit": place.address,
                "tagDeposit": place.tag,
                "chain": each,
                "batchReleaseLimit": "-1",
                "contractAddress": network.contract[-6:],
            }
        )
    return answered(call, {"coin": name, "chains": chains})


def deposit_records(call: Call) -> Json:
    window, coin, txid = Window(call, DAYS), call.params.get("coin", ""), call.params.get("txID", "")
    rows = [
        _deposit(record)
        for record in call.venue.deposits.of(call.account.uid)
        if window.holds(record.insert_ms) and coin in {"", record.coin} and txid in {"", record.tx_id}
    ]
    return answered(call, paged(call, "rows", rows))


def _deposit(record: DepositRecord) -> Json:
    waiting = TO_BE_CONFIRMED if not record.confirmations else PROCESSING
    return {
        "id": record.id,
        "coin": record.coin,
        "chain": record.network,
        "amount": plain(record.amount),
        "txID": record.tx_id,
        "status": waiting if record.status is DepositStatus.PENDING else SUCCESS,
        "toAddress": record.address,
        "tag": record.tag,
        "depositFee": "",
        "successAt": str(record.credited_ms or 0),
        "confirmations": str(record.confirmations),
        "txIndex": str(record.vout),
        "blockHash": "",
        "batchReleaseLimit": "-1",
        "depositType": "0",
        "fromAddress": "",
    }


def withdrawable(call: Call) -> Json:
    name = call.need("coin")
    if name not in call.venue.coins:
        raise Refusal(Reason.UNKNOWN_ASSET, asset=name)
    account, locked = call.account, call.venue.deposits.locked(call.account.uid, name)
    held = account.held(FUNDING, name)
    free = max(ZERO, held - locked)
    unified = call.venue.max_withdraw(account, UNIFIED, name)
    return answered(
        call,
        {
            "limitAmountUsd": "0",
            "withdrawableAmount": {
                "FUND": {"coin": name, "withdrawableAmount": shown(free), "availableBalance": shown(held)},
                "UTA": {
                    "coin": name,
                    "withdrawableAmount": shown(unified),
                    "availableBalance": shown(unified),
                },
            },
        },
    )


def address_book(call: Call) -> Json:
    coin, chain = call.params.get("coin", ""), call.params.get("chain", "")
    rows = [
        _entry(entry)
        for entry in call.account.whitelist
        if coin in {"", entry.asset} and chain in {"", entry.network}
    ]
    return answered(call, paged(call, "rows", rows))


def _entry(entry: WhitelistEntry) -> Json:
    return {
        "coin": entry.asset,
        "chain": entry.network,
        "address": entry.address,
        "tag": entry.tag,
        "remark": entry.name,
        "status": int(not entry.usable),
        "addressType": 0,
        "verified": int(entry.usable),
        "createdAt": "1760951195",
    }


ROUTES = (
    Route("GET", "/v5/asset/coin/query-info", coin_info, Security.READ),
    Route("GET", "/v5/asset/deposit/query-address", deposit_address, Security.READ),
    Route("GET", "/v5/asset/deposit/query-record", deposit_records, Security.READ),
    Route("GET", "/v5/asset/withdraw/withdrawable-amount", withdrawable, Security.READ),
    Route("GET", "/v5/asset/withdraw/query-address", address_book, Security.WITHDRAW),
)
