"""SIGKILL just before or just after every journaled commit of the line, then: restart, reconcile, resume.

Each commit is killed at on one side, which its name decides; on both with VAULT_KILL_POINTS=all, as the soak
does (`python -m tests.soak --only kills`).

At each stop the exchange and the chain hold at most one of everything, no step stays lost, the books equal
both to the satoshi; `send --resume` then completes the plan exactly once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from tests.faults.treasury import stage
from tests.faults.treasury.driver import Crew, result_of
from tests.faults.treasury.jobs import Job
from tests.faults.treasury.stage import ROOT, Scene

SIDE_BY_SIDE = 6  # some jobs wait until an absence is proven; the others keep the cores busy
KILLED = -signal.SIGKILL
# Every treasury mines blocks for all: an original that waits to be bumped must not be in one.
ALONE: tuple[stage.Kind, ...] = ("bump",)
EVERY_POINT = os.environ.get("VAULT_KILL_POINTS") == "all"
TRIES = 4  # a run may pass a stop by: what reconciliation sees depends on how far the world is


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


def chosen_side(stop: str) -> str:
    """The stop before or after a commit, whichever the commit's name decides: always the same one."""
    what = stop.partition(" ")[2]
    return f"{('before', 'after')[zlib.crc32(what.encode()) % 2]} {what}"


class EveryStop:
    """Kills at every stop that any run ever passes; a run may be quicker than another and skip one."""

    def __init__(self, crew: Crew, folder: Path, kind: stage.Kind) -> None:
        self._crew, self._folder, self._kind = crew, folder, kind
        self._lock = threading.Condition()
        self._numbers = count(1)
        self._tries: Counter[str] = Counter()
        self._waiting: list[str] = []
        self._working = 0
        self.killed: list[str] = []

    def run(self) -> list[str]:
        self._learn(self._one("")[1])
        width = 1 if self._kind in ALONE else SIDE_BY_SIDE
        with ThreadPoolExecutor(width) as pool:
            for future in [pool.submit(self._work) for _ in range(width)]:
                future.result()
        return self.killed

    def _one(self, at: str) -> tuple[bool, list[str]]:
        number = next(self._numbers)
        return kill_and_recover(self._crew, self._folder / str(number), number, self._kind, at)

    def _learn(self, passed: list[str]) -> None:
        new = [stop for stop in passed if stop not in self._tries]
        self._waiting += [stop for stop in new if EVERY_POINT or stop == chosen_side(stop)]
        self._tries.update(new)

    def _work(self) -> None:
        while (at := self._next()) is not None:
            came = False
            passed: list[str] = []
            try:
                came, passed = self._one(at)
            finally:
                with self._lock:
                    self._working -= 1
                    self._learn(passed)
                    if came:
                        self.killed.append(at)
                    elif self._tries[at] < TRIES:
                        self._tries[at] += 1
                        self._waiting.append(at)
                    self._lock.notify_all()

    def _next(self) -> str | None:
        with self._lock:
            self._lock.wait_for(lambda: self._waiting or not self._working)
            if not self._waiting:
                return None
            self._working += 1
            return self._waiting.pop(0)


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
    killed = EveryStop(crew, kill_folder, kind).run()
    stops = [f"{side} {what}" for what in EXPECTED[kind] for side in ("before", "after")]
    wanted = [stop for stop in stops if EVERY_POINT or stop == chosen_side(stop)]
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
