"""A withdrawal that a venue does not list is called absent only once Ethereum has nothing that may be it."""

from __future__ import annotations

import pytest

from tests.support.ethereum_venues import (
    ASSETS,
    DEPTH,
    Payer,
    TokenBench,
    TokenDesk,
)
from vault.clock import to_iso
from vault.errors import BooksError
from vault.store import records
from vault.treasury import absence
from vault.treasury.plan import Plan


def attempt(desk: TokenDesk, plan: Plan) -> None:
    """Journaled as about to leave; then nothing is known of it."""
    transfer, step = plan.transfer(1), desk.step(plan)
    facts = absence.facts_of_attempt(desk.desk, transfer, step)
    with desk.desk.store.write() as writer:
        now = to_iso(desk.desk.clock.now())
        moved = records.move_intent(
            writer, step, "submitting", submitted_at=now, not_after=now, first_submitted_at=now, **facts
        )
        records.move_intent(writer, moved, "unknown")


@pytest.mark.parametrize(("exchange", "asset"), [("kraken", "USDC"), ("bybit", "USDT"), ("deribit", "ETH")])
def test_absence_is_proven_by_the_chain_once_it_had_the_time(
    desk: TokenDesk, bench: TokenBench, payer: Payer, exchange: str, asset: str
) -> None:
    cold = bench.cold()
    plan = desk.plan(exchange, (asset, "20", cold))
    attempt(desk, plan)
    transfer = plan.transfer(1)
    payer.pay(asset, cold, 1)  # dust says nothing of it
    assert not absence.proven_on_chain(desk.desk, transfer, desk.step(plan))
    bench.chain.mine(DEPTH)
    assert absence.proven_on_chain(desk.desk, transfer, desk.step(plan))


@pytest.mark.parametrize("asset", ASSETS)
@pytest.mark.parametrize("paid", ["net", "gross"])
def test_what_may_be_it_is_never_called_absent(
    desk: TokenDesk, bench: TokenBench, payer: Payer, asset: str, paid: str
) -> None:
    cold = bench.cold()
    plan = desk.plan("kraken", (asset, "20", cold))
    attempt(desk, plan)
    transfer = plan.transfer(1)
    units = (transfer.amount if paid == "net" else transfer.gross).units
    payer.pay(asset, cold, units)
    bench.chain.mine(DEPTH)
    with pytest.raises(BooksError) as caught:
        absence.proven_on_chain(desk.desk, transfer, desk.step(plan))
    assert caught.value.code == ("books.payment_untold" if asset == "ETH" else "books.payment_found")


@pytest.mark.parametrize("asset", ASSETS)
def test_a_payment_that_another_step_has_is_not_this_one(
    desk: TokenDesk, bench: TokenBench, asset: str
) -> None:
    cold = bench.cold()
    first, second = (desk.plan("kraken", (asset, "20", cold)) for _ in range(2))
    attempt(desk, second)
    desk.paid(first, "kraken")
    bench.chain.mine(DEPTH)
    if asset == "ETH":  # an open one may be what came
        with pytest.raises(BooksError) as caught:
            absence.proven_on_chain(desk.desk, second.transfer(1), desk.step(second))
        assert caught.value.code == "books.payment_untold"
    assert desk.settle(first).state == "done"
    assert absence.proven_on_chain(desk.desk, second.transfer(1), desk.step(second))
