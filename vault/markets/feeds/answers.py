"""Reading an exchange's public answer: every number exactly as its text says, every absence named. Pure.

Refuses floats, NaN, fields named twice and times outside of this century's milliseconds.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from vault.clock import to_milliseconds
from vault.errors import MoneyError, VenueError
from vault.money import venue_decimal

# From 2001 to 2286: what lies outside is a mistake in the unit.
FIRST_MS: Final = 10**12
LAST_MS: Final = 10**13
SHOWN: Final = 40


def parse_answer(text: str, what: str) -> Any:
    """JSON with exact numbers. Raises ``venue.bad_answer``."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError, ArithmeticError):
        raise VenueError("bad_answer", f"{what}: expected JSON") from None


def _refuse(text: str) -> Any:
    raise ValueError(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field twice")
    return found


def find(answer: Any, *path: str | int) -> Any:
    """What stands at a path of field names and places. Raises ``venue.incomplete_answer``."""
    for step in path:
        if isinstance(step, int):
            if not isinstance(answer, list) or len(answer) <= step:
                raise VenueError("incomplete_answer", f"expected a list with an entry {step}, found none")
        elif not isinstance(answer, dict) or answer.get(step) in (None, ""):
            raise VenueError("incomplete_answer", f"expected the field {step!r}, the venue did not send it")
        answer = answer[step]
    return answer


def items(answer: Any, *path: str | int) -> list[Any]:
    """The list at a path. Raises `VenueError`."""
    found = find(answer, *path)
    if not isinstance(found, list):
        raise VenueError("bad_answer", f"expected a list, found {type(found).__name__}")
    return found


def number(value: Any, what: str) -> Decimal:
    """A number of any sign. Raises ``venue.bad_answer``."""
    if isinstance(value, bool):
        raise VenueError("bad_answer", f"{what}: expected a number, found a truth value")
    try:
        return venue_decimal(value, what=what)
    except MoneyError as error:
        raise VenueError("bad_answer", error.message) from None


def decimal(answer: Any, *path: str | int) -> Decimal:
    """The number at a path. Raises `VenueError`."""
    return number(find(answer, *path), str(path[-1]))


def quantity(answer: Any, *path: str | int) -> Decimal:
    """The number at a path, which must not be below zero. Raises `VenueError`."""
    found = decimal(answer, *path)
    if found < 0:
        raise VenueError("bad_answer", f"{path[-1]}: expected zero or more, found {found:f}")
    return found


def price(answer: Any, *path: str | int) -> Decimal:
    """The number at a path, which must be above zero. Raises `VenueError`."""
    found = decimal(answer, *path)
    if found <= 0:
        raise VenueError("bad_answer", f"{path[-1]}: expected a price above zero, found {found:f}")
    return found


def text(answer: Any, *path: str | int) -> str:
    """The text at a path. Raises `VenueError`."""
    found = find(answer, *path)
    if not isinstance(found, str):
        raise VenueError("bad_answer", f"{path[-1]}: expected text, found {type(found).__name__}")
    return found


def milliseconds(answer: Any, *path: str | int) -> int:
    """Unix milliseconds at a path, as a number or as digits. Raises `VenueError`."""
    found = find(answer, *path)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= 13:
        found = int(found)
    if type(found) is not int or not FIRST_MS <= found < LAST_MS:
        raise VenueError("bad_answer", f"{path[-1]}: expected Unix milliseconds, found {str(found)[:SHOWN]}")
    return found


def seconds(answer: Any, *path: str | int) -> int:
    """Whole Unix seconds at a path, as milliseconds. Raises `VenueError`."""
    found = find(answer, *path)
    if type(found) is not int or not FIRST_MS <= found * 1000 < LAST_MS:
        raise VenueError("bad_answer", f"{path[-1]}: expected Unix seconds, found {str(found)[:SHOWN]}")
    return found * 1000


def iso(answer: Any, *path: str | int) -> int:
    """An ISO 8601 instant with its zone, as Unix milliseconds. Raises `VenueError`."""
    found = text(answer, *path)
    try:
        instant = datetime.fromisoformat(found)
        if instant.tzinfo is None:
            raise ValueError(found)
        return to_milliseconds(instant.astimezone(UTC))
    except (ValueError, OverflowError):
        raise VenueError("bad_answer", f"{path[-1]}: expected an instant, found {found[:SHOWN]!r}") from None


def same(found: Any, expected: str) -> None:
    """Refuse an answer about something else (``venue.bad_answer``)."""
    if found != expected:
        raise VenueError("bad_answer", f"expected an answer about {expected}, found {str(found)[:SHOWN]!r}")
