"""Consolidations are planned where they pay off, in exact satoshi, and built as planned."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.built_wallets import Funded, sats
from tests.support.paper_chain import paying, reward
from vault.bitcoin.scripts import KINDS, Kind
from vault.bitcoin.wallet.consolidate import MAX_INPUTS, plan_consolidation
from vault.errors import PsbtError

LOW, HIGH = Decimal(1), (Decimal(20), Decimal(50))
AMOUNTS = (70_000, 30_000, 50_000, 20_000, 60_000)


@pytest.fixture
def funded(bitcoin_keys: ModuleType, tmp_path: Path) -> Funded:
    return Funded(bitcoin_keys.account_of(b"joined", "p2wpkh"), tmp_path, *AMOUNTS)


def test_says_what_it_costs_now_and_saves_later(funded: Funded) -> None:
    (plan,) = plan_consolidation(funded.wallet.coins(), funded.descriptor, LOW, HIGH)
    assert plan.vsize == 5 * 68 + 31 + 11
    assert plan.cost == sats(plan.vsize)
    assert plan.amount == sats(sum(AMOUNTS))
    assert [(each.apart, each.joined, each.net) for each in plan.savings] == [
        (sats(5 * 68 * rate), sats(68 * rate), sats(4 * 68 * rate - plan.vsize)) for rate in (20, 50)
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_planned_is_what_is_built(bitcoin_keys: ModuleType, tmp_path: Path, kind: Kind) -> None:
    funded = Funded(bitcoin_keys.account_of(b"joined", kind), tmp_path, *AMOUNTS)
    (plan,) = plan_consolidation(funded.wallet.coins(), funded.descriptor, LOW, HIGH)
    built = funded.wallet.build_consolidation(plan.coins, plan.fee_rate)
    funded.signed(built)
    assert (built.fee, built.vsize, set(built.inputs)) == (plan.cost, plan.vsize, set(plan.coins))


def test_the_smallest_coins_are_joined_first_in_transactions_of_bounded_size(funded: Funded) -> None:
    first, second = plan_consolidation(funded.wallet.coins(), funded.descriptor, LOW, HIGH, max_inputs=2)
    amounts = {coin.outpoint: coin.amount.units for coin in funded.wallet.coins()}
    assert [[amounts[point] for point in plan.coins] for plan in (first, second)] == [
        [20_000, 30_000],
        [50_000, 60_000],
    ]


def test_nothing_is_planned_when_fees_are_high_now(funded: Funded) -> None:
    coins = funded.wallet.coins()
    assert plan_consolidation(coins, funded.descriptor, Decimal(20), (Decimal(20),)) == ()
    assert plan_consolidation(coins, funded.descriptor, Decimal(20), (Decimal(10),)) == ()


def test_dust_waiting_young_and_spent_coins_are_left_out(funded: Funded) -> None:
    gone = funded.point(0)
    funded.chain.add(paying(80, (funded.script(7), 45_000)))
    funded.chain.mine(
        paying(81, (funded.script(8), 68)),
        reward(9, funded.script(9), 50_000_000),
        paying(82, (b"\x51", 9), spends=[gone]),
        everything=False,
    )
    funded.wallet.sync()
    (plan,) = plan_consolidation(funded.wallet.coins(), funded.descriptor, LOW, HIGH)
    assert set(plan.coins) == {funded.point(number) for number in (1, 2, 3, 4)}


@pytest.mark.parametrize("kind", KINDS)
def test_no_limit_makes_a_transaction_that_nodes_do_not_relay(
    bitcoin_keys: ModuleType, tmp_path: Path, kind: Kind
) -> None:
    funded = Funded(bitcoin_keys.account_of(b"wide", kind), tmp_path)
    funded.chain.mine(*(paying(n, *[(funded.script(0), 900_000)] * 500) for n in range(4)))
    funded.wallet.sync()
    usual = plan_consolidation(funded.wallet.coins(), funded.descriptor, LOW, HIGH)
    assert {len(plan.coins) for plan in usual} == {MAX_INPUTS}
    widest = plan_consolidation(funded.wallet.coins(), funded.descriptor, LOW, HIGH, max_inputs=10_000)
    assert 95_000 < widest[0].vsize <= 100_000


@pytest.mark.parametrize(
    ("rate", "references", "inputs", "code"),
    [
        (Decimal(0), HIGH, 100, "psbt.fee_rate"),
        (LOW, (), 100, "psbt.fee_rate"),
        (LOW, (Decimal(-1),), 100, "psbt.fee_rate"),
        (LOW, HIGH, 1, "psbt.too_few_inputs"),
    ],
)
def test_refuses_rates_and_limits_that_are_none(
    funded: Funded, rate: Decimal, references: tuple[Decimal, ...], inputs: int, code: str
) -> None:
    with pytest.raises(PsbtError) as refused:
        plan_consolidation(funded.wallet.coins(), funded.descriptor, rate, references, max_inputs=inputs)
    assert refused.value.code == code
