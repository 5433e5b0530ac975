"""The record of the soak: every number once however often it is stopped, and a failed case is never lost."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    sys.path.insert(0, ROOT)

from tests.soak.venues import soak  # noqa: E402
from tests.soak.venues.days import Day  # noqa: E402


class PaperSlot:
    """Plays nothing; case 3 withdraws twice."""

    played: list[int] = []  # noqa: RUF012  of all slots
    opened = 0

    def __init__(self) -> None:
        self.used = 0

    @classmethod
    def open(cls, folder: Path) -> PaperSlot:
        cls.opened += 1
        return cls()

    def close(self) -> None:
        pass

    @property
    def full(self) -> bool:
        return self.used >= 10

    def play(self, day: Day) -> Counter[str]:
        self.used += 1
        self.played.append(day.number)
        assert day.number != 3, "withdrawn twice: [...]"
        return Counter(cases=1, killed=day.number % 2)


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> type[PaperSlot]:
    monkeypatch.setattr(soak, "Slot", PaperSlot)
    PaperSlot.played, PaperSlot.opened = [], 0
    return PaperSlot


def test_a_second_run_does_what_the_first_has_not(paper: type[PaperSlot]) -> None:
    (*_, first) = soak.soak_venues(1, 25, 2, None)
    assert sorted(first["numbers"]) == list(range(25))
    (*_, second) = soak.soak_venues(1, 40, 2, first)
    assert sorted(paper.played) == list(range(40))
    assert (second["done"], second["counts"]["cases"], second["counts"]["killed"]) == (40, 39, 19)


def test_a_run_that_is_stopped_has_counted_what_it_told(paper: type[PaperSlot]) -> None:
    run = soak.soak_venues(1, 1000, 1, None)
    record = next(run)
    run.close()
    assert len(record["numbers"]) == record["done"] == soak.TOLD_AFTER
    (*_, whole) = soak.soak_venues(1, 200, 1, record)
    assert sorted(whole["numbers"]) == list(range(200))


def test_a_case_that_is_not_exact_is_kept_with_its_story(paper: type[PaperSlot]) -> None:
    (*_, record) = soak.soak_venues(1, 5, 1, None)
    assert (record["failed"], record["withdrawn_twice"], record["left_unknown"]) == (1, 1, 0)
    (failure,) = record["failures"]
    assert failure["number"] == 3
    assert "Day(number=3" in failure["problem"] and "AssertionError" in failure["problem"]


def test_a_world_is_left_when_it_is_full(paper: type[PaperSlot]) -> None:
    list(soak.soak_venues(1, 35, 1, None))
    assert paper.opened == 4


def test_a_world_that_does_not_start_is_a_failure(
    paper: type[PaperSlot], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> PaperSlot:
        raise RuntimeError("no world")

    monkeypatch.setattr(paper, "open", refuse)
    (*_, record) = soak.soak_venues(1, 5, 2, None)
    assert record["failed"] >= 1 and "no world" in record["failures"][0]["problem"]
    assert record["done"] == 0
