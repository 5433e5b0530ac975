"""What a cascade's pictures are drawn from, in text and in HTML: price steps and price paths. Pure.

Refuses to draw what is not known: a step without depth has none, a shock without a path has no line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from vault.report import words
from vault.report.terminal import Line
from vault.treasury.views import CascadeView, LevelView, ShockView

# Price steps that fit a screen beside the rest.
STEPS: Final = 16


@dataclass(frozen=True, slots=True)
class PriceStep:
    """A step of price: its far end, and the USD liquidated and absorbed within it."""

    level: LevelView
    triggered: Decimal | None
    absorbed: Decimal | None


@dataclass(frozen=True, slots=True)
class Paths:
    """Price after each shock, with the ticks of both axes; the outermost ticks are the ends."""

    title: str
    lines: tuple[Line, ...]
    y_ticks: Sequence[tuple[float, str]]
    x_ticks: Sequence[tuple[float, str]]


def price_steps(view: CascadeView, count: int = STEPS) -> list[PriceStep]:
    """The levels in at most `count` equal steps.

    They go twice as far as the furthest cascade, and to the end of the grid where one has no end.
    """
    away = [level for level in view.levels if level.move > 0]
    reach = max((shock.reached or shock.shock for shock in view.shocks), default=Decimal("0.2"))
    if not any(shock.endless for shock in view.shocks):
        away = [level for level in away if level.move <= 2 * reach] or away[:count]
    size = max(1, -(-len(away) // count))
    ends = away[size - 1 :: size]
    starts = [next((level for level in view.levels if level.move == 0), None), *ends]
    return [
        PriceStep(
            end,
            _within(end.triggered, start.triggered if start else None),
            _within(end.absorbed, start.absorbed if start else None),
        )
        for start, end in zip(starts, ends, strict=False)
    ]


def _within(end: Decimal | None, start: Decimal | None) -> Decimal | None:
    return None if end is None else end - (start or 0)


def step_label(view: CascadeView, step: PriceStep) -> str:
    """Price at the far end, and how far that is."""
    away = "−" if view.side == "long" else "+"
    return f"{words.price(step.level.price):>9}  {f'{away}{words.percent(step.level.move)}':>8}"


def profile_heads(steps: Sequence[PriceStep]) -> tuple[str, str]:
    """Heads of the two profiles, with the amount of a full bar: each side has its own scale."""
    forced = max((step.triggered for step in steps if step.triggered is not None), default=None)
    taken = max((step.absorbed for step in steps if step.absorbed is not None), default=None)
    return (
        f"USD liquidated (full bar {words.usd(forced)})",
        f"USD absorbed (full bar {words.usd(taken)})",
    )


def price_paths(view: CascadeView) -> Paths | None:
    """None without a price or without any path. A line goes on level where its cascade has ended."""
    drawn = [shock for shock in view.shocks if shock.path]
    if view.price is None or not drawn:
        return None
    timed = all(point.seconds is not None for shock in drawn for point in shock.path)
    start = float(view.price)
    raw = [_points(shock, start, timed=timed) for shock in drawn]
    last = max(x for points in raw for x, _ in points) or 1.0
    lines = tuple(
        Line(_name(shock), points if shock.endless else (*points, (last, points[-1][1])))
        for shock, points in zip(drawn, raw, strict=True)
    )
    prices = [y for points in raw for _, y in points]
    low, high = min(prices), max(prices)
    middle = (low + high) / 2
    return Paths(
        f"Price after each shock, by {'time of forced selling' if timed else 'generation'}",
        lines,
        tuple((y, words.price(Decimal(y))) for y in (high, middle, low)),
        ((0.0, "0"), (last, _time(last, timed=timed))),
    )


def _points(shock: ShockView, start: float, *, timed: bool) -> tuple[tuple[float, float], ...]:
    told = (
        (float((point.seconds or 0) if timed else point.generation), float(point.price))
        for point in shock.path
    )
    return ((0.0, start), *told)


def _name(shock: ShockView) -> str:
    return f"{words.percent(shock.shock, 0)}{' without end' if shock.endless else ''}"


def _time(value: float, *, timed: bool) -> str:
    return words.age(Decimal(round(value))) if timed else f"{value:.0f} generations"
