"""What one process of the kill tests does with a treasury: prepare it, walk the line, recover, race another.

Each job reads what an earlier one left in the treasury's folder; nothing is handed on in memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.treasury import bumps, line, stage
from tests.faults.treasury.kill import Stops
from tests.faults.treasury.stage import Scene, Staged
from vault.device.connection.features import DeviceInfo
from vault.device.session import DeviceSession
from vault.errors import OutcomeUnknownError, VaultError
from vault.store import records
from vault.treasury import approve, execute
from vault.treasury.desk import Desk
from vault.treasury.plan import Plan


@dataclass(frozen=True, slots=True)
class Job:
    """`action` is prepare, run or recover; `kill_at` the stop at which a run ends (empty: none)."""

    number: int
    action: str
    kind: stage.Kind
    folder: str
    kill_at: str = ""
    with_proposal: bool = False

    @property
    def result(self) -> Path:
        return Path(self.folder) / f"{self.action}.json"

    @property
    def note(self) -> Path:
        return Path(self.folder) / "killed.json"


def perform(job: Job, scene: Scene) -> dict[str, Any]:
    """Do the job; what it returns is what the parent reads."""
    os.environ.update(stage.own_keyring(Path(job.folder)))
    _one_user_a_device(Path(job.folder).parent)
    actions: dict[str, Callable[[Job, Scene], dict[str, Any]]] = {
        "prepare": _prepare,
        "run": _run,
        "recover": _recover,
        "ready": _ready,
        "begun": _ready,
    }
    return actions.get(job.action, _race)(job, scene)


def _prepare(job: Job, scene: Scene) -> dict[str, Any]:
    with _world_of(job):
        staged = stage.make_treasury(scene, Path(job.folder), job.kind, job.number)
    stage.fund(scene, staged)
    with Desk(staged.treasury()) as desk:
        line.prepare(desk, staged)
        if job.kind == "bump":
            bumps.send_original(desk)
        elif not job.with_proposal:
            line.propose_plan(desk)
    return {}


def _run(job: Job, scene: Scene) -> dict[str, Any]:
    staged = Staged.load(Path(job.folder))
    with Desk(staged.treasury()) as desk:
        stops = Stops(job.kill_at, job.note)
        if job.kind == "bump":
            bumps.run(desk, scene, stops, staged)
            return {"passed": stops.passed}
        if job.with_proposal:
            stops.arm()
            line.carry_out(desk, scene, line.propose_plan(desk))
        else:
            plan = line.only_plan(desk)
            stops.arm()
            line.carry_out(desk, scene, plan)
        stops.disarm()
        line.check_done_once(desk, scene, staged, line.only_plan(desk))
    return {"passed": stops.passed}


def _ready(job: Job, scene: Scene) -> dict[str, Any]:
    """Approved and signed; for `begun`, with a first step that never reached the exchange."""
    staged = Staged.load(Path(job.folder))
    with Desk(staged.treasury()) as desk:
        plan = line.only_plan(desk)
        approve.approve(desk, plan, stage.TREASURER)
        approve.sign(desk, plan)
        if job.action == "begun":
            scene.exchange.fault("drop_connection_before", "asset/transfer", method="POST")
            with contextlib.suppress(OutcomeUnknownError):
                execute.send(desk, plan)
            line.settle(desk, plan)
            assert line.states(desk, plan)[0] == "unsent"
    return {}


def _race(job: Job, _scene: Scene) -> dict[str, Any]:
    """Send as soon as the other racer is ready too; the code of the error, empty when there was none."""
    staged = Staged.load(Path(job.folder))
    with Desk(staged.treasury()) as desk:
        plan = line.only_plan(desk)
        desk.venues.read_clock("trading")
        Path(job.folder, f"{job.action}.here").touch()
        deadline = time.monotonic() + 30
        while len(list(Path(job.folder).glob("race-*.here"))) < 2:
            assert time.monotonic() < deadline, "the other racer never came"
            time.sleep(0.001)
        try:
            execute.send(desk, plan, resume=bool(job.kill_at))
        except VaultError as error:
            return {"code": error.code}
    return {"code": ""}


def _recover(job: Job, scene: Scene) -> dict[str, Any]:
    staged = Staged.load(Path(job.folder))
    with Desk(staged.treasury()) as desk:
        if job.kind == "bump":
            return dict(bumps.recover(desk, scene, staged))
        plan = _plan_after_kill(desk)
        met = line.settle(desk, plan)
        line.check_at_rest(desk, scene, staged, plan)
        rested = line.states(desk, plan)
        line.complete(desk, scene, plan)
        line.check_done_once(desk, scene, staged, plan)
    return {"met": met, "rested": list(rested)}


def _plan_after_kill(desk: Desk) -> Plan:
    with desk.store.read() as connection:
        found = records.all_plans(connection)
    # Killed before there was a plan: nothing can have moved, the person asks for one again.
    return line.only_plan(desk) if found else line.propose_plan(desk)


def _one_user_a_device(folder: Path) -> None:
    """A device is in one hand at a time: jobs that run side by side wait for each other."""
    opened = Desk.device

    @contextmanager
    def device(
        desk: Desk, name: str, permit: Callable[[DeviceInfo], None] | None = None
    ) -> Iterator[DeviceSession]:
        with _locked(folder / "device.lock"), opened(desk, name, permit) as session:
            yield session

    Desk.device = device  # type: ignore[method-assign,assignment]


@contextmanager
def _world_of(job: Job) -> Iterator[None]:
    with _locked(Path(job.folder).parent / "device.lock"):
        yield


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
