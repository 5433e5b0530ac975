"""What all processes of this user know of one venue host's limits: a small file behind an advisory lock.

A watch loop and a person's command count as one client at the venue, so they share the next free moment and
a halt that the venue has ordered. Where the file cannot be had (no such folder, a stopped process holds the
lock, somebody else could have written it) the state of this process alone is used: pacing is manners, it
never stands between a person and a withdrawal.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from vault.clock import from_iso, to_iso
from vault.errors import DocumentError
from vault.venues.line.own_file import open_own

LOCK_SECONDS: Final = 0.5  # it is held for microseconds, unless its holder was stopped
RETRY_SECONDS: Final = 0.005
MAX_BYTES: Final = 4096
MAX_REASON: Final = 40
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class PaceState:
    """The next free moment (the monotonic clock since boot), and until when the venue wants no request."""

    free_at: float = 0.0
    halted_until: datetime | None = None
    why: str = ""


Change = Callable[[PaceState], PaceState]


class PaceFile:
    """`change` is one step from state to state; with `path` None the state is this process's own."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._own = PaceState()
        self._boot = _boot_id()

    def look(self) -> PaceState:
        """The state as it is; makes no file where there is none. Not thread safe."""
        return self._under_lock(lambda state: state, os.O_RDONLY)

    def change(self, step: Change) -> PaceState:
        """The state after `step`, which may raise to leave it as it was. Not thread safe."""
        return self._under_lock(step, os.O_RDWR | os.O_CREAT)

    def _under_lock(self, step: Change, flags: int) -> PaceState:
        file = self._open(flags)
        try:
            if file is not None:
                self._own = self._read(file)
            after = step(self._own)
            if file is not None and after != self._own:
                self._write(file, after)
            self._own = after
        finally:
            if file is not None:
                os.close(file)
        return after

    def _open(self, flags: int) -> int | None:
        if self._path is None:
            return None
        try:
            file = open_own(self._path, flags)
        except OSError:
            return None
        until = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() > until:
                    os.close(file)
                    return None
                time.sleep(RETRY_SECONDS)
            else:
                return file

    def _read(self, file: int) -> PaceState:
        """What the file says; this process's own state where it says nothing that can be read."""
        try:
            found: Any = json.loads(os.pread(file, MAX_BYTES, 0).decode())
            until = found["halted_until"]
            # The monotonic clock begins anew with each boot.
            free_at = float(found["free_at"]) if found["boot"] == self._boot else 0.0
            why = "".join(char for char in str(found["why"]) if char.isprintable())[:MAX_REASON]
            return PaceState(free_at, None if until is None else from_iso(until), why)
        except (OSError, ValueError, KeyError, TypeError, RecursionError, DocumentError):
            return self._own

    def _write(self, file: int, state: PaceState) -> None:
        until = None if state.halted_until is None else to_iso(state.halted_until)
        text = json.dumps(
            {"boot": self._boot, "free_at": state.free_at, "halted_until": until, "why": state.why}
        )
        try:
            os.ftruncate(file, 0)
            os.pwrite(file, text.encode(), 0)
        except OSError:  # a full disk: the others do without
            return


def _boot_id() -> str:
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""
