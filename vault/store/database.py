"""Opens the store: SQLite in WAL mode, synced to disk at every commit, files readable by the owner only.

Refuses a store of a newer schema version or another treasury; an older one is upgraded. Every write happens
in `Store.write`, which takes the write lock first, so that two processes never act on the same state.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, insert, select
from sqlalchemy.exc import DBAPIError, OperationalError

from vault.clock import Clock, to_iso
from vault.errors import StoreError
from vault.store import journal as chain
from vault.store import schema, upgrade

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

BUSY_SECONDS = 10  # how long a command waits for another one that is writing


class Store:
    """The treasury's memory. Use as a context manager, or call `close`."""

    def __init__(self, engine: Engine, clock: Clock, head_path: Path) -> None:
        self._engine = engine
        self._clock = clock
        self._head_path = head_path

    @classmethod
    def open(cls, url: str, treasury_id: str, clock: Clock, *, create: bool = False) -> Store:
        """Open (or with `create` make) the store at `url`.

        Raises `StoreError` (``store.missing``, ``store.other_version``, ``store.other_treasury``).
        """
        path = sqlite_path(url)
        if path is None:
            raise StoreError(
                "unsupported",
                f"expected a store such as sqlite:///state/vault.db, found a {url.partition(':')[0]} one",
                hint="Other databases need locks and an outside head of their own; they are not built yet.",
            )
        _prepare_file(path, create=create)
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _configure_sqlite)
        store = cls(engine, clock, path.with_name("journal-head.json"))
        try:
            if create:
                store._create(treasury_id)
            store._upgrade(treasury_id)
            store._check(treasury_id)
        except DBAPIError as error:
            store.close()
            raise StoreError("unreadable", f"{url}: {error.orig}", hint=_hint(str(error.orig))) from None
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; nothing is written."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """One transaction with the write lock held from its start; synced to disk when it ends.

        Raises `StoreError` (``store.busy``, ``store.unwritable``); what was in the transaction is then not
        written at all.
        """
        with self._engine.connect() as connection, self._writing(connection) as writer:
            yield writer

    @contextmanager
    def _writing(self, connection: Connection) -> Iterator[Writer]:
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            writer = Writer(connection, to_iso(self._clock.now()), self._head_path)
            yield writer
            connection.commit()
        except OperationalError as error:
            connection.rollback()
            raise _not_written(error) from None
        except BaseException:
            connection.rollback()
            raise
        if writer.head is not None:
            try:
                chain.write_head_file(self._head_path, writer.head)
            except OSError as error:
                raise StoreError(
                    "unwritable",
                    f"{self._head_path}: {error.strerror}",
                    hint="The store was written, its head beside it was not. Free the disk and go on.",
                ) from None

    def verify(self) -> chain.Head:
        """Check the whole journal. Raises `AuditError`."""
        outside = chain.read_head_file(self._head_path)
        with self.read() as connection:
            found = chain.verify(connection, outside)
        if outside is None and found.seq > 1:
            raise chain.head_missing(self._head_path)
        return found

    def _create(self, treasury_id: str) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            schema.metadata.create_all(connection)
            if connection.execute(select(schema.about.c.key)).first() is not None:
                return
            values = {"schema_version": str(schema.SCHEMA_VERSION), "treasury_id": treasury_id}
            connection.execute(insert(schema.about), [{"key": k, "value": v} for k, v in values.items()])
            head = chain.append(
                connection, to_iso(self._clock.now()), "store_created", treasury_id, dict(values)
            )
        chain.write_head_file(self._head_path, head)

    def _about(self) -> dict[str, str]:
        with self.read() as connection:
            return {row.key: row.value for row in connection.execute(select(schema.about))}

    def _upgrade(self, treasury_id: str) -> None:
        """Bring an older store of this treasury up to this version, in one transaction."""
        found = self._about()
        if found.get("treasury_id") != treasury_id or not upgrade.is_older(found.get("schema_version")):
            return
        with self._engine.connect() as connection:
            # SQLite drops a table that others refer to only so, and only outside of a transaction.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            try:
                with self._writing(connection) as writer:
                    upgrade.upgrade(writer)
            finally:
                connection.exec_driver_sql("PRAGMA foreign_keys=ON")

    def _check(self, treasury_id: str) -> None:
        found = self._about()
        if found.get("treasury_id") != treasury_id:
            raise StoreError(
                "other_treasury",
                f"expected the store of {treasury_id!r}, found that of {found.get('treasury_id')!r}",
                hint="treasury.toml points at another treasury's store.",
            )
        if found.get("schema_version") != str(schema.SCHEMA_VERSION):
            raise StoreError(
                "other_version",
                f"expected schema version {schema.SCHEMA_VERSION} or older, found "
                f"{found.get('schema_version')}",
                hint="Use the version of vault that wrote this store, or a newer one.",
            )


class Writer:
    """A write transaction: SQL through `connection`, the journal through `journal`."""

    def __init__(self, connection: Connection, at: str, head_path: Path) -> None:
        self.connection = connection
        self.at = at
        self.head: chain.Head | None = None
        self._head_path = head_path

    def journal(self, kind: str, subject: str, body: object) -> None:
        """Append to the journal in this transaction. Raises `AuditError` for a store that was rolled back."""
        if self.head is None:
            chain.require_continuing(self.connection, self._head_path)
        self.head = chain.append(self.connection, self.at, kind, subject, body)


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; None for another database."""
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def _hint(said: str) -> str:
    """What to do about SQLite's words (https://www.sqlite.org/rescode.html)."""
    if "unable to open" in said or "readonly" in said:
        return "The store's folder must be writable for this user: SQLite keeps files beside the store."
    if "disk I/O" in said or "full" in said:
        return "Look at the disk: no space left, or it fails. `vault audit verify` checks what is there."
    if "not a database" in said or "malformed" in said:
        return "The file is damaged or is no store. Restore it, then run `vault audit verify`."
    return "Check the store's file and the folder it is in."


def _prepare_file(path: Path, *, create: bool) -> None:
    if not create:
        if not path.is_file():
            raise StoreError("missing", f"{path}: no such store", hint="Run `vault init` first.")
        return
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    path.chmod(0o600)


def _configure_sqlite(connection: Any, _record: object) -> None:
    # pysqlite must not open transactions by itself: BEGIN IMMEDIATE is ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS}000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _not_written(error: OperationalError) -> StoreError:
    said = str(error.orig)
    if "locked" in said or "busy" in said:
        return StoreError(
            "busy",
            f"another process has been writing for more than {BUSY_SECONDS} s",
            hint="Wait for the other `vault` command to end, then try again.",
        )
    return StoreError("unwritable", f"the store could not be written: {said}", hint=_hint(said))
