"""One clock for the processes of a case and the exchange it talks to, moved instead of waited for.

Only what the program reads of the time is moved; what it measures with (the monotonic clock) is not.
"""

from __future__ import annotations

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from vault import clock

if TYPE_CHECKING:
    from emulator.venues.control.client import VenueControl

_SECONDS: Final = struct.Struct("d")


class MovedTime:
    """Seconds ahead of the machine's clock; processes forked after its making share them."""

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)

    @property
    def ahead(self) -> float:
        return float(_SECONDS.unpack_from(self._page)[0])

    def advance(self, seconds: float, exchange: VenueControl) -> None:
        """Move the clock of these processes, and the exchange's with it."""
        _SECONDS.pack_into(self._page, 0, self.ahead + seconds)
        self.show(exchange)

    def show(self, exchange: VenueControl) -> None:
        """Let the exchange have this time."""
        exchange.clock(offset_ms=int(self.ahead * 1000))

    def adopt(self, exchange: VenueControl) -> None:
        """Read this clock from now on in this process; whoever wants to sleep moves it."""
        seconds, nanoseconds = time.time, time.time_ns

        def now(_clock: clock.SystemClock) -> datetime:
            return clock._milliseconds(datetime.now(UTC) + timedelta(seconds=self.ahead))

        def sleep(_clock: clock.SystemClock, seconds: float) -> None:
            self.advance(seconds, exchange)

        clock.SystemClock.now = now  # type: ignore[method-assign,assignment]
        clock.SystemClock.sleep = sleep  # type: ignore[method-assign,assignment]
        time.time = lambda: seconds() + self.ahead
        time.time_ns = lambda: nanoseconds() + int(self.ahead * 1_000_000_000)
