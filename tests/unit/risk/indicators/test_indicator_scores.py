"""What each indicator scores, worked out by hand; and more of what it measures never scores less."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.indicator_history import (
    START,
    candles,
    full_history,
    history_of,
    moments,
    recorded,
    weekdays,
)
from vault.risk.indicators import depth
from vault.risk.indicators.base import Track, ramp
from vault.risk.indicators.funding import annualised
from vault.risk.indicators.registry import INDICATORS
from vault.series import DAY, HOUR, MINUTE, Candles, FloatArray, IntArray, Kind, MarketHistory, Series

DAYS = 120
HOURS = moments(DAYS)
LAST = HOURS[-1:]


def measured(name: str, history: MarketHistory, at: IntArray = LAST) -> Track:
    return INDICATORS[name](history, at, "BTC")


def hourly(kind: Kind, values: FloatArray | float, venue: str = "north", name: str = "BTC"):  # type: ignore[no-untyped-def]
    return recorded(kind, name, venue, HOUR, (HOURS, np.broadcast_to(values, HOURS.shape).astype(np.float64)))


def changed_at_the_end(value: float, last: float, hours: int = 1) -> FloatArray:
    values = np.full(HOURS.shape, value)
    values[-hours:] = last
    return values


def test_a_number_that_overflowed_is_neither_calm_nor_the_worst() -> None:
    found = ramp(np.array([-np.inf, np.inf, np.nan, 0.5]), 0.0, 1.0)
    assert np.isnan(found[:3]).all()
    assert found[3] == 0.5


# open interest


def test_open_interest_at_its_median_is_calm_and_half_the_spot_volume_is_the_worst() -> None:
    for share, score in ((1.0, 0.0), (2 / 3, 0.5), (0.5, 1.0), (0.1, 1.0)):
        volume = changed_at_the_end(100.0, 100.0 * share, 24)
        found = measured(
            "open_interest",
            history_of(hourly("open_interest", 4_800.0), hourly("spot_volume", volume)),
        )
        assert found.score[0] == pytest.approx(score)
        assert found.statistic[0] == pytest.approx(1 / share)
        assert found.value[0] == pytest.approx(2 / share)


def test_spot_that_halves_every_weekend_is_no_crowd() -> None:
    volume = np.where(((HOURS - 1) // DAY + 3) % 7 >= 5, 50.0, 100.0)
    history = history_of(hourly("open_interest", 5_000.0), hourly("spot_volume", volume))
    assert np.nanmax(measured("open_interest", history, HOURS[-400:]).score) == 0


def test_contracts_that_grow_without_spot_are_scored_and_spot_that_shrinks_alone_is_not() -> None:
    growing = np.full(HOURS.shape, 1_000.0)
    growing[-24:] = 1_250.0
    spot = np.full(HOURS.shape, 100.0)
    spot[-168:] = 120.0
    history = history_of(hourly("open_interest", growing), hourly("spot_volume", spot))
    # 25 % more contracts on 20 % more spot: 5 % without spot behind them.
    assert measured("open_interest", history).score[0] == pytest.approx(ramp(np.array(1.25 / 1.2), 1, 2))
    history = history_of(hourly("open_interest", growing), hourly("spot_volume", 100.0))
    assert measured("open_interest", history).score[0] == pytest.approx(0.5)
    shrunk = np.full(HOURS.shape, 100.0)
    shrunk[-168:-24] = 20.0
    history = history_of(hourly("open_interest", 1_000.0), hourly("spot_volume", shrunk))
    assert measured("open_interest", history).score[0] == 0


def test_a_venue_is_set_against_its_own_spot_where_it_has_one() -> None:
    history = history_of(
        hourly("open_interest", 1.0, "north"),
        hourly("open_interest", 1.0, "west"),
        hourly("spot_volume", 1.0, "north"),
        hourly("spot_volume", changed_at_the_end(1.0, 0.5, 24), "south"),
    )
    found = measured("open_interest", history)
    assert found.source == "west over spot of south"
    assert found.score[0] == pytest.approx(1)


# funding


def test_a_rate_is_annualised_by_its_own_interval_and_a_change_of_it() -> None:
    spacing = np.array([8, 8, 8, 4, 4, 1, 1, 8, 8, 16, 8]) * HOUR
    times = START + np.concatenate([[0], np.cumsum(spacing)])
    annual, interval = annualised(Series(times, np.full(times.size, 1e-4)))
    hours = (interval / HOUR).tolist()
    assert hours == [0, 8, 8, 8, 4, 4, 1, 1, 0, 8, 0, 8], "a longer one is believed when it comes twice"
    yearly = 1e-4 * 365 * 24
    assert annual.values[[1, 4, 6]] == pytest.approx([yearly / 8, yearly / 4, yearly])
    assert np.isnan(annual.values[[0, 8, 10]]).all()


def test_settlements_that_come_milliseconds_late_keep_their_interval() -> None:
    times = START + 8 * HOUR * np.arange(50, dtype=np.int64) + np.arange(50) % 3
    assert set(annualised(Series(times, np.zeros(50)))[1][1:].tolist()) == {8 * HOUR}


@pytest.mark.parametrize(("hours", "rate"), [(8, 1e-4), (4, 5e-5), (1, 1.25e-5)])
def test_the_default_rate_is_calm_at_every_interval_and_five_times_it_is_not(hours: int, rate: float) -> None:
    times = START + hours * HOUR * np.arange(1, DAYS * 24 // hours + 1, dtype=np.int64)
    values = np.full(times.size, rate)
    assert measured("funding", history_of(recorded("funding", "BTC", "v", 0, (times, values)))).score[0] == 0
    values[-1] = 5 * rate
    found = measured("funding", history_of(recorded("funding", "BTC", "v", 0, (times, values))))
    assert found.value[0] == pytest.approx(0.5475)
    assert found.statistic[0] == pytest.approx((0.5475 - 0.1095) / 0.05, rel=1e-2)
    assert found.score[0] == 1


def test_months_of_positive_funding_alone_score_nothing() -> None:
    times = START + 8 * HOUR * np.arange(1, DAYS * 3 + 1, dtype=np.int64)
    draw = np.random.default_rng(5)
    values = np.abs(draw.normal(8e-5, 1e-5, times.size))
    found = measured("funding", history_of(recorded("funding", "BTC", "v", 0, (times, values))))
    assert "above 0 in 100 % of 30 days" in found.detail
    assert found.score[0] < 0.1


# realised liquidations


@pytest.mark.parametrize(("multiple", "score"), [(0.0, 0.0), (1.0, 0.0), (10**0.5, 0.5), (10.0, 1.0)])
def test_liquidations_against_the_worst_hour_of_a_usual_day(multiple: float, score: float) -> None:
    values = np.where((HOURS // HOUR) % 24 == 14, 1e6, 1e4)
    values[-1] = multiple * 1e6
    history = history_of(hourly("long_liquidations", values), hourly("short_liquidations", 1e5))
    found = measured("realised_liquidations", history)
    assert found.score[0] == pytest.approx(score)
    if multiple == 10.0:
        assert "longs 99 %" in found.detail


def test_five_minute_liquidations_are_summed_over_the_hour_and_a_missing_one_is_no_sum() -> None:
    times = START + HOUR // 12 * np.arange(1, DAYS * 288 + 1, dtype=np.int64)
    values = np.full(times.size, 10.0)
    whole = recorded("long_liquidations", "BTC", "v", HOUR // 12, (times, values))
    assert measured("realised_liquidations", history_of(whole)).value[0] == 120
    kept = np.arange(times.size) != times.size - 5
    holed = recorded("long_liquidations", "BTC", "v", HOUR // 12, (times[kept], values[kept]))
    found = measured("realised_liquidations", history_of(holed))
    assert np.isnan(found.score[0])
    assert found.absent == ("v: a report is missing",)


# ETF flows


def flows(*last: float) -> MarketHistory:
    times = weekdays(DAYS, 5)
    values = np.where(np.arange(times.size) % 2 == 0, 3e8, -1e8)
    values[times.size - len(last) :] = last
    return history_of(recorded("etf_flow", "BTC", "funds", DAY, (times, values)))


def test_outflows_far_below_the_mean_are_the_worst() -> None:
    assert measured("etf", flows(3e8, 3e8, 3e8, 3e8, 3e8)).score[0] == 0
    found = measured("etf", flows(1e8, -5e8, -5e8, -5e8, -5e8))
    assert found.value[0] == -1.9e9
    assert found.score[0] == 1


def test_a_long_streak_counts_even_when_it_is_small() -> None:
    found = measured("etf", flows(1e8, *[-1e6] * 10))
    assert "10 days of outflow running" in found.detail
    assert found.score[0] == 1


def test_a_weekend_is_not_stale_and_a_missing_weekday_is_no_sum() -> None:
    times = weekdays(DAYS, 29)
    history = history_of(recorded("etf_flow", "BTC", "funds", DAY, (times, np.full(times.size, 1e8))))
    friday = times[np.flatnonzero(np.diff(times) > 2 * DAY)[-1]]
    at = friday + HOUR * np.arange(0, 72, dtype=np.int64)
    assert np.all(np.isfinite(measured("etf", history, at).score))
    kept = times <= friday
    stopped = history_of(recorded("etf_flow", "BTC", "funds", DAY, (times[kept], np.full(kept.sum(), 1e8))))
    found = measured("etf", stopped, np.array([friday + 4 * DAY + 6 * HOUR]))
    assert np.isnan(found.score[0])
    assert "stale" in found.absent[0]


def test_one_missing_weekday_is_taken_for_a_holiday_and_two_make_no_sum() -> None:
    times = weekdays(DAYS, 29)
    for missing, known in ((1, True), (2, False)):
        # Those before the last three.
        kept = np.delete(times, times.size - 3 - np.arange(missing) - 1)
        values = np.full(kept.size, 1e8)
        found = measured(
            "etf", history_of(recorded("etf_flow", "BTC", "funds", DAY, (kept, values))), kept[-1:]
        )
        assert np.isfinite(found.score[0]) == known
        assert found.value[0] == 5e8 or not known


# cross-asset


def markets(last: float = 1.0) -> tuple[IntArray, FloatArray]:
    times = weekdays(600, 21)
    draw = np.random.default_rng(2)
    values = 30 * np.exp(np.cumsum(draw.normal(0, 0.01, times.size)))
    values[-1] = values[-2] * last
    return times, values


def test_silver_that_falls_a_third_in_a_day_is_disorder() -> None:
    times, values = markets(1 - 0.336)
    history = history_of(recorded("close", "XAG", "file", DAY, (times, values)))
    found = measured("cross_asset", history, times[-1:])
    assert found.score[0] == 1
    assert found.statistic[0] == 1
    assert found.source == "XAG (file)"


def test_a_rise_is_disorder_as_well() -> None:
    times, values = markets(1.336)
    history = history_of(recorded("close", "XAU", "file", DAY, (times, values)))
    assert measured("cross_asset", history, times[-1:]).score[0] == 1


def test_a_shut_market_is_held_said_and_could_be_anything() -> None:
    times, values = markets()
    friday = times[np.flatnonzero(np.diff(times) > 2 * DAY)[-1]]
    history = history_of(recorded("close", "SPX", "file", DAY, (times, values)))
    found = measured("cross_asset", history, friday + np.array([0, 2, 40]) * HOUR)
    assert found.score[0] == found.score[1] == found.score[2]
    assert found.upper.tolist() == [found.score[0], found.score[0], 1.0]
    assert "market shut, held" in found.detail


def test_closes_that_never_moved_and_then_do_are_disorder() -> None:
    times, _ = markets()
    values = np.full(times.size, 100.0)
    calm = history_of(recorded("close", "SPX", "file", DAY, (times, values)))
    assert measured("cross_asset", calm, times[-1:]).score[0] == 0
    moved = history_of(recorded("close", "SPX", "file", DAY, (times, np.append(values[:-1], 101.0))))
    assert measured("cross_asset", moved, times[-1:]).score[0] == 1


def test_vix_is_judged_by_its_level() -> None:
    times, _ = markets()
    values = np.where(np.arange(times.size) % 2 == 0, 15.0, 15.5)
    values[-1] = 60.0
    history = history_of(recorded("close", "VIX", "file", DAY, (times, values)))
    found = measured("cross_asset", history, times[-1:])
    assert found.value[0] == 60
    assert found.score[0] == 1


def test_monthly_closes_are_refused_by_name() -> None:
    times = START + 30 * DAY * np.arange(20, dtype=np.int64)
    history = history_of(recorded("close", "XAU", "monthly", 30 * DAY, (times, np.ones(20))))
    found = measured("cross_asset", history, times[-1:])
    assert not found.configured
    assert "daily ones needed" in found.absent[0]


# depth


@pytest.mark.parametrize(
    ("kind", "ratio", "score"),
    [
        ("depth_1pct", 1.0, 0.0),
        ("depth_1pct", 0.65, 0.5),
        ("depth_1pct", 0.3, 1.0),
        ("depth_10bp", 0.67, 0.0),
        ("depth_10bp", 0.435, 0.5),
        ("depth_10bp", 0.0, 1.0),
        ("spread", 1.5, 0.0),
        ("spread", 10 / 3, 1.0),
        ("spread", 0.5, 0.0),
    ],
)
def test_depth_and_spread_against_their_median(kind: Kind, ratio: float, score: float) -> None:
    found = measured("depth", history_of(hourly(kind, changed_at_the_end(40.0, 40.0 * ratio))))
    assert found.statistic[0] == pytest.approx(ratio)
    assert found.score[0] == pytest.approx(score)


# stablecoins


def test_a_peg_that_breaks_at_one_venue_is_the_worst_and_names_the_venue() -> None:
    history = history_of(
        hourly("peg", changed_at_the_end(1.0, 0.65), "north", "USDe"),
        hourly("peg", 1.0, "south", "USDe"),
        hourly("peg", 0.9995, "west", "USDe"),
    )
    found = measured("stablecoins", history)
    assert found.score[0] == 1
    assert found.source == "USDe (north)"
    assert "USDe at 0.6500 on north, 0.9998 elsewhere: one venue only" in found.detail


def test_a_break_that_lasts_for_weeks_does_not_become_the_peg() -> None:
    found = measured(
        "stablecoins", history_of(hourly("peg", changed_at_the_end(1.0, 0.65, 24 * 30), name="USDe"))
    )
    assert found.score[0] == 1


def test_collateral_that_is_no_dollar_is_compared_between_venues() -> None:
    staked = np.linspace(3_000.0, 2_000.0, HOURS.size)
    alone = measured("stablecoins", history_of(hourly("peg", staked, "north", "stETH")))
    assert np.isnan(alone.score[0])
    below = staked.copy()
    below[-1] *= 0.95
    both = history_of(hourly("peg", below, "north", "stETH"), hourly("peg", staked, "south", "stETH"))
    found = measured("stablecoins", both)
    assert found.score[0] == pytest.approx(1)
    assert found.source == "stETH (north)"


def test_supply_that_shrinks_by_two_per_cent_in_a_week_is_a_run() -> None:
    days = START + DAY * np.arange(1, DAYS + 1, dtype=np.int64)
    for week, score in ((0.0, 0.0), (-0.002, 0.0), (-0.011, 0.5), (-0.02, 1.0), (0.05, 0.0)):
        values = np.full(DAYS, 1e11)
        values[-1] *= 1 + week
        history = history_of(recorded("supply", "USDT", "issuer", DAY, (days, values)))
        assert measured("stablecoins", history).score[0] == pytest.approx(score, abs=1e-9)


# settlement and venue


@pytest.mark.parametrize(
    ("kind", "usual", "last", "score"),
    [
        ("venue_open", 1.0, 1.0, 0.0),
        ("venue_open", 1.0, 0.0, 1.0),
        ("clock_skew", 10.0, 3_000.0, 0.5),
        ("clock_skew", 10.0, -5_000.0, 1.0),
        ("adl_rank", 0.0, 0.8, 0.5),
        ("network_fee", 10.0, 20.0, 0.0),
        ("network_fee", 10.0, 60.0, 0.5),
        ("network_fee", 10.0, 500.0, 1.0),
    ],
)
def test_settlement_is_as_bad_as_its_worst_part(kind: Kind, usual: float, last: float, score: float) -> None:
    found = measured("venue", history_of(hourly(kind, changed_at_the_end(usual, last))))
    assert found.score[0] == pytest.approx(score)


def test_a_transfer_is_slow_against_the_slow_end_of_its_own_past() -> None:
    times = START + DAY * np.arange(1, 11, dtype=np.int64)
    for last, score in ((600.0, 0.0), (1_500.0, 0.5), (9_000.0, 1.0)):
        values = np.append(np.full(9, 600.0), last)
        history = history_of(recorded("transfer_seconds", "BTC", "north", 0, (times, values)))
        at = times[-1:] + DAY
        assert measured("venue", history, at).score[0] == pytest.approx(score)
    few = history_of(recorded("transfer_seconds", "BTC", "north", 0, (times[:4], np.full(4, 600.0))))
    assert "not enough history" in measured("venue", few, times[4:5]).absent[0]


# time of day


def rhythm(worse: float, weekend: float) -> MarketHistory:
    """Hours whose range per dollar is the same, save 21:00 UTC and weekends."""
    opens = HOURS - HOUR
    hour, late = opens // HOUR % 24, (opens // DAY + 3) % 7 >= 5
    flat, high = np.full(opens.shape, 100.0), np.full(opens.shape, 101.0)
    volume = 1e4 / np.where(hour == 21, worse, 1.0) / np.where(late, weekend, 1.0)
    bars = Candles(opens, HOUR, flat, high, flat, flat, volume)
    return history_of(recorded("price", "BTC", "north", HOUR, bars))


def test_the_hour_and_the_weekend_are_set_against_the_median_weekday_hour() -> None:
    monday = START + 112 * DAY
    at = np.array([monday + 7 * HOUR, monday + 21 * HOUR, monday + 5 * DAY + 7 * HOUR])
    found = measured("time_of_day", rhythm(1.5, 1.2), at)
    assert found.statistic == pytest.approx([1.0, 1.5, 1.2])
    assert found.score == pytest.approx([0.0, 0.5, 0.2])


# more of the same never scores less

Driver = Callable[[float], MarketHistory]


def _last(kind: Kind, usual: float, name: str = "BTC") -> Driver:
    noise = np.exp(np.random.default_rng(8).normal(0, 0.1, HOURS.size))

    def history(factor: float) -> MarketHistory:
        values = usual * noise
        values[-1] = usual * factor
        return history_of(hourly(kind, values, name=name), hourly("spot_volume", 100.0))

    return history


def _funding(factor: float) -> MarketHistory:
    times = START + 8 * HOUR * np.arange(1, DAYS * 3 + 1, dtype=np.int64)
    values = np.random.default_rng(1).normal(1e-4, 3e-5, times.size)
    values[-1] = 1e-4 * factor
    return history_of(recorded("funding", "BTC", "v", 0, (times, values)))


def _outflow(factor: float) -> MarketHistory:
    return flows(-1e8 * factor)


def _supply(factor: float) -> MarketHistory:
    days = START + DAY * np.arange(1, DAYS + 1, dtype=np.int64)
    values = np.append(np.full(DAYS - 1, 1e11), 1e11 / (1 + factor / 50))
    return history_of(recorded("supply", "USDT", "issuer", DAY, (days, values)))


def _move(factor: float) -> MarketHistory:
    times, values = markets(float(np.exp(-0.01 * factor)))
    return history_of(recorded("close", "XAG", "file", DAY, (times - times[-1] + LAST[0], values)))


def _entries(factor: float) -> MarketHistory:
    bars = candles(200, seed=4, start=START - 80 * DAY)
    volume = bars.volume.copy()
    volume[-24:] *= factor
    grown = Candles(bars.opens, HOUR, bars.open, bars.high, bars.low, bars.close, volume)
    return history_of(recorded("price", "BTC", "v", HOUR, grown))


def _hour(factor: float) -> MarketHistory:
    return rhythm(1 + factor, 1.0)


DRIVERS: dict[str, tuple[str, Driver]] = {
    "open interest": ("open_interest", _last("open_interest", 5_000.0)),
    "funding": ("funding", _funding),
    "entries": ("liquidation_clusters", _entries),
    "liquidations": ("realised_liquidations", _last("long_liquidations", 1e5)),
    "outflow": ("etf", _outflow),
    "move": ("cross_asset", _move),
    "less depth": ("depth", lambda factor: _last("depth_1pct", 50.0)(1 / (1 + factor))),
    "less depth at the touch": ("depth", lambda factor: _last("depth_10bp", 50.0)(1 / (1 + factor))),
    "spread": ("depth", _last("spread", 1e-4)),
    "redemptions": ("stablecoins", _supply),
    "broken peg": ("stablecoins", lambda factor: _last("peg", 1.0, "USDT")(1 - factor / 200)),
    "skew": ("venue", _last("clock_skew", 700.0)),
    "fee": ("venue", _last("network_fee", 10.0)),
    "thin hour": ("time_of_day", _hour),
}


@settings(max_examples=12)
@given(first=st.floats(0, 12), second=st.floats(0, 12))
@pytest.mark.parametrize("driver", DRIVERS)
def test_more_of_it_never_scores_less(driver: str, first: float, second: float) -> None:
    name, history = DRIVERS[driver]
    at = LAST if driver != "thin hour" else np.array([START + 112 * DAY + 21 * HOUR])
    low, high = sorted((first, second))
    less, more = (measured(name, history(factor), at).score[0] for factor in (low, high))
    assert np.isfinite(less)
    assert np.isfinite(more)
    assert less <= more


@pytest.mark.parametrize("driver", DRIVERS)
def test_enough_of_it_scores_more(driver: str) -> None:
    name, history = DRIVERS[driver]
    at = LAST if driver != "thin hour" else np.array([START + 112 * DAY + 21 * HOUR])
    assert measured(name, history(0.0), at).score[0] < measured(name, history(12.0), at).score[0]


def test_every_indicator_says_the_same_of_another_asset_only_where_it_is_of_all() -> None:
    history, at = full_history(200), moments(3, START + 190 * DAY)
    of_all = {name for name, measure in INDICATORS.items() if measure(history, at, "ETH").configured}
    assert of_all == {"cross_asset", "stablecoins", "venue"}


def test_one_look_at_a_thin_book_among_three_is_no_thin_book() -> None:
    hours = moments(30)
    at = int(hours[-1])
    looks = np.append(hours, [at + 10 * MINUTE, at + 20 * MINUTE, at + 30 * MINUTE]).astype(np.int64)
    times = looks[-2:]

    def score(*last: float) -> list[float]:
        values = np.append(np.full(hours.size, 100.0), last)
        history = history_of(recorded("depth_1pct", "BTC", "north/BTC", HOUR, (looks, values)))
        return depth.measure(history, times, "BTC").score.tolist()

    assert score(100.0, 5.0, 100.0) == [0.0, 0.0]
    assert score(5.0, 5.0, 5.0) == [1.0, 1.0]
