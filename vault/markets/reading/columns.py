"""What each column of a table is, by its name: an asset if it names one, and a quantity if it names one.

Refuses to know a column by its place, save in tables without a header, which `candles` looks at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from vault.errors import MarketDataError
from vault.markets.reading.names import FOREIGN, FUND_OF, asset_of_words, known_asset, words_of
from vault.markets.reading.table import Table, unusable
from vault.markets.reading.times import Moments, read_times

# In this order; of several, the opening of an interval comes before its end.
_TIME_NAMES: Final = (
    "opens", "open time", "opentime", "time open",
    "candle begin time", "start time", "timestamp", "date time",
    "datetime", "funding time", "funding rate timestamp", "calc time", "create time", "date", "time",
    "snapped at", "observation date", "unix", "unix timestamp", "unix time", "timestamp ms", "ts", "t", "day",
    "month", "data", "period", "begin", "index", "index level 0", "close time", "time close", "created at",
    "time utc", "date utc", "timestamp utc", "known at", "time period start", "period start", "start",
    "closetime", "end time", "endtime", "time end", "time period end", "period end", "end date", "end",
)  # fmt: skip
# In this order: a table with both says more in its symbols than in its names.
_SYMBOL_NAMES: Final = (
    "symbol", "ticker", "instrument", "instid", "inst id", "instrument name", "pair", "contract", "ric",
    "coin", "asset", "token", "stablecoin", "metal", "fund", "etf", "market", "base", "currency", "name",
)  # fmt: skip
_USD: Final = frozenset({"usd", "value", "usdt", "notional", "dollars", "quote"})
# Words beside an asset's name that say nothing of a quantity.
_NOISE: Final = frozenset({
    "in", "of", "the", "per", "daily", "total", "sum", "us", "perp", "s", "x", "1", "2", "3", "4", "5", "6",
    "pegged", "peggedusd", "usd", "usdt", "m", "mn", "millions", "million", "mil", "bn", "billions",
    "grayscale", "mini", "trust", "coin", "token", "s&p", "sp", "500", "100", "index", "composite", "spot",
    "futures", "dollar",
})  # fmt: skip
# What is worked out of a quantity, or is only a part of it.
_DERIVED: Final = frozenset({
    "cumulative", "cum", "abs", "change", "pct", "percent", "returns", "return", "taker", "count", "trades",
    "tradecount", "number", "ratio", "ma", "sma", "ema", "rsi", "std", "zscore", "assets", "minted",
    "unreleased", "bridged", "predicted", "next",
})  # fmt: skip
# Quantities by the words of which one is enough, in this order.
_BY_WORD: Final = (
    ("flow", frozenset({"flow", "flows", "netflow", "netflows", "inflow", "inflows", "netinflow", "outflow",
                        "outflows"})),
    ("supply", frozenset({"supply", "circulating", "marketcap", "mcap"})),
    ("volume", frozenset({"volume", "vol", "volumes", "turnover", "wolumen"})),
    ("adjusted", frozenset({"adj"})),
    ("spread", frozenset({"spread"})),
    ("open", frozenset({"open", "o", "otwarcie"})),
    ("high", frozenset({"high", "h", "najwyzszy"})),
    ("low", frozenset({"low", "l", "najnizszy"})),
    ("close", frozenset({"close", "c", "closing", "last", "zamkniecie", "settle"})),
    ("price", frozenset({"price", "prices", "mid", "px", "value", "mark"})),
    ("rate", frozenset({"rate"})),
    ("long", frozenset({"long", "longs"})),
    ("short", frozenset({"short", "shorts"})),
)  # fmt: skip


_DAY = re.compile(r"\d{4}[-./]\d{2}[-./]\d{2}")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")

_BEGINNING: Final = frozenset({"open", "opens", "opentime", "begin", "start"})
ENDS: Final = frozenset({"close", "closes", "closetime", "end", "ends", "endtime"})


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column says: of which asset ("" not said), which quantity ("" unknown), and its words."""

    place: int
    name: str
    asset: str
    quantity: str
    words: tuple[str, ...]


def meanings(table: Table, skip: set[int]) -> tuple[Meaning, ...]:
    """Every column but those in `skip`."""
    return tuple(_meaning(place, name) for place, name in enumerate(table.names) if place not in skip)


def _meaning(place: int, name: str) -> Meaning:
    words = words_of(name)
    parts = name.split()
    asset = next((found for part in parts if (found := known_asset(part))), "") or asset_of_words(words)
    funds = [word for word in words if word in FUND_OF]
    if len(funds) == 1 and not any(known_asset(word) for word in words):
        return Meaning(place, name, FUND_OF[funds[0]], "fund", words)
    if set(words) & FOREIGN:
        return Meaning(place, name, asset, "foreign", words)
    rest = words_of(" ".join(part for part in parts if not known_asset(part))) if asset else words
    left = {word for word in rest if not (asset and known_asset(word))}
    return Meaning(place, name, asset, _quantity(left, set(words), asset), words)


def _quantity(left: set[str], words: set[str], asset: str) -> str:
    """The quantity of a column by its words: `left` without those of the asset, `words` all of them."""
    interest = {"open", "interest"} <= left or bool(left & {"oi", "openinterest"})
    if left & _DERIVED and not (interest and "change" not in left):
        return "ignored"
    if left & {"time", "date", "timestamp", "datetime", "known", "opens"}:
        return ""
    if left & {"liquidation", "liquidations", "liq", "liquidated"}:
        side = next((name for name in ("long", "short") if left & {name, name + "s"}), "")
        return f"{side}_liquidations" if side else "liquidations"
    if interest:
        return "open_interest_usd" if left & _USD else "open_interest"
    if left & {"funding", "fundingrate"}:
        return "" if left & {"interval", "hours"} else "funding"
    if {"market", "cap"} <= left or {"market", "caps"} <= left:
        return "supply"
    found = next((name for name, among in _BY_WORD if left & among), "")
    if found == "volume" and (left & {*_USD, "turnover", "currency"} or words & {"usdt", "usdc", "busd"}):
        return "quote_volume"
    if found or not left <= _NOISE:
        # London's fixings: the one of the afternoon is the one that is quoted.
        return "price" if left == {"usd", "pm"} else found
    return "total" if "total" in left else "bare" if asset else ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The time column of a table: its place, name and moments; `closing` where it is an interval's end."""

    place: int
    name: str
    moments: Moments

    @property
    def closing(self) -> bool:
        return self.known or (self._named_end and not self._is_date)

    @property
    def opening(self) -> bool:
        """Whether the column's name, or a plain date, says that these are beginnings."""
        return bool(set(words_of(self.name)) & _BEGINNING) or (self._is_date and not self._named_end)

    @property
    def _named_end(self) -> bool:
        return bool(set(words_of(self.name)) & ENDS)

    @property
    def _is_date(self) -> bool:
        """A plain date is the day itself, whatever its column is named."""
        return self.moments.resolution == "day" and not self.moments.zoned

    @property
    def known(self) -> bool:
        """Whether these are the very moments from which values could be known, as in our own exports."""
        return words_of(self.name) == ("known", "at")


def time_columns(table: Table) -> tuple[int, ...]:
    """Places of the columns that are named as times, the best first."""
    plain = [" ".join(words_of(name)) for name in table.names]
    ranked = [(_TIME_NAMES.index(name), place) for place, name in enumerate(plain) if name in _TIME_NAMES]
    unnamed = [
        place
        for place, name in enumerate(table.names)
        if not name.strip() or name.lower().startswith("unnamed")
    ]
    also = [place for place, name in enumerate(plain) if re.search(r"\b(time|timestamp|date)$", name)]
    return tuple(dict.fromkeys([*(place for _, place in sorted(ranked)), *also, *unnamed[:1]]))


def with_whole_times(table: Table) -> Table:
    """The table with one column of times where day and time of day stand in two (MetaTrader and others)."""
    for day, clock in _pairs(table):
        days, clocks = list(table.columns[day])[:20], list(table.columns[clock])[:20]
        if all(isinstance(cell, str) and _DAY.fullmatch(cell.strip()) for cell in days) and all(
            isinstance(cell, str) and _CLOCK.fullmatch(cell.strip()) for cell in clocks
        ):
            joined = [
                f"{date.strip().replace('.', '-')} {time.strip()}"
                for date, time in zip(table.columns[day], table.columns[clock], strict=True)
            ]
            columns = tuple(
                joined if at == day else cells for at, cells in enumerate(table.columns) if at != clock
            )
            names = tuple(
                "timestamp" if at == day else name for at, name in enumerate(table.names) if at != clock
            )
            return Table(names, columns, table.named, table.label, table.semicolons)
    return table


def _pairs(table: Table) -> list[tuple[int, int]]:
    if not table.named:
        return [(0, 1)] if len(table.columns) > 2 else []
    words = [words_of(name) for name in table.names]
    days = [at for at, name in enumerate(words) if name in {("date",), ("day",)}]
    clocks = [at for at, name in enumerate(words) if name == ("time",)]
    return [(day, clock) for day in days for clock in clocks]


def timeline(table: Table) -> Timeline:
    """The first column that is named as a time and is one. Raises `MarketDataError` (``market.no_times``)."""
    reasons = []
    for place in time_columns(table):
        try:
            return Timeline(place, table.names[place], read_times(table.columns[place]))
        except MarketDataError as error:
            if error.code.endswith("ambiguous_dates"):
                raise
            reasons.append(f"{table.names[place] or 'the first one'}: {error.message}")
    if not table.named:
        return Timeline(0, "1", read_times(table.columns[0]))
    found = "; ".join(reasons) or f"none is named so among {', '.join(table.names[:8])}"
    raise unusable("no_times", f"expected a column of times: {found}")


def symbol_column(table: Table, skip: set[int]) -> int | None:
    """The column that says of what each row is."""
    plain = [" ".join(words_of(name)) for name in table.names]
    for name in _SYMBOL_NAMES:
        place = plain.index(name) if name in plain else None
        if place is None or place in skip:
            continue
        cells = list(table.columns[place])[:200]
        if cells and all(isinstance(cell, str) and not re.fullmatch(r"[\d.,\s-]*", cell) for cell in cells):
            return place
    return None
