"""Faults on demand: what goes wrong on which path, how often. Pure bookkeeping; the server carries them out.

A fault is taken when a request matches; it is spent after `count` requests, or never. Others are refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from threading import Lock

from emulator.venues.engine.exact import ZERO


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
    MAINTENANCE = "maintenance"  # not recorded, the exchange's own maintenance error
    TOO_MANY_REQUESTS = "too_many_requests"  # not recorded, HTTP 429 with Retry-After, if there are `seconds`
    TOO_MANY_IN_WORDS = "too_many_requests_200"  # not recorded, the same words with HTTP 200
    BANNED = "banned"  # not recorded, HTTP 418, as above
    FORBIDDEN = "forbidden"  # not recorded, HTTP 403 and a page, from what stands before the exchange
    PARTIAL_ANSWER = "partial_answer"  # a named field, or the last entries of every list, left out
    DUPLICATE_ENTRIES = "duplicate_entries"  # every list entry twice
    CHANGED_PRECISION = "changed_precision"  # decimals of every amount cut or filled up to `digits`
    UNKNOWN_FIELD = "unknown_field"  # every object has one more


# What changes the answer's JSON after the request was handled in full.
DAMAGE = frozenset(
    {
        FaultKind.PARTIAL_ANSWER,
        FaultKind.DUPLICATE_ENTRIES,
        FaultKind.CHANGED_PRECISION,
        FaultKind.UNKNOWN_FIELD,
    }
)


@dataclass(slots=True)
class Fault:
    """`path` matches by containment, so that "withdraw/apply" is enough, or the end where it has a `$`
    there; `skip` lets the first ones pass.

    `count` None lasts until it is cleared. `field`, `entries` and `digits` are for the kinds of damage: which
    field is left out or which list is meant (None: all), how many entries, how many decimals.
    """

    kind: FaultKind
    path: str
    method: str | None = None
    count: int | None = 1
    skip: int = 0
    seconds: Decimal = ZERO
    api_key: str | None = None
    field: str | None = None
    entries: int = 1
    digits: int = 0
    taken: int = 0

    def matches(self, method: str, path: str, api_key: str | None) -> bool:
        return (
            (path.endswith(self.path[:-1]) if self.path.endswith("$") else self.path in path)
            and (self.method is None or self.method == method)
            and (self.api_key is None or self.api_key == api_key)
        )

    @property
    def spent(self) -> bool:
        return self.count is not None and self.taken >= self.count


@dataclass(slots=True)
class FaultBox:
    """All armed faults, in the order they were armed."""

    faults: list[Fault] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def arm(self, fault: Fault) -> None:
        """Add a fault; raises ValueError when it could never be taken."""
        least = 1 if fault.count is None else fault.count
        if least < 1 or min(fault.skip, fault.entries, fault.digits) < 0 or fault.seconds < ZERO:
            raise ValueError(f"expected count >= 1 and nothing below 0, found {fault}")
        with self._lock:
            self.faults.append(fault)

    def take(self, method: str, path: str, api_key: str | None) -> Fault | None:
        """The first armed fault for this request, counted as taken; None when there is none."""
        with self._lock:
            for fault in self.faults:
                if not fault.matches(method, path, api_key) or fault.spent:
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
