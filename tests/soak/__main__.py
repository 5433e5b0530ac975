"""`python -m tests.soak --seed N --count N`: fuzzed PSBTs and devices, faults, properties.

Resumable: ./soak/seed-N.json holds seed, commit and counts, and a second call goes on behind them. A case
that fails is written there with its traceback and not skipped silently: the exit status is 1.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

ROOT: Final = Path(__file__).resolve().parents[2]
SIDE_BY_SIDE: Final = 6
BATCH: Final = 16
PARTS: Final = ("psbt", "device", "days", "properties")
PROPERTIES: Final = ("tests/unit", "tests/attacks")


def main(arguments: Sequence[str]) -> int:
    """Run until `count` cases are done; 0 when all that were ever run are exact."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000, help="cases in all, earlier runs included")
    parser.add_argument("--folder", type=Path, default=ROOT / "soak")
    parser.add_argument("--packets", type=int, default=200_000, help="for the emulated device to survive")
    parser.add_argument("--psbts", type=int, default=1_000_000, help="hostile PSBTs, earlier runs included")
    parser.add_argument(
        "--only", choices=PARTS, help="one of the parts (psbt alone takes its count from --count)"
    )
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / f"seed-{options.seed}.json"
    state = _load(path, options.seed)
    parts = (options.only,) if options.only else PARTS
    if "psbt" in parts:
        _psbts(state, path, options.count if options.only else options.psbts)
    if "device" in parts:
        state["device"] = _device(options.seed, options.packets)
        _save(path, state)
    if "days" in parts:
        _cases(state, path, options.count)
    if "properties" in parts:
        state["properties"] = _properties(options.seed)
        _save(path, state)
    print(json.dumps({key: value for key, value in state.items() if key != "failures"}, indent=2))  # noqa: T201
    for failure in state["failures"]:
        print(f"FAILED case {failure['number']}\n{failure['problem']}", file=sys.stderr)  # noqa: T201
    failed = [state.get(part, {}).get("failed") for part in ("psbt", "device", "properties")]
    return 1 if state["failures"] or any(failed) else 0


def _load(path: Path, seed: int) -> dict[str, Any]:
    fresh = {"seed": seed, "done": 0, "counts": {}, "failures": [], "commits": []}
    state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else fresh
    commit = _commit()
    if commit not in state["commits"]:
        state["commits"].append(commit)
    return state


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return "unknown"
    said = subprocess.run(
        [git, "describe", "--always", "--dirty", "--abbrev=40"], cwd=ROOT, capture_output=True, text=True
    )
    return said.stdout.strip() or "unknown"


def _save(path: Path, state: dict[str, Any]) -> None:
    scratch = path.with_suffix(".part")
    scratch.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
    scratch.replace(path)


def _cases(state: dict[str, Any], path: Path, count: int) -> None:
    from tests.soak.random_days import CASES_A_WORLD, Day, Stage, play

    def one(stage: Stage, folder: Path, number: int) -> dict[str, int] | str:
        try:
            return play(stage.crew, stage.scene, folder, Day.of(state["seed"], number))
        except BaseException:  # noqa: BLE001  whatever it was belongs into the record
            return traceback.format_exc()

    while state["done"] < count:
        with tempfile.TemporaryDirectory(prefix="soak-") as name:
            stage = Stage.open(Path(name))
            try:
                end = min(count, (state["done"] // CASES_A_WORLD + 1) * CASES_A_WORLD)
                while state["done"] < end:
                    numbers = range(state["done"], min(end, state["done"] + BATCH))
                    work = functools.partial(one, stage, Path(name))
                    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
                        found = list(pool.map(work, numbers))
                    _add(state, numbers, found)
                    _save(path, state)
                    print(f"seed {state['seed']}: {state['done']} of {count} {state['counts']}", flush=True)  # noqa: T201
            finally:
                stage.close()


def _add(state: dict[str, Any], numbers: Sequence[int], found: list[dict[str, int] | str]) -> None:
    for number, result in zip(numbers, found, strict=True):
        if isinstance(result, str):
            state["failures"].append({"number": number, "problem": result})
            continue
        for key, value in result.items():
            state["counts"][key] = state["counts"].get(key, 0) + value
    state["done"] = numbers[-1] + 1


def _psbts(state: dict[str, Any], path: Path, count: int) -> None:
    from tests.soak.psbt_fuzz import fuzz_psbts

    for record in fuzz_psbts(state["seed"], count, state.get("psbt")):
        state["psbt"] = record
        _save(path, state)
        print(f"seed {state['seed']}: {record['done']} of {count} PSBTs", flush=True)  # noqa: T201


def _device(seed: int, count: int) -> dict[str, Any]:
    """Packets and messages the emulated device survived; the first attack it did not is told."""
    from tests.soak.device_fuzz import fuzz

    def say(line: str) -> None:
        print(f"seed {seed}: {line}", flush=True)  # noqa: T201

    try:
        return {"thrown": fuzz(seed, count, say).thrown, "failed": 0}
    except Exception:  # noqa: BLE001  whatever it was belongs into the record
        problem = traceback.format_exc()
        print(problem, file=sys.stderr)  # noqa: T201
        return {"failed": 1, "problem": problem}


def _properties(seed: int) -> dict[str, int]:
    """Every property test with thousands of examples; the hypothesis profile is the conftest's own."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        report = Path(name) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-m", "hypothesis", f"--hypothesis-seed={seed}"]
        command += ["-o", "timeout=0", f"--junitxml={report}", *PROPERTIES]
        subprocess.run(command, cwd=ROOT, env={**os.environ, "VAULT_HYPOTHESIS": "soak"})
        suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314  a file of our own
        assert suite is not None
        failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        return {"tests": int(suite.get("tests", "0")), "failed": failed}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
