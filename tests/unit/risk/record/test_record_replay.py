"""The replay: it asks what the tool would have said, never looks ahead, and says no data for no data."""

from __future__ import annotations

import numpy as np
import pytest

from vault.risk.indicators.registry import NAMES
from vault.risk.record.replay import COMPOSITE, Replay, replay
from vault.risk.record.tally import Tally
from vault.series import (
    DAY,
    HOUR,
    Candles,
    MarketHistory,
    Provenance,
    Recorded,
    Series,
    SeriesKey,
)

START = 1_735_689_600_000  # 1 January 2025
DAYS = 150
FALL = 140  # the day that falls


def market(seed: int = 1, *, days: int = DAYS) -> MarketHistory:
    """Hours of a quiet price with one fall of a fifth, and funding that is crowded for ten days before it."""
    random = np.random.default_rng(seed)
    hours = DAYS * 24
    moves = random.normal(0, 0.003, hours)
    moves[FALL * 24 + 14] = -0.22
    close = 100 * np.exp(np.cumsum(moves))
    opened = np.concatenate([[100.0], close[:-1]])
    opens = START + HOUR * np.arange(hours, dtype=np.int64)
    candles = Candles(
        opens, HOUR, opened, np.maximum(opened, close), np.minimum(opened, close), close, np.full(hours, 10.0)
    )
    times = START + 8 * HOUR * np.arange(1, DAYS * 3, dtype=np.int64)
    rates = random.normal(0.0001, 0.00002, times.size)
    rates[(FALL - 10) * 3 : FALL * 3 + 2] = 0.0012
    end = START + days * DAY
    found = (
        (SeriesKey("price", "BTC", "venue/x", HOUR), candles.between(0, end)),
        (SeriesKey("funding", "BTC", "venue/x", 8 * HOUR), Series(times, rates).between(0, end)),
    )
    return MarketHistory().with_recorded(Recorded(key, data, Provenance("made")) for key, data in found)


@pytest.fixture(scope="module")
def whole() -> Replay:
    return replay(market(), "BTC")


def of(found: Replay, name: str) -> Tally:
    return next(one for one in found.tallies if one.name == name)


def test_the_fall_is_found_and_crowded_funding_is_a_hit_at_both_times(whole: Replay) -> None:
    events = [day for day in whole.days if day.is_event()]
    assert [(day.start - START) // DAY for day in events] == [FALL]
    funding = of(whole, "funding")
    assert (funding.hits_day, funding.misses_day, funding.hits_hour) == (1, 0, 1)
    assert funding.false_alarm_days >= 8  # it cried on the days before, too


def test_what_has_no_history_is_no_data_and_neither_hit_nor_miss(whole: Replay) -> None:
    for name in ("etf", "stablecoins", "depth", "open_interest"):
        one = of(whole, name)
        assert (one.hits_day, one.misses_day, one.days, one.days_without) == (0, 0, 0, DAYS)
        assert one.answers[0].day_before is None
        assert one.skill is None


def test_the_composite_comes_first_for_each_regime_and_then_all_ten(whole: Replay) -> None:
    names = [one.name for one in whole.tallies]
    assert names == ["elevated", "stressed", "cascade", *NAMES]
    assert {one.level_name for one in whole.tallies[:3]} == {COMPOSITE}


def test_a_worse_regime_never_alarms_where_a_lesser_one_does_not(whole: Replay) -> None:
    alarms = [one.alarm_days for one in whole.tallies[:3]]
    assert alarms == sorted(alarms, reverse=True)


def test_what_happens_later_changes_nothing_that_was_said_before(whole: Replay) -> None:
    cut = replay(market(days=FALL + 1), "BTC")
    for one, before in zip(whole.tallies, cut.tallies, strict=True):
        assert one.answers[0] == before.answers[0]


def test_a_history_without_a_price_has_no_days_and_no_record() -> None:
    found = replay(MarketHistory(), "BTC")
    assert (found.at.size, found.days, found.found, found.tallies) == (0, (), None, ())


def test_since_and_until_bound_the_days() -> None:
    found = replay(market(), "BTC", since=START + 10 * DAY, until=START + 20 * DAY)
    assert [day.start for day in found.days] == [START + n * DAY for n in range(10, 20)]
