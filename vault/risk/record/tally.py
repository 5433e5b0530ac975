"""How a signal did on past days: hits, misses and false alarms, each only where there was something to see.

Pure. A moment without input is neither hit nor miss nor calm: it is counted as no data. Refuses to look
ahead: a signal is asked at moments before the fall, and its values there rest on what was known then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vault.errors import MarketDataError
from vault.risk.record.days import EVENT_DROP, Day
from vault.series import DAY, HOUR, BoolArray, FloatArray, IntArray

# How long before a fall a signal is asked, by the names under which the answers are shown.
ONE_DAY: Final = DAY
ONE_HOUR: Final = HOUR
# An alarm that is followed by a fall within this time was no false one.
HORIZON: Final = DAY


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """A number over moments `at` (n,), Unix ms rising, NaN where it had no input, and where it alarms.

    `level_name` names the number: several signals can be about the same one. `alarm_at` is the level from
    which it alarms, `alarm` (n,) where it does; never where it had no input.
    """

    name: str
    level_name: str
    at: IntArray
    level: FloatArray
    alarm_at: float
    alarm: BoolArray

    def __post_init__(self) -> None:
        if not self.at.shape == self.level.shape == self.alarm.shape:
            raise MarketDataError("bad_series", f"{self.name}: expected as many levels as moments")
        if bool(np.any(self.alarm & np.isnan(self.level))):
            raise MarketDataError("bad_series", f"{self.name}: expected no alarm where there is no input")

    @classmethod
    def above(cls, name: str, at: IntArray, level: FloatArray, alarm_at: float) -> Signal:
        """A signal that alarms wherever its level is at `alarm_at` or above."""
        with np.errstate(invalid="ignore"):
            return cls(name, name, at, level, alarm_at, level >= alarm_at)

    @property
    def known(self) -> BoolArray:
        """Where the signal had input."""
        found: BoolArray = np.isfinite(self.level)
        return found

    def asked(self, moment: int) -> Said | None:
        """What it said at the last moment of the grid within the hour up to `moment`; None without input."""
        place = int(np.searchsorted(self.at, moment, side="right")) - 1
        if place < 0 or moment - int(self.at[place]) >= HOUR or not bool(np.isfinite(self.level[place])):
            return None
        return Said(float(self.level[place]), bool(self.alarm[place]))


@dataclass(frozen=True, slots=True)
class Said:
    """A signal's level at a moment, and whether it alarmed."""

    level: float
    alarm: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What a signal said before one event, one day and one hour before; None for no data."""

    day_before: Said | None
    hour_before: Said | None


@dataclass(frozen=True, slots=True)
class Tally:
    """The record of one signal.

    `events` are those that have input at the time in question; hits alarm there, misses do not. A false alarm
    day is a UTC day on which the signal alarmed at least once with no event from there to `HORIZON` later.
    `days` had input, `days_without` had none.
    """

    name: str
    level_name: str
    alarm_at: float
    answers: tuple[Answer, ...]
    hits_day: int
    misses_day: int
    hits_hour: int
    misses_hour: int
    days: int
    days_without: int
    alarm_days: int
    false_alarm_days: int
    quiet_days: int

    @property
    def hit_rate(self) -> float | None:
        """Hits over events with input, one day before; None without any."""
        seen = self.hits_day + self.misses_day
        return self.hits_day / seen if seen else None

    @property
    def false_alarm_rate(self) -> float | None:
        """False alarm days over days with input that no event followed; None without any."""
        calm = self.false_alarm_days + self.quiet_days
        return self.false_alarm_days / calm if calm else None

    @property
    def skill(self) -> float | None:
        """Hit rate less false alarm rate (Peirce 1884): 0 for a coin, whatever its bias; 1 for a seer."""
        if self.hit_rate is None or self.false_alarm_rate is None:
            return None
        return self.hit_rate - self.false_alarm_rate


def moments_before(day: Day) -> tuple[int, int | None]:
    """When a signal is asked before an event: one day, and one hour (None where the hour is not known).

    Where nobody knows when within the day it fell (by closes, or by a disputed clock), a full day before it
    began is surely a day before.
    """
    if day.onset is None:
        return day.start - ONE_DAY, None
    return day.onset - ONE_DAY, day.onset - ONE_HOUR


def tally(signal: Signal, days: Sequence[Day], drop: float = EVENT_DROP) -> Tally:
    """The record of `signal` over `days` (oldest first)."""
    events = [day for day in days if day.is_event(drop)]
    answers = [_answer(signal, day) for day in events]
    at_day = [answer.day_before for answer in answers if answer.day_before is not None]
    at_hour = [answer.hour_before for answer in answers if answer.hour_before is not None]
    seen, alarmed, false = _days_of(signal, days, events)
    # Days that an event followed are neither calm nor false, whatever the signal said on them.
    near = {start - ahead for start in (day.start for day in events) for ahead in (0, DAY)}
    calm = [start for start in seen if start not in near]
    return Tally(
        name=signal.name,
        level_name=signal.level_name,
        alarm_at=signal.alarm_at,
        answers=tuple(answers),
        hits_day=sum(said.alarm for said in at_day),
        misses_day=sum(not said.alarm for said in at_day),
        hits_hour=sum(said.alarm for said in at_hour),
        misses_hour=sum(not said.alarm for said in at_hour),
        days=len(seen),
        days_without=len(days) - len(seen),
        alarm_days=len(alarmed),
        false_alarm_days=len(false),
        quiet_days=sum(start not in false for start in calm),
    )


def _answer(signal: Signal, day: Day) -> Answer:
    day_before, hour_before = moments_before(day)
    return Answer(signal.asked(day_before), signal.asked(hour_before) if hour_before is not None else None)


def _days_of(
    signal: Signal, days: Sequence[Day], events: Sequence[Day]
) -> tuple[set[int], set[int], set[int]]:
    """Starts of the days with input, of those with an alarm, and of those whose alarms were all false."""
    of_day = signal.at - signal.at % DAY
    covered = {day.start for day in days}
    seen = set(of_day[signal.known].tolist()) & covered
    alarmed = set(of_day[signal.alarm].tolist()) & covered
    falls = np.array(sorted(day.start if day.onset is None else day.onset for day in events), dtype=np.int64)
    ends = np.array(sorted(day.start + DAY for day in events), dtype=np.int64)
    times = signal.at[signal.alarm]
    following = np.searchsorted(ends, times, side="right")
    justified = np.zeros(times.shape, dtype=np.bool_)
    inside = following < falls.size
    justified[inside] = falls[following[inside]] - times[inside] <= HORIZON
    true = set((times - times % DAY)[justified].tolist())
    near = {day.start for day in events}
    return seen, alarmed, alarmed - true - near
