"""SIGKILL just before and just after every journaled commit of the line, then: restart, reconcile, resume.

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
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from threading import Lock

import pytest

from tests.faults.treasury import stage
from tests.faults.treasury.driver import Crew, Job, result_of
from tests.faults.treasury.stage import ROOT, Scene

SIDE_BY_SIDE = 10  # jobs wait for the exchange's rate limit most of the time
KILLED = -signal.SIGKILL
MAX_STOPS = 80
_lock = Lock()


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop at which a run was killed, what was being written, and the states met afterwards."""

    number: int
    side: str
    rows: tuple[str, ...]
    met: tuple[str, ...]


def kill_and_recover(crew: Crew, folder: Path, kind: stage.Kind, at: int, *, with_proposal: bool) -> Stop | None:
    """One treasury: killed at stop `at`, restarted, completed. None when the run ended before that stop."""
    place = folder / f"{kind}-{at}"
    place.mkdir()
    prepare = Job(at, "prepare", kind, str(place), 0, with_proposal)
    assert crew.do(prepare) == 0
    result_of(prepare)
    run = replace(prepare, action="run", kill_at=at)
    status = crew.do(run)
    if status == 0:
        result_of(run)
        return None
    assert status == KILLED, status
    killed = json.loads(run.note.read_text(encoding="utf-8"))
    recover = replace(prepare, action="recover")
    assert crew.do(recover) == 0
    answer = result_of(recover)
    return Stop(at, killed["side"], tuple(killed["rows"]), tuple(answer["met"]))


def every_stop(crew: Crew, folder: Path, kind: stage.Kind, *, with_proposal: bool = False) -> list[Stop]:
    """Kill at stop 1, 2, 3, … until a run completes unkilled."""
    stops: list[Stop] = []
    numbers = count(1)
    over = False

    def work() -> None:
        nonlocal over
        while not over:
            with _lock:
                at = next(numbers)
            assert at < MAX_STOPS
            stop = kill_and_recover(crew, folder, kind, at, with_proposal=with_proposal)
            if stop is None:
                over = True
            else:
                stops.append(stop)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for future in [pool.submit(work) for _ in range(SIDE_BY_SIDE)]:
            future.result()
    return sorted(stops, key=lambda stop: stop.number)


EXPECTED: dict[stage.Kind, dict[str, int]] = {
    "withdrawal": {"plan sending": 1, "planned to submitting": 2, "submitting to accepted": 2, "plan done": 1},
    "evacuation": {
        "planned to signing": 1,
        "signing to signed": 1,
        "plan sending": 1,
        "signed to submitting": 1,
        "submitting to accepted": 1,
        "plan done": 1,
    },
    "top-up": {
        "planned to signing": 1,
        "signed to submitting": 1,
        "planned to submitting": 1,
        "submitting to accepted": 2,
        "planned to done": 1,
        "plan done": 1,
    },
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["withdrawal", "evacuation", "top-up"])
def test_killed_at_every_journaled_step_it_is_completed_exactly_once(
    kind: stage.Kind, crew: Crew, kill_folder: Path, tell: Callable[[str], None]
) -> None:
    began = time.monotonic()
    stops = every_stop(crew, kill_folder, kind)
    assert [stop.number for stop in stops] == list(range(1, len(stops) + 1))
    for side in ("before", "after"):
        written = Counter(row for stop in stops if stop.side == side for row in stop.rows)
        for row, times in EXPECTED[kind].items():
            assert written[row] >= times, (side, row, written)
    # The kills really left steps lost: reconciliation had something to settle.
    assert any("submitting" in rows and stop.side == "after" for stop in stops for rows in stop.rows)
    tell(
        f"SIGKILL points: {kind} {len(stops)}; 0 double sends, 0 lost, books balanced at each "
        f"({time.monotonic() - began:.0f} s)"
    )


def test_the_venue_worker_dies_with_its_killed_parent(kill_scene: Scene, tmp_path: Path) -> None:
    """The real worker, started by the client itself, in the process group of a parent that is killed."""
    program = (
        "import os, signal, sys\n"
        "from vault.config import VenueSettings\n"
        "from vault.venues.client import VenueClient\n"
        f"settings = VenueSettings(name='t', exchange='binance', account_uid='1', url={kill_scene.venue!r})\n"
        "client = VenueClient('t', settings)\n"
        "client.public('t', 'fapiPublicGetTime') if False else client._running()\n"
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
