"""Strictly rising request numbers for a key, over all threads and processes of this user.

A venue that counts refuses whatever comes with a lower number than it has seen: two processes with one
key would refuse each other at random. One file for each key holds the last number, locked for the whole
of a request. Refuses to wait for the lock for ever, a file that another user may have written, and a number
that would burn the key.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from vault.clock import Clock
from vault.errors import VenueError
from vault.venues.line.own_file import open_own

RETRY_SECONDS: Final = 0.02
MAX_AHEAD_MS: Final = 7 * 86_400_000
_IN_PROCESS: Final[dict[Path, threading.Lock]] = {}
_GUARD: Final = threading.Lock()


def nonce_folder() -> Path:
    """Where this user's numbers are kept."""
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(state) / "vault" / "nonces"


class Nonces:
    """The numbers of one key. `turn` holds the key for one request, `next` is only called within it."""

    def __init__(self, key: str, clock: Clock, folder: Path | None = None) -> None:
        # A hash, cut: the file's name says which key it belongs to only to who has the key.
        name = hashlib.sha256(b"vault nonce:" + key.encode()).hexdigest()[:32]
        self._path = (folder or nonce_folder()) / name
        self._clock = clock
        self._file: int | None = None
        with _GUARD:
            self._thread_lock = _IN_PROCESS.setdefault(self._path, threading.Lock())

    @contextmanager
    def turn(self, seconds: float) -> Iterator[None]:
        """Wait at most `seconds` for the key. Raises `VenueError` (``venue.busy``)."""
        until = time.monotonic() + seconds
        if not self._thread_lock.acquire(timeout=seconds):
            raise self._busy(seconds)
        try:
            file = self._open()
            try:
                self._lock(file, until, seconds)
                self._file = file
                yield
            finally:
                self._file = None
                os.close(file)
        finally:
            self._thread_lock.release()

    def _open(self) -> int:
        try:
            return open_own(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise VenueError(
                "nonce_file",
                f"{self._path}: expected a plain file in a folder that only this user may write to, found "
                f"{error.strerror or error}; nothing was sent",
                hint="Remove it, and see who else can write there.",
            ) from None

    def _lock(self, file: int, until: float, seconds: float) -> None:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise self._busy(seconds) from None
                time.sleep(RETRY_SECONDS)
            else:
                return

    def next(self) -> int:
        """A number above every earlier one of this key: milliseconds, or one more than the last.

        A number far ahead of the clock is not followed: the venue would refuse every later one for ever.
        """
        if self._file is None:
            raise VenueError("no_turn", "expected to hold the key for a request; nothing was sent")
        text = os.pread(self._file, 32, 0).decode("ascii", errors="replace").strip()
        last = int(text) if text.isdecimal() else 0
        now = int(self._clock.now().timestamp() * 1000)
        if last > now + MAX_AHEAD_MS:
            raise VenueError(
                "nonce_ahead",
                f"{self._path}: expected the key's last number within a week of the clock, found {last}; "
                "nothing was sent",
                hint="Set this machine's clock. If it is right, remove the file; make a new key if the venue "
                "then refuses the number as too low.",
            )
        number = max(last + 1, now)
        os.pwrite(self._file, f"{number:<31d}\n".encode(), 0)
        os.fsync(self._file)
        return number

    @staticmethod
    def _busy(seconds: float) -> VenueError:
        return VenueError(
            "busy",
            f"another request with this key still runs after {seconds:.0f} s; nothing was sent",
            hint="The venue counts the requests of a key: give each program a key of its own.",
        )
