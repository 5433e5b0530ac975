"""`vault cascade`: ladder beside depth, the price path of each shock, and the numbers with their inputs.

Refuses to put a zero where an input is missing: the number is absent and the input is named.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from vault.report import terminal, words
from vault.report.cascade_plot import price_paths, price_steps, profile_heads, step_label
from vault.report.layout import heading, joined, listed, split_table, table, wrapped
from vault.report.terminal import UNICODE, WIDTH, Glyphs
from vault.treasury.views import CascadeView, ShockView

CREED: Final = (
    "A model of forced selling in the present book, not a forecast: a static ladder, meant to be compared "
    "with itself over time."
)


def screen(view: CascadeView, *, width: int = WIDTH, signs: Glyphs = UNICODE) -> list[str]:
    """The whole screen, lines of at most `width` characters."""
    parts = (
        [
            *heading(f"Cascade of {view.asset} at {words.instant(view.at)}: {side_words(view)}"),
            *wrapped(CREED, width=width),
        ],
        _ladder(view, width, signs),
        _path(view, width, signs),
        _shocks(view, width),
        _given(view, width),
        listed("Assumed, because nobody measures it:", view.assumptions, width=width),
        listed("Missing:", view.missing, width=width),
    )
    return terminal.spelled(joined(parts), signs)


def side_words(view: CascadeView) -> str:
    """What the side means."""
    return "longs, liquidated by falls" if view.side == "long" else "shorts, liquidated by rises"


def _ladder(view: CascadeView, width: int, signs: Glyphs) -> list[str]:
    steps = price_steps(view)
    if not steps:
        return ["Ladder: no data."]
    rows = [
        (
            step_label(view, step),
            step.triggered,
            words.usd(step.triggered),
            step.absorbed,
            words.usd(step.absorbed),
        )
        for step in steps
    ]
    heads = (f"{'price to':>9}  {'move':>8}", *profile_heads(steps))
    return terminal.profile(rows, heads=heads, width=width, signs=signs)


def _path(view: CascadeView, width: int, signs: Glyphs) -> list[str]:
    found = price_paths(view)
    if found is None:
        return ["Price path: no data."]
    drawn = terminal.lines(found.lines, y_text=found.y_ticks, x_text=found.x_ticks, width=width, signs=signs)
    return [f"{found.title}:", *drawn]


def _shocks(view: CascadeView, width: int) -> list[str]:
    rows = [shock_row(shock) for shock in view.shocks]
    lines = joined(split_table(SHOCK_HEAD, rows, right=range(len(SHOCK_HEAD)), width=width))
    lines += wrapped(
        f"Forced by a shock of 1 %: {dollars(view.forced_per_percent)}. A branching ratio above 1 runs away: "
        "each forced dollar forces more than itself.",
        width=width,
    )
    return [*lines, *listed("Absent:", absences(view), width=width)]


def absences(view: CascadeView) -> list[str]:
    """Each reason why a number is absent, with the shocks that it holds for."""
    found: dict[str, list[str]] = {}
    for shock in view.shocks:
        for why in shock.absent:
            found.setdefault(why, []).append(words.percent(shock.shock, 0))
    return [f"{why} (shock of {', '.join(shocks)})" for why, shocks in found.items()]


SHOCK_HEAD: Final = (
    "shock",
    "ends at",
    "amplified",
    "branching",
    "peak",
    "forced USD",
    "last price",
    "lasts",
    "ADL",
)


def dollars(value: Decimal | None) -> str:
    """An amount with its unit; unknown is said."""
    return words.NO_DATA if value is None else f"{words.usd(value)} USD"


def shock_row(shock: ShockView) -> tuple[str, ...]:
    """Cells under `SHOCK_HEAD`."""
    open_end = "no end" if shock.endless else None
    return (
        words.percent(shock.shock, 0 if shock.shock * 100 % 1 == 0 else 1),
        open_end or words.percent(shock.reached),
        open_end or _times(shock.amplification),
        words.score(shock.branching),
        words.score(shock.peak_branching),
        words.usd(shock.forced_notional),
        open_end or words.price(shock.floor_price),
        words.age(shock.seconds_to_exhaustion),
        words.percent(shock.adl_share),
    )


def _times(value: Decimal | None) -> str:
    return words.NO_DATA if value is None else f"{value:.2f} ×"


def phi_line(view: CascadeView) -> str:
    """φ with its age and error."""
    phi = view.phi
    if phi.value is None:
        return f"φ (unhedged share): no data: {phi.reason}"
    error = "with an unknown error" if phi.error is None else f"± {words.score(phi.error)}"
    age = "age unknown" if phi.age_seconds is None else f"newest {words.age(phi.age_seconds)} ago"
    return f"φ (unhedged share): {words.score(phi.value)} {error}, {phi.windows} windows, {age}"


def _given(view: CascadeView, width: int) -> list[str]:
    rows = [
        (
            each.name,
            words.number(each.value, each.unit),
            words.age(each.age_seconds),
            "; ".join(part for part in (each.source or words.NO_DATA, each.licence, each.problem) if part),
        )
        for each in view.inputs
    ]
    inputs = table(("input", "value", "age", "source; licence; what is wrong"), rows, right=(1,), width=width)
    return [*wrapped(phi_line(view), hanging="  ", width=width), *inputs]
