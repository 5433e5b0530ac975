"""How an exchange is spoken to by WebSocket: pure of sockets, one object for each line of a feed.

A talk says what is sent and reads what comes, exactly and strictly; whatever it cannot read it refuses, and
the line is opened anew. No key, signature or listen key ever stands in a path.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from vault.venues.feeds.reading import Kind, Part


@dataclass(frozen=True, slots=True)
class Heard:
    """What a message means: parts, an answer to send, and whether the line now follows all it asked for."""

    parts: tuple[Part, ...] = ()
    send: tuple[str, ...] = ()
    opened: bool = False


NOTHING: Final = Heard()


class Talk(ABC):
    """One line. `start` is called before each connection and may ask by REST, in a thread of its own."""

    name: str
    brings: frozenset[Kind]
    path: str

    @abstractmethod
    def start(self) -> Sequence[str]:
        """What is sent first. Raises `VenueError`."""

    @abstractmethod
    def heard(self, text: str, at: datetime) -> Heard:
        """What a message means. Raises `VenueError` for one that cannot be read exactly, or that refuses."""

    @abstractmethod
    def probe(self) -> str:
        """A question that the venue's own program answers: a line may be up while nobody is behind it."""

    def refresh(self) -> None:  # noqa: B027  most have nothing to keep
        """Called every half hour: keeps what `start` got from running out. Raises `VenueError`."""


def legs(name: str, signed: Decimal, at: datetime, received_at: datetime) -> tuple[Part, Part]:
    """A one-way position, whose sign is its side, as its two legs."""
    nothing = Decimal(0)
    return (
        Part("position", name, "long", max(signed, nothing), at, received_at),
        Part("position", name, "short", max(-signed, nothing), at, received_at),
    )
