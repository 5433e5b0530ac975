"""A feed of one account: what the venue pushes, kept with its times and compared with what REST says.

`open_feed` starts it, `Feed.latest` is what it knows now. A feed never stands alone: a line that is silent,
behind, broken or contradicted makes its parts stale, and where REST says otherwise REST is right. Opened in
the worker, which has the keys; refuses exchanges without one, and what `line.guard` refuses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self

from vault.clock import Clock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.secrets import Secret
from vault.venues.feeds import binance, bybit, okx
from vault.venues.feeds.reading import FeedReading
from vault.venues.feeds.socket import Pauses, Sockets
from vault.venues.feeds.state import FeedState
from vault.venues.feeds.talk import Talk
from vault.venues.line.connection import Connection
from vault.venues.line.endpoints import Endpoints
from vault.venues.line.guard import venue_address

Connect = Callable[[Endpoints], Connection]


class Feed:
    """The running feed of an account. Thread safe; close it, or use it as a context manager."""

    def __init__(
        self, settings: VenueSettings, talks: Sequence[Talk], clock: Clock, pauses: Pauses | None = None
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._state = FeedState(
            settings.name,
            {talk.name: talk.brings for talk in talks},
            timedelta(milliseconds=settings.max_clock_skew_ms),
        )
        self._sockets = Sockets(
            venue_address(settings),
            talks,
            state=self._state,
            lock=self._lock,
            clock=clock,
            changed=self._wake,
            pauses=pauses or Pauses(),
        )
        self._sockets.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._sockets.stop()

    def latest(self) -> FeedReading:
        """What is known now; asks nobody."""
        with self._lock:
            return self._state.reading(self._clock.now())

    def check(self, account: MarginAccount) -> tuple[str, ...]:
        """Compare with a REST reading, whose numbers are taken over. The contradictions in words."""
        with self._lock:
            found = self._state.check(account)
        self._wake()
        return found

    def wait(self, until: Callable[[FeedReading], bool], seconds: float) -> FeedReading:
        """The first reading that `until` likes, or the one that stands after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: until(self.latest()), seconds)
        return self.latest()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def open_feed(
    settings: VenueSettings,
    keys: Mapping[str, Secret],
    connect: Connect,
    clock: Clock,
    pauses: Pauses | None = None,
) -> Feed:
    """Start following an account. Raises `VenueError` (``venue.not_offered``), `GuardError`."""
    return Feed(settings, _talks(settings, keys, connect, clock), clock, pauses)


def _talks(
    settings: VenueSettings, keys: Mapping[str, Secret], connect: Connect, clock: Clock
) -> tuple[Talk, ...]:
    if (settings.exchange, settings.product) == ("binance", "usdm"):
        return (binance.Marks(settings.contracts), binance.Account(connect(binance.LISTEN_KEYS)))
    if settings.exchange == "bybit":
        pair = (keys["key"], keys["secret"])
        return (bybit.Tickers(settings.contracts), bybit.Account(pair, clock))
    if settings.exchange == "okx":
        return (okx.Marks(settings.contracts),)
    raise VenueError(
        "not_offered", f"{settings.name}: {settings.exchange} is not followed by WebSocket, only read by REST"
    )
