"""Flows of exchange traded funds: a column a fund, a total, or both; in dollars or millions of them.

Refuses sums whose unit nothing decides, and funds of two coins in one total.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from vault.markets.reading.columns import Meaning
from vault.markets.reading.evidence import require_flow
from vault.markets.reading.names import COINS, asset_of_words, known_asset, venue_of
from vault.markets.reading.sheet import Found, Sheet
from vault.markets.reading.table import unusable
from vault.series import DAY, Fault, FloatArray

MILLION: Final = 1e6
# The largest flow of one day, all funds together, is a few billions: as millions at most this …
_LARGEST_MILLIONS: Final = 20_000.0
# … and a day without a single flow of a million dollars in a whole history does not occur.
_LEAST_DOLLARS: Final = 1e6
_SAME: Final = 0.01


def flows(sheet: Sheet, asset: str) -> Found:
    """The total flow of a day, into all funds of one coin. Raises `MarketDataError`."""
    funds = [each for each in sheet.columns if each.quantity == "fund" or _bare_coin(each, sheet)]
    totals = [
        each
        for each in sheet.columns
        if each.quantity == "total" or (each.quantity == "flow" and not _outward(each))
    ]
    funds = [each for each in funds if each not in totals]
    coins = {each.asset for each in funds if each.quantity == "fund"}
    asset = asset or (coins.pop() if len(coins) == 1 else "")
    if not asset:
        raise unusable(
            "no_asset", "expected flows into funds of one coin, found no name of it", "Name it in a mapping."
        )
    if len(totals) > 1:
        totals = [
            each
            for each in totals
            if each.quantity == "total" or "total" in each.words or "net" in each.words
        ] or totals
    if len(totals) > 1:
        raise unusable(
            "ambiguous_columns", f"flows could be {' or '.join(repr(each.name) for each in totals)}"
        )
    values, faults, rule = _total(sheet, totals, funds)
    require_flow(sheet, [*totals, *funds], values)
    scale, unit = _unit(sheet, values, totals)
    source = venue_of(sheet.place.words) or sheet.place.source
    return sheet.series("etf_flow", asset, source, values * scale, f"{rule}; {unit}", step=DAY, faults=faults)


def is_flow_table(sheet: Sheet) -> bool:
    """Whether columns are flows into funds: several funds, a flow, or a total where the name says so."""
    funds = sum(each.quantity == "fund" for each in sheet.columns)
    flow = any(each.quantity == "flow" and not _outward(each) for each in sheet.columns)
    told = sheet.place.has("etf", "etfs", "flow", "flows", "farside")
    return (
        flow
        or funds >= 2
        or (funds >= 1 and told)
        or (told and any(each.quantity == "total" for each in sheet.columns))
    )


def _outward(column: Meaning) -> bool:
    """Inflows or outflows alone are not the net of both."""
    return "outflow" in column.words or "outflows" in column.words


def _bare_coin(column: Meaning, sheet: Sheet) -> bool:
    """A fund whose ticker is a coin's name (BTC, ETH: Grayscale's smaller trusts)."""
    several = sum(each.quantity == "fund" for each in sheet.columns) >= 2
    return several and column.quantity == "bare" and column.asset in COINS


def _total(
    sheet: Sheet, totals: list[Meaning], funds: list[Meaning]
) -> tuple[FloatArray, tuple[Fault, ...], str]:
    """The flow of each day; a day on which every fund is empty has none, and is left out."""
    parts = np.stack([sheet.values(each)[0] for each in funds]) if funds else np.empty((0, sheet.stamps.size))
    told = np.any(np.isfinite(parts), axis=0)
    summed = np.where(told, np.nansum(parts, axis=0), np.nan)
    if not totals:
        return summed, (), f"sum of {len(funds)} funds"
    values, faults = sheet.values(totals[0])
    if not funds:
        return values, faults, f"column {totals[0].name!r}"
    values = np.where(told, values, np.nan)
    with np.errstate(invalid="ignore"):
        room = np.maximum(_SAME * np.abs(summed), 0.06 * len(funds) + 1e-6 * np.abs(summed))
        other = told & np.isfinite(values) & (np.abs(values - summed) > room)
    if float(np.mean(other[told])) > 0.5:
        return values, faults, f"column {totals[0].name!r}; the columns of funds are not all that are in it"
    if bool(np.any(other)):
        first = int(sheet.stamps[other].min())
        count = int(np.sum(other))
        faults += (
            Fault("contradiction", count, first, f"{count} totals that are not the sum of their funds"),
        )
        values = np.where(other, np.inf, values)  # unusable, and a value that was said
    return values, faults, f"column {totals[0].name!r}, checked against the sum of {len(funds)} funds"


def _unit(sheet: Sheet, values: FloatArray, totals: list[Meaning]) -> tuple[float, str]:
    words = {word for each in totals for word in each.words} | set(sheet.place.words)
    if words & {"millions", "million", "usdm", "mn", "mil", "usdmn"} or any(
        "$m" in each.name.lower() for each in totals
    ):
        return MILLION, "millions of USD, as the file says"
    largest = float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0))
    if largest >= _LEAST_DOLLARS:
        return 1.0, f"USD, as the largest is {largest:.3g}"
    in_coins = any(each.words and known_asset(each.words[-1]) in COINS for each in totals)
    if 1.0 <= largest <= _LARGEST_MILLIONS and not in_coins:
        return MILLION, f"millions of USD, as the largest is {largest:.5g}"
    raise unusable(
        "ambiguous_unit",
        f"flows of at most {largest:g} could be {'coins, ' if in_coins else ''}dollars or millions",
        "Give `scale` in a mapping.",
    )


def asset_told(sheet: Sheet) -> str:
    """The coin that a column of flows or the file is named after."""
    named = {each.asset for each in sheet.columns if each.quantity in {"flow", "total"} and each.asset}
    return named.pop() if len(named) == 1 else asset_of_words(sheet.place.words)
