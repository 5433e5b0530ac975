"""Deribit's JSON-RPC envelope: ``result``, and between which microseconds the venue made it. Pure.

Refuses an answer without a result: nothing is read from one that only looks like it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vault.clock import from_milliseconds
from vault.errors import VenueError
from vault.venues.line.raw import MAX_MILLISECONDS, Fields, rows


def _result(answer: Any, where: str) -> Any:
    envelope = Fields.of(answer, where)
    if not envelope.has("result"):
        raise VenueError(
            "incomplete_answer",
            f"{where}: expected a result, the venue did not send it",
            missing=f"{where}.result",
        )
    return envelope.data["result"]


def entry(answer: Any, where: str) -> Fields:
    """A result that is an object. Raises ``venue.incomplete_answer``, ``venue.bad_answer``."""
    return Fields.of(_result(answer, where), where)


def entries(answer: Any, where: str) -> tuple[Fields, ...]:
    """A result that is a list. Raises ``venue.incomplete_answer``, ``venue.bad_answer``."""
    return rows(_result(answer, where), where)


def made_at(answer: Any, otherwise: datetime) -> datetime:
    """When the venue began to make the answer (``usIn``); `otherwise` where it does not say."""
    envelope = Fields.of(answer, "answer")
    if not envelope.has("usIn"):
        return otherwise
    moment = envelope.integer("usIn") // 1000
    if not 0 < moment < MAX_MILLISECONDS:
        raise VenueError("bad_answer", f"usIn: expected Unix microseconds, found {moment}000")
    return from_milliseconds(moment)


def once(found: dict[str, Fields], key: str, line: Fields) -> None:
    """File `line` under `key`; the same entry twice is one. Raises ``venue.bad_answer`` where they differ."""
    if key in found and found[key].data != line.data:
        raise VenueError("bad_answer", f"{line.where}: expected {key} once, found two that differ")
    found.setdefault(key, line)
