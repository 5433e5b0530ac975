"""Cuts off a connection whose answer, headers too, comes drop by drop: none may hold a request for ever."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Any


class Watchdog:
    """`watched` makes a connection class whose socket is shut down when an answer takes too long."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """How long the next answer may take as a whole."""
        self.bit = False
        self._timer: threading.Timer | None = None

    def watched(self, kind: Any) -> Any:
        """`kind` (a urllib3 connection class) under watch; a class that is already stays what it is."""
        if getattr(kind, "watchdog", None) is self:
            return kind
        dog = self

        class Watched(kind):  # type: ignore[misc]
            watchdog = dog

            def getresponse(self) -> Any:
                dog._start(self.sock)
                return super().getresponse()

        return Watched

    def _start(self, line: socket.socket) -> None:
        self.stop()
        self.bit = False
        self._timer = threading.Timer(self.seconds, self._cut, (line,))
        self._timer.daemon = True
        self._timer.start()

    def _cut(self, line: socket.socket) -> None:
        self.bit = True
        with contextlib.suppress(OSError):  # it may have been closed already
            line.shutdown(socket.SHUT_RDWR)

    def stop(self) -> None:
        """The answer is there, or will not be waited for."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
