"""A store of version 1 becomes one of this version when it is opened: whole and journaled, or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from vault.canonical import read_json
from vault.clock import ManualClock
from vault.errors import StoreError
from vault.store import coins as said
from vault.store import history, journal, records, schema, upgrade
from vault.store.database import Store
from vault.store.records import IntentRow, PlanRow

CLOCK = ManualClock(datetime(2026, 1, 31, 5, tzinfo=UTC))
PLAN = PlanRow("a" * 16, "a" * 64, "2026-01-31T05:00:00.000Z", "2026-01-31T05:30:00.000Z", "proposed", "{}")
STEP = IntentRow("v1", "a" * 16, 1, 1, "spend", "planned", None, "2026-01-31T05:00:00.000Z", "", "{}")
VERSION_4_TABLES = ("history", "history_origin")
VERSION_3_TABLES = ("venue_account", "venue_freeze", "lead_time")
NEWER_TABLES = ("coin_mark", "label", "given_address", "first_payment", *VERSION_3_TABLES, *VERSION_4_TABLES)
# The states that the first stores of version 1 knew.
OLD_STATES = {
    "plan": "'proposed','approved','sending','done','failed','frozen','cancelled'",
    "intent": "'planned','signing','signed','submitting','unknown','unsent','accepted','sent','done',"
    "'refused','cancelled'",
}


# Where stores before version 4 kept depth, and what one of them held of it.
DEPTH_TABLE = (
    "CREATE TABLE depth (venue VARCHAR(40), symbol VARCHAR(40), at VARCHAR(24), bid_1pct VARCHAR(64), "
    "PRIMARY KEY (venue, symbol, at))"
)
DEPTH_ROWS = (
    ("main", "BTCUSDT", "2026-01-30T05:00:00.000Z", "812.5"),
    ("main", "BTCUSDT", "2026-01-30T06:00:00.000Z", "790"),
    ("other", "BTCUSDT", "2026-01-30T06:00:00.000Z", "788.25"),
    ("main", "ETHUSDC", "2026-01-30T06:00:00.000Z", "4000"),
    ("main", "BTC-PERPETUAL", "2026-01-30T06:00:00.000Z", "1"),
    ("main", "BTCUSDT", "yesterday", "1"),
    ("main", "BTCUSDT", "2026-01-30T07:00:00.000Z", "much"),
    ("main", "BTCUSDT", "2026-01-30T08:00:00.000Z", "inf"),
)


def url(folder: Path) -> str:
    return f"sqlite:///{folder / 'vault.db'}"


def opened(folder: Path, treasury_id: str = "ours") -> Store:
    return Store.open(url(folder), treasury_id, CLOCK)


def with_depth(raw: sqlite3.Connection) -> None:
    raw.execute(DEPTH_TABLE)
    raw.executemany("INSERT INTO depth VALUES (?, ?, ?, ?)", DEPTH_ROWS)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store as its first version left it: a plan, a step, fewer tables, narrower states."""
    with Store.open(url(tmp_path), "ours", CLOCK, create=True) as store, store.write() as writer:
        records.save_plan(writer, PLAN)
        records.save_approval(writer, PLAN.plan_id, "alice", {"signed": "x"})
        records.save_intent(writer, STEP)
    with sqlite3.connect(tmp_path / "vault.db") as raw:
        for name in NEWER_TABLES:
            raw.execute(f"DROP TABLE {name}")
        with_depth(raw)
        raw.execute("PRAGMA writable_schema=ON")
        for name, states in OLD_STATES.items():
            (sql,) = raw.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()
            before, _, rest = sql.partition("state IN (")
            narrowed = f"{before}state IN ({states}{rest[rest.index(')') :]}"
            raw.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (narrowed, name))
        raw.execute("UPDATE about SET value = '1' WHERE key = 'schema_version'")
    raw.close()
    return tmp_path


def test_a_store_of_version_1_is_upgraded_when_it_is_opened_and_says_so(old: Path) -> None:
    with opened(old) as store:
        head = store.verify()
        with store.read() as connection:
            rows = list(journal.rows(connection))
            assert records.find_plan(connection, PLAN.plan_id) == PLAN
            assert records.intents(connection) == [STEP]
            assert records.approvals(connection, PLAN.plan_id) == [("alice", {"signed": "x"})]
        assert (rows[-1].kind, rows[-1].subject) == ("store_upgraded", f"schema {schema.SCHEMA_VERSION}")
    with opened(old) as again:
        assert again.verify() == head, "once"


def test_the_new_tables_and_states_are_there_and_the_old_bounds_hold(old: Path) -> None:
    with opened(old) as store:
        with store.write() as writer:
            said.give(writer, "cold", 1, "bcrt1q", said.Said("anna", "rent"))
            said.set_label(writer, "tx", "ab" * 32, "rent", "anna")
            records.set_plan_state(writer, PLAN.plan_id, frozenset({"proposed"}), "replaced", "test")
            signed = records.move_intent(
                writer, records.move_intent(writer, STEP, "submitting"), "closed_by_person"
            )
        assert signed.state == "closed_by_person"
        with pytest.raises(IntegrityError), store.write() as writer:
            records.set_plan_state(writer, PLAN.plan_id, frozenset({"replaced"}), "no such state", "test")
        with pytest.raises(IntegrityError), store.write() as writer:
            records.save_approval(writer, "b" * 16, "alice", {})


def test_an_upgraded_store_has_the_tables_of_a_new_one(old: Path) -> None:
    def tables(folder: Path) -> list[tuple[str, str]]:
        with sqlite3.connect(folder / "vault.db") as raw:
            found = raw.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
            rows = [(name, " ".join(sql.replace('"', "").split())) for name, sql in found]
        raw.close()
        return rows

    opened(old).close()
    Store.open(url(old / "new"), "ours", CLOCK, create=True).close()
    assert tables(old) == tables(old / "new")


def _rename_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StoreError("unwritable", "no space left")

    monkeypatch.setattr(schema.metadata, "create_all", fail)


def _a_row_dangles(monkeypatch: pytest.MonkeyPatch) -> None:
    rebuild = upgrade._rebuild

    def lose(connection: object, table: object) -> None:
        rebuild(connection, table)  # type: ignore[arg-type]
        if table is schema.plan:
            connection.exec_driver_sql("DELETE FROM plan")  # type: ignore[attr-defined]

    monkeypatch.setattr(upgrade, "_rebuild", lose)


@pytest.mark.parametrize("fault", [_rename_fails, _a_row_dangles])
def test_an_upgrade_that_fails_half_way_leaves_the_old_store(
    old: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None]
) -> None:
    fault(monkeypatch)
    with pytest.raises(StoreError):
        opened(old)
    monkeypatch.undo()
    with sqlite3.connect(old / "vault.db") as raw:
        names = {name for (name,) in raw.execute("SELECT name FROM sqlite_schema")}
        assert not names & {*NEWER_TABLES, "upgraded_plan", "upgraded_intent"}
        assert raw.execute("SELECT count(*) FROM intent").fetchone() == (1,)
    raw.close()
    with opened(old) as store:
        store.verify()


def test_another_treasurys_store_is_not_touched(old: Path) -> None:
    with pytest.raises(StoreError) as caught:
        opened(old, "theirs")
    assert caught.value.code == "store.other_treasury"
    with sqlite3.connect(old / "vault.db") as raw:
        assert raw.execute("SELECT value FROM about WHERE key = 'schema_version'").fetchone() == ("1",)
    raw.close()


def test_foreign_keys_are_enforced_again_after_the_upgrade(old: Path) -> None:
    with opened(old) as store, pytest.raises(IntegrityError), store.write() as writer:
        records.save_intent(writer, IntentRow("v2", "b" * 16, 1, 1, "spend", "planned", None, "x", "", "{}"))


@pytest.fixture
def third(tmp_path: Path) -> Path:
    """A store of version 3: a plan, no market history, depth in a table of its own."""
    with Store.open(url(tmp_path), "ours", CLOCK, create=True) as store, store.write() as writer:
        records.save_plan(writer, PLAN)
    with sqlite3.connect(tmp_path / "vault.db") as raw:
        for name in VERSION_4_TABLES:
            raw.execute(f"DROP TABLE {name}")
        with_depth(raw)
        raw.execute("UPDATE about SET value = '3' WHERE key = 'schema_version'")
    raw.close()
    return tmp_path


def test_a_store_of_version_3_keeps_its_rows_and_its_depth_becomes_history(third: Path) -> None:
    with opened(third) as store:
        store.verify()
        with store.read() as connection:
            assert records.find_plan(connection, PLAN.plan_id) == PLAN
            kept = history.load(connection)
            journaled = list(journal.rows(connection))[-1]
    found = {str(key): item.data.values.tolist() for key, item in kept.recorded.items()}
    assert found == {
        "depth_1pct:BTC:binance": [812.5, 788.25],
        "depth_1pct:ETH:binance/ETHUSDC": [4000.0],
    }
    assert journaled.kind == "store_upgraded"
    assert read_json(journaled.body) == {"from": "3", "to": "4", "depth_moved": 4, "depth_dropped": 4}
    with sqlite3.connect(third / "vault.db") as raw:
        assert not raw.execute("SELECT name FROM sqlite_schema WHERE name = 'depth'").fetchall()
    raw.close()


def test_a_store_that_never_looked_at_a_book_is_upgraded_too(third: Path) -> None:
    with sqlite3.connect(third / "vault.db") as raw:
        raw.execute("DELETE FROM depth")
    raw.close()
    with opened(third) as store, store.read() as connection:
        assert history.overview(connection) == ()


def test_depth_that_cannot_be_moved_leaves_the_old_store(
    third: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreError("unwritable", "no space left")

    monkeypatch.setattr(history, "append", fail)
    with pytest.raises(StoreError):
        opened(third)
    monkeypatch.undo()
    with sqlite3.connect(third / "vault.db") as raw:
        assert raw.execute("SELECT count(*) FROM depth").fetchone() == (len(DEPTH_ROWS),)
        assert raw.execute("SELECT value FROM about WHERE key = 'schema_version'").fetchone() == ("3",)
    raw.close()
    opened(third).close()
