"""How Binance cuts a history into pages."""

from __future__ import annotations

from typing import TypeVar

from emulator.venues.serving.routing import Call

T = TypeVar("T")


def page(rows: list[T], call: Call) -> list[T]:
    """By `offset` and `limit`, at most 1000 rows."""
    offset = call.params.get("offset", "0")
    first = int(offset) if offset.isascii() and offset.isdigit() else 0
    return rows[first : first + call.limit(1000, 1000)]
