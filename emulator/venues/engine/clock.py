"""The venue's clock: wall time plus an offset that a scenario may set, or a time that stands still.

`announced_skew_ms` makes only the time endpoint lie, as a venue behind a bad load balancer does.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(slots=True)
class VenueClock:
    offset_ms: int = 0
    announced_skew_ms: int = 0
    fixed_ms: int | None = None

    def now_ms(self) -> int:
        """Milliseconds since 1970 by which timestamps are judged and records are dated."""
        base = time.time_ns() // 1_000_000 if self.fixed_ms is None else self.fixed_ms
        return base + self.offset_ms

    def announced_ms(self) -> int:
        """What the time endpoint answers."""
        return self.now_ms() + self.announced_skew_ms


def utc_text(milliseconds: int) -> str:
    """`2021-04-15 12:09:16`, the form of `applyTime` in the withdrawal history."""
    return datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
