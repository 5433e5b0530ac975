"""`vault risk` on one screen: headline and bounds, regime, stage, indicators, accounts, what is missing.

Refuses to show a number without saying what it rests on: what is absent stands where its number would.
"""

from __future__ import annotations

from typing import Final

from vault.report import terminal, words
from vault.report.layout import heading, joined, listed, table, wrapped
from vault.report.terminal import UNICODE, WIDTH, Glyphs
from vault.treasury.views import AccountView, IndicatorView, RecordLine, RiskView

CREED: Final = "Fragility, not a forecast: how bad a shock would be now, never whether one comes."
# Columns that the table of indicators needs to have bars.
BARS: Final = 96
# Accounts' verdicts as they are read; a failed rule must be seen without colour.
VERDICTS: Final = {"pass": "pass", "fail": "FAIL", "unknown": "UNKNOWN", "told": ""}


def screen(view: RiskView, *, width: int = WIDTH, signs: Glyphs = UNICODE) -> list[str]:
    """The whole screen, lines of at most `width` characters."""
    parts = (
        _headline(view, width, signs),
        _stage(view, width),
        _indicators(view, width, signs),
        _accounts(view.accounts, width),
        listed("Missing (it widens the interval, it is never calm):", view.missing, width=width),
        listed("Not covered by any public measure:", view.not_covered, width=width),
        wrapped(record_line(view.record), hanging="  ", width=width),
    )
    return terminal.spelled(joined(parts), signs)


def _headline(view: RiskView, width: int, signs: Glyphs) -> list[str]:
    lines = [
        *heading(f"Fragility of {view.asset} at {words.instant(view.at)}"),
        *wrapped(CREED, width=width),
        "",
    ]
    if view.fragility is None or view.least is None or view.most is None:
        lines.append("Fragility unknown: no indicator is configured.")
    else:
        bands: list[tuple[str, terminal.Number]] = [("calm", 0)]
        bands += [(bound.regime, bound.enters) for bound in view.bounds if not bound.needs]
        lines += [
            f"Fragility {words.score(view.fragility)}   at least {words.score(view.least)}, "
            f"at most {words.score(view.most)}   of what is present alone {words.score(view.known)}",
            terminal.interval(view.least, view.fragility, view.most, width=width, signs=signs),
            *terminal.scale(bands, width=width, signs=signs),
            *(f"  {line}" for line in conditions(view)),
        ]
    lines += [
        f"Coverage  {words.percent(view.coverage, 0)} of what is configured, "
        f"{words.percent(view.coverage_of_all, 0)} of all {len(view.indicators)} indicators (by weight)",
        *wrapped(regime_line(view), hanging=" " * 10, width=width),
    ]
    if view.trend is not None:
        shown = terminal.sparkline(view.trend.values, 60, signs)
        lines.append(
            f"Before    {shown}  the last {words.age(view.trend.step_seconds * len(view.trend.values))}"
        )
    return lines


def conditions(view: RiskView) -> list[str]:
    """Regimes that a number alone does not make."""
    return [
        f"{bound.regime} from {words.score(bound.enters)}, if also {bound.needs}"
        for bound in view.bounds
        if bound.needs
    ]


def regime_line(view: RiskView) -> str:
    """The regime, since when, and why."""
    since = ""
    if view.regime_since is not None:
        lasted = words.age(int((view.at - view.regime_since).total_seconds()))
        since = f" since {words.instant(view.regime_since)} ({lasted})"
    why = f": {view.regime_why}" if view.regime_why else ""
    return f"Regime    {view.regime.upper()}{since}{why}"


def _stage(view: RiskView, width: int) -> list[str]:
    if not view.steps:
        return []
    rows = [
        (
            f"{step.number} {step.name}",
            step.state.upper() if step.state == "evidence" else step.state,
            step.evidence,
        )
        for step in view.steps
    ]
    return table(("step of a cascade", "now", "what says so"), rows, width=width)


def _indicators(view: RiskView, width: int, signs: Glyphs) -> list[str]:
    configured = [each for each in view.indicators if each.configured]
    top = max((each.contribution for each in configured if each.contribution is not None), default=0)
    head = ("indicator", "value", "own history", "score", "adds", "", "age", "source")
    rows = [_indicator_row(each, top, signs) for each in configured]
    # On a narrow terminal the bars give way to the words.
    places = [place for place in range(len(head)) if width >= BARS or place != 5]
    lines = table(
        [head[place] for place in places],
        [[row[place] for place in places] for row in rows],
        right=(3, 4),
        folding=(1, 2),
        width=width,
    )
    if any(each.score is None and each.counted is not None for each in configured):
        lines.append("  (in brackets: absent now, counted so in the headline)")
    for each in configured:
        for why in each.absent:
            lines += wrapped(f"{words.title(each.name)}: {why}", indent="  ", hanging="  ", width=width)
    idle = [words.title(each.name) for each in view.indicators if not each.configured]
    if idle:
        lines += wrapped(f"Not configured: {', '.join(idle)}", hanging="  ", width=width)
    return lines


def _indicator_row(each: IndicatorView, top: terminal.Number, signs: Glyphs) -> tuple[str, ...]:
    # An absent one is in the headline too; the score it counts with is marked.
    counted = each.score is None and each.counted is not None
    return (
        words.title(each.name),
        words.number(each.value, each.unit),
        words.statistic(each.statistic, each.statistic_kind),
        f"({words.score(each.counted)})" if counted else words.score(each.score),
        words.score(each.contribution),
        terminal.bar(each.contribution or 0, top, 6, signs),
        words.age(each.age_seconds),
        each.source or words.NO_DATA,
    )


def _accounts(accounts: tuple[AccountView, ...], width: int) -> list[str]:
    lines: list[str] = []
    for each in accounts:
        lines += wrapped(account_line(each), hanging="  ", width=width)
        rows = [("", words.title(rule.rule), VERDICTS[rule.verdict], rule.said) for rule in each.rules]
        # The table's own head would stand over every account.
        lines += table(("", "", "", ""), rows, width=width)[2:]
    return lines


def account_line(each: AccountView) -> str:
    """An account's state and the two distances."""
    if each.problem:
        return f"Account {each.name}: NOT ASSESSED: {each.problem}"
    move = (
        "no joint move liquidates it"
        if each.joint_distance is None
        else f"a joint move of {words.percent(each.joint_distance)} liquidates it"
    )
    reached = (
        "how often a cascade would reach it is not known"
        if each.reached is None
        else f"of assumed shocks of a day {words.percent(each.reached)} reach it, cascades included"
    )
    return f"Account {each.name}: {each.state}; {move}; {reached}"


def record_line(record: RecordLine | None) -> str:
    """How the composite did on past days, in a sentence."""
    if record is None:
        return "Record: not replayed over this history yet; `vault risk record` does."
    days = "day" if record.events == 1 else "days"
    unseen = record.events - record.hits - record.misses
    return (
        f"Record on {record.asset}, {words.day(record.since)} to {words.day(record.until)}: of "
        f"{record.events} {days} of −10 % or worse, the day before it said {record.regime} or worse "
        f"(from {words.score(record.alarm_at)}) for {record.hits}, less for {record.misses}, and had no data "
        f"for {unseen}; false alarms on {record.false_alarm_days} of {record.calm_days} calm days."
    )
