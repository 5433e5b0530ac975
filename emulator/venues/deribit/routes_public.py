"""Deribit public endpoints: time, currencies, instruments, prices, book. No key is needed.

Sources: Deribit "Market Data", "public/get_currencies".
"""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.deribit.dialect import result
from emulator.venues.deribit.margin import POOL, RATES
from emulator.venues.engine.coins import Coin
from emulator.venues.engine.exact import ONE, exact, nearest
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.tape import open_interest
from emulator.venues.serving.routing import Call, Route, within
from emulator.venues.serving.wire import Json

FOREVER_MS = 32_503_708_800_000
CREATED_MS = 1_534_167_754_000
PLACES = Decimal("0.000000001")


def server_time(call: Call) -> Json:
    return result(call.venue, call.venue.clock.announced_ms())


def status(call: Call) -> Json:
    return result(call.venue, {"locked": "false", "locked_indices": []})


def currencies(call: Call) -> Json:
    """`GET /api/v2/public/get_currencies`: says no minimum, no step, and not what is suspended."""
    return result(call.venue, [_currency(coin) for coin in call.venue.coins.values()])


def _currency(coin: Coin) -> Json:
    network = coin.networks[0]
    return {
        "currency": coin.coin,
        "currency_long": coin.name,
        "coin_type": coin.coin,
        "network_currency": network.name,
        "network_fee": network.withdraw_fee,
        "withdrawal_fee": network.withdraw_fee,
        "min_withdrawal_fee": network.withdraw_fee,
        "withdrawal_priorities": [],
        "min_confirmations": network.min_confirm,
        "in_cross_collateral_pool": coin.coin in POOL,
        "apr": Decimal("0.0"),
    }


def instruments(call: Call) -> Json:
    """`GET /api/v2/public/get_instruments`: perpetuals only."""
    wanted, kind = call.params.get("currency", "any"), call.params.get("kind", "future")
    if wanted != "any" and wanted not in call.venue.coins:
        raise Refusal(Reason.UNKNOWN_ASSET, asset=wanted)
    found = [each for each in call.venue.market.symbols.values() if wanted in ("any", each.settle)]
    return result(call.venue, [_instrument(each) for each in found] if kind == "future" else [])


def instrument(call: Call) -> Json:
    """`GET /api/v2/public/get_instrument`."""
    return result(call.venue, _instrument(call.contract("instrument_name")))


def _instrument(contract: SymbolMarket) -> Json:
    pair = f"{contract.base}_{contract.quote}".lower()
    return {
        "instrument_name": contract.symbol,
        "instrument_id": 210_838 + len(contract.symbol),
        "instrument_type": "reversed" if contract.inverse else "linear",
        "future_type": "reversed" if contract.inverse else "linear",
        "kind": "future",
        "state": "open",
        "is_active": True,
        "base_currency": contract.base,
        "quote_currency": contract.quote,
        "counter_currency": contract.quote,
        "settlement_currency": contract.settle,
        "settlement_period": "perpetual",
        "price_index": pair,
        "contract_size": contract.step,
        "min_trade_amount": contract.step,
        "tick_size": contract.tick,
        "tick_size_steps": [],
        "max_leverage": int(ONE / RATES[contract.symbol].initial),
        "max_liquidation_commission": contract.liquidation_fee,
        "maker_commission": Decimal("0.0"),
        "taker_commission": Decimal("0.0005"),
        "block_trade_commission": Decimal("0.00025"),
        "creation_timestamp": CREATED_MS,
        "expiration_timestamp": FOREVER_MS,
    }


def index_price(call: Call) -> Json:
    """`GET /api/v2/public/get_index_price` of ``btc_usd`` and the like."""
    name = call.need("index_name")
    asset, _, quote = name.partition("_")
    found = call.venue.market.indexes().get(asset.upper())
    if found is None or quote not in ("usd", "usdc", "usdt"):
        raise Refusal(Reason.BAD_PARAMETER, name="index_name")
    return result(call.venue, {"index_price": found, "estimated_delivery_price": found})


def _index(call: Call, contract: SymbolMarket) -> Decimal:
    return call.venue.market.indexes()[contract.base]


@exact
def _book(call: Call, contract: SymbolMarket) -> dict[str, Json]:
    """Amounts are USD for inverse contracts and base units for linear ones."""
    depth = contract.order_book(call.limit(5, 1000, "depth"))
    return {
        "bids": [[level.price, level.quantity] for level in depth.bids],
        "asks": [[level.price, level.quantity] for level in depth.asks],
    }


@exact
def _prices(call: Call, contract: SymbolMarket) -> dict[str, Json]:
    usd = contract.perp_volume * contract.mark
    return {
        "instrument_name": contract.symbol,
        "state": "open",
        "timestamp": call.venue.clock.now_ms(),
        "mark_price": contract.mark,
        "last_price": contract.last,
        "index_price": _index(call, contract),
        "best_bid_price": contract.last - contract.tick,
        "best_ask_price": contract.last + contract.tick,
        "open_interest": open_interest(call.venue, contract),
        "current_funding": contract.funding_rate,
        "funding_8h": contract.funding_rate,
        "stats": {
            "volume": contract.perp_volume,
            "volume_usd": usd,
            "volume_notional": usd,
            "high": contract.high_24h,
            "low": contract.low_24h,
            "price_change": nearest((contract.last / contract.open_24h - 1) * 100, Decimal("0.0001")),
        },
    }


def ticker(call: Call) -> Json:
    """`GET /api/v2/public/ticker`."""
    return result(call.venue, _prices(call, call.contract("instrument_name")))


def order_book(call: Call) -> Json:
    """`GET /api/v2/public/get_order_book`."""
    contract = call.contract("instrument_name")
    return result(call.venue, _prices(call, contract) | _book(call, contract))


def book_summary(call: Call) -> Json:
    """`GET /api/v2/public/get_book_summary_by_instrument`."""
    return result(call.venue, [_summary(call, call.contract("instrument_name"))])


def book_summaries(call: Call) -> Json:
    """`GET /api/v2/public/get_book_summary_by_currency`."""
    wanted, kind = call.need("currency"), call.params.get("kind", "future")
    found = [each for each in call.venue.market.symbols.values() if wanted in ("any", each.settle)]
    return result(call.venue, [_summary(call, each) for each in found] if kind == "future" else [])


@exact
def _summary(call: Call, contract: SymbolMarket) -> Json:
    usd = nearest(contract.perp_volume * contract.mark, Decimal("0.01"))
    return {
        "instrument_name": contract.symbol,
        "base_currency": contract.base,
        "quote_currency": contract.quote,
        "mark_price": contract.mark,
        "last": contract.last,
        "bid_price": contract.last - contract.tick,
        "ask_price": contract.last + contract.tick,
        "mid_price": contract.last,
        "high": contract.high_24h,
        "low": contract.low_24h,
        "open_interest": open_interest(call.venue, contract),
        "volume": contract.perp_volume,
        "volume_usd": usd,
        "volume_notional": usd,
        "current_funding": contract.funding_rate,
        "funding_8h": contract.funding_rate,
        "creation_timestamp": call.venue.clock.now_ms(),
    }


def funding_history(call: Call) -> Json:
    """`GET /api/v2/public/get_funding_rate_history`, oldest first."""
    contract = call.contract("instrument_name")
    window = call.window("start_timestamp", "end_timestamp")
    return result(
        call.venue,
        [
            {
                "timestamp": point.time_ms,
                "index_price": point.mark_price,
                "prev_index_price": point.mark_price,
                "interest_8h": point.rate,
                "interest_1h": nearest(point.rate / 8, PLACES),
            }
            for point in contract.funding_history
            if within(point.time_ms, window)
        ],
    )


ROUTES = (
    Route("GET", "/api/v2/public/get_time", server_time),
    Route("GET", "/api/v2/public/status", status),
    Route("GET", "/api/v2/public/get_currencies", currencies),
    Route("GET", "/api/v2/public/get_instruments", instruments),
    Route("GET", "/api/v2/public/get_instrument", instrument),
    Route("GET", "/api/v2/public/get_index_price", index_price),
    Route("GET", "/api/v2/public/ticker", ticker),
    Route("GET", "/api/v2/public/get_order_book", order_book),
    Route("GET", "/api/v2/public/get_book_summary_by_instrument", book_summary),
    Route("GET", "/api/v2/public/get_book_summary_by_currency", book_summaries),
    Route("GET", "/api/v2/public/get_funding_rate_history", funding_history),
)
