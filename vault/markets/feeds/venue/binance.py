"""Binance: USDⓈ-M and COIN-M perpetuals.

Traps. `sumOpenInterestValue` falls with the price: coins are read. Open interest statistics keep 30 days.
COIN-M counts contracts of 100 USD (BTC) or 10 USD. "Get Funding Rate Info" lists only contracts whose
interval was changed; the others have 8 hours. Realised liquidations are a stream only (`forceOrder`), which
tells the last order of a symbol in each second: no history, and sums of the stream are too low.
Sources: Binance "Open Interest Statistics", "Get Funding Rate History", "Get Funding Rate Info", "Kline
Data", "Mark Price Kline Data", "Order Book", "24hr Ticker", "System Status", "Multi-Assets Mode Asset Index".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.markets.feeds.answers import decimal, find, items, milliseconds, number, price, quantity, same
from vault.markets.feeds.base import Parameters
from vault.markets.feeds.book import Depth, depth_of, levels
from vault.markets.feeds.venue.questions import (
    Asker,
    Book,
    Contract,
    Listing,
    Market,
    Question,
    Row,
    Value,
    Window,
)
from vault.series import DAY

USD_MARGINED = re.compile(r"([A-Z0-9]{1,20}?)(USDT|USDC)")
COIN_MARGINED = re.compile(r"([A-Z0-9]{1,20}?)USD_PERP")
# USD a contract is worth, COIN-M: bitcoin's, and everything else's.
BITCOIN_SIZE, OTHER_SIZE = Decimal(100), Decimal(10)
USUAL_INTERVAL: Final = 8
DEPTH_LEVELS: Final = 1000  # the most that the futures books give
STATISTICS_PAGE, FUNDING_PAGE, CANDLE_PAGE = 500, 1000, 1000
STATISTICS_KEPT: Final = 29 * DAY  # 30 days by the documents; what lies at the edge is refused
LIQUIDATIONS: Final = "a stream only (forceOrder), the last order of a symbol in each second"
TICKER: Final = {False: "fapiPublicGetTicker24hr", True: "dapiPublicGetTicker24hr"}


def usd_contract(ask: Asker, symbol: str) -> Contract:
    found = USD_MARGINED.fullmatch(symbol)
    if found is None:
        raise VenueError("unknown_contract", f"binance: expected a perpetual such as BTCUSDT, found {symbol}")
    return Contract("binance", symbol, found[1], found[2], spot=symbol, main=found[2] == "USDT")


def coin_contract(ask: Asker, symbol: str) -> Contract:
    found = COIN_MARGINED.fullmatch(symbol)
    if found is None:
        raise VenueError("unknown_contract", f"binance: expected one such as BTCUSD_PERP, found {symbol}")
    size = BITCOIN_SIZE if found[1] == "BTC" else OTHER_SIZE
    return Contract("binance", symbol, found[1], "USD", inverse=True, size=size, spot=f"{found[1]}USDT")


def _symbol(contract: Contract) -> Parameters:
    return (("symbol", contract.symbol),)


def _window(window: Window) -> Parameters:
    return (("startTime", str(window.start)), ("endTime", str(window.end)))


def _premium(answer: Any, contract: Contract) -> Any:
    """COIN-M answers with a list of one."""
    line = find(answer, 0) if isinstance(answer, list) else answer
    same(find(line, "symbol"), contract.symbol)
    return line


def _interval(answer: Any, contract: Contract) -> Decimal:
    for row in items(answer):
        if find(row, "symbol") == contract.symbol:
            return price(row, "fundingIntervalHours")
    return Decimal(USUAL_INTERVAL)


def _funding(answer: Any, contract: Contract) -> list[Row]:
    return [(milliseconds(row, "fundingTime"), (decimal(row, "fundingRate"),)) for row in items(answer)]


def _statistics(answer: Any, contract: Contract) -> list[Row]:
    """COIN-M's value is in coins, USDⓈ-M's in dollars."""
    coins = "sumOpenInterestValue" if contract.inverse else "sumOpenInterest"
    return [(milliseconds(row, "timestamp"), (quantity(row, coins),)) for row in items(answer)]


def _candles(answer: Any, contract: Contract) -> list[Row]:
    """COIN-M's volume is in contracts, the eighth field in coins."""
    return _rows(answer, 7 if contract.inverse else 5)


def _spot_volume(answer: Any, contract: Contract) -> list[Row]:
    return _rows(answer, 5)


def _mark_candles(answer: Any, contract: Contract) -> list[Row]:
    return _rows(answer, None)


def _rows(answer: Any, volume: int | None) -> list[Row]:
    found: list[Row] = []
    for row in items(answer):
        prices = tuple(number(find(row, place), "candle price") for place in range(1, 5))
        traded = None if volume is None else number(find(row, volume), "candle volume")
        found.append((milliseconds(row, 0), (*prices, traded)))
    return found


def _depth(answer: Any, contract: Contract) -> Depth:
    return depth_of(levels(answer, contract.in_base, "bids"), levels(answer, contract.in_base, "asks"))


def _ticker(answer: Any, contract: Contract) -> Any:
    return find(answer, 0) if isinstance(answer, list) else answer


def _status(answer: Any) -> dict[str, Decimal]:
    """0 normal, 1 maintenance."""
    return {"ALL": Decimal(int(decimal(answer, "status") == 0))}


def _pegs(answer: Any) -> dict[str, Decimal]:
    """The price that collateral is valued with, which is the venue's own."""
    found = {str(find(row, "symbol")): price(row, "index") for row in items(answer)}
    return {name.removesuffix("USD"): value for name, value in found.items() if name in PEGGED}


PEGGED: Final = frozenset({"USDTUSD", "USDCUSD", "FDUSDUSD", "BFUSDUSD", "USDEUSD"})
STATUS: Final = Listing("venue_open", "sapiGetSystemStatus", (), _status)
PEGS: Final = Listing("peg", "fapiPublicGetAssetIndex", (), _pegs)


def _spot_parameters(contract: Contract, window: Window) -> Parameters:
    return (("symbol", contract.spot), ("interval", "1h"), ("limit", str(CANDLE_PAGE)), *_window(window))


def _history(*, inverse: bool) -> tuple[Question, ...]:
    api = "dapi" if inverse else "fapi"

    def statistics(contract: Contract, window: Window) -> Parameters:
        named: Parameters = _symbol(contract)
        if inverse:
            named = (("pair", contract.symbol.removesuffix("_PERP")), ("contractType", "PERPETUAL"))
        return (*named, ("period", "1h"), ("limit", str(STATISTICS_PAGE)), *_window(window))

    def candles(contract: Contract, window: Window) -> Parameters:
        return (*_symbol(contract), ("interval", "1h"), ("limit", str(CANDLE_PAGE)), *_window(window))

    def funding(contract: Contract, window: Window) -> Parameters:
        return (*_symbol(contract), ("limit", str(FUNDING_PAGE)), *_window(window))

    return (
        Question(
            f"{api}DataGetOpenInterestHist",
            statistics,
            _statistics,
            ("open_interest",),
            STATISTICS_PAGE,
            direction="backward",
            keeps=STATISTICS_KEPT,
        ),
        Question(f"{api}PublicGetFundingRate", funding, _funding, ("funding",), FUNDING_PAGE, step=0),
        Question(
            f"{api}PublicGetKlines", candles, _candles, ("price", "perp_volume"), CANDLE_PAGE, form="candles"
        ),
        Question(
            f"{api}PublicGetMarkPriceKlines", candles, _mark_candles, ("mark",), CANDLE_PAGE, form="candles"
        ),
        Question(
            "publicGetKlines",
            _spot_parameters,
            _spot_volume,
            ("price", "spot_volume"),
            CANDLE_PAGE,
            form="candles",
            needs_spot=True,
        ),
    )


def _market(*, inverse: bool) -> Market:
    api = "dapi" if inverse else "fapi"
    premium = f"{api}PublicGetPremiumIndex"

    def priced(name: str) -> Value:
        return Value(
            premium,
            _symbol,
            lambda answer, contract: (decimal if name == "lastFundingRate" else price)(
                _premium(answer, contract), name
            ),
            at=lambda answer: milliseconds(find(answer, 0) if isinstance(answer, list) else answer, "time"),
        )

    def held(answer: Any, contract: Contract) -> Decimal:
        return quantity(answer, "openInterest")

    volume = "baseVolume" if inverse else "volume"
    return Market(
        "binance",
        coin_contract if inverse else usd_contract,
        {
            "mark_price": priced("markPrice"),
            "index_price": priced("indexPrice"),
            "funding_rate": priced("lastFundingRate"),
            "funding_interval_hours": Value(f"{api}PublicGetFundingInfo", lambda contract: (), _interval),
            "open_interest": Value(f"{api}PublicGetOpenInterest", _symbol, held),
            "perp_volume_24h": Value(
                TICKER[inverse], _symbol, lambda answer, contract: quantity(_ticker(answer, contract), volume)
            ),
            "spot_volume_24h": Value(
                "publicGetTicker24hr",
                lambda contract: (("symbol", contract.spot),),
                lambda answer, contract: quantity(answer, "volume"),
                needs_spot=True,
            ),
        },
        Book(
            f"{api}PublicGetDepth",
            lambda contract: (*_symbol(contract), ("limit", str(DEPTH_LEVELS))),
            _depth,
        ),
        _history(inverse=inverse),
        {"long_liquidations": LIQUIDATIONS, "short_liquidations": LIQUIDATIONS},
        (STATUS, PEGS),
    )


USD_MARKET: Final = _market(inverse=False)
COIN_MARKET: Final = _market(inverse=True)


def market(symbol: str) -> Market:
    """Which of the two a symbol belongs to."""
    return COIN_MARKET if COIN_MARGINED.fullmatch(symbol) else USD_MARKET
