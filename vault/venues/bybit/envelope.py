"""Bybit's envelope: ``{"retCode", "retMsg", "result", "time"}`` around every V5 answer. Pure.

Refuses an answer whose code is not 0 and one without a result. Source: Bybit V5 "Integration Guidance".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vault.errors import VenueError
from vault.venues.line.raw import Fields


@dataclass(frozen=True, slots=True)
class Answer:
    """The result in its envelope."""

    result: Fields
    envelope: Fields

    @property
    def at(self) -> datetime:
        """When the venue gave it. Raises `VenueError` where the envelope does not say."""
        return self.envelope.instant("time")


def opened(answer: Any, where: str) -> Answer:
    """Raises `VenueError` (``venue.bad_answer``, ``venue.incomplete_answer``)."""
    envelope = Fields.of(answer, where)
    code = envelope.integer("retCode")
    if code != 0:
        raise VenueError("bad_answer", f"{where}: expected retCode 0, found {code}", venue_code=str(code))
    result = envelope.data.get("result")
    if result is None:
        raise VenueError(
            "incomplete_answer",
            f"{where}: expected a result, the venue did not send it",
            missing=f"{where}.result",
        )
    return Answer(Fields.of(result, where), envelope)
