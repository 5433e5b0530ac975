"""Faults the node can be told to have: each applies to calls of a method, a number of times.

Only for tests and scenarios; a server without orders has none.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum


class FaultKind(StrEnum):
    HANG = "hang"  # never answers (until `seconds` have passed or the server stops)
    SLOW = "slow"  # answers after `seconds`
    ERROR = "error"  # answers with HTTP `status`
    RATE_LIMIT = "rate_limit"  # HTTP 429 with Retry-After
    DROP = "drop"  # closes the connection before doing anything
    DROP_AFTER = "drop_after"  # does what was asked, then closes the connection without an answer
    GARBAGE = "garbage"  # HTTP 200 with something that is not JSON
    ANSWER = "answer"  # a lie: answers `result` without looking at the chain
    RPC_ERROR = "rpc_error"  # answers a JSON-RPC error of `code` and `message`
    NO_METHOD = "no_method"  # the method is unknown to this node
    WRONG_ID = "wrong_id"  # the answer belongs to another request
    LAG = "lag"  # shows the chain as it was at `height`, until cleared


WHOLE_REQUEST = frozenset(
    {
        FaultKind.HANG,
        FaultKind.SLOW,
        FaultKind.ERROR,
        FaultKind.RATE_LIMIT,
        FaultKind.DROP,
        FaultKind.DROP_AFTER,
        FaultKind.GARBAGE,
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """`method` "*" is any; `times` None means until cleared; `contains`: only when the parameters hold it."""

    kind: FaultKind
    method: str = "*"
    times: int | None = 1
    status: int = 500
    seconds: float = 600
    height: int = 0
    code: int = -32000
    message: str = "internal error"
    result: object = None
    contains: str = ""

    def matches(self, method: str, params: object) -> bool:
        return self.method in ("*", method) and self.contains.lower() in str(params).lower()


class EthereumFaults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, int | None]] = []
        self._ceiling: int | None = None

    @property
    def ceiling(self) -> int | None:
        """Height above which the node shows nothing, or None."""
        with self._lock:
            return self._ceiling

    def add(self, fault: Fault) -> None:
        with self._lock:
            if fault.kind is FaultKind.LAG:
                self._ceiling = fault.height
            else:
                self._faults.append((fault, fault.times))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()
            self._ceiling = None

    def take(self, method: str, params: object, *, whole_request: bool) -> Fault | None:
        """The fault this call suffers; counts it."""
        with self._lock:
            for position, (fault, left) in enumerate(self._faults):
                if (fault.kind in WHOLE_REQUEST) is not whole_request or not fault.matches(method, params):
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
