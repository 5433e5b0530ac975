"""What one process of a case on Ethereum does with its treasury: walk the line, or recover and go on.

Each job reads what an earlier one left in the treasury's folder; nothing is handed on in memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.faults.ethereum.setting import Staged
from tests.faults.treasury import line, stage
from tests.faults.treasury.kill import Stops
from tests.soak.venues.moved_time import MovedTime
from tests.support.ethereum_treasury import AGREEING, no_venues
from vault.errors import PlanError
from vault.store import records
from vault.treasury import approve, books, execute, history, propose
from vault.treasury.books import Books
from vault.treasury.desk import Desk
from vault.treasury.plan import Plan
from vault.treasury.propose import Proposal
from vault.treasury.requests.ethereum import bump_ethereum, cancel_ethereum, pay_from_account

ATTESTER: Final = "alice"
PAUSE_SECONDS: Final = 5
ROUNDS: Final = 40
READINGS: Final = 4


@dataclass(frozen=True, slots=True)
class Job:
    """`action` is run or recover; `kill_at` the stop at which a run ends (empty: none)."""

    number: int
    action: str
    folder: str
    venue: bool = False
    kill_at: str = ""

    @property
    def result(self) -> Path:
        return Path(self.folder) / f"{self.action}.json"

    @property
    def note(self) -> Path:
        return Path(self.folder) / "killed.json"


@dataclass(frozen=True, slots=True)
class Hand:
    """Who carries a job out: on what, and with which time."""

    staged: Staged
    clock: MovedTime

    def perform(self, job: Job) -> dict[str, Any]:
        with opened(self.staged) as desk:
            actions: dict[str, Callable[[Job, Desk], dict[str, Any]]] = {
                "run": self._run,
                "recover": self._recover,
            }
            return actions[job.action](job, desk)

    def _run(self, job: Job, desk: Desk) -> dict[str, Any]:
        stops = Stops(job.kill_at, job.note)
        stops.arm()
        plan = asked(desk, self.staged)
        self.complete(desk, plan)
        stops.disarm()
        return {"passed": stops.passed, **self._done(desk, plan)}

    def _recover(self, _job: Job, desk: Desk) -> dict[str, Any]:
        met = self.settle(desk)
        for plan in plans(desk):
            assert not line.LOST & set(line.states(desk, plan)), line.states(desk, plan)
        rest = closed_books(desk)
        assert rest.balanced, rest
        desk.store.verify()
        plan = next(iter(ours(desk, self.staged)), None) or asked(desk, self.staged)
        self.complete(desk, plan)
        return {"met": met, **self._done(desk, plan)}

    def _done(self, desk: Desk, plan: Plan) -> dict[str, Any]:
        """What is told of a treasury whose plan is done, and replaced whatever it took the place of."""
        found = told(desk, self.staged)
        states = {each["plan_id"]: (each["state"], set(each["steps"])) for each in found["plans"]}
        assert states.pop(plan.plan_id) == ("done", {"done"}), found
        assert all(each == ("replaced", {"replaced"}) for each in states.values()), found
        return found

    # -- how a person goes on ----------------------------------------------------------------------------

    def settle(self, desk: Desk) -> list[str]:
        """Reconcile until nothing is lost; the states on the way."""
        return [state for plan in plans(desk) for state in line.settle(desk, plan, self.pause)]

    def complete(self, desk: Desk, plan: Plan) -> None:
        """Approve and sign what is not, send or resume, and follow it to its end."""
        state = line.plan_row(desk, plan).state
        if state == "proposed":
            approve.approve(desk, plan, ATTESTER)
            state = line.plan_row(desk, plan).state
        if state in {"approved", "sending"}:
            approve.sign(desk, plan)
            execute.send(desk, plan, resume=state == "sending")
        for _ in range(ROUNDS):
            if line.plan_row(desk, plan).state != "sending":
                break
            self.step_on(desk, plan)
        assert line.plan_row(desk, plan).state == "done", (
            line.plan_row(desk, plan).state,
            line.states(desk, plan),
        )

    def step_on(self, desk: Desk, plan: Plan) -> None:
        """A block and a tick later: reconcile, and move on what was credited."""
        self.pause()
        line.reconcile_and_move_on(desk, plan)

    def pause(self, _seconds: float = 0) -> None:
        """Let time pass here, at the exchange and on the chain."""
        if self.staged.venue:
            self.clock.advance(PAUSE_SECONDS, self.staged.market)
            self.staged.market.tick()
        self.staged.chain.mine(1)


@contextmanager
def opened(staged: Staged) -> Iterator[Desk]:
    with Desk(staged.treasury(), keyboard=AGREEING) as desk:
        if not staged.venue:
            desk._venues = no_venues()
        yield desk


def asked(desk: Desk, staged: Staged) -> Plan:
    """A new plan of the case's kind, as a person asks for it or the policy does. Raises `PlanError`."""
    found = _proposal(desk, staged)
    if found.plan is None:
        said = [(each.action, each.outcome, each.reason) for each in found.decisions]
        raise PlanError("none_proposed", f"{said} {found.problems} {found.snapshot.failures}")
    return found.plan


def _proposal(desk: Desk, staged: Staged) -> Proposal:
    if staged.kind in {"sweep", "top-up"}:
        return propose.propose(desk)
    if staged.spec.replaces:
        (original,) = plans(desk)
        return (bump_ethereum if staged.kind == "bump" else cancel_ethereum)(desk, original, 1)
    return pay_from_account(desk, staged.spec.payer, f"cold-{staged.asset.lower()}", staged.paid)


def plans(desk: Desk) -> list[Plan]:
    """Every plan of the store; what is to replace another comes after it."""
    with desk.store.read() as connection:
        found = [history.stored_plan(row) for row in records.all_plans(connection)]
    return sorted(found, key=lambda plan: bool(plan.transfer(1).replaces))


def ours(desk: Desk, staged: Staged) -> list[Plan]:
    """The plans that the case is about: not the original that is to be replaced."""
    return [plan for plan in plans(desk) if bool(plan.transfer(1).replaces) == staged.spec.replaces]


def closed_books(desk: Desk) -> Books:
    """With every place read: on a busy machine an exchange may find a request too old."""
    for _ in range(READINGS):
        found = books.close_books(desk)
        if not found.unread:
            break
    return found


def told(desk: Desk, staged: Staged) -> dict[str, Any]:
    """What the treasury says of itself, for whoever compares it with the chain."""
    closed = closed_books(desk)
    desk.store.verify()
    every = [
        {
            "plan_id": plan.plan_id,
            "action": plan.transfer(1).action,
            "state": line.plan_row(desk, plan).state,
            "steps": list(line.states(desk, plan)),
        }
        for plan in plans(desk)
    ]
    transfer = (ours(desk, staged) or plans(desk))[0].transfer(1)
    return {
        "plans": every,
        "paid": any(each["state"] == "done" and each["action"] != "cancel" for each in every),
        "gas_paid": [
            str(step.facts["gas_paid"])
            for plan in plans(desk)
            for step in line.intents(desk, plan)
            if "gas_paid" in step.facts
        ],
        "amount": str(transfer.amount.units),
        "fee": str(transfer.fee.units),
        "books": {
            "balanced": closed.balanced,
            "uneven": [str(sheet) for sheet in closed.sheets if not sheet.even],
            "unsettled": list(closed.unsettled),
            "unread": list(closed.unread),
            "fees": {each.asset.symbol: str(each.fees.units) for each in closed.sheets},
            "lines": [
                {"place": each.place, "asset": each.observed.asset.symbol, "units": str(each.observed.units)}
                for each in closed.all_lines
            ],
        },
    }


def keep_apart(folder: str) -> None:
    """Keyring, request numbers and pace of this case's own."""
    os.environ.update({**stage.own_keyring(Path(folder)), "XDG_STATE_HOME": folder})
