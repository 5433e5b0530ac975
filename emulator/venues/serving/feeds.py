"""WebSocket feeds as an exchange folder declares them: a path, and a handler per connection.

A handler never sees a socket. It is told what the client sent and that something may have changed, and gives
back the messages to send; what is not in them is not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from emulator.venues.engine.venue import Venue
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.wire import Json


class Bare(str):
    """A message that is sent as it stands: some exchanges answer "ping" with a word that is no JSON."""

    __slots__ = ()


class FeedHandler(Protocol):
    """One connection. All three are called with the venue's lock held."""

    def opened(self) -> Iterable[Json]:
        """What is sent at once."""
        ...

    def received(self, text: str) -> Iterable[Json]:
        """Answers to a client's message (subscribe, login, ping)."""
        ...

    def changed(self) -> Iterable[Json]:
        """Called after every request, control action and tick: what the client must be told now."""
        ...


@dataclass(frozen=True, slots=True)
class FeedRoute:
    """Serves every path that begins with `prefix`; `open` may raise VenueError or Refusal."""

    prefix: str
    open: Callable[[Venue, Incoming], FeedHandler]
