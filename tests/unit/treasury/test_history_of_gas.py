"""Gas in the history: at its most while it may still cost that, then at what it cost; once for a nonce."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import ethereum_policy as world
from tests.support.asset_ledger import Ledger, transfer
from vault.model import Outflow
from vault.money import ETH, USDC, Amount
from vault.treasury import history
from vault.treasury.plan import Transfer

MOST = 100_000 * 10**10
HASH, OTHER = "0x" + "aa" * 32, "0x" + "bb" * 32
PAID = Amount(USDC, 50_000_000)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path)
    yield made
    made.close()


def outflows(ledger: Ledger) -> tuple[Outflow, ...]:
    with ledger.store.read() as connection:
        return history.outflows(connection, ledger.clock.now())


def gas(ledger: Ledger) -> int:
    return sum(each.gas.units for each in outflows(ledger))


def bump(original: Transfer, max_fee: int) -> Transfer:
    assert original.call is not None
    return replace(original, action="bump", replaces=HASH, call=replace(original.call, max_fee=max_fee))


@pytest.mark.parametrize("state", ["planned", "submitting", "unknown", "accepted", "sent"])
def test_what_is_not_final_counts_with_the_most_it_can_cost(ledger: Ledger, state: str) -> None:
    step = ledger.begin(transfer("safe", PAID, 7))
    if state != "planned":
        ledger.move(step, state)
    (found,) = outflows(ledger)
    assert (found.gas, found.chain_id, found.amount) == (Amount(ETH, MOST), 1, PAID)


def test_what_is_final_counts_with_what_it_cost(ledger: Ledger) -> None:
    ledger.move(ledger.begin(transfer("safe", PAID, 7)), "done", gas_paid="123")
    (found,) = outflows(ledger)
    assert (found.gas, found.amount) == (Amount(ETH, 123), PAID)


def test_a_reverted_transaction_counts_with_its_gas_alone(ledger: Ledger) -> None:
    ledger.move(ledger.begin(transfer("safe", PAID, 7), state="failed"), "refused", gas_paid="123")
    (found,) = outflows(ledger)
    assert (found.gas, found.amount, found.chain_id) == (Amount(ETH, 123), Amount.zero(USDC), 1)


def test_a_refusal_without_a_receipt_cost_nothing(ledger: Ledger) -> None:
    ledger.move(ledger.begin(transfer("safe", PAID, 7), state="failed"), "refused")
    assert outflows(ledger) == ()


def test_an_original_and_its_replacement_count_once_and_the_dearer_gas(ledger: Ledger) -> None:
    original = transfer("safe", PAID, 7)
    first = ledger.move(ledger.begin(original), "accepted", txid=HASH)
    second = ledger.move(ledger.begin(bump(original, 2 * 10**10)), "accepted", txid=OTHER)
    assert gas(ledger) == 2 * MOST
    assert sum(each.amount.units for each in outflows(ledger)) == PAID.units
    ledger.move(first, "replaced", replaced_by=OTHER)
    ledger.move(second, "done", gas_paid="77")
    assert gas(ledger) == 77
    assert sum(each.amount.units for each in outflows(ledger)) == PAID.units


def test_an_original_that_won_counts_alone(ledger: Ledger) -> None:
    original = transfer("safe", PAID, 7)
    first = ledger.move(ledger.begin(original), "accepted", txid=HASH)
    second = ledger.move(ledger.begin(bump(original, 2 * 10**10)), "accepted", txid=OTHER)
    ledger.move(first, "done", gas_paid="55")
    ledger.move(second, "replaced", replaced_by=HASH)
    assert gas(ledger) == 55
    assert sum(each.amount.units for each in outflows(ledger)) == PAID.units


def test_a_replacement_that_was_reverted_did_not_pay(ledger: Ledger) -> None:
    original = transfer("safe", PAID, 7)
    first = ledger.move(ledger.begin(original), "accepted", txid=HASH)
    second = ledger.move(ledger.begin(bump(original, 2 * 10**10), state="failed"), "accepted", txid=OTHER)
    ledger.move(first, "replaced", replaced_by=OTHER)
    ledger.move(second, "refused", gas_paid="31")
    assert gas(ledger) == 31
    assert sum(each.amount.units for each in outflows(ledger)) == 0


def test_a_cancellation_that_won_took_the_payment_back_and_cost_gas(ledger: Ledger) -> None:
    original = transfer("safe", PAID, 7)
    first = ledger.move(ledger.begin(original), "accepted", txid=HASH)
    cancel = replace(transfer("safe", None, 7), replaces=HASH)
    second = ledger.move(ledger.begin(cancel), "accepted", txid=OTHER)
    ledger.move(first, "replaced", replaced_by=OTHER)
    ledger.move(second, "done", gas_paid="21")
    assert gas(ledger) == 21
    assert sum(each.amount.units for each in outflows(ledger)) == 0


def test_who_pays_the_gas_is_under_way_with_what_it_pays_for(ledger: Ledger) -> None:
    ledger.move(ledger.begin(transfer("safe", PAID, 7)), "accepted")
    with ledger.store.read() as connection:
        assert history.in_flight(connection, ledger.clock.now()) == {"safe", "gas"}


def test_the_window_of_gas_is_never_forgotten_before_it_is_over(ledger: Ledger) -> None:
    long = world.GAS.replace("window_hours = 24", "window_hours = 700")
    document, _ = world.policy(gas=long)
    at = ledger.clock.now()
    assert history.window_start(document, at) <= at - timedelta(hours=700)


@given(old=st.integers(1, 10**12), new=st.integers(1, 10**12))
def test_a_share_of_gas_is_what_is_dearer_and_never_below_zero(old: int, new: int) -> None:
    first = transfer("safe", PAID, 7)
    assert first.call is not None
    made = bump(first, new)
    original = replace(first, call=replace(first.call, max_fee=old))
    share = history.Share("bump", Amount.zero(USDC), Amount.zero(USDC), Amount.zero(USDC))
    cost = history.gas_cost(made, share)
    assert cost is not None
    assert cost.max_cost == Amount(ETH, new * 100_000)
    assert cost.max_fee == new
    assert original.ethereum.max_gas_cost == old * 100_000
