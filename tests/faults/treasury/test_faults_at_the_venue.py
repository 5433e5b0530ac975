"""The exchange hangs, times out or drops the connection while the line sends: UNKNOWN, then exactly once.

What is asserted is what the exchange recorded and the chain holds; the treasury's records must agree with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from emulator.scenario_accounts import allow_address
from tests.faults.treasury import line
from tests.faults.treasury.bench import Case
from vault.errors import (
    BooksError,
    DeviceRefusedError,
    OutcomeUnknownError,
    PlanError,
    VaultError,
    VenueError,
)
from vault.store import records
from vault.treasury import books, execute, reconcile, settle_withdrawal

Make = Callable[..., Case]
APPLY, MOVE = "withdraw/apply", "asset/transfer"
LONG = "60"
# Further than a request may be late: our sending time of 5 s, and the receive window of 1 s.
LATER_MS = 10_000

FAULTS = [
    ("hang", True),
    ("504_after_recording", True),
    ("drop_connection_after", True),
    ("http_500_after_recording", True),
    ("broken_json", True),
    ("hang_before", False),
    ("504_before_recording", False),
    ("drop_connection_before", False),
    ("http_500", False),
]


def lost(case: Case, kind: str) -> OutcomeUnknownError:
    """Send, and get no answer for the step of that kind."""
    with pytest.raises(OutcomeUnknownError) as caught:
        case.send()
    assert caught.value.code == "unknown.no_answer"
    steps = {step.kind: step.state for step in line.intents(case.desk, case.plan)}
    assert (steps[kind], case.state) == ("unknown", "sending")
    return caught.value


def later(case: Case) -> None:
    """So much later by the venue's clock that nothing sent before can still arrive."""
    case.scene.exchange.clock(announced_skew_ms=LATER_MS)
    try:
        reconcile.reconcile(case.desk)
    finally:
        case.scene.exchange.clock(announced_skew_ms=0)


@pytest.mark.parametrize(("fault", "recorded"), FAULTS)
@pytest.mark.parametrize("path", [APPLY, MOVE])
def test_a_step_without_an_answer_is_unknown_and_never_done_twice(
    path: str, fault: str, recorded: bool, make: Make
) -> None:
    case = make("withdrawal", venue_timeout=1).ready()
    kind, place = ("withdraw", 1) if path == APPLY else ("to_spot", 0)
    case.scene.exchange.fault(fault, path, method="POST", seconds=LONG)
    lost(case, kind)
    found = case.truth()
    assert len(found.withdrawals) == (recorded and path == APPLY)
    assert len(found.transfers) == (recorded or path == APPLY)
    for resume in (False, True):
        if resume and recorded:
            break
        with pytest.raises(VaultError) as again:
            case.send(resume=resume)
        assert again.value.code == ("unknown.unsettled" if resume else "plan.already_sent")
    case.scene.exchange.clear_faults()
    reconcile.reconcile(case.desk)
    if recorded:
        assert case.states[place] in {"accepted", "done"}
    else:
        # Not found is no proof yet: the request could still arrive.
        assert case.states[place] == "unknown"
        later(case)
        assert case.states[place] == "unsent"
    assert case.truth().withdrawals == found.withdrawals
    assert case.truth().transfers == found.transfers
    case.complete()


def test_a_withdrawal_that_the_history_does_not_show_yet_stays_unknown(make: Make) -> None:
    case = make("withdrawal", history_lag=60).ready()
    case.scene.exchange.withdrawals(history_lag_ms=30_000)
    case.scene.exchange.fault("504_after_recording", APPLY)
    lost(case, "withdraw")
    later(case)
    assert case.states[1] == "unknown"
    assert len(case.truth().withdrawals) == 1
    case.scene.exchange.withdrawals(history_lag_ms=0)
    reconcile.reconcile(case.desk)
    assert case.states[1] == "accepted"
    case.complete()


def test_a_withdrawal_that_appears_after_its_absence_was_proven_is_not_sent_again(make: Make) -> None:
    """The exchange's history lags longer than it was configured to, and the chain cannot be asked."""
    case = make("withdrawal", chain_timeout=1).ready()
    case.scene.exchange.withdrawals(history_lag_ms=60_000)
    case.scene.exchange.fault("504_after_recording", APPLY)
    lost(case, "withdraw")
    later(case)
    assert case.states[1] == "unsent"
    case.scene.exchange.withdrawals(history_lag_ms=0)
    for _ in range(3):
        case.scene.exchange.tick()
    case.scene.chain.fault("error", path="/tx", times=None)
    case.send(resume=True)
    assert len(case.truth().withdrawals) == 1
    assert case.states[1] == "accepted"
    case.scene.chain.clear_faults()
    case.complete()


def test_a_rejected_withdrawal_that_was_believed_unsent_ends_the_plan(make: Make) -> None:
    case = make("withdrawal").ready()
    case.scene.exchange.withdrawals(history_lag_ms=60_000, reject_next=1)
    case.scene.exchange.fault("504_after_recording", APPLY)
    lost(case, "withdraw")
    later(case)
    assert case.states[1] == "unsent"
    case.scene.exchange.withdrawals(history_lag_ms=0)
    for _ in range(3):
        case.scene.exchange.tick()
    reconcile.reconcile(case.desk)
    assert (case.states[1], case.state) == ("refused", "failed")
    found = case.truth()
    assert (found.spot, found.cold, found.withdrawing) == (case.plan.body.transfers[0].gross.units, 0, 0)
    with pytest.raises(PlanError) as caught:
        case.send(resume=True)
    assert caught.value.code == "plan.failed"


def test_an_internal_move_that_appears_after_its_absence_was_proven_is_not_made_again(make: Make) -> None:
    case = make("withdrawal", venue_timeout=1).ready()
    case.scene.exchange.fault("drop_connection_after", MOVE, method="POST")
    lost(case, "to_spot")
    with case.desk.store.write() as writer:
        step = records.intents(writer.connection, case.plan.plan_id)[0]
        records.move_intent(writer, step, "unsent")  # as after a history that lagged
    case.complete()
    assert len(case.truth().transfers) == 1


def test_nothing_is_sent_again_while_the_history_cannot_be_asked(make: Make) -> None:
    case = make("withdrawal", venue_timeout=1).ready()
    case.scene.exchange.fault("drop_connection_before", APPLY)
    lost(case, "withdraw")
    later(case)
    assert case.states[1] == "unsent"
    case.scene.exchange.fault("http_500", "withdraw/history", count=100)
    with pytest.raises(OutcomeUnknownError) as caught:
        case.send(resume=True)
    assert caught.value.code == "unknown.unsettled"
    assert case.truth().withdrawals == ()
    case.scene.exchange.clear_faults()
    case.complete()


def test_a_withdrawal_to_another_address_under_our_client_id_stops_the_line(make: Make) -> None:
    case = make("withdrawal").ready()
    case.scene.exchange.fault("drop_connection_before", APPLY)
    lost(case, "withdraw")
    later(case)
    assert case.states[1] == "unsent"
    elsewhere = case.staged.address("cold", False, 6)
    allow_address(case.scene.exchange, case.staged.account, "binance", elsewhere, "elsewhere")
    _apply_by_hand(case, elsewhere)
    with pytest.raises(OutcomeUnknownError):
        case.send(resume=True)
    assert [each.note.split(":")[0] for each in reconcile.reconcile(case.desk)] == [
        "books.withdrawal_differs"
    ]
    assert len(case.truth().withdrawals) == 1


def _apply_by_hand(case: Case, address: str) -> None:
    """Somebody else withdraws under the step's client id, past the treasury's store."""
    from dataclasses import replace
    from datetime import timedelta

    from vault.treasury.venue_requests import withdraw_request

    step = line.intents(case.desk, case.plan)[1]
    request = withdraw_request(case.desk, case.plan.body.transfers[0], step)
    late = case.desk.clock.now() + timedelta(seconds=5)
    case.desk.venues.withdraw("trading", replace(request, address=address, not_after=late))


def test_a_refused_withdrawal_fails_the_plan_and_leaves_the_coins_at_the_venue(make: Make) -> None:
    case = make("withdrawal").ready()
    case.scene.exchange.hold(case.staged.account, int(time.time() * 1000) + 3_600_000)
    with pytest.raises(VenueError) as caught:
        case.send()
    assert (caught.value.code, case.states, case.state) == ("venue.refused", ("done", "refused"), "failed")
    found = case.truth()
    assert found.withdrawals == () and found.spot == case.plan.body.transfers[0].gross.units
    line.check_books(books.close_books(case.desk), case.staged, found)
    for resume in (False, True):
        with pytest.raises(PlanError):
            case.send(resume=resume)


def test_a_withdrawal_that_the_venue_rejects_later_fails_the_plan(make: Make) -> None:
    case = make("withdrawal").ready()
    case.scene.exchange.tick(5)  # withdrawals of other cases get through first
    case.scene.exchange.withdrawals(reject_next=1)
    case.send()
    for _ in range(3):
        case.scene.exchange.tick()
        reconcile.reconcile(case.desk)
    assert (case.states, case.state) == (("done", "refused"), "failed")
    found = case.truth()
    assert found.cold == 0 and found.venue == case.staged.futures_sat
    line.check_books(books.close_books(case.desk), case.staged, found)


def test_an_unreachable_venue_leaves_the_step_unsent_and_resumable(make: Make) -> None:
    case = make("withdrawal").ready()
    case.scene.exchange.fault(
        "drop_connection_before", "config/getall", skip=2
    )  # the third is read inside the send
    with pytest.raises(VenueError):
        case.send()
    assert case.states == ("done", "unsent")
    assert case.truth().withdrawals == ()
    case.complete()


def test_a_payment_of_another_amount_is_not_taken_for_ours(make: Make) -> None:
    case = make("withdrawal").ready()
    case.scene.exchange.withdrawals(fee_mode="netted")
    case.send()
    for _ in range(3):
        case.scene.exchange.tick()
    case.scene.chain.mine(1)
    step = line.intents(case.desk, case.plan)[1]
    foreign = case.scene.chain.fund(case.staged.address("cold", False, 6), 12_345)
    with pytest.raises(BooksError) as caught:
        settle_withdrawal.follow_payment(case.desk, case.plan.body.transfers[0], step, foreign)
    assert caught.value.code == "books.payment_differs"
    line.follow(case.desk, case.scene, case.plan)


def test_a_frozen_plan_is_still_followed_and_goes_no_further(make: Make) -> None:
    """Another hand freezes the plan between two of its steps."""
    from vault.treasury.approve import freeze

    case = make("withdrawal").ready()
    confirmed = execute._confirmed

    def freezing(*arguments: object) -> bool:
        freeze(case.desk, case.plan, DeviceRefusedError("refused_by_person", "the person said no"))
        return confirmed(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "_confirmed", freezing)
        with pytest.raises(PlanError) as caught:
            case.send()
    assert caught.value.code == "plan.frozen"
    assert case.truth().withdrawals == ()
    assert (case.states, case.state) == (("done", "planned"), "frozen")
    line.check_books(books.close_books(case.desk), case.staged, case.truth())


def test_a_lost_step_of_a_frozen_plan_is_settled(make: Make) -> None:
    from vault.treasury.approve import freeze

    case = make("withdrawal").ready()
    case.scene.exchange.fault("504_after_recording", APPLY)
    lost(case, "withdraw")
    freeze(case.desk, case.plan, DeviceRefusedError("refused_by_person", "the person said no"))
    for _ in range(4):
        case.scene.exchange.tick()
        case.scene.chain.mine(1)
        reconcile.reconcile(case.desk)
    assert (case.states, case.state) == (("done", "done"), "frozen")
    line.check_books(books.close_books(case.desk), case.staged, case.truth())


def test_an_answer_that_comes_after_reconcile_gave_up_on_it_is_still_recorded(make: Make) -> None:
    """Another process reconciles while the send waits for its answer."""
    case = make("withdrawal").ready()
    withdraw = type(case.desk.venues).withdraw

    def slow(*arguments: object) -> object:
        receipt = withdraw(*arguments)  # type: ignore[arg-type]
        case.scene.exchange.withdrawals(history_lag_ms=30_000)
        reconcile.reconcile(case.desk)
        assert case.states == ("done", "unknown")
        case.scene.exchange.withdrawals(history_lag_ms=0)
        return receipt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(case.desk.venues), "withdraw", slow)
        case.send()
    assert case.states == ("done", "accepted")
    case.complete()
