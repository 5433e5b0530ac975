"""The numbers of one shock: each against what can be worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given

from tests.support.cascade_markets import (
    GRID,
    between,
    cluster_ladder,
    depths,
    flat_book,
    ladders,
    linear_ladder,
)
from vault.errors import MarketDataError
from vault.risk.cascade.amplification import (
    amplification,
    branching,
    forced_notional,
    forced_per_percent,
    outcome,
    peak_branching,
    price_at_end,
    price_path,
    seconds_to_exhaustion,
)
from vault.risk.cascade.depth import Depth, log_rise
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import Ladder


def curve(ratio: float, delta: float = 1.0) -> CascadeCurve:
    return CascadeCurve.of(linear_ladder(ratio * delta), flat_book(delta))


def test_a_linear_book_at_r_of_four_fifths() -> None:
    found = outcome(curve(0.8), 0.05, price=80_000, generation_seconds=60, epsilon=0.01)
    assert found.ends
    assert found.reach == pytest.approx(0.25)
    assert found.amplification == pytest.approx(5.0)
    assert (found.branching, found.peak_branching) == pytest.approx((0.8, 0.8))
    assert found.effective_branching == pytest.approx(0.8)
    assert found.forced == pytest.approx(0.2)
    assert found.price == pytest.approx(80_000 * math.exp(-0.25))
    assert found.seconds == pytest.approx(60 * math.log(0.01) / math.log(0.8))


def test_a_runaway_has_no_end_and_takes_all() -> None:
    found = outcome(curve(2.0), 0.05, price=80_000, generation_seconds=60)
    assert not found.ends
    assert (found.reach, found.amplification, found.price) == (math.inf, math.inf, 0.0)
    assert found.forced == curve(2.0).ladder.total
    assert found.seconds == pytest.approx(60 * math.log(GRID.end / 0.05) / math.log(2.0))


def test_r_of_exactly_one_is_never_exhausted() -> None:
    found = outcome(CascadeCurve.of(linear_ladder(1.0), flat_book(1.0)), 0.05, price=1, generation_seconds=60)
    assert found.reach == math.inf
    assert seconds_to_exhaustion(1.0, shock=0.05, end=0.5, generation_seconds=60, epsilon=0.01) == math.inf


def test_no_branching_takes_no_time() -> None:
    for ratio in (0.0, math.inf):
        assert seconds_to_exhaustion(ratio, shock=0.1, end=0.5, generation_seconds=60, epsilon=0.01) == 0.0


@pytest.mark.parametrize("ratio", [math.nan, -0.5])
def test_refuses_a_ratio_that_is_none(ratio: float) -> None:
    with pytest.raises(MarketDataError, match="ratio"):
        seconds_to_exhaustion(ratio, shock=0.1, end=0.5, generation_seconds=60, epsilon=0.01)


def test_exhaustion_takes_longer_the_closer_r_comes_to_one() -> None:
    def seconds(ratio: float) -> float:
        return seconds_to_exhaustion(ratio, shock=0.05, end=0.5, generation_seconds=60, epsilon=0.01)

    below, above = [seconds(r) for r in (0.1, 0.5, 0.9, 0.99)], [seconds(r) for r in (1.01, 1.5, 4.0)]
    assert below == sorted(below)
    assert above == sorted(above, reverse=True)


@given(ladders(), depths(), between(0.001, 0.7))
def test_amplification_is_never_below_one(ladder: Ladder, depth: Depth, shock: float) -> None:
    prepared = CascadeCurve.of(ladder, depth)
    found = outcome(prepared, shock, price=100.0, generation_seconds=60)
    assert found.amplification >= 1.0
    assert 0.0 <= found.effective_branching <= 1.0
    assert 0.0 <= found.forced <= ladder.total
    assert 0.0 <= found.price <= 100.0 * math.exp(-shock) * (1 + 1e-12)
    assert found.seconds >= 0.0
    assert forced_notional(prepared, shock)[0] == found.forced


def test_amplification_of_no_shock() -> None:
    assert amplification([0.0, 0.02, 0.1, math.inf], [0.0, 0.0, 0.05, 0.1]).tolist() == [
        1,
        math.inf,
        2,
        math.inf,
    ]


def test_branching_is_that_of_the_cell_the_shock_stands_in() -> None:
    prepared = CascadeCurve.of(cluster_ladder(0.05, 0.01), Depth(2.0, 0.05, 1.0), theta=0.5)
    # The whole cluster lies in the cell from 0.048 to 0.05: 0.5 * 0.01 / 0.002 / 2.
    assert branching(prepared, [0.0, 0.047, 0.048, 0.049, 0.05]) == pytest.approx([0, 0, 1.25, 1.25, 0])
    assert branching(prepared, GRID.end)[0] == math.inf
    assert peak_branching(prepared, 0.04) == 0.0
    assert peak_branching(CascadeCurve.of(linear_ladder(0.5), Depth(1.0, 0.05, 0.2)), 0.1) > 0.6


def test_branching_in_an_empty_book() -> None:
    empty = Depth(0.0, 0.05, 1.0)
    assert branching(CascadeCurve.of(linear_ladder(1.0), empty), 0.1)[0] == math.inf
    assert branching(CascadeCurve.of(linear_ladder(0.0), empty), 0.1)[0] == 0.0


def test_forced_notional_of_one_percent() -> None:
    assert forced_per_percent(curve(0.5)) == pytest.approx(0.5 * 2 * -math.log(0.99))
    shorts = CascadeCurve.of(linear_ladder(0.5, side="short"), flat_book(1.0))
    assert forced_per_percent(shorts) == pytest.approx(0.5 * 2 * log_rise(0.01))
    assert forced_per_percent(CascadeCurve.of(linear_ladder(0.0), flat_book(1.0))) == 0.0


def test_a_rise_has_a_ceiling() -> None:
    assert price_at_end(100.0, 0.1, "short") == pytest.approx(100 * math.exp(0.1))
    assert price_at_end(100.0, math.inf, "short") == math.inf
    shorts = CascadeCurve.of(linear_ladder(0.5, side="short"), flat_book(1.0))
    found = outcome(shorts, 0.05, price=100.0, generation_seconds=60)
    assert found.price == pytest.approx(100 * math.exp(0.1))


@given(ladders(), depths(), between(0.0, 0.7))
def test_the_path_climbs_and_stops_at_the_end_of_the_cascade(
    ladder: Ladder, depth: Depth, shock: float
) -> None:
    prepared = CascadeCurve.of(ladder, depth)
    path = price_path(prepared, shock, 30)
    assert path[0] == shock
    assert (path[1:] >= path[:-1]).all()
    assert path[-1] <= prepared.reach(shock)[0] + GRID.step


def test_a_path_of_a_linear_book_is_a_geometric_series() -> None:
    path = price_path(curve(0.5), 0.1, 40)
    assert path[:4] == pytest.approx([0.1, 0.15, 0.175, 0.1875])
    assert path[-1] == pytest.approx(0.2)
    # Beyond the grid all of the ladder is triggered, once.
    runaway = price_path(curve(2.0), 0.1, 40)
    assert runaway[-1] == runaway[-2] == pytest.approx(0.1 + curve(2.0).ladder.total)
    assert (
        price_path(CascadeCurve.of(cluster_ladder(0.05, 1.0), Depth(0.0, 0.05, 1.0)), 0.1, 1)[1] == math.inf
    )


def test_numbers_of_many_shocks_at_once() -> None:
    shocks = np.array([0.01, 0.02, 0.04])
    prepared = curve(0.5)
    assert amplification(prepared.reach(shocks), shocks) == pytest.approx([2.0, 2.0, 2.0])
    assert forced_notional(prepared, shocks) == pytest.approx(shocks)
