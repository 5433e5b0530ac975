"""A document read by a mapping (``[[feed]]``) instead of by recognition: what it says is taken as it is said.

Refuses a column or a pointer that is not there, and times that are not of the form the mapping gives.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from vault.config_feeds import FeedSettings
from vault.markets.reading.json_text import parse
from vault.markets.reading.lags import known_at
from vault.markets.reading.sheet import BOUNDS, Found, spaced
from vault.markets.reading.table import Column, numbers, said_nothing, unusable
from vault.markets.reading.text import read_text
from vault.markets.reading.times import Moments, read_times
from vault.markets.reading.unpack import read_bytes, unpack
from vault.series import (
    DAY,
    MINUTE,
    SECOND,
    Fault,
    FloatArray,
    IntArray,
    Provenance,
    Recorded,
    SeriesKey,
    clean,
    clean_candles,
)

_MISSING: Final = object()
_HINT: Final = "Correct the mapping: see docs/history.md."


def read_mapped(data: bytes, feed: FeedSettings, now: int, origin: str) -> Recorded:
    """The history in an answer or a file; `now` in Unix ms. Raises `MarketDataError`."""
    found = mapped(data, feed, now, origin)
    return Recorded(found.key, found.data, Provenance(origin, feed.licence, now), found.faults)


def read_mapped_file(path: Path, feed: FeedSettings, now: int) -> Recorded:
    """The history in a file (also a packed one). Raises `MarketDataError`."""
    pieces = unpack(path.name, read_bytes(path))
    if len(pieces) != 1:
        raise unusable("not_unpacked", f"{path.name}: expected one file in the archive, found {len(pieces)}")
    return read_mapped(pieces[0].data, feed, now, path.name)


def mapped(data: bytes, feed: FeedSettings, now: int, origin: str) -> Found:
    """The same with the rule that was used."""
    columns = (
        _csv_columns(data, feed, origin) if feed.format == "csv" else _json_columns(data, feed, origin, now)
    )
    moments = read_times(columns.pop("time"), feed.time_format)
    stamps = moments.times if moments.zoned else moments.times - feed.utc_offset_minutes * MINUTE
    kept = np.flatnonzero(moments.ok)
    lost = moments.ok.size - kept.size
    faults: tuple[Fault, ...] = ()
    if lost:
        faults = (
            Fault("not_a_number", lost, int(stamps[kept].min(initial=now)), f"{lost} rows without a time"),
        )
    values = {
        name: numbers(column)[0] * float(feed.scale if name != "volume" else 1)
        for name, column in columns.items()
    }
    if feed.candle is None:
        # What was said and is no number stays, at its time: it hides the older value.
        kept = np.flatnonzero(moments.ok & ~(np.isnan(values["value"]) & said_nothing(columns["value"])))
    values = {name: each[kept] for name, each in values.items()}
    found = _candles if feed.candle is not None else _series
    return found(feed, moments, stamps[kept], values, now, faults)


def _key(feed: FeedSettings) -> SeriesKey:
    return SeriesKey(feed.kind, feed.asset, feed.said_by, feed.step_seconds * SECOND)


def _series(  # noqa: PLR0917
    feed: FeedSettings, moments: Moments, stamps: IntArray, values: dict[str, FloatArray], now: int,
    faults: tuple[Fault, ...],
) -> Found:  # fmt: skip
    key = _key(feed)
    lag = None if feed.lag_seconds is None else feed.lag_seconds * SECOND
    resolution = moments.resolution if feed.step_seconds == 0 or key.step >= DAY else "instant"
    if feed.layout == "one":
        resolution = "instant"
    known = known_at(feed.kind, stamps, key.step, resolution, lag=lag, name=feed.asset)
    low, high = BOUNDS.get(feed.kind, (-np.inf, np.inf))
    data, found = clean(known, values["value"], now, low, high)
    return Found(
        key,
        data,
        (*faults, *found, *spaced(key.kind, key.name, data.times, key.step)),
        f"mapping {feed.name}",
    )


def _candles(
    feed: FeedSettings, _moments: Moments, stamps: IntArray, values: dict[str, FloatArray], now: int,
    faults: tuple[Fault, ...],
) -> Found:  # fmt: skip
    key = _key(feed)
    volume = values.get("volume", np.full(stamps.shape, np.nan))
    parts = (values["open"], values["high"], values["low"], values["close"], volume)
    data, found = clean_candles(stamps, parts, key.step, now)
    return Found(
        key,
        data,
        (*faults, *found, *spaced(key.kind, key.name, data.opens, key.step)),
        f"mapping {feed.name}",
    )


def _wanted(feed: FeedSettings) -> dict[str, str]:
    """What is read, and from which column or pointer."""
    wanted = {} if feed.time is None else {"time": feed.time}
    if feed.value is not None:
        wanted["value"] = feed.value
    if feed.candle is not None:
        wanted |= {name: column for name, column in feed.candle.model_dump().items() if column is not None}
    return wanted


def _csv_columns(data: bytes, feed: FeedSettings, origin: str) -> dict[str, Column]:
    table = read_text(origin, data, feed.delimiter, header=feed.header)
    found: dict[str, Column] = {}
    for name, column in _wanted(feed).items():
        if column not in table.names:
            shown = ", ".join(repr(each) for each in table.names[:20])
            raise unusable("no_column", f"{origin}: expected a column {column!r}, found {shown}", _HINT)
        found[name] = table.columns[table.names.index(column)]
    return found


def _json_columns(data: bytes, feed: FeedSettings, origin: str, now: int) -> dict[str, Column]:
    rows = _at(parse(origin, data), feed.rows)
    if rows is _MISSING:
        raise unusable("no_column", f"{origin}: expected {feed.rows!r} in the document, found none", _HINT)
    wanted = _wanted(feed)
    if feed.layout == "one":
        one: dict[str, Column] = {
            name: [_required(rows, pointer, origin)] for name, pointer in wanted.items()
        }
        return one if "time" in one else {"time": np.array([now], dtype="datetime64[ms]"), **one}
    if feed.layout == "columns":
        lists = {name: _required(rows, pointer, origin) for name, pointer in wanted.items()}
        if (
            not all(isinstance(each, list) for each in lists.values())
            or len({len(each) for each in lists.values()}) > 1
        ):
            raise unusable("no_column", f"{origin}: expected lists of one length, found others", _HINT)
        return dict(lists)
    pairs = (
        list(rows.items())
        if isinstance(rows, dict)
        else [("", row) for row in rows]
        if isinstance(rows, list)
        else None
    )
    if pairs is None:
        raise unusable(
            "no_column",
            f"{origin}: expected a list of rows at {feed.rows!r}, found a {type(rows).__name__}",
            _HINT,
        )
    return {
        name: [key if pointer == "@key" else _value(row, pointer) for key, row in pairs]
        for name, pointer in wanted.items()
    }


def _required(document: Any, pointer: str, origin: str) -> Any:
    value = _at(document, pointer)
    if value is _MISSING:
        raise unusable("no_column", f"{origin}: expected {pointer!r} in the document, found none", _HINT)
    return value


def _value(row: Any, pointer: str) -> Any:
    """What a row says there; "" where it says nothing at all."""
    value = _at(row, pointer)
    if value is _MISSING:
        return ""
    return "no value" if isinstance(value, dict | list) else value


def _at(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) points at."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict) and key in document:
            document = document[key]
        elif isinstance(document, list) and key.isdigit() and int(key) < len(document):
            document = document[int(key)]
        else:
            return _MISSING
    return document
