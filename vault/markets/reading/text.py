"""Delimited text as a table: finds encoding, delimiter and header, also those that spreadsheets leave behind.

Refuses what is not text in UTF-8 or UTF-16, and text without a table in it.
"""

from __future__ import annotations

import csv
import math
import re
from itertools import islice
from typing import Final

from vault.markets.reading import limits
from vault.markets.reading.table import NOTHING, Table, number, unusable
from vault.markets.reading.unpack import too_large

_DELIMITERS: Final = (",", ";", "\t", "|")
_PREAMBLE: Final = 12  # lines above a header that are looked past: addresses, titles, comments
# yfinance names the levels of its header so.
_TIME = re.compile(r"(?i)\s*(date|datetime|time|timestamp)\s*")
_LEVELS: Final = frozenset({"", "ticker", "price", "tickers", "attributes", "symbols"})


def decode(name: str, data: bytes) -> str:
    """The text of a document. Raises `MarketDataError` (``market.not_text``)."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise unusable(
            "not_text",
            f"{name}: expected text in UTF-8, found another byte at {error.start}",
            "Convert it to UTF-8.",
        ) from None
    if "\0" in text:
        raise unusable("not_text", f"{name}: expected text, found a zero byte at {text.index(chr(0))}")
    return text


def read_text(name: str, data: bytes, delimiter: str = "", *, header: bool | None = None) -> Table:
    """The table in a document. `header` None: found out by itself.

    Raises `MarketDataError` (``not_text``, ``no_table``, ``too_large``).
    """
    lines = decode(name, data).splitlines()
    if lines and re.match(r"\d{10,19}[ ,\t]\{", lines[0]):
        raise unusable("not_recognised", f"{name}: messages of a stream as they came, no table of values")
    start = next((at for at, line in enumerate(lines[:_PREAMBLE]) if line.startswith("sep=")), None)
    if start is not None:
        delimiter, lines = lines[start][4:5], lines[start + 1 :]
    delimiter = delimiter or _delimiter(lines)
    rows = _rows(name, lines, delimiter)
    if header is not None:
        names, body = (rows[0], rows[1:]) if header and rows else ([], rows)
        label = ""
    else:
        names, body, label = _split(rows)
    width = max((len(row) for row in body[:1000]), default=len(names))
    if names:
        width = max(width, len(names)) if len(names) < width <= len(names) + 1 else len(names)
    if width < 2 or not body:
        raise unusable("no_table", f"{name}: expected rows of at least two columns")
    whole = [row if len(row) == width else (row + [""] * width)[:width] for row in body if any(row)]
    if not whole:
        raise unusable("no_table", f"{name}: expected rows with something in them")
    columns = tuple(list(column) for column in zip(*whole, strict=True))
    shown = tuple(name.strip() for name in (names + [""] * width)[:width])
    if not names:
        shown = tuple(str(place + 1) for place in range(width))
    return Table(shown, columns, bool(names), label, delimiter == ";")


def _rows(name: str, lines: list[str], delimiter: str) -> list[list[str]]:
    found: list[list[str]] = []
    cells = 0
    csv.field_size_limit(1 << 20)
    try:
        if any(line.startswith("#") for line in lines[:_PREAMBLE]):
            lines = [line for line in lines if not line.startswith("#")]
        for row in csv.reader(lines, delimiter=delimiter):
            if len(row) > limits.MAX_COLUMNS:
                raise too_large(f"{name}: expected at most {limits.MAX_COLUMNS} columns, found {len(row)}")
            cells += len(row)
            if cells > limits.MAX_CELLS:
                raise too_large(f"{name}: expected at most {limits.MAX_CELLS} cells")
            if row:
                found.append(row)
    except csv.Error as error:
        raise unusable("no_table", f"{name}: {error}") from None
    return found


def _delimiter(lines: list[str]) -> str:
    """The one that cuts most lines into the same number of cells, at least two."""
    sample = [line for line in islice(lines, 0, 200) if line.strip() and not line.startswith("#")][:60]
    scores = []
    for delimiter in _DELIMITERS:
        counts = [line.count(delimiter) for line in sample]
        common = max(set(counts) - {0}, key=counts.count, default=0)
        scores.append((counts.count(common) if common else 0, common))
    return _DELIMITERS[scores.index(max(scores))]


_DAY = re.compile(
    r"\d{4}[-/.]\d{1,2}|\d{1,2}[ /.-](\d{1,2}|[A-Za-z]{3})[ /.-]\d|[A-Za-z]{3,9} \d{1,2},? \d{4}"
)


def _is_value(cell: str) -> bool:
    """Something that stands in a body rather than in a header."""
    text = cell.strip()
    return not math.isnan(number(text)) or _DAY.match(text) is not None


def _split(rows: list[list[str]]) -> tuple[list[str], list[list[str]], str]:
    """Header, body and the title lines above: the body begins where rows with values begin."""
    for at, row in enumerate(rows[: _PREAMBLE + 3]):
        if len(row) < 2 or not _is_value(row[0] or row[1]):
            continue
        filled = [cell for cell in row if cell.strip().lower() not in NOTHING]
        if sum(map(_is_value, filled)) * 2 > len(filled) > (0 if _DAY.match(row[0].strip()) else 1):
            return _header(rows[:at], len(row)), rows[at:], _title(rows[:at])
    if rows and len(rows[0]) > 1 and not all(map(_is_value, rows[0])):
        return rows[0], rows[1:], ""
    return [], rows, ""


def _title(above: list[list[str]]) -> str:
    """Lines of one cell above a header: an address, a title."""
    single = [" ".join(row).strip() for row in above if sum(bool(cell.strip()) for cell in row) == 1]
    return " ".join(single)[:200]


def _header(above: list[list[str]], width: int) -> list[str]:
    """One name a column out of the header's lines: the nearest one, or all levels of a table of several."""
    wide = [row for row in above if len(row) >= max(2, width - 1)]
    lines = [row for row in wide if _names(row)]
    if not lines:
        return []
    named = next((row for row in reversed(wide) if _TIME.fullmatch(row[0])), None)
    first = [row[0].strip().lower() for row in lines]
    if len(lines) < 2 or not (first[0] in _LEVELS or first[1] in _LEVELS):
        return list(named if named is not None and named in lines else lines[-1])
    joined = [" ".join(row[at].strip() for row in lines if at < len(row)).strip() for at in range(width)]
    return [named[0].strip() if named is not None else "Date", *joined[1:]]


def _names(row: list[str]) -> bool:
    """A line of names: something beside its first cell, and few values (fees and seeds are values)."""
    told = [cell for cell in row[1:] if cell.strip()]
    return bool(told) and sum(map(_is_value, told)) * 2 <= len(told)
