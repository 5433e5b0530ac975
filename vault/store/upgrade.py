"""Brings a store of an older schema version up to this one: missing tables, more states of plans and steps.

One transaction, journaled; rows stay as they are. Refuses to leave anything behind that refers to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select, update
from sqlalchemy.schema import CreateTable

from vault.errors import StoreError
from vault.store import schema

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection

    from vault.store.database import Writer

OLDER: Final = ("1", "2", "3")
# Older versions were written with fewer states of these than are known now.
_REBUILT: Final = (schema.plan, schema.intent)


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
    if dangling := connection.exec_driver_sql("PRAGMA foreign_key_check").all():
        raise StoreError(
            "not_upgraded",
            f"expected rows that refer to rows that are there, found {len(dangling)} in {dangling[0][0]}",
            hint="Nothing was changed. Run `vault audit verify` with the version that wrote this store.",
        )
    after = str(schema.SCHEMA_VERSION)
    connection.execute(update(schema.about).where(where).values(value=after))
    writer.journal("store_upgraded", f"schema {after}", {"from": before, "to": after})


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
