"""Bybit's lists by cursor, and the windows its histories may be asked in."""

from __future__ import annotations

from collections.abc import Sequence

from emulator.venues.engine.refusals import Reason, Refusal
from emulator.venues.serving.routing import Call, within
from emulator.venues.serving.wire import Json

DAY_MS = 86_400_000


def paged(
    call: Call, name: str, rows: Sequence[Json], *, default: int = 50, highest: int = 50
) -> dict[str, Json]:
    """One page of rows and the cursor of the next; raises Refusal BAD_PARAMETER for a cursor of nobody."""
    cursor, limit = call.params.get("cursor", "") or "0", call.limit(default, highest)
    if not (cursor.isascii() and cursor.isdigit()):
        raise Refusal(Reason.BAD_PARAMETER, name="cursor")
    start = int(cursor)
    more = str(start + limit) if start + limit < len(rows) else ""
    return {name: list(rows[start : start + limit]), "nextPageCursor": more}


class Window:
    """[startTime, endTime] of a history: at most `days` long, the last `days` when nothing is asked."""

    def __init__(self, call: Call, days: int) -> None:
        start, end = call.window()
        span = days * DAY_MS
        if start is None and end is None:
            end = call.venue.clock.now_ms()
        if start is None:
            start = (end or 0) - span
        if end is None:
            end = start + span
        if end - start > span or end < start:
            raise Refusal(Reason.BAD_PARAMETER, name="endTime")
        self._bounds = (start, end)

    def holds(self, moment: int) -> bool:
        return within(moment, self._bounds)
