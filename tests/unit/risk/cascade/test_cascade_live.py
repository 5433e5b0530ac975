"""The model out of a history: every input has a source and an age, and what is missing makes no number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from vault.risk.cascade.amplification import outcome
from vault.risk.cascade.live import DEPTH_AGE, GENERATION_SECONDS, LiveModel, live_model
from vault.series import DAY, HOUR, Candles, Kind, MarketHistory, Provenance, Recorded, Series, SeriesKey

DAYS = 60
START = 1_735_689_600_000
NOW = START + DAYS * DAY
HOURS = DAYS * 24


def candles(volume: float = 100.0) -> Candles:
    random = np.random.default_rng(7)
    close = 50_000 * np.exp(np.cumsum(random.normal(0, 0.005, HOURS)))
    opened = np.concatenate([[50_000.0], close[:-1]])
    high, low = np.maximum(opened, close) * 1.002, np.minimum(opened, close) * 0.998
    return Candles(
        START + HOUR * np.arange(HOURS, dtype=np.int64),
        HOUR,
        opened,
        high,
        low,
        close,
        np.full(HOURS, volume),
    )


def steady(value: float, step: int = HOUR, last: int = NOW) -> Series:
    times = np.arange(last - 40 * DAY, last + 1, step, dtype=np.int64)
    return Series(times, np.full(times.shape, value))


PARTS: dict[Kind, Candles | Series] = {
    "price": candles(),
    "open_interest": steady(100_000.0),
    "depth_1pct": steady(4_000.0),
    "long_liquidations": steady(1_000_000.0),
    "short_liquidations": steady(500_000.0),
}


def history(*without: Kind, **other: Candles | Series) -> MarketHistory:
    parts = {**{kind: data for kind, data in PARTS.items() if kind not in without}, **other}
    return MarketHistory().with_recorded(
        Recorded(SeriesKey(kind, "BTC", "venue/x", HOUR), data, Provenance("made"))  # type: ignore[arg-type]
        for kind, data in parts.items()
    )


@pytest.fixture(scope="module")
def whole() -> LiveModel:
    return live_model(history(), NOW, "BTC")


def given(model: LiveModel, name: str) -> float | None:
    return next(item.value for item in model.inputs if item.name == name)


def test_every_input_has_a_value_a_source_and_an_age(whole: LiveModel) -> None:
    assert whole.missing == ()
    for item in whole.inputs:
        assert item.value is not None
        assert item.value > 0
        assert item.source
        assert item.age is not None
    price = whole.price
    assert price is not None
    assert given(whole, "open interest") == pytest.approx(100_000 * price)
    assert given(whole, "bids within 1 %") == pytest.approx(4_000 * price)


def test_all_that_is_open_and_unhedged_is_on_the_ladder(whole: LiveModel) -> None:
    curve, phi = whole.long.curve, whole.long.phi.value
    assert curve is not None
    assert phi is not None
    assert curve.ladder.total == pytest.approx(phi * (given(whole, "open interest") or 0))


@pytest.mark.parametrize("missing", ["price", "open_interest", "depth_1pct"])
def test_a_missing_input_is_named_and_makes_no_curve(missing: Kind) -> None:
    model = live_model(history(missing), NOW, "BTC")
    assert model.long.curve is None
    assert model.short.curve is None
    assert model.missing


def test_an_old_book_is_no_book() -> None:
    old = steady(4_000.0, last=NOW - DEPTH_AGE - 1)
    model = live_model(history(depth_1pct=old), NOW, "BTC")
    assert model.long.curve is None
    assert any(why.startswith("bids within 1 %") for why in model.missing)


def test_without_liquidations_phi_is_an_assumption_and_an_upper_bound(whole: LiveModel) -> None:
    model = live_model(history("long_liquidations"), NOW, "BTC")
    assert model.long.phi.value is None
    assert any("upper bound" in text for text in model.assumptions)
    assert model.long.curve is not None
    assert whole.long.curve is not None
    assert model.long.curve.ladder.total >= whole.long.curve.ladder.total


def test_two_venues_add_up_and_a_silent_one_is_named() -> None:
    both = history().with_recorded(
        [
            Recorded(
                SeriesKey("open_interest", "BTC", "other/y", HOUR), steady(50_000.0), Provenance("made")
            ),
            Recorded(
                SeriesKey("open_interest", "BTC", "dead/z", HOUR),
                steady(9.0, last=NOW - 5 * DAY),
                Provenance("made"),
            ),
        ]
    )
    model = live_model(both, NOW, "BTC")
    found = next(item for item in model.inputs if item.name == "open interest")
    assert found.value == pytest.approx(150_000 * (model.price or 0))
    assert "dead/z" in found.problem


def test_a_deeper_book_and_less_open_interest_never_reach_further() -> None:
    def reach(**other: Series) -> float:
        curve = live_model(history(**other), NOW, "BTC").long.curve
        assert curve is not None
        return outcome(curve, 0.05, price=50_000.0, generation_seconds=GENERATION_SECONDS).reach

    usual = reach()
    assert math.isfinite(usual)
    assert reach(depth_1pct=steady(8_000.0)) <= usual <= reach(open_interest=steady(200_000.0))


def test_what_comes_later_changes_nothing() -> None:
    later = history(open_interest=steady(1.0, last=NOW + 3 * DAY).between(0, NOW))
    assert given(later_model := live_model(later, NOW, "BTC"), "open interest") == pytest.approx(
        later_model.price or 0
    )
    future = Series(np.array([NOW, NOW + HOUR], dtype=np.int64), np.array([100_000.0, 1e9]))
    seen = live_model(history(open_interest=future), NOW, "BTC")
    assert given(seen, "open interest") == pytest.approx(100_000 * (seen.price or 0))


def test_phi_sets_liquidations_against_the_open_interest_of_the_same_venue_only() -> None:
    alone = live_model(history(), NOW, "BTC").long.phi
    beside = history().with_recorded(
        [Recorded(SeriesKey("open_interest", "BTC", "silent/y", HOUR), steady(900_000.0), Provenance("made"))]
    )
    assert live_model(beside, NOW, "BTC").long.phi == alone


def test_a_few_quiet_days_estimate_no_phi() -> None:
    quiet = Series(np.arange(NOW - 2 * DAY, NOW + 1, HOUR, dtype=np.int64), np.zeros(49))
    model = live_model(history(long_liquidations=quiet), NOW, "BTC")
    assert model.long.phi.value is None
    assert "needed" in model.long.phi.reason
    assert any("upper bound" in text for text in model.assumptions)
