"""Faults on demand: what goes wrong on which path, how often. Pure bookkeeping; the server carries them out.

A fault is taken when a request matches; it is spent after `count` requests. Unknown kinds are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from threading import Lock

from emulator.venues.exact import ZERO


class FaultKind(StrEnum):
    HANG_BEFORE = "hang_before"  # held, then handled and answered
    HANG = "hang"  # handled and recorded, the answer held
    TIMEOUT_AFTER_RECORDING = "504_after_recording"
    TIMEOUT_BEFORE_RECORDING = "504_before_recording"
    DROP_BEFORE = "drop_connection_before"
    DROP_AFTER = "drop_connection_after"
    HTTP_500 = "http_500"  # not recorded
    HTTP_500_AFTER_RECORDING = "http_500_after_recording"
    BROKEN_JSON = "broken_json"  # recorded, the answer cut in half


@dataclass(slots=True)
class Fault:
    """`path` matches by containment, so that "withdraw/apply" is enough; `skip` lets the first ones pass."""

    kind: FaultKind
    path: str
    method: str | None = None
    count: int = 1
    skip: int = 0
    seconds: Decimal = ZERO
    api_key: str | None = None
    taken: int = 0

    def matches(self, method: str, path: str, api_key: str | None) -> bool:
        return (
            self.path in path
            and (self.method is None or self.method == method)
            and (self.api_key is None or self.api_key == api_key)
        )


@dataclass(slots=True)
class FaultBox:
    """All armed faults, in the order they were armed."""

    faults: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def arm(self, fault: Fault) -> None:
        """Add a fault; raises ValueError when it could never be taken."""
        if fault.count < 1 or fault.skip < 0 or fault.seconds < ZERO:
            raise ValueError(f"expected count >= 1, skip >= 0 and seconds >= 0, found {fault}")
        with self._lock:
            self.faults.append(fault)

    def take(self, method: str, path: str, api_key: str | None) -> Fault | None:
        """The first armed fault for this request, counted as taken; None when there is none."""
        with self._lock:
            for fault in self.faults:
                if not fault.matches(method, path, api_key) or fault.taken >= fault.count:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.taken += 1
                return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self.faults.clear()
