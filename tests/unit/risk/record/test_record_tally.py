"""Hits, misses, false alarms: each only where there was something to see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import MarketDataError
from vault.risk.record.days import Day
from vault.risk.record.tally import Signal, Tally, moments_before, tally
from vault.series import DAY, HOUR

START = 1_760_054_400_000


def day(number: int, *, drop: float = -0.01, hour: int | None = None) -> Day:
    start = START + number * DAY
    onset = start + hour * HOUR if hour is not None else None
    return Day(start, drop, "low" if hour is not None else "close", HOUR, "price:BTC:x", onset, whole=True)


def signal(levels: dict[int, float], hours: int, otherwise: float = 0.0) -> Signal:
    at = START + HOUR * np.arange(hours, dtype=np.int64)
    level = np.full(hours, otherwise)
    for place, value in levels.items():
        level[place] = value
    return Signal.above("x", at, level, 0.5)


def counts(found: Tally) -> tuple[int, int, int, int]:
    return found.hits_day, found.misses_day, found.hits_hour, found.misses_hour


QUIET = [day(0), day(1), day(2)]
FALL = [day(0), day(1, drop=-0.16, hour=20), day(2)]


def test_an_alarm_a_day_and_an_hour_before_is_a_hit_at_both() -> None:
    found = tally(signal({20: 0.9, 43: 0.9}, 72), FALL)
    assert counts(found) == (1, 0, 1, 0)
    assert found.false_alarm_days == 0


def test_calm_before_a_fall_is_a_miss_and_is_counted() -> None:
    assert counts(tally(signal({}, 72), FALL)) == (0, 1, 0, 1)


def test_a_moment_without_input_is_neither_hit_nor_miss() -> None:
    found = tally(signal({20: np.nan}, 72), FALL)
    assert counts(found) == (0, 0, 0, 1)
    assert found.answers[0].day_before is None


def test_what_is_said_at_the_fall_itself_or_after_it_is_no_hit() -> None:
    found = tally(signal({44: 0.9, 45: 0.9}, 72), FALL)
    assert counts(found) == (0, 1, 0, 1)
    assert (found.alarm_days, found.false_alarm_days) == (1, 0)


def test_an_alarm_that_no_fall_follows_within_a_day_is_false() -> None:
    found = tally(signal({10: 0.9}, 72), QUIET)
    assert (found.alarm_days, found.false_alarm_days, found.quiet_days) == (1, 1, 2)
    assert tally(signal({3: 0.9}, 96), [*QUIET, day(3, drop=-0.2, hour=1)]).false_alarm_days == 1


def test_many_alarms_of_one_day_are_one_false_day() -> None:
    assert tally(signal(dict.fromkeys(range(5, 15), 0.9), 72), QUIET).false_alarm_days == 1


def test_days_without_input_are_counted_as_such() -> None:
    found = tally(signal(dict.fromkeys(range(24), np.nan), 72), QUIET)
    assert (found.days, found.days_without) == (2, 1)


def test_by_closes_the_hour_is_not_known_and_the_day_before_is_a_whole_one() -> None:
    assert moments_before(day(5, drop=-0.2)) == (START + 4 * DAY, None)
    found = tally(signal({0: 0.9}, 72), [day(0), day(1, drop=-0.2), day(2)])
    assert counts(found) == (1, 0, 0, 0)


def test_skill_is_none_without_events_and_zero_for_one_that_always_cries() -> None:
    assert tally(signal({}, 72), QUIET).skill is None
    always = tally(
        signal({}, 24 * 6, otherwise=0.9), [day(n, drop=-0.2, hour=5) if n == 3 else day(n) for n in range(6)]
    )
    assert always.hit_rate == 1
    assert always.false_alarm_rate == 1
    assert always.skill == 0


def test_refuses_levels_that_do_not_fit_the_moments() -> None:
    with pytest.raises(MarketDataError):
        Signal.above("x", np.zeros(3, dtype=np.int64), np.zeros(2), 0.5)


@given(
    st.lists(st.one_of(st.floats(0, 1), st.just(float("nan"))), min_size=96, max_size=96), st.integers(0, 23)
)
def test_every_event_and_every_day_is_counted_once(levels: list[float], hour: int) -> None:
    days = [day(0), day(1), day(2, drop=-0.3, hour=hour), day(3)]
    made = Signal.above("x", START + HOUR * np.arange(96, dtype=np.int64), np.array(levels), 0.5)
    found = tally(made, days)
    no_data = sum(answer.day_before is None for answer in found.answers)
    assert found.hits_day + found.misses_day + no_data == 1
    assert found.days + found.days_without == len(days)
    assert 0 <= found.false_alarm_days <= found.alarm_days <= found.days


@given(st.integers(0, 95), st.floats(0.5, 1))
def test_what_is_said_later_changes_no_answer(place: int, level: float) -> None:
    days = [day(0), day(1), day(2, drop=-0.3, hour=6), day(3)]
    before = tally(signal({}, 96), days).answers
    after = tally(signal({place: level}, 96), days).answers
    if place >= 2 * 24 + 6:
        assert after == before
