"""`vault risk record`: each signal on past days, each fall with what was said before it, misses in words.

Refuses to read no data as calm: a cell without input says so and is neither hit nor miss.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from vault.report import words
from vault.report.layout import heading, joined, listed, split_table, wrapped
from vault.report.terminal import UNICODE, WIDTH, Glyphs, spelled
from vault.treasury.views import EventView, NamedDayView, RecordView, SaidBefore, SignalView

COMPOSITE: Final = "composite"
CREED: Final = (
    "A record of fragility, not of forecasts: a fall that came from a calm market is named as missed, and "
    "days on which nothing followed an alarm are counted."
)
BEFORE_HEAD: Final = (
    "signal", "alarm at", "falls seen", "day before: hit", "missed", "hour: hit", "missed",
)  # fmt: skip
CALM_HEAD: Final = (
    "signal", "days seen", "coverage", "alarm days", "false", "of calm days", "hit rate", "skill",
)  # fmt: skip
RATES: Final = (
    "Seen: with input then. Coverage: days seen of all days with a price. False: alarm days that no fall "
    "followed within a day. Skill: hit rate (day before) less the share of false alarms on "
    "calm days: a coin has 0."
)


def screen(view: RecordView, *, width: int = WIDTH, signs: Glyphs = UNICODE) -> list[str]:
    """The whole record, lines of at most `width` characters."""
    parts = (
        _headline(view, width),
        *split_table(BEFORE_HEAD, list(map(before_row, view.signals)), right=range(1, 7), width=width),
        *split_table(CALM_HEAD, list(map(calm_row, view.signals)), right=range(1, 8), width=width),
        wrapped(RATES, width=width),
        *_events(view, width),
        listed("In words:", in_words(view), width=width),
        _named(view, width),
        listed("Not used:", view.unused, width=width),
        listed("Notes:", view.notes, width=width),
    )
    return spelled(joined(parts), signs)


def _headline(view: RecordView, width: int) -> list[str]:
    span = f"{words.day(view.since)} to {words.day(view.until)}"
    falls = "1 fall" if len(view.events) == 1 else f"{len(view.events)} falls"
    title = f"Record on {view.asset}, {span}: {falls} of {words.percent(view.drop, 0)} or more"
    return [*heading(title), *wrapped(f"{view.days} days with a price. {CREED}", width=width)]


def before_row(signal: SignalView) -> tuple[str, ...]:
    """Cells under `BEFORE_HEAD`: a signal that saw no event has no hits and no misses, not zero of them."""
    day, hour = signal.hits_day + signal.misses_day, signal.hits_hour + signal.misses_hour
    return (
        words.title(signal.name),
        words.score(signal.alarm_at),
        str(day),
        str(signal.hits_day) if day else words.NO_DATA,
        str(signal.misses_day) if day else words.NO_DATA,
        str(signal.hits_hour) if hour else words.NO_DATA,
        str(signal.misses_hour) if hour else words.NO_DATA,
    )


def calm_row(signal: SignalView) -> tuple[str, ...]:
    """Cells under `CALM_HEAD`."""
    days = signal.days + signal.days_without
    seen = signal.days > 0
    return (
        words.title(signal.name),
        f"{signal.days} of {days}",
        words.percent(Decimal(signal.days) / days if days else None, 0),
        str(signal.alarm_days) if seen else words.NO_DATA,
        str(signal.false_alarm_days) if seen else words.NO_DATA,
        words.percent(signal.false_alarm_rate, 0),
        words.percent(signal.hit_rate, 0),
        words.score(signal.skill).replace("-", "−"),
    )


def levels(view: RecordView) -> tuple[str, ...]:
    """The numbers that signals are about, in the order of the signals."""
    return tuple(dict.fromkeys(signal.level for signal in view.signals))


def legend(view: RecordView) -> str:
    """How the cells of the falls are read."""
    regimes = [words.title(each.name) for each in view.signals if each.level == COMPOSITE]
    marks = ", ".join(f"{'!' * count} {name}" for count, name in enumerate(regimes, 1))
    return (
        "Levels one day / one hour before the fall began. A ! is an alarm"
        f"{f'; of the composite a regime that held: {marks}' if marks else ''}. A regime holds until it is "
        "surely over, so its level can be low. A dash: by closes nobody knows the hour."
    )


def said_cell(said: SaidBefore | None, *, hour_known: bool) -> str:
    """``0.31 / 0.62!``; the hour is a dash where nobody knows when it fell."""
    day = _level(said.day_before, said.alarms_day) if said else words.NO_DATA
    hour = (_level(said.hour_before, said.alarms_hour) if said else words.NO_DATA) if hour_known else "–"
    return words.NO_DATA if {day, hour} <= {words.NO_DATA, "–"} else f"{day} / {hour}"


def _level(value: Decimal | None, alarms: tuple[str, ...]) -> str:
    return words.NO_DATA if value is None else words.score(value) + "!" * len(alarms)


def judged(event: EventView) -> str:
    """By what a fall was judged, at which resolution."""
    return f"{event.judged_by}, {words.step(event.step_seconds)}"


def event_table(view: RecordView) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Head and rows: a row an event, a column a level."""
    asked = levels(view)
    head = ("day", "fall", "judged by", *(words.title(level) for level in asked))
    rows = []
    for event in view.events:
        said = {each.level: each for each in event.said}
        cells = (said_cell(said.get(level), hour_known=event.onset is not None) for level in asked)
        rows.append((words.day(event.day), words.percent(event.fall), judged(event), *cells))
    return head, rows


def _events(view: RecordView, width: int) -> list[list[str]]:
    if not view.events:
        return [[f"No day fell by {words.percent(view.drop, 0)} or more."]]
    head, rows = event_table(view)
    return [wrapped(legend(view), width=width), *split_table(head, rows, keys=3, width=width)]


def in_words(view: RecordView) -> list[str]:
    """A sentence for each fall; signals that never had input are named once."""
    before = [{each.level: each for each in event.said} for event in view.events]
    others = [level for level in levels(view) if level != COMPOSITE]
    never = [level for level in others if not any(_known(said.get(level)) for said in before)]
    starts = {each.name: each.alarm_at for each in view.signals if each.level == COMPOSITE}
    asked = [level for level in others if level not in never]
    lines = [
        f"{words.day(event.day)} ({words.percent(event.fall)}): {_verdict(said.get(COMPOSITE), starts)}. "
        f"{_indicators(said, asked)}"
        for event, said in zip(view.events, before, strict=True)
    ]
    if never and lines:
        lines.append(f"Without input before any of them: {', '.join(map(words.title, never))}.")
    return lines


def _known(said: SaidBefore | None) -> bool:
    return said is not None and said.day_before is not None


def _verdict(composite: SaidBefore | None, starts: dict[str, Decimal]) -> str:
    """`starts`: where each regime begins, lowest first."""
    if composite is None or composite.day_before is None:
        return "no data of the composite one day before: neither hit nor miss"
    level = f"composite at {words.score(composite.day_before)}"
    if composite.alarms_day:
        regime = composite.alarms_day[-1]
        held = " still held from before" if composite.day_before < starts.get(regime, 0) else ""
        return f"hit one day before: {words.title(regime)}{held}, {level}"
    return f"MISSED one day before: {level}, not {words.title(next(iter(starts), 'alarmed'))}"


def _indicators(said: dict[str, SaidBefore], asked: list[str]) -> str:
    loud = [words.title(level) for level in asked if level in said and said[level].alarms_day]
    blind = [words.title(level) for level in asked if not _known(said.get(level))]
    blindness = f" No data: {', '.join(blind)}." if blind else ""
    return f"Indicators that alarmed: {', '.join(loud) or 'none'}.{blindness}"


NAMED_HEAD: Final = ("day", "in this data", "known for")


def named_row(each: NamedDayView) -> tuple[str, str, str]:
    """Cells under `NAMED_HEAD`."""
    if each.fall is None:
        found = f"no data: {each.why}"
    else:
        found = each.why or f"{words.percent(each.fall)} by its {each.judged_by}"
        found = found if each.event else f"not such a day here: {found}"
    return words.day(each.day), found, each.known_for


def _named(view: RecordView, width: int) -> list[str]:
    lines = ["The days everybody speaks of:"]
    for each in view.named:
        day, found, known_for = named_row(each)
        lines += wrapped(f"{day}  {found} ({known_for})", indent="  ", hanging=" " * 12, width=width)
    return lines if view.named else []
