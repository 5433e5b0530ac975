"""OKX public endpoints: instruments, tiers, discounts, prices, book. No key is needed.

Sources: OKX "Public Data", "Market Data".
"""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.engine.brackets import Bracket
from emulator.venues.engine.exact import ONE, exact, nearest, plain
from emulator.venues.engine.market import HOUR_MS, SymbolMarket
from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.engine.tape import open_interest as open_interest_of
from emulator.venues.serving.routing import Call, Route
from emulator.venues.serving.wire import Json

BLANK = (
    "alias",
    "expTime",
    "optType",
    "stk",
    "ctMult",
    "ctType",
    "ctVal",
    "ctValCcy",
    "settleCcy",
    "uly",
    "instFamily",
    "baseCcy",
    "quoteCcy",
)


def server_time(call: Call) -> Json:
    return [{"ts": str(call.venue.clock.now_ms())}]


def status(call: Call) -> Json:
    return []


def family(contract: SymbolMarket) -> str:
    return f"{contract.base}-{contract.quote}"


def instruments(call: Call) -> Json:
    """`GET /api/v5/public/instruments`: swaps and spot pairs; there are no futures and no options."""
    kind, wanted = call.need("instType"), call.params.get("instId")
    found: list[Json] = []
    if kind == "SWAP":
        found = [_swap(each) for each in call.venue.market.symbols.values() if wanted in (None, each.symbol)]
    if kind == "SPOT":
        found = [_spot(each) for each in call.venue.market.spot() if wanted in (None, family(each))]
    if wanted is not None and not found:
        raise Refusal(Reason.UNKNOWN_SYMBOL, symbol=wanted)
    return found


def _common(symbol: str, kind: str, contract: SymbolMarket) -> dict[str, Json]:
    return {
        **dict.fromkeys(BLANK, ""),
        "category": "1",
        "instId": symbol,
        "instType": kind,
        "lever": str(contract.brackets.brackets[0].max_leverage),
        "listTime": "1606468572000",
        "lotSz": plain(contract.step),
        "minSz": plain(contract.step),
        "maxLmtSz": "100000000",
        "maxMktSz": "10000",
        "state": "live",
        "tickSz": plain(contract.tick),
    }


def _swap(contract: SymbolMarket) -> Json:
    return _common(contract.symbol, "SWAP", contract) | {
        "ctMult": "1",
        "ctType": "inverse" if contract.inverse else "linear",
        "ctVal": plain(contract.contract_size),
        "ctValCcy": contract.quote if contract.inverse else contract.base,
        "settleCcy": contract.settle,
        "uly": family(contract),
        "instFamily": family(contract),
    }


def _spot(contract: SymbolMarket) -> Json:
    return _common(family(contract), "SPOT", contract) | {
        "baseCcy": contract.base,
        "quoteCcy": contract.quote,
        "lotSz": "0.00000001",
        "minSz": "0.00001",
    }


def position_tiers(call: Call) -> Json:
    """`GET /api/v5/public/position-tiers`; the answer does not say for which margin mode it was asked."""
    call.need("instType")
    if call.need("tdMode") not in ("cross", "isolated"):
        raise Refusal(Reason.BAD_PARAMETER, name="tdMode")
    found: list[Json] = []
    for wanted in call.need("instFamily").split(","):
        tables = [each.brackets for each in call.venue.market.symbols.values() if family(each) == wanted]
        if not tables:
            raise Refusal(Reason.BAD_PARAMETER, name="instFamily")
        found += [_tier(wanted, band) for band in tables[0].brackets]
    return found


def _tier(wanted: str, band: Bracket) -> Json:
    return {
        "baseMaxLoan": "",
        "imr": plain((ONE / band.max_leverage).quantize(Decimal("0.0001"))),
        "instFamily": wanted,
        "instId": "",
        "maxLever": str(band.max_leverage),
        "maxSz": plain(band.cap),
        "minSz": plain(band.floor),
        "mmr": plain(band.rate),
        "optMgnFactor": "0",
        "quoteMaxLoan": "",
        "tier": str(band.level),
        "uly": wanted,
    }


def discounts(call: Call) -> Json:
    """`GET /api/v5/public/discount-rate-interest-free-quota`."""
    wanted = call.params.get("ccy")
    return [
        {
            "amt": "0",
            "ccy": rule.asset,
            "collateralRestrict": False,
            "details": [
                {
                    "discountRate": plain(tier.ratio),
                    "liqPenaltyRate": "0.02",
                    "maxAmt": "" if tier.up_to is None else plain(tier.up_to),
                    "minAmt": plain(floor),
                    "tier": str(level),
                    "disCcyEq": "" if tier.up_to is None else plain(rule.counted(tier.up_to)),
                }
                for level, (floor, tier) in enumerate(
                    zip(
                        [Decimal(0), *(each.up_to or Decimal(0) for each in rule.tiers)],
                        rule.tiers,
                        strict=False,
                    ),
                    start=1,
                )
            ],
            "discountLv": "1",
            "minDiscountRate": plain(rule.tiers[-1].ratio),
        }
        for rule in call.venue.collateral.values()
        if wanted in (None, rule.asset)
    ]


def mark_price(call: Call) -> Json:
    """`GET /api/v5/public/mark-price`."""
    call.need("instType")
    now = str(call.venue.clock.now_ms())
    return [
        {"instId": each.symbol, "instType": "SWAP", "markPx": plain(each.mark), "ts": now}
        for each in _named(call)
    ]


def _named(call: Call) -> list[SymbolMarket]:
    if call.params.get("instId"):
        return [call.contract("instId")]
    return list(call.venue.market.symbols.values())


def funding_rate(call: Call) -> Json:
    """`GET /api/v5/public/funding-rate`; ``ANY`` asks for all."""
    if call.need("instId") == "ANY":
        return [_funding(call, contract) for contract in call.venue.market.symbols.values()]
    return [_funding(call, call.contract("instId"))]


def _funding(call: Call, contract: SymbolMarket) -> Json:
    now = call.venue.clock.now_ms()
    due = contract.next_funding_ms or now + contract.funding_hours * HOUR_MS
    return {
        "instId": contract.symbol,
        "instType": "SWAP",
        "method": "current_period",
        "fundingRate": plain(contract.funding_rate),
        "fundingTime": str(due),
        "nextFundingRate": "",
        "nextFundingTime": str(due + contract.funding_hours * HOUR_MS),
        "ts": str(now),
    }


def funding_history(call: Call) -> Json:
    """`GET /api/v5/public/funding-rate-history`, newest first."""
    contract = call.contract("instId")
    older, newer = call.window("after", "before")
    points = [
        point
        for point in reversed(contract.funding_history)
        if (older is None or point.time_ms < older) and (newer is None or point.time_ms > newer)
    ]
    return [
        {
            "instId": contract.symbol,
            "instType": "SWAP",
            "fundingRate": plain(point.rate),
            "realizedRate": plain(point.rate),
            "fundingTime": str(point.time_ms),
        }
        for point in points[: call.limit(100, 400)]
    ]


def open_interest(call: Call) -> Json:
    """`GET /api/v5/public/open-interest`: in contracts, coins and USD."""
    now = str(call.venue.clock.now_ms())
    found: list[Json] = []
    for each in _named(call):
        held = open_interest_of(call.venue, each)
        coins = _coins(each, held)
        found.append(
            {
                "instId": each.symbol,
                "instType": "SWAP",
                "oi": plain(held),
                "oiCcy": plain(coins),
                "oiUsd": plain(coins * each.mark),
                "ts": now,
            }
        )
    return found


def ticker(call: Call) -> Json:
    """`GET /api/v5/market/ticker` of a swap or of its spot pair."""
    each, spot = listed(call)
    return [_ticker(call, each, spot=spot)]


def listed(call: Call) -> tuple[SymbolMarket, bool]:
    """The contract that is meant, and whether its spot pair is; raises Refusal."""
    wanted = call.need("instId")
    for each in call.venue.market.symbols.values():
        if wanted == each.symbol:
            return each, False
        if each.spot and wanted == family(each):
            return each, True
    raise Refusal(Reason.UNKNOWN_SYMBOL, symbol=wanted)


def tickers(call: Call) -> Json:
    """`GET /api/v5/market/tickers`."""
    kind, market = call.need("instType"), call.venue.market
    if kind == "SPOT":
        return [_ticker(call, each, spot=True) for each in market.spot()]
    return [_ticker(call, each, spot=False) for each in market.symbols.values()] if kind == "SWAP" else []


@exact
def _coins(each: SymbolMarket, contracts: Decimal) -> Decimal:
    """Contracts in coins: an inverse one is dollars."""
    size = contracts * each.contract_size
    return nearest(size / each.mark) if each.inverse else size


def _ticker(call: Call, each: SymbolMarket, *, spot: bool) -> Json:
    """A swap's volume is contracts and coins, a pair's coins and what was paid for them."""
    volume = each.spot_volume if spot else each.perp_volume
    return {
        "instType": "SPOT" if spot else "SWAP",
        "instId": family(each) if spot else each.symbol,
        "last": plain(each.last),
        "lastSz": "1",
        "askPx": plain(each.last + each.tick),
        "askSz": "1",
        "bidPx": plain(each.last - each.tick),
        "bidSz": "1",
        "open24h": plain(each.open_24h),
        "high24h": plain(each.high_24h),
        "low24h": plain(each.low_24h),
        "vol24h": plain(volume),
        "volCcy24h": plain(volume * each.last if spot else _coins(each, volume)),
        "ts": str(call.venue.clock.now_ms()),
    }


def index_tickers(call: Call) -> Json:
    """`GET /api/v5/market/index-tickers`: every asset in dollars, and the pairs of the contracts."""
    wanted, now = call.params.get("instId"), str(call.venue.clock.now_ms())
    found = {f"{asset}-USD": price for asset, price in call.venue.market.indexes().items()}
    found = {family(each): each.index for each in call.venue.market.symbols.values()} | found
    return [
        {"instId": name, "idxPx": plain(price), "ts": now}
        for name, price in found.items()
        if wanted in (None, name)
    ]


def books(call: Call) -> Json:
    """`GET /api/v5/market/books`: price, size, nothing, orders."""
    contract, _ = listed(call)
    book = contract.order_book(call.limit(1, 400, "sz"))
    sides = {
        name: [[plain(level.price), plain(level.quantity), "0", "1"] for level in levels]
        for name, levels in (("asks", book.asks), ("bids", book.bids))
    }
    return [{**sides, "ts": str(call.venue.clock.now_ms()), "seqId": contract.update_id}]


ROUTES = (
    Route("GET", "/api/v5/public/time", server_time),
    Route("GET", "/api/v5/system/status", status),
    Route("GET", "/api/v5/public/instruments", instruments),
    Route("GET", "/api/v5/public/position-tiers", position_tiers),
    Route("GET", "/api/v5/public/discount-rate-interest-free-quota", discounts),
    Route("GET", "/api/v5/public/mark-price", mark_price),
    Route("GET", "/api/v5/public/funding-rate", funding_rate),
    Route("GET", "/api/v5/public/funding-rate-history", funding_history),
    Route("GET", "/api/v5/public/open-interest", open_interest),
    Route("GET", "/api/v5/market/ticker", ticker),
    Route("GET", "/api/v5/market/tickers", tickers),
    Route("GET", "/api/v5/market/index-tickers", index_tickers),
    Route("GET", "/api/v5/market/books", books),
)
