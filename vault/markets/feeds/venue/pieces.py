"""Rows from several questions put together by key: cleaned, and each fault named. Pure.

Refuses numbers that cannot be: a share of funding beyond one, a negative quantity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from vault.markets.feeds.venue.questions import Row
from vault.series import Kind, Provenance, Recorded, SeriesKey, clean, clean_candles, gaps

CANDLES: Final[frozenset[Kind]] = frozenset({"price", "mark"})
LEAST: Final[Mapping[Kind, float]] = {"funding": -1.0}
MOST: Final[Mapping[Kind, float]] = {"funding": 1.0}


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one key from one question. Candles are rows of five, the others of one."""

    key: SeriesKey
    rows: tuple[Row, ...]
    origin: str


def recorded(pieces: Iterable[Piece], now: int) -> tuple[Recorded, ...]:
    """The pieces of each key together, cleaned, each fault named."""
    by_key: dict[SeriesKey, list[Piece]] = {}
    for piece in pieces:
        by_key.setdefault(piece.key, []).append(piece)
    found = []
    for key in sorted(by_key):
        rows = [row for piece in by_key[key] for row in piece.rows]
        origin = "; ".join(dict.fromkeys(piece.origin for piece in by_key[key]))
        found.append(_recorded(key, rows, Provenance(origin, "", now), now))
    return tuple(found)


def _recorded(key: SeriesKey, rows: list[Row], provenance: Provenance, now: int) -> Recorded:
    # By time: which direction a venue writes in is no fault of it.
    rows = sorted(rows, key=lambda row: row[0])
    times = np.array([row[0] for row in rows], dtype=np.int64)
    width = 5 if key.kind in CANDLES else 1
    table = np.array([[_float(value) for value in row[1]] for row in rows], dtype=np.float64)
    table = table.reshape(len(rows), width)
    if key.kind in CANDLES:
        columns = (table[:, 0], table[:, 1], table[:, 2], table[:, 3], table[:, 4])
        candles, faults = clean_candles(times, columns, key.step, now)
        return Recorded(key, candles, provenance, (*faults, *gaps(candles.opens, key.step)))
    series, faults = clean(times, table[:, 0], now, LEAST.get(key.kind, 0.0), MOST.get(key.kind, np.inf))
    return Recorded(key, series, provenance, (*faults, *gaps(series.times, key.step)))


def _float(value: Decimal | None) -> float:
    return float("nan") if value is None else float(value)
