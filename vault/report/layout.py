"""Text of a given width: headings, tables that wrap at words, lists with hanging lines. Pure.

Refuses to cut anything: what is too long goes on in the next line, or a table goes on beneath itself.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterable, Sequence
from itertools import zip_longest
from typing import Final

from vault.report.terminal import WIDTH

# A column that folds is read with difficulty below this.
NARROWEST: Final = 10


def heading(text: str) -> list[str]:
    """A title."""
    return [text, "-" * len(text)]


def joined(parts: Iterable[list[str]]) -> list[str]:
    """Parts with an empty line between them; what has nothing to say takes no room."""
    lines: list[str] = []
    for part in parts:
        if part:
            lines += [*([""] if lines else []), *part]
    return lines


def listed(title: str, items: Iterable[str], *, width: int = WIDTH) -> list[str]:
    """A title with its items beneath; nothing without items."""
    lines: list[str] = []
    for item in items:
        lines += wrapped(item, indent="  ", hanging="  ", width=width)
    return [*wrapped(title, width=width), *lines] if lines else []


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[int] = (),
    folding: Collection[int] = (),
    width: int = WIDTH,
) -> list[str]:
    """A table no wider than `width`: its `folding` columns (the last one always) are wrapped at words."""
    if not rows:
        return []
    folds = {*folding, len(head) - 1}
    rows = [[" ".join(cell.split()) for cell in row] for row in rows]
    sizes = _sizes((head, *rows), folds, width - 2 * (len(head) - 1))
    shown: list[str] = []
    for row in (head, ["-" * size for size in sizes], *rows):
        cells = [_fold(cell, size) if place in folds else [cell] for place, (cell, size) in _each(row, sizes)]
        for line in zip_longest(*cells, fillvalue=""):
            placed = (
                f"{cell:>{size}}" if place in right else f"{cell:<{size}}"
                for place, (cell, size) in _each(line, sizes)
            )
            shown.append("  ".join(placed).rstrip())
    return shown


def _each(row: Sequence[str], sizes: Sequence[int]) -> Iterable[tuple[int, tuple[str, int]]]:
    return enumerate(zip(row, sizes, strict=True))


def _fold(cell: str, size: int) -> list[str]:
    return textwrap.wrap(cell, size, break_on_hyphens=False) or [""]


def _sizes(rows: Sequence[Sequence[str]], folds: Collection[int], room: int) -> list[int]:
    """Widths of the columns; those that fold give way, the widest first, down to `NARROWEST`."""
    sizes = [max(1, *(len(row[place]) for row in rows)) for place in range(len(rows[0]))]
    while sum(sizes) > room:
        widest = max(folds, key=lambda place: sizes[place])
        if sizes[widest] <= NARROWEST:
            break
        sizes[widest] -= 1
    return sizes


def wrapped(text: str, *, indent: str = "", hanging: str = "", width: int = WIDTH) -> list[str]:
    """A sentence over as many lines as it needs; `hanging` begins those after the first."""
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent + hanging, break_on_hyphens=False
    ) or [indent.rstrip()]


def split_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    keys: int = 1,
    right: Collection[int] = (),
    width: int = WIDTH,
) -> list[list[str]]:
    """Tables of as many columns as fit beside the first `keys`, which each of them repeats."""
    if not rows:
        return []
    sizes = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    room = width - sum(sizes[:keys]) - 2 * keys
    groups: list[list[int]] = []
    used = room
    for place in range(keys, len(head)):
        if used + 2 + sizes[place] > room:
            groups.append([])
            used = -2
        groups[-1].append(place)
        used += 2 + sizes[place]
    places = [[*range(keys), *group] for group in groups]
    return [
        table(
            [head[place] for place in part],
            [[row[place] for place in part] for row in rows],
            right=[number for number, place in enumerate(part) if place in right],
            width=width,
        )
        for part in places
    ]
