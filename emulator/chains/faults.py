"""Faults an Esplora server can be told to have: each applies to matching requests, a number of times.

Only for tests and scenarios; a server without orders has none.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    HANG = "hang"  # never answers (until `seconds` have passed or the server stops)
    ERROR = "error"  # answers with `status`
    DROP = "drop"  # closes the connection before doing anything
    DROP_AFTER = "drop_after"  # does what was asked, then closes the connection without an answer
    GARBAGE = "garbage"  # answers 200 with something that is not what was asked
    STALE_TIP = "stale_tip"  # shows the chain as it was at `height`


@dataclass(frozen=True, slots=True)
class Fault:
    """`path` is a prefix; `times` None means until cleared."""

    kind: FaultKind
    path: str = "/"
    method: str = "*"
    times: int | None = 1
    status: int = 500
    seconds: int = 600
    height: int | None = None

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and path.startswith(self.path)


class FaultInjector:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, int | None]] = []
        self._ceiling: int | None = None

    @property
    def tip_ceiling(self) -> int | None:
        """Height above which the server shows nothing, or None."""
        with self._lock:
            return self._ceiling

    def add(self, fault: Fault) -> None:
        with self._lock:
            if fault.kind is FaultKind.STALE_TIP:
                self._ceiling = fault.height
            else:
                self._faults.append((fault, fault.times))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._ceiling = None

    def take(self, method: str, path: str) -> Fault | None:
        """The fault this request suffers; counts it."""
        with self._lock:
            for position, (fault, left) in enumerate(self._faults):
                if not fault.matches(method, path):
                    continue
                if left is None or left > 1:
                    self._faults[position] = (fault, None if left is None else left - 1)
                else:
                    del self._faults[position]
                return fault
        return None

    @property
    def pending(self) -> list[Fault]:
        with self._lock:
            return [fault for fault, _ in self._faults]
