"""Control of the market and of the venue's clock: what a scenario moves minute by minute."""

from __future__ import annotations

from dataclasses import replace

from emulator.venues.control.fields import Fields, moment
from emulator.venues.engine import tape
from emulator.venues.engine.collateral import with_haircut
from emulator.venues.engine.exact import number
from emulator.venues.engine.market import (
    Candle,
    FundingPoint,
    MarketLiquidation,
    OpenInterestPoint,
    SymbolMarket,
)
from emulator.venues.engine.venue import Venue

MARK_FIELDS = frozenset({"symbol", "base", "mark", "last", "index"})
MARKET_NUMBERS = (
    "open_interest",
    "spot_volume",
    "perp_volume",
    "funding_rate",
    "open_24h",
    "liquidation_fee",
)
MARKET_FIELDS = frozenset(
    {
        *MARKET_NUMBERS,
        "symbol",
        "depth_one_percent",
        "depth_scale",
        "depth_stays",
        "depth_retreat",
        "next_funding_ms",
        "record_open_interest",
        "reset_day",
        "usd_index",
        "haircuts",
    }
)
# Candles by the price they are of: spot, the contract's own, the mark.
CANDLE_FIELDS = ("candles", "perp_candles", "mark_candles")
HISTORY_FIELDS = frozenset({"symbol", "funding", "open_interest", *CANDLE_FIELDS, "liquidations"})
FUNDING_FIELDS = frozenset({"symbol", "rate"})
CLOCK_FIELDS = frozenset({"offset_ms", "announced_skew_ms", "fixed_ms", "run_free"})


def _symbol(venue: Venue, fields: Fields) -> SymbolMarket:
    name = fields.text("symbol")
    if name not in venue.market.symbols:
        raise ValueError(f"expected one of {sorted(venue.market.symbols)}, found {name!r}")
    return venue.market.symbols[name]


def set_mark(venue: Venue, fields: Fields) -> None:
    """Move the price of a contract, or of all contracts of a coin (`base`); liquidations follow at once."""
    if "base" in fields:
        venue.set_base_price(fields.text("base"), fields.number("mark"))
        return
    market = _symbol(venue, fields)
    venue.set_price(market.symbol, fields.number("mark"), fields.number_or("last"), fields.number_or("index"))


def set_market(venue: Venue, fields: Fields) -> None:
    """Volumes, open interest, depth, funding rate of a symbol; index and haircut of assets."""
    venue.market.usd_index.update(fields.amounts("usd_index"))
    for asset, haircut in fields.amounts("haircuts").items():
        venue.collateral[asset] = with_haircut(asset, haircut)
    if "symbol" in fields:
        market = _symbol(venue, fields)
        for name in MARKET_NUMBERS:
            if name in fields:
                setattr(market, name, fields.number(name))
        market.next_funding_ms = fields.integer_or("next_funding_ms", market.next_funding_ms)
        market.set_depth(fields.number_or("depth_one_percent"), fields.number_or("depth_scale"))
        market.depth = replace(
            market.depth,
            stays=fields.number_or("depth_stays") or market.depth.stays,
            retreat=fields.number_or("depth_retreat") or market.depth.retreat,
        )
        if fields.flag_or("reset_day", False):
            market.peak = market.mark
            market.open_24h = market.high_24h = market.low_24h = market.last
        if fields.flag_or("record_open_interest", False):
            market.record_open_interest(venue.clock.now_ms(), tape.open_interest(venue, market))
    venue.liquidate_failed()


def add_history(venue: Venue, fields: Fields) -> None:
    """Past funding, open interest, candles and market liquidations, as rows of numbers."""
    market = _symbol(venue, fields)
    funding = [
        FundingPoint(moment(at), number(rate), number(mark)) for at, rate, mark in fields.rows("funding", 3)
    ]
    interest = [
        OpenInterestPoint(moment(at), number(contracts), number(value))
        for at, contracts, value in fields.rows("open_interest", 3)
    ]
    forced = [
        MarketLiquidation(moment(at), market.symbol, str(side), number(price), number(quantity))
        for at, side, price, quantity in fields.rows("liquidations", 4)
    ]
    market.funding_history = sorted([*market.funding_history, *funding], key=lambda point: point.time_ms)
    market.open_interest_history = sorted(
        [*market.open_interest_history, *interest], key=lambda point: point.time_ms
    )
    for name in CANDLE_FIELDS:
        told = [
            Candle(moment(at), *(number(price) for price in prices)) for at, *prices in fields.rows(name, 6)
        ]
        setattr(market, name, sorted([*getattr(market, name), *told], key=lambda candle: candle.open_ms))
    venue.market.liquidations.extend(forced)


def settle_funding(venue: Venue, fields: Fields) -> None:
    """Pay funding now on every position of the symbol."""
    venue.settle_funding(_symbol(venue, fields).symbol, fields.number_or("rate"))


def set_clock(venue: Venue, fields: Fields) -> None:
    """Shift the venue's time, make only its announcement lie, or stop it."""
    clock = venue.clock
    clock.offset_ms = fields.integer_or("offset_ms", clock.offset_ms)
    clock.announced_skew_ms = fields.integer_or("announced_skew_ms", clock.announced_skew_ms)
    if "fixed_ms" in fields:
        clock.fixed_ms = fields.integer_or("fixed_ms", 0)
    if fields.flag_or("run_free", False):
        clock.fixed_ms = None
