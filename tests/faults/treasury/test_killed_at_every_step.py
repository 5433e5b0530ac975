"""SIGKILL just before or just after every journaled commit of the line, then: restart, reconcile, resume.

In `make test` half of the commits are killed at, each on one side; its name decides both (`every_stop`). All
are, on both sides, with VAULT_KILL_POINTS=all, as the soak does (`python -m tests.soak --only kills`).

At each stop the exchange and the chain hold at most one of everything, no step stays lost, the books equal
both to the satoshi; `send --resume` then completes the plan exactly once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.treasury import stage
from tests.faults.treasury.driver import Crew, result_of
from tests.faults.treasury.every_stop import EveryStop, in_sample, sides
from tests.faults.treasury.jobs import Job
from tests.faults.treasury.stage import ROOT, Scene

SIDE_BY_SIDE = 6  # some jobs wait until an absence is proven; the others keep the cores busy
KILLED = -signal.SIGKILL
# Every treasury mines blocks for all: an original that waits to be bumped must not be in one.
ALONE: tuple[stage.Kind, ...] = ("bump",)


def kill_and_recover(
    crew: Crew, place: Path, number: int, kind: stage.Kind, at: str
) -> tuple[bool, list[str]]:
    """One treasury, killed at stop `at` and completed. Whether it came there, and the stops it passed."""
    place.mkdir()
    with_proposal = kind == "withdrawal"  # for one kind of plan its making is part of the line as well
    prepare = Job(number, "prepare", kind, str(place), "", with_proposal)
    assert crew.do(prepare) == 0
    result_of(prepare)
    run = replace(prepare, action="run", kill_at=at)
    status = crew.do(run)
    if status == 0:
        return False, result_of(run)["passed"]
    assert status == KILLED, status
    passed: list[str] = json.loads(run.note.read_text(encoding="utf-8"))
    recover = replace(prepare, action="recover")
    assert crew.do(recover) == 0
    result_of(recover)
    return True, passed


_SPEND = (
    "planned to signing",
    "signing to signed",
    "plan sending",
    "signed to submitting",
    "submitting to accepted",
)
EXPECTED: dict[stage.Kind, tuple[str, ...]] = {
    "withdrawal": (
        "snapshot",
        "plan",
        "approval, plan approved",
        "intent, intent",
        "plan sending",
        "planned to submitting",
        "submitting to accepted",
        "planned to submitting #2",
        "submitting to accepted #2",
        "plan done",
    ),
    "evacuation": ("approval, plan approved", "intent", *_SPEND, "plan done"),
    "top-up": (
        "approval, plan approved",
        "intent, intent, intent",
        *_SPEND,
        "planned to done",
        "planned to submitting",
        "submitting to accepted #2",
        "plan done",
    ),
    "bump": (
        "snapshot",
        "plan",
        "approval, plan approved",
        "intent, intent, intent",
        *_SPEND,
        "plan done",
    ),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["withdrawal", "evacuation", "top-up", "bump"])
def test_killed_at_every_journaled_step_it_is_completed_exactly_once(
    kind: stage.Kind, crew: Crew, kill_folder: Path, tell: Callable[[str], None]
) -> None:
    began = time.monotonic()

    def attempt(number: int, at: str) -> tuple[bool, list[str]]:
        return kill_and_recover(crew, kill_folder / str(number), number, kind, at)

    killed = EveryStop(attempt, 1 if kind in ALONE else SIDE_BY_SIDE).run()
    wanted = [stop for stop in sides(EXPECTED[kind]) if in_sample(stop)]
    assert wanted
    assert not [stop for stop in wanted if stop not in killed], sorted(killed)
    tell(
        f"SIGKILL points: {kind} {len(killed)}; at each 0 double sends, 0 lost, books equal, "
        f"then completed exactly once ({time.monotonic() - began:.0f} s)"
    )


def test_the_venue_worker_dies_with_its_killed_parent(kill_scene: Scene, tmp_path: Path) -> None:
    """The real worker, started by the client itself, in the process group of a parent that is killed."""
    program = (
        "import os, signal, sys\n"
        "from vault.config import VenueSettings\n"
        "from vault.venues.client import VenueClient\n"
        f"settings = VenueSettings(name='t', exchange='binance', account_uid='1', url={kill_scene.venue!r})\n"
        "client = VenueClient('t', settings)\n"
        "client._running()\n"
        "print(client.worker_pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )
    assert parent.stdout is not None
    with parent.stdout:
        worker = int(parent.stdout.readline())
        # The worker holds the same standard error but its own pipes; its end is seen by its process id.
        assert parent.wait(30) == KILLED
    deadline = time.monotonic() + 20
    while _alive(worker):
        assert time.monotonic() < deadline, f"worker {worker} outlived its parent"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
