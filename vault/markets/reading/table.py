"""A file as named columns, before anybody knows what they mean; and the numbers in them.

Refuses nothing but what is no table: a cell that is no number is NaN, and their number is told.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np

from vault.errors import MarketDataError
from vault.series import BoolArray, FloatArray, IntArray

Column: TypeAlias = Sequence[Any] | np.ndarray[Any, Any]

# What sources write where they have no number.
NOTHING: Final = frozenset({"", "-", "—", "–", ".", "nan", "null", "none", "n/a", "na", "nat", "#n/a", "--"})
_BLANK: Final = frozenset({"", "-", "—", "–", ".", "--"})
_SUFFIX: Final = {"k": 1e3, "m": 1e6, "b": 1e9, "bn": 1e9, "t": 1e12}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(k|m|bn|b|t)?(%)?")


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of one length. `named` is False where the file has no header; names are then numbers from 1.

    `label` is what stands around the table: the name of the archive's member, keys of the JSON document.
    `semicolons`: they separate the cells, as where the comma is the decimal sign.
    """

    names: tuple[str, ...]
    columns: tuple[Column, ...]
    named: bool = True
    label: str = ""
    semicolons: bool = False

    @property
    def rows(self) -> int:
        return len(self.columns[0]) if self.columns else 0

    def picked(self, rows: IntArray) -> Table:
        """The same columns with these rows only."""
        columns = tuple(_picked(column, rows) for column in self.columns)
        return replace(self, columns=columns)


def _picked(column: Column, rows: IntArray) -> Column:
    if isinstance(column, np.ndarray):
        found: Column = column[rows]
        return found
    return [column[row] for row in rows.tolist()]


def unusable(reason: str, message: str, hint: str = "") -> MarketDataError:
    """Why a file, or a part of it, is not read."""
    return MarketDataError(
        reason, message, hint=hint or "Nothing was imported from it. A mapping can say what it holds."
    )


def numbers(column: Column) -> tuple[FloatArray, int]:
    """A column as numbers, NaN where there is none; and how many cells hold something that is no number."""
    if isinstance(column, np.ndarray) and column.dtype.kind in "iufb":
        return column.astype(np.float64), 0
    if isinstance(column, np.ndarray) and column.dtype.kind == "M":
        return np.full(column.shape, np.nan), column.size
    cells = list(column)
    if all(type(cell) in {int, float, str} for cell in cells[:50]):
        try:
            return np.array(cells, dtype=np.float64), 0
        except (ValueError, TypeError, OverflowError):
            pass  # some cells need a closer look
    values = np.empty(len(cells))
    wrong = 0
    for place, cell in enumerate(cells):
        values[place] = value = number(cell)
        wrong += math.isnan(value) and not _is_nothing(cell)
    return values, wrong


def _is_nothing(cell: object) -> bool:
    return (
        cell is None or (isinstance(cell, float) and math.isnan(cell)) or str(cell).strip().lower() in NOTHING
    )


def said_nothing(column: Column) -> BoolArray:
    """Where a column has an empty cell, a dash or a dot: no value was told, not even an unusable one."""
    if isinstance(column, np.ndarray):
        return np.zeros(column.shape, dtype=np.bool_)
    return np.array([isinstance(cell, str) and cell.strip() in _BLANK for cell in column], dtype=np.bool_)


def number(cell: object) -> float:
    """One cell: ``1,234.5``, ``(12.0)`` for minus twelve, ``3.1%``, ``2.5K``, ``$4``; else NaN."""
    if isinstance(cell, bool) or cell is None:
        return float("nan")
    if isinstance(cell, int | float):
        try:
            return float(cell)
        except OverflowError:
            return float("nan")
    text = str(cell).strip().lower()
    if len(text) > 60:
        return float("nan")
    if text.startswith("(") and text.endswith(")"):
        return -number(text[1:-1])
    text = re.sub(r"[\s$€£\u00a0\u202f'_]", "", text).replace("−", "-").replace("us", "")
    if "," in text:
        text = _without_commas(text)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return float("nan")
    value = float(match[1]) * _SUFFIX.get(match[2] or "", 1.0)
    return value / 100 if match[3] else value


def _without_commas(text: str) -> str:
    """Thousands are separated by commas, or the comma is the decimal one: by where it stands."""
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?[a-z%]*", text):
        return text.replace(",", "")
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})*,\d+[a-z%]*", text) or re.fullmatch(r"[+-]?\d+,\d+[a-z%]*", text):
        return text.replace(".", "").replace(",", ".")
    return text


def require_one_point(table: Table, place: int) -> None:
    """Raise for a column of which nobody can tell whether ``2.600`` is two and a half or thousands.

    So it is where every number has three digits after its one point or comma, in a file as they are written
    where the comma is the decimal sign: with semicolons, or days such as 31.12.2024.
    """
    cells = [cell.strip() for cell in table.columns[place] if isinstance(cell, str) and cell.strip()]
    if not cells or not (table.semicolons or _dotted_days(table)):
        return
    told = [cell for cell in cells if re.search(r"\d", cell)]
    of_three = {
        sign: [cell for cell in told if re.fullmatch(rf"[+-]?[1-9]\d{{0,2}}{sign}\d{{3}}", cell)]
        for sign in (r"\.", ",")
    }
    decimal = any(re.fullmatch(r"[+-]?\d+,(\d{1,2}|\d{4,})", cell) for cell in told)
    for sign, among in of_three.items():
        if among and (len(among) == len(told) or (sign == "," and decimal)):
            raise unusable(
                "ambiguous_numbers",
                f"numbers such as {among[0]!r} in {table.names[place]!r} could be thousands or have decimals",
                "Write them without separators of thousands, or give a mapping, with `scale` if need be.",
            )


def _dotted_days(table: Table) -> bool:
    return any(
        isinstance(column[0], str) and re.match(r"\d{1,2}\.\d{1,2}\.\d{4}", column[0].strip()) is not None
        for column in table.columns
        if len(column)
    )
