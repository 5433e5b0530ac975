"""Deribit account endpoints: summaries of each currency, positions, API keys.

With cross collateral the margins of a currency's summary are those of the whole account in that currency.
Sources: Deribit "private/get_account_summaries", "private/get_positions", "private/list_api_keys".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from emulator.venues.deribit.dialect import result
from emulator.venues.deribit.margin import CROSS, POOL, RATES, base_size
from emulator.venues.engine.exact import ONE, ZERO, exact, nearest
from emulator.venues.engine.keys import ApiKey
from emulator.venues.engine.margin import AssetMargin, MarginReport, PositionMargin
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

PLACES = Decimal("0.000000001")


def _round(value: Decimal) -> Decimal:
    """Nine digits, as Deribit writes margins."""
    return nearest(value, PLACES)


def summaries(call: Call) -> Json:
    """`GET /api/v2/private/get_account_summaries`; `extended` adds whose account it is."""
    reports = call.venue.reports(call.account)
    found: dict[str, Json] = {
        "summaries": [_summary(call, coin, reports) for coin in call.venue.coins],
    }
    return result(call.venue, found | (_owner(call) if _extended(call) else {}))


def summary(call: Call) -> Json:
    """`GET /api/v2/private/get_account_summary` of one currency."""
    coin = known(call, call.need("currency"))
    found = _summary(call, coin, call.venue.reports(call.account))
    return result(call.venue, found | (_owner(call) if _extended(call) else {}))


def known(call: Call, coin: str) -> str:
    if coin not in call.venue.coins:
        raise Refusal(Reason.UNKNOWN_ASSET, asset=coin)
    return coin


def _extended(call: Call) -> bool:
    return call.params.get("extended", "false") == "true"


def _owner(call: Call) -> dict[str, Json]:
    return {
        "id": call.account.uid,
        "username": call.account.name,
        "system_name": call.account.name,
        "type": "main",
        "security_keys_enabled": False,
    }


@exact
def _summary(call: Call, coin: str, reports: Mapping[str, MarginReport]) -> dict[str, Json]:
    cross = call.account.mode == CROSS
    report = reports.get("cross" if cross else coin)
    line = _line(report, coin)
    price = call.venue.market.indexes()[coin]
    pooled = report is not None and cross and coin in POOL
    equity = line.balance + line.unrealised
    whole = (report.margin_balance, report.initial_margin, report.maintenance_margin) if report else ()
    margin_balance, initial, kept = (
        tuple(number / price for number in whole)
        if pooled
        else (equity, line.initial_margin, line.maintenance_margin)
    )
    locked = call.venue.deposits.locked(call.account.uid, coin)
    found: dict[str, Json] = {
        "currency": coin,
        "margin_model": call.account.mode,
        "cross_collateral_enabled": cross,
        "portfolio_margining_enabled": False,
        "balance": line.balance,
        "equity": _round(equity),
        "margin_balance": _round(margin_balance),
        "initial_margin": _round(initial),
        "maintenance_margin": _round(kept),
        "projected_initial_margin": _round(initial),
        "projected_maintenance_margin": _round(kept),
        "available_funds": _round(max(ZERO, margin_balance - initial)),
        "available_withdrawal_funds": max(ZERO, min(line.max_withdraw, line.balance - locked)),
        "total_pl": _round(line.unrealised),
        "session_upl": _round(line.unrealised),
        "futures_session_upl": _round(line.unrealised),
        "futures_pl": _round(line.unrealised),
        "fee_balance": ZERO,
        "spot_reserve": ZERO,
        "additional_reserve": ZERO,
    }
    found |= dict.fromkeys(
        ("session_rpl", "futures_session_rpl", "options_session_upl", "options_session_rpl"), ZERO
    )
    found |= dict.fromkeys(("options_pl", "options_value", "options_delta", "delta_total"), ZERO)
    if pooled and report is not None:
        found |= {
            "total_equity_usd": _round(report.equity),
            "total_margin_balance_usd": _round(report.margin_balance),
            "total_initial_margin_usd": _round(report.initial_margin),
            "total_maintenance_margin_usd": _round(report.maintenance_margin),
        }
    return found


def _line(report: MarginReport | None, coin: str) -> AssetMargin:
    line = None if report is None else report.asset(coin)
    return line or AssetMargin(coin, ZERO, ZERO, ZERO, ZERO, ONE, ZERO, ZERO)


def positions(call: Call) -> Json:
    """`GET /api/v2/private/get_positions` of a currency or of any."""
    wanted, kind = call.params.get("currency", "any"), call.params.get("kind", "future")
    if wanted != "any":
        known(call, wanted)
    lines = [
        _position(call, line)
        for report in call.venue.reports(call.account).values()
        for line in report.positions
        if wanted in ("any", line.position.settle)
    ]
    return result(call.venue, lines if kind == "future" else [])


@exact
def _position(call: Call, line: PositionMargin) -> Json:
    position, mark = line.position, line.mark_price
    contract = call.venue.market.symbols[position.symbol]
    base = base_size(position, mark) * position.direction
    found: dict[str, Json] = {
        "instrument_name": position.symbol,
        "kind": "future",
        "direction": "buy" if position.quantity > ZERO else "sell",
        "size": position.quantity if position.inverse else _round(line.notional),
        "size_currency": _round(base),
        "average_price": position.entry_price,
        "mark_price": mark,
        "index_price": call.venue.market.indexes()[contract.base],
        "settlement_price": ZERO,
        "initial_margin": _round(line.initial_margin),
        "maintenance_margin": _round(line.maintenance_margin),
        "open_orders_margin": ZERO,
        "leverage": int(ONE / RATES[position.symbol].initial),
        "floating_profit_loss": _round(line.unrealised),
        "total_profit_loss": _round(line.unrealised),
        "realized_profit_loss": ZERO,
        "realized_funding": ZERO,
        "interest_value": ZERO,
        "delta": _round(base),
    }
    if call.account.mode != CROSS:
        price = line.liquidation_price
        found["estimated_liquidation_price"] = None if price is None else nearest(price, Decimal("0.01"))
    return found


def api_keys(call: Call) -> Json:
    """`GET /api/v2/private/list_api_keys`: the documented example shows the secrets too, and so does this."""
    keys = call.account.keys
    return result(call.venue, [_key(number, key) for number, key in enumerate(keys, start=1)])


def _key(number: int, key: ApiKey) -> Json:
    reads = "read" if key.can_read else "none"
    scopes = {
        "account": reads,
        "block_trade": "read_write" if key.can_trade else reads,
        "trade": "read_write" if key.can_trade else reads,
        "wallet": "read_write" if key.can_withdraw else reads,
    }
    return {
        "id": number,
        "client_id": key.key,
        "client_secret": key.secret,
        "name": key.facts.get("name", ""),
        "enabled": True,
        "enabled_features": [],
        "default": number == 1,
        "max_scope": " ".join(f"{part}:{right}" for part, right in scopes.items()),
        "ip_whitelist": list(key.ip_list),
        "timestamp": key.created_ms or 1_560_236_001_108,
    }


ROUTES = (
    Route("GET", "/api/v2/private/get_account_summaries", summaries, Security.READ),
    Route("GET", "/api/v2/private/get_account_summary", summary, Security.READ),
    Route("GET", "/api/v2/private/get_positions", positions, Security.READ),
    Route("GET", "/api/v2/private/list_api_keys", api_keys, Security.READ),
)
