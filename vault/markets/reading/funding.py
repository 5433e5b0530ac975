"""Funding rates: one a settlement, or means by day; percent or share, UTC or local time, by stated rules.

Refuses rates that cannot be, and local times that could be of two zones.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from vault.markets.reading.columns import Meaning
from vault.markets.reading.names import venue_of
from vault.markets.reading.sheet import BOUNDS, Found, Sheet
from vault.markets.reading.table import unusable
from vault.series import DAY, HOUR, SECOND, FloatArray, IntArray, Series

INTERVAL: Final = 8 * HOUR
# The interest part of the rate of eight hours, which most exchanges charge while the premium is small
# (Binance, Bybit and OKX: 0.01 % each eight hours): the commonest rate of a long history.
_USUAL: Final = 1e-4
_LARGEST_MEDIAN: Final = 0.003  # a share of 0.3 % every eight hours for months would be 300 % a year
_SMALL: Final = 1e-12
# BitMEX settles at 04:00, 12:00 and 20:00 UTC, all others of eight hours at 00:00, 08:00 and 16:00.
_OTHER_GRID: Final = frozenset({"bitmex"})


def funding(sheet: Sheet, column: Meaning, asset: str) -> Found:
    """The funding rates in a column. Raises `MarketDataError`."""
    values, faults = sheet.values(column)
    rates, rule = _as_share(values, column)
    venue = venue_of(sheet.place.words)
    source = venue or sheet.place.source
    if sheet.step == DAY:
        rates, more = _of_a_day(rates, column)
        return sheet.series("funding", asset, source, rates, f"{rule}; {more}", faults=faults)
    found = sheet.series("funding", asset, source, rates, rule, faults=faults)
    if 0 < sheet.step < INTERVAL:
        return _settlements(found)
    return _on_the_hour(
        found, sheet.timeline.moments.zoned and "since 1970" not in sheet.timeline.moments.form
    )


def _as_share(values: FloatArray, column: Meaning) -> tuple[FloatArray, str]:
    told = values[np.isfinite(values)]
    if not told.size:
        raise unusable("no_values", "expected funding rates, found no number")
    if any(word in {"percent", "pct"} for word in column.words) or "%" in column.name:
        return values / 100, f"column {column.name!r}: funding rates in percent"
    commonest = _commonest(told)
    median = float(np.median(np.abs(told)))
    if abs(commonest - 100 * _USUAL) < _SMALL and median > _LARGEST_MEDIAN:
        return values / 100, f"column {column.name!r}: percent, as the commonest rate is 0.01"
    low, high = BOUNDS["funding"]
    share = float(np.mean((told >= low) & (told <= high)))
    if share < 0.95:
        raise unusable(
            "implausible", f"expected funding rates within {low:g} to {high:g}, found {share:.0%} of them so"
        )
    if median > _LARGEST_MEDIAN:
        raise unusable(
            "ambiguous_unit",
            f"rates around {median:g} could be shares or percent",
            "Give `scale` in a mapping.",
        )
    return (
        values,
        f"column {column.name!r}: funding rates, all but {1 - share:.1%} within {low:g} to {high:g}",
    )


def _commonest(values: FloatArray) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        seen, counts = np.unique(np.round(values, 10), return_counts=True)
    return float(seen[np.argmax(counts)])


def _of_a_day(rates: FloatArray, column: Meaning) -> tuple[FloatArray, str]:
    """Rates of a whole day: a mean of three is a third of it."""
    words = set(column.words)
    if words & {"sum", "total"}:
        return rates, "sums of a day"
    mean = bool(words & {"mean", "avg", "average"})
    usual = abs(_commonest(rates[np.isfinite(rates)]) - _USUAL) < _SMALL
    if mean and usual:
        return (
            rates * 3,
            "daily means of three rates of eight hours (the commonest is 0.0001), times 3 for a day",
        )
    raise unusable(
        "ambiguous_unit",
        f"one rate a day in {column.name!r} could be a mean or a sum, of unknown intervals",
        "Give `scale` in a mapping: 3 for means of rates of eight hours.",
    )


def _settlements(found: Found) -> Found:
    """The settlements alone, of rates that were filled forward: they change every eight hours only."""
    data = found.data
    if not isinstance(data, Series) or len(data) < 30:
        return found
    changes = data.times[1:][data.values[1:] != data.values[:-1]]
    if changes.size < 3 or np.unique(changes % INTERVAL).size > 1:
        return found
    kept = data.times % INTERVAL == changes[0] % INTERVAL
    key = replace(found.key, step=INTERVAL)
    note = "rates change every eight hours only: filled forward, the settlements alone are kept"
    return replace(found, key=key, data=Series(data.times[kept], data.values[kept])).noted(note)


def _on_the_hour(found: Found, zone_said: bool) -> Found:
    """Stamps a moment after the hour are the hour's, and those of local time are moved to the grid of UTC."""
    data = found.data
    if not isinstance(data, Series) or not len(data):
        return found
    late = data.times % HOUR
    if (
        bool(np.all(late < 60 * SECOND))
        and bool(np.any(late))
        and np.unique(data.times - late).size == len(data)
    ):
        data = Series(data.times - late, data.values)
        note = (
            f"{int(np.sum(late > 0))} stamps up to {int(late.max())} ms after the hour are read as the hour"
        )
        found = Found(found.key, data, found.faults, found.rule, (*found.notes, note))
    if found.key.step != INTERVAL or found.key.source in _OTHER_GRID:
        return found
    off = offset_of(data.times)
    if off == 0:
        return found
    if off is None or zone_said:
        return found.noted("settlements off the 8-hour grid of UTC by no constant hours: times as they are")
    if off == 4:
        raise unusable(
            "ambiguous_time",
            "settlements 4 h off the 8-hour grid of UTC: UTC+4, UTC-4, or a venue that settles so",
            "Give `utc_offset_minutes` in a mapping.",
        )
    return shifted(found, off if off < 4 else off - 8)


def offset_of(times: IntArray) -> int | None:
    """Hours after the 8-hour grid at which all but a few stamps are; None where they share none."""
    off = times % INTERVAL
    common, counts = np.unique(off, return_counts=True)
    best = int(common[np.argmax(counts)])
    if best % HOUR or float(np.max(counts)) < 0.95 * times.size:
        return None
    return best // HOUR


def shifted(found: Found, hours: int) -> Found:
    """The same history with its stamps read as local time, `hours` ahead of UTC."""
    data = found.data
    if not isinstance(data, Series):
        return found
    moved = Series(data.times - hours * HOUR, data.values)
    note = f"read as UTC{hours:+d}: stamps are {hours % 8} h off the 8-hour grid of settlements"
    return Found(found.key, moved, found.faults, found.rule, (*found.notes, note), hours * 60)


def confirmed(found: tuple[Found, ...]) -> tuple[Found, ...]:
    """Shifted histories against others of the same asset and venue: the zone that agrees is taken."""
    return tuple(_confirmed(each, found) if each.offset_minutes else each for each in found)


def _confirmed(one: Found, among: tuple[Found, ...]) -> Found:
    others = [each for each in among if each is not one and each.key == one.key and not each.offset_minutes]
    hours = one.offset_minutes // 60
    candidates = [hours, hours - 8 if hours > 0 else hours + 8]
    best: tuple[float, int, int, int] | None = None
    for candidate in candidates:
        same = shared = 0
        for other in others:
            agreed, both = agreement(one, other, (hours - candidate) * HOUR)
            same, shared = same + agreed, shared + both
        if shared >= 10 and (best is None or same / shared > best[0]):
            best = (same / shared, candidate, same, shared)
    if best is None:
        return one.noted("no other source of this venue overlaps: the zone is not confirmed")
    share, candidate, same, shared = best
    if share < 0.9:
        return one.noted(f"contradicts another source of this venue: only {same} of {shared} rates agree")
    if candidate != hours and isinstance(one.data, Series):
        moved = Series(one.data.times + (hours - candidate) * HOUR, one.data.values)
        one = Found(
            one.key,
            moved,
            one.faults,
            one.rule,
            (*one.notes, f"read as UTC{candidate:+d} instead"),
            candidate * 60,
        )
    return one.noted(f"agrees with another source of this venue on {same} of {shared} shared settlements")


def agreement(one: Found, other: Found, shift: int = 0) -> tuple[int, int]:
    """How many rates are the same among the settlements both have, and how many both have."""
    if not isinstance(one.data, Series) or not isinstance(other.data, Series):
        return 0, 0
    _, first, second = np.intersect1d(one.data.times + shift, other.data.times, return_indices=True)
    mine, its = one.data.values[first], other.data.values[second]
    return int(np.sum(np.isclose(mine, its, rtol=1e-6, atol=1e-8))), int(first.size)
