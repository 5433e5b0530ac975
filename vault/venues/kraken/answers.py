"""The two envelopes of Kraken's answers, and its two ways to write a time. Pure.

Refuses an answer that is not the venue's yes, and a time in any other form.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.venues.common.reading import EPOCH
from vault.venues.line.raw import Fields, rows

# From 2001 to 2286: what lies outside is a mistake in the unit.
MIN_SECONDS: Final = Decimal(10) ** 9
MAX_SECONDS: Final = Decimal(10) ** 10


def spot(answer: Any, what: str) -> Any:
    """``result`` of a spot answer."""
    line = Fields.of(answer, what)
    errors = line.data.get("error")
    if not isinstance(errors, list) or any(not str(each).startswith("W") for each in errors):
        raise VenueError("bad_answer", f"{what}.error: expected an empty list, found {str(errors)[:60]!r}")
    if line.data.get("result") is None:
        raise VenueError(
            "incomplete_answer",
            f"{what}: expected the field 'result', the venue did not send it",
            missing=f"{what}.result",
        )
    return line.data["result"]


def spot_object(answer: Any, what: str) -> Fields:
    return Fields.of(spot(answer, what), what)


def spot_rows(answer: Any, what: str) -> tuple[Fields, ...]:
    return rows(spot(answer, what), what)


def futures(answer: Any, what: str) -> Fields:
    """A futures answer that says ``success``."""
    line = Fields.of(answer, what)
    if (said := line.text("result")) != "success":
        raise VenueError("bad_answer", f"{what}.result: expected 'success', found {said[:40]!r}")
    return line


def iso(line: Fields, name: str) -> datetime:
    """An instant such as 2026-01-31T05:00:00.000Z, with any number of digits of a second."""
    text = line.text(name)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() != timedelta(0) or not text.endswith("Z"):
        raise VenueError("bad_answer", f"{line.where}.{name}: expected a UTC time, found {text[:40]!r}")
    return moment.astimezone(UTC)


def seconds(line: Fields, name: str) -> datetime:
    """An instant in Unix seconds, with or without a fraction; finer than a millisecond is cut."""
    value = line.decimal(name)
    if not MIN_SECONDS <= value < MAX_SECONDS:
        raise VenueError("bad_answer", f"{line.where}.{name}: expected Unix seconds, found {value:f}")
    return EPOCH + timedelta(milliseconds=int(value * 1000))
