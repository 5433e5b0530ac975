"""`vault risk explain`: what an indicator is, why its thresholds are where they are, and what it says now.

Refuses to show a formula without its pitfalls, or a present number without its age and source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.report import terminal, words
from vault.report.layout import heading, joined, listed, table, wrapped
from vault.report.terminal import UNICODE, WIDTH, Glyphs
from vault.treasury.views import IndicatorView

if TYPE_CHECKING:
    from vault.risk.indicators.base import About


def screen(
    about: About, now: IndicatorView | None, why: str, *, width: int = WIDTH, signs: Glyphs = UNICODE
) -> list[str]:
    """The whole explanation; `why` says why there is nothing to say of the present."""
    told = (
        ("What", about.definition),
        ("Formula", about.formula),
        ("History", about.window),
        ("Score 0", about.calm),
        ("Score 1", about.worst),
        ("Source", about.source),
    )
    facts: list[str] = []
    for name, text in told:
        facts += wrapped(f"{name:<8}  {text}", hanging=" " * 10, width=width)
    parts = (
        heading(about.title),
        facts,
        listed("Pitfalls:", about.pitfalls, width=width),
        table(("threshold", "number", "reason"), about.thresholds, right=(1,), width=width),
        present(now, why, width, signs),
    )
    return terminal.spelled(joined(parts), signs)


def present(now: IndicatorView | None, why: str, width: int, signs: Glyphs) -> list[str]:
    """Its numbers now, line by line."""
    if now is None:
        return wrapped(f"Now: no data: {why}", hanging="  ", width=width)
    if not now.configured:
        return listed("Now: not configured:", now.absent or (now.detail,), width=width)
    weighed = f"weight {words.score(now.weight)}, counted as {words.score(now.counted)}"
    facts = [
        ("value", words.number(now.value, now.unit)),
        ("history", words.statistic(now.statistic, now.statistic_kind)),
        ("score", words.score(now.score)),
        ("adds", f"{words.score(now.contribution)} ({weighed})"),
        ("age", words.age(now.age_seconds)),
        ("coverage", words.percent(now.coverage, 0)),
        ("source", now.source or words.NO_DATA),
        ("in words", now.detail),
        *(("absent", why_absent) for why_absent in now.absent),
    ]
    lines = ["Now:"]
    for name, text in facts:
        lines += wrapped(f"{name:<8}  {text}", indent="  ", hanging=" " * 10, width=width)
    if now.trend is not None:
        span = words.age(now.trend.step_seconds * len(now.trend.values))
        lines.append(f"  before    {terminal.sparkline(now.trend.values, 60, signs)}  the last {span}")
    return lines
