"""The hours of a scenario: what its days and steps come to hour by hour, as exchanges publish them.

Straight between the moments that the scenario tells of; nothing is drawn by chance. An hour that is not over
when somebody looks is not among them.
"""

from __future__ import annotations

import datetime
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from emulator.scenario import Scenario

HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)
FUNDING_HOURS = frozenset({0, 8, 16})
SATOSHI = Decimal("0.00000001")
CENT = Decimal("0.01")
RATE = Decimal("0.00000001")
# What share of a day's trade each hour (UTC) has, in 240ths: least at night in America, most at its opening.
_TRADED = (9, 9, 8, 8, 7, 7, 7, 8, 9, 9, 9, 9, 10, 13, 16, 15, 14, 13, 12, 11, 10, 9, 9, 9)
# How far an hour's prices leave the way between its ends, as a share of the price.
_RANGE = Decimal("0.0016")


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment that the scenario tells of, and what led up to it: funding per 8 h and volumes of 24 h."""

    time: datetime.datetime
    mark: Decimal
    index: Decimal
    open_interest: Decimal
    funding_rate: Decimal
    spot_volume: Decimal
    perp_volume: Decimal


@dataclass(frozen=True, slots=True)
class Hour:
    """One whole hour from `start`; prices are (open, high, low, close), `open_interest` is of its end."""

    start: datetime.datetime
    spot: tuple[Decimal, Decimal, Decimal, Decimal]
    perp: tuple[Decimal, Decimal, Decimal, Decimal]
    spot_volume: Decimal
    perp_volume: Decimal
    open_interest: Decimal


@dataclass(frozen=True, slots=True)
class Settlement:
    """Funding that was paid: the rate and the mark then."""

    time: datetime.datetime
    rate: Decimal
    mark: Decimal


def hours(scenario: Scenario, after: datetime.datetime | None, until: datetime.datetime) -> list[Hour]:
    """The hours that end after a moment (None: all) and not after `until`, in the scenario's own time."""
    moments = _moments(scenario)
    return [
        _hour(moments, start) for start in _starts(moments, until) if after is None or start + HOUR > after
    ]


def settlements(
    scenario: Scenario, after: datetime.datetime | None, until: datetime.datetime
) -> list[Settlement]:
    """What was paid after a moment (None: ever) and not after `until`."""
    moments = _moments(scenario)
    found = []
    for start in _starts(moments, until):
        at = start + HOUR
        if at.hour in FUNDING_HOURS and (after is None or at > after):
            rate = _leading_to(moments, at).funding_rate
            found.append(Settlement(at, rate, _between(moments, at, "mark")))
    return found


def _moments(scenario: Scenario) -> list[Moment]:
    """The end of each day, then each step; the first day begins where it ends."""
    found: list[Moment] = []
    for day in scenario.history:
        end = datetime.datetime.combine(day.date, datetime.time(), datetime.UTC) + DAY
        told = (day.mark, day.mark, day.open_interest, day.funding_rate, day.spot_volume, day.perp_volume)
        if not found:
            found.append(Moment(end - DAY, *told))
        found.append(Moment(end, *told))
    return found + [
        Moment(
            step.time,
            step.mark,
            step.index,
            step.open_interest,
            step.funding_rate,
            step.spot_volume_24h,
            step.perp_volume_24h,
        )
        for step in scenario.steps
    ]


def _starts(moments: Sequence[Moment], until: datetime.datetime) -> Iterator[datetime.datetime]:
    start = moments[0].time.replace(minute=0, second=0, microsecond=0)
    if start < moments[0].time:
        start += HOUR
    while start + HOUR <= min(until, moments[-1].time):
        yield start
        start += HOUR


def _leading_to(moments: Sequence[Moment], at: datetime.datetime) -> Moment:
    """The first moment at or after one."""
    place = bisect_right(moments, at - datetime.timedelta.resolution, key=lambda each: each.time)
    return moments[min(place, len(moments) - 1)]


def _between(moments: Sequence[Moment], at: datetime.datetime, name: str) -> Decimal:
    """A number at a moment, on the straight line between those that are told."""
    place = bisect_right(moments, at, key=lambda each: each.time)
    if place == len(moments):
        return Decimal(getattr(moments[-1], name))
    if place == 0:
        return Decimal(getattr(moments[0], name))
    before, after = moments[place - 1], moments[place]
    first, second = Decimal(getattr(before, name)), Decimal(getattr(after, name))
    share = Decimal((at - before.time) // HOUR.resolution) / ((after.time - before.time) // HOUR.resolution)
    return first + (second - first) * share


def _hour(moments: Sequence[Moment], start: datetime.datetime) -> Hour:
    end = start + HOUR
    led = _leading_to(moments, end)
    traded = Decimal(_TRADED[start.hour]) / sum(_TRADED)
    return Hour(
        start=start,
        spot=_prices(moments, start, "index"),
        perp=_prices(moments, start, "mark"),
        spot_volume=(led.spot_volume * traded).quantize(SATOSHI),
        perp_volume=(led.perp_volume * traded).quantize(SATOSHI),
        open_interest=_between(moments, end, "open_interest").quantize(CENT),
    )


def _prices(
    moments: Sequence[Moment], start: datetime.datetime, name: str
) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Both ends, and what is told in between; half of the hour's range is above them and half below."""
    end = start + HOUR
    first = bisect_right(moments, start, key=lambda each: each.time)
    last = bisect_right(moments, end, key=lambda each: each.time)
    told = [Decimal(getattr(each, name)) for each in moments[first:last]]
    ends = _between(moments, start, name), _between(moments, end, name)
    half = _RANGE / 2
    # Under the lowest price that is told there is none: what falls below it would be another story.
    lowest = min(Decimal(getattr(each, name)) for each in moments)
    low = max(lowest, min(*ends, *told) * (1 - half))
    prices = (ends[0], max(*ends, *told) * (1 + half), low, ends[1])
    opened, high, lowered, closed = (price.quantize(CENT) for price in prices)
    return opened, high, lowered, closed
