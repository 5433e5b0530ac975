"""Which days count as falls, at which resolution, and from when."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.errors import MarketDataError
from vault.risk.record.days import days_of
from vault.risk.record.tally import moments_before
from vault.series import (
    DAY,
    HOUR,
    MINUTE,
    Candles,
    Fault,
    Kind,
    MarketHistory,
    Provenance,
    Recorded,
    Series,
    SeriesKey,
)

START = 1_760_054_400_000  # 10 October 2025, 00:00 UTC


def candles(first: int, step: int, prices: list[tuple[float, float, float, float]]) -> Candles:
    table = np.array(prices, dtype=np.float64).reshape(-1, 4).T
    opens = first + step * np.arange(len(prices), dtype=np.int64)
    return Candles(opens, step, *table, np.ones(len(prices)))


def history(*parts: tuple[Kind, str, Candles | Series]) -> MarketHistory:
    found = []
    for kind, source, data in parts:
        step = data.step if isinstance(data, Candles) else DAY
        found.append(Recorded(SeriesKey(kind, "BTC", source, step), data, Provenance(source)))
    return MarketHistory().with_recorded(found)


def day_of(lows: dict[int, float], step: int = HOUR, first: int = START) -> Candles:
    return candles(first, step, [(100.0, 100.0, lows.get(place, 99.0), 99.0) for place in range(DAY // step)])


def test_a_fall_of_exactly_a_tenth_is_an_event_and_one_just_short_is_not() -> None:
    assert days_of(history(("price", "x", day_of({5: 90.0}))), "BTC")[0].is_event()
    assert not days_of(history(("price", "x", day_of({5: 90.01}))), "BTC")[0].is_event()


def test_the_onset_is_the_opening_of_the_first_candle_that_reached_the_fall() -> None:
    (day,) = days_of(history(("price", "x", day_of({7: 89.0, 20: 80.0}))), "BTC")
    assert (day.onset, day.judged_by) == (START + 7 * HOUR, "low")
    assert day.drop == pytest.approx(-0.2)


def test_the_finest_source_that_has_the_whole_day_decides() -> None:
    fine, coarse = day_of({7 * 12 + 3: 88.0}, 5 * MINUTE), day_of({7: 89.0})
    (day,) = days_of(history(("price", "hourly", coarse), ("price", "fine", fine)), "BTC")
    assert (day.source, day.onset) == ("price:BTC:fine", START + 7 * HOUR + 15 * MINUTE)


def test_half_a_day_of_a_fine_source_gives_way_to_a_whole_one_of_a_coarse_source() -> None:
    half = candles(START, 5 * MINUTE, [(100.0, 100.0, 99.0, 99.0)] * 144)
    (day,) = days_of(history(("price", "fine", half), ("price", "hourly", day_of({20: 85.0}))), "BTC")
    assert (day.source, day.is_event()) == ("price:BTC:hourly", True)


def test_marks_stand_in_where_no_last_price_is_known() -> None:
    marks = candles(START, 8 * HOUR, [(100, 101, 99, 100), (100, 101, 99, 100), (100, 100, 84, 90)])
    (day,) = days_of(history(("mark", "x", marks)), "BTC")
    assert (day.is_event(), day.onset, day.step) == (True, START + 16 * HOUR, 8 * HOUR)


@pytest.mark.parametrize("as_candles", [True, False])
def test_a_source_of_one_price_a_day_is_judged_by_closes_and_says_so(as_candles: bool) -> None:
    prices = [100.0, 95.0, 85.0]
    if as_candles:
        data: Candles | Series = candles(START, DAY, [(p, p, p, p) for p in prices])
    else:
        data = Series(START + DAY * np.arange(1, 4, dtype=np.int64), np.array(prices))
    days = days_of(history(("price", "daily", data)), "BTC")
    assert [(day.start, day.judged_by, day.onset) for day in days] == [
        (START + DAY, "close", None),
        (START + 2 * DAY, "close", None),
    ]
    assert [round(day.drop, 4) for day in days] == [-0.05, -0.1053]


def test_a_day_whose_open_is_unusable_is_left_out() -> None:
    bad = day_of({5: 50.0})
    for column in (bad.open, bad.high, bad.low, bad.close):
        column[0] = np.nan
    assert days_of(history(("price", "x", bad)), "BTC") == ()


def walk(hours: int = 0) -> Candles:
    """Sixty days of hours with one fall of a seventh, stamped `hours` late."""
    moves = np.random.default_rng(7).normal(0, 0.002, 60 * 24)
    moves[50 * 24 + 14] = -0.15
    close = 100 * np.exp(np.cumsum(moves))
    opened = np.concatenate([[100.0], close[:-1]])
    opens = START + HOUR * np.arange(close.size, dtype=np.int64) + hours * HOUR
    ones = np.ones(close.shape)
    return Candles(opens, HOUR, opened, np.maximum(opened, close), np.minimum(opened, close), close, ones)


@pytest.mark.parametrize("hours", [8, -5])
def test_sources_whose_clocks_differ_by_whole_hours_give_no_hour(hours: int) -> None:
    one, other = walk(hours), walk()
    alone = [day for day in days_of(history(("price", "b", other)), "BTC") if day.is_event()]
    assert [day.onset for day in alone] == [START + 50 * DAY + 14 * HOUR]
    both = history(("price", "a", one), ("price", "b", other))
    disputed = [day for day in days_of(both, "BTC") if day.is_event()]
    assert disputed
    assert [day.onset for day in disputed] == [None] * len(disputed)
    day_before, hour_before = moments_before(disputed[0])
    assert day_before < START + 50 * DAY
    assert hour_before is None


def test_where_stamps_may_be_ends_the_onset_is_a_step_earlier() -> None:
    key = SeriesKey("price", "BTC", "x", HOUR)
    unsure = Fault("stamp", 24, START, "beginnings or ends")
    found = MarketHistory({key: Recorded(key, day_of({7: 89.0}), Provenance("x"), (unsure,))})
    (day,) = days_of(found, "BTC")
    assert day.onset == START + 6 * HOUR


def test_another_asset_is_another_matter() -> None:
    assert days_of(history(("price", "x", day_of({}))), "ETH") == ()


@pytest.mark.parametrize("drop", [0.0, 1.0, -0.1, float("nan")])
def test_refuses_a_fall_that_is_none(drop: float) -> None:
    with pytest.raises(MarketDataError) as caught:
        days_of(MarketHistory(), "BTC", drop)
    assert caught.value.code == "market.bad_drop"


@given(st.lists(st.tuples(st.integers(0, 23), st.floats(1, 99)), max_size=8), st.integers(0, 3))
def test_the_fall_is_that_of_the_least_low(falls: list[tuple[int, float]], days: int) -> None:
    lows = dict(falls)
    (day,) = days_of(history(("price", "x", day_of(lows, first=START + days * DAY))), "BTC")
    assert day.start == START + days * DAY
    assert day.drop == pytest.approx(min([99.0, *lows.values()]) / 100 - 1)
    reached = [place for place, low in lows.items() if low <= 90.0]
    assert day.onset == (day.start + min(reached) * HOUR if reached else None)
