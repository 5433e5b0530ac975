"""Faults of a feed, from a moment on, in whole histories: as they are after the cleaning of the ground."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vault.series import (
    HOUR,
    Candles,
    FloatArray,
    IntArray,
    Kind,
    MarketHistory,
    Recorded,
    Series,
    clean,
    clean_candles,
)

Rows = tuple[IntArray, FloatArray]
"""Times (of opening, for candles) and a table of columns by row."""

KINDS: dict[str, tuple[Kind, ...]] = {
    "open_interest": ("open_interest", "spot_volume"),
    "funding": ("funding",),
    "liquidation_clusters": ("price",),
    "realised_liquidations": ("long_liquidations",),
    "etf": ("etf_flow",),
    "cross_asset": ("close",),
    "depth": ("depth_1pct", "depth_10bp", "spread"),
    "stablecoins": ("supply", "peg"),
    "venue": ("venue_open", "transfer_seconds", "adl_rank", "clock_skew", "network_fee"),
    "time_of_day": ("price",),
}
"""What each indicator reads."""


def dead(rows: Rows, since: int) -> Rows:
    return _keep(rows, rows[0] <= since)


def duplicated(rows: Rows, since: int) -> Rows:
    return np.repeat(rows[0], 2), np.repeat(rows[1], 2, axis=0)


def reordered(rows: Rows, since: int) -> Rows:
    order = np.arange(rows[0].size)
    later = np.flatnonzero(rows[0] > since - 1000 * HOUR)
    order[later] = later[::-1]
    return rows[0][order], rows[1][order]


def future_dated(rows: Rows, since: int) -> Rows:
    """From the moment on everything is dated ten years ahead."""
    return np.where(rows[0] > since, rows[0] + 87_600 * HOUR, rows[0]), rows[1]


def not_a_number(rows: Rows, since: int) -> Rows:
    return rows[0], np.where(rows[0][:, None] > since, np.nan, rows[1])


def infinite(rows: Rows, since: int) -> Rows:
    return rows[0], np.where(rows[0][:, None] > since, np.inf, rows[1])


def contradictory(rows: Rows, since: int) -> Rows:
    """Everything twice, the second time half as much."""
    later = rows[0] > since
    return np.concatenate([rows[0], rows[0][later]]), np.concatenate([rows[1], rows[1][later] / 2])


def _keep(rows: Rows, which: np.ndarray) -> Rows:
    return rows[0][which], rows[1][which]


HARMLESS: dict[str, Callable[[Rows, int], Rows]] = {"duplicated": duplicated, "reordered": reordered}
"""Put right by the cleaning: nothing changes."""
BLINDING: dict[str, Callable[[Rows, int], Rows]] = {
    "dead": dead,
    "future_dated": future_dated,
    "not_a_number": not_a_number,
    "infinite": infinite,
    "contradictory": contradictory,
}
"""From the moment on nothing usable comes."""


def with_fault(
    history: MarketHistory, fault: Callable[[Rows, int], Rows], since: int, now: int, kinds: tuple[Kind, ...]
) -> MarketHistory:
    """The history with a fault in every series of these kinds, cleaned as a reader at `now` would."""
    return history.with_recorded(
        _spoiled(item, fault, since, now) for key, item in history.recorded.items() if key.kind in kinds
    )


def _spoiled(item: Recorded, fault: Callable[[Rows, int], Rows], since: int, now: int) -> Recorded:
    data: Series | Candles = item.data
    if isinstance(data, Series):
        times, table = fault((data.times, data.values[:, None]), since)
        series, faults = clean(times, table[:, 0], now)
        return Recorded(item.key, series, item.provenance, faults)
    columns = np.stack([data.open, data.high, data.low, data.close, data.volume], axis=1)
    opens, table = fault((data.opens, columns), since - data.step)
    first, high, low, close, volume = table.T
    candles, faults = clean_candles(opens, (first, high, low, close, volume), data.step, now)
    return Recorded(item.key, candles, item.provenance, faults)
