"""`pytest tests/conformance --device ...`: any device, held to recordings of genuine firmware."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = str(Path(__file__).resolve().parents[2])
if ROOT not in sys.path:
    # In front: a dependency installs a package called `tests` of its own.
    sys.path.insert(0, ROOT)

from tests.conformance import suite  # noqa: E402
from tests.conformance.devices import Spec, parse  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("conformance")
    group.addoption("--scenarios", type=Path, help="a scenario file (default: the one beside the tests)")
    group.addoption("--expected", type=Path, help="a recording (default: that of the device's firmware)")


def _option(config: pytest.Config, name: str) -> Path | None:
    value = config.getoption(name, None)
    return value if isinstance(value, Path) else None


def _scenarios(config: pytest.Config) -> Path:
    return _option(config, "--scenarios") or suite.SCENARIOS


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test once per device; a device's tests run in one worker, so that it is played once."""
    if "played" in metafunc.fixturenames:
        try:
            options = metafunc.config.getoption("--device") or ["builtin"]
            specs = tuple(dict.fromkeys(spec for text in options for spec in parse(text)))
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
        devices = [
            pytest.param(spec, id=str(spec), marks=pytest.mark.xdist_group(str(spec))) for spec in specs
        ]
        metafunc.parametrize("played", devices, indirect=True, scope="session")
    if "theme" in metafunc.fixturenames:
        metafunc.parametrize("theme", suite.themes(_scenarios(metafunc.config)))


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest) -> Iterator[suite.Result]:
    """Every scenario, played once on the device that the parameter names."""
    spec: Spec = request.param
    logging.getLogger("trezorlib").setLevel(logging.CRITICAL)  # it calls a full session table an error
    yield suite.run(spec, _scenarios(request.config), _option(request.config, "--expected"))
    logging.getLogger("trezorlib").setLevel(logging.NOTSET)
