"""The hash-chained journal: every step of the treasury, in order, each row bound to the one before.

Refuses to go on from a broken chain: `verify` names the first altered row. The head is also kept in a
file beside the store, so that a truncated or rolled-back store is seen.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from vault.canonical import canonical_json, digest, read_json
from vault.errors import AuditError, VaultError
from vault.files import write_private
from vault.store.schema import journal

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One journal entry; `body` is canonical JSON text, `hash` binds all other columns."""

    seq: int
    at: str
    kind: str
    subject: str
    body: str
    previous: str
    hash: str

    def computed_hash(self) -> str:
        return digest([self.seq, self.at, self.kind, self.subject, self.body, self.previous])

    def as_json(self) -> dict[str, object]:
        return {
            "seq": self.seq,
            "at": self.at,
            "kind": self.kind,
            "subject": self.subject,
            "body": read_json(self.body),
            "hash": self.hash,
        }


@dataclass(frozen=True, slots=True)
class Head:
    """Where the journal stands: number of rows and the hash of the last."""

    seq: int
    hash: str


def head(connection: Connection) -> Head:
    """The last row's number and hash; (0, zeros) for an empty journal."""
    row = connection.execute(
        select(journal.c.seq, journal.c.hash).order_by(journal.c.seq.desc()).limit(1)
    ).first()
    return Head(row.seq, row.hash) if row else Head(0, GENESIS)


def append(connection: Connection, at: str, kind: str, subject: str, body: object) -> Head:
    """Add a row inside the caller's transaction and return the new head."""
    last = head(connection)
    row = JournalRow(last.seq + 1, at, kind, subject, canonical_json(body), last.hash, "")
    hashed = row.computed_hash()
    connection.execute(
        insert(journal).values(
            seq=row.seq,
            at=at,
            kind=kind,
            subject=subject,
            body=row.body,
            previous=row.previous,
            hash=hashed,
        )
    )
    return Head(row.seq, hashed)


def rows(connection: Connection, subject: str | None = None) -> list[JournalRow]:
    """All rows in order, or those of one subject."""
    query = select(journal).order_by(journal.c.seq)
    if subject is not None:
        query = query.where(journal.c.subject == subject)
    return [JournalRow(*row) for row in connection.execute(query)]


def verify(connection: Connection, outside: Head | None) -> Head:
    """Walk the whole chain and compare it with the head held outside the store.

    Raises `AuditError` naming the first row that was altered, removed or added out of order.
    """
    previous, count = GENESIS, 0
    for row in rows(connection):
        count += 1
        if row.seq != count:
            raise AuditError("row_missing", f"expected row {count}, found row {row.seq}", row=str(count))
        if row.previous != previous or row.computed_hash() != row.hash:
            raise AuditError(
                "row_altered",
                f"row {row.seq} ({row.kind} {row.subject}, {row.at}) was altered after it was written",
                hint="Restore the store from a copy; compare with the other operators' journals.",
                row=str(row.seq),
            )
        previous = row.hash
        if outside and outside.seq == row.seq and outside.hash != row.hash:
            raise AuditError(
                "rewritten",
                f"row {row.seq} differs from the head that was kept outside the store",
                row=str(row.seq),
            )
    if outside and outside.seq > count:
        raise AuditError(
            "truncated",
            f"expected at least {outside.seq} rows, found {count}: the end of the journal is missing",
            hint="The store was rolled back or truncated. Do not send anything from it.",
            row=str(count + 1),
        )
    return Head(count, previous)


def require_continuing(connection: Connection, path: Path) -> None:
    """Before anything is appended: the head kept outside is a row of this journal.

    Raises `AuditError`: a store that was rolled back is not written to, so nothing is sent from it. The
    caller holds the write lock, so the head is never ahead of an honest journal; a crash leaves it behind.
    """
    outside, inside = read_head_file(path), head(connection)
    if outside is None:
        if inside.seq > 1:
            raise head_missing(path)
        if inside.seq == 1:  # a crash while the store was made
            write_head_file(path, inside)
        return
    found = connection.execute(select(journal.c.hash).where(journal.c.seq == outside.seq)).scalar()
    if found != outside.hash:
        raise AuditError(
            "rewritten" if found is not None else "truncated",
            f"row {outside.seq} is {'another' if found is not None else 'missing'}, says the head that was "
            "kept outside the store",
            hint="The store was rolled back or truncated. Do not send anything from it.",
            row=str(outside.seq if found is not None else inside.seq + 1),
        )


def head_missing(path: Path) -> AuditError:
    """The error for a store whose head is gone."""
    return AuditError(
        "head_missing",
        f"expected the journal's head in {path}, found no such file",
        hint="Restore it with the store it belongs to. Without it a rolled-back store cannot be told.",
        row="1",
    )


def read_head_file(path: Path) -> Head | None:
    """The head kept outside the store; None when there is none yet. Raises `AuditError`."""
    try:
        value = read_json(path.read_text(encoding="utf-8"))
        return Head(int(value["seq"]), str(value["hash"]))
    except FileNotFoundError:
        return None
    except (VaultError, KeyError, TypeError, ValueError, OSError) as error:
        raise AuditError("head_unreadable", f"{path}: not a journal head ({type(error).__name__})") from None


def write_head_file(path: Path, value: Head) -> None:
    """Replace the head file atomically (mode 0600), never by an older head: writers may come late."""
    with _alone(path.with_name(f".{path.name}.lock")):
        try:
            present = read_head_file(path)
        except AuditError:
            return  # what somebody did to it is for `verify` to report, not to be wiped out
        if present is None or present.seq < value.seq:
            write_private(path, f"{canonical_json({'seq': value.seq, 'hash': value.hash})}\n".encode())


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # ends with the descriptor, and with a killed process
        yield
    finally:
        os.close(descriptor)
