# ruff: noqa: S608  statements are put together from this file's own numbers
"""Whoever alters, removes, reorders or rolls back the journal is found, and the row is named."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vault.clock import ManualClock
from vault.errors import AuditError
from vault.store import journal
from vault.store.database import Store
from vault.store.journal import GENESIS, JournalRow

ROWS = 6
COLUMNS = ("at", "kind", "subject", "body", "previous", "hash")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    clock = ManualClock(datetime(2026, 1, 31, 5, tzinfo=UTC))
    with Store.open(f"sqlite:///{tmp_path / 'vault.db'}", "ours", clock, create=True) as store:
        for number in range(2, ROWS + 1):
            clock.advance(1)
            with store.write() as writer:
                writer.journal("note", f"row {number}", {"number": number})
        assert store.verify().seq == ROWS
        yield store


def sql(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "vault.db")) as raw, raw:
        for statement in statements:
            raw.execute(statement)


def refused(store: Store) -> AuditError:
    with pytest.raises(AuditError) as caught:
        store.verify()
    return caught.value


@pytest.mark.parametrize("row", range(1, ROWS + 1))
@pytest.mark.parametrize("column", COLUMNS)
def test_an_altered_column_names_its_row(column: str, row: int, store: Store, tmp_path: Path) -> None:
    sql(tmp_path, f"UPDATE journal SET {column} = {column} || 'x' WHERE seq = {row}")
    error = refused(store)
    # The hash of a row is the next one's `previous`: either of the two may be named.
    assert error.code == "audit.row_altered"
    assert error.details["row"] == str(row)


@pytest.mark.parametrize("row", range(1, ROWS))
def test_a_removed_row_is_named(row: int, store: Store, tmp_path: Path) -> None:
    sql(tmp_path, f"DELETE FROM journal WHERE seq = {row}")
    error = refused(store)
    assert (error.code, error.details["row"]) == ("audit.row_missing", str(row))


@pytest.mark.parametrize("kept", range(ROWS))
def test_a_truncated_journal_is_seen_by_its_head(kept: int, store: Store, tmp_path: Path) -> None:
    sql(tmp_path, f"DELETE FROM journal WHERE seq > {kept}")
    error = refused(store)
    assert (error.code, error.details["row"]) == ("audit.truncated", str(kept + 1))


def test_two_rows_that_changed_places_are_named(store: Store, tmp_path: Path) -> None:
    sql(
        tmp_path,
        "UPDATE journal SET seq = 99 WHERE seq = 3",
        "UPDATE journal SET seq = 3 WHERE seq = 4",
        "UPDATE journal SET seq = 4 WHERE seq = 99",
    )
    error = refused(store)
    assert (error.code, error.details["row"]) == ("audit.row_altered", "3")


def test_a_journal_rewritten_with_fitting_hashes_is_seen_by_its_head(store: Store, tmp_path: Path) -> None:
    with store.read() as connection:
        found = journal.rows(connection)
    previous = GENESIS
    for row in found:
        body = '{"number":99}' if row.seq == 3 else row.body
        forged = replace(row, body=body, previous=previous, hash="")
        previous = forged.computed_hash()
        sql(
            tmp_path,
            f"UPDATE journal SET body = '{body}', previous = '{forged.previous}', hash = '{previous}' "
            f"WHERE seq = {row.seq}",
        )
    error = refused(store)
    assert (error.code, error.details["row"]) == ("audit.rewritten", str(ROWS))


def test_a_store_that_was_rolled_back_is_seen(store: Store, tmp_path: Path) -> None:
    sql(tmp_path, "PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(tmp_path / "vault.db", tmp_path / "old.db")
    with store.write() as writer:
        writer.journal("note", "a transfer", {"number": 7})
    store.close()
    for name in ("vault.db-wal", "vault.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "old.db", tmp_path / "vault.db")
    error = refused(store)
    assert (error.code, error.details["row"]) == ("audit.truncated", str(ROWS + 1))
    # Nothing is written to it, so that nothing is ever sent from it and the evidence stays.
    for _ in range(3):
        with pytest.raises(AuditError) as caught, store.write() as writer:
            writer.journal("note", "as if nothing had happened", {})
        assert (caught.value.code, caught.value.details["row"]) == ("audit.truncated", str(ROWS + 1))


def test_a_store_whose_head_is_of_another_past_is_not_written_to(store: Store, tmp_path: Path) -> None:
    head = tmp_path / "journal-head.json"
    text = '{"hash":"' + "0" * 64 + f'","seq":{ROWS}' + "}"
    head.write_text(text, encoding="utf-8")
    with pytest.raises(AuditError) as caught, store.write() as writer:
        writer.journal("note", "as if nothing had happened", {})
    assert caught.value.code == "audit.rewritten"
    assert head.read_text(encoding="utf-8") == text


def test_a_crash_while_the_store_was_made_locks_nobody_out(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2026, 1, 31, 5, tzinfo=UTC))
    with Store.open(f"sqlite:///{tmp_path / 'vault.db'}", "ours", clock, create=True) as store:
        (tmp_path / "journal-head.json").unlink()
        with pytest.raises(ZeroDivisionError), store.write() as writer:
            writer.journal("note", "a second crash", {})
            raise ZeroDivisionError
        with store.write() as writer:
            writer.journal("note", "row 2", {})
        assert store.verify().seq == 2


def test_a_row_added_past_the_program_is_named(store: Store, tmp_path: Path) -> None:
    sql(
        tmp_path,
        "INSERT INTO journal (seq, at, kind, subject, body, previous, hash) "
        f"SELECT {ROWS + 1}, at, kind, subject, body, hash, 'aa' FROM journal WHERE seq = {ROWS}",
    )
    error = refused(store)
    assert (error.code, error.details["row"]) == ("audit.row_altered", str(ROWS + 1))


def test_a_head_that_is_gone_is_not_taken_for_a_new_store(store: Store, tmp_path: Path) -> None:
    (tmp_path / "journal-head.json").unlink()
    sql(tmp_path, "DELETE FROM journal WHERE seq > 4")
    assert refused(store).code == "audit.head_missing"


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"seq":"six","hash":"x"}', '{"seq":1.5,"hash":"x"}', "\x00"]
)
def test_a_head_that_cannot_be_read_is_an_error_and_not_ignored(
    content: str, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "journal-head.json").write_text(content, encoding="utf-8")
    assert refused(store).code == "audit.head_unreadable"


def test_a_head_one_commit_behind_is_what_a_crash_leaves_and_holds(store: Store, tmp_path: Path) -> None:
    head = (tmp_path / "journal-head.json").read_bytes()
    with store.write() as writer:
        writer.journal("note", "row 7", {"number": 7})
    (tmp_path / "journal-head.json").write_bytes(head)
    assert store.verify().seq == ROWS + 1


def test_a_slow_writers_head_does_not_replace_a_newer_one(store: Store, tmp_path: Path) -> None:
    """The first commits, the second commits and writes its head, and then the first writes its own."""
    with store.read() as connection:
        old = journal.head(connection)
    with store.write() as writer:
        writer.journal("note", "row 7", {"number": 7})
    journal.write_head_file(tmp_path / "journal-head.json", old)
    sql(tmp_path, f"DELETE FROM journal WHERE seq > {ROWS}")
    assert refused(store).code == "audit.truncated"


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_single_change_of_a_row_keeps_its_hash(data: st.DataObject) -> None:
    row = JournalRow(3, "2026-01-31T05:00:00.000Z", "note", "row 3", '{"number":3}', GENESIS, "")
    column = data.draw(st.sampled_from(COLUMNS[:-1]))
    value = data.draw(st.text(max_size=20).filter(lambda text: text != getattr(row, column)))
    changed: dict[str, Any] = {column: value}
    assert replace(row, **changed).computed_hash() != row.computed_hash()
    assert replace(row, seq=4).computed_hash() != row.computed_hash()
