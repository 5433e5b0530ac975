"""What one process of a case does with its treasury: prepare it, walk the line, recover, come to the end.

Each job reads what an earlier one left in the treasury's folder. The exchange is healed before the last one.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tests.faults.treasury import line, stage
from tests.faults.treasury.stage import Kind, Market, Scene, Staged
from tests.soak.venues import judge
from tests.soak.venues.days import HISTORY_LAG_SECONDS
from tests.soak.venues.deaths import Deaths
from tests.soak.venues.moved_time import MovedTime
from vault.errors import VaultError
from vault.treasury import approve, execute, reconcile
from vault.treasury.desk import Desk
from vault.treasury.plan import Plan

PAUSE_SECONDS: Final = 5
IDLE_SAT: Final = 30_000_000  # several times what any of these plans withdraws
ROUNDS: Final = 12  # of blocks and of the exchange's clockwork, before a walk is left
LAST_ROUNDS: Final = 40
CATCH_UP: Final = 3  # ticks, until the exchange's records are what they will be
TRIES: Final = 4  # a person's, one after another
EXPIRES_MINUTES: Final = 600  # of moved time


@dataclass(frozen=True, slots=True)
class Job:
    """`action` is prepare, go, go-on or finish; `kill_at` as in a day's kills."""

    number: int
    action: Literal["prepare", "go", "go-on", "finish"]
    kind: Kind
    exchange: str
    product: str
    folder: str
    kill_at: str = ""

    @property
    def market(self) -> Market:
        return Market(self.exchange, self.product)

    @property
    def result(self) -> Path:
        return Path(self.folder) / f"{self.action}.json"

    @property
    def note(self) -> Path:
        return Path(self.folder) / "killed.json"


@dataclass(frozen=True, slots=True)
class Hand:
    """Who carries a job out: where, and with which time."""

    scene: Scene
    clock: MovedTime

    def pause(self, _seconds: float = 0) -> None:
        """Let time pass here, at the exchange and on the chain."""
        self.clock.advance(PAUSE_SECONDS, self.scene.exchange)
        self.scene.chain.mine(1)
        self.scene.exchange.tick()

    def perform(self, job: Job) -> dict[str, Any]:
        actions = {"go": self._go, "go-on": self._go_on, "finish": self._finish}
        if job.action == "prepare":
            return self._prepare(job)
        staged = Staged.load(Path(job.folder))
        with Desk(staged.treasury()) as desk:
            return actions[job.action](job, desk, staged, line.only_plan(desk))

    def _prepare(self, job: Job) -> dict[str, Any]:
        staged = stage.make_treasury(
            self.scene,
            Path(job.folder),
            job.kind,
            job.number,
            history_lag=HISTORY_LAG_SECONDS,
            expires_minutes=EXPIRES_MINUTES,
            market=job.market,
            # Where there is one wallet, what is left in it as margin is enough.
            idle_sat=0 if job.exchange == "deribit" else IDLE_SAT,
        )
        stage.fund(self.scene, staged)
        with Desk(staged.treasury()) as desk:
            line.prepare(desk, staged)
            plan = line.propose_plan(desk)
        return {"transfers": [asdict(move) for each in plan.body.transfers for move in each.moves]}

    def _go(self, job: Job, desk: Desk, staged: Staged, plan: Plan) -> dict[str, Any]:
        """The whole line, until its end, a kill, or the first error."""
        deaths = Deaths(job.kill_at, job.note)
        deaths.arm()
        errors = []
        try:
            approve.approve(desk, plan, stage.TREASURER)
            approve.sign(desk, plan)
            execute.send(desk, plan)
            self._walk(desk, plan, ROUNDS)
        except VaultError as error:
            errors.append(error.code)
        deaths.disarm()
        judge.check_never_twice(self.scene, staged, plan)
        return {"errors": errors, "met": line.states(desk, plan), "worker_killed": deaths.happened}

    def _go_on(self, job: Job, desk: Desk, staged: Staged, plan: Plan) -> dict[str, Any]:
        """Reconcile and resume, while it may still go wrong, perhaps killed once more."""
        deaths = Deaths(job.kill_at, job.note)
        deaths.arm()
        errors: list[str] = []
        met = self._try(desk, plan, ROUNDS, errors)
        deaths.disarm()
        judge.check_never_twice(self.scene, staged, plan)
        return {"errors": errors, "met": met, "worker_killed": deaths.happened}

    def _finish(self, _job: Job, desk: Desk, staged: Staged, plan: Plan) -> dict[str, Any]:
        """Nothing goes wrong any more: settle, look, go on as a person would, and compare everything."""
        errors: list[str] = []
        met: list[str] = []
        for _ in range(TRIES):
            if line.plan_row(desk, plan).state in {"done", "failed"}:
                break
            met += self._try(desk, plan, LAST_ROUNDS, errors)
            if judge.is_disputed(desk, self.scene, staged, plan):
                undecided = judge.check_disputed(desk, self.scene, staged, plan)
                moved = judge.check_never_twice(self.scene, staged, plan)
                if undecided:
                    moved[f"undecidable {undecided}"] = 1
                return {"errors": errors, "met": sorted(set(met)), "state": "disputed", "moved": moved}
        state = line.plan_row(desk, plan).state
        notes = [each.note for each in reconcile.reconcile(desk)]
        left = "left unknown" if line.LOST & set(line.states(desk, plan)) else "not ended"
        assert state in {"done", "failed"}, (left, state, line.states(desk, plan), errors, notes)
        for _ in range(CATCH_UP):  # the chain may have been quicker than the exchange's own records
            self.pause()
        moved = judge.check_never_twice(self.scene, staged, plan)
        if state == "done":
            judge.check_equal(desk, self.scene, staged, plan)
            line.check_done_once(desk, self.scene, staged, plan)
        else:
            judge.check_given_up(desk, self.scene, staged, plan)
        return {"errors": errors, "met": sorted(set(met)), "state": state, "moved": moved}

    def _try(self, desk: Desk, plan: Plan, rounds: int, errors: list[str]) -> list[str]:
        """Once more as far as it goes; the states that were met on the way."""
        met: list[str] = []
        try:
            for _ in range(rounds):
                reconcile.reconcile(desk)
                met += line.states(desk, plan)
                if not line.LOST & set(line.states(desk, plan)):
                    break
                self.pause()
            state = line.plan_row(desk, plan).state
            if state == "proposed":
                approve.approve(desk, plan, stage.TREASURER)
                state = line.plan_row(desk, plan).state
            if state in {"approved", "sending"}:
                approve.sign(desk, plan)
                execute.send(desk, plan, resume=state == "sending")
            self._walk(desk, plan, rounds)
        except VaultError as error:
            errors.append(error.code)
        return [*met, *line.states(desk, plan)]

    def _walk(self, desk: Desk, plan: Plan, rounds: int) -> None:
        for _ in range(rounds):
            if line.plan_row(desk, plan).state != "sending":
                return
            line.step_on(desk, self.scene, plan)
            self.clock.advance(PAUSE_SECONDS, self.scene.exchange)


def keep_apart(folder: str) -> None:
    """Keyring, request numbers and pace of this case's own."""
    os.environ.update({**stage.own_keyring(Path(folder)), "XDG_STATE_HOME": folder})
