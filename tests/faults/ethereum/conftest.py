"""Devices and the crew that carries out jobs in other processes, for all cases."""

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

from tests.faults.ethereum.setting import Devices, devices_of  # noqa: E402
from tests.soak.ethereum.crew import Crew  # noqa: E402


@pytest.fixture(scope="session")
def ethereum_devices() -> Iterator[Devices]:
    with devices_of("trezor-core", "onekey-classic1s") as devices:
        yield devices


@pytest.fixture(scope="session")
def ethereum_crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    crew = Crew(tmp_path_factory.mktemp("crew") / "crew.log")
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
