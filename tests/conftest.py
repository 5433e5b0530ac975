"""Settings shared by all tests: deterministic property tests, and paths."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# A shell starts background jobs with SIGINT ignored, and everything below them inherits that; the tests
# of Ctrl-C want the disposition that a person at a terminal has.
if (
    threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile(
    "sample",
    derandomize=True,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("soak", deadline=None, max_examples=5000, print_blob=True)
settings.load_profile(os.environ.get("VAULT_HYPOTHESIS", "sample"))


RECURSION_LIMIT = sys.getrecursionlimit()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--device",
        action="append",
        help="device and conformance tests, may be repeated: builtin (default), builtin:PERSONA, "
        "udp:HOST:PORT, trezor-legacy=PATH, trezor-core=PATH, onekey=PATH",
    )
    parser.addoption(
        "--device-report",
        type=Path,
        metavar="FILE",
        help="write what became of the tests on each device to FILE, as JSON",
    )


def pytest_configure(config: pytest.Config) -> None:
    file = config.getoption("--device-report")
    if file is None:
        return
    from tests.support.device_report import DeviceReport

    report = DeviceReport(file, worker=hasattr(config, "workerinput"))
    report.listen()
    config.pluginmanager.register(report, "device-report")


@pytest.fixture(autouse=True)
def ordinary_recursion_limit() -> None:
    """py_ecc, which eth_account imports, raises the limit so far that deep nesting overflows the stack."""
    sys.setrecursionlimit(RECURSION_LIMIT)


@pytest.fixture
def repo_root() -> Path:
    return ROOT


@pytest.fixture
def shared_dir() -> Path:
    """Reference data that does not travel with the project; tests that need it skip without it."""
    from tests.support.shared import shared_path

    path = shared_path()
    if not path.is_dir():
        pytest.skip(f"reference data not present at {path}")
    return path
