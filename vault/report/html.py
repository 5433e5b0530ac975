"""The risk report as one HTML file: no script, nothing from elsewhere, readable in light, dark and on paper.

Every text is escaped and the file's own policy forbids whatever a mistake here could let in. Refuses to leave
out what could not be computed: each such part says why.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vault.errors import ConfigError
from vault.files import write_document
from vault.report import svg, words
from vault.report.cascade_plot import price_paths, price_steps, profile_heads, step_label
from vault.report.cascade_screen import SHOCK_HEAD, absences, dollars, phi_line, shock_row, side_words
from vault.report.markup import Markup, tag
from vault.report.record_screen import (
    BEFORE_HEAD,
    CALM_HEAD,
    NAMED_HEAD,
    RATES,
    before_row,
    calm_row,
    event_table,
    in_words,
    legend,
    named_row,
)
from vault.report.risk_screen import CREED, VERDICTS, account_line, conditions, record_line, regime_line
from vault.report.style import STYLE
from vault.treasury.views import AccountView, CascadeView, IndicatorView, RecordView, RiskView, SourceView

Cell = str | Markup
# Cells of so few characters are not broken over lines.
SHORT: Final = 13
# Columns of levels that fit a page beside the three that name a fall.
LEVELS: Final = 5
# By this an earlier page is known from anything else that may be at its place.
GENERATOR: Final = "vault risk --html"


@dataclass(frozen=True, slots=True)
class Report:
    """What a report is made of; `failures` says why a part of it is not there."""

    risk: RiskView
    cascades: tuple[CascadeView, ...] = ()
    record: RecordView | None = None
    failures: tuple[str, ...] = ()


def write(path: Path, report: Report) -> None:
    """Write the report whole or not at all (mode 0600); only another such page is replaced.

    Raises `ConfigError` (``config.exists``, ``config.not_writable``).
    """
    if (path.exists() or path.is_symlink()) and not _is_page(path):
        raise ConfigError(
            "exists",
            f"{path}: expected a new file or an earlier page of this command, found something else",
            hint="Nothing was written. Name another file.",
        )
    write_document(path, page(report).encode("utf-8"))


def _is_page(path: Path) -> bool:
    """Whether a regular file begins as our pages do."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return GENERATOR.encode() in file.read(4096)
    except OSError:
        return False


def page(report: Report) -> str:
    """The whole document."""
    name = f"Fragility of {report.risk.asset} at {words.instant(report.risk.at)}"
    policy = f"default-src 'none'; style-src '{_style_hash()}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name_="generator", content=GENERATOR),
        tag("meta", name_="referrer", content="no-referrer"),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("title", name),
        tag("style", Markup(STYLE)),
    )
    parts = [
        _headline(report, name),
        _stage(report.risk),
        _indicators(report.risk),
        *(_cascade(view) for view in report.cascades),
        _accounts(report.risk.accounts),
        _record(report.record),
        _missing(report),
        _sources(report),
    ]
    document = tag("html", head, tag("body", tag("main", *parts)), lang="en")
    return f"<!DOCTYPE html>\n{document}\n"


def _style_hash() -> str:
    digest = hashlib.sha256(STYLE.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _section(title: str, *children: Cell) -> Markup:
    return tag("section", tag("h2", title), *children)


def _table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], right: Collection[int] = ()
) -> Markup:
    """A table that scrolls alone where it is too wide; nothing without rows."""
    if not rows:
        return Markup("")

    def said(cell: Cell, place: int) -> str | None:
        short = not isinstance(cell, Markup) and len(cell) <= SHORT
        return " ".join(("right",) * (place in right) + ("short",) * short) or None

    aligned = ("right" if place in right else None for place in range(len(head)))
    heads = (tag("th", name, scope="col", class_=side) for name, side in zip(head, aligned, strict=True))
    body = (
        tag("tr", *(tag("td", cell, class_=said(cell, place)) for place, cell in enumerate(row)))
        for row in rows
    )
    table = tag("table", tag("caption", caption), tag("thead", tag("tr", *heads)), tag("tbody", *body))
    return tag("div", table, class_="wide")


def _list(items: Sequence[str]) -> Markup:
    return tag("ul", *(tag("li", item) for item in items)) if items else tag("p", "Nothing.", class_="soft")


def _headline(report: Report, name: str) -> Markup:
    view = report.risk
    children: list[Cell] = [tag("h1", name), tag("p", CREED, class_="creed")]
    if view.fragility is None or view.least is None or view.most is None:
        children.append(tag("p", "Fragility unknown: no indicator is configured.", class_="regime"))
    else:
        said = (
            f"Fragility {words.score(view.fragility)} of 1, at least {words.score(view.least)}, at most "
            f"{words.score(view.most)}"
        )
        children.append(svg.interval(view.least, view.fragility, view.most, view.bounds, said))
        children.append(tag("p", f"{said}; of what is present alone {words.score(view.known)}."))
        children += [tag("p", line, class_="soft") for line in conditions(view)]
    children += [
        tag("p", regime_line(view), class_="regime"),
        tag(
            "p",
            f"Coverage: {words.percent(view.coverage, 0)} of what is configured, "
            f"{words.percent(view.coverage_of_all, 0)} of all {len(view.indicators)} indicators, by weight.",
        ),
    ]
    if view.record is not None or report.record is None:
        children.append(tag("p", record_line(view.record)))
    if view.trend is not None:
        children.append(svg.trend_line(view.trend, view.bounds, "Fragility before, from 0 to 1"))
    return tag("header", *children)


def _stage(view: RiskView) -> Markup:
    rows = [
        (str(step.number), step.name, _loud(step.state, "evidence"), step.evidence) for step in view.steps
    ]
    return _section("Stage of a cascade", _table("Six steps", ("", "step", "now", "what says so"), rows))


def _loud(text: str, *loud: str) -> Cell:
    """Set off where it matters; the word itself says it too."""
    return tag("span", text.upper(), class_="loud") if text in loud else text


def _indicators(view: RiskView) -> Markup:
    configured = [each for each in view.indicators if each.configured]
    contributions = [
        (words.title(each.name), each.contribution, _contribution(each))
        for each in sorted(configured, key=lambda each: -(each.contribution or 0))
    ]
    idle = [words.title(each.name) for each in view.indicators if not each.configured]
    head = ("indicator", "value", "own history", "score", "before", "age", "coverage", "source")
    return _section(
        "Indicators",
        tag("h3", "What each adds to the headline"),
        svg.bars(contributions, "Contribution of each indicator to the headline") if configured else "",
        _table("Each against its own history", head, [_indicator(each) for each in configured], right=(3,)),
        _list([f"{words.title(each.name)}: {'; '.join((each.detail, *each.absent))}" for each in configured]),
        tag("p", f"Not configured: {', '.join(idle)}") if idle else "",
    )


def _contribution(each: IndicatorView) -> str:
    counted = f"weight {words.score(each.weight)} × {words.score(each.counted)}"
    return f"{words.score(each.contribution)} = {counted}{' (absent)' if each.score is None else ''}"


def _indicator(each: IndicatorView) -> tuple[Cell, ...]:
    name = words.title(each.name)
    drawn = svg.sparkline(each.trend, f"{name} before") if each.trend else words.NO_DATA
    return (
        name,
        words.number(each.value, each.unit),
        words.statistic(each.statistic, each.statistic_kind),
        words.score(each.score),
        drawn,
        words.age(each.age_seconds),
        words.percent(each.coverage, 0),
        each.source or words.NO_DATA,
    )


def _cascade(view: CascadeView) -> Markup:
    steps = price_steps(view)
    rows = [(step_label(view, step), step.triggered, step.absorbed) for step in steps]
    path = price_paths(view)
    drawn: list[Cell] = [
        tag("p", "A model of forced selling in the present book, not a forecast.", class_="creed"),
        svg.ladder(rows, profile_heads(steps), "Forced selling and depth by step of price")
        if rows
        else tag("p", "Ladder: no data."),
    ]
    if path is None:
        drawn.append(tag("p", "Price path: no data."))
    else:
        named = [(line.name, line.points) for line in path.lines]
        drawn += [tag("h3", path.title), svg.paths(named, svg.Axes(path.x_ticks, path.y_ticks), path.title)]
    inputs = [
        (
            each.name,
            words.number(each.value, each.unit),
            words.age(each.age_seconds),
            each.source or words.NO_DATA,
            each.licence or "not known",
            each.problem,
        )
        for each in view.inputs
    ]
    return _section(
        f"Cascade: {side_words(view)}",
        *drawn,
        _table(
            "What a shock comes to",
            SHOCK_HEAD,
            [shock_row(shock) for shock in view.shocks],
            range(len(SHOCK_HEAD)),
        ),
        tag("p", f"Forced by a shock of 1 %: {dollars(view.forced_per_percent)}. {phi_line(view)}."),
        _list(absences(view)) if absences(view) else "",
        _table("Inputs", ("input", "value", "age", "source", "licence", "what is wrong"), inputs, right=(1,)),
        tag("h3", "Assumed, because nobody measures it"),
        _list(view.assumptions),
        tag("h3", "Missing"),
        _list(view.missing),
    )


def _accounts(accounts: Sequence[AccountView]) -> Markup:
    parts: list[Cell] = []
    for each in accounts:
        parts.append(tag("h3", account_line(each)))
        rows = [
            (words.title(rule.rule), _loud(VERDICTS[rule.verdict], "FAIL", "UNKNOWN"), rule.said)
            for rule in each.rules
        ]
        parts.append(_table("Rules", ("rule", "verdict", "in words"), rows))
    return _section("Accounts", *(parts or [tag("p", "No account was assessed.", class_="soft")]))


def _record(view: RecordView | None) -> Markup:
    if view is None:
        return _section("Record", tag("p", "Not replayed: see what is missing."))
    span = f"{words.day(view.since)} to {words.day(view.until)}, {view.days} days with a price"
    return _section(
        f"Record: falls of {words.percent(view.drop, 0)} or more",
        tag("p", span),
        _table("What was said before falls", BEFORE_HEAD, list(map(before_row, view.signals)), range(1, 7)),
        _table("What was said on calm days", CALM_HEAD, list(map(calm_row, view.signals)), range(1, 8)),
        tag("p", RATES, class_="soft"),
        *_falls(view),
        tag("p", legend(view), class_="soft"),
        _list(in_words(view)),
        _table("The days everybody speaks of", NAMED_HEAD, list(map(named_row, view.named))),
    )


def _falls(view: RecordView) -> list[Markup]:
    """Each fall, in as many tables as the levels need."""
    if not view.events:
        return [tag("p", "No day fell so far.")]
    head, rows = event_table(view)
    keys, found = 3, []
    for start in range(keys, len(head), LEVELS):
        part = slice(start, start + LEVELS)
        caption = f"Each fall: {', '.join(head[part])}"
        found.append(
            _table(caption, (*head[:keys], *head[part]), [(*row[:keys], *row[part]) for row in rows])
        )
    return found


def _missing(report: Report) -> Markup:
    record = report.record
    unused = (*record.unused, *record.notes) if record else ()
    return _section(
        "What is missing",
        tag("p", "It widens the interval; it is never calm.", class_="soft"),
        _list((*report.failures, *report.risk.missing, *unused)),
        tag("h3", "Not covered by any public measure"),
        _list(report.risk.not_covered),
    )


def _sources(report: Report) -> Markup:
    of_record = report.record.sources if report.record else ()
    known = {source.key: source for source in (*of_record, *report.risk.sources)}
    head = ("history", "from", "newest", "licence", "points", "span", "what is wrong")
    rows = [_source(known[key]) for key in sorted(known)]
    return _section("Sources", _table("Every history that was used", head, rows, right=(4,)) or "None.")


def _source(each: SourceView) -> tuple[str, ...]:
    return (
        each.key,
        each.origin,
        f"{words.age(each.age_seconds)} old" if each.age_seconds is not None else words.NO_DATA,
        each.licence or "not known",
        f"{each.points:,}",
        f"{words.day(each.first)} to {words.day(each.last)}",
        each.problem,
    )
