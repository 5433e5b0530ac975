"""Kraken spot: time, assets, pairs, prices; the account's balances, its key, its ledger.

Sources: Kraken "Spot REST: Market Data", "Account Data".
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from emulator.venues.engine.exact import ZERO, fixed, plain
from emulator.venues.engine.keys import ApiKey
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.kraken.margin import SPOT_WALLET
from emulator.venues.kraken.names import altname, asset_id, iban, known_asset, pair
from emulator.venues.kraken.profile import ACROSS
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

DIGITS = {"USD": 4, "EUR": 4, "USDT": 8, "USDC": 8, "XRP": 8}
MOST_DIGITS = 10
DOLLAR_PAIRS = {"USDTUSD": "USDT", "USDCUSD": "USDC"}
PAGE = 50


def digits(asset: str) -> int:
    return DIGITS.get(asset, MOST_DIGITS)


def seconds(moment_ms: int) -> Decimal:
    """Unix seconds with four digits, as the ledger writes them."""
    return Decimal(moment_ms).scaleb(-3).quantize(Decimal("0.0001"))


def server_time(call: Call) -> Json:
    now = call.venue.clock.now_ms() // 1000
    return {
        "unixtime": now,
        "rfc1123": datetime.fromtimestamp(now, UTC).strftime("%a, %d %b %y %H:%M:%S +0000"),
    }


def system_status(call: Call) -> Json:
    moment = datetime.fromtimestamp(call.venue.clock.now_ms() // 1000, UTC)
    return {"status": "online", "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ")}


def assets(call: Call) -> Json:
    """`GET /0/public/Assets`: also what can only be margin."""
    known = list(dict.fromkeys((*call.venue.coins, *call.venue.collateral)))
    wanted = [known_asset(each, known) for each in call.params.get("asset", "").split(",") if each]
    return {
        asset_id(asset): {
            "aclass": "currency",
            "altname": altname(asset),
            "decimals": digits(asset),
            "display_decimals": 5,
            "status": _status(call, asset),
        }
        for asset in known
        if not wanted or asset in wanted
    }


def _status(call: Call, asset: str) -> str:
    coin = call.venue.coins.get(asset)
    networks = [] if coin is None else coin.networks
    out = not call.venue.withdrawals_suspended and any(each.withdraw_enabled for each in networks)
    into = any(each.deposit_enabled for each in networks)
    if not networks or (out and into):
        return "enabled"
    return "withdrawal_only" if out else "deposit_only" if into else "funding_temporarily_disabled"


def asset_pairs(call: Call) -> Json:
    return {pair(each): _pair(each) for each in call.venue.market.spot()}


def _pair(contract: SymbolMarket) -> Json:
    base, quote = contract.base, contract.quote
    return {
        "altname": altname(base) + altname(quote),
        "wsname": f"{altname(base)}/{altname(quote)}",
        "aclass_base": "currency",
        "base": asset_id(base),
        "aclass_quote": "currency",
        "quote": asset_id(quote),
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": 1,
        "lot_decimals": 8,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": [[0, Decimal("0.4")]],
        "fees_maker": [[0, Decimal("0.25")]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.00005",
        "costmin": "0.5",
        "tick_size": plain(contract.tick),
        "status": "online",
    }


def ticker(call: Call) -> Json:
    """`GET /0/public/Ticker`, by id or short name of a pair; a dollar coin alone has a price too."""
    if call.params.get("pair") in DOLLAR_PAIRS:
        return _dollar_prices(call, call.params["pair"])
    listed = _listed(call)
    wanted = [name for name in call.params.get("pair", "").split(",") if name]
    if any(name not in listed for name in wanted):
        raise Refusal(Reason.UNKNOWN_SYMBOL, symbol=",".join(wanted))
    chosen = [listed[name] for name in wanted] or call.venue.market.spot()
    return {pair(each): _prices(each) for each in chosen}


def _listed(call: Call) -> dict[str, SymbolMarket]:
    return {name: each for each in call.venue.market.spot() for name in _names(each)}


def named_pair(call: Call) -> SymbolMarket:
    """The one pair that must be named; raises Refusal."""
    found = _listed(call).get(call.need("pair"))
    if found is None:
        raise Refusal(Reason.UNKNOWN_SYMBOL, symbol=call.need("pair"))
    return found


def _dollar_prices(call: Call, name: str) -> Json:
    price = plain(call.venue.market.indexes()[DOLLAR_PAIRS[name]])
    side: Json = [price, "1", "1.000"]
    both: Json = [price, price]
    traded: dict[str, Json] = {"v": ["0", "0"], "p": both, "t": [0, 0], "l": both, "h": both, "o": price}
    return {name: {"a": side, "b": side, "c": [price, "1"], **traded}}


def _names(contract: SymbolMarket) -> tuple[str, str]:
    return pair(contract), altname(contract.base) + altname(contract.quote)


def _prices(contract: SymbolMarket) -> Json:
    last, volume = plain(contract.last), plain(contract.spot_volume)
    side: Json = [last, "1", "1.000"]
    return {
        "a": side,
        "b": side,
        "c": [last, "0.001"],
        "v": [volume, volume],
        "p": [last, last],
        "t": [1, 1],
        "l": [plain(contract.low_24h)] * 2,
        "h": [plain(contract.high_24h)] * 2,
        "o": plain(contract.open_24h),
    }


def balances(call: Call) -> Json:
    """`POST /0/private/BalanceEx`: what is being withdrawn is gone, what is not deep enough held."""
    found: dict[str, Json] = {}
    for asset, amount in call.account.wallet(SPOT_WALLET).items():
        held = min(amount, call.venue.deposits.locked(call.account.uid, asset))
        found[asset_id(asset)] = {
            "balance": fixed(amount, digits(asset)),
            "hold_trade": fixed(held, digits(asset)),
        }
    return found


def key_info(call: Call) -> Json:
    """`POST /0/private/GetApiKeyInfo`."""
    key = call.key
    return {
        "api_key_name": key.facts.get("name", "emulated"),
        "api_key": key.key,
        "nonce": call.params["nonce"],
        "nonce_window": "0",
        "permissions": list(_rights(key)),
        "iban": iban(call.account.uid),
        "valid_until": key.facts.get("valid_until", "0"),
        "query_from": "0",
        "query_to": "0",
        "created_time": str(key.created_ms // 1000),
        "modified_time": str(key.created_ms // 1000),
        "ip_allowlist": list(key.ip_list),
        "last_used": str(call.venue.clock.now_ms() // 1000),
    }


def _rights(key: ApiKey) -> Iterator[str]:
    if key.can_read:
        yield from ("query-funds", "add-funds", "query-open-trades", "query-closed-trades", "query-ledger")
    if key.can_withdraw:
        yield "withdraw-funds"
    if key.can_trade:
        yield from ("modify-trades", "close-trades")


def margin_positions(call: Call) -> Json:
    """`POST /0/private/OpenPositions`: there is no margin trading on the spot side here."""
    return []


def ledgers(call: Call) -> Json:
    """`POST /0/private/Ledgers`, newest first, fifty at a time; hides what the withdrawal history hides."""
    kind, start, wanted = call.params.get("type", "all"), call.params.get("start"), call.params.get("asset")
    rows = sorted(_ledger(call), key=lambda row: (row[0], row[1]), reverse=True)
    chosen = [
        (name, entry)
        for moment, name, asset, entry in rows
        if kind in ("all", entry["type"])
        and wanted in (None, "all", *_spellings(asset))
        and (start is None or Decimal(moment) > Decimal(start) * 1000)
    ]
    first = call.limit(0, 1_000_000, "ofs") if call.params.get("ofs", "0") != "0" else 0
    return {"ledger": dict(chosen[first : first + PAGE]), "count": len(chosen)}


def _spellings(asset: str) -> tuple[str, ...]:
    return (asset_id(asset), altname(asset))


def _ledger(call: Call) -> Iterator[tuple[int, str, str, dict[str, Json]]]:
    venue, uid = call.venue, call.account.uid
    for record in venue.withdrawals.visible(uid, venue.clock.now_ms(), venue.ticks):
        entry = _entry(record.id, record.apply_ms, "withdrawal", record.coin, -record.amount, fee=record.fee)
        yield record.apply_ms, f"L{record.id}", record.coin, entry
    for deposit in venue.deposits.of(uid):
        if deposit.credited_ms is not None:
            entry = _entry(deposit.id, deposit.credited_ms, "deposit", deposit.coin, deposit.amount)
            yield deposit.credited_ms, f"L{deposit.id}", deposit.coin, entry
    for move in call.account.transfers:
        if move.kind != ACROSS:
            continue
        away = move.source == SPOT_WALLET
        signed, subtype = (-move.amount, "spottofutures") if away else (move.amount, "spotfromfutures")
        name = f"T{move.tran_id}"
        entry = _entry(name, move.time_ms, "transfer", move.asset, signed, subtype=subtype)
        yield move.time_ms, f"L{name}", move.asset, entry


def _entry(
    refid: str,
    moment_ms: int,
    kind: str,
    asset: str,
    amount: Decimal,
    *,
    subtype: str = "",
    fee: Decimal = ZERO,
) -> dict[str, Json]:
    return {
        "refid": refid,
        "time": seconds(moment_ms),
        "type": kind,
        "subtype": subtype,
        "aclass": "currency",
        "asset": asset_id(asset),
        "amount": fixed(amount, digits(asset)),
        "fee": fixed(fee, digits(asset)),
        "balance": "",
    }


ROUTES = (
    Route("GET", "/0/public/Time", server_time),
    Route("GET", "/0/public/SystemStatus", system_status),
    Route("GET", "/0/public/Assets", assets),
    Route("GET", "/0/public/AssetPairs", asset_pairs),
    Route("GET", "/0/public/Ticker", ticker),
    Route("POST", "/0/private/BalanceEx", balances, Security.READ),
    Route("POST", "/0/private/GetApiKeyInfo", key_info, Security.KEY),
    Route("POST", "/0/private/OpenPositions", margin_positions, Security.READ),
    Route("POST", "/0/private/Ledgers", ledgers, Security.READ),
)
