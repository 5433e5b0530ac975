"""A top-up that waits for a block and is bumped: how far each of the two came, and that one of them paid.

The original is sent before the killing begins; whatever happens to the bump, the exchange is paid once.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from tests.faults.treasury import line
from tests.faults.treasury.kill import Stops
from tests.faults.treasury.stage import TREASURER, Scene, Staged
from vault.store import records
from vault.treasury import approve, execute, history
from vault.treasury.desk import Desk
from vault.treasury.plan import Plan
from vault.treasury.requests import build

# Above what the emulated market asks, so that nodes take it in the original's place.
RATE: Final = Decimal(40)
_COUNTS: Final = frozenset({"accepted", "sent", "done"})


def send_original(desk: Desk) -> None:
    """The transaction that is to be bumped, in the mempool."""
    plan = line.propose_plan(desk)
    approve.approve(desk, plan, TREASURER)
    approve.sign(desk, plan)
    execute.send(desk, plan)
    assert line.states(desk, plan) == ("accepted", "planned", "planned")


def run(desk: Desk, scene: Scene, stops: Stops, staged: Staged) -> None:
    """The bump as a person walks it, from asking for it to its end."""
    (original,) = _plans(desk)
    stops.arm()
    bump = _asked(desk)
    line.carry_out(desk, scene, bump)
    stops.disarm()
    check_replaced_once(desk, scene, staged, winner=bump, loser=original)


def recover(desk: Desk, scene: Scene, staged: Staged) -> dict[str, list[str]]:
    """Reconcile, go on with the bump as far as it came, or ask for it again: the bump has paid, once."""
    met = [state for plan in _plans(desk) for state in line.settle(desk, plan)]
    for plan in _plans(desk):
        line.check_at_rest(desk, scene, staged, plan)
    _one_counts(desk)
    rested = [state for plan in _plans(desk) for state in line.states(desk, plan)]
    original, *bumps = _plans(desk)
    bump = bumps[0] if bumps else _asked(desk)
    line.complete(desk, scene, bump)
    check_replaced_once(desk, scene, staged, winner=bump, loser=original)
    return {"met": met, "rested": rested}


def check_replaced_once(desk: Desk, scene: Scene, staged: Staged, *, winner: Plan, loser: Plan) -> None:
    """The winner is done to the satoshi, and all of the loser is replaced by it."""
    line.check_done_once(desk, scene, staged, winner)
    steps = line.intents(desk, loser)
    assert {step.state for step in steps} == {"replaced"}, steps
    assert {step.facts["replaced_by"] for step in steps} == {line.intents(desk, winner)[0].facts["txid"]}
    assert line.plan_row(desk, loser).state == "replaced"


def _asked(desk: Desk) -> Plan:
    (original,) = _plans(desk)
    found = build.bump(desk, original, 1, RATE)
    assert found.plan is not None
    return found.plan


def _plans(desk: Desk) -> list[Plan]:
    """The original, and its bump where there is one."""
    with desk.store.read() as connection:
        plans = [history.stored_plan(row) for row in records.all_plans(connection)]
    return sorted(plans, key=lambda plan: plan.body.transfers[0].action == "bump")


def _one_counts(desk: Desk) -> None:
    spends = [line.states(desk, plan)[0] for plan in _plans(desk) if line.states(desk, plan)]
    assert sum(state in _COUNTS for state in spends) == 1, spends
