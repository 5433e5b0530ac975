"""What /info tells of the market: contracts with their tiers, prices, the book, funding.

Source: Hyperliquid "Perpetuals", "Spot", "Info endpoint".
"""

from __future__ import annotations

from decimal import Decimal

from emulator.venues.engine.exact import exact, nearest
from emulator.venues.engine.market import SymbolMarket
from emulator.venues.engine.venue import Venue
from emulator.venues.hyperliquid.asking import LINES, PRICE, Body, first_dex, number, window
from emulator.venues.hyperliquid.margin import COIN, TIERS
from emulator.venues.hyperliquid.profile import SIZE_DECIMALS
from emulator.venues.serving.errors import VenueError
from emulator.venues.serving.wire import Json

LEVELS = 20
TIERED = {coin: 50 + leverage for coin, ((leverage, _), *more) in TIERS.items() if more}


def meta(venue: Venue, asked: Body) -> Json:
    first_dex(asked)
    return _meta(venue)


def _meta(venue: Venue) -> Json:
    return {
        "universe": [
            {
                "szDecimals": SIZE_DECIMALS[coin],
                "name": coin,
                "maxLeverage": TIERS[coin][0][0],
                "marginTableId": TIERED.get(coin, TIERS[coin][0][0]),
            }
            for coin in venue.market.symbols
        ],
        "marginTables": [[TIERED[coin], _table(coin)] for coin in venue.market.symbols if coin in TIERED],
        "collateralToken": 0,
    }


def _table(coin: str) -> Json:
    tiers = TIERS[coin]
    return {
        "description": f"tiered {tiers[0][0]}x",
        "marginTiers": [
            {"lowerBound": number(Decimal(floor)), "maxLeverage": leverage} for leverage, floor in tiers
        ],
    }


def meta_and_contexts(venue: Venue, asked: Body) -> Json:
    first_dex(asked)
    return [_meta(venue), [_context(contract) for contract in venue.market.symbols.values()]]


@exact
def _context(contract: SymbolMarket) -> Json:
    return {
        "funding": number(contract.funding_rate),
        "openInterest": number(contract.open_interest),
        "prevDayPx": number(contract.open_24h),
        "dayNtlVlm": number(contract.perp_volume * contract.mark),
        "premium": number(nearest((contract.mark - contract.index) / contract.index, PRICE)),
        "oraclePx": number(contract.index),
        "markPx": number(contract.mark),
        "midPx": number(contract.last),
        "impactPxs": [number(contract.last - contract.tick), number(contract.last + contract.tick)],
        "dayBaseVlm": number(contract.perp_volume),
    }


def spot_meta(venue: Venue, _: Body) -> Json:
    token: dict[str, Json] = {
        "name": COIN,
        "szDecimals": 8,
        "weiDecimals": 8,
        "index": 0,
        "tokenId": "0x6d1e7cde53ba9467b783cb7c530ce054",
        "isCanonical": True,
        "evmContract": None,
        "fullName": None,
    }
    return {"tokens": [token], "universe": []}


def all_mids(venue: Venue, asked: Body) -> Json:
    first_dex(asked)
    return {name: number(contract.last) for name, contract in venue.market.symbols.items()}


def book(venue: Venue, asked: Body) -> Json:
    contract = _contract(venue, asked)
    depth = contract.order_book(LEVELS)
    sides = (depth.bids, depth.asks)
    levels: list[Json] = [
        [{"px": number(each.price), "sz": number(each.quantity), "n": 1} for each in side] for side in sides
    ]
    return {"coin": contract.symbol, "time": venue.clock.now_ms(), "levels": levels}


def funding_history(venue: Venue, asked: Body) -> Json:
    contract = _contract(venue, asked)
    start, end = window(asked)
    rows: list[Json] = [
        {
            "coin": contract.symbol,
            "fundingRate": number(point.rate),
            "premium": "0.0",
            "time": point.time_ms,
        }
        for point in contract.funding_history
        if start <= point.time_ms <= end
    ]
    return rows[:LINES]


def _contract(venue: Venue, asked: Body) -> SymbolMarket:
    contract = venue.market.symbols.get(str(asked.get("coin")))
    if contract is None:
        raise VenueError(500, "null", 500)
    return contract
