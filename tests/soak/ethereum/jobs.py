"""What one process of a random case does: walk the line, recover, or end it once all is healthy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.faults.ethereum import jobs
from tests.faults.ethereum.jobs import ATTESTER, asked, ours, plans
from tests.faults.treasury import line
from tests.soak.ethereum.days import Event
from tests.soak.ethereum.moments import Moments
from tests.support.ethereum_treasury import CONFIRMATIONS
from vault.errors import VaultError
from vault.store import records
from vault.treasury import approve, execute, reconcile
from vault.treasury.desk import Desk
from vault.treasury.plan import Plan

ROUNDS: Final = 10  # of blocks and of the exchange's clockwork, before a walk is left
LAST_ROUNDS: Final = 30
TRIES: Final = 5  # a person's, one after another
OVER: Final = frozenset({"done", "failed", "replaced", "cancelled"})
WAITING: Final = frozenset({"proposed", "approved"})


@dataclass(frozen=True, slots=True)
class Job(jobs.Job):
    """`action` is go, go-on or finish; `kill_at` as in a day's kills, `events` as its events."""

    events: tuple[Event, ...] = ()
    gives_up: bool = False

    def happening(self) -> tuple[Event, ...]:
        """The events; from another process they come as plain values."""
        return tuple(each if isinstance(each, Event) else Event(**each) for each in self.events)


@dataclass(frozen=True, slots=True)
class Hand(jobs.Hand):
    """A person who does not give up."""

    def perform(self, job: jobs.Job) -> dict[str, Any]:
        if job.action in {"run", "recover"}:
            return jobs.Hand.perform(self, job)
        assert isinstance(job, Job)
        actions = {"go": self._go, "go-on": self._go, "finish": self._finish}
        with jobs.opened(self.staged) as desk:
            return actions[job.action](job, desk)

    def _go(self, job: Job, desk: Desk) -> dict[str, Any]:
        """As far as it goes: until the end, a kill, or the first error."""
        events = job.happening()
        moments = Moments(self.staged, job.kill_at, events, Path(job.note), lambda: signed(desk))
        moments.arm()
        errors: list[str] = []
        if job.gives_up:
            self._give_up(desk, errors)
        met = self._try(desk, ROUNDS, errors)
        moments.disarm()
        return {"errors": errors, "met": met, "happened": moments.happened, "asked": moments.asked}

    def _finish(self, _job: Job, desk: Desk) -> dict[str, Any]:
        """Nothing goes wrong any more: settle, look, go on as a person would, and tell all."""
        errors: list[str] = []
        met: list[str] = []
        for _ in range(TRIES):
            found = plans(desk)
            if self._wanted(desk) and all(self._over(desk, each) for each in found):
                break
            met += self._try(desk, LAST_ROUNDS, errors)
        for _ in range(CONFIRMATIONS):
            self.pause()
        reconcile.reconcile(desk)
        self._give_up_late(desk)
        notes = [each.note for each in reconcile.reconcile(desk) if each.note]
        states = {
            plan.plan_id: (line.plan_row(desk, plan).state, line.states(desk, plan)) for plan in plans(desk)
        }
        lost = any(line.LOST & set(steps) for _, steps in states.values())
        left = "left unknown" if lost else "not ended"
        assert all(state in OVER for state, _ in states.values()), (left, states, errors, notes)
        assert not lost and not notes, (left, states, errors, notes)
        return {"errors": errors, "met": sorted(set(met)), **jobs.told(desk, self.staged)}

    def _give_up(self, desk: Desk, errors: list[str]) -> None:
        """What was not sent, or never arrived, is cancelled: its bytes may come back all the same."""
        for plan in ours(desk, self.staged):
            try:
                reconcile.reconcile(desk)
                if not self._over(desk, plan):
                    execute.cancel(desk, plan, "another way")
            except VaultError as error:
                errors.append(f"{error.code}: {error.message}")

    def _give_up_late(self, desk: Desk) -> None:
        """What another transaction of ours has made impossible is cancelled, as a person would."""
        done = any(line.plan_row(desk, plan).state == "done" for plan in plans(desk))
        for plan in ours(desk, self.staged) if done else ():
            if line.plan_row(desk, plan).state in WAITING:
                execute.cancel(desk, plan, "too late")

    def _over(self, desk: Desk, plan: Plan) -> bool:
        return line.plan_row(desk, plan).state in OVER

    def _try(self, desk: Desk, rounds: int, errors: list[str]) -> list[str]:
        """Once more as far as it goes; the states that were met on the way."""
        met: list[str] = []
        try:
            for _ in range(rounds):
                reconcile.reconcile(desk)
                states = [state for plan in plans(desk) for state in line.states(desk, plan)]
                met += states
                if not line.LOST & set(states):
                    break
                self.pause()
            for plan in self._wanted(desk) or [self._begin(desk)]:
                self._go_on(desk, plan)
            self._walk(desk, rounds)
        except VaultError as error:
            errors.append(f"{error.code}: {error.message}")
        return [*met, *(state for plan in plans(desk) for state in line.states(desk, plan))]

    def _wanted(self, desk: Desk) -> list[Plan]:
        """The plans that nobody has given up; once one is done the others are of no use."""
        found = [plan for plan in ours(desk, self.staged) if line.plan_row(desk, plan).state != "cancelled"]
        done = [plan for plan in found if self._over(desk, plan)]
        late = self.staged.spec.replaces and all(self._over(desk, plan) for plan in plans(desk))
        return done or found or (plans(desk) if late else [])

    def _begin(self, desk: Desk) -> Plan:
        """A new plan; of a transaction that is in a block already there is nothing to replace."""
        try:
            return asked(desk, self.staged)
        except VaultError as error:
            if not self.staged.spec.replaces or error.code not in {
                "plan.already_confirmed",
                "plan.not_replaceable",
            }:
                raise
            (original,) = plans(desk)
            return original

    def _go_on(self, desk: Desk, plan: Plan) -> None:
        state = line.plan_row(desk, plan).state
        if state == "proposed":
            approve.approve(desk, plan, ATTESTER)
            state = line.plan_row(desk, plan).state
        if state in {"approved", "sending"}:
            approve.sign(desk, plan)
            execute.send(desk, plan, resume=state == "sending")

    def _walk(self, desk: Desk, rounds: int) -> None:
        for _ in range(rounds):
            open_plans = [plan for plan in plans(desk) if line.plan_row(desk, plan).state == "sending"]
            if not open_plans:
                return
            self.pause()
            for plan in open_plans:
                line.reconcile_and_move_on(desk, plan)


def signed(desk: Desk) -> list[bytes]:
    """Every transaction that was ever signed, the oldest first."""
    with desk.store.read() as connection:
        rows = records.intents_of_kind(connection, "spend")
    return [bytes.fromhex(str(row.facts["raw"])) for row in rows if "raw" in row.facts]
