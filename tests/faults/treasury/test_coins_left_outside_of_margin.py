"""Coins that a refused withdrawal left outside of margin go back by a plan; lead times are recorded."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.treasury import line, stage
from tests.faults.treasury.bench import Case
from vault.errors import DeniedError, OutcomeUnknownError, PlanError, VenueError
from vault.store import venues as known
from vault.store.venues import Way
from vault.treasury import approve, books, execute, propose, reconcile
from vault.treasury.plan import Plan
from vault.treasury.requests.venue_return import return_to_margin

Make = Callable[..., Case]
MOVE = "asset/transfer"


def stranded(make: Make) -> Case:
    """A sweep whose withdrawal the exchange refused: its coins are in the spot wallet."""
    case = make("withdrawal").ready()
    case.scene.exchange.hold(case.staged.account, int(time.time() * 1000) + 3_600_000)
    with pytest.raises(VenueError):
        case.send()
    assert (case.states, case.state) == (("done", "refused"), "failed")
    return case


def made_return(case: Case) -> Plan:
    plan = return_to_margin(case.desk, "trading").plan
    assert plan is not None
    return plan


def test_they_go_back_into_margin_by_an_approved_plan(make: Make) -> None:
    case = stranded(make)
    left = case.truth().spot
    plan = made_return(case)
    (transfer,) = plan.body.transfers
    assert (transfer.action, transfer.returned.units, transfer.gross.units) == ("return", left, 0)
    with pytest.raises(PlanError) as caught:
        execute.send(case.desk, plan)
    assert caught.value.code == "plan.not_approved"
    approve.approve(case.desk, plan, stage.TREASURER)
    execute.send(case.desk, plan)
    assert (line.states(case.desk, plan), line.plan_row(case.desk, plan).state) == (("done",), "done")
    found = case.truth()
    assert (found.spot, found.futures) == (0, case.staged.futures_sat)
    line.check_books(books.close_books(case.desk), case.staged, found)
    with pytest.raises(DeniedError) as again:
        return_to_margin(case.desk, "trading")
    assert again.value.code == "denied.nothing_to_return"


def test_a_return_without_an_answer_is_unknown_and_made_once(make: Make) -> None:
    case = stranded(make)
    plan = made_return(case)
    approve.approve(case.desk, plan, stage.TREASURER)
    before = len(case.truth().transfers)
    case.scene.exchange.fault("drop_connection_after", MOVE, method="POST")
    with pytest.raises(OutcomeUnknownError):
        execute.send(case.desk, plan)
    reconcile.reconcile(case.desk)
    assert line.plan_row(case.desk, plan).state == "done"
    assert len(case.truth().transfers) == before + 1


def test_no_second_return_is_made_while_one_is_approved(make: Make) -> None:
    case = stranded(make)
    plan = made_return(case)
    approve.approve(case.desk, plan, stage.TREASURER)
    with pytest.raises(DeniedError) as caught:
        made_return(case)
    assert caught.value.code == "denied.not_allowed"
    execute.send(case.desk, plan)


def test_a_return_is_not_begun_for_more_than_is_still_there(make: Make) -> None:
    case = stranded(make)
    first, second = made_return(case), None
    approve.approve(case.desk, first, stage.TREASURER)
    execute.send(case.desk, first)
    with pytest.raises(DeniedError):
        second = made_return(case)
    assert second is None


def test_a_finished_sweep_leaves_a_record_of_how_long_it_took(make: Make) -> None:
    case = make("withdrawal").ready()
    (transfer,) = case.plan.body.transfers
    assert transfer.expected is not None and transfer.expected.records == 0
    assert case.plan.body.warnings, "this exchange cannot say whether it holds withdrawals back"
    case.send()
    case.complete()
    with case.desk.store.read() as connection:
        found = known.lead_times(connection, Way("trading", "BTC", "BTC", "withdraw"))
    assert len(found) == 1


def test_a_credited_top_up_leaves_a_record_of_its_deposit(make: Make) -> None:
    case = make("top-up").ready()
    (transfer,) = case.plan.body.transfers
    assert transfer.expected is not None
    assert transfer.expected.basis.startswith("no record yet: venue says ")
    assert any("price" in each for each in case.plan.body.warnings), "one exchange is believed alone"
    case.send()
    case.complete()
    with case.desk.store.read() as connection:
        assert len(known.lead_times(connection, Way("trading", "BTC", "BTC", "deposit"))) == 1


def test_a_changed_deposit_address_freezes_the_account_and_no_plan_is_made(make: Make) -> None:
    case = make("top-up")
    with pytest.MonkeyPatch.context() as patch:
        ask = case.desk.venues.deposit_address
        from dataclasses import replace

        theirs = case.staged.address("cold", False, 7)
        patch.setattr(
            case.desk.venues, "deposit_address", lambda *named: replace(ask(*named), address=theirs)
        )
        with pytest.raises(DeniedError) as caught:
            case.approve()
        assert caught.value.code == "denied.deposit_address_changed"
    found = {each.action: each for each in propose.look(case.desk).decisions}
    assert found["top_up"].decided_by == "denied.venue_frozen"
    case.untouched()
