"""Brings a store of an older schema version up to this one: tables, more states, depth as market history.

One transaction, journaled; other rows stay as they are. Refuses to leave behind what refers to nothing.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from sqlalchemy import inspect, select, update
from sqlalchemy.schema import CreateTable

from vault.clock import from_iso, to_milliseconds
from vault.errors import DocumentError, StoreError
from vault.store import schema

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from vault.series import SeriesKey
    from vault.store.database import Writer

OLDER: Final = ("1", "2", "3")
# Older versions were written with fewer states of these than are known now.
_REBUILT: Final = (schema.plan, schema.intent)
# Versions before 4 kept bids within 1 % of the mid in a table of their own, and read one exchange's only.
_DEPTH: Final = "depth"
_DEPTH_EXCHANGE: Final = "binance"
_DEPTH_SYMBOL: Final = re.compile(r"([A-Z0-9]{1,15}?)(USDT|USDC)")


def is_older(version: str | None) -> bool:
    """Whether a store of that version is one this program brings up to its own."""
    return version in OLDER


def upgrade(writer: Writer) -> None:
    """Make the tables what `schema` says; nothing when another process has done it meanwhile.

    Foreign keys must not be enforced on this connection. Raises `StoreError` (``store.not_upgraded``).
    """
    connection = writer.connection
    where = schema.about.c.key == "schema_version"
    before = connection.execute(select(schema.about.c.value).where(where)).scalar()
    if not is_older(before):
        return
    for table in _REBUILT:
        _rebuild(connection, table)
    schema.metadata.create_all(connection)
    moved, dropped = _move_depth(writer)
    if dangling := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        raise StoreError(
            "not_upgraded",
            f"expected rows that refer to rows that are there, found {len(dangling)} in {dangling[0][0]}",
            hint="Nothing was changed. Run `vault audit verify` with the version that wrote this store.",
        )
    after = str(schema.SCHEMA_VERSION)
    connection.execute(update(schema.about).where(where).values(value=after))
    body = {"from": before, "to": after, "depth_moved": moved, "depth_dropped": dropped}
    writer.journal("store_upgraded", f"schema {after}", body)


def _move_depth(writer: Writer) -> tuple[int, int]:
    """The old table of depth as market history: how many readings moved, and how many could not be used.

    Of two accounts that looked at the same moment the smaller reading counts.
    """
    import numpy as np

    from vault.series import Provenance, Recorded, Series
    from vault.store import history

    connection = writer.connection
    if not inspect(connection).has_table(_DEPTH):
        return 0, 0
    found: dict[SeriesKey, dict[int, float]] = {}
    dropped = 0
    rows = connection.exec_driver_sql(f"SELECT symbol, at, bid_1pct FROM {_DEPTH}").all()  # noqa: S608
    for row in rows:
        if (reading := _depth_reading(*row)) is None:
            dropped += 1
            continue
        key, moment, bid = reading
        at_key = found.setdefault(key, {})
        at_key[moment] = min(bid, at_key.get(moment, bid))
    for key, readings in found.items():
        times = np.array(sorted(readings), dtype=np.int64)
        data = Series(times, np.array([readings[time] for time in times.tolist()]))
        history.append(writer, Recorded(key, data, Provenance("observations of this treasury")))
    connection.exec_driver_sql(f"DROP TABLE {_DEPTH}")
    return len(rows) - dropped, dropped


def _depth_reading(symbol: str, at: str, bid: str) -> tuple[SeriesKey, int, float] | None:
    """Under which key, when and how much; None for a contract of no known asset and for what is no number."""
    from vault.series import SeriesKey

    named = _DEPTH_SYMBOL.fullmatch(symbol)
    try:
        moment, value = to_milliseconds(from_iso(at)), float(bid)
    except (DocumentError, ValueError):
        return None
    if named is None or not math.isfinite(value):
        return None
    source = _DEPTH_EXCHANGE if named[2] == "USDT" else f"{_DEPTH_EXCHANGE}/{symbol}"
    return SeriesKey("depth_1pct", named[1], source), moment, value


def _rebuild(connection: Connection, table: Table) -> None:
    """The same rows under the table's present definition (https://www.sqlite.org/lang_altertable.html, 7)."""
    name, fresh = connection.dialect.identifier_preparer.format_table(table), f"upgraded_{table.name}"
    definition = str(CreateTable(table).compile(connection))
    columns = ", ".join(column.name for column in table.columns)
    for statement in (
        definition.replace(f"CREATE TABLE {name}", f"CREATE TABLE {fresh}", 1),
        f"INSERT INTO {fresh} ({columns}) SELECT {columns} FROM {name}",  # noqa: S608  -- our own names
        f"DROP TABLE {name}",
        f"ALTER TABLE {fresh} RENAME TO {name}",
    ):
        connection.exec_driver_sql(statement)
