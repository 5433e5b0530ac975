"""`vault history`: files become history or are named; what is there can be seen, taken out and removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

GOLD = "date,gold\n2024-01-02,2064.4\n2024-01-03,2034.2\n2024-01-05,2045.0\n"
CANDLES = "timestamp,open,high,low,close,volume\n" + "\n".join(
    f"2024-01-01 {hour:02}:00:00,42000.5,42100,41900,42050.25,{hour}.5" for hour in range(24) if hour != 7
)


@pytest.fixture
def data(shell: Any) -> Path:
    folder = Path(shell.folder) / "data"
    (folder / "binance").mkdir(parents=True)
    (folder / "gold.csv").write_text(GOLD, encoding="utf-8")
    (folder / "binance" / "BTCUSDT-1h.csv").write_text(CANDLES, encoding="utf-8")
    (folder / "notes.md").write_text("# notes", encoding="utf-8")
    return folder


def test_a_folder_is_imported_and_every_file_accounted_for(shell: Any, data: Path) -> None:
    ran = shell.vault("history", "import", str(data), "--licence", "CC0-1.0", "--json")
    assert ran.status == 0, ran.err
    found = ran.document
    assert {each["file"]: each["used"] for each in found["files"]} == {
        "binance/BTCUSDT-1h.csv": True,
        "gold.csv": True,
        "notes.md": False,
    }
    assert [(each["key"], each["new"]) for each in found["kept"]] == [
        ("price:BTC:binance:1h", 23),
        ("close:XAU:gold:1d", 3),
    ]
    assert "... gold.csv" in ran.err
    again = shell.ok("history", "import", str(data))
    assert [(each["new"], each["known"], each["disputed"]) for each in again["kept"]] == [
        (0, 23, 0),
        (0, 3, 0),
    ]
    rows = shell.ok("audit", "log", "--subject", "import")["rows"]
    assert len(rows) == 1, "an import that changes nothing is not journaled"


def test_a_dry_run_says_what_files_are_and_keeps_nothing(shell: Any, data: Path) -> None:
    ran = shell.vault("history", "import", str(data), "--dry-run")
    assert ran.status == 0
    assert "price:BTC:binance:1h  23 points, 2024-01-01 to 2024-01-01 23:00" in ran.out
    assert "fault: gap: 1 gaps, about 1 missing" in ran.out
    assert "not read: a md file is no data" in ran.out
    assert "2 of 3 files read; nothing was kept (--dry-run)" in ran.out
    assert shell.ok("history", "show")["histories"] == []


def test_show_names_span_gaps_licence_and_source(shell: Any, data: Path) -> None:
    shell.ok("history", "import", str(data), "--licence", "CC0-1.0")
    by_key = {each["key"]: each for each in shell.ok("history", "show")["histories"]}
    price = by_key["price:BTC:binance:1h"]
    assert (price["points"], price["gaps"][0]["count"], price["licence"]) == (23, 1, "CC0-1.0")
    assert price["origin"] == "binance/BTCUSDT-1h.csv"
    assert by_key["close:XAU:gold:1d"]["first"] == "2024-01-03T00:00:00.000Z"
    assert [each["key"] for each in shell.ok("history", "show", "close")["histories"]] == [
        "close:XAU:gold:1d"
    ]
    assert len(shell.ok("history", "show", "--asset", "btc")["histories"]) == 1
    text = shell.vault("history", "show", "--gaps", COLUMNS="100").out
    assert "CC0-1.0" in text
    assert "gap, first 2024-01-01T06:00:00.000Z: 1 gaps, about 1 missing" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_a_history_is_exported_with_the_moments_it_was_known(shell: Any, data: Path) -> None:
    shell.ok("history", "import", str(data))
    lines = shell.vault("history", "export", "close:XAU:gold", "--csv").out.splitlines()
    assert lines[:2] == ["known_at,value", "2024-01-03T00:00:00.000Z,2064.4"]
    rows = shell.ok("history", "export", "price:BTC:binance:1h")["rows"]
    assert rows[1][:4] == ["2024-01-01T01:00:00.000Z", "2024-01-01T02:00:00.000Z", "42000.5", "42100.0"]
    shell.fails(26, "market.no_history", "history", "export", "price:ETH:binance")
    assert shell.vault("history", "export", "close:XAU:gold", "--csv", "--json").status == 2


def test_an_exported_history_says_what_it_said_when_it_is_imported_again(shell: Any, data: Path) -> None:
    shell.ok("history", "import", str(data))
    exported = shell.vault("history", "export", "price:BTC:binance").out
    (data / "binance" / "BTC_1h_again.csv").write_text(exported, encoding="utf-8")
    (again,) = shell.ok("history", "import", str(data / "binance" / "BTC_1h_again.csv"), "--dry-run")["files"]
    (found,) = again["histories"]
    assert (found["points"], found["first"]) == (23, "2024-01-01T00:00:00.000Z")
    gold = shell.vault("history", "export", "close:XAU:gold").out
    (data / "gold_again.csv").write_text(gold, encoding="utf-8")
    (again,) = shell.ok("history", "import", str(data / "gold_again.csv"), "--dry-run")["files"]
    assert again["histories"][0]["first"] == "2024-01-03T00:00:00.000Z", "not later by another day"


def test_nothing_recognised_is_exit_status_26_with_the_reasons(shell: Any, data: Path) -> None:
    ran = shell.vault("history", "import", str(data / "notes.md"), "--json")
    assert ran.status == 26
    assert ran.document["files"][0]["reasons"] == ["a md file is no data"]
    shell.fails(26, "market.unreadable", "history", "import", "no-such-folder")


def test_a_mapping_is_used_and_its_faults_have_lines(shell: Any, data: Path) -> None:
    table = (
        '[[feed]]\nname = "gold-fix"\nkind = "close"\nasset = "XAU"\nwhere = "gold.csv"\nformat = "csv"\n'
        'time = "date"\nvalue = "gold"\nstep_seconds = 86400\n'
    )
    (data / "map.toml").write_text(table, encoding="utf-8")
    found = shell.ok("history", "import", str(data / "gold.csv"), "--mapping", str(data / "map.toml"))
    assert found["kept"][0]["key"] == "close:XAU:gold-fix:1d"
    (data / "map.toml").write_text(table + "lag = 1\n", encoding="utf-8")
    error = shell.fails(
        10, "document.invalid", "history", "import", str(data), "--mapping", str(data / "map.toml")
    )
    assert "map.toml:10:1: feed 1 (gold-fix).lag: unknown key" in error["message"]


def test_a_history_is_removed_only_with_write(shell: Any, data: Path) -> None:
    shell.ok("history", "import", str(data))
    assert shell.ok("history", "forget", "close:XAU:gold") == {
        "key": "close:XAU:gold:1d",
        "points": 3,
        "removed": False,
    }
    assert len(shell.ok("history", "show")["histories"]) == 2
    assert shell.ok("history", "forget", "close:XAU:gold", "--write")["removed"] is True
    assert [each["key"] for each in shell.ok("history", "show")["histories"]] == ["price:BTC:binance:1h"]
    assert len(shell.ok("audit", "log", "--subject", "forget")["rows"]) == 1


def test_a_fetch_without_any_source_says_so(shell: Any) -> None:
    ran = shell.vault("history", "fetch", "--since", "2026-01-01")
    assert (ran.status, ran.out) == (0, "No source is configured, or none is due: see docs/history.md.\n")
    assert shell.vault("history", "fetch", "--since", "yesterday").status == 2


def test_a_kind_that_is_none_is_refused(shell: Any) -> None:
    error = shell.fails(2, "usage.refused", "history", "show", "forecast")
    assert "price, mark, funding" in error["message"]
