"""Reading a venue's raw answer: every number exactly as its text says, every absence named.

Refuses floats, NaN, duplicate keys, deep nesting and missing fields; ``""`` counts as missing. Nothing has a
default.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from vault.clock import from_milliseconds
from vault.errors import MoneyError, VenueError
from vault.money import Amount, Asset, venue_decimal
from vault.venues.line.nesting import MAX_DEPTH, too_deep

# From 2001 to 2286: what lies outside is a mistake in the unit.
MIN_MILLISECONDS = 10**12
MAX_MILLISECONDS = 10**13
MAX_TEXT = 1000
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def parse(text: str, *, what: str) -> Any:
    """JSON with numbers as `Decimal` or int, never float. Raises ``venue.bad_answer``."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            raise VenueError("bad_answer", f"{what}: an object of the answer names a field twice")
        return result

    if too_deep(text):
        raise VenueError(
            "bad_answer", f"{what}: expected at most {MAX_DEPTH} levels of nesting, found more", nesting="yes"
        )
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse, object_pairs_hook=pairs)
    except (ValueError, RecursionError, ArithmeticError):
        raise VenueError(
            "bad_answer", f"{what}: expected JSON, found {len(text)} characters that are not"
        ) from None


def _refuse(text: str) -> Any:
    raise ValueError(text)


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object of an answer, with the place it stands at for messages."""

    data: dict[str, Any]
    where: str

    @classmethod
    def of(cls, value: object, where: str) -> Fields:
        """Raises ``venue.bad_answer`` unless `value` is an object."""
        if not isinstance(value, dict):
            raise VenueError("bad_answer", f"{where}: expected an object, found {type(value).__name__}")
        return cls(value, where)

    def has(self, name: str) -> bool:
        """False when the field is absent, null or an empty string."""
        value = self.data.get(name)
        return value is not None and value != ""

    def _get(self, name: str) -> Any:
        if not self.has(name):
            raise VenueError(
                "incomplete_answer",
                f"{self.where}: expected the field {name!r}, the venue did not send it",
                missing=f"{self.where}.{name}",
            )
        return self.data[name]

    def text(self, name: str) -> str:
        value = self._get(name)
        if not isinstance(value, str):
            raise self._wrong(name, "a string", value)
        # It may be shown to a person: it must neither be a book nor move the cursor or turn the line round.
        if len(value) > MAX_TEXT or _CONTROLS.search(value):
            raise self._wrong(name, f"at most {MAX_TEXT} printable characters", value)
        return value

    def optional_text(self, name: str) -> str:
        return self.text(name) if self.has(name) else ""

    def decimal(self, name: str) -> Decimal:
        value = self._get(name)
        try:
            return venue_decimal(value, what=f"{self.where}.{name}")
        except MoneyError as error:
            raise VenueError("bad_answer", error.message) from None

    def optional_decimal(self, name: str) -> Decimal | None:
        return self.decimal(name) if self.has(name) else None

    def amount(self, name: str, asset: Asset) -> Amount:
        """An exact amount; digits finer than the asset's base unit are a bad answer."""
        number = self.decimal(name)
        try:
            if number < 0:
                raise MoneyError("negative", f"expected zero or more, found {number:f}")
            return Amount.from_decimal(number, asset)
        except MoneyError as error:
            raise VenueError("bad_answer", f"{self.where}.{name}: {error.message}") from None

    def integer(self, name: str) -> int:
        value = self.decimal(name)
        if value != int(value):
            raise self._wrong(name, "an integer", value)
        return int(value)

    def boolean(self, name: str) -> bool:
        value = self._get(name)
        if not isinstance(value, bool):
            raise self._wrong(name, "true or false", value)
        return value

    def instant(self, name: str) -> datetime:
        """An instant written as Unix milliseconds."""
        value = self.integer(name)
        if not MIN_MILLISECONDS <= value < MAX_MILLISECONDS:
            raise self._wrong(name, "Unix milliseconds", value)
        return from_milliseconds(value)

    def rows(self, name: str) -> tuple[Fields, ...]:
        return rows(self._get(name), f"{self.where}.{name}")

    def _wrong(self, name: str, expected: str, value: object) -> VenueError:
        shown = repr(value)[:60]
        return VenueError("bad_answer", f"{self.where}.{name}: expected {expected}, found {shown}")


def rows(value: object, where: str) -> tuple[Fields, ...]:
    """A JSON list of objects. Raises ``venue.bad_answer``."""
    if not isinstance(value, list):
        raise VenueError("bad_answer", f"{where}: expected a list, found {type(value).__name__}")
    return tuple(Fields.of(item, f"{where}[{index}]") for index, item in enumerate(value))
