"""How often a cascade reaches an account: the Monte Carlo of its distance, on both sides, never "never"."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.cascade_markets import linear_ladder
from tests.support.margin_books import account, eve_of_the_fall, worked_example
from vault.model import Bracket, Collateral, CollateralTier, MarginAccount, Position
from vault.risk.cascade.depth import Depth
from vault.risk.cascade.fixed_point import CascadeCurve
from vault.risk.cascade.ladder import Side
from vault.risk.cascade.monte_carlo import AssetModel, ShockModel, Threshold, simulate
from vault.risk.exposure.distance import log_distance, side_distances
from vault.risk.exposure.reach import Reach, reach

D = Decimal
BOOK = Depth(1.0, 0.05, 0.5, 1.0)
FALLS, RISES = (CascadeCurve.of(linear_ladder(0.5, side=side), BOOK) for side in ("long", "short"))
ASSETS = (AssetModel("BTC", FALLS, RISES),)
SHOCKS = ShockModel(np.array([0.05]), np.array([[1.0]]), 4.0)
SCENARIOS = 4000


def asked(*accounts: MarginAccount) -> tuple[Reach, ...]:
    return reach(accounts, ASSETS, SHOCKS, scenarios=SCENARIOS, seed=7)


def long_with(cash: int, side: Side = "long") -> MarginAccount:
    position = dataclasses.replace(
        eve_of_the_fall("0", "89240", "89200").positions[0], side=side, entry_price=D(89_240)
    )
    made = account((position,), (Collateral("USDT", D(cash), D(1), D(1), None),))
    return dataclasses.replace(made, name=f"{side}-{cash}")


def test_a_long_is_reached_as_often_as_falls_end_beyond_its_distance() -> None:
    book = long_with(700_000)
    fall, rise = side_distances(book)
    assert fall is not None
    assert rise is None
    direct = simulate(
        ASSETS, SHOCKS, accounts=(Threshold(0, "long", log_distance(fall)),), scenarios=SCENARIOS, seed=7
    )
    (found,) = asked(book)
    assert found.probability is not None
    assert float(found.probability) == pytest.approx(float(direct.reached[0]), abs=1e-6)
    assert 0 < found.probability < 1
    assert (found.fall, found.rise) == (fall, rise)


def test_a_short_is_reached_by_rises_and_two_sides_add_up() -> None:
    long, short = asked(long_with(700_000), long_with(700_000, "short"))
    assert long.rise is None
    assert short.fall is None
    assert short.probability is not None
    assert short.probability > 0


def test_an_account_under_water_is_reached_already() -> None:
    poor = dataclasses.replace(worked_example(), collateral=long_with(1).collateral)
    assert asked(poor)[0].probability == 1


def test_no_position_is_reached_by_no_move_and_unusable_numbers_say_nothing() -> None:
    flat = account((), long_with(1).collateral)
    broken = dataclasses.replace(worked_example(), collateral=())
    found = asked(flat, broken)
    assert (found[0].probability, found[0].reason) == (D(0), "no move of the market liquidates it")
    assert (found[1].probability, found[1].at_most) == (None, None)


def test_none_reached_is_not_never() -> None:
    calm = ShockModel(np.array([1e-6]), np.array([[1.0]]), 4.0)
    (found,) = reach((long_with(2_000_000),), ASSETS, calm, scenarios=100, seed=1)
    assert found.probability == 0
    assert found.at_most is not None
    assert found.at_most > D("0.01")


@settings(max_examples=10, deadline=None)
@given(st.integers(300_000, 2_000_000), st.integers(0, 1_000_000))
def test_more_margin_is_never_reached_more_often(cash: int, more: int) -> None:
    less, richer = asked(long_with(cash), long_with(cash + more))
    assert less.probability is not None
    assert richer.probability is not None
    assert richer.probability <= less.probability


def test_an_account_that_loses_either_way_is_reached_from_both_sides() -> None:
    """A hedge whose coins count at 90 % and whose dollars of profit do not count: both directions cost."""
    flat = (Bracket(D(0), None, D("0.001"), D(0)),)
    short = Position("BTCUSDT", "BTC", "short", D(1), D(100), D(100), False, flat, None, None, settle="USDT")
    held = (
        Collateral("BTC", D(1), D(100), D("0.9"), None),
        Collateral(
            "USDT", D(5), D(1), D(1), None, tiers=(CollateralTier(D(0), D(5), D(1)),), debt_ratio=D(1)
        ),
        Collateral("USDC", D(-93), D(1), D(1), None, debt_ratio=D(1)),
    )
    book = account((short,), held)
    fall, rise = side_distances(book)
    assert fall is not None
    assert rise is not None
    both = (Threshold(0, "long", log_distance(fall)), Threshold(0, "short", log_distance(rise)))
    direct = simulate(ASSETS, SHOCKS, accounts=both, scenarios=SCENARIOS, seed=7)
    (found,) = asked(book)
    assert found.probability is not None
    assert min(direct.reached) > 0
    assert float(found.probability) == pytest.approx(float(direct.reached.sum()), abs=1e-6)
