"""The same seed gives the same numbers whatever the chunk, and they are those of the shocks assumed."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.cascade_markets import GRID, cluster_ladder, flat_book, linear_ladder
from vault.errors import MarketDataError
from vault.risk.cascade.depth import Depth
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import Grid
from vault.risk.cascade.monte_carlo import AssetModel, Basket, ShockModel, Simulation, Threshold, simulate


def asset(name: str = "BTC", slope: float = 0.5, error: float = 0.0) -> AssetModel:
    book = Depth(1.0, 0.05, 0.5, 1.0)
    falls, rises = (CascadeCurve.of(linear_ladder(slope, side=side), book) for side in ("long", "short"))
    return AssetModel(name, falls, rises, error)


def shocks(correlation: float = 0.7, scale: float = 0.03) -> ShockModel:
    return ShockModel(np.array([scale, scale]), np.array([[1.0, correlation], [correlation, 1.0]]), 4.0)


ACCOUNTS = (
    Threshold(0, "long", 0.10),
    Threshold(1, "long", 0.10),
    Threshold(0, "short", 0.10),
    Basket((100.0, 50.0), 10.0),
    Basket((-100.0, 0.0), 10.0),
)


@functools.cache
def run(chunk: int = 1000, seed: int = 3, correlation: float = 0.7) -> Simulation:
    both = (asset("BTC", error=0.4), asset("ETH", error=0.4))
    drawn = shocks(correlation)
    return simulate(both, drawn, accounts=ACCOUNTS, scenarios=5000, seed=seed, chunk=chunk)


@settings(max_examples=15)
@given(st.integers(150, 6000))
def test_the_chunk_changes_nothing(chunk: int) -> None:
    whole, parts = run(5000), run(chunk)
    assert parts.hits.tolist() == whole.hits.tolist()
    assert (parts.counts == whole.counts).all()


def test_the_seed_decides_everything() -> None:
    assert run(seed=3).hits.tolist() == run.__wrapped__(seed=3).hits.tolist()
    assert run(seed=3).hits.tolist() != run(seed=4).hits.tolist()


def test_without_a_cascade_the_shocks_are_the_students_t_they_are_said_to_be() -> None:
    # P(|t_4| > 2.776) = 5 %: one side 2.5 %, at 2.776 scales.
    calm = asset(slope=0.0)
    accounts = tuple(Threshold(0, side, 2.776 * 0.03) for side in ("long", "short"))
    found = simulate((calm, calm), shocks(), accounts=accounts, scenarios=100_000, seed=1)
    assert found.reached == pytest.approx([0.025, 0.025], abs=0.002)
    assert found.standard_errors == pytest.approx([0.000494, 0.000494], rel=0.05)


def test_correlated_assets_fall_together() -> None:
    # Both lose 10 % of a half each: likelier the more they move as one.
    both = (Basket((50.0, 50.0), 10.0),)
    calm = (asset(slope=0.0), asset(slope=0.0))
    apart, together, opposed = (
        simulate(calm, shocks(value), accounts=both, scenarios=20_000, seed=1).reached[0]
        for value in (0.0, 1.0, -1.0)
    )
    assert opposed < apart < together


def test_a_perfectly_correlated_pair_is_one_asset() -> None:
    found = run(correlation=1.0)
    assert found.hits[0] == found.hits[1]
    assert (found.counts[0] == found.counts[1]).all()


def test_a_basket_of_one_asset_is_its_threshold() -> None:
    pair = (Threshold(0, "long", 0.10), Basket((1.0, 0.0), -math.expm1(-0.10)))
    pair += (Threshold(0, "short", 0.10), Basket((-1.0, 0.0), math.expm1(0.10)))
    found = simulate((asset(), asset()), shocks(), accounts=pair, scenarios=20_000, seed=1)
    assert found.hits[0] == pytest.approx(found.hits[1], abs=1)
    assert found.hits[2] == pytest.approx(found.hits[3], abs=1)
    assert found.hits[0] > 0


@pytest.mark.parametrize("side", ["long", "short"])
def test_the_cascade_reaches_more_accounts_than_the_shock(side: str) -> None:
    account = (Threshold(0, side, 0.1),)  # type: ignore[arg-type]
    reached = [
        simulate((asset(slope=slope),) * 2, shocks(), accounts=account, scenarios=20_000, seed=1).reached[0]
        for slope in (0.0, 0.3, 0.6, 0.9)
    ]
    assert reached == sorted(reached)
    assert reached[-1] > 2 * reached[0]


def test_an_account_farther_away_is_reached_less_often() -> None:
    accounts = tuple(Threshold(0, "long", distance) for distance in (0.02, 0.05, 0.1, 0.2))
    hits = simulate((asset(),) * 2, shocks(), accounts=accounts, scenarios=20_000, seed=1).hits.tolist()
    assert hits == sorted(hits, reverse=True)


def test_quantiles_are_those_of_the_ends_to_one_step() -> None:
    model = asset()
    found = simulate((model,) * 2, shocks(), scenarios=20_000, seed=5)
    returns = np.concatenate(list(shocks().draws(20_000, 5, 7000)), axis=1)
    ends = np.sort(model.falls.reach(np.maximum(-returns[0], 0.0)))
    for share in (0.3, 0.5, 0.9, 0.99, 0.999):
        exact = ends[math.ceil(share * 20_000) - 1]
        assert exact - 1e-9 <= found.quantile(0, "long", share) <= exact + GRID.step + 1e-9
    assert found.quantile(0, "long", 1.0) == math.inf or ends[-1] < math.inf


def test_a_cascade_without_an_end_reaches_everybody_and_is_counted() -> None:
    falls, rises = (
        CascadeCurve.of(cluster_ladder(0.02, 1.0, side=side), flat_book(0.001)) for side in ("long", "short")
    )
    account = (Threshold(0, "long", 10.0), Basket((1.0, 0.0), 1.0), Basket((-1.0, 0.0), 1e6))
    pair = (AssetModel("X", falls, rises), asset())
    found = simulate(pair, shocks(), accounts=account, scenarios=4000, seed=1)
    assert found.without_end(0, "long") == found.reached[0] == found.reached[1] > 0.1
    assert found.without_end(0, "short") == found.reached[2] > 0.1
    assert found.quantile(0, "long", 0.99) == math.inf


def test_never_reached_in_the_draws_is_not_never() -> None:
    found = simulate((asset(),) * 2, shocks(), accounts=(Threshold(0, "long", 50.0),), scenarios=1000, seed=1)
    assert found.reached[0] == found.standard_errors[0] == 0.0
    assert 0.001 < found.at_most[0] < 0.004


def test_an_uncertain_strain_fattens_the_tail() -> None:
    sure, unsure = (
        simulate((asset(error=error),) * 2, shocks(), scenarios=20_000, seed=1).quantile(0, "long", 0.99)
        for error in (0.0, 0.7)
    )
    assert unsure > sure


@pytest.mark.parametrize(
    "matrix",
    [
        [[1.0]],
        [[1.0, math.nan], [math.nan, 1.0]],
        [[1.0, 0.5], [0.2, 1.0]],
        [[2.0, 0.5], [0.5, 2.0]],
        [[1.0, 1.5], [1.5, 1.0]],
    ],
)
def test_refuses_a_correlation_that_is_none(matrix: list[list[float]]) -> None:
    with pytest.raises(MarketDataError, match="correlation"):
        ShockModel(np.array([0.1, 0.1]), np.array(matrix), 4.0)


def test_refuses_scales_and_tails_that_are_none() -> None:
    for scales, freedom in (([math.nan], 4.0), ([-0.1], 4.0), ([0.1], 0.0), ([0.1], math.nan)):
        with pytest.raises(MarketDataError):
            ShockModel(np.array(scales), np.eye(1), freedom)


@pytest.mark.parametrize(
    "account", [Threshold(2, "long", 0.1), Threshold(-1, "long", 0.1), Basket((1.0,), 1.0)]
)
def test_refuses_an_account_of_no_asset(account: Threshold | Basket) -> None:
    with pytest.raises(MarketDataError):
        simulate((asset(),) * 2, shocks(), accounts=(account,), scenarios=10, seed=1)


def test_refuses_numbers_that_are_none() -> None:
    for bad in (math.nan, math.inf):
        with pytest.raises(MarketDataError, match="distance"):
            Threshold(0, "long", bad)
        with pytest.raises(MarketDataError):
            Basket((bad,), 1.0)
    for scenarios, chunk in ((0, 10), (10, 0)):
        with pytest.raises(MarketDataError, match="scenarios"):
            simulate((asset(),) * 2, shocks(), scenarios=scenarios, seed=1, chunk=chunk)
    with pytest.raises(MarketDataError, match="assets"):
        simulate((asset(),), shocks(), scenarios=10, seed=1)


def test_refuses_ladders_on_the_wrong_side_or_on_different_grids() -> None:
    model = asset()
    with pytest.raises(MarketDataError, match="longs for falls"):
        AssetModel("X", model.rises, model.falls)
    coarse = CascadeCurve.of(linear_ladder(0.5, Grid(0.01, 50)), flat_book(1.0))
    with pytest.raises(MarketDataError, match="one grid"):
        simulate((AssetModel("X", coarse, model.rises), model), shocks(), scenarios=10, seed=1)
