"""What a table holds: tries every shape that its columns allow, and names what it could not make sense of.

Recognition is by the names of columns and by what their numbers can be; a table of which nothing can be told
is refused with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from vault.errors import MarketDataError
from vault.markets.reading import candles, flows, funding, levels, limits, quotes
from vault.markets.reading.columns import Meaning, symbol_column, time_columns, with_whole_times
from vault.markets.reading.evidence import FLOW_WORDS, require_dollars
from vault.markets.reading.names import (
    FUND_OF,
    OTHERS,
    STABLES,
    Place,
    asset_of_symbol,
    asset_of_words,
    words_of,
)  # fmt: skip
from vault.markets.reading.sheet import Found, Sheet, sheet_of
from vault.markets.reading.table import Table, numbers, unusable

_PRICED: Final = frozenset(
    {"open", "close", "price", "bare", "funding", "open_interest", "open_interest_usd", "supply"}
)


@dataclass(frozen=True, slots=True)
class Reading:
    """The histories of a table, and why parts of it gave none."""

    found: tuple[Found, ...]
    problems: tuple[MarketDataError, ...]


def recognise(table: Table, place: Place, now: int) -> Reading:
    """The histories in a table. Raises `MarketDataError` where there is none at all."""
    if table.label:
        place = replace(place, words=(*place.words, *words_of(table.label)))
    place = replace(
        place, asset=place.asset or asset_of_words(words_of(place.file)) or asset_of_words(place.words)
    )
    if quotes.is_lean(table, place):
        return Reading(tuple(quotes.read_lean(table, place, now)), ())
    table = with_whole_times(table)
    if not table.named:
        return Reading((_unnamed(table, place, now),), ())
    parts = _by_symbol(table, place)
    found: list[Found] = []
    problems: list[MarketDataError] = []
    for part, where in parts:
        try:
            reading = _sheet(sheet_of(part, where, now))
            found += reading.found
            problems += reading.problems
        except MarketDataError as error:
            problems.append(error)
    if not found:
        raise problems[0]
    return Reading(tuple(found), tuple(problems))


def _unnamed(table: Table, place: Place, now: int) -> Found:
    """A table without a header: candles, or [time, value] where the file says of what."""
    if len(table.columns) == 2:
        value = next(
            (
                name
                for name in ("funding", "open interest", "supply", "price")
                if set(name.split()) <= set(place.words)
            ),
            "value",
        )
        sheet = sheet_of(Table(("time", value), table.columns, True, table.label), place, now)
        reading = _sheet(sheet)
        return reading.found[0]
    require_dollars(place.words, place.symbol)
    return candles.unnamed(sheet_of(table, place, now), _asset(place))


def _asset(place: Place) -> str:
    if not place.asset:
        raise unusable(
            "no_asset",
            "expected the name of one asset in a symbol column, a column or the file name",
            "Name it in a mapping.",
        )
    return place.asset


def _by_symbol(table: Table, place: Place) -> list[tuple[Table, Place]]:
    """A table of several symbols as one table each; funds of one coin stay together, a column each."""
    skip = set(time_columns(table))
    at = symbol_column(table, skip)
    if at is None:
        return [(table, place)]
    cells = np.array([str(cell).strip() for cell in table.columns[at]])
    symbols = np.unique(cells)
    if symbols.size > limits.MAX_SYMBOLS:
        raise unusable("too_large", f"expected at most {limits.MAX_SYMBOLS} symbols, found {symbols.size}")
    if all(symbol.lower() in FUND_OF for symbol in symbols):
        return [(_funds(table, at, cells, symbols), place)]
    parts = []
    for symbol in symbols.tolist():
        asset = asset_of_symbol(symbol) if symbol else ""
        rows = np.flatnonzero(cells == symbol).astype(np.int64)
        rest = [number for number in range(len(table.columns)) if number != at]
        part = Table(
            tuple(table.names[number] for number in rest),
            tuple(table.columns[number] for number in rest),
            True,
        )
        parts.append(
            (
                part.picked(rows),
                replace(
                    place, symbol=symbol, asset=asset or place.asset, words=(*place.words, *words_of(symbol))
                ),
            )
        )
    return parts


def _funds(
    table: Table,
    at: int,
    cells: np.ndarray[tuple[int], np.dtype[np.str_]],
    symbols: np.ndarray[tuple[int], np.dtype[np.str_]],
) -> Table:
    """Rows of (day, fund, flow) as a column a fund."""
    skip = {at, *time_columns(table)}
    value = next(
        (
            place
            for place, name in enumerate(table.names)
            if place not in skip and set(words_of(name)) & {"flow", "flows", "netflow", "value", "net"}
        ),
        None,
    )
    if value is None:
        raise unusable("not_recognised", "expected a column of flows beside the funds, found none")
    days = [str(cell) for cell in table.columns[time_columns(table)[0]]]
    order = {day: place for place, day in enumerate(dict.fromkeys(days))}
    amounts, _ = numbers(table.columns[value])
    columns = {symbol: np.full(len(order), np.nan) for symbol in symbols.tolist()}
    for day, symbol, amount in zip(days, cells.tolist(), amounts.tolist(), strict=True):
        columns[symbol][order[day]] = amount
    told = {"usd", "usdm", "millions", "million", "mn", *FLOW_WORDS}
    said = " ".join(word for word in words_of(table.names[value]) if word in told)
    return Table(
        ("date", *columns), (list(order), *columns.values()), True, f"{table.label} etf {said}".strip()
    )


def _sheet(sheet: Sheet) -> Reading:
    """Every quantity of a table with a header; none where it is quoted in another currency."""
    require_dollars(sheet.place.words, sheet.place.symbol)
    found: list[Found] = []
    problems: list[MarketDataError] = []

    def take(shape: Callable[[], list[Found]]) -> None:
        try:
            found.extend(shape())
        except MarketDataError as error:
            problems.append(error)

    told = sheet.place.has("funding", "fundingrate")
    if told or any(each.quantity == "funding" for each in sheet.columns):
        take(lambda: _funding(sheet))
        if told and found:
            return _reading(sheet, found, problems)
    if flows.is_flow_table(sheet):
        for asset in _flow_assets(sheet):
            take(lambda asset=asset: [flows.flows(_only(sheet, asset), asset)])  # type: ignore[misc]
        if not _has_more(sheet):
            return _reading(sheet, found, problems)
    if _is_stables(sheet):
        take(lambda: levels.stable_columns(sheet))
        return _reading(sheet, found, problems)
    groups = _groups(sheet)
    for asset, group in groups:
        columns = sheet.by_quantity(group, alone=len(groups) > 1)
        for shape in _shapes(sheet, columns, asset, group):
            take(shape)
    return _reading(sheet, found, problems)


def _reading(sheet: Sheet, found: list[Found], problems: list[MarketDataError]) -> Reading:
    if not found and not problems and any(each.quantity == "foreign" for each in sheet.columns):
        raise unusable(
            "other_currency",
            "found columns in other currencies only: expected US dollars",
            "Convert them to dollars first.",
        )
    if not found and not problems:
        names = ", ".join(repr(each.name) for each in sheet.columns[:12])
        raise unusable(
            "not_recognised", f"expected columns of prices, rates, flows or supplies, found {names}"
        )
    if not found:
        raise problems[0]
    return Reading(tuple(found), tuple(problems))


def _shapes(
    sheet: Sheet, columns: dict[str, Meaning], asset: str, group: str | None
) -> list[Callable[[], list[Found]]]:
    shapes: list[Callable[[], list[Found]]] = []
    if all(part in columns for part in candles.PARTS):
        shapes.append(lambda: [candles.named(sheet, _named(sheet, asset), group)])
        prices = True
    else:
        prices = any(part in columns for part in ("close", "price", "bare", "adjusted"))
        if prices and not (asset in STABLES and "supply" in columns) and "funding" not in columns:
            shapes.append(lambda: levels.price_and_volume(sheet, columns, _named(sheet, asset)))
    if "open_interest" in columns or "open_interest_usd" in columns:
        shapes.append(lambda: [levels.open_interest(sheet, columns, _named(sheet, asset))])
    if {"long_liquidations", "short_liquidations"} & columns.keys() or (
        sheet.place.has("liquidation", "liquidations") and {"long", "short"} <= columns.keys()
    ):
        shapes.append(lambda: levels.liquidations(sheet, columns, _named(sheet, asset)))
    if "spread" in columns and asset not in OTHERS:
        shapes.append(lambda: [levels.spread(sheet, columns["spread"], _named(sheet, asset))])
    if "supply" in columns and (asset in STABLES or (not prices and not asset and _of_stables(sheet))):
        shapes.append(lambda: levels.supply(sheet, columns, asset or "ALL"))
    return shapes


def _named(sheet: Sheet, asset: str) -> str:
    return asset or _asset(sheet.place)


def _groups(sheet: Sheet) -> list[tuple[str, str | None]]:
    """(asset, as columns name it): one for each asset with columns of its own, else that of the file."""
    named = list(
        dict.fromkeys(each.asset for each in sheet.columns if each.asset and each.quantity in _PRICED)
    )
    if not named:
        return [(sheet.place.asset, None)]
    return [(asset, asset) for asset in named]


def _has_more(sheet: Sheet) -> bool:
    """Whether prices or supplies stand beside flows."""
    return any(
        (each.asset and each.quantity in {"open", "close", "price", "supply"})
        or (each.quantity == "bare" and (each.asset in OTHERS or each.asset in STABLES))
        for each in sheet.columns
    )


def _of_stables(sheet: Sheet) -> bool:
    """Whether anything says that a total is one of stablecoins: there are other market caps."""
    words = {*sheet.place.words, *(word for each in sheet.columns for word in each.words)}
    return any(word.startswith(("stable", "pegged")) for word in words)


def _is_stables(sheet: Sheet) -> bool:
    """Columns named after stablecoins alone, or a total of them where the file says so."""
    bare = [
        each
        for each in sheet.columns
        if each.quantity == "bare" or (each.quantity in {"price", "close", "supply"} and each.asset)
    ]
    several = bool(bare) and all(each.asset in STABLES for each in bare)
    total = any(each.quantity == "total" for each in sheet.columns)
    return several or (total and _of_stables(sheet) and not sheet.place.symbol)


def _funding(sheet: Sheet) -> list[Found]:
    """Columns of funding rates: by name, freqtrade's (the rate stands in ``open``), or one an asset."""
    named = [each for each in sheet.columns if each.quantity == "funding"]
    if not named and all(part in sheet.by_quantity() for part in candles.PARTS):
        named = [sheet.by_quantity()["open"]]
    if not named:
        named = [each for each in sheet.columns if each.quantity in {"rate", "bare", "price"}]
        named = [each for each in named if each.asset] or named[:1]
    if not named:
        raise unusable("not_recognised", "expected a column of funding rates, found none")
    if len(named) > 1 and len({each.asset for each in named}) < len(named):
        named = [each for each in named if "mark" not in each.words][:1]
    return [funding.funding(sheet, each, each.asset or _asset(sheet.place)) for each in named]


def _flow_assets(sheet: Sheet) -> list[str]:
    """The coins whose funds the table has: one a column where columns name several, else the one told."""
    named = {
        each.asset for each in sheet.columns if each.asset and each.quantity in {"flow", "fund", "total"}
    }
    named |= {each.asset for each in sheet.columns if each.quantity == "flow" and each.asset}
    return sorted(named) if len(named) > 1 else [flows.asset_told(sheet) or (named.pop() if named else "")]


def _only(sheet: Sheet, asset: str) -> Sheet:
    """The sheet without the columns of other coins' flows and funds."""
    kept = tuple(each for each in sheet.columns if each.asset in {asset, ""} or each.quantity == "bare")
    return replace(sheet, columns=kept)
