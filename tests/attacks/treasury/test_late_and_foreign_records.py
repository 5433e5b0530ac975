"""Venue records that come late, fail first, or are somebody else's never make a step be sent twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from vault.errors import OutcomeUnknownError, VenueError
from vault.store import records
from vault.treasury import execute, reconcile
from vault.treasury.venue_requests import internal_transfer

LOST = OutcomeUnknownError("no_answer", "lost")
REFUSED_AS_DUPLICATE = OutcomeUnknownError("no_answer", "HTTP 400 with -4115 duplicated withdrawOrderId")

pytestmark = pytest.mark.usefixtures("permitted")


def test_the_first_attempts_withdrawal_is_still_found_after_a_second_attempt(bench: Any) -> None:
    """The history lags beyond its configured bound, so absence is believed; then the venue says duplicate."""
    plan = bench.plan()
    bench.venue.shown, bench.venue.lost = False, True
    bench.walk(plan, 1, "to_spot", "submitting", "done", not_after="2026-01-31T05:00:05.000Z")
    bench.venue.answers = [LOST]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan)
    bench.venue.lost = False
    bench.clock.advance(900)
    reconcile.reconcile(bench.desk)
    assert bench.states(plan) == ["done", "unsent"]
    bench.venue.answers = [REFUSED_AS_DUPLICATE]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan, resume=True)
    bench.venue.shown = True
    bench.clock.advance(120)
    reconcile.reconcile(bench.desk)
    assert bench.states(plan) == ["done", "accepted"]


def test_a_record_by_a_clock_behind_the_tightest_bound_is_ours(bench: Any) -> None:
    """A slow round trip hides half its length when clocks are compared; Binance itself takes 1 s ahead."""
    bench.desk.treasury.venue("trading").max_clock_skew_ms = 0
    bench.venue.skew, bench.venue.lost = timedelta(milliseconds=-900), True
    plan = bench.plan()
    bench.venue.answers = [LOST]
    with pytest.raises(OutcomeUnknownError):
        execute.send(bench.desk, plan)
    bench.clock.advance(120)
    reconcile.reconcile(bench.desk)
    assert bench.states(plan)[0] == "done"
    execute.send(bench.desk, plan, resume=True)
    assert len(bench.venue.moves) == 1


def test_a_strangers_failed_move_of_the_same_amount_does_not_refuse_ours(bench: Any) -> None:
    plan = bench.plan(bench.transfer())
    step = bench.walk(plan, 1, "to_spot", "submitting", not_after="2026-01-31T05:00:05.000Z")
    request = internal_transfer(step)
    bench.venue.record_move(request, "stranger", state="failed")
    bench.clock.advance(1)
    bench.venue.record_move(request, "ours")
    with bench.desk.store.write() as writer:
        records.move_intent(writer, step, "accepted", reference="ours")
        records.set_plan_state(writer, plan.plan_id, frozenset({"approved"}), "sending", "send")
    reconcile.reconcile(bench.desk)
    assert bench.step(plan, 1, "to_spot").state == "done"
    assert bench.step(plan, 1, "to_spot").reference == "ours"


def test_a_receipt_whose_record_never_shows_is_awaited_and_is_no_error(bench: Any) -> None:
    plan = bench.plan(state="sending")
    bench.walk(plan, 1, "to_spot", "submitting", not_after="2026-01-31T05:00:05.000Z")
    with bench.desk.store.write() as writer:
        records.move_intent(writer, bench.step(plan, 1, "to_spot"), "accepted", reference="move-7")
    bench.clock.advance(3600)
    (found,) = reconcile.reconcile(bench.desk)
    assert (found.state, found.note) == ("accepted", "")


@pytest.mark.parametrize("meanwhile", ["unknown", "unsent"])
def test_a_receipt_that_comes_after_another_process_settled_the_attempt_is_kept(
    bench: Any, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    plan = bench.plan()
    bench.walk(plan, 1, "to_spot", "submitting", "done", not_after="2026-01-31T05:00:05.000Z")
    withdraw = bench.venue.withdraw

    def slow(venue: str, request: Any) -> Any:
        bench.walk(plan, 1, "withdraw", meanwhile)
        return withdraw(venue, request)

    monkeypatch.setattr(bench.venue, "withdraw", slow)
    execute.send(bench.desk, plan)
    step = bench.step(plan, 1, "withdraw")
    assert (step.state, step.reference) == ("accepted", "w1")


def test_a_failure_after_the_venue_was_seen_to_have_it_takes_nothing_back(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = bench.plan()
    bench.walk(plan, 1, "to_spot", "submitting", "done", not_after="2026-01-31T05:00:05.000Z")

    def odd(venue: str, request: Any) -> Any:
        bench.walk(plan, 1, "withdraw", "accepted", reference="w1")
        raise VenueError("unreachable", "no connection could be made; nothing was sent")

    monkeypatch.setattr(bench.venue, "withdraw", odd)
    with pytest.raises(VenueError):
        execute.send(bench.desk, plan)
    assert bench.states(plan) == ["done", "accepted"]
