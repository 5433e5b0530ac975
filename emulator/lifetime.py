"""How an emulator process ends: on SIGTERM or SIGINT, or when its standard input does.

A parent that holds the other end of the pipe can die in any way and the emulator still goes with it.
"""

from __future__ import annotations

import os
import select
import signal
from types import FrameType

_CHUNK = 4096
STANDARD_INPUT = 0


class EndSignals:
    """Catches SIGTERM and SIGINT from now on: make it before anything is started or announced.

    Only in the main thread. A signal that comes while parts are starting is kept for `wait`.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        os.write(self._writer, b"x")

    def wait(self, *, follow_stdin: bool = True) -> None:
        """Return at the first reason to end."""
        watched = [self._reader, STANDARD_INPUT] if follow_stdin else [self._reader]
        while True:
            ready, _, _ = select.select(watched, [], [])
            if self._reader in ready or not os.read(STANDARD_INPUT, _CHUNK):
                return


def wait_for_end(*, follow_stdin: bool = True) -> None:
    """For a program with nothing to lose before this call. Call from the main thread."""
    EndSignals().wait(follow_stdin=follow_stdin)
