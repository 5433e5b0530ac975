"""The one source of time, so that tests and replays can hold it still.

Refuses naive datetimes: every instant is UTC and written as ``2026-01-31T05:00:00.000Z``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from vault.errors import DocumentError


class Clock(Protocol):
    """Where the program takes time from."""

    def now(self) -> datetime:
        """The present instant in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait that long (a waiting time, never a moment that decides)."""
        ...


class SystemClock:
    """The machine's clock, cut to milliseconds so that what is written reads back equal."""

    def now(self) -> datetime:
        return _milliseconds(datetime.now(UTC))

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass
class ManualClock:
    """A clock that moves only when it is told to."""

    instant: datetime

    def now(self) -> datetime:
        return _milliseconds(self.instant)

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


def _milliseconds(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def to_iso(instant: datetime) -> str:
    """ISO 8601 in UTC with milliseconds; raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError("expected an instant with a time zone, found a naive datetime")
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_iso(text: str) -> datetime:
    """Read what `to_iso` wrote, and nothing else. Raises `DocumentError`."""
    try:
        instant = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    except (ValueError, TypeError):
        instant = None
    if instant is None or to_iso(instant) != text:
        raise DocumentError(
            "bad_instant", f"expected an instant such as 2026-01-31T05:00:00.000Z, found {text!r}"
        )
    return instant


def from_milliseconds(value: int) -> datetime:
    """An instant from Unix milliseconds, as venues write them."""
    return datetime.fromtimestamp(value // 1000, UTC) + timedelta(milliseconds=value % 1000)


def to_milliseconds(instant: datetime) -> int:
    """Unix milliseconds of an instant."""
    delta = instant - datetime(1970, 1, 1, tzinfo=UTC)
    return delta.days * 86_400_000 + delta.seconds * 1000 + delta.microseconds // 1000
