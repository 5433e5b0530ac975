"""Reading TOML strictly: every key is asked for by type, and what nobody asked for is an error.

Refuses unknown keys, missing keys, floats (amounts are strings) and wrong types, naming file and key.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path


class ScenarioError(ValueError):
    """A scenario file that cannot be used; the message names the file and the key."""


class Table:
    """One TOML table on its way to becoming a value. Call `done` when everything has been read."""

    def __init__(self, source: str, values: Mapping[str, object], path: str = "") -> None:
        self._source = source
        self._values = values
        self._path = path
        self._read: set[str] = set()

    def error(self, key: str, problem: str) -> ScenarioError:
        return ScenarioError(f"{self._source}: {self._path}{key}: {problem}")

    def _get(self, key: str) -> object:
        self._read.add(key)
        if key not in self._values:
            raise self.error(key, "missing")
        return self._values[key]

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str) -> str:
        value = self._get(key)
        if not isinstance(value, str) or not value:
            raise self.error(key, f"expected text, found {value!r}")
        return value

    def integer(self, key: str, *, least: int = 0) -> int:
        value = self._get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.error(key, f"expected an integer from {least}, found {value!r}")
        return value

    def boolean(self, key: str) -> bool:
        value = self._get(key)
        if not isinstance(value, bool):
            raise self.error(key, f"expected true or false, found {value!r}")
        return value

    def decimal(self, key: str, *, least: Decimal | None = Decimal(0)) -> Decimal:
        """A number in quotes: TOML's own numbers with a point are floats, and floats round."""
        value = self._get(key)
        if not isinstance(value, str):
            raise self.error(key, f"expected a decimal in quotes, found {value!r}")
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise self.error(key, f"expected a decimal in quotes, found {value!r}") from None
        if not number.is_finite() or (least is not None and number < least):
            raise self.error(key, f"expected at least {least}, found {value!r}")
        return number

    def moment(self, key: str) -> datetime.datetime:
        value = self._get(key)
        if not isinstance(value, datetime.datetime) or value.utcoffset() != datetime.timedelta(0):
            raise self.error(key, f"expected a time in UTC (…Z), found {value!r}")
        return value

    def day(self, key: str) -> datetime.date:
        value = self._get(key)
        if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
            raise self.error(key, f"expected a date, found {value!r}")
        return value

    def table(self, key: str) -> Table:
        value = self._get(key)
        if not isinstance(value, dict):
            raise self.error(key, f"expected a table, found {value!r}")
        return Table(self._source, value, f"{self._path}{key}.")

    def tables(self, key: str) -> list[Table]:
        value = self._get(key)
        if not isinstance(value, list) or not value or not all(isinstance(item, dict) for item in value):
            raise self.error(key, "expected one or more tables")
        return [Table(self._source, item, f"{self._path}{key}[{at}].") for at, item in enumerate(value)]

    def row(self, key: str, values: Mapping[str, object]) -> Table:
        """A line of text that was taken apart, as a table of its own."""
        return Table(self._source, values, f"{self._path}{key}.")

    def decimals(self, key: str, *, least: Decimal | None = Decimal(0)) -> dict[str, Decimal]:
        table = self.table(key)
        return {name: table.decimal(name, least=least) for name in table.keys()}  # noqa: SIM118  a Table is no mapping

    def keys(self) -> list[str]:
        return list(self._values)

    def done(self) -> None:
        unknown = sorted(set(self._values) - self._read)
        if unknown:
            raise self.error(unknown[0], f"unknown key, expected {', '.join(sorted(self._read))}")


def load_table(path: Path) -> Table:
    """Raises ScenarioError for a file that is not there or not TOML."""
    try:
        return Table(str(path), tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: not TOML: {error}") from error
