"""Pace and nonce files planted, linked, piped or left open to others: no key burns, nothing hangs."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from vault.clock import ManualClock, to_iso
from vault.errors import VenueError
from vault.venues.line.nonce import Nonces
from vault.venues.line.pace import MAX_HALT, MAX_HINT, Pacer

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
MS = int(NOW.timestamp() * 1000)


def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir(mode=0o700)
    return folder


def nonce_file(folder: Path) -> Path:
    nonces = Nonces("key", ManualClock(NOW), folder)
    with nonces.turn(1):
        nonces.next()
    (path,) = folder.iterdir()
    return path


def refused(folder: Path) -> str:
    nonces = Nonces("key", ManualClock(NOW), folder)
    with pytest.raises(VenueError) as caught, nonces.turn(1):
        nonces.next()
    return caught.value.code


@pytest.mark.parametrize("planted", ["9" * 31, str(2**63), str(MS + 8 * 86_400_000)])
def test_a_planted_number_does_not_burn_the_key(tmp_path: Path, planted: str) -> None:
    folder = own(tmp_path)
    nonce_file(folder).write_text(planted)
    assert refused(folder) == "venue.nonce_ahead"


@pytest.mark.parametrize("planted", ["", "-1", "1e99", "\x00\xff", "x" * 10_000, "NaN"])
def test_a_number_that_is_none_is_begun_anew_from_the_clock(tmp_path: Path, planted: str) -> None:
    folder = own(tmp_path)
    nonce_file(folder).write_text(planted)
    nonces = Nonces("key", ManualClock(NOW), folder)
    with nonces.turn(1):
        assert nonces.next() == MS


def test_a_nonce_file_that_is_no_file_of_ours_is_refused(tmp_path: Path) -> None:
    folder = own(tmp_path)
    path = nonce_file(folder)
    path.chmod(0o666)
    assert refused(folder) == "venue.nonce_file"
    path.unlink()
    os.mkfifo(path, 0o600)
    assert refused(folder) == "venue.nonce_file"
    path.unlink()
    target = tmp_path / "elsewhere"
    target.write_text("1")
    path.symlink_to(target)
    assert refused(folder) == "venue.nonce_file"
    path.unlink()
    path.mkdir()
    assert refused(folder) == "venue.nonce_file"
    assert target.read_text() == "1"


def test_a_nonce_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    folder = own(tmp_path)
    nonce_file(folder)
    folder.chmod(0o777)
    assert refused(folder) == "venue.nonce_file"
    linked = tmp_path / "linked"
    folder.chmod(0o700)
    linked.symlink_to(folder)
    assert refused(linked) == "venue.nonce_file"


def halted(path: Path) -> bool:
    try:
        Pacer(lambda _: None, lambda: 0.0, path=path).wait(1, ManualClock(NOW))
    except VenueError as error:
        assert error.code == "venue.rate_limited"
        return True
    return False


def plant(path: Path, until: datetime, why: str = "HTTP 418") -> None:
    path.write_text(json.dumps({"boot": "", "free_at": 1e300, "halted_until": to_iso(until), "why": why}))
    path.chmod(0o600)


def test_a_planted_ban_holds_no_longer_than_the_longest_real_one(tmp_path: Path) -> None:
    path = own(tmp_path) / "pace"
    plant(path, NOW + timedelta(minutes=1))
    assert halted(path)  # what a planted file could do is what the venue's own ban does
    plant(path, NOW + MAX_HALT + timedelta(seconds=1))
    assert not halted(path)


@pytest.mark.parametrize(
    ("status", "longest"),
    [(503, MAX_HINT), (403, MAX_HINT), (500, MAX_HINT), (429, MAX_HALT), (418, MAX_HALT)],
)
def test_a_page_that_names_a_day_to_come_back_stops_nothing_for_so_long(
    tmp_path: Path, status: int, longest: timedelta
) -> None:
    pacer = Pacer(path=own(tmp_path) / "pace")
    halt = pacer.heed(status, str(30 * 86_400), ManualClock(NOW))
    assert halt is not None
    assert halt.until == NOW + longest


def test_a_pace_file_of_others_is_not_listened_to(tmp_path: Path) -> None:
    folder = own(tmp_path)
    path = folder / "pace"
    plant(path, NOW + timedelta(minutes=1))
    path.chmod(0o666)
    assert not halted(path)
    path.chmod(0o600)
    folder.chmod(0o777)
    assert not halted(path)
    folder.chmod(0o700)
    path.rename(folder / "other")
    path.symlink_to(folder / "other")
    assert not halted(path)


def test_a_pipe_in_the_place_of_the_pace_file_holds_nobody(tmp_path: Path) -> None:
    path = own(tmp_path) / "pace"
    os.mkfifo(path, 0o600)
    assert not halted(path)
    Pacer(path=path).check(ManualClock(NOW))


@pytest.mark.parametrize("text", ["[" * 5000, "{}", "null", '{"boot": 1}', "\xff"])
def test_a_pace_file_that_says_nothing_is_passed_over(tmp_path: Path, text: str) -> None:
    path = own(tmp_path) / "pace"
    path.write_text(text)
    assert not halted(path)


def test_words_in_a_pace_file_do_not_reach_the_terminal_whole(tmp_path: Path) -> None:
    path = own(tmp_path) / "pace"
    plant(path, NOW + timedelta(minutes=1), "\x1b[2J" + "send all to bc1q" * 50)
    with pytest.raises(VenueError) as caught:
        Pacer(path=path).check(ManualClock(NOW))
    assert "\x1b" not in caught.value.message
    assert len(caught.value.message) < 300
