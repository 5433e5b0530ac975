"""The pictures of the HTML report as inline SVG: interval, bars, trends, ladder, price paths.

Pure. Each has a title for who cannot see it; colours come from the page's classes, and what they say is also
said by shape and by words. What is not known leaves a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from vault.report import words
from vault.report.markup import Markup, tag
from vault.treasury.views import RegimeBound, Trend

WIDTH: Final = 760
# Height of a line of text, and of a row with a bar.
LINE: Final = 16
ROW: Final = 22


def _picture(
    title: str, height: float, *children: Markup, width: float = WIDTH, class_: str = "picture"
) -> Markup:
    return tag(
        "svg",
        tag("title", title),
        *children,
        class_=class_,
        role="img",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
    )


def _text(x: float, y: float, text: str, *, anchor: str | None = None, class_: str | None = None) -> Markup:
    return tag("text", text, x=x, y=y, text_anchor=anchor, class_=class_)


def _line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def _rect(x: float, y: float, width: float, height: float, class_: str) -> Markup:
    return tag("rect", x=x, y=y, width=max(width, 0.0), height=height, class_=class_)


def interval(
    least: Decimal, headline: Decimal, most: Decimal, bounds: Sequence[RegimeBound], title: str
) -> Markup:
    """Where the headline stands between least and most, over the regimes' bands."""
    left, room, top = 20.0, WIDTH - 40.0, 34.0
    starts = [("calm", 0.0)]
    starts += [(bound.regime, float(bound.enters)) for bound in bounds if not bound.needs]
    ends = [*(start for _, start in starts[1:]), 1.0]
    drawn = []
    for place, ((name, start), end) in enumerate(zip(starts, ends, strict=True)):
        x = left + start * room
        drawn.append(_rect(x, top, (end - start) * room, 26, f"band band{min(place, 3)}"))
        drawn.append(_text(x + 4, top + 42, f"{name} {'' if not place else f'from {start:.2f}'}".strip()))
    a, b, c = (left + float(value) * room for value in (least, headline, most))
    middle = top + 13
    drawn += [
        _line(a, middle, c, middle, "whisker"),
        _line(a, middle - 8, a, middle + 8, "whisker"),
        _line(c, middle - 8, c, middle + 8, "whisker"),
        tag("circle", cx=b, cy=middle, r=8, class_="mark"),
        _text(b, top - 16, words.score(headline), anchor="middle", class_="big"),
        _text(min(a, b - 34), top - 4, f"least {words.score(least)}", anchor="end"),
        _text(max(c, b + 34), top - 4, f"most {words.score(most)}"),
    ]
    return _picture(title, top + 50, *drawn)


def bars(rows: Sequence[tuple[str, Decimal | None, str]], title: str) -> Markup:
    """A bar a row: label, value (None: no bar), text after it."""
    top = max((value for _, value, _ in rows if value is not None), default=Decimal(0)) or Decimal(1)
    left, room = 170.0, WIDTH - 420.0
    drawn = []
    for place, (label, value, text) in enumerate(rows):
        y = place * ROW
        width = float(max(value or Decimal(0), Decimal(0)) / top) * room
        drawn.append(_text(left - 8, y + 15, label, anchor="end"))
        drawn.append(_rect(left, y + 4, width, ROW - 8, "bar"))
        drawn.append(_text(left + width + 6, y + 15, text))
    return _picture(title, len(rows) * ROW + 4, *drawn)


def sparkline(trend: Trend, title: str) -> Markup:
    """A small line with gaps where nothing was known."""
    width, height = 120.0, 24.0
    known = [float(value) for value in trend.values if value is not None]
    low, high = min(known, default=0.0), max(known, default=1.0)
    return _picture(
        title,
        height,
        *_broken_line(trend.values, (0.0, 2.0, width, height - 4), low, high),
        width=width,
        class_="spark",
    )


def trend_line(trend: Trend, bounds: Sequence[RegimeBound], title: str) -> Markup:
    """The headline over time from 0 to 1, with the lines at which regimes begin by number alone."""
    left, height = 40.0, 120.0
    room = WIDTH - left - 90
    drawn = [_text(left - 6, 4 + height, "0", anchor="end"), _text(left - 6, 12, "1", anchor="end")]
    for bound in bounds:
        if bound.needs:
            continue
        y = 4 + (1 - float(bound.enters)) * height
        drawn.append(_line(left, y, left + room, y, "grid"))
        drawn.append(_text(left + room + 6, y + 4, bound.regime))
    drawn += _broken_line(trend.values, (left, 4.0, room, height), 0.0, 1.0)
    drawn.append(_line(left, 4 + height, left + room, 4 + height, "axis"))
    before = words.age(trend.step_seconds * len(trend.values))
    drawn.append(_text(left, height + 22, f"{before} before"))
    drawn.append(_text(left + room, height + 22, words.instant(trend.end), anchor="end"))
    return _picture(title, height + 28, *drawn)


def _broken_line(
    values: Sequence[Decimal | None], box: tuple[float, float, float, float], low: float, high: float
) -> list[Markup]:
    """Lines through neighbours that are known; one alone is a dot. `box`: x, y, width, height."""
    x, y, width, height = box
    step = width / max(len(values) - 1, 1)
    span = high - low or 1.0
    runs: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((x + place * step, y + (1 - (float(value) - low) / span) * height))
    drawn = []
    for run in runs:
        if len(run) == 1:
            drawn.append(tag("circle", cx=run[0][0], cy=run[0][1], r=1.5, class_="mark"))
        elif run:
            drawn.append(tag("polyline", points=_points(run), class_="line"))
    return drawn


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def ladder(
    rows: Sequence[tuple[str, Decimal | None, Decimal | None]], heads: tuple[str, str], title: str
) -> Markup:
    """A row a price step: a filled bar of what is liquidated there, a hollow one of what the book takes.

    Each side has its own scale, which its head says.
    """
    tops = [max((float(row[side] or 0) for row in rows), default=0.0) or 1.0 for side in (1, 2)]
    left, room, head = 130.0, (WIDTH - 130.0 - 2 * 80.0) / 2, 20.0
    middle = left + room + 80
    drawn = [_text(left, 13, heads[0]), _text(middle, 13, heads[1])]
    for place, (label, forced, taken) in enumerate(rows):
        y = head + place * ROW
        drawn.append(_text(left - 8, y + 15, label, anchor="end"))
        for x, value, top, class_ in ((left, forced, tops[0], "bar"), (middle, taken, tops[1], "hollow")):
            width = float(value or 0) / top * room
            if value is not None:
                drawn.append(_rect(x, y + 4, width, ROW - 8, class_))
            drawn.append(_text(x + width + 6, y + 15, words.usd(value)))
    return _picture(title, head + len(rows) * ROW + 4, *drawn)


@dataclass(frozen=True, slots=True)
class Axes:
    """The ticks of a plot, (place, text) each; the outermost are its ends."""

    x: Sequence[tuple[float, str]]
    y: Sequence[tuple[float, str]]


def paths(named: Sequence[tuple[str, Sequence[tuple[float, float]]]], axes: Axes, title: str) -> Markup:
    """Lines with their names at their ends."""
    left, top, height = 70.0, 8.0, 220.0
    room = WIDTH - left - 130
    (x_low, x_high), (y_low, y_high) = (
        (min(place for place, _ in ticks), max(place for place, _ in ticks)) for ticks in (axes.x, axes.y)
    )

    def placed(x: float, y: float) -> tuple[float, float]:
        across = (x - x_low) / (x_high - x_low or 1.0)
        return left + across * room, top + (y_high - y) / (y_high - y_low or 1.0) * height

    drawn = [
        _line(left, top + height, left + room, top + height, "axis"),
        _line(left, top, left, top + height, "axis"),
    ]
    for y, text in axes.y:
        at = placed(x_low, y)[1]
        drawn.append(_line(left, at, left + room, at, "grid"))
        drawn.append(_text(left - 6, at + 4, text, anchor="end"))
    for x, text in axes.x:
        drawn.append(_text(placed(x, y_low)[0], top + height + LINE, text, anchor="middle"))
    lowest = -LINE
    for name, points in sorted(named, key=lambda each: -each[1][-1][1]):
        spots = [placed(x, y) for x, y in points]
        drawn.append(tag("polyline", points=_points(spots), class_="line"))
        # Names of lines that end close together stand beneath each other.
        lowest = max(lowest + LINE, round(spots[-1][1] + 4))
        drawn.append(_text(left + room + 6, lowest, name))
    return _picture(title, top + height + 2 * LINE, *drawn)
