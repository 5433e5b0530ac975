"""Payments, consolidations, bumps, cancellations and children on a whole emulated world, to closed books.

Devices sign, the chain's mempool applies BIP125, the exchange credits; no store is taken at its word.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from emulator.chains.chain import DEFAULT_FEE_ESTIMATES
from tests.faults.treasury import line, stage
from tests.faults.treasury.bench import Case
from vault.bitcoin.transaction import OutPoint
from vault.errors import ConfigError, DeniedError, PlanError, VaultError
from vault.money import BTC, Amount
from vault.store import records
from vault.treasury import approve, books, execute, history, reconcile
from vault.treasury.inspection import inspect_plan
from vault.treasury.plan import Plan
from vault.treasury.propose import Proposal
from vault.treasury.requests import build
from vault.treasury.requests.stuck import lingering, stuck
from vault.treasury.spending import verify_transfer

Make = Callable[..., Case]


def carry(case: Case, found: Proposal) -> Plan:
    """Approve, sign and send what was asked for."""
    assert found.plan is not None
    assert inspect_plan(case.desk, found.plan).first_error is None
    approve.approve(case.desk, found.plan, stage.TREASURER)
    approve.sign(case.desk, found.plan)
    execute.send(case.desk, found.plan)
    return found.plan


def finish(case: Case, *plans: Plan) -> list[str]:
    """Let blocks come and go on with what is credited; the plans' states in the end."""
    for _ in range(line.PATIENCE):
        case.scene.chain.mine(1)
        case.scene.exchange.tick()
        reconcile.reconcile(case.desk)
        for plan in plans:
            steps = line.intents(case.desk, plan)
            if line.plan_row(case.desk, plan).state == "sending" and line._credited(steps):
                execute.send(case.desk, plan, resume=True)
        if not any(line.plan_row(case.desk, plan).state == "sending" for plan in plans):
            break
    return [line.plan_row(case.desk, plan).state for plan in plans]


def balanced(case: Case) -> books.Books:
    found = books.close_books(case.desk)
    assert found.balanced, found
    return found


def spend_of(case: Case, plan: Plan) -> Any:
    return next(step for step in line.intents(case.desk, plan) if step.kind == "spend")


def test_a_bumped_top_up_is_credited_once_and_the_books_close(make: Make) -> None:
    case = make("top-up").ready()
    case.send()
    bumped = build.bump(case.desk, case.plan, 1, Decimal(40))
    assert bumped.plan is not None
    (transfer,) = bumped.plan.body.transfers
    original = case.plan.body.transfers[0]
    assert transfer.payments == original.payments
    assert transfer.fee > original.fee
    assert transfer.replaces == spend_of(case, case.plan).facts["txid"]
    carry(case, bumped)
    assert line.states(case.desk, case.plan)[0] == "displaced"
    assert finish(case, case.plan, bumped.plan) == ["replaced", "done"]
    assert line.states(case.desk, bumped.plan) == ("done", "done", "done")
    assert line.states(case.desk, case.plan) == ("replaced", "replaced", "replaced")
    found = balanced(case)
    assert found.fees == transfer.fee
    with case.desk.store.read() as connection:
        counted = history.outflows(connection, case.clock.now())
    assert sum(each.amount.units for each in counted) == transfer.gross.units
    assert sum(each.fee.units for each in counted) == transfer.fee.units


def test_a_cancel_without_a_rate_takes_one_that_nodes_take(make: Make) -> None:
    """The estimate is below what the original pays: then it is the least that replaces it, and says so."""
    case = make("top-up").ready()
    case.send()
    bumped = build.bump(case.desk, case.plan, 1, Decimal(40))
    assert bumped.plan is not None
    carry(case, bumped)
    found = build.cancel_onchain(case.desk, bumped.plan, 1)
    assert found.plan is not None
    assert any("BIP125" in line for line in found.plan.body.warnings)
    carry(case, found)
    assert line.states(case.desk, bumped.plan)[0] == "displaced"


def test_a_plan_whose_file_cannot_be_written_is_not_in_the_store_either(make: Make) -> None:
    case = make("top-up").ready()
    case.send()
    folder = case.desk.treasury.plans_path
    moved = folder.rename(folder.with_name("elsewhere"))
    folder.write_bytes(b"in the way")
    with pytest.raises(ConfigError) as caught:
        build.bump(case.desk, case.plan, 1, Decimal(40))
    assert caught.value.code == "config.not_writable"
    with case.desk.store.read() as connection:
        assert not records.all_plans(connection, frozenset({"proposed"}))
    folder.unlink()
    moved.rename(folder)
    assert build.bump(case.desk, case.plan, 1, Decimal(40)).plan is not None


def test_an_original_that_is_mined_first_wins_and_the_bump_is_refused(make: Make) -> None:
    case = make("top-up").ready()
    case.send()
    bumped = build.bump(case.desk, case.plan, 1, Decimal(40)).plan
    assert bumped is not None
    approve.approve(case.desk, bumped, stage.TREASURER)
    approve.sign(case.desk, bumped)
    case.scene.chain.mine(1)
    with pytest.raises(PlanError) as caught:
        execute.send(case.desk, bumped)
    assert caught.value.code == "plan.already_confirmed"
    assert finish(case, case.plan, bumped) == ["done", "replaced"]
    balanced(case)


def test_a_bump_that_nodes_would_refuse_is_refused_here_with_the_rate_that_would_do(make: Make) -> None:
    case = make("top-up").ready()
    case.send()
    txid = spend_of(case, case.plan).facts["txid"]
    with pytest.raises(VaultError) as caught:
        build.bump(case.desk, case.plan, 1, Decimal("1.5"))
    assert caught.value.code in {"plan.fee_too_low", "psbt.replacement_fee"}, caught.value.code
    assert case.desk.backend().transaction_status(txid).found


def test_a_cancelled_top_up_comes_back_and_nothing_is_credited(make: Make) -> None:
    case = make("top-up").ready()
    case.send()
    cancelled = build.cancel_onchain(case.desk, case.plan, 1, Decimal(40))
    assert cancelled.plan is not None
    (transfer,) = cancelled.plan.body.transfers
    assert (transfer.kind, transfer.payments) == ("bitcoin_upkeep", ())
    carry(case, cancelled)
    assert finish(case, case.plan, cancelled.plan) == ["replaced", "done"]
    found = case.truth()
    assert (found.deposited, found.cold) == (0, case.staged.cold_sat - transfer.fee.units)
    balanced(case)
    with case.desk.store.read() as connection:
        (counted,) = history.outflows(connection, case.clock.now())
    assert counted.amount == transfer.fee


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"coins": ("cd" * 32 + ":0",)}, "psbt.unplanned_input"),
        ({"returned": Amount(BTC, 1)}, "plan.returned_differs"),
        ({"fee": Amount(BTC, 1)}, "psbt.fee_differs"),
        ({"payments": ()}, "psbt.unplanned_output"),
    ],
)
def test_a_plan_that_says_something_else_than_its_transaction_is_refused(
    make: Make, changes: dict[str, Any], code: str
) -> None:
    case = make("top-up")
    transfer = replace(case.plan.body.transfers[0], **changes)
    with pytest.raises(VaultError) as caught:
        verify_transfer(case.desk, transfer)
    assert caught.value.code in {code, "psbt.extra_output"}


def test_a_batch_pays_cold_entries_in_one_transaction(make: Make) -> None:
    case = make("top-up")
    execute.cancel(case.desk, case.plan, "its coin is wanted")
    paid = [("cold-1", Amount(BTC, 100_000)), ("cold-1", Amount(BTC, 50_000))]
    plan = carry(case, build.pay(case.desk, "cold", paid))
    (transfer,) = plan.body.transfers
    assert transfer.amount == Amount(BTC, 150_000)
    assert finish(case, plan) == ["done"]
    assert balanced(case).fees == transfer.fee


def test_nobody_pays_a_deposit_address_by_hand(make: Make) -> None:
    case = make("top-up")
    execute.cancel(case.desk, case.plan, "its coin is wanted")
    with pytest.raises(DeniedError) as caught:
        build.pay(case.desk, "cold", [("trading-deposit", Amount(BTC, 200_000))])
    assert caught.value.code == "denied.not_allowed"
    assert "book:trading-deposit" in caught.value.message


def test_coins_of_a_wallet_become_one(make: Make) -> None:
    case = make("evacuation")
    case.desk.wallet("staging").sync()
    coins = [coin.outpoint for coin in case.desk.wallet("staging").coins()]
    assert len(coins) == 2
    plan = carry(case, build.consolidate(case.desk, "staging", coins, Decimal(2)))
    (transfer,) = plan.body.transfers
    assert transfer.returned == Amount(BTC, case.staged.staging_sat) - transfer.fee
    assert finish(case, plan) == ["done"]
    assert case.truth().staging == transfer.returned.units
    balanced(case)
    assert sum(not coin.spent_by for coin in case.desk.wallet("staging").coins()) == 1


def test_a_coin_that_waits_is_sped_up_by_its_child(make: Make) -> None:
    """Cold receives a slow evacuation: the child of what arrived pays for both."""
    case = make("evacuation").ready()
    case.send()
    txid = spend_of(case, case.plan).facts["txid"]
    plan = carry(case, build.speed_up(case.desk, "cold", OutPoint(txid, 0), Decimal(30)))
    (transfer,) = plan.body.transfers
    assert transfer.coins == (f"{txid}:0",)
    assert finish(case, case.plan, plan) == ["done", "done"]
    balanced(case)


def test_a_stuck_transaction_is_found_with_an_offer_and_nothing_is_done(make: Make) -> None:
    case = make("top-up").ready()
    case.send()
    assert stuck(case.desk) == ()
    raised = case.desk.policy().policy.fees.stuck_after_blocks
    case.scene.chain.set_fees({each: Decimal(50) for each in (1, 3, 6)})
    case.scene.chain.mine(raised, include_mempool=False)
    case.clock.advance(600)
    try:
        (found,) = stuck(case.desk)
    finally:
        case.scene.chain.set_fees(DEFAULT_FEE_ESTIMATES)
    assert found.blocks >= raised
    assert found.offered_rate >= 50
    assert found.more.units > 0
    assert found.within
    assert line.states(case.desk, case.plan)[0] == "accepted"
    case.scene.chain.mine(1)
    assert stuck(case.desk) == (), "it is confirmed, recorded or not"


def test_what_was_signed_and_given_up_is_named_until_its_coins_are_taken_back(make: Make) -> None:
    case = make("top-up").ready()
    execute.cancel(case.desk, case.plan, "second thoughts")
    (found,) = lingering(case.desk)
    assert found.plan_id == case.plan.plan_id
    plan = carry(case, build.cancel_onchain(case.desk, case.plan, 1, Decimal(20)))
    assert lingering(case.desk) == ()
    assert finish(case, plan) == ["done"]
    balanced(case)
