"""The clock of the demo's story, and how its screens draw what fragility is made of."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from vault.cli.demo.clock import VARIABLE, StoryClock
from vault.cli.demo.scenes import Measure, Scene
from vault.cli.demo.screen import measure_line, show

BEGINS = datetime(2026, 1, 28, 9, tzinfo=UTC)
A_WHILE = timedelta(seconds=30)


def test_time_passes_to_a_moment_and_never_back(tmp_path: Path) -> None:
    with StoryClock.starting(tmp_path / "world" / "clock", BEGINS) as clock:
        assert BEGINS <= clock.now() < BEGINS + A_WHILE
        later = BEGINS + timedelta(days=2)
        clock.move_to(later)
        assert later <= clock.now() < later + A_WHILE
        clock.move_to(BEGINS)
        assert clock.now() >= later
        assert clock.now().microsecond % 1000 == 0


def test_another_process_follows_it_by_the_file_that_the_environment_names(tmp_path: Path) -> None:
    assert VARIABLE not in os.environ
    with StoryClock.starting(tmp_path / "clock", BEGINS) as clock:
        other = StoryClock(Path(os.environ[VARIABLE]))
        clock.move_to(BEGINS + timedelta(hours=5))
        assert clock.offset == other.offset
    assert VARIABLE not in os.environ


LONG = Measure("  liquidation clusters", Decimal("0.87"), "word after word " * 20)


@pytest.mark.parametrize("width", [80, 100])
def test_a_bar_fills_one_line_and_is_cut_between_words(width: int) -> None:
    line = measure_line(LONG, width)
    assert width - len("after ") - 1 <= len(line) <= width
    assert line.endswith((" word …", " after …"))
    assert "██████████░░ 0.87  word" in line


def test_what_has_no_score_says_no_data_and_why_in_the_same_column() -> None:
    told = measure_line(Measure("  venue", None, "nothing yet"), 80)
    scored = measure_line(Measure("  venue", Decimal("-0.000000"), "all open"), 80)
    assert "no data" in told
    assert "░░░░░░░░░░░░ 0.00" in scored
    assert told.index("nothing yet") == scored.index("all open")


@pytest.mark.parametrize("score", ["0", "0.04", "0.5", "0.999999", "1"])
def test_a_bar_is_full_at_one_alone(score: str) -> None:
    line = measure_line(Measure("x", Decimal(score), ""), 80)
    assert (line.count("█") == 12) == (score == "1")
    assert line.count("█") + line.count("░") == 12


def test_a_scene_shows_its_bars_and_then_what_they_come_to() -> None:
    paper = io.StringIO()
    scene = Scene("now", "Calm", "", measures=(LONG,), notes=("regime [calm]",))
    show(Console(file=paper, width=80), scene)
    shown = paper.getvalue()
    assert shown.index("0.87") < shown.index("regime [calm]")
    assert all(len(line) <= 80 for line in shown.splitlines())
