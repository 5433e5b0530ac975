"""Kills a process where the case says so: at a stop of the journal, or when the worker was just asked."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from tests.faults.treasury.kill import Stops
from vault.venues import client


class Deaths:
    """Armed once; `happened` says that a worker was killed. Of its own end a process says nothing."""

    def __init__(self, at: str, note: Path) -> None:
        self.happened = False
        self._kind, self._number = at[:1], int(at[1:] or 0)
        self._stops = Stops(at if self._kind == "#" else "", note)
        self._armed = False

    def arm(self) -> None:
        self._armed = True
        if self._kind == "#":
            self._stops.arm()
        elif self._kind:
            self._count_requests()

    def disarm(self) -> None:
        self._armed = False
        self._stops.disarm()

    def _count_requests(self) -> None:
        write, given = client.VenueClient._write, 0

        def counting(venues: client.VenueClient, process: Any, line: bytes) -> None:
            nonlocal given
            write(venues, process, line)
            given += 1
            if not self._armed or given != self._number:
                return
            if self._kind == "~":
                os.kill(os.getpid(), signal.SIGKILL)
                signal.pause()
            self.happened = True
            process.popen.kill()

        client.VenueClient._write = counting  # type: ignore[method-assign,assignment]
