"""What became of the device tests, device by device: `pytest ... --device-report FILE.json`.

Each test counts for every device that it talked to, by the name and version which that device reports.
`python -m tests.support.device_report FILE...` prints the table of docs/devices.md.
"""

from __future__ import annotations

import json
import platform
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest

from emulator.device.personas import PERSONAS
from emulator.device.server import DeviceEmulator
from tests.support.device_in_hand import introduction

PROPERTY: Final = "device"
NONE: Final = "scripted line, or no device"
_PERSONA: Final = "persona "
_GENUINE: Final = "genuine "
_COLUMNS: Final = ("device", "passed", "failed", "skipped, with the reason", "date")


@dataclass
class Row:
    """The counts of one device."""

    passed: int = 0
    failed: list[str] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass
class Outcome:
    """One test: what it talked to, and how it ended; empty is passed."""

    devices: set[str] = field(default_factory=set)
    failed: bool = False
    skipped: str | None = None


class DeviceReport:
    """Registered as a pytest plugin, also in each worker of xdist: those note, the controller counts."""

    def __init__(self, file: Path, *, worker: bool) -> None:
        self.file = file
        self.worker = worker
        self.outcomes: dict[str, Outcome] = {}
        self._item: pytest.Item | None = None
        self._start = DeviceEmulator.start

    # In the process of the tests: whom a test talks to

    def listen(self) -> None:
        """Note each of our emulators that a test starts, however it does so."""
        start = self._start

        def noted(device: DeviceEmulator) -> DeviceEmulator:
            self._note(_PERSONA + device.persona)
            return start(device)

        DeviceEmulator.start = noted  # type: ignore[method-assign,assignment]

    def pytest_unconfigure(self) -> None:
        DeviceEmulator.start = self._start  # type: ignore[method-assign]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._item = item
        try:
            return (yield)
        finally:
            self._item = None

    def _note(self, name: str) -> None:
        if self._item is not None and (PROPERTY, name) not in self._item.user_properties:
            self._item.user_properties.append((PROPERTY, name))

    # In the controller: what became of it

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        found = self.outcomes.setdefault(report.nodeid, Outcome())
        found.devices |= {str(value) for name, value in report.user_properties if name == PROPERTY}
        if report.failed:
            found.failed = True
        elif report.skipped:
            found.skipped = reason(report)

    def pytest_sessionfinish(self) -> None:
        if not self.worker:
            self.file.write_text(json.dumps(self.document(), indent=2) + "\n")

    def document(self) -> dict[str, Any]:
        rows: dict[str, Row] = {}
        for test, outcome in self.outcomes.items():
            for name in outcome.devices or {NONE}:
                row = rows.setdefault(name, Row())
                if outcome.failed:
                    row.failed.append(test)
                elif outcome.skipped is not None:
                    row.skipped[outcome.skipped] += 1
                else:
                    row.passed += 1
        return {
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "python": platform.python_version(),
            "trezorlib": version("trezor"),
            "tests": len(self.outcomes),
            "devices": {
                _with_version(name): {
                    "passed": row.passed,
                    "failed": sorted(row.failed),
                    "skipped": dict(sorted(row.skipped.items())),
                }
                for name, row in sorted(rows.items())
            },
        }


def genuine(name: str) -> tuple[str, str]:
    """The property of a test that talks to the genuine emulator which introduces itself so."""
    return PROPERTY, _GENUINE + name


def reason(report: pytest.TestReport) -> str:
    """Why a test was skipped."""
    said = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return said.removeprefix("Skipped: ")


def _with_version(name: str) -> str:
    persona = name.removeprefix(_PERSONA)
    if persona not in PERSONAS:
        return name
    with DeviceEmulator(mnemonic="all " * 11 + "all", persona=persona, mode="auto") as device:
        return f"{name}: {introduction(device.path)}"


def table(documents: Iterable[dict[str, Any]]) -> str:
    """The Markdown table of one or several runs; genuine devices first."""
    rows = []
    for document in documents:
        for name, row in document["devices"].items():
            skipped = "; ".join(f"{count}: {why}" for why, count in row["skipped"].items()) or "0"
            rows.append((name, str(row["passed"]), str(len(row["failed"])), skipped, document["date"]))
    rows.sort(key=lambda row: (not row[0].startswith(_GENUINE), row[0] == NONE, row[0]))
    lines = [_COLUMNS, tuple("---" for _ in _COLUMNS), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(table(json.loads(Path(name).read_text()) for name in sys.argv[1:]) + "\n")
