"""A top-up whose address credits margin itself needs no move inside the venue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.treasury import line
from tests.faults.treasury.bench import Case
from vault.errors import PlanError
from vault.treasury import propose

Make = Callable[..., Case]


def test_the_plan_ends_with_the_credit_and_an_older_plan_is_refused(make: Make) -> None:
    case = make("top-up")
    assert [move.destination for move in case.plan.body.transfers[0].moves] == ["futures"]
    case.scene.exchange.call("account", account=case.staged.account, deposit_wallet="futures")
    with pytest.MonkeyPatch.context() as patch:
        ask = case.desk.venues.deposit_address
        patch.setattr(
            case.desk.venues, "deposit_address", lambda *named: replace(ask(*named), wallet="futures")
        )
        with pytest.raises(PlanError) as caught:
            case.approve()
        assert caught.value.code == "plan.route_differs"
        plan = propose.propose(case.desk).plan
        assert plan is not None
        assert plan.body.transfers[0].moves == ()
        line.carry_out(case.desk, case.scene, plan)
    assert line.states(case.desk, plan) == ("done", "done"), "a spend and its credit"
    found = case.truth()
    assert (found.transfers, found.spot, found.deposited) == ((), 0, 1)
    assert found.futures > case.staged.futures_sat
