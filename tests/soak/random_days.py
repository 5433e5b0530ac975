"""Random lines under random faults and kills: each number of a seed is always the same case.

Every case is a treasury of its own: faults at the exchange and the chain, a SIGKILL somewhere, perhaps a
second one while it recovers; then it must rest with equal books and end with everything done exactly once.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from emulator.world_client import WorldProcess
from tests.faults.treasury.driver import Crew, result_of
from tests.faults.treasury.jobs import Job
from tests.faults.treasury.stage import KINDS, Kind, Scene, Staged

# A device knows a hundred accounts; a world is left before they are used up.
CASES_A_WORLD: Final = 80
KILLED: Final = -9
_SENDS: Final = ("withdraw/apply", "asset/transfer")
_FAULTS: Final = (
    "504_after_recording",
    "504_before_recording",
    "drop_connection_before",
    "drop_connection_after",
    "broken_json",
    "http_500",
    "http_500_after_recording",
)


@dataclass(frozen=True, slots=True)
class Day:
    """What happens in one case; it follows from seed and number alone."""

    number: int
    kind: Kind
    kills: tuple[str, ...]
    venue_faults: tuple[tuple[str, str, int], ...]  # kind, path, how many requests pass first
    chain_fault: str

    @classmethod
    def of(cls, seed: int, number: int) -> Day:
        dice = random.Random(f"{seed}/{number}")
        kills = [f"#{dice.randint(1, 30)}" if dice.random() < 0.7 else ""]
        if dice.random() < 0.4:
            kills.append(f"#{dice.randint(1, 14)}")
        faults = [
            (dice.choice(_FAULTS), dice.choice(_SENDS), dice.randint(0, 1)) for _ in range(dice.randint(0, 2))
        ]
        chain = dice.choice(("drop", "drop_after", "")) if dice.random() < 0.5 else ""
        return cls(number, dice.choice(KINDS), tuple(kills), tuple(faults), chain)


def play(crew: Crew, scene: Scene, folder: Path, day: Day) -> dict[str, int]:
    """One case from beginning to end; what happened in it. AssertionError when anything is not exact."""
    place = folder / str(day.number)
    place.mkdir(parents=True)
    account = day.number % CASES_A_WORLD + 1
    job = Job(account, "prepare", day.kind, str(place))
    assert crew.do(job) == 0, day
    result_of(job)
    key = f"withdraw-key-{Staged.load(place).account}"
    for kind, path, skip in day.venue_faults:
        scene.exchange.fault(kind, path, method="POST", skip=skip, api_key=key)
    if day.chain_fault:
        scene.chain.fault(day.chain_fault, path="/tx", method="POST")
    counts = {"cases": 1, "kills": 0, "errors": 0, "settled": 0}
    for at, action in zip(day.kills, ("go", "go-on"), strict=False):
        status = crew.do(replace(job, action=action, kill_at=at))
        counts["kills"] += status == KILLED
        if status != KILLED:
            _note(counts, result_of(replace(job, action=action)))
    _end(crew, job, counts)
    return counts


def _end(crew: Crew, job: Job, counts: dict[str, int]) -> None:
    last = replace(job, action="go-on")
    assert crew.do(last) == 0, job
    _note(counts, result_of(last))


def _note(counts: dict[str, int], result: dict[str, Any]) -> None:
    counts["errors"] += len(result.get("errors", ())) + bool(result.get("code"))
    counts["settled"] += bool({"unknown", "unsent"} & set(result.get("met", ())))


@dataclass(frozen=True, slots=True)
class Stage:
    """A world with its crew, for some eighty cases."""

    world: WorldProcess
    scene: Scene
    crew: Crew

    @classmethod
    def open(cls, folder: Path) -> Stage:
        folder.mkdir(parents=True, exist_ok=True)
        world = WorldProcess.start(directory=folder / "world")
        try:
            scene = Scene.of(world)
            return cls(world, scene, Crew(scene, folder / "crew.log"))
        except BaseException:
            world.stop()
            raise

    def close(self) -> None:
        self.crew.close()
        self.world.stop()
