"""The rolling budget of fees: what counts, what does not fit, and that requests are denied by it in time."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault.model import Outflow
from vault.money import BTC, Amount
from vault.policy.budget import NAME, check_fee_budget


def btc(units: int) -> Amount:
    return Amount(BTC, units)


def spent(world: ModuleType, fee: int, moved: int, hours: float, state: str = "done") -> Outflow:
    at = world.AT - timedelta(hours=hours)
    return Outflow(at, "sweep", "main", "cold-1", btc(fee + moved), state, btc(fee), btc(moved))


def judge(world: ModuleType, fee: int, moved: int, *past: Outflow) -> Any:
    policy, _ = world.policy()  # 0.01 BTC and one percent in 24 hours
    return check_fee_budget(policy, btc(fee), btc(moved), past, world.AT)


@pytest.mark.parametrize(
    ("fee", "before", "within"),
    [(1_000_000, 0, True), (1_000_001, 0, False), (600_000, 400_000, True), (600_001, 400_000, False)],
)
def test_the_window_has_one_absolute_sum(world: ModuleType, fee: int, before: int, within: bool) -> None:
    found = judge(world, fee, 10**12, spent(world, before, 10**9, 23))
    assert (found.name, found.within) == (NAME, within)


@pytest.mark.parametrize(
    ("fee", "moved", "within"), [(1_000, 100_000, True), (1_001, 100_000, False), (1, 0, False)]
)
def test_and_one_share_of_what_was_moved(world: ModuleType, fee: int, moved: int, within: bool) -> None:
    assert judge(world, fee, moved).within is within


def test_what_is_older_than_the_window_is_over(world: ModuleType) -> None:
    assert judge(world, 1_000_000, 10**12, spent(world, 900_000, 0, 24.1)).within
    assert not judge(world, 1_000_000, 10**12, spent(world, 900_000, 0, 23.9)).within


@pytest.mark.parametrize("state", ["pending", "unknown", "sent", "done"])
def test_whatever_may_have_happened_counts(world: ModuleType, state: str) -> None:
    assert not judge(world, 200_000, 10**12, spent(world, 900_000, 0, 1, state)).within


def test_a_bump_moves_nothing_and_lives_on_what_was_moved_before(world: ModuleType) -> None:
    before = spent(world, 500, 100_000, 1)
    assert judge(world, 500, 0, before).within
    assert not judge(world, 501, 0, before).within


@given(st.lists(st.integers(1, 600_000), max_size=6), st.integers(1, 1_200_000))
def test_no_order_and_no_splitting_passes_what_the_sum_would_not(
    world: ModuleType, fees: list[int], last: int
) -> None:
    past = tuple(spent(world, fee, 10**10, hour) for hour, fee in enumerate(fees, start=1))
    whole = sum(fees) + last
    found = judge(world, last, 10**10, *past)
    share = Decimal("0.01") * 10**10 * (len(fees) + 1)
    assert found.within is (whole <= 1_000_000 and whole <= share)
