"""The record: what the tool would have said before past falls, from files or from the store's own history.

Refuses to hide: files that could not be read, days that the data do not show, and moments without input are
all part of the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vault.clock import to_milliseconds
from vault.codec import decode, encode
from vault.errors import MarketDataError
from vault.store import records
from vault.treasury.figures import SHARE_DIGITS, figure, instant, share, source_view
from vault.treasury.views import (
    NAMED_DAYS,
    EventView,
    NamedDay,
    NamedDayView,
    RecordLine,
    RecordView,
    SaidBefore,
    SignalView,
)

if TYPE_CHECKING:
    from vault.risk.record.days import Day
    from vault.risk.record.replay import Replay
    from vault.risk.record.tally import Answer, Said, Tally
    from vault.series import MarketHistory
    from vault.store.database import Store

RECORD: Final = "record"
# The regime at which the shipped policy empties a wallet.
JUDGED_BY: Final = "stressed"
# Falls from which on a rate is worth reading.
FEW: Final = 5
NOTES: Final = (
    "A hit is an alarm at that time, a miss is none. Moments without input are neither: they are 'no data'.",
    "One hour before is known only where candles say when in the day it fell; by closes it is 'no data'.",
    "A false alarm day has an alarm that no such fall followed within 24 hours; days after a fall count too.",
    "Thresholds are those of the live screen; none was chosen by looking at this record.",
)


def few(events: int) -> str:
    """What a rate over so few falls is worth."""
    return f"{events} {'fall' if events == 1 else 'falls'}: rates over fewer than {FEW} say next to nothing."


@dataclass(frozen=True, slots=True)
class Span:
    """What is asked of a record: an asset, the share that makes a fall, and from when to when."""

    asset: str
    drop: Decimal
    since: datetime | None
    until: datetime | None


def replay_folder(
    path: Path,
    now: datetime,
    asset: str,
    *,
    drop: Decimal,
    since: datetime | None,
    until: datetime | None,
    progress: Callable[[str], None],
) -> RecordView:
    """The record over the files of a folder, or over one file. Raises `MarketDataError`."""
    from vault.markets.reading.files import listed, read_files

    history, reports = read_files(listed(path), to_milliseconds(now), progress=progress)
    unused = tuple(f"{report.path}: {why}" for report in reports for why in report.reasons)
    notes = tuple(
        f"{report.path}: {note}"
        for report in reports
        for recognised in report.recognised
        for note in recognised.notes
    )
    view = _view(history, now, Span(asset, drop, since, until), progress)
    return replace(view, unused=unused, notes=(*view.notes, *notes))


def replay_store(
    store: Store,
    now: datetime,
    asset: str,
    *,
    drop: Decimal,
    since: datetime | None,
    until: datetime | None,
    progress: Callable[[str], None],
) -> RecordView:
    """The record over what the store keeps. Raises `MarketDataError`, `StoreError`."""
    from vault.store import history

    with store.read() as connection:
        kept = history.load(connection)
    view = _view(kept, now, Span(asset, drop, since, until), progress)
    if (line := _line(view)) is not None:
        with store.write() as writer:
            records.save_document(writer, RECORD, {"line": encode(line)})
    return view


def last_record(store: Store, asset: str) -> RecordLine | None:
    """The record as it was last replayed over the store, in one line; None when there is none of `asset`."""
    with store.read() as connection:
        found = records.latest_document(connection, RECORD)
    line = decode(found[2]["line"], RecordLine) if found is not None else None
    return line if line is not None and line.asset == asset else None


def _line(view: RecordView) -> RecordLine | None:
    """The composite at the regime that calls for something to be done."""
    one = next((each for each in view.signals if each.name == JUDGED_BY), None)
    if one is None or view.since is None or view.until is None:
        return None
    return RecordLine(
        asset=view.asset,
        regime=JUDGED_BY,
        alarm_at=one.alarm_at,
        since=view.since,
        until=view.until,
        events=one.hits_day + one.misses_day,
        hits=one.hits_day,
        misses=one.misses_day,
        false_alarm_days=one.false_alarm_days,
        calm_days=one.calm_days,
    )


def _view(history: MarketHistory, now: datetime, span: Span, progress: Callable[[str], None]) -> RecordView:
    from vault.risk.record.replay import replay

    drop = float(span.drop)
    found = replay(
        history,
        span.asset,
        drop=drop,
        since=to_milliseconds(span.since) if span.since else None,
        until=to_milliseconds(span.until) if span.until else None,
        progress=progress,
    )
    days = found.days
    if not days:
        raise MarketDataError(
            "no_price",
            f"expected prices of {span.asset} to find falls in, found none",
            hint="Candles or closes of the asset are needed; see docs/history.md for what is recognised.",
        )
    events = [day for day in days if day.is_event(drop)]
    return RecordView(
        asset=span.asset,
        drop=span.drop,
        since=instant(days[0].start),
        until=instant(days[-1].start),
        days=len(days),
        signals=tuple(_signal(one) for one in found.tallies),
        events=tuple(_event(day, place, found) for place, day in enumerate(events)),
        named=tuple(_named(one, days, drop) for one in NAMED_DAYS),
        sources=tuple(source_view(item, to_milliseconds(now)) for item in history.recorded.values()),
        unused=(),
        notes=NOTES if len(events) >= FEW else (*NOTES, few(len(events))),
    )


def _signal(one: Tally) -> SignalView:
    calm = one.false_alarm_days + one.quiet_days

    def rate(value: float | None) -> Decimal | None:
        return None if value is None else share(value)

    return SignalView(
        name=one.name,
        level=one.level_name,
        alarm_at=Decimal(repr(one.alarm_at)),
        days=one.days,
        days_without=one.days_without,
        hits_day=one.hits_day,
        misses_day=one.misses_day,
        hits_hour=one.hits_hour,
        misses_hour=one.misses_hour,
        alarm_days=one.alarm_days,
        false_alarm_days=one.false_alarm_days,
        calm_days=calm,
        hit_rate=rate(one.hit_rate),
        false_alarm_rate=rate(one.false_alarm_rate),
        skill=rate(one.skill),
    )


def _event(day: Day, place: int, found: Replay) -> EventView:
    asked: dict[str, list[tuple[str, Answer]]] = {}
    for one in found.tallies:
        asked.setdefault(one.level_name, []).append((one.name, one.answers[place]))
    return EventView(
        day=instant(day.start),
        fall=_fall(day),
        judged_by=day.judged_by,
        step_seconds=day.step // 1000,
        source=day.source,
        onset=instant(day.onset) if day.onset is not None else None,
        said=tuple(_said(level, answers) for level, answers in asked.items()),
    )


def _said(level: str, answers: list[tuple[str, Answer]]) -> SaidBefore:
    """What the signals of one level said: they share the number, and each has its own alarm."""

    def number(said: Said | None) -> Decimal | None:
        return None if said is None else share(said.level)

    return SaidBefore(
        level,
        number(answers[0][1].day_before),
        number(answers[0][1].hour_before),
        alarms_day=tuple(name for name, each in answers if each.day_before and each.day_before.alarm),
        alarms_hour=tuple(name for name, each in answers if each.hour_before and each.hour_before.alarm),
    )


def _fall(day: Day) -> Decimal:
    return figure(day.drop, SHARE_DIGITS) or Decimal(0)


def _named(one: NamedDay, days: tuple[Day, ...], drop: float) -> NamedDayView:
    start = datetime.combine(one.day, time(), UTC)
    day = next((day for day in days if day.start == to_milliseconds(start)), None)
    if day is None:
        return NamedDayView(
            start, one.known_for, event=False, fall=None, judged_by=None, why="no price of it here"
        )
    fell = f"{_fall(day) * 100:+.1f} % by its {day.judged_by} in {day.source}"
    if day.is_event(drop):
        why = fell
    elif day.judged_by == "close":
        why = f"{fell}: the low of the day is not in the data"
    else:
        why = f"{fell}: less than asked for"
    return NamedDayView(start, one.known_for, day.is_event(drop), _fall(day), day.judged_by, why)
