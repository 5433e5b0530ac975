"""QuantConnect Lean's crypto files: a minute a row in milliseconds of the day, the day in the file's name.

The layout is that of the Lean engine's documentation (Data/cryptofuture): quotes are bid and ask candles with
sizes, trades are candles with volume. Refuses rows that are no minutes of one day.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import numpy as np

from vault.markets.reading.candles import candles, plausible
from vault.markets.reading.columns import Timeline
from vault.markets.reading.names import Place, asset_of_symbol, venue_of
from vault.markets.reading.sheet import Found, Sheet
from vault.markets.reading.table import Table, numbers, unusable
from vault.markets.reading.times import Moments
from vault.series import DAY, MINUTE, SECOND, FloatArray

NAME: Final = re.compile(r"(\d{8})_([a-z0-9]+)_(minute|second)_(quote|trade)")
_QUOTE_COLUMNS, _TRADE_COLUMNS = 11, 6


def is_lean(table: Table, place: Place) -> bool:
    return not table.named and NAME.search(f"{table.label} {place.file}".lower()) is not None


def read_lean(table: Table, place: Place, now: int) -> list[Found]:
    """Candles of the mid and the spread from quotes; candles from trades. Raises `MarketDataError`."""
    match = NAME.search(f"{table.label} {place.file}".lower())
    if match is None:
        raise unusable("not_recognised", "expected a Lean file name such as 20260101_btcusd_minute_quote")
    columns = _QUOTE_COLUMNS if match[4] == "quote" else _TRADE_COLUMNS
    if len(table.columns) < columns:
        raise unusable(
            "not_recognised", f"expected {columns} columns of Lean {match[4]}s, found {len(table.columns)}"
        )
    sheet = _sheet(table, place, match[1], now)
    asset = asset_of_symbol(match[2])
    parts = [numbers(column)[0] for column in table.columns]
    rule = f"Lean {match[4]}s of a {match[3]}: milliseconds of {match[1]}"
    if match[4] == "trade":
        return [candles(sheet, asset, tuple(parts[1:5]), parts[5], rule)]
    bid, ask = parts[1:5], parts[6:10]
    if min(plausible(tuple(bid)), plausible(tuple(ask))) < 0.95:
        raise unusable("implausible", "expected bid and ask candles, found prices that cannot be")
    mid = tuple((one + two) / 2 for one, two in zip(bid, ask, strict=True))
    found = candles(sheet, asset, mid, None, f"{rule}; the middle of bid and ask")
    venue = venue_of(place.words) or place.source
    spread = _spread(sheet, bid[3], ask[3], asset, venue, rule)
    return [_quoted(found, venue), spread]


def _quoted(found: Found, venue: str) -> Found:
    return replace(found, key=replace(found.key, source=f"{venue}-quote")).noted(
        "quotes, no trades: not the last price"
    )


def _spread(sheet: Sheet, bid: FloatArray, ask: FloatArray, asset: str, venue: str, rule: str) -> Found:  # noqa: PLR0917
    with np.errstate(invalid="ignore", divide="ignore"):
        share = 2 * (ask - bid) / (ask + bid)
    # Closing quotes are known at the end of their interval.
    moments = sheet.timeline.moments
    length = SECOND if " of a second" in rule else MINUTE
    sheet = replace(sheet, timeline=Timeline(0, "1", replace(moments, times=moments.times + length)))
    found = sheet.series("spread", asset, venue, share, f"{rule}; (ask - bid) / mid at the close")
    return found.noted("known at the end of its interval")


def _sheet(table: Table, place: Place, day: str, now: int) -> Sheet:
    within, _ = numbers(table.columns[0])
    try:
        start = datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        raise unusable("no_times", f"expected a day such as 20260101 in the name, found {day}") from None
    ok = np.isfinite(within) & (within >= 0) & (within < DAY)
    if float(np.mean(ok)) < 0.99:
        raise unusable("no_times", "expected milliseconds of one day in the first column")
    times = int(start.timestamp()) * 1000 + np.where(ok, within, 0).astype(np.int64)
    moments = Moments(times, ok, "instant", zoned=True, form="milliseconds of the day")
    return Sheet(table, place, Timeline(0, "1", moments), (), 0, now)
