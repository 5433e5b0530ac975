"""The ladder over years is the ladder of one moment, at every moment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.indicator_history import START, candles, history_of, moments, recorded
from vault.risk.cascade.ladder import JUDGED_MIX, EntryHistory, Grid, build_ladder, long_liquidation_price
from vault.risk.indicators import liquidation_clusters
from vault.risk.indicators.hours import HourlySource, Hours
from vault.risk.indicators.liquidation_clusters import BIN, MAINTENANCE, TAU_HOURS, triggered_within
from vault.series import HOUR, Candles, FloatArray

DAYS = 20


def hours_of(bars: Candles) -> Hours:
    return HourlySource("v", bars).hours(int(bars.opens[0]) // HOUR, len(bars))


def plain(hours: Hours, moment: int, width: float, off: float = 0.0) -> float:
    """Coins within `width` below the close of an hour, position by position.

    By `off` the band begins lower and lows clear less: more coins.
    """
    close, total = hours.close[moment], 0.0
    for entry in range(moment + 1):
        lows = hours.low[entry + 1 : moment + 1]
        lowest = np.nanmin(lows) if np.any(np.isfinite(lows)) else np.inf
        weight = hours.volume[entry] * np.exp(-(moment - entry) / TAU_HOURS)
        if not np.isfinite(weight * hours.close[entry]):
            continue
        for leverage, share in zip(JUDGED_MIX.leverages, JUDGED_MIX.shares, strict=True):
            level = float(long_liquidation_price(hours.close[entry], leverage, MAINTENANCE))
            if close * (1 - width) * (1 - off) <= level and level * (1 - off) < lowest:
                total += weight * share
    return total


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), moment=st.integers(100, DAYS * 24 - 1))
def test_bins_are_within_one_bin_of_counting_every_position(seed: int, moment: int) -> None:
    hours = hours_of(candles(DAYS, seed))
    found = triggered_within(hours, (0.05, 0.10))[:, moment]
    for width, value in zip((0.05, 0.10), found.tolist(), strict=True):
        # A level may be off by a bin at either edge of the band.
        bin_width = np.exp(BIN) - 1
        least, most = (plain(hours, moment, width, off) for off in (-bin_width, bin_width))
        assert least - 1e-6 <= value <= most + 1e-6


def test_it_is_the_ladder_of_the_cascade_model_up_to_its_scale() -> None:
    bars = candles(60, 11)
    hours = hours_of(bars)
    entries = EntryHistory(
        bars.close, bars.low, bars.high, bars.volume, np.arange(len(bars))[::-1].astype(np.float64)
    )
    ladder = build_ladder(
        entries,
        JUDGED_MIX,
        side="long",
        price=float(bars.close[-1]),
        open_interest=1.0,
        maintenance=MAINTENANCE,
        tau_hours=TAU_HOURS,
        grid=Grid(step=0.0005, levels=3_000),
    )
    ours = triggered_within(hours, (0.05, 0.10))[:, -1]
    theirs = ladder.at(-np.log(1 - np.array([0.05, 0.10])))
    assert ours[0] / ours[1] == pytest.approx(theirs[0] / theirs[1], rel=0.01)


def test_a_low_ends_every_position_above_it_for_good() -> None:
    bars = candles(DAYS, 3)
    low = bars.low.copy()
    low[300] = bars.low.min() * 0.3
    wick = Candles(bars.opens, HOUR, bars.open, bars.high, low, bars.close, bars.volume)
    before, after = triggered_within(hours_of(bars), (0.10,))[0], triggered_within(hours_of(wick), (0.10,))[0]
    assert np.array_equal(before[:300], after[:300])
    assert after[300] == pytest.approx(plain(hours_of(wick), 300, 0.10))
    assert np.all(after[300:] <= before[300:] + 1e-9)


def test_a_missing_hour_has_no_result_and_no_entry() -> None:
    hours = hours_of(candles(DAYS, 3))
    columns: list[FloatArray] = [hours.high, hours.low, hours.close, hours.volume]
    holed = [np.where(np.arange(DAYS * 24) == 300, np.nan, column) for column in columns]
    found = triggered_within(Hours(*holed), (0.05,))[0]
    assert np.isnan(found[300])
    assert np.isfinite(found[301])


def test_too_many_missing_hours_make_no_score() -> None:
    bars = candles(200, 3)
    kept = np.ones(len(bars), dtype=np.bool_)
    kept[-100:-85] = False
    part = [column[kept] for column in (bars.open, bars.high, bars.low, bars.close, bars.volume)]
    history = history_of(recorded("price", "BTC", "v", HOUR, Candles(bars.opens[kept], HOUR, *part)))
    found = liquidation_clusters.measure(history, moments(200)[-1:], "BTC")
    assert np.isnan(found.score[0])
    assert found.absent == ("v: too few hours (with volume) of the last days",)


def test_the_low_of_the_mark_price_decides_where_it_is_known() -> None:
    bars = candles(200, 3)
    mark = Candles(
        bars.opens, HOUR, bars.open, bars.high, bars.low * 0.98, bars.close, np.full(len(bars), np.nan)
    )
    price = recorded("price", "BTC", "v", HOUR, bars)
    alone = liquidation_clusters.measure(history_of(price), moments(200)[-1:], "BTC")
    both = history_of(price, recorded("mark", "BTC", "v", HOUR, mark))
    marked = liquidation_clusters.measure(both, moments(200)[-1:], "BTC")
    assert marked.value[0] < alone.value[0]


def test_five_minute_candles_make_the_same_hours() -> None:
    parts = 12
    draw = np.random.default_rng(0)
    number = 3 * 24 * parts
    close = 100 * np.exp(np.cumsum(draw.normal(0, 0.001, number)))
    opens = START + HOUR // parts * np.arange(number, dtype=np.int64)
    bars = Candles(opens, HOUR // parts, close, close * 1.001, close * 0.999, close, np.ones(number))
    first = START // HOUR
    hours = HourlySource("v", bars).hours(first, 72)
    assert hours.volume.tolist() == [12.0] * 72
    assert np.array_equal(hours.close, close[11::12])
    assert np.array_equal(hours.low, bars.low.reshape(72, 12).min(axis=1))
    missing = Candles(
        *(np.delete(opens, 30), HOUR // parts),
        *(np.delete(one, 30) for one in (bars.open, bars.high, bars.low, bars.close, bars.volume)),
    )
    holed = HourlySource("v", missing).hours(first, 72)
    assert np.isnan(holed.close[2])
    assert np.isfinite(np.delete(holed.close, 2)).all()


def test_an_absurd_price_costs_no_memory_and_changes_no_hour_before_it() -> None:
    bars = candles(DAYS, 3)
    prices = [np.where(np.arange(len(bars)) == 400, price, bars.close) for price in (1e300, 1e-300)]
    before = triggered_within(hours_of(bars), (0.05,))[0]
    for close in prices:
        spoiled = Candles(bars.opens, HOUR, close, np.maximum(bars.high, close), np.minimum(bars.low, close),
                          close, bars.volume)  # fmt: skip
        found = triggered_within(hours_of(spoiled), (0.05,))[0]
        assert np.array_equal(found[:400], before[:400])
        assert np.all(np.isfinite(found))


def test_a_candle_off_the_hour_is_no_hour() -> None:
    bars = candles(2, 3)
    opens = bars.opens.copy()
    opens[5] += HOUR // 2
    shifted = Candles(opens, HOUR, bars.open, bars.high, bars.low, bars.close, bars.volume)
    assert np.isnan(HourlySource("v", shifted).hours(START // HOUR, 48).close[5])
