"""JSON as tables: lists of objects, lists of lists, columns side by side, values by date, at whatever depth.

Refuses what is not JSON, what is nested too deeply, and documents without a list of rows.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from vault.markets.reading import limits
from vault.markets.reading.table import Table, unusable
from vault.markets.reading.text import decode
from vault.markets.reading.unpack import too_large

# What an object around the rows says of what they are.
_TELLING: Final = ("symbol", "name", "asset", "coin", "ticker", "pair", "instrument")
_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}.*)?|\d{9,19}")
_LEAST_ROWS: Final = 2


def parse(name: str, data: bytes) -> Any:
    """The document. Raises `MarketDataError` (``not_text``, ``not_json``)."""
    text = decode(name, data)
    try:
        return json.loads(text)
    except RecursionError:
        raise unusable("not_json", f"{name}: nested too deeply") from None
    except ValueError as error:
        lines = text.strip().splitlines()
        if len(lines) > 1 and lines[0].startswith(("{", "[")):
            try:
                return [json.loads(line) for line in lines if line.strip()]
            except (ValueError, RecursionError):
                pass
        raise unusable("not_json", f"{name}: expected JSON, {str(error)[:120]}") from None


def read_json(name: str, data: bytes) -> tuple[Table, ...]:
    """The tables of a document, those nearest to its top. Raises `MarketDataError`."""
    level: list[tuple[str, Any]] = [("", parse(name, data))]
    for _ in range(limits.MAX_DEPTH):
        found = [table for label, value in level if (table := _table(name, label, value)) is not None]
        if found:
            return _joined(found)
        level = [below for label, value in level for below in _below(label, value)]
        if not level or len(level) > limits.MAX_COLUMNS:
            break
    raise unusable("no_table", f"{name}: expected a list of rows, found none in the document")


def _below(label: str, value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        said = _told(value)
        return [
            (f"{label} {said} {key}".strip(), inner)
            for key, inner in value.items()
            if isinstance(inner, dict | list)
        ]
    if isinstance(value, list):
        return [(label, inner) for inner in value if isinstance(inner, dict | list)]
    return []


def _told(value: dict[str, Any]) -> str:
    """What an object, or the one in it that describes it, says of its rows."""
    places = (value, value["meta"]) if isinstance(value.get("meta"), dict) else (value,)
    return " ".join(str(each[key]) for each in places for key in _TELLING if isinstance(each.get(key), str))[
        :100
    ]


def _table(name: str, label: str, value: Any) -> Table | None:
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        flat = [_flat(row) for row in value]
        timed = any(re.search(r"(?i)time|date|(^|\.)t$|^ts$", key) for key in flat[0])
        return _of_objects(name, label, flat) if timed else None
    if isinstance(value, list) and len(value) >= _LEAST_ROWS and all(_is_row(row) for row in value):
        return _of_lists(name, label, value)
    if isinstance(value, dict):
        dated = [key for key in value if _DATE.fullmatch(key)]
        if len(dated) >= _LEAST_ROWS and len(dated) * 10 >= len(value) * 9:
            rows = [
                {
                    "date": key,
                    **(_flat(value[key]) if isinstance(value[key], dict) else {"value": value[key]}),
                }
                for key in dated
            ]
            return _of_objects(name, label, rows)
        return _of_columns(name, label, value)
    return None


def _is_row(row: Any) -> bool:
    return isinstance(row, list) and len(row) >= 2 and not any(isinstance(cell, dict | list) for cell in row)


def _flat(row: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, dict) and depth < 3:
            found |= _flat(value, f"{prefix}{key}.", depth + 1)
        elif not isinstance(value, dict | list):
            found[prefix + key] = value
        if len(found) > limits.MAX_COLUMNS:
            break
    return found


def _of_objects(name: str, label: str, rows: list[dict[str, Any]]) -> Table:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    _bound(name, len(keys), len(rows))
    return Table(tuple(keys), tuple([row.get(key) for row in rows] for key in keys), True, label)


def _of_lists(name: str, label: str, rows: list[list[Any]]) -> Table:
    header = all(isinstance(cell, str) for cell in rows[0]) and any(
        re.search("(?i)time|date", cell) for cell in rows[0]
    )
    width = len(rows[0])
    _bound(name, width, len(rows))
    body = rows[1:] if header else rows
    whole = [(row + [None] * width)[:width] for row in body]
    names = tuple(rows[0]) if header else tuple(str(place + 1) for place in range(width))
    return Table(names, tuple(list(column) for column in zip(*whole, strict=True)), header, label)


def _of_columns(name: str, label: str, value: dict[str, Any]) -> Table | None:
    """Lists side by side: ``{"timestamp": [...], "close": [...]}``, at most two objects apart."""
    lists: dict[str, list[Any]] = {}
    open_ones: list[tuple[str, Any, int]] = [("", value, 0)]
    while open_ones:
        prefix, inner, depth = open_ones.pop(0)
        if isinstance(inner, dict) and depth < 4:
            open_ones += [(key, below, depth + 1) for key, below in inner.items()]
        elif isinstance(inner, list) and inner and not any(isinstance(cell, dict | list) for cell in inner):
            lists.setdefault(prefix, inner)
        elif isinstance(inner, list) and len(inner) == 1:
            open_ones.append((prefix, inner[0], depth + 1))
    timed = [key for key in lists if re.fullmatch(r"(?i)timestamps?|times?|dates?|t|labels", key)]
    if not timed:
        return None
    length = len(lists[timed[0]])
    aligned = {key: cells for key, cells in lists.items() if len(cells) == length}
    if len(aligned) < 2 or length < _LEAST_ROWS:
        return None
    _bound(name, len(aligned), length)
    return Table(tuple(aligned), tuple(aligned.values()), True, f"{label} {_told(value)}".strip())


def _joined(tables: list[Table]) -> tuple[Table, ...]:
    """Lists of [time, value] under names of their own become one table where their times are the same."""
    pairs = [table for table in tables if not table.named and len(table.columns) == 2]
    if (
        len(pairs) < 2
        or len(pairs) < len(tables)
        or any(each.columns[0] != pairs[0].columns[0] for each in pairs)
    ):
        return tuple(tables)
    names = ("time", *(table.label.split()[-1] if table.label else "value" for table in pairs))
    return (Table(names, (pairs[0].columns[0], *(table.columns[1] for table in pairs)), True, ""),)


def _bound(name: str, columns: int, rows: int) -> None:
    if columns > limits.MAX_COLUMNS:
        raise too_large(f"{name}: expected at most {limits.MAX_COLUMNS} columns, found {columns}")
    if columns * rows > limits.MAX_CELLS:
        raise too_large(f"{name}: expected at most {limits.MAX_CELLS} cells, found {columns * rows}")
