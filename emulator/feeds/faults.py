"""What can be wrong with a source: in its rows, in its text, or on the wire. Data and pure functions."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

Row = tuple[str, str]
"""Date and value, as they are printed."""

AHEAD = datetime.timedelta(days=30)
TOUCHED = 10  # of the newest rows


class FeedFault(StrEnum):
    MISSING_ROWS = "missing_rows"  # every second of the newest
    STALE = "stale"  # the newest of them are not there
    DUPLICATED = "duplicated"
    REORDERED = "reordered"
    FUTURE_DATED = "future_dated"  # the newest is of next month
    NOT_A_NUMBER = "nan"
    CONTRADICTORY = "contradictory"  # a second value for the same days
    SLOW = "slow"  # a byte now and then, for `seconds`
    SILENT = "silent"  # nothing at all, for `seconds`
    DEAD = "dead"  # the connection is closed without a word
    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    HTML = "html"
    EMPTY = "empty"
    BROKEN = "broken"  # half of it
    HUGE = "huge"
    SHORT = "length_too_large"  # more bytes are announced than come
    LONG = "length_too_small"  # fewer bytes are announced than come
    MOVED_AWAY = "moved_away"  # a redirect to another host
    MOVED_HERE = "moved_here"  # a redirect on the same host
    COMPRESSED = "compressed"


ROW_FAULTS = frozenset(
    {
        FeedFault.MISSING_ROWS,
        FeedFault.STALE,
        FeedFault.DUPLICATED,
        FeedFault.REORDERED,
        FeedFault.FUTURE_DATED,
        FeedFault.NOT_A_NUMBER,
        FeedFault.CONTRADICTORY,
    }
)


@dataclass(slots=True)
class Armed:
    """A fault of a source for the next `count` requests; None: until it is cleared."""

    feed: str
    kind: FeedFault
    count: int | None = None
    seconds: float = 30.0


@dataclass(slots=True)
class FaultShelf:
    """All armed faults."""

    armed: list[Armed] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def arm(self, fault: Armed) -> None:
        with self._lock:
            self.armed.append(fault)

    def clear(self, feed: str | None = None) -> None:
        with self._lock:
            self.armed = [fault for fault in self.armed if feed is not None and fault.feed != feed]

    def take(self, feed: str) -> Armed | None:
        """The first fault of that source, counted as taken."""
        with self._lock:
            for fault in self.armed:
                if fault.feed != feed or fault.count == 0:
                    continue
                if fault.count is not None:
                    fault.count -= 1
                return fault
        return None


def damaged(rows: list[Row], kind: FeedFault) -> list[Row]:
    """The rows with the fault in them; others come back as they are."""
    old, new = rows[:-TOUCHED], rows[-TOUCHED:]
    if kind is FeedFault.MISSING_ROWS:
        return [*old, *new[::2]]
    if kind is FeedFault.STALE:
        return old
    if kind is FeedFault.DUPLICATED:
        return [*old, *(row for row in new for _ in range(2))]
    if kind is FeedFault.REORDERED:
        return [*new[1::2], *old, *reversed(new[::2])]
    if kind is FeedFault.FUTURE_DATED:
        last = datetime.date.fromisoformat(new[-1][0]) + AHEAD
        return [*old, *new, (last.isoformat(), new[-1][1])]
    if kind is FeedFault.NOT_A_NUMBER:
        return [*old, *((day, "NaN") for day, _ in new)]
    if kind is FeedFault.CONTRADICTORY:
        return [*old, *new, *((day, f"{value}1") for day, value in new)]
    return rows
