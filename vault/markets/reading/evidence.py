"""What words and numbers say a column is, and what they say it is not: a price, a flow, a stablecoin's price.

Refuses to take one number beside an asset's name for its price, a fund's price or holdings for a flow, and
prices in another currency for dollars. What is ambiguous is named, with a mapping as the way out.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.markets.reading.columns import Meaning
from vault.markets.reading.names import COINS, FOREIGN, known_asset, words_of
from vault.markets.reading.sheet import Sheet
from vault.markets.reading.table import unusable
from vault.series import FloatArray

MAPPING: Final = "If it is one, say so in a mapping: see docs/history.md."
_PRICE: Final = frozenset({
    "price", "prices", "close", "closes", "closing", "last", "settle", "spot", "mark", "px", "ohlc",
    "ohlcv", "candle", "candles", "kline", "klines", "usd", "usdt", "usdc",
})  # fmt: skip
# What is counted or measured of an asset and is no price of it.
_NO_PRICE: Final = frozenset({
    "fear", "greed", "feargreed", "fng", "dominance", "trends", "trend", "hash", "hashrate", "difficulty",
    "address", "addresses", "tx", "txs", "transactions", "mempool", "fee", "fees", "sentiment", "tweets",
    "followers", "reddit", "wikipedia", "pageviews", "mvrv", "nvt", "sopr", "nupl", "realized", "realised",
    "rsi", "dvol", "volatility", "iv", "reserve", "reserves", "balance", "balances", "holders", "holdings",
    "whales", "ratio", "premium", "basis", "correlation", "beta", "return", "returns", "score", "issuance",
    "inflation", "blocks", "utxo", "utxos", "percent", "pct", "percentage", "probability", "aum", "shares",
    "leverage", "searches", "visits", "nodes", "stocktoflow", "s2f",
})  # fmt: skip
# A volatility index is what it is a price of; so are the rest of these where the asset is no coin.
_OF_AN_INDEX: Final = frozenset({"volatility", "dvol", "iv", "trend", "trends", "return", "returns"})
# Where no word says price, a coin's price lies within these since it has been traded widely.
_USUAL: Final = {"BTC": (100.0, 1e8), "ETH": (5.0, 1e7)}
FLOW_WORDS: Final = frozenset({
    "flow", "flows", "netflow", "netflows", "inflow", "inflows", "netinflow", "netinflows", "farside",
    "sosovalue",
})  # fmt: skip
_ETF_WORDS: Final = frozenset({"etf", "etfs", "fund", "funds", "farside", "sosovalue"})
_NO_FLOW: Final = frozenset({
    "volume", "volumes", "vol", "price", "prices", "close", "closes", "open", "high", "low", "aum", "nav",
    "holding", "holdings", "held", "assets", "exchange", "exchanges", "traded", "trading", "turnover",
    "shares", "premium", "discount", "cumulative", "cum", "balance", "balances", "outstanding",
    "tonnes", "ounces",
})  # fmt: skip
_MANY_DAYS: Final = 10
_SMOOTH: Final = 0.05  # prices and holdings change by less than this a day, flows by their own size
_NO_PEG: Final = frozenset({
    "premium", "discount", "percent", "pct", "percentage", "deviation", "basis", "depeg", "bps", "bp",
    "change", "yield", "apy", "apr", "share", "dominance", "ratio",
})  # fmt: skip
# Most prices of a stablecoin are near 1; of one that collects its yield (sUSDe) somewhat above.
_NEAR_ONE: Final = (0.8, 1.3)


def about(sheet: Sheet) -> frozenset[str]:
    """The words of the file, of the folders around it, and of what stands around the table."""
    return frozenset((*sheet.place.words, *words_of(sheet.place.file)))


def require_dollars(words: tuple[str, ...], symbol: str) -> None:
    """Raise for a pair that is quoted in another currency than the dollar."""
    legs = words_of(symbol)[1:]
    found = next((each for each in (*map(foreign, words_of(symbol)), *map(foreign, words)) if each), "")
    found = found or next((each for each in legs if each in FOREIGN), "")
    if not found and (set(words) & FOREIGN) and any(map(known_asset, words)):
        found = min(set(words) & FOREIGN)
    if found:
        raise unusable(
            "other_currency",
            f"quoted in {found.upper()}: expected prices in US dollars",
            "Convert it to dollars first, or import the pair against USD, USDT or USDC.",
        )


def foreign(word: str) -> str:
    """The currency other than the dollar in which a pair (``btceur``) is quoted; "" for none."""
    for quote in FOREIGN:
        base = word.removesuffix(quote)
        if base != word and any(known_asset(each) for each in (base, base.removesuffix("z")) if each):
            return quote
    return ""


def require_price(sheet: Sheet, asset: str, words: tuple[str, ...], values: FloatArray) -> None:
    """Raise where nothing says that numbers of `asset` are its price, or something says that they are not."""
    told = set(words)
    no_price = _NO_PRICE if asset in COINS else _NO_PRICE - _OF_AN_INDEX
    wrong = told & no_price or (set() if told & {"price", "prices"} else about(sheet) & no_price)
    if wrong:
        raise unusable(
            "ambiguous_columns",
            f"{_shown(words)} may be no price of {asset}: {min(wrong)!r} is said",
            MAPPING,
        )
    if asset not in COINS or told & (_PRICE - {"usd", "usdt", "usdc"}):
        return
    known = any(known_asset(word) for word in told)
    if not known and not (told | about(sheet)) & _PRICE and not any(map(_is_pair, about(sheet))):
        raise unusable(
            "ambiguous_columns", f"nothing says that {_shown(words)} is a price of {asset}", MAPPING
        )
    low, high = _USUAL.get(asset, (0.0, np.inf))
    usable = values[np.isfinite(values)]
    if usable.size and not low <= float(np.median(usable)) <= high:
        raise unusable(
            "implausible",
            f"{_shown(words)} around {np.median(usable):g} is no price of {asset} in USD",
            MAPPING,
        )


def _is_pair(word: str) -> bool:
    quotes = ("usd", "usdt", "usdc", "perp")
    return word.endswith(quotes) and word not in quotes and known_asset(word) in COINS


def _shown(words: tuple[str, ...]) -> str:
    return repr(" ".join(words)) if words else "the column"


def require_flow(sheet: Sheet, chosen: list[Meaning], values: FloatArray) -> None:
    """Raise where nothing says that numbers are flows into funds, or something says that they are not."""
    words = {word for each in chosen for word in each.words}
    here = {*words_of(sheet.place.file), *words_of(sheet.table.label)}
    if wrong := (words | here) & _NO_FLOW:
        raise unusable("ambiguous_columns", f"may be no flows into funds: {min(wrong)!r} is said", MAPPING)
    told = values[np.isfinite(values) & (values != 0)]
    negative = bool(np.any(told < 0))
    everything = words | about(sheet)
    if not everything & _ETF_WORDS and not any(each.quantity == "fund" for each in sheet.columns):
        raise unusable(
            "ambiguous_columns",
            "flows of what is not said: expected funds by ticker, or the word etf",
            MAPPING,
        )
    if not everything & FLOW_WORDS and not negative:
        raise unusable(
            "ambiguous_columns",
            "funds without the word flow and without a negative day could be prices, volumes or holdings",
            MAPPING,
        )
    if not negative and told.size > _MANY_DAYS:
        change = np.abs(np.diff(np.log(told)))
        if float(np.median(change)) < _SMOOTH:
            raise unusable(
                "implausible", "no day is negative, and all are like the day before: no flows", MAPPING
            )


def require_peg(sheet: Sheet, words: tuple[str, ...], values: FloatArray) -> None:
    """Raise for what is no price of a stablecoin in dollars."""
    if wrong := (set(words) | about(sheet)) & _NO_PEG:
        raise unusable(
            "ambiguous_unit",
            f"{_shown(words)} may be no price of a stablecoin: {min(wrong)!r} is said",
            MAPPING,
        )
    told = values[np.isfinite(values)]
    low, high = _NEAR_ONE
    if not told.size or float(np.mean((told >= low) & (told <= high))) < 0.5:
        raise unusable(
            "ambiguous_unit", f"{_shown(words)} is seldom near 1: no price of a stablecoin in USD", MAPPING
        )


# Words of another unit than coins, or of other contracts than those of an exchange's futures.
_NO_COINS: Final = frozenset({
    "m", "mn", "million", "millions", "musd", "usdm", "musdt", "bn", "billion", "billions", "contracts",
    "contract", "cme", "options", "option", "lots", "percent", "pct", "change",
})  # fmt: skip
_DOLLARS: Final = frozenset({"usd", "usdt", "value", "notional", "dollars"})
# Their own dumps and interfaces tell coins (Binance `sumOpenInterest`, Bybit `openInterest`).
_TELLS_COINS: Final = frozenset({"binance", "bybit", "hyperliquid"})


def require_coins(sheet: Sheet, columns: dict[str, Meaning], values: FloatArray) -> None:
    """Raise where nothing says that open interest is in coins, or something says that it is not."""
    column = columns["open_interest"]
    words = {*column.words, *words_of(sheet.place.file)}
    if wrong := words & _NO_COINS:
        raise unusable(
            "ambiguous_unit", f"{column.name!r} may not be in coins: {min(wrong)!r} is said",
            "Open interest is kept in coins. Give `scale` in a mapping.",
        )  # fmt: skip
    said = {"coins", "coin", "base", "known"} & words or any(
        known_asset(word) in COINS for word in column.words
    )
    if said or "sum" in column.words or _TELLS_COINS & about(sheet) or sheet.timeline.known:
        return
    if "open_interest_usd" in columns:
        dollars = sheet.values(columns["open_interest_usd"])[0]
        if float(np.nanmedian(dollars)) > float(np.nanmedian(values)):
            return
    raise unusable(
        "ambiguous_unit", f"nothing says whether {column.name!r} is in coins, contracts or dollars",
        "Open interest is kept in coins. Say what it is in a mapping, with `scale` where it is not coins.",
    )  # fmt: skip


def in_dollars(sheet: Sheet, column: Meaning) -> bool:
    """Whether the file is named after dollars, and the column after no unit."""
    return bool(set(words_of(sheet.place.file)) & _DOLLARS) and not set(column.words) & {
        "coins",
        "coin",
        "base",
    }


def require_whole_dollars(sheet: Sheet, column: Meaning) -> None:
    """Raise for dollars that are told in millions, or that belong to other contracts."""
    if wrong := {*column.words, *words_of(sheet.place.file)} & _NO_COINS:
        raise unusable(
            "ambiguous_unit", f"{column.name!r} may not be in dollars: {min(wrong)!r} is said",
            "Open interest is kept in coins. Give `scale` in a mapping.",
        )  # fmt: skip
