"""A world of its own for the fault tests of the line, and the crew that carries out jobs in other processes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    # In front: a dependency installs a package called `tests` of its own.
    sys.path.insert(0, ROOT)

from emulator.world_client import WorldProcess  # noqa: E402
from tests.faults.treasury.driver import Crew  # noqa: E402
from tests.faults.treasury.stage import Scene  # noqa: E402


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
def tell(capfd: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say a count where it is seen: on the terminal (also from an xdist worker) and in the report."""

    def say(text: str) -> None:
        record_property("count", text)
        with capfd.disabled():
            os.write(2, f"\n{text}\n".encode())

    return say
