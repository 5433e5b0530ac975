"""Which asset and which venue a name means: a symbol, a column, the name of a file and of its folder.

Only known names count in columns and file names; a symbol column may name any asset. What a name could mean
twice is not guessed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

COINS: Final[dict[str, tuple[str, ...]]] = {
    "BTC": ("btc", "xbt", "bitcoin", "xxbt"), "ETH": ("eth", "ethereum", "ether", "xeth"),
    "SOL": ("sol", "solana"), "XRP": ("xrp", "ripple"), "BNB": ("bnb",), "ADA": ("ada", "cardano"),
    "DOGE": ("doge", "dogecoin", "xdg"), "LTC": ("ltc", "litecoin"), "BCH": ("bch",), "AVAX": ("avax",),
    "TRX": ("trx", "tron"), "XMR": ("xmr", "monero"), "DOT": ("polkadot",), "LINK": ("chainlink",),
    "WBTC": ("wbtc",), "STETH": ("steth",), "WSTETH": ("wsteth",), "WBETH": ("wbeth",), "CBBTC": ("cbbtc",),
}  # fmt: skip
STABLES: Final[dict[str, tuple[str, ...]]] = {
    "USDT": ("usdt", "tether"), "USDC": ("usdc",), "DAI": ("dai",), "BUSD": ("busd",), "TUSD": ("tusd",),
    "FDUSD": ("fdusd",), "USDE": ("usde", "ethena"), "SUSDE": ("susde",), "PYUSD": ("pyusd",),
    "USDD": ("usdd",), "FRAX": ("frax",), "GUSD": ("gusd",), "USDP": ("usdp",), "LUSD": ("lusd",),
    "USDS": ("usds",), "USD1": ("usd1",), "RLUSD": ("rlusd",), "UST": ("ust", "ustc", "terrausd"),
}  # fmt: skip
# What is no coin: metals, equities, volatility, the dollar. Broad indices and exchange traded funds keep the
# name they have, a fund is not what it holds.
OTHERS: Final[dict[str, tuple[str, ...]]] = {
    "XAU": ("xau", "gold", "gc=f", "xauusd", "goldamgbd228nlbm", "goldpmgbd228nlbm"),
    "XAG": ("xag", "silver", "si=f", "xagusd", "slvprusd"),
    "XPT": ("xpt", "platinum", "pl=f"), "XPD": ("xpd", "palladium", "pa=f"), "HG": ("copper", "hg=f"),
    "VIX": ("vix", "^vix", "vixcls"), "DXY": ("dxy", "dx-y.nyb", "dx=f", "usdx"),
    "USD-BROAD": ("dtwexbgs",), "SPX": ("spx", "^gspc", "gspc", "^spx", "sp500", "s&p500", "es=f"),
    "NDX": ("ndx", "^ndx", "nasdaq100", "nq=f"), "IXIC": ("ixic", "^ixic", "nasdaqcom", "nasdaq"),
    "DJI": ("dji", "^dji", "djia"), "RUT": ("rut", "^rut"), "GLD": ("gld",), "SLV": ("slv",),
    "SPY": ("spy",), "QQQ": ("qqq",), "UUP": ("uup",), "TNX": ("tnx", "^tnx", "dgs10"),
    "WTI": ("wti", "cl=f", "dcoilwtico"),
}  # fmt: skip
# Exchange traded funds that hold a coin, by the coin (issuers' prospectuses).
FUNDS: Final[dict[str, frozenset[str]]] = {
    "BTC": frozenset(
        ["ibit", "fbtc", "bitb", "arkb", "btco", "ezbc", "brrr", "hodl", "btcw", "gbtc", "defi", "mswt"]
    ),
    "ETH": frozenset(["etha", "feth", "ethw", "tetu", "cetf", "ceth", "ethv", "qeth", "ezet", "ethe"]),
    "SOL": frozenset(["bsol", "gsol", "fsol", "vsol", "ssk"]),
}
VENUES: Final[dict[str, tuple[str, ...]]] = {
    "binance": ("binance", "binanceusdm", "binancecoinm", "binanceus"), "bybit": ("bybit",),
    "okx": ("okx", "okex"), "deribit": ("deribit",), "kraken": ("kraken", "krakenfutures"),
    "bitget": ("bitget",), "gate": ("gate", "gateio"), "kucoin": ("kucoin", "kucoinfutures"),
    "hyperliquid": ("hyperliquid",), "dydx": ("dydx",), "coinbase": ("coinbase", "gdax"),
    "bitmex": ("bitmex",), "bitfinex": ("bitfinex",), "bitstamp": ("bitstamp",), "gemini": ("gemini",),
    "htx": ("htx", "huobi"), "mexc": ("mexc",), "ftx": ("ftx",), "cme": ("cme",), "coingecko": ("coingecko",),
    "coinmarketcap": ("coinmarketcap",), "defillama": ("defillama", "llama"), "farside": ("farside",),
    "fred": ("fred",), "yahoo": ("yahoo", "yfinance"), "stooq": ("stooq",), "coinglass": ("coinglass",),
    "sosovalue": ("sosovalue",), "cryptocompare": ("cryptocompare",), "glassnode": ("glassnode",),
}  # fmt: skip
# Where a perpetual contract is meant and not the coin itself.
PERPETUAL: Final = frozenset({
    "perp", "perps", "perpetual", "swap", "futures", "future", "usdm", "um", "coinm", "cm", "binanceusdm",
    "binancecoinm", "krakenfutures", "kucoinfutures", "linear", "inverse",
})  # fmt: skip
_QUOTES: Final = (
    "usdtm",
    "usdm",
    "usdt",
    "usdc",
    "fdusd",
    "busd",
    "tusd",
    "perp",
    "zusd",
    "usd",
    "dai",
)
# Currencies in which coins are quoted, and which are no dollars of the United States.
FOREIGN: Final = frozenset({
    "eur", "gbp", "jpy", "krw", "brl", "try", "aud", "cad", "chf", "inr", "rub", "uah", "mxn", "zar", "cny",
    "hkd", "sgd", "idr", "ngn", "ars", "pln", "czk", "sek", "nok", "dkk", "huf", "nzd", "php", "thb", "vnd",
    "aed", "twd", "ils", "clp", "eurt", "eurc", "eurs", "euri",
})  # fmt: skip

_EVERYTHING: Final = {
    alias: name for group in (COINS, STABLES, OTHERS) for name, all_ in group.items() for alias in all_
}
_VENUE_OF: Final = {alias: name for name, all_ in VENUES.items() for alias in all_}
FUND_OF: Final = {fund: coin for coin, funds in FUNDS.items() for fund in funds}


@dataclass(frozen=True, slots=True)
class Place:
    """What is known of a table from where it stands: words around it, and a symbol where one was given."""

    file: str
    words: tuple[str, ...] = ()
    source: str = "file"
    symbol: str = ""
    asset: str = ""

    def has(self, *words: str) -> bool:
        return any(word in self.words for word in words)


def words_of(text: str) -> tuple[str, ...]:
    """``sumOpenInterestValue`` and ``BTC_USDT_USDT-8h-mark`` as words in lower case."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = re.findall(r"[a-z0-9^&]+(?:=f)?", spaced.lower())
    return tuple(part for word in words for part in _parts(word))


def _parts(word: str) -> tuple[str, ...]:
    """``mark8h`` says ``mark`` too."""
    match = re.fullmatch(r"([a-z]{3,})\d+[a-z]?", word)
    return (word, match[1]) if match and not known_asset(word) else (word,)


def known_asset(word: str) -> str:
    """The asset a word names, alone or as a pair (``btcusdt``); "" for none."""
    word = word.lower().strip()
    if found := _EVERYTHING.get(word):
        return found
    bare = word.removeprefix("t") if word.startswith("t") and len(word) == 7 else word
    for quote in _QUOTES:
        for joined in (quote, "/" + quote, "-" + quote, "_" + quote):
            if (
                bare.endswith(joined)
                and len(bare) > len(joined)
                and (found := _EVERYTHING.get(bare.removesuffix(joined)))
            ):
                return found
    return ""


def asset_of_symbol(symbol: str) -> str:
    """The asset of a symbol such as ``BTC/USDT:USDT``, ``PF_XBTUSD``, ``GC=F`` or ``SOL``; "" for none."""
    text = symbol.strip()
    if not text or len(text) > 40:
        return ""
    if found := known_asset(text):
        return found
    for word in re.split(r"[/:_\-. ]+", text):
        if found := known_asset(word):
            return found
        if word and word.lower() not in {"pf", "pi", "perp", "swap"}:
            break
    if " " in text:
        return asset_of_words(words_of(text))
    first = re.split(r"[/:_\-. ]+", text.upper())[0]
    for quote in _QUOTES:
        if first.endswith(quote.upper()) and len(first) > len(quote):
            first = first.removesuffix(quote.upper())
            break
    return first if re.fullmatch(r"[A-Z0-9]{1,12}", first) else ""


def asset_of_words(words: tuple[str, ...]) -> str:
    """The one asset that words name; a stablecoin beside a coin is its quote. "" for none or several."""
    found = {asset for word in words if (asset := known_asset(word))}
    if "dollar" in words and ("index" in words or "us" in words):
        found.add("DXY")
    if "s&p" in words or ("sp" in words and "500" in words):
        found.add("SPX")
    if "usd" in words and "coin" in words:
        found.add("USDC")
    coins = found - set(STABLES)
    chosen = coins or found
    return chosen.pop() if len(chosen) == 1 else ""


def venue_of(words: tuple[str, ...]) -> str:
    """The one venue or publisher that words name; "" for none or several."""
    found = {_VENUE_OF[word] for word in words if word in _VENUE_OF}
    return found.pop() if len(found) == 1 else ""


def slug(text: str) -> str:
    """A file's name as the source of a history; without its dates, so that the parts of a series are one."""
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    undated = re.sub(r"(?:(?<=-)|^)(?:(?:19|20)\d{2}(?:-?\d{2}){0,2}|to)(?=-|$)-?", "", plain).strip("-")
    return (undated or plain or "file")[-40:].strip("-")
