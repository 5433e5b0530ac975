"""Market history in the store: a row for each key and period, packed; nothing is kept twice, nothing is lost.

Repeating an import changes nothing; what two imports contradict each other in stays disputed (NaN) for good.
Refuses to guess between them. Reads and writes go through the store's own transactions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import and_, delete, func, insert, select, update

from vault.canonical import canonical_json, read_json
from vault.errors import MarketDataError
from vault.kinds import Kind
from vault.series import (
    DAY,
    Candles,
    Fault,
    IntArray,
    MarketHistory,
    Provenance,
    Recorded,
    Series,
    SeriesKey,
    gaps,
)
from vault.series_join import join, revise
from vault.store import schema
from vault.store.packing import pack, unpack

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.elements import ColumnElement

    from vault.store.database import Writer

PERIOD_POINTS: Final = 4096  # half a year of hours in a row: few rows to load, little to rewrite
EVENT_PERIOD: Final = 90 * DAY  # of histories without a step
KEPT_FAULTS: Final = 50  # of a key; the counts of all are kept in the joined text of the last
KEPT_ORIGINS: Final = 20


@dataclass(frozen=True, slots=True)
class Appended:
    """What an import did: points that are new, that were known, and that became disputed by it."""

    new: int
    repeated: int
    contradicted: int


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One history of the store. `first` and `last` in Unix ms; `missing`: values that are unusable."""

    key: SeriesKey
    points: int
    unusable: int
    first: int
    last: int
    gaps: tuple[Fault, ...]
    faults: tuple[Fault, ...]
    licence: str
    origin: str
    bytes: int


def append(writer: Writer, recorded: Recorded, *, live: bool = False) -> Appended:
    """Keep a history beside what is known of it. Raises `MarketDataError`, `StoreError`.

    `live`: the program asked its source itself. From its first live point on a key is its source's alone:
    what that says again otherwise replaces what it said (named as a contradiction), nothing else is added.
    """
    key, connection = recorded.key, writer.connection
    new = repeated = contradicted = 0
    faults: list[Fault] = [fault for fault in recorded.faults if fault.kind != "gap"]
    data, since = recorded.data, _live_since(connection, key)
    if not live and since is not None:
        data, late = _before(data, since)
        faults += late
    for period, part in _periods(key, data):
        where = and_(_is(schema.history, key), schema.history.c.period == period)
        row = connection.execute(select(schema.history.c.data).where(where)).first()
        if row is None:
            values = {**_columns(key), "period": period, "points": len(part), "data": pack(part)}
            connection.execute(insert(schema.history).values(**values))
            new += len(part)
            continue
        held = unpack(row.data, key.step)
        joined = revise(held, part) if live else join(held, part)
        new, repeated = new + joined.new, repeated + joined.repeated
        contradicted += joined.contradicted
        packed = pack(joined.data)
        if packed != row.data:
            faults += joined.faults
            values = {"points": len(joined.data), "data": packed}
            connection.execute(update(schema.history).where(where).values(**values))
    if live and len(data):
        since = min(_first(data), since) if since is not None else _first(data)
    _remember(writer, recorded, faults, since)
    return Appended(new, repeated, contradicted)


def _first(data: Series | Candles) -> int:
    return int((data.opens if isinstance(data, Candles) else data.times)[0])


def _before(data: Series | Candles, since: int) -> tuple[Series | Candles, list[Fault]]:
    """The part that began before the first live point, and the rest by name."""
    times = data.opens if isinstance(data, Candles) else data.times
    number = int(np.searchsorted(times, since))
    late = int(times.size) - number
    if not late:
        return data, []
    words = f"{late} moments of a time that the program has asked its source about itself: left out"
    return _part(data, slice(0, number)), [Fault("out_of_range", late, int(times[number]), words)]


def _live_since(connection: Connection, key: SeriesKey) -> int | None:
    """The first moment that was asked of the source itself; None while all was imported."""
    table = schema.history_origin
    row = connection.execute(select(table.c.body).where(_is(table, key))).first()
    return None if row is None else read_json(row.body).get("live_since")


def load(
    connection: Connection,
    kinds: Collection[Kind] | None = None,
    names: Collection[str] | None = None,
    start: int | None = None,
    end: int | None = None,
) -> MarketHistory:
    """What the store knows of these kinds and names, from after `start` to `end` (Unix ms; None: all)."""
    table = schema.history.c
    query = select(schema.history)
    if kinds is not None:
        query = query.where(table.kind.in_(sorted(kinds)))
    if names is not None:
        query = query.where(table.name.in_(sorted(names)))
    for bound, after in ((start, True), (end, False)):
        if bound is not None:
            query = query.where(_near(bound, after=after))
    order = (table.kind, table.name, table.source, table.step, table.period)
    parts: dict[SeriesKey, list[Series | Candles]] = {}
    for row in connection.execute(query.order_by(*order)):
        parts.setdefault(_key(row), []).append(unpack(row.data, row.step))
    origins = _origins(connection)
    found = []
    for key, pieces in parts.items():
        data = _cut(_together(pieces), start, end)
        if len(data):
            provenance, faults = origins.get(key, (Provenance(""), ()))
            found.append(Recorded(key, data, provenance, faults))
    return MarketHistory().with_recorded(found)


def overview(connection: Connection) -> tuple[HistoryLine, ...]:
    """Every history of the store, by key."""
    table = schema.history.c
    key_columns = (table.kind, table.name, table.source, table.step)
    sizes = {
        _key(row): int(row.size)
        for row in connection.execute(
            select(*key_columns, func.sum(func.length(table.data)).label("size")).group_by(*key_columns)
        )
    }  # fmt: skip
    lines = []
    for key, item in sorted(load(connection).recorded.items()):
        times = item.data.opens if isinstance(item.data, Candles) else item.data.times
        values = item.data.close if isinstance(item.data, Candles) else item.data.values
        lines.append(
            HistoryLine(
                key=key,
                points=len(item.data),
                unusable=int(np.sum(np.isnan(values))),
                first=int(times[0]),
                last=int(times[-1]),
                gaps=gaps_of(key, times),
                faults=item.faults,
                licence=item.provenance.licence,
                origin=item.provenance.origin,
                bytes=sizes.get(key, 0),
            )
        )
    return tuple(lines)


def gaps_of(key: SeriesKey, times: IntArray) -> tuple[Fault, ...]:
    """Gaps of a history; over a weekend there is none in what has only weekdays."""
    weekdays = key.step == DAY and bool(np.any(np.diff(times) > DAY)) and _skips_weekends(times)
    return gaps(times, 3 * DAY if weekdays else key.step)


def _skips_weekends(times: IntArray) -> bool:
    """Whether two days of the week are never there (or hardly: a publisher's odd day)."""
    counts = np.bincount((times // DAY % 7).astype(np.int64), minlength=7)
    return bool(np.sum(np.sort(counts)[:2]) * 50 < np.sum(counts))


def forget(writer: Writer, key: SeriesKey) -> int:
    """Remove a history; how many points there were. For what was imported by mistake."""
    points = writer.connection.execute(
        select(func.coalesce(func.sum(schema.history.c.points), 0)).where(_is(schema.history, key))
    ).scalar_one()
    for table in (schema.history, schema.history_origin):
        writer.connection.execute(delete(table).where(_is(table, key)))
    return int(points)


def _columns(key: SeriesKey) -> dict[str, Any]:
    return {"kind": key.kind, "name": key.name, "source": key.source, "step": key.step}


def _is(table: Any, key: SeriesKey) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in _columns(key).items()))


def _key(row: Any) -> SeriesKey:
    return SeriesKey(row.kind, row.name, row.source, row.step)


def _length(step: int) -> int:
    return PERIOD_POINTS * step if step else EVENT_PERIOD


def _near(bound: int, *, after: bool) -> ColumnElement[bool]:
    """Rows whose period can hold something after (or up to) a moment, whatever their step."""
    table = schema.history.c
    length = func.coalesce(func.nullif(table.step, 0) * PERIOD_POINTS, EVENT_PERIOD)
    # A candle is known a step after it opens; one period more on either side covers that.
    return (table.period + 2) * length > bound if after else (table.period - 1) * length <= bound


def _periods(key: SeriesKey, data: Series | Candles) -> Iterable[tuple[int, Series | Candles]]:
    times = data.opens if isinstance(data, Candles) else data.times
    number = times // _length(key.step)
    edges = np.flatnonzero(np.diff(number)) + 1
    starts, ends = [0, *edges.tolist()], [*edges.tolist(), times.size]
    for start, end in zip(starts, ends, strict=True):
        if end > start:
            yield int(number[start]), _part(data, slice(start, end))


def _part(data: Series | Candles, part: slice) -> Series | Candles:
    if isinstance(data, Series):
        return Series(data.times[part], data.values[part])
    return Candles(
        data.opens[part], data.step, data.open[part], data.high[part], data.low[part], data.close[part],
        data.volume[part],
    )  # fmt: skip


def _together(pieces: list[Series | Candles]) -> Series | Candles:
    if len(pieces) == 1:
        return pieces[0]
    series = [piece for piece in pieces if isinstance(piece, Series)]
    if len(series) == len(pieces):
        return Series(
            np.concatenate([each.times for each in series]), np.concatenate([each.values for each in series])
        )
    candles = [piece for piece in pieces if isinstance(piece, Candles)]
    if len(candles) != len(pieces):
        raise MarketDataError(
            "bad_series", "expected one form of a history, found candles and values under one key"
        )
    columns = [
        np.concatenate([getattr(each, name) for each in candles])
        for name in ("open", "high", "low", "close", "volume")
    ]
    opens = np.concatenate([each.opens for each in candles])
    return Candles(opens, candles[0].step, columns[0], columns[1], columns[2], columns[3], columns[4])


def _cut(data: Series | Candles, start: int | None, end: int | None) -> Series | Candles:
    if start is None and end is None:
        return data
    earliest, latest = -(2**62), 2**62
    return data.between(earliest if start is None else start, latest if end is None else end)


def _remember(writer: Writer, recorded: Recorded, faults: list[Fault], live_since: int | None) -> None:
    """Where it came from and what was wrong, once each."""
    table, key = schema.history_origin, recorded.key
    row = writer.connection.execute(select(table.c.body).where(_is(table, key))).first()
    before = read_json(row.body) if row is not None else {"origins": [], "licences": [], "faults": []}
    said = [{"kind": f.kind, "count": f.count, "first": f.first, "detail": f.detail} for f in faults]
    body = {
        "origins": _union(before["origins"], recorded.provenance.origin.split(", "))[-KEPT_ORIGINS:],
        "licences": _union(before["licences"], [recorded.provenance.licence]),
        "faults": _union(before["faults"], said)[-KEPT_FAULTS:],
    } | ({} if live_since is None else {"live_since": live_since})
    text = canonical_json(body)
    if row is None:
        writer.connection.execute(insert(table).values(**_columns(key), at=writer.at, body=text))
    elif text != row.body:
        writer.connection.execute(update(table).where(_is(table, key)).values(at=writer.at, body=text))


def _union(before: list[Any], more: list[Any]) -> list[Any]:
    return [
        *before,
        *(each for at, each in enumerate(more) if each and each not in before and each not in more[:at]),
    ]


def _origins(connection: Connection) -> dict[SeriesKey, tuple[Provenance, tuple[Fault, ...]]]:
    found = {}
    for row in connection.execute(select(schema.history_origin)):
        body = read_json(row.body)
        faults = tuple(
            Fault(each["kind"], each["count"], each["first"], each["detail"]) for each in body["faults"]
        )
        provenance = Provenance(", ".join(body["origins"]), "; ".join(body["licences"]))
        found[_key(row)] = (provenance, faults)
    return found
