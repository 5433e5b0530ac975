"""Values at a time: closes of metals and indices, stablecoins, open interest, liquidations, spreads.

Refuses open interest in dollars (its indicator is in coins), and a price of nobody knows what.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.kinds import Kind
from vault.markets.reading.candles import COINS_THERE_ARE, base_volume, source_of
from vault.markets.reading.columns import Meaning
from vault.markets.reading.evidence import (
    in_dollars,
    require_coins,
    require_peg,
    require_price,
    require_whole_dollars,
)
from vault.markets.reading.names import COINS, STABLES
from vault.markets.reading.sheet import Found, Sheet
from vault.markets.reading.table import unusable
from vault.series import FloatArray

_LEAST_SUPPLY: Final = 1e6  # of a stablecoin that matters, in dollars
_PEG: Final = (0.2, 2.0)  # a stablecoin's price, also in its worst hour
_LIQUIDATIONS: Final[tuple[tuple[str, str, Kind], ...]] = (
    ("long_liquidations", "long", "long_liquidations"),
    ("short_liquidations", "short", "short_liquidations"),
)


def open_interest(sheet: Sheet, columns: dict[str, Meaning], asset: str) -> Found:
    """Open interest in coins; in dollars only where a price stands beside it."""
    source = source_of(sheet.place)
    if "open_interest" in columns:
        values, faults = sheet.values(columns["open_interest"])
        there_are = COINS_THERE_ARE.get(asset, np.inf)
        too_many = bool(np.nanmedian(values) > there_are)
        if not too_many and not in_dollars(sheet, columns["open_interest"]):
            require_coins(sheet, columns, values)
            rule = f"column {columns['open_interest'].name!r}: open interest in coins"
            return sheet.series("open_interest", asset, source, values, rule, faults=faults)
        dollars = columns["open_interest"]
    else:
        dollars = columns["open_interest_usd"]
    require_whole_dollars(sheet, dollars)
    price = columns.get("close") or columns.get("price")
    if price is None:
        raise unusable(
            "ambiguous_unit", f"{dollars.name!r} is open interest in dollars, and no price stands beside it",
            "Open interest is kept in coins: in dollars it falls with the price. Give a mapping.",
        )  # fmt: skip
    values, faults = sheet.values(dollars)
    with np.errstate(invalid="ignore", divide="ignore"):
        coins = values / sheet.values(price)[0]
    rule = f"column {dollars.name!r} divided by {price.name!r}"
    return sheet.series("open_interest", asset, source, coins, rule, faults=faults)


def liquidations(sheet: Sheet, columns: dict[str, Meaning], asset: str) -> list[Found]:
    """Long and short liquidations in USD a step."""
    found = []
    for full, short, kind in _LIQUIDATIONS:
        column = columns.get(full) or columns.get(short)
        if column is None:
            continue
        values, faults = sheet.values(column)
        if float(np.nanmax(values, initial=0.0)) < 1e4:
            raise unusable(
                "ambiguous_unit",
                f"liquidations of {column.name!r} are too small to be dollars",
                "Give `scale` in a mapping.",
            )
        rule = f"column {column.name!r}: liquidations in USD"
        found.append(sheet.series(kind, asset, source_of(sheet.place), values, rule, faults=faults))
    return found


def price_and_volume(sheet: Sheet, columns: dict[str, Meaning], asset: str) -> list[Found]:
    """One price a step (and its volume): a stablecoin's peg, a coin's or anything else's close."""
    column = next(columns[name] for name in ("close", "price", "bare", "adjusted") if name in columns)
    values, faults = sheet.values(column)
    told = values[np.isfinite(values)]
    if told.size and float(np.mean(told > 0)) < 0.95:
        raise unusable(
            "implausible", f"expected prices above zero in {column.name!r}, found {np.mean(told > 0):.0%} so"
        )
    if asset in STABLES:
        return [_stable(sheet, column, values, asset)]
    require_price(sheet, asset, column.words, values)
    if not sheet.step:
        raise unusable("no_step", "expected prices at one distance, found no common one")
    source = source_of(sheet.place, contracts=asset in COINS)
    rule = f"column {column.name!r}: one price a step"
    found = [sheet.series("close", asset, source, values, rule, faults=faults)]
    volume = columns.get("quote_volume") or columns.get("volume")
    if asset in COINS and volume is not None:
        kind: Kind = "perp_volume" if source.endswith("-perp") else "spot_volume"
        amounts, wrong = sheet.values(volume)
        base, note = (
            base_volume(asset, values, amounts) if volume.quantity == "volume" else (amounts / values, "")
        )
        more = sheet.series(kind, asset, source, base, f"column {volume.name!r}: volume", faults=wrong)
        found.append(more.noted(*([note] if note else [])))
    return found


def supply(sheet: Sheet, columns: dict[str, Meaning], asset: str) -> list[Found]:
    """A stablecoin's supply in USD (and its price where it stands beside it)."""
    column = columns["supply"]
    found = [_supply(sheet, column, asset)]
    price = columns.get("price") or columns.get("close")
    if price is not None and asset in STABLES:
        found.append(_peg(sheet, price, sheet.values(price)[0], asset))
    return found


def stable_columns(sheet: Sheet) -> list[Found]:
    """A column a stablecoin: supplies or prices, by their size."""
    chosen = [
        each
        for each in sheet.columns
        if each.asset in STABLES and each.quantity in {"bare", "price", "close", "supply"}
    ]
    found = [_stable(sheet, column, sheet.values(column)[0], column.asset) for column in chosen]
    total = next(
        (each for each in sheet.columns if each.quantity in {"total", "supply"} and not each.asset), None
    )
    if total is not None:
        found.append(_supply(sheet, total, "ALL"))
    return found


def _stable(sheet: Sheet, column: Meaning, values: FloatArray, asset: str) -> Found:
    told = values[np.isfinite(values)]
    median = float(np.median(told)) if told.size else 0.0
    if median >= _LEAST_SUPPLY or column.quantity == "supply":
        return _supply(sheet, column, asset)
    if _PEG[0] <= median <= _PEG[1]:
        return _peg(sheet, column, values, asset)
    raise unusable(
        "ambiguous_unit",
        f"{column.name!r} around {median:g} is neither a price of a stablecoin nor its supply",
        "Give `scale` in a mapping.",
    )


def _supply(sheet: Sheet, column: Meaning, asset: str) -> Found:
    values, faults = sheet.values(column)
    told = values[np.isfinite(values) & (values > 0)]
    median = float(np.median(told)) if told.size else 0.0
    words = set(column.words)
    if median < _LEAST_SUPPLY:
        scale = (
            1e9
            if words & {"bn", "billions", "billion"}
            else 1e6
            if words & {"m", "mn", "millions", "million"}
            else 0.0
        )
        if not scale:
            raise unusable(
                "ambiguous_unit",
                f"supplies around {median:g} in {column.name!r} are of no told unit",
                "Give `scale` in a mapping.",
            )
        values = values * scale
    rule = f"column {column.name!r}: supply in USD"
    return sheet.series("supply", asset, source_of(sheet.place), values, rule, faults=faults)


def _peg(sheet: Sheet, column: Meaning, values: FloatArray, asset: str) -> Found:
    require_peg(sheet, column.words, values)
    return sheet.series(
        "peg", asset, source_of(sheet.place), values, f"column {column.name!r}: price of a stablecoin"
    )


def spread(sheet: Sheet, column: Meaning, asset: str) -> Found:
    """A spread as a share of the mid."""
    values, faults = sheet.values(column)
    if any(word in {"bps", "bp"} for word in column.words):
        values = values / 1e4
    elif float(np.nanmedian(values)) > 0.05:
        raise unusable(
            "ambiguous_unit",
            f"{column.name!r} is too large for a share of the price",
            "Give `scale` in a mapping.",
        )
    return sheet.series(
        "spread",
        asset,
        source_of(sheet.place, contracts=True),
        values,
        f"column {column.name!r}: spread",
        faults=faults,
    )
