"""Plots as text, of a given width: a bar, a profile, lines, a sparkline, an interval, a scale.

Pure: every function returns lines. Shape, place and words carry the meaning, never colour; where a terminal
cannot show block and braille characters, plain ASCII takes their place. What is not known is never drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from vault.report.words import NO_DATA

WIDTH: Final = 100

Number = Decimal | float | int


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The characters of a terminal. `eighths` fill a cell from the left, `levels` from below."""

    eighths: str
    levels: str
    other: str
    axis: str
    mark: str
    wall: str
    corner: str
    pointer: str
    unknown: str
    minus: str
    braille: bool


UNICODE: Final = Glyphs("▏▎▍▌▋▊▉█", "▁▂▃▄▅▆▇█", "▒", "─", "█", "│", "└", "▲", "·", "−", braille=True)
ASCII: Final = Glyphs("#", "_.-=+*%#", ":", "-", "#", "|", "+", "^", "?", "-", braille=False)

# Other signs of these reports, and what stands for them on such a terminal.
_SPELLED: Final = {"−": "-", "φ": "phi", "–": "-", "×": "x", "±": "+-", "…": "...", "→": "->", "∞": "inf"}


def glyphs(encoding: str | None) -> Glyphs:
    """`UNICODE` if the terminal's encoding has every character of it (and braille), else `ASCII`."""
    try:
        ("".join((UNICODE.eighths, UNICODE.levels, UNICODE.other, "─│└▲·⣿−φ±×")).encode(encoding or "ascii"))
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def spelled(lines: Sequence[str], signs: Glyphs) -> list[str]:
    """Lines as this terminal can show them."""
    if signs is UNICODE:
        return list(lines)
    table = str.maketrans(_SPELLED)
    return [line.translate(table) for line in lines]


def bar(value: Number, top: Number, width: int, signs: Glyphs = UNICODE, *, other: bool = False) -> str:
    """A bar of `value` on a scale of 0 to `top`, at most `width` cells; what is above zero is always seen."""
    if value <= 0 or top <= 0:
        return ""
    share = min(float(value) / float(top), 1.0)
    if other:
        return signs.other * max(1, round(share * width))
    parts = len(signs.eighths)
    cells = max(1, round(share * width * parts))
    whole, rest = divmod(cells, parts)
    return signs.eighths[-1] * whole + (signs.eighths[rest - 1] if rest else "")


def _highest(values: Iterable[Number | None]) -> float:
    return max((float(value) for value in values if value is not None), default=0.0)


def sparkline(values: Sequence[Number | None], width: int = 24, signs: Glyphs = UNICODE) -> str:
    """A character for each of at most `width` parts (its highest value); a part without any is `unknown`."""
    parts = _parts(values, width)
    known = [part for part in parts if part is not None]
    if not known:
        return signs.unknown * len(parts)
    low, high = min(known), max(known)
    last = len(signs.levels) - 1

    def sign(part: float | None) -> str:
        if part is None:
            return signs.unknown
        return signs.levels[round((part - low) / (high - low) * last) if high > low else last // 2]

    return "".join(sign(part) for part in parts)


def _parts(values: Sequence[Number | None], width: int) -> list[float | None]:
    """The values in at most `width` groups of neighbours: the highest of each."""
    count = min(len(values), width)
    found: list[float | None] = []
    for place in range(count):
        group = values[place * len(values) // count : (place + 1) * len(values) // count]
        known = [float(value) for value in group if value is not None]
        found.append(max(known) if known else None)
    return found


def interval(
    least: Number, headline: Number, most: Number, *, width: int = WIDTH, signs: Glyphs = UNICODE
) -> str:
    """``0 ──▒▒▒█▒▒── 1``: from `least` to `most`, with the headline between; all from 0 to 1."""
    room = width - 4
    first, place, last = (_cell(value, room) for value in (least, headline, most))
    cells = [signs.other if first <= cell <= last else signs.axis for cell in range(room)]
    cells[place] = signs.mark
    return f"0 {''.join(cells)} 1"


def scale(bands: Sequence[tuple[str, Number]], *, width: int = WIDTH, signs: Glyphs = UNICODE) -> list[str]:
    """Names of bands by where they begin (0..1, rising), under an `interval` of the same width."""
    room = width - 4
    line = [" "] * room
    starts = [_cell(start, room) for _, start in bands] + [room]
    for (name, _), start, end in zip(bands, starts[:-1], starts[1:], strict=True):
        text = f"{signs.wall}{name}"[: max(1, end - start)]
        line[start : start + len(text)] = text
    return [f"  {''.join(line)}".rstrip()]


def _cell(value: Number, room: int) -> int:
    return min(room - 1, max(0, int(float(value) * room)))


def profile(
    rows: Sequence[tuple[str, Number | None, str, Number | None, str]],
    *,
    heads: tuple[str, str, str],
    width: int = WIDTH,
    signs: Glyphs = UNICODE,
) -> list[str]:
    """Two filled profiles beside each other: (label, left, its text, right, its text) a row.

    Each has its own scale: the two can be orders of magnitude apart, and their texts say so.
    """
    labels = max(len(heads[0]), *(len(row[0]) for row in rows))
    texts = max(len(NO_DATA), *(len(text) for row in rows for text in (row[2], row[4])))
    room = max(4, (width - labels - 2 * (texts + 3) - 1) // 2)
    tops = _highest(row[1] for row in rows), _highest(row[3] for row in rows)
    column = texts + 1 + room
    lines = [f"{heads[0]:<{labels}}  {heads[1]:<{column}}  {heads[2]}".rstrip()]
    if len(heads[1]) > column or len(lines[0]) > width:
        lines = [f"{heads[0]:<{labels}}  left: {heads[1]}", f"{'':<{labels}}  right: {heads[2]}"]
    for label, left, left_text, right, right_text in rows:
        one = f"{left_text:>{texts}} {'' if left is None else bar(left, tops[0], room, signs)}"
        two = f"{right_text:>{texts}} {'' if right is None else bar(right, tops[1], room, signs, other=True)}"
        lines.append(f"{label:<{labels}}  {one:<{column}}  {two}".rstrip())
    return lines


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plot: points (x, y) by rising x, and its name, which is written at its end."""

    name: str
    points: tuple[tuple[float, float], ...]


def lines(
    drawn: Sequence[Line],
    *,
    y_text: Sequence[tuple[float, str]],
    x_text: Sequence[tuple[float, str]],
    width: int = WIDTH,
    height: int = 14,
    signs: Glyphs = UNICODE,
) -> list[str]:
    """Lines over axes; `y_text` and `x_text` are the ticks, whose ends are the ends of the axes."""
    left = max(len(text) for _, text in y_text)
    right = max((len(line.name) for line in drawn), default=0)
    columns = max(10, width - left - right - 3)
    across, down = (2, 4) if signs.braille else (1, 1)
    (x_low, x_high), (y_low, y_high) = _ends(x_text), _ends(y_text)
    dots: set[tuple[int, int]] = set()
    names: dict[int, list[str]] = {}
    for line in drawn:
        places = [
            (
                _place(x - x_low, x_high - x_low, columns * across),
                _place(y_high - y, y_high - y_low, height * down),
            )
            for x, y in line.points
        ]
        for start, end in zip(places, places[1:] or places[:1], strict=False):
            dots |= _stroke(start, end)
        if places:
            names.setdefault(places[-1][1] // down, []).append(line.name)
    ticks = {_place(y_high - y, y_high - y_low, height): text for y, text in y_text}
    shown = []
    for row in range(height):
        cells = "".join(_sign(dots, column, row, signs) for column in range(columns))
        ends = ", ".join(names.get(row, ()))
        shown.append(f"{ticks.get(row, ''):>{left}} {signs.wall}{cells} {ends}".rstrip())
    shown.append(f"{'':>{left}} {signs.corner}{signs.axis * columns}")
    shown.append(f"{'':>{left}}  {_x_axis(x_text, x_low, x_high, columns)}".rstrip())
    return shown


def _place(distance: float, span: float, count: int) -> int:
    """The dot of `count` at a share of the span; what lies outside is held at the edge."""
    return round(min(1.0, max(0.0, distance / span)) * (count - 1))


def _ends(ticks: Sequence[tuple[float, str]]) -> tuple[float, float]:
    low, high = min(place for place, _ in ticks), max(place for place, _ in ticks)
    return low, high if high > low else low + 1.0


def _stroke(start: tuple[int, int], end: tuple[int, int]) -> set[tuple[int, int]]:
    """The dots of a straight line."""
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return {
        (
            start[0] + round((end[0] - start[0]) * step / steps),
            start[1] + round((end[1] - start[1]) * step / steps),
        )
        for step in range(steps + 1)
    }


# Bits of the eight dots of a braille cell, by row and column (Unicode 2800).
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def _sign(dots: set[tuple[int, int]], column: int, row: int, signs: Glyphs) -> str:
    if not signs.braille:
        return "*" if (column, row) in dots else " "
    bits = sum(
        _DOTS[down][across]
        for down in range(4)
        for across in range(2)
        if (column * 2 + across, row * 4 + down) in dots
    )
    return chr(0x2800 + bits) if bits else " "


def _x_axis(ticks: Sequence[tuple[float, str]], low: float, high: float, columns: int) -> str:
    line = [" "] * columns
    free = 0
    for place, text in sorted(ticks):
        at = _place(place - low, high - low, columns)
        start = min(max(0, at - len(text) // 2), max(0, columns - len(text)))
        if start >= free:
            line[start : start + len(text)] = text
            free = start + len(text) + 1
    return "".join(line)
