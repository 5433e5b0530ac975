"""Candles: opening, high, low, closing prices; of a table with a header, or in one of the orders without.

Refuses prices that are none, an order of columns that is not the only one possible, and candles of no asset.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.errors import MarketDataError
from vault.markets.reading.columns import ENDS
from vault.markets.reading.evidence import require_peg, require_price
from vault.markets.reading.names import COINS, OTHERS, PERPETUAL, STABLES, Place, venue_of, words_of
from vault.markets.reading.sheet import Found, Sheet, spaced
from vault.markets.reading.table import numbers, unusable
from vault.markets.reading.times import read_times
from vault.series import (
    DAY,
    MINUTE,
    SECOND,
    CandleArrays,
    Fault,
    FloatArray,
    IntArray,
    SeriesKey,
    clean_candles,
)

PARTS: Final = ("open", "high", "low", "close")
# Nearly all candles of an order that is the right one are possible; of another one a good part is not.
_POSSIBLE: Final = 0.98
# Headerless orders: Binance, freqtrade and Kraken; Coinbase; Bitfinex.
_ORDERS: Final = (("open, high, low, close", (0, 1, 2, 3)), ("low, high, open, close", (2, 1, 0, 3)),
                  ("open, close, high, low", (0, 2, 3, 1)))  # fmt: skip
# Their interfaces stamp candles at the opening.
_EXCHANGES: Final = frozenset({
    "binance", "bybit", "okx", "deribit", "kraken", "bitget", "gate", "kucoin", "hyperliquid", "dydx",
    "coinbase", "bitfinex", "bitstamp", "gemini", "htx", "mexc",
})  # fmt: skip
_ENDS_TOLD: Final = frozenset({"bitmex", "coingecko"})  # theirs at the end
# There can never be more coins than this: a larger volume of an interval is one in dollars.
COINS_THERE_ARE: Final = {"BTC": 21e6, "ETH": 200e6}


def plausible(columns: tuple[FloatArray, ...]) -> float:
    """The share of rows that can be candles; of rows with all four prices."""
    opened, high, low, closed = columns
    told = np.isfinite(opened) & np.isfinite(high) & np.isfinite(low) & np.isfinite(closed)
    if not bool(np.any(told)):
        return 0.0
    with np.errstate(invalid="ignore"):
        good = (low > 0) & (high >= np.maximum(opened, closed)) & (low <= np.minimum(opened, closed))
    return float(np.sum(good & told) / np.sum(told))


def source_of(place: Place, *, contracts: bool = False) -> str:
    """The venue, with ``-perp`` where prices or volumes are those of a perpetual contract; else the file."""
    venue = venue_of(place.words)
    if not venue:
        return place.source
    return f"{venue}-perp" if contracts and any(word in PERPETUAL for word in place.words) else venue


def candles(  # noqa: PLR0917
    sheet: Sheet, asset: str, prices: tuple[FloatArray, ...], volume: FloatArray | None, rule: str,
    faults: tuple[Fault, ...] = (),
) -> Found:  # fmt: skip
    """Candles of a coin as such; of anything else its closing prices."""
    if not sheet.step:
        raise unusable("no_step", "expected candles at one distance, found no common one")
    if asset not in COINS and (asset in STABLES or asset in OTHERS):
        kind = "peg" if asset in STABLES else "close"
        return _closes(sheet, asset, prices[3], rule, kind, faults)
    require_price(sheet, asset, PARTS, prices[3])
    opens, note, unsure = _opens(sheet)
    faults += unsure
    volumes, unit = _volume(asset, prices[3], volume)
    table: CandleArrays = (prices[0], prices[1], prices[2], prices[3], volumes)
    data, found = clean_candles(opens, table, sheet.step, sheet.now)
    if not np.any(np.isfinite(data.close)):
        raise unusable("no_values", "expected prices, found none that can be")
    mark = sheet.place.has("mark", "markprice")
    source = source_of(sheet.place, contracts=not mark)
    if sheet.place.has("index", "indexprice") and not mark:
        source += "-index"
    key = SeriesKey("mark" if mark else "price", asset, source, sheet.step)
    all_faults = (*sheet.faults(), *faults, *found, *spaced(key.kind, asset, data.opens, sheet.step))
    return Found(key, data, all_faults, rule, tuple(text for text in (note, unit) if text))


def _closes(  # noqa: PLR0917
    sheet: Sheet, asset: str, closes: FloatArray, rule: str, kind: str, faults: tuple[Fault, ...]
) -> Found:
    source = source_of(sheet.place)
    if kind == "peg":
        require_peg(sheet, PARTS, closes)
    else:
        require_price(sheet, asset, PARTS, closes)
    found = sheet.series("peg" if kind == "peg" else "close", asset, source, closes, rule, faults=faults)
    return found.noted("closing prices only")


def _opens(sheet: Sheet) -> tuple[IntArray, str, tuple[Fault, ...]]:
    """When candles open: stamps at the last moment of an interval are their end.

    Where nothing says which end a stamp is, it is read as the beginning (later is safe for what is judged by
    it), and a fault says that what happened may have happened a step earlier.
    """
    stamps, step = sheet.stamps, sheet.step
    if sheet.timeline.closing:
        ends = np.where(stamps % MINUTE == MINUTE - 1, stamps + 1, stamps)
        ends = np.where(ends % MINUTE == MINUTE - SECOND, ends + SECOND, ends)
        return (ends - step).astype(np.int64), "stamps are the ends of candles, by the column's name", ()
    late = np.isin(stamps % step, (step - 1, step - SECOND)) if stamps.size else np.zeros(0, dtype=np.bool_)
    if stamps.size and bool(np.mean(late) > 0.9):
        return ((stamps // step) * step).astype(np.int64), "stamps are the last moments of candles", ()
    if _is_coingecko(sheet) and sheet.place.has("coingecko"):
        return (stamps - step).astype(np.int64), "stamps are the ends of candles, as CoinGecko's are", ()
    if _surely_opens(sheet):
        return stamps, "", ()
    note = (
        "nothing says whether stamps are beginnings or ends: read as beginnings, a fall may be a step earlier"
    )
    first = int(stamps.min()) if stamps.size else 0
    return stamps, note, (Fault("stamp", int(stamps.size), first, note),)


def _is_coingecko(sheet: Sheet) -> bool:
    """Rows of a time and four prices without a header, as CoinGecko's OHLC has them: stamped at their end."""
    return not sheet.table.named and len(sheet.table.columns) == 5


def _surely_opens(sheet: Sheet) -> bool:
    """Whether the times are beginnings: by name, by an end that stands beside, or as exchanges' candles are.

    Candles with a volume are as exchanges tell them; of a day, a number may be the midnight after it.
    """
    if sheet.timeline.opening or _ends_beside(sheet):
        return True
    venue = venue_of(sheet.place.words)
    if sheet.step >= DAY or _is_coingecko(sheet) or venue in _ENDS_TOLD:
        return False
    volume = any(each.quantity in {"volume", "quote_volume"} for each in sheet.columns)
    return volume or not sheet.table.named or venue in _EXCHANGES


def _ends_beside(sheet: Sheet) -> bool:
    """Whether another column has the ends of the same candles."""
    for place, name in enumerate(sheet.table.names):
        if place == sheet.timeline.place or (sheet.table.named and not set(words_of(name)) & ENDS):
            continue
        try:
            ends = read_times(sheet.table.columns[place])
        except MarketDataError:
            continue
        apart = (ends.times - sheet.stamps)[ends.ok]
        if apart.size and bool(np.mean(np.abs(apart - sheet.step) <= SECOND) > 0.9):
            return True
    return False


def _volume(asset: str, closes: FloatArray, volume: FloatArray | None) -> tuple[FloatArray, str]:
    """Volume in base units; one above all coins there are is in dollars and divided by the price."""
    if volume is None:
        return np.full(closes.shape, np.nan), ""
    return base_volume(asset, closes, volume)


def base_volume(asset: str, closes: FloatArray, volume: FloatArray) -> tuple[FloatArray, str]:
    """The same of a volume that is there, and a note where its unit was worked out or is only assumed."""
    there_are = COINS_THERE_ARE.get(asset)
    with np.errstate(invalid="ignore", divide="ignore"):
        told = volume[np.isfinite(volume)]
        # Of many rows one may be damaged, not one of twenty.
        if there_are is not None and told.size and bool(np.quantile(told, 0.95) > there_are):
            return volume / closes, f"volume in USD (more than all {asset} there are), divided by the price"
    return volume, "" if there_are is not None else "volume taken as base units: no unit is told"


def unnamed(sheet: Sheet, asset: str) -> Found:
    """Candles of a table without a header, in the only order of columns in which they are possible."""
    table = sheet.table
    if len(table.columns) < 5:
        raise unusable(
            "not_recognised",
            f"expected a header, or candles of 5 columns or more, found {len(table.columns)}",
        )
    columns = [numbers(table.columns[place])[0] for place in range(1, min(6, len(table.columns)))]
    fits = [
        (name, order) for name, order in _ORDERS
        if plausible(tuple(columns[place] for place in order)) >= _POSSIBLE
    ]  # fmt: skip
    if not fits:
        raise unusable(
            "not_recognised", "expected candles in columns 2 to 5 of a table without a header, found none"
        )
    if len(fits) > 1 and fits[0][0] != _ORDERS[0][0]:
        raise unusable("ambiguous_columns", f"columns could be {' or '.join(name for name, _ in fits)}")
    name, order = fits[0]
    prices = tuple(columns[place] for place in order)
    volume = columns[4] if len(columns) > 4 else None
    rule = f"no header; columns 2 to 5 can only be {name}" if len(fits) == 1 else f"no header; {name} assumed"
    return candles(sheet, asset, prices, volume, rule)


def named(sheet: Sheet, asset: str, group: str | None) -> Found:
    """Candles of a table with a header; `group` is the asset in the names of its columns, if any."""
    columns = sheet.by_quantity(group)
    faults: tuple[Fault, ...] = ()
    prices = []
    for part in PARTS:
        values, wrong = sheet.values(columns[part])
        prices.append(values)
        faults += wrong
    if (share := plausible(tuple(prices))) < _POSSIBLE and not _mostly(prices):
        raise unusable(
            "implausible", f"expected open, high, low, close; only {share:.0%} of rows can be candles"
        )
    volume = sheet.values(columns["volume"])[0] if "volume" in columns else None
    if volume is None and "quote_volume" in columns:
        with np.errstate(invalid="ignore", divide="ignore"):
            volume = sheet.values(columns["quote_volume"])[0] / prices[3]
    return candles(sheet, asset, tuple(prices), volume, "columns open, high, low, close", faults)


def _mostly(prices: list[FloatArray]) -> bool:
    """Half of the rows at least: a damaged history of candles rather than something else."""
    return plausible(tuple(prices)) >= 0.5
