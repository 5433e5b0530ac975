"""The pace of a host: shared by threads and processes, halted when the venue says so, never in the way."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.clock import ManualClock
from vault.errors import VenueError
from vault.venues.line.outcome import TOO_MANY, Halting
from vault.venues.line.pace import HALTS, MAX_HALT, Pacer, Pacers
from vault.venues.line.pace_file import PaceFile

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)


class Time:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def pacer(time: Time, path: Path | None = None) -> Pacer:
    return Pacer(time.sleep, lambda: time.now, host="binance at h", path=path)


def test_two_processes_share_one_pace(tmp_path: Path) -> None:
    time, clock = Time(), ManualClock(NOW)
    watch, person = pacer(time, tmp_path / "p"), pacer(time, tmp_path / "p")
    watch.wait(5, clock)
    person.wait(5, clock)
    watch.wait(5, clock)
    assert time.slept == [5, 5]


def test_a_halt_that_one_process_was_told_holds_for_the_other(tmp_path: Path) -> None:
    time, clock = Time(), ManualClock(NOW)
    watch, person = pacer(time, tmp_path / "p"), pacer(time, tmp_path / "p")
    person.check(clock)
    watch.heed(418, "120", clock)
    for refused in (lambda: person.check(clock), lambda: person.wait(1, clock)):
        with pytest.raises(VenueError) as caught:
            refused()
        assert caught.value.code == "venue.rate_limited"
        assert "binance at h wants no request until 2026-01-31T05:02:00.000Z (HTTP 418)" in str(caught.value)
        assert caught.value.details["retry_at"] == "2026-01-31T05:02:00.000Z"
    clock.advance(120)
    person.wait(1, clock)
    assert time.slept == []


@pytest.mark.parametrize(
    ("status", "retry_after", "pause"),
    [
        (429, "7", timedelta(seconds=7)),
        (429, None, HALTS[429]),
        (429, "0", HALTS[429]),
        (429, "soon", HALTS[429]),
        (429, "-5", HALTS[429]),
        (418, None, HALTS[418]),
        (418, "999999999999", MAX_HALT),
        (503, "30", timedelta(seconds=30)),
        (429, format_datetime(NOW + timedelta(seconds=90), usegmt=True), timedelta(seconds=90)),
        (429, format_datetime(NOW - timedelta(days=1), usegmt=True), HALTS[429]),
    ],
)
def test_the_venue_s_own_time_to_come_back_is_kept(
    status: int, retry_after: str | None, pause: timedelta
) -> None:
    halt = pacer(Time()).heed(status, retry_after, ManualClock(NOW))
    assert halt is not None
    assert (halt.until, halt.why) == (NOW + pause, f"HTTP {status}")


@pytest.mark.parametrize("status", [200, 400, 403, 503])
def test_words_halt_with_any_status_and_never_for_less_than_a_ban(status: int) -> None:
    clock, words = ManualClock(NOW), Halting("10006", TOO_MANY)
    halt = pacer(Time()).heed(status, None, clock, words)
    assert halt is not None
    assert (halt.until, halt.why) == (NOW + TOO_MANY, "10006")
    named = pacer(Time()).heed(status, "120", clock, words)
    assert named is not None
    assert named.until == NOW + timedelta(minutes=2)
    banned = pacer(Time()).heed(418, None, clock, words)
    assert banned is not None
    assert (banned.until, banned.why) == (NOW + HALTS[418], "HTTP 418")


@pytest.mark.parametrize(("status", "retry_after"), [(200, "30"), (None, "30"), (400, None), (503, None)])
def test_other_answers_halt_nothing(status: int | None, retry_after: str | None) -> None:
    each, clock = pacer(Time()), ManualClock(NOW)
    assert each.heed(status, retry_after, clock) is None
    each.check(clock)


def test_a_later_answer_never_shortens_a_halt() -> None:
    each, clock = pacer(Time()), ManualClock(NOW)
    each.heed(418, "3600", clock)
    halt = each.heed(429, "1", clock)
    assert halt is not None
    assert (halt.until, halt.why) == (NOW + timedelta(hours=1), "HTTP 418")


def test_a_halt_ordered_while_another_waits_stops_that_one_too() -> None:
    time, clock = Time(), ManualClock(NOW)
    each = pacer(time)
    each.wait(5, clock)
    time.sleep = lambda _seconds: each.heed(429, "60", clock)  # type: ignore[assignment, return-value]
    each._sleep = time.sleep
    with pytest.raises(VenueError) as caught:
        each.wait(5, clock)
    assert caught.value.code == "venue.rate_limited"


@given(st.binary(max_size=200))
def test_a_file_full_of_nonsense_holds_nobody_up(rubbish: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p"
        path.write_bytes(rubbish)
        time = Time()
        pacer(time, path).wait(1, ManualClock(NOW))
        assert time.slept == []


def test_a_moment_from_before_the_last_boot_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "p"
    told = {"boot": "another", "free_at": 10**6, "halted_until": None, "why": ""}
    path.write_text(json.dumps(told))
    time = Time()
    pacer(time, path).wait(1, ManualClock(NOW))
    assert time.slept == []


def test_a_halt_that_no_venue_orders_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "p"
    told = {"boot": "", "free_at": 0, "halted_until": "2126-01-31T05:00:00.000Z", "why": "HTTP 418"}
    path.write_text(json.dumps(told))
    pacer(Time(), path).check(ManualClock(NOW))


def test_a_process_that_was_stopped_with_the_lock_does_not_stop_the_others(tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.touch()
    holder = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(holder, fcntl.LOCK_EX)
        time = Time()
        each = pacer(time, path)
        each.wait(1, ManualClock(NOW))
        each.wait(1, ManualClock(NOW))
    finally:
        os.close(holder)
    assert time.slept == [1]  # alone it still keeps its own pace


def test_without_a_folder_to_write_in_the_process_keeps_its_own_pace(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    time, clock = Time(), ManualClock(NOW)
    each = pacer(time, tmp_path / "file" / "p")
    each.wait(2, clock)
    each.wait(2, clock)
    assert time.slept == [2]


def test_the_file_follows_no_link_and_is_for_this_user_alone(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    (tmp_path / "p").symlink_to(target)
    pacer(Time(), tmp_path / "p").wait(1, ManualClock(NOW))
    assert target.read_text() == "precious"
    Pacers(tmp_path / "new").of("binance", "h").wait(1, ManualClock(NOW))
    (made,) = (tmp_path / "new").iterdir()
    assert made.stat().st_mode & 0o077 == 0
    assert "binance" not in made.name


def test_looking_makes_no_file(tmp_path: Path) -> None:
    pacer(Time(), tmp_path / "new" / "p").check(ManualClock(NOW))
    assert list(tmp_path.iterdir()) == []


COUNT = 40
CHILD = """
import sys
from dataclasses import replace
from pathlib import Path
from vault.venues.line.pace_file import PaceFile
file = PaceFile(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    file.change(lambda state: replace(state, free_at=state.free_at + 1))
"""


def test_no_moment_is_handed_out_twice_over_threads_and_processes(tmp_path: Path, repo_root: Path) -> None:
    path = tmp_path / "p"
    command = [sys.executable, "-c", CHILD, str(path), str(COUNT)]
    children = [subprocess.Popen(command, cwd=repo_root) for _ in range(2)]
    time = Time()
    each = pacer(time, path)
    threads = [
        threading.Thread(target=lambda: [each.check(ManualClock(NOW)) for _ in range(COUNT)])
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    assert [child.wait(60) for child in children] == [0, 0]
    for thread in threads:
        thread.join()
    assert PaceFile(path).change(lambda state: state).free_at == 2 * COUNT
