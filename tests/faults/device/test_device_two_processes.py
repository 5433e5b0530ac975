"""Two programs and one device: the second is told so, and a dead one leaves nothing locked."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from vault.device.connection import lock
from vault.errors import DeviceError

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys
from vault.device.connection.lock import owned
with owned(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""
PATH = "udp:127.0.0.1:1"


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def another_process(path: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_process_is_told_that_the_device_is_in_use(every_device: Any, opened: Any) -> None:
    with another_process(every_device.path) as process:
        with pytest.raises(DeviceError) as error, opened(every_device):
            pass
        assert error.value.code == "device.busy"
        assert str(process.pid) in error.value.message
    with opened(every_device) as session:
        assert session.fingerprint


def test_a_process_that_was_killed_holds_nothing(every_device: Any, opened: Any) -> None:
    with another_process(every_device.path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with opened(every_device) as session:
            assert session.fingerprint


def test_two_devices_are_two_locks_and_one_path_has_one_spelling() -> None:
    with lock.owned(PATH), lock.owned("udp:127.0.0.1:2"):
        with pytest.raises(DeviceError) as error, lock.owned("udp:localhost:1"):
            pass
        assert error.value.code == "device.busy"
        assert "this program" in error.value.message
    with lock.owned(PATH):
        pass


def test_the_locks_are_their_owners_alone(folder: Path) -> None:
    with lock.owned(PATH):
        assert stat.S_IMODE(lock.lock_folder().stat().st_mode) == 0o700
        files = list(lock.lock_folder().iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600]
    assert all(PATH not in file.name for file in files)


def code_of_lock() -> str:
    with pytest.raises(DeviceError) as error, lock.owned(PATH):
        pass
    return error.value.code


def test_a_link_in_place_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    lock.lock_folder().symlink_to(folder / "elsewhere")
    assert code_of_lock() == "device.lock_unusable"
    assert list((folder / "elsewhere").iterdir()) == []


def test_a_folder_that_others_can_write_to_is_refused() -> None:
    lock.lock_folder().mkdir()
    lock.lock_folder().chmod(0o777)
    assert code_of_lock() == "device.lock_unusable"


def test_a_link_in_place_of_the_lock_is_not_followed(folder: Path) -> None:
    with lock.owned(PATH):
        (file,) = lock.lock_folder().iterdir()
    victim = folder / "victim"
    victim.write_text("untouched")
    file.unlink()
    file.symlink_to(victim)
    assert code_of_lock() == "device.lock_unusable"
    assert victim.read_text() == "untouched"
