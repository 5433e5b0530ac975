"""OKX's envelope ``{"code": "0", "msg": "", "data": [...]}``, and how it says that a number does not apply.

Refuses an answer whose code is not "0", and one entry where another number of them came.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from vault.errors import VenueError
from vault.venues.line.raw import Fields


def entries(answer: Any, where: str) -> tuple[Fields, ...]:
    """The list under ``data``. Raises `VenueError` (``venue.bad_answer``, ``venue.incomplete_answer``)."""
    envelope = Fields.of(answer, where)
    if (code := envelope.text("code")) != "0":
        raise VenueError("bad_answer", f"{where}: expected code 0, found {code[:20]!r}")
    return envelope.rows("data")


def entry(answer: Any, where: str) -> Fields:
    """The only entry under ``data``."""
    found = entries(answer, where)
    if not found:
        raise VenueError(
            "incomplete_answer", f"{where}: expected one entry, the venue sent none", missing=where
        )
    if len(found) > 1:
        raise VenueError("bad_answer", f"{where}: expected one entry, found {len(found)}")
    return found[0]


def once(found: dict[str, Fields], key: str, line: Fields) -> None:
    """File `line` under `key`. Raises ``venue.bad_answer`` when the key was there: an entry came twice."""
    if key in found:
        raise VenueError("bad_answer", f"{line.where}: expected {key} once, the venue lists it twice")
    found[key] = line


def stated(line: Fields, name: str, missing: list[str], what: str) -> Decimal | None:
    """A number that may not apply: OKX writes "" then. A field that is not there at all is named."""
    if line.data.get(name) is None:
        missing.append(what)
        return None
    return line.optional_decimal(name)
