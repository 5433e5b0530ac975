"""The recorder of `--device-report`: each test counts for every device it talked to, also under xdist."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.device_report import NONE, DeviceReport, genuine, table


def report_of(test: str, when: str, outcome: str, *devices: str, why: str = "") -> pytest.TestReport:
    said: Any = ("file", 1, f"Skipped: {why}") if why else None
    properties = [("device", device) for device in devices]
    return pytest.TestReport(test, ("file", 1, test), {}, outcome, said, when, user_properties=properties)  # type: ignore[arg-type]


def test_a_test_counts_once_for_each_device_and_a_failure_in_any_phase_is_one(tmp_path: Path) -> None:
    recorder = DeviceReport(tmp_path / "report.json", worker=False)
    one, two = "genuine one", "genuine two"
    for each in (
        report_of("a", "setup", "passed"),
        report_of("a", "call", "passed", one, two),
        report_of("a", "teardown", "passed", one, two),
        report_of("b", "setup", "passed", one),
        report_of("b", "call", "passed", one),
        report_of("b", "teardown", "failed", one),
        report_of("c", "setup", "skipped", two, why="no button"),
        report_of("d", "call", "passed"),
    ):
        recorder.pytest_runtest_logreport(each)
    recorder.pytest_sessionfinish()
    found = json.loads(recorder.file.read_text())
    assert found["tests"] == 4
    assert found["devices"] == {
        one: {"passed": 1, "failed": ["b"], "skipped": {}},
        two: {"passed": 1, "failed": [], "skipped": {"no button": 1}},
        NONE: {"passed": 1, "failed": [], "skipped": {}},
    }
    rows = table([found]).splitlines()
    assert rows[2].startswith(f"| {one} | 1 | 1 | 0 | {found['date']} |")
    assert "1: no button" in rows[3]


def test_a_worker_writes_nothing(tmp_path: Path) -> None:
    recorder = DeviceReport(tmp_path / "report.json", worker=True)
    recorder.pytest_sessionfinish()
    assert not recorder.file.exists()


def test_the_property_names_a_genuine_device() -> None:
    assert genuine("Trezor T1B1 1.14.2") == ("device", "genuine Trezor T1B1 1.14.2")


def test_two_workers_make_one_report(tmp_path: Path, repo_root: Path) -> None:
    file = tmp_path / "report.json"
    options = ("-k", "fingerprint_is_learnt or outside_of_wallet", "--device-report", str(file))
    tests = "tests/integration/device/test_device_session.py"
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "2", tests, *options],
        cwd=repo_root,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert finished.returncode == 0, finished.stdout
    found = json.loads(file.read_text())
    passed = {name.split(":")[0]: row["passed"] for name, row in found["devices"].items()}
    # Six paths on one persona, and one test on each of the four.
    assert passed == {
        "persona onekey-classic1s": 1,
        "persona onekey-pro": 1,
        "persona trezor-core": 7,
        "persona trezor-one": 1,
    }
    assert any(name == "persona trezor-one: Trezor 1 1.14.2" for name in found["devices"])
