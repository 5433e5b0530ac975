"""The suite on one device: which recording it is held to, playing, comparing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.conformance import compare, recording, scenario
from tests.conformance.devices import Spec, opened
from tests.conformance.driver import Driver
from tests.conformance.recording import Record

DATA = Path(__file__).resolve().parent / "data"
SCENARIOS = DATA / "scenarios.json"
# Recordings of genuine firmware, by the vendor and model a device reports.
BY_IDENTITY = {("trezor.io", "1"): "trezor-one", ("onekey.so", "1"): "onekey-classic1s"}
FOR_INFORMATION = "trezor-one"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a device: `reference` is its recording, `own` whether that is of its firmware."""

    device: str
    reference: Path
    own: bool
    records: tuple[Record, ...]
    restarts: int
    comparison: compare.Comparison

    def report(self) -> str:
        note = "" if self.own else " (another firmware's recording: for information)"
        title = f"{self.device} against {self.reference.stem}{note}"
        return f"{title}\n{self.comparison.table()}"


def run(
    spec: Spec,
    scenarios: Path = SCENARIOS,
    expected: Path | None = None,
    only: str = "",
) -> Result:
    """Play the scenarios that the recording can be compared with. DeviceUnreachableError if it dies."""
    wanted = [one for one in scenario.load(scenarios) if only in one.id]
    with opened(spec) as device:
        driver = Driver(device)
        try:
            reference, own = _reference(driver, expected)
            records = recording.load(reference)
            got = tuple(driver.play(one) for one in compare.playable(wanted, records))
        finally:
            driver.close()
    comparison = compare.compare(wanted, records, {record.id: record for record in got})
    return Result(str(spec), reference, own, got, driver.restarts, comparison)


def _reference(driver: Driver, expected: Path | None) -> tuple[Path, bool]:
    if expected is not None:
        return expected, True
    name = BY_IDENTITY.get((driver.vendor, driver.model))
    return DATA / f"{name or FOR_INFORMATION}.json", name is not None


def themes(scenarios: Path = SCENARIOS) -> list[str]:
    return sorted({one.theme for one in scenario.load(scenarios)})
