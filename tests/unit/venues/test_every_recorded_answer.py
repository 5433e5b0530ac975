"""Every recorded balance and position, as `python -m tests.recorded.venues` shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.recorded import venues
from tests.recorded.fixtures import Recording, fixtures_path
from tests.recorded.reading import Number, Reading, faults


@pytest.fixture
def rows(shared_dir: Path, recording: Callable[[str], Recording]) -> tuple[venues.Row, ...]:
    for exchange in venues.READERS:
        recording(exchange)
    return tuple(venues.rows(fixtures_path(shared_dir)))


def test_every_answer_is_read_exactly_or_refused_with_a_code(rows: tuple[venues.Row, ...]) -> None:
    assert [f"{row.exchange} {row.fixture}: {fault}" for row in rows for fault in row.faults] == []
    assert {row.exchange for row in rows} == set(venues.READERS)
    for row in rows:
        assert row.equal == row.compared
        assert row.compared == 0 if row.result.startswith("refused venue.") else row.result != "unread"
    assert sum(row.compared for row in rows) > 350


def test_an_answer_that_lacks_a_field_is_refused_by_its_name(rows: tuple[venues.Row, ...]) -> None:
    lacking = [row for row in rows if row.result == "refused venue.incomplete_answer"]
    assert len(lacking) > 5
    assert all(len(row.reading.absent) == 1 for row in lacking)


def test_an_answer_that_no_reader_takes_is_a_fault(recording: Callable[[str], Recording]) -> None:
    row = venues.row(recording("bybit"), "fetchBalance", 0, None)
    assert (row.result, row.faults) == ("unread", ("no reader is given this answer",))


RAW = {"equity": "12.5", "margin": "3"}


def honest(raw: Any) -> Reading:
    margin = raw.get("margin")
    return Reading(
        "account",
        (
            Number("equity", Decimal(raw["equity"] or 1), ("equity",)),
            Number("margin", Decimal(margin) if margin else None, ("margin",)),
        ),
        absent=() if margin else ("margin",),
    )


def test_a_reader_that_breaks_is_not_taken_for_one_that_refuses() -> None:
    assert faults(honest, RAW) == [
        "equity: the reader broke (KeyError) when its field is absent",
        "equity: 1 and not named when its field is empty",
    ]


@pytest.mark.parametrize("value", [Decimal("12.49"), Decimal(0), None])
def test_a_number_that_differs_is_a_fault(value: Decimal | None) -> None:
    def wrong(raw: Any) -> Reading:
        return Reading("account", (Number("equity", value, ("equity",)),), absent=("equity",))

    assert faults(wrong, RAW) == [f"equity: ours {value}, theirs '12.5'"]


def test_a_zero_that_no_field_says_is_a_fault() -> None:
    def silent(raw: Any) -> Reading:
        return Reading("account", (), zeros=frozenset({"balance:BTC"}))

    assert faults(silent, RAW) == ["balance:BTC: zero, and no field of the answer says so"]
    assert faults(lambda raw: replace(silent(raw), derived=("balance",)), RAW) == []


def test_a_field_that_goes_missing_without_a_word_is_a_fault() -> None:
    def silent(raw: Any) -> Reading:
        return Reading("account", (Number("margin", Decimal(raw.get("margin") or 0), ("margin",)),))

    assert faults(silent, RAW) == [
        "margin: 0 and not named when its field is absent",
        "margin: 0 and not named when its field is empty",
    ]


def test_the_command_prints_the_table_and_its_sum(
    rows: tuple[venues.Row, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert venues.main() == 0
    printed = capsys.readouterr().out
    assert printed.count("\n| ") == len(rows) + 1
    assert f"{len(rows)} answers: " in printed


def test_without_recordings_the_command_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VAULT_SHARED", str(tmp_path))
    assert venues.main() == 2
    assert "no recorded answers" in capsys.readouterr().err
