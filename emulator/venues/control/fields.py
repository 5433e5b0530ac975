"""Reading a control request: every field has a type, an unknown one is refused before anything is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from emulator.venues.engine.exact import number

E = TypeVar("E", bound=StrEnum)


class FieldError(ValueError):
    """A control request is not what its path takes."""


class Fields:
    """The JSON object of a control request; raises FieldError that says what was expected."""

    def __init__(self, values: Mapping[str, object], allowed: frozenset[str]) -> None:
        unknown = set(values) - allowed
        if unknown:
            raise FieldError(f"expected only {sorted(allowed)}, found {sorted(unknown)}")
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str) -> str:
        value = self._values.get(name)
        if not isinstance(value, str) or not value:
            raise FieldError(f"expected text in {name!r}, found {value!r}")
        return value

    def text_or(self, name: str, default: str | None = None) -> str | None:
        return self.text(name) if name in self else default

    def choice(self, name: str, kinds: type[E]) -> E:
        """One of an enumeration's values; raises FieldError that lists them."""
        value = self.text(name)
        if value not in {str(each) for each in kinds}:
            raise FieldError(f"expected one of {', '.join(kinds)} in {name!r}, found {value!r}")
        return kinds(value)

    def number(self, name: str) -> Decimal:
        return number(self._values.get(name))

    def number_or(self, name: str, default: Decimal | None = None) -> Decimal | None:
        return self.number(name) if name in self else default

    def integer_or(self, name: str, default: int) -> int:
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise FieldError(f"expected an integer in {name!r}, found {value!r}")
        return value

    def flag_or(self, name: str, default: bool) -> bool:
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise FieldError(f"expected true or false in {name!r}, found {value!r}")
        return value

    def amounts(self, name: str) -> dict[str, Decimal]:
        """An object of asset -> amount; empty when absent."""
        return {asset: number(amount) for asset, amount in self._object(name)}

    def wallets(self, name: str) -> dict[str, dict[str, Decimal]]:
        """An object of wallet -> {asset -> amount}; empty when absent."""
        return {
            wallet: Fields({"of": amounts}, frozenset({"of"})).amounts("of")
            for wallet, amounts in self._object(name)
        }

    def names(self, name: str) -> dict[str, str]:
        """An object of texts; empty when absent."""
        found = dict(self._object(name))
        if not all(isinstance(value, str) for value in found.values()):
            raise FieldError(f"expected texts in {name!r}, found {found!r}")
        return {key: str(value) for key, value in found.items()}

    def _object(self, name: str) -> list[tuple[str, object]]:
        value = self._values.get(name) or {}
        if not isinstance(value, Mapping):
            raise FieldError(f"expected an object in {name!r}, found {type(value).__name__}")
        return [(str(key), inner) for key, inner in value.items()]

    def objects(self, name: str, allowed: frozenset[str]) -> list[Fields]:
        """A list of objects; empty when absent."""
        found: list[Fields] = []
        for value in self._list(name):
            if not isinstance(value, Mapping):
                raise FieldError(f"expected objects in {name!r}, found {value!r}")
            found.append(Fields(value, allowed))
        return found

    def rows(self, name: str, width: int) -> list[list[object]]:
        """A list of rows of `width` columns; empty when absent."""
        found: list[list[object]] = []
        for value in self._list(name):
            if not isinstance(value, list) or len(value) != width:
                raise FieldError(f"expected rows of {width} in {name!r}, found {value!r}")
            found.append(value)
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        values = self._list(name)
        if not all(isinstance(value, str) for value in values):
            raise FieldError(f"expected texts in {name!r}, found {values!r}")
        return tuple(str(value) for value in values)

    def _list(self, name: str) -> Sequence[object]:
        value = self._values.get(name) or []
        if not isinstance(value, list):
            raise FieldError(f"expected a list in {name!r}, found {type(value).__name__}")
        return value


def moment(value: object) -> int:
    """Milliseconds since 1970."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise FieldError(f"expected milliseconds, found {value!r}")
    return value
