"""A world for the fault tests of the line, and the crew that carries out jobs in other processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    # In front: a dependency installs a package called `tests` of its own.
    sys.path.insert(0, ROOT)

from emulator.world_client import WorldProcess  # noqa: E402
from tests.faults.treasury.bench import Bench, Case, opened_bench, share_worker, without_patience  # noqa: E402
from tests.faults.treasury.driver import Crew  # noqa: E402
from tests.faults.treasury.stage import Kind, Scene  # noqa: E402


@pytest.fixture
def kill_folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def kill_scene(kill_folder: Path) -> Iterator[Scene]:
    with WorldProcess.start(directory=kill_folder / "world") as world:
        yield Scene.of(world)


@pytest.fixture
def crew(kill_scene: Scene, kill_folder: Path) -> Iterator[Crew]:
    crew = Crew(kill_scene, kill_folder / "crew.log")
    try:
        yield crew
    finally:
        crew.close()


@pytest.fixture
def tell(
    capfd: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> Callable[[str], None]:
    """Say a count where it is seen: on the terminal (also from an xdist worker) and in the report."""

    def say(text: str) -> None:
        record_property("count", text)
        with capfd.disabled():
            os.write(2, f"\n{text}\n".encode())

    return say


@pytest.fixture(scope="session")
def session_bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with opened_bench(tmp_path_factory.mktemp("bench")) as bench:
        yield bench


@pytest.fixture
def bench(session_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    share_worker(session_bench, monkeypatch)
    without_patience(monkeypatch)
    session_bench.calm()
    return session_bench


@pytest.fixture
def make(bench: Bench) -> Iterator[Callable[..., Case]]:
    """`make("withdrawal")`: a treasury with a proposed plan, closed at the end of the test."""
    made: list[Case] = []

    def new(kind: Kind, **options: Any) -> Case:
        made.append(bench.case(kind, **options))
        return made[-1]

    try:
        yield new
    finally:
        bench.calm()
        for case in made:
            case.desk.close()
