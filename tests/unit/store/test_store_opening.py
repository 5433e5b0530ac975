"""The store opens only what is this treasury's, of this version and readable; its files are private."""

from __future__ import annotations

import sqlite3
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vault.clock import ManualClock
from vault.errors import StoreError
from vault.store import database, records
from vault.store.database import Store

CLOCK = ManualClock(datetime(2026, 1, 31, 5, tzinfo=UTC))


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'state' / 'vault.db'}"


def make(folder: Path) -> Store:
    return Store.open(url(folder), "ours", CLOCK, create=True)


def code_of(folder: Path, treasury_id: str = "ours") -> str:
    with pytest.raises(StoreError) as caught:
        Store.open(url(folder), treasury_id, CLOCK).close()
    return caught.value.code


def test_every_file_of_the_store_is_the_owners_only(tmp_path: Path) -> None:
    with make(tmp_path) as store:
        with store.write() as writer:
            records.save_document(writer, "note", {"text": "x"})
        files = sorted((tmp_path / "state").iterdir())
        assert {"vault.db", "vault.db-wal", "journal-head.json"} <= {file.name for file in files}
        for file in files:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_missing_store_is_not_made_by_opening_it(tmp_path: Path) -> None:
    assert code_of(tmp_path) == "store.missing"
    assert not (tmp_path / "state").exists()


def test_refuses_another_kind_of_database_without_repeating_its_password() -> None:
    with pytest.raises(StoreError) as caught:
        Store.open("postgresql://vault:hunter2@127.0.0.1/vault", "ours", CLOCK)
    assert caught.value.code == "store.unsupported"
    assert "hunter2" not in str(caught.value)


def test_refuses_the_store_of_another_treasury(tmp_path: Path) -> None:
    make(tmp_path).close()
    assert code_of(tmp_path, "theirs") == "store.other_treasury"


@pytest.mark.parametrize("version", ["0", "5", "", "one"])
def test_refuses_a_newer_schema_version_and_what_is_none(version: str, tmp_path: Path) -> None:
    make(tmp_path).close()
    with sqlite3.connect(tmp_path / "state" / "vault.db") as raw:
        raw.execute("UPDATE about SET value = ? WHERE key = 'schema_version'", (version,))
    raw.close()
    assert code_of(tmp_path) == "store.other_version"


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be read as one" * 40])
def test_refuses_a_file_that_is_no_store(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "vault.db").write_bytes(content)
    assert code_of(tmp_path) == "store.unreadable"


def test_making_a_store_twice_changes_nothing(tmp_path: Path) -> None:
    with make(tmp_path) as store:
        before = store.verify()
    with make(tmp_path) as store:
        assert store.verify() == before


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with make(tmp_path) as store:
        before = store.verify()
        with pytest.raises(ZeroDivisionError), store.write() as writer:
            records.save_document(writer, "note", {"text": "x"})
            raise ZeroDivisionError
        with store.read() as connection:
            assert records.latest_document(connection, "note") is None
        assert store.verify() == before


def test_a_second_writer_is_told_that_the_store_is_busy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    with make(tmp_path) as first, make(tmp_path) as second, first.write() as writer:
        records.save_document(writer, "note", {"text": "x"})
        with pytest.raises(StoreError) as caught, second.write():
            pass
        assert caught.value.code == "store.busy"
        with second.read() as connection:  # readers are never held up
            assert records.latest_document(connection, "note") is None


def test_writers_side_by_side_lose_nothing(tmp_path: Path) -> None:
    make(tmp_path).close()

    def work(number: int) -> None:
        with Store.open(url(tmp_path), "ours", CLOCK) as store:
            for count in range(8):
                with store.write() as writer:
                    records.save_document(writer, "note", {"by": number, "count": count})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store.open(url(tmp_path), "ours", CLOCK) as store:
        assert store.verify().seq == 1 + 4 * 8


def test_a_reader_sees_one_moment_only(tmp_path: Path) -> None:
    with make(tmp_path) as store, store.read() as connection:
        assert records.documents(connection, "note") == []
        with store.write() as writer:
            records.save_document(writer, "note", {"text": "x"})
        assert records.documents(connection, "note") == []


def test_an_altered_document_is_not_handed_out(tmp_path: Path) -> None:
    with make(tmp_path) as store:
        with store.write() as writer:
            name = records.save_document(writer, "address_book", {"text": "ours"})
        with sqlite3.connect(tmp_path / "state" / "vault.db") as raw:
            raw.execute('UPDATE document SET body = \'{"text":"theirs"}\' WHERE digest = ?', (name,))
        raw.close()
        with store.read() as connection, pytest.raises(StoreError) as caught:
            records.document(connection, name)
        assert caught.value.code == "store.document_altered"


def test_a_full_disk_is_told_and_nothing_of_the_transaction_is_kept(tmp_path: Path) -> None:
    with make(tmp_path) as store:
        before = store.verify()
        with pytest.raises(StoreError) as caught, store.write() as writer:
            pages = writer.connection.exec_driver_sql("PRAGMA page_count").scalar()
            writer.connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            for number in range(50):
                records.save_document(writer, "note", {"number": number, "text": "x" * 10_000})
        assert caught.value.code == "store.unwritable"
        assert "full" in caught.value.message
        assert store.verify() == before


def test_a_head_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _head: object) -> None:
        raise OSError(28, "No space left on device")

    with make(tmp_path) as store:
        monkeypatch.setattr(database.chain, "write_head_file", full)
        with pytest.raises(StoreError) as caught, store.write() as writer:
            writer.journal("note", "x", {})
        assert caught.value.code == "store.unwritable"
        monkeypatch.undo()
        assert store.verify().seq == 2, "the row itself is there, and the head may lag"
