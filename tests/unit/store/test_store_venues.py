"""Freezes, bindings and lead times in the store: written once, journaled, lifted by a person only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from vault.clock import ManualClock
from vault.errors import StoreError
from vault.store import journal, schema, venues
from vault.store.coins import Said
from vault.store.database import Store

CLOCK = ManualClock(datetime(2026, 1, 31, 5, tzinfo=UTC))


def opened(folder: Path, *, create: bool = False) -> Store:
    return Store.open(f"sqlite:///{folder / 'v.db'}", "ours", CLOCK, create=create)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path, create=True) as made:
        yield made


def kinds(store: Store) -> list[tuple[str, str]]:
    with store.read() as connection:
        return [(row.kind, row.subject) for row in journal.rows(connection)][1:]


def test_a_freeze_outlives_the_process_and_keeps_its_first_finding(tmp_path: Path) -> None:
    with opened(tmp_path, create=True) as store, store.write() as writer:
        venues.freeze_venue(writer, "trading", "denied.deposit_address_changed", "expected a, found b")
    with opened(tmp_path) as store:
        with store.write() as writer:
            again = venues.freeze_venue(writer, "trading", "denied.account_changed", "x" * 900)
        with store.read() as connection:
            assert venues.freezes(connection) == [again]
        assert again.code == "denied.deposit_address_changed"
        assert kinds(store) == [("venue_frozen", "trading")] * 2


def test_lifting_names_the_person_and_lifts_nothing_twice(store: Store) -> None:
    with store.write() as writer:
        venues.freeze_venue(writer, "trading", "denied.x", "why")
    with store.write() as writer:
        venues.lift_freeze(writer, "trading", Said("anna", "called the venue"))
    with store.read() as connection:
        assert venues.freeze_of(connection, "trading") is None
        (last,) = (row for row in journal.rows(connection) if row.kind == "venue_lifted")
    assert '"by":"anna"' in last.body
    assert "called the venue" in last.body
    with pytest.raises(StoreError) as caught, store.write() as writer:
        venues.lift_freeze(writer, "trading", Said("anna", "again"))
    assert caught.value.code == "store.venue_not_frozen"


def test_a_name_stands_for_the_account_it_stood_for_first(store: Store) -> None:
    with store.write() as writer:
        assert venues.bind_uid(writer, "trading", "77") == "77"
        assert venues.bind_uid(writer, "trading", "78") == "77"
    assert kinds(store) == [("venue_account", "trading")]


@pytest.mark.parametrize(("direction", "seconds"), [("sideways", 1), ("deposit", -1)])
def test_no_lead_time_of_another_kind_is_kept(store: Store, direction: str, seconds: int) -> None:
    way = venues.Way("trading", "BTC", "BTC", direction)  # type: ignore[arg-type]
    with pytest.raises(IntegrityError), store.write() as writer:
        venues.save_lead_time(writer, "v1", way, seconds)


def test_a_store_of_version_2_gets_the_tables_of_this_one(tmp_path: Path) -> None:
    opened(tmp_path, create=True).close()
    with sqlite3.connect(tmp_path / "v.db") as raw:
        for name in ("venue_account", "venue_freeze", "lead_time"):
            raw.execute(f"DROP TABLE {name}")
        raw.execute("UPDATE about SET value = '2' WHERE key = 'schema_version'")
    raw.close()
    with opened(tmp_path) as store:
        with store.write() as writer:
            venues.freeze_venue(writer, "trading", "denied.x", "why")
        assert ("store_upgraded", f"schema {schema.SCHEMA_VERSION}") in kinds(store)
        store.verify()
