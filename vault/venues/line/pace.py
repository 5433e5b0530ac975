"""One rate limit for each exchange and host, shared by all connections of this process.

ccxt counts the cost of each endpoint but keeps a clock of its own in every instance: several accounts, or
several connections of one, would together ask many times too often. Refuses to wait past a deadline.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime

from vault.clock import Clock, to_iso
from vault.errors import VenueError


class Pacer:
    """Hands out moments to send at, in order; `wait` sleeps until its own. Thread safe."""

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep = sleep
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._free_at = 0.0

    def wait(self, seconds: float, clock: Clock, not_after: datetime | None = None) -> None:
        """Wait for the next moment, and keep those after it `seconds` away.

        Raises `VenueError` (``venue.too_late``) without waiting when that moment lies after `not_after`.
        """
        with self._lock:
            now = self._monotonic()
            pause = max(0.0, self._free_at - now)
            if not_after is not None and clock.now().timestamp() + pause > not_after.timestamp():
                raise VenueError(
                    "too_late",
                    f"expected to send until {to_iso(not_after)}, the venue's rate limit allows it "
                    f"{pause:.1f} s from now; nothing was sent",
                    hint="The step is unsent: run `vault send PLAN --resume`, which makes a new request.",
                )
            self._free_at = now + pause + seconds
        if pause:
            self._sleep(pause)


class Pacers:
    """The pacers of this process, one for each exchange and host."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pacers: dict[tuple[str, str], Pacer] = {}

    def of(self, exchange: str, host: str) -> Pacer:
        with self._lock:
            return self._pacers.setdefault((exchange, host), Pacer())
