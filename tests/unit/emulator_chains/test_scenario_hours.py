"""A scenario by the hour: unbroken, through every price that is told, no hour before it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from emulator.scenario import load_scenario
from emulator.scenario_hours import HOUR, hours, settlements

DAY = load_scenario()
BEGIN = datetime(2025, 12, 1, tzinfo=UTC)
END = DAY.steps[-1].time
EVERY = hours(DAY, None, END)


def test_every_hour_from_the_first_day_to_the_last_step_is_there_once() -> None:
    starts = [hour.start for hour in EVERY]
    assert starts == [BEGIN + HOUR * number for number in range(len(starts))]
    assert END - HOUR < EVERY[-1].start + HOUR <= END


def test_candles_are_possible_and_open_where_the_one_before_closed() -> None:
    for before, hour in pairwise(EVERY):
        for earlier, (opened, high, low, closed) in ((before.spot, hour.spot), (before.perp, hour.perp)):
            assert opened == earlier[3]
            assert 0 < low <= min(opened, closed) <= max(opened, closed) <= high
        assert min(hour.spot_volume, hour.perp_volume, hour.open_interest) > 0


def test_prices_go_through_the_end_of_every_day_and_through_every_step() -> None:
    closes = {hour.start + HOUR: hour.perp[3] for hour in EVERY}
    for day in DAY.history:
        assert closes[datetime.combine(day.date, datetime.min.time(), UTC) + timedelta(days=1)] == day.mark
    for step in DAY.steps[:-1]:
        (hour,) = (each for each in EVERY if each.start < step.time <= each.start + HOUR)
        assert hour.perp[2] <= step.mark <= hour.perp[1]
        assert hour.spot[2] <= step.index <= hour.spot[1]


def test_nothing_is_traded_below_the_low_of_the_story() -> None:
    assert min(hour.spot[2] for hour in EVERY) == min(step.index for step in DAY.steps)


def test_the_hours_of_a_day_make_its_volume() -> None:
    for number, day in enumerate(DAY.history):
        part = EVERY[24 * number : 24 * (number + 1)]
        assert abs(sum(hour.spot_volume for hour in part) - day.spot_volume) < Decimal("0.00001")
        assert abs(sum(hour.perp_volume for hour in part) - day.perp_volume) < Decimal("0.00001")


def test_funding_is_paid_three_times_a_day_at_the_rate_of_the_day() -> None:
    paid = settlements(DAY, None, END)
    assert {each.time.hour for each in paid} == {0, 8, 16}
    assert len({each.time for each in paid}) == len(paid) == 3 * (END - BEGIN).days + 2
    assert paid[0].rate == DAY.history[0].funding_rate


@given(st.integers(0, 62 * 24 * 60), st.integers(0, 3 * 24 * 60))
def test_what_is_published_bit_by_bit_is_the_whole(minutes: int, more: int) -> None:
    first = BEGIN + timedelta(minutes=minutes)
    second = first + timedelta(minutes=more)
    early, late = hours(DAY, None, first), hours(DAY, first, second)
    assert [*early, *late] == hours(DAY, None, second)
    assert all(hour.start + HOUR <= second for hour in late)
    assert [*settlements(DAY, None, first), *settlements(DAY, first, second)] == settlements(
        DAY, None, second
    )


def test_without_days_before_it_the_hours_begin_with_the_first_step() -> None:
    assert hours(replace(DAY, history=()), None, END)[0].start == DAY.steps[0].time
