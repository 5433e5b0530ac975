"""OKX: linear and inverse swaps.

Traps. Quantities are contracts of `ctVal` coins, or dollars if inverse, which "Get instruments" tells. A
candle's `volCcy` is coins for swaps and the quote for spot pairs, where `vol` is coins. `fundingRate` of the
history is what was announced, `realizedRate` what was paid. Liquidations reach back seven days. Flags of
networks are told to keys only.
Sources: OKX "Get instruments", "Get contract open interest history", "Get funding rate history", "Get
candlesticks history", "Get mark price candlesticks history", "Get full order book", "Get liquidation orders",
"Status", "Get index tickers".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.markets.feeds.answers import (
    decimal,
    find,
    items,
    milliseconds,
    number,
    price,
    quantity,
    same,
    text,
)
from vault.markets.feeds.base import Parameters
from vault.markets.feeds.book import Depth, depth_of, levels
from vault.markets.feeds.venue.questions import (
    Asker,
    Book,
    Contract,
    Listing,
    Market,
    Presence,
    Question,
    Row,
    Value,
    Window,
)
from vault.series import DAY, HOUR

SWAP = re.compile(r"([A-Z0-9]{1,20})-(USDT|USDC|USD)-SWAP")
INTEREST_PAGE, FUNDING_PAGE, CANDLE_PAGE, LIQUIDATION_PAGE = 100, 100, 100, 100
BOOK_LEVELS: Final = 5000
LIQUIDATIONS_KEPT: Final = 7 * DAY
LIQUIDATIONS: Final = "publicGetPublicLiquidationOrders"
TICKER, FUNDING = "publicGetMarketTicker", "publicGetPublicFundingRate"
ONGOING: Final = "ongoing"


def contract(ask: Asker, symbol: str) -> Contract:
    """Asks what a contract is worth."""
    found = SWAP.fullmatch(symbol)
    if found is None:
        raise VenueError("unknown_contract", f"okx: expected a swap such as BTC-USDT-SWAP, found {symbol}")
    line = find(ask("publicGetPublicInstruments", (("instType", "SWAP"), ("instId", symbol))), "data", 0)
    same(find(line, "instId"), symbol)
    inverse = text(line, "ctType") == "inverse"
    same(find(line, "ctValCcy"), "USD" if inverse else found[1])
    size, main = price(line, "ctVal"), found[2] == "USDT"
    return Contract("okx", symbol, found[1], found[2], inverse, size, spot=f"{found[1]}-USDT", main=main)


def _swap(each: Contract) -> Parameters:
    return (("instType", "SWAP"), ("instId", each.symbol))


def _id(each: Contract) -> Parameters:
    return (("instId", each.symbol),)


def _older(window: Window, page: int) -> Parameters:
    """``after`` asks for what is older than it, newest first."""
    return (("after", str(window.end + 1)), ("limit", str(page)))


def _interest(each: Contract, window: Window) -> Parameters:
    return (
        *_id(each),
        ("period", "1H"),
        ("begin", str(window.start)),
        ("end", str(window.end)),
        ("limit", str(INTEREST_PAGE)),
    )


def _liquidations(each: Contract, window: Window) -> Parameters:
    family = f"{each.asset}-{each.quote}"
    return (
        ("instType", "SWAP"),
        ("instFamily", family),
        ("state", "filled"),
        *_older(window, LIQUIDATION_PAGE),
    )


def _interest_rows(answer: Any, each: Contract) -> list[Row]:
    """Rows of time, contracts, coins, dollars."""
    rows = items(answer, "data")
    return [(milliseconds(row, 0), (number(find(row, 2), "coins"),)) for row in rows]


def _funding_rows(answer: Any, each: Contract) -> list[Row]:
    return [
        (milliseconds(row, "fundingTime"), (decimal(row, "realizedRate"),)) for row in items(answer, "data")
    ]


def _candle_rows(answer: Any, volume: int | None) -> list[Row]:
    found: list[Row] = []
    for row in items(answer, "data"):
        prices = tuple(number(find(row, place), "candle price") for place in range(1, 5))
        traded = None if volume is None else number(find(row, volume), "candle volume")
        found.append((milliseconds(row, 0), (*prices, traded)))
    return found


def _liquidation_rows(answer: Any, each: Contract) -> list[Row]:
    """Dollars of long and of short positions closed by force; the price is that of the bankruptcy."""
    found: list[Row] = []
    for line in items(answer, "data"):
        if find(line, "instId") != each.symbol:
            continue
        for row in items(line, "details"):
            usd = each.in_usd(quantity(row, "sz"), price(row, "bkPx"))
            long = _was_long(row)
            found.append(
                (milliseconds(row, "ts"), (usd if long else Decimal(0), Decimal(0) if long else usd))
            )
    return found


def _was_long(row: Any) -> bool:
    """A long position is closed by a sale; in one-way mode (``net``) only the side tells."""
    side = text(row, "side")
    if side not in {"buy", "sell"}:
        raise VenueError("bad_answer", f"side: expected buy or sell, found {side[:20]!r}")
    return side == "sell"


def _line(answer: Any, symbol: str) -> Any:
    line = find(answer, "data", 0)
    same(find(line, "instId"), symbol)
    return line


def _at(answer: Any) -> int:
    return milliseconds(answer, "data", 0, "ts")


def _index(answer: Any, each: Contract) -> Decimal:
    return price(_line(answer, f"{each.asset}-{each.quote}"), "idxPx")


def _interval(answer: Any, each: Contract) -> Decimal:
    line = _line(answer, each.symbol)
    span = milliseconds(line, "nextFundingTime") - milliseconds(line, "fundingTime")
    if span <= 0 or span % HOUR:
        raise VenueError("bad_answer", f"expected a funding interval of whole hours, found {span} ms")
    return Decimal(span // HOUR)


def _depth(answer: Any, each: Contract) -> Depth:
    return depth_of(
        levels(answer, each.in_base, "data", 0, "bids"), levels(answer, each.in_base, "data", 0, "asks")
    )


def _status(answer: Any) -> dict[str, Decimal]:
    under = any(find(row, "state") == ONGOING for row in items(answer, "data"))
    return {"ALL": Decimal(int(not under))}


def _peg_of(asset: str) -> Listing:
    return Listing(
        "peg",
        "publicGetMarketIndexTickers",
        (("instId", f"{asset}-USD"),),
        lambda answer: {asset: price(_line(answer, f"{asset}-USD"), "idxPx")},
    )


PRESENT: Final[dict[Presence, Value]] = {
    "mark_price": Value(
        "publicGetPublicMarkPrice",
        _swap,
        lambda answer, each: price(_line(answer, each.symbol), "markPx"),
        at=_at,
    ),
    "index_price": Value(
        "publicGetMarketIndexTickers",
        lambda each: (("instId", f"{each.asset}-{each.quote}"),),
        _index,
        at=_at,
    ),
    "funding_rate": Value(
        FUNDING, _id, lambda answer, each: decimal(_line(answer, each.symbol), "fundingRate"), at=_at
    ),
    "funding_interval_hours": Value(FUNDING, _id, _interval),
    "open_interest": Value(
        "publicGetPublicOpenInterest",
        _swap,
        lambda answer, each: quantity(_line(answer, each.symbol), "oi"),
        at=_at,
    ),
    "perp_volume_24h": Value(
        TICKER, _id, lambda answer, each: quantity(_line(answer, each.symbol), "volCcy24h"), at=_at
    ),
    "spot_volume_24h": Value(
        TICKER,
        lambda each: (("instId", each.spot),),
        lambda answer, each: quantity(_line(answer, each.spot), "vol24h"),
        at=_at,
        needs_spot=True,
    ),
}
HISTORY: Final = (
    Question(
        "publicGetRubikStatContractsOpenInterestHistory",
        _interest,
        _interest_rows,
        ("open_interest",),
        INTEREST_PAGE,
        direction="backward",
    ),
    Question(
        "publicGetPublicFundingRateHistory",
        lambda each, window: (*_id(each), *_older(window, FUNDING_PAGE)),
        _funding_rows,
        ("funding",),
        FUNDING_PAGE,
        direction="backward",
        step=0,
    ),
    Question(
        "publicGetMarketHistoryCandles",
        lambda each, window: (*_id(each), ("bar", "1H"), *_older(window, CANDLE_PAGE)),
        lambda answer, each: _candle_rows(answer, 6),
        ("price", "perp_volume"),
        CANDLE_PAGE,
        form="candles",
        direction="backward",
    ),
    Question(
        "publicGetMarketHistoryMarkPriceCandles",
        lambda each, window: (*_id(each), ("bar", "1H"), *_older(window, CANDLE_PAGE)),
        lambda answer, each: _candle_rows(answer, None),
        ("mark",),
        CANDLE_PAGE,
        form="candles",
        direction="backward",
    ),
    Question(
        "publicGetMarketHistoryCandles",
        lambda each, window: (("instId", each.spot), ("bar", "1H"), *_older(window, CANDLE_PAGE)),
        lambda answer, each: _candle_rows(answer, 5),
        ("price", "spot_volume"),
        CANDLE_PAGE,
        form="candles",
        direction="backward",
        needs_spot=True,
    ),
    Question(
        LIQUIDATIONS,
        _liquidations,
        _liquidation_rows,
        ("long_liquidations", "short_liquidations"),
        LIQUIDATION_PAGE,
        form="events",
        direction="backward",
        keeps=LIQUIDATIONS_KEPT,
    ),
)
BOOK: Final = Book("publicGetMarketBooksFull", lambda each: (*_id(each), ("sz", str(BOOK_LEVELS))), _depth)
LISTINGS: Final = (
    Listing("venue_open", "publicGetSystemStatus", (), _status),
    _peg_of("USDT"),
    _peg_of("USDC"),
)
MARKET: Final = Market("okx", contract, PRESENT, BOOK, HISTORY, {}, LISTINGS)


def market(symbol: str) -> Market:
    """The one market there is."""
    return MARKET
