"""Coin selection: the least waste wins, the same state chooses the same, ten thousand coins cost no more."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.built_wallets import STRANGER, Funded, sats
from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet import weights
from vault.bitcoin.wallet.coins import Coin
from vault.bitcoin.wallet.compose import Order, draft
from vault.bitcoin.wallet.selection import ALGORITHMS, LONG_TERM_RATE, POOL, choose, pool, waste
from vault.errors import PsbtError


@pytest.fixture(scope="module")
def descriptor(bitcoin_keys: ModuleType) -> Descriptor:
    return bitcoin_keys.account_of(b"selection", "p2wpkh").descriptor


def coin(number: int, value: int, height: int = 1) -> Coin:
    point = OutPoint(hashlib.sha256(f"coin {number}".encode()).hexdigest(), 0)
    return Coin(point, sats(value), b"", False, number, height, 9, False, None, False, True)


def order_of(descriptor: Descriptor, amount: int, rate: Decimal = Decimal(20)) -> Order:
    return Order(descriptor, ((STRANGER, sats(amount)),), rate, 0)


def test_waste_with_change_is_timing_plus_what_change_costs_now_and_later(descriptor: Descriptor) -> None:
    settled = draft(order_of(descriptor, 100_000), [coin(1, 150_000), coin(2, 90_000)])
    assert settled.has_change
    # Two inputs of 68 vB at 20 instead of 10; an output of 31 vB at 20; its input of 68 vB at 10.
    assert waste(order_of(descriptor, 100_000), settled) == 2 * 68 * 10 + 31 * 20 + 68 * 10


def test_waste_without_change_is_timing_plus_what_is_overpaid(descriptor: Descriptor) -> None:
    needed = 110 * 5
    order = order_of(descriptor, 100_000, Decimal(5))
    settled = draft(order, [coin(1, 100_000 + needed + 123)])
    assert not settled.has_change
    assert waste(order, settled) == 68 * (5 - 10) + 123


def test_at_the_long_term_rate_the_number_of_inputs_does_not_matter(descriptor: Descriptor) -> None:
    order = order_of(descriptor, 100_000, LONG_TERM_RATE)
    one, two = draft(order, [coin(1, 900_000)]), draft(order, [coin(1, 900_000), coin(2, 900_000)])
    assert waste(order, one) == waste(order, two)


def exact(rate: Decimal, amount: int) -> int:
    """A coin that pays the amount without change."""
    return amount + weights.fee_of(110, rate)


def test_an_exact_match_wastes_least_and_is_found(bitcoin_keys: ModuleType, tmp_path: Path) -> None:
    rate = Decimal(20)
    amounts = (700_000, 500_000, exact(rate, 300_000), 900_000)
    funded = Funded(bitcoin_keys.account_of(b"match", "p2wpkh"), tmp_path, *amounts)
    built = funded.wallet.build_spend(((STRANGER, sats(300_000)),), rate)
    assert (built.algorithm, built.inputs, built.change_index) == (
        "branch_and_bound",
        (funded.point(2),),
        None,
    )
    assert dict(built.considered)[built.algorithm] == built.waste == min(dict(built.considered).values())
    assert set(dict(built.considered)) == set(ALGORITHMS)


def test_an_algorithm_asked_for_is_the_one_that_is_used(bitcoin_keys: ModuleType, tmp_path: Path) -> None:
    funded = Funded(bitcoin_keys.account_of(b"asked", "p2wpkh"), tmp_path, 200_000, 900_000, 400_000)
    payments, rate = ((STRANGER, sats(150_000)),), Decimal(20)
    oldest = funded.wallet.build_spend(payments, rate, algorithm="oldest_first")
    largest = funded.wallet.build_spend(payments, rate, algorithm="largest_first")
    assert (oldest.inputs, largest.inputs) == ((funded.point(0),), (funded.point(1),))
    assert oldest.considered == (("oldest_first", oldest.waste),)
    with pytest.raises(PsbtError) as refused:
        funded.wallet.build_spend(payments, rate, algorithm="branch_and_bound")
    assert refused.value.code == "psbt.no_selection"


def test_high_fees_take_few_coins_and_low_fees_take_many(bitcoin_keys: ModuleType, tmp_path: Path) -> None:
    funded = Funded(bitcoin_keys.account_of(b"timing", "p2wpkh"), tmp_path, *[60_000] * 12, 900_000)
    payments = ((STRANGER, sats(500_000)),)
    assert len(funded.wallet.build_spend(payments, Decimal(60)).inputs) == 1
    assert len(funded.wallet.build_spend(payments, Decimal(2)).inputs) > 5


@settings(max_examples=25, deadline=None)
@given(
    values=st.lists(st.integers(1_000, 3_000_000), min_size=1, max_size=25),
    share=st.integers(1, 110),
    rate=st.sampled_from([Decimal(1), Decimal("3.7"), Decimal(25), Decimal(300)]),
)
def test_a_choice_covers_the_order_wastes_least_and_is_repeatable(
    descriptor: Descriptor, values: list[int], share: int, rate: Decimal
) -> None:
    coins = [coin(number, value) for number, value in enumerate(values)]
    order = order_of(descriptor, max(1_000, sum(values) * share // 100), rate)

    def chosen() -> Any:
        try:
            return choose(order, coins, Naive)
        except PsbtError as error:
            return error.code

    choice = chosen()
    if isinstance(choice, str):
        assert choice == "psbt.insufficient_funds"
        best = sum(max(0, value - float(rate) * 68) for value in values)
        assert best < order.paid + float(rate) * 43
        return
    paid = sum(each.amount.units for each in choice.draft.coins)
    assert paid == sum(each.value for each in choice.draft.unsigned.outputs) + choice.draft.fee
    assert choice.draft.fee >= weights.fee_of(choice.draft.vsize, rate)
    assert choice.waste == min(value for _, value in choice.considered)
    assert chosen() == choice


class Naive:
    """Stands in for bdk: largest first, by amounts alone."""

    def __init__(self, known: tuple[Coin, ...]) -> None:
        self.known = known

    def choose(self, order: Order, algorithm: str, required: Any = ()) -> tuple[OutPoint, ...] | None:
        taken: list[Coin] = list(required)
        for each in sorted(self.known, key=lambda c: -c.amount.units) if not taken else ():
            taken.append(each)
            room = weights.fee_of(43 + 68 * len(taken), order.fee_rate)
            if sum(c.amount.units for c in taken) >= order.paid + room:
                break
        return tuple(c.outpoint for c in taken)


def test_the_pool_is_bounded_holds_the_largest_and_the_oldest_and_suffices(descriptor: Descriptor) -> None:
    coins = [coin(number, 10_000 + number, 1 + number * 7919 % 10_000) for number in range(10_000)]
    order = order_of(descriptor, 500_000)
    competing = pool(order, coins, b"seed")
    assert POOL * 2 // 3 < len(competing) <= POOL
    assert set(sorted(coins, key=lambda c: -c.amount.units)[: POOL // 3]) <= set(competing)
    assert set(sorted(coins, key=lambda c: c.height or 0)[: POOL // 3]) <= set(competing)
    assert pool(order, coins, b"seed") == competing != pool(order, coins, b"other seed")
    much = order_of(descriptor, 6_000_000, Decimal(1))
    assert sum(c.amount.units for c in pool(much, coins, b"seed")) > 6_000_000


def test_of_ten_thousand_coins_bdk_sees_a_few_hundred(descriptor: Descriptor) -> None:
    seen: list[int] = []

    def open_naive(known: tuple[Coin, ...]) -> Any:
        seen.append(len(known))
        return Naive(known)

    coins = [coin(number, 20_000 + number) for number in range(10_000)]
    choose(order_of(descriptor, 500_000), coins, open_naive)
    assert len(seen) == 1
    assert seen[0] <= POOL
