"""Kraken Futures: instruments, tickers, wallets, positions, and the moves that start on the futures side.

Numbers are JSON numbers there. Sources: Kraken Futures "Instruments", "Tickers", "Get wallets", "Open
positions", "Initiate wallet transfer", "Initiate withdrawal to Spot wallet".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from emulator.venues.engine.brackets import Bracket
from emulator.venues.engine.exact import ONE, ZERO, exact, nearest
from emulator.venues.engine.margin import AssetMargin
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.positions import Position
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.tape import open_interest
from emulator.venues.kraken.margin import CASH, FLEX, INITIAL_TIMES, SPOT_WALLET
from emulator.venues.kraken.names import altname, futures_account, known_asset
from emulator.venues.kraken.profile import market
from emulator.venues.serving.routing import Call, Route, Security
from emulator.venues.serving.wire import Json

BASE = "/derivatives/api/v3"
GRAIN = Decimal("1e-10")  # of figures that are computed
LEGACY = "fi_xbtusd"


def iso(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment_ms % 1000:03d}Z"


def answered(call: Call, **parts: Json) -> Json:
    return {**parts, "serverTime": iso(call.venue.clock.now_ms())}


def instruments(call: Call) -> Json:
    listed = [_instrument(each) for each in call.venue.market.symbols.values()]
    return answered(call, instruments=listed)


def _instrument(contract: SymbolMarket) -> Json:
    levels = [_level(band, inverse=contract.inverse) for band in contract.brackets.brackets]
    return {
        "symbol": contract.symbol,
        "type": "futures_inverse" if contract.inverse else "flexible_futures",
        "tickSize": contract.tick,
        "contractSize": contract.contract_size,
        "tradeable": True,
        "impactMidSize": ONE,
        "maxPositionSize": Decimal(75_000_000),
        "openingDate": "2022-03-22T13:15:36.000Z",
        "marginLevels": levels,
        "fundingRateCoefficient": 24,
        "maxRelativeFundingRate": Decimal("0.0025"),
        "contractValueTradePrecision": 0 if contract.inverse else 4,
        "postOnly": False,
        "feeScheduleUid": "abb50ea3-4fc9-401c-8d83-518610b16d8c",
        "retailMarginLevels": levels,
        "category": "Layer 1",
        "tags": [],
    }


def _level(band: Bracket, *, inverse: bool) -> Json:
    return {
        "contracts" if inverse else "numNonContractUnits": band.floor,
        "initialMargin": band.rate * INITIAL_TIMES,
        "maintenanceMargin": band.rate,
    }


def tickers(call: Call) -> Json:
    return answered(call, tickers=[_ticker(call, each) for each in call.venue.market.symbols.values()])


def ticker_of(symbol: str) -> Callable[[Call], Json]:
    def ticker(call: Call) -> Json:
        return answered(call, ticker=_ticker(call, call.venue.market.symbols[symbol]))

    return ticker


def _ticker(call: Call, contract: SymbolMarket) -> Json:
    half = contract.tick / 2
    return {
        "symbol": contract.symbol,
        "last": contract.last,
        "lastTime": iso(call.venue.clock.now_ms()),
        "tag": "perpetual",
        "pair": f"{altname(contract.base)}:{contract.quote}",
        "markPrice": contract.mark,
        "bid": contract.last - half,
        "bidSize": ONE,
        "ask": contract.last + half,
        "askSize": ONE,
        "vol24h": contract.perp_volume,
        "volumeQuote": contract.perp_volume * contract.mark,
        "openInterest": open_interest(call.venue, contract),
        "open24h": contract.open_24h,
        "high24h": contract.high_24h,
        "low24h": contract.low_24h,
        "lastSize": ONE,
        "fundingRate": contract.funding_rate * contract.mark,
        "fundingRatePrediction": contract.funding_rate * contract.mark,
        "suspended": False,
        "indexPrice": contract.index,
        "postOnly": False,
        "change24h": ZERO,
    }


@exact
def accounts(call: Call) -> Json:
    """`GET /accounts`: the cash wallet, the multi-collateral margin, and an empty single-collateral one."""
    cash: dict[str, Json] = {
        altname(asset).lower(): amount for asset, amount in call.account.wallet(CASH).items() if amount
    }
    return answered(
        call,
        accounts={
            "cash": {"type": "cashAccount", "balances": cash},
            LEGACY: _empty("xbt"),
            "flex": _flex(call),
        },
    )


def _empty(currency: str) -> Json:
    nothing: Json = dict.fromkeys(("im", "mm", "lt", "tt"), ZERO)
    return {
        "auxiliary": dict.fromkeys(("usd", "pv", "pnl", "af", "funding"), ZERO),
        "marginRequirements": nothing,
        "triggerEstimates": nothing,
        "balances": {currency: ZERO},
        "currency": currency,
        "type": "marginAccount",
    }


def _flex(call: Call) -> Json:
    report = call.venue.report(call.account)
    held, unrealised = report.facts["collateral_value"], report.unrealised
    figures = {
        "initialMargin": report.initial_margin,
        "initialMarginWithOrders": report.initial_margin,
        "maintenanceMargin": report.maintenance_margin,
        "balanceValue": report.wallet_balance,
        "portfolioValue": report.equity,
        "collateralValue": held,
        "pnl": unrealised,
        "unrealizedFunding": ZERO,
        "totalUnrealized": unrealised,
        "totalUnrealizedAsMargin": report.margin_balance - held,
        "availableMargin": report.available,
        "marginEquity": report.margin_balance,
    }
    return {
        "type": "multiCollateralMarginAccount",
        "currencies": {altname(line.asset): _currency(line) for line in report.assets if line.balance},
        **{name: nearest(value, GRAIN) for name, value in figures.items()},
    }


def _currency(line: AssetMargin) -> Json:
    return {
        "quantity": line.balance,
        "value": nearest(line.facts["value"], GRAIN),
        "collateral": nearest(line.facts["collateral"], GRAIN),
        "available": line.available,
    }


def open_positions(call: Call) -> Json:
    return answered(call, openPositions=[_position(call, each) for each in call.account.open_positions()])


def _position(call: Call, position: Position) -> Json:
    changed = call.account.updated_ms.get(f"position:{position.key}", 0)
    row: dict[str, Json] = {
        "side": "long" if position.quantity > ZERO else "short",
        "symbol": position.symbol,
        "price": position.entry_price,
        "fillTime": iso(changed),
        "size": abs(position.quantity),
        "unrealizedFunding": ZERO,
    }
    if not position.inverse:
        row["pnlCurrency"] = "USD"
    if position.isolated_margin is not None:
        row["maxFixedLeverage"] = Decimal(position.leverage)
    return row


def open_orders(call: Call) -> Json:
    return answered(call, openOrders=[])


def transfer(call: Call) -> Json:
    """`POST /transfer`: between the wallets of the futures side."""
    source, target = call.need("fromAccount"), call.need("toAccount")
    if {source, target} != {CASH, FLEX}:
        raise Refusal(Reason.NO_ROUTE, route=f"{source} -> {target}")
    asset = known_asset(call.need("unit"), call.venue.coins)
    call.venue.transfer(call.account, source, target, asset, call.amount())
    return answered(call)


def withdrawal(call: Call) -> Json:
    """`POST /withdrawal`: to the spot wallet; its own number is no record's."""
    asset = known_asset(call.need("currency"), call.venue.coins)
    source = call.params.get("sourceWallet", CASH)
    if source != CASH:
        raise Refusal(Reason.NO_ROUTE, route=f"{source} -> {SPOT_WALLET}")
    move = call.venue.transfer(call.account, CASH, SPOT_WALLET, asset, call.amount())
    return answered(call, uid=futures_account(move.tran_id))


TICKERS = tuple(f"{BASE}/tickers/{symbol}" for symbol in market().symbols)
ROUTES = (
    Route("GET", f"{BASE}/instruments", instruments),
    Route("GET", f"{BASE}/tickers", tickers),
    *(Route("GET", path, ticker_of(path.rpartition("/")[2])) for path in TICKERS),
    Route("GET", f"{BASE}/accounts", accounts, Security.READ),
    Route("GET", f"{BASE}/openpositions", open_positions, Security.READ),
    Route("GET", f"{BASE}/openorders", open_orders, Security.READ),
    Route("POST", f"{BASE}/transfer", transfer, Security.TRANSFER),
    Route("POST", f"{BASE}/withdrawal", withdrawal, Security.TRANSFER),
)
