"""What reached the venue, byte for byte: raw query and body of each request, how it ended, the fault it met.

Bounded, so that a long run does not grow without end. Secrets never arrive here; signatures do.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

KEPT = 20_000


@dataclass(slots=True)
class LoggedRequest:
    method: str
    path: str
    query: str
    body: str
    api_key: str | None
    status: int | None = None  # None: no answer was sent
    code: int | str | None = None  # the venue's error code
    fault: str | None = None


@dataclass(slots=True)
class RequestLog:
    entries: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, entry: LoggedRequest) -> LoggedRequest:
        self.entries.append(entry)
        return entry

    def select(self, method: str | None = None, path: str | None = None) -> list[LoggedRequest]:
        """Entries of a method and of paths containing `path`, oldest first."""
        return [
            entry
            for entry in list(self.entries)
            if method in (None, entry.method) and (path is None or path in entry.path)
        ]
