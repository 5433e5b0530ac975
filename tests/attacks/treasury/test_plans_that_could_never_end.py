"""No plan is left where coins are neither here nor there and no command can go on with it."""

from __future__ import annotations

from typing import Any

import pytest

from vault.errors import DeniedError, OutcomeUnknownError, PlanError, VaultError, VenueError
from vault.store import records
from vault.treasury import execute, history, preconditions, reconcile
from vault.treasury.venue_requests import internal_transfer
from vault.venues.binance.dialect import DIALECT
from vault.venues.line.outcome import Refusal, refused

TXID = "ab" * 32
LATER = "2026-01-31T05:00:05.000Z"

pytestmark = pytest.mark.usefixtures("permitted")


def refusal(code: str) -> VenueError:
    return refused(Refusal(code, ""), "withdraw", DIALECT)


def credited(bench: Any, plan: Any, number: int) -> None:
    """The top-up was confirmed and credited: only the move to margin is left."""
    bench.walk(plan, number, "spend", "signing")
    bench.walk(plan, number, "spend", "signed", txid=TXID, raw="00")
    bench.walk(plan, number, "spend", "submitting", not_after=LATER)
    bench.walk(plan, number, "spend", "done", reference=TXID)
    bench.walk(plan, number, "credit", "done", reference=TXID)


def sending(bench: Any, plan: Any) -> None:
    with bench.desk.store.write() as writer:
        records.set_plan_state(writer, plan.plan_id, frozenset({"approved"}), "sending", "send")


@pytest.mark.parametrize("code", ["-1003", "-1021", "-2015"])
def test_too_many_requests_or_a_wrong_clock_do_not_strand_coins_in_the_spot_wallet(
    bench: Any, code: str
) -> None:
    plan = bench.plan()
    bench.walk(plan, 1, "to_spot", "submitting", "done", not_after=LATER)
    bench.venue.answers = [refusal(code)]
    with pytest.raises(VenueError):
        execute.send(bench.desk, plan)
    assert (bench.states(plan), bench.state(plan)) == (["done", "unsent"], "sending")
    bench.clock.advance(120)
    execute.send(bench.desk, plan, resume=True)
    assert bench.states(plan) == ["done", "accepted"]


def test_a_refusal_of_the_withdrawal_itself_still_ends_the_plan(bench: Any) -> None:
    plan = bench.plan()
    bench.walk(plan, 1, "to_spot", "submitting", "done", not_after=LATER)
    bench.venue.answers = [refusal("-4026")]
    with pytest.raises(VenueError):
        execute.send(bench.desk, plan)
    assert (bench.states(plan), bench.state(plan)) == (["done", "refused"], "failed")


def test_a_refused_move_of_credited_coins_into_margin_can_be_made_again(bench: Any) -> None:
    plan = bench.plan(bench.top_up())
    credited(bench, plan, 1)
    sending(bench, plan)
    bench.venue.answers = [refusal("-5002")]
    with pytest.raises(VenueError):
        execute.send(bench.desk, plan, resume=True)
    assert bench.state(plan) == "sending"
    bench.clock.advance(120)
    execute.send(bench.desk, plan, resume=True)
    assert bench.state(plan) == "done"


def test_another_transfers_refusal_does_not_keep_credited_coins_out_of_margin(bench: Any) -> None:
    plan = bench.plan(bench.transfer(1), bench.top_up(2))
    credited(bench, plan, 2)
    sending(bench, plan)
    bench.walk(plan, 1, "to_spot", "submitting", "done", not_after=LATER)
    bench.walk(plan, 1, "withdraw", "submitting", "refused", not_after=LATER)
    reconcile.reconcile(bench.desk)
    assert bench.state(plan) == "sending"
    execute.send(bench.desk, plan, resume=True)
    assert bench.step(plan, 2, "to_margin").state == "done"
    reconcile.reconcile(bench.desk)
    assert bench.state(plan) == "failed"


def test_another_transfers_expiry_does_not_keep_credited_coins_out_of_margin(bench: Any) -> None:
    """Three confirmations take longer than a plan lives; the other transfer raises each time."""
    plan = bench.plan(bench.transfer(1), bench.top_up(2))
    credited(bench, plan, 2)
    sending(bench, plan)
    bench.clock.advance(3600)
    with pytest.raises(PlanError) as caught:
        execute.send(bench.desk, plan, resume=True)
    assert caught.value.code == "plan.expired"
    assert bench.step(plan, 2, "to_margin").state == "done"


def test_a_withdrawal_that_was_cancelled_at_the_venue_frees_the_account(bench: Any) -> None:
    plan = bench.plan()
    bench.venue.lost = True
    bench.walk(plan, 1, "to_spot", "submitting", "done", not_after=LATER)
    execute.send(bench.desk, plan)
    (client_id,) = bench.venue.withdrawals
    from dataclasses import replace

    bench.venue.withdrawals[client_id] = replace(bench.venue.withdrawals[client_id], state="cancelled")
    reconcile.reconcile(bench.desk)
    assert (bench.states(plan), bench.state(plan)) == (["done", "cancelled"], "failed")
    with bench.desk.store.read() as connection:
        assert history.in_flight(connection, bench.clock.now()) == frozenset()


def test_an_evicted_transaction_can_be_sent_again_or_given_up(bench: Any) -> None:
    plan = bench.plan(bench.top_up())
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=TXID, raw="00")
    at = bench.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    bench.walk(plan, 1, "spend", "submitting", not_after=LATER, submitted_at=at)
    bench.walk(plan, 1, "spend", "accepted", reference=TXID)
    sending(bench, plan)
    reconcile.reconcile(bench.desk)
    assert bench.states(plan)[0] == "accepted", "one server that does not know it yet proves nothing"
    bench.clock.advance(600)
    reconcile.reconcile(bench.desk)
    assert bench.states(plan)[0] == "unsent"
    bench.chain.depth[TXID] = 0  # somebody else still had it
    reconcile.reconcile(bench.desk)
    assert bench.states(plan)[0] == "accepted"


def test_a_lost_internal_move_that_failed_before_is_not_refused_by_the_first_failure(bench: Any) -> None:
    """Attempt one failed late in the history; attempt two is on its way and must not be called refused."""
    plan = bench.plan()
    bench.venue.answers = [OutcomeUnknownError("no_answer", "lost")]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan)
    step = bench.step(plan, 1, "to_spot")
    first = bench.venue.record_move(internal_transfer(step), "first", state="failed")
    bench.venue.moves.clear()
    bench.clock.advance(120)
    reconcile.reconcile(bench.desk)
    bench.venue.answers = [OutcomeUnknownError("no_answer", "lost")]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan, resume=True)
    bench.venue.moves.append(first)
    with pytest.raises(VaultError):
        execute.send(bench.desk, plan, resume=True)
    assert bench.states(plan)[0] == "unknown"


def test_a_top_up_that_was_given_up_after_its_credit_does_not_block_the_account_for_ever(bench: Any) -> None:
    plan = bench.plan(bench.top_up())
    credited(bench, plan, 1)
    sending(bench, plan)
    execute.cancel(bench.desk, plan, "by hand")
    with bench.desk.store.read() as connection:
        (found,) = history.outflows(connection, bench.clock.now())
    assert found.state == "done", "it counts toward limits, and is under way no more"


@pytest.mark.parametrize("state", ["frozen", "failed"])
def test_a_spend_of_a_plan_that_goes_no_further_counts_as_under_way_until_it_is_credited(
    bench: Any, state: str
) -> None:
    plan = bench.plan(bench.top_up(), state=state)
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=TXID, raw="00")
    bench.walk(plan, 1, "spend", "submitting", "accepted", "done", not_after=LATER)
    states = []
    for _ in range(2):
        with bench.desk.store.read() as connection:
            states += [each.state for each in history.outflows(connection, bench.clock.now())]
        bench.walk(plan, 1, "credit", *(["done"] if len(states) == 1 else []))
    assert states == ["pending", "done"]


def test_a_sweep_that_waits_for_confirmations_does_not_keep_a_top_up_from_the_account(bench: Any) -> None:
    """Withdrawals are slowest on the day the market falls: the account must not wait for it."""
    sweep = bench.plan(bench.transfer(source="hedge", venue_account="hedge"))
    bench.venue.lost = True
    top_up = bench.top_up()

    def denied(at_least: str) -> bool:
        with bench.desk.store.read() as connection:
            names = history.in_flight(connection, bench.clock.now())
            states = {each.state for each in history.outflows(connection, bench.clock.now())}
        return "hedge" in names and at_least in states

    assert denied("pending")
    execute.send(bench.desk, sweep)
    assert bench.states(sweep) == ["done", "accepted"]
    assert not denied("pending")
    bench.clock.advance(60)
    preconditions.check_no_rival(bench.desk, bench.plan(top_up), top_up)


def test_a_sweep_whose_withdrawal_is_unknown_still_keeps_every_other_plan_away(bench: Any) -> None:
    sweep = bench.plan(bench.transfer(source="hedge", venue_account="hedge"))
    bench.walk(sweep, 1, "to_spot", "submitting", "done", not_after=LATER)
    bench.venue.answers = [OutcomeUnknownError("no_answer", "lost")]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, sweep)
    bench.clock.advance(60)
    top_up = bench.top_up()
    with pytest.raises(DeniedError) as caught:
        preconditions.check_no_rival(bench.desk, bench.plan(top_up), top_up)
    assert caught.value.code == "denied.in_flight"


def test_a_top_up_is_not_given_up_between_its_payment_and_its_credit(bench: Any) -> None:
    plan = bench.plan(bench.top_up())
    bench.walk(plan, 1, "spend", "signing")
    bench.walk(plan, 1, "spend", "signed", txid=TXID, raw="00")
    bench.walk(plan, 1, "spend", "submitting", "done", not_after=LATER)
    sending(bench, plan)
    with pytest.raises(DeniedError) as caught:
        execute.cancel(bench.desk, plan, "by hand")
    assert (caught.value.code, bench.state(plan)) == ("denied.in_flight", "sending")
    bench.walk(plan, 1, "credit", "done", reference=TXID)
    execute.cancel(bench.desk, plan, "by hand")
    assert bench.state(plan) == "cancelled"


def test_one_unreadable_plan_does_not_end_the_following_of_the_others(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = bench.plan(), bench.plan(bench.top_up())
    for plan in (first, second):
        sending(bench, plan)
    readable = history.stored_plan

    def damaged(row: records.PlanRow) -> Any:
        if row.plan_id == first.plan_id:
            raise PlanError("altered", "the stored plan was altered")
        return readable(row)

    monkeypatch.setattr(reconcile, "stored_plan", damaged)
    bench.walk(second, 1, "spend", "signing")
    bench.walk(second, 1, "spend", "signed", txid=TXID, raw="00")
    bench.walk(second, 1, "spend", "submitting", "accepted", not_after=LATER)
    bench.chain.depth[TXID] = 1
    found = {each.plan_id: each for each in reconcile.reconcile(bench.desk)}
    assert "plan.altered" in found[first.plan_id].note
    assert bench.step(second, 1, "spend").state == "sent"
