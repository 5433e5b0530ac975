"""`python -m tests.soak --seed N --count N`: fuzzed PSBTs and devices, random days at venues and on Ethereum,
kills at every journaled commit, properties.

Resumable: ./soak/seed-N.json (or `--resume FILE`) holds seed, commits and counts, and a second call goes on
behind them. A case that fails is written there with its traceback and not skipped silently: the exit status
is 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

ROOT: Final = Path(__file__).resolve().parents[2]
PARTS: Final = ("psbt", "device", "venues", "ethereum", "kills", "properties")
PROPERTIES: Final = ("tests/unit", "tests/attacks")
KILLS: Final = (
    "tests/faults/treasury/test_killed_at_every_step.py",
    "tests/faults/ethereum/test_killed_on_ethereum.py",
)


def main(arguments: Sequence[str]) -> int:
    """Run until `count` cases are done; 0 when all that were ever run are exact."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=2000, help="cases in all, earlier runs included")
    parser.add_argument("--folder", type=Path, default=ROOT / "soak")
    parser.add_argument(
        "--resume", type=Path, help="the record to go on with (default: by seed, in --folder)"
    )
    parser.add_argument(
        "--slots", type=int, default=2, help="random days at once, each on a world of its own"
    )
    parser.add_argument("--packets", type=int, default=200_000, help="for the emulated device to survive")
    parser.add_argument("--psbts", type=int, default=1_000_000, help="hostile PSBTs, earlier runs included")
    parser.add_argument(
        "--only", choices=PARTS, help="one of the parts (psbt alone takes its count from --count)"
    )
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.resume or options.folder / f"seed-{options.seed}.json"
    state = _load(path, options.seed)
    parts = (options.only,) if options.only else PARTS
    if "psbt" in parts:
        _psbts(state, path, options.count if options.only else options.psbts)
    if "device" in parts:
        state["device"] = _device(options.seed, options.packets)
        _save(path, state)
    if "venues" in parts:
        _venues(state, path, options.count, options.slots)
    if "ethereum" in parts:
        _ethereum(state, path, options.count, options.slots)
    if "kills" in parts:
        state["kills"] = _run([*KILLS], {"VAULT_KILL_POINTS": "all"})
        _save(path, state)
    if "properties" in parts:
        state["properties"] = _properties(options.seed)
        _save(path, state)
    print(json.dumps(_shown(state), indent=2))  # noqa: T201
    for part in ("venues", "ethereum", "psbt"):
        for failure in state.get(part, {}).get("failures", ()):
            print(f"FAILED {part} case {failure['number']}\n{failure['problem']}", file=sys.stderr)  # noqa: T201
    return 1 if any(state.get(part, {}).get("failed") for part in PARTS) else 0


def _shown(state: dict[str, Any]) -> dict[str, Any]:
    """The record without the tracebacks."""
    return {
        part: {name: value for name, value in found.items() if name != "failures"}
        if isinstance(found, dict)
        else found
        for part, found in state.items()
    }


def _load(path: Path, seed: int) -> dict[str, Any]:
    fresh: dict[str, Any] = {"seed": seed, "commits": []}
    state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else fresh
    if state["seed"] != seed:
        raise SystemExit(f"{path}: expected the record of seed {seed}, found one of seed {state['seed']}")
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


def _venues(state: dict[str, Any], path: Path, count: int, slots: int) -> None:
    from tests.soak.venues.soak import soak_venues

    for record in soak_venues(state["seed"], count, slots, state.get("venues")):
        state["venues"] = record
        _save(path, state)
        counts = record["counts"]
        print(  # noqa: T201
            f"seed {state['seed']}: {record['done']} of {count} days at venues, {record['failed']} failed, "
            f"{counts.get('killed', 0)} killed, withdrawn twice {record['withdrawn_twice']}, "
            f"left unknown {record['left_unknown']}, undecidable {_undecidable(counts)}",
            flush=True,
        )


def _ethereum(state: dict[str, Any], path: Path, count: int, slots: int) -> None:
    from tests.soak.venues.soak import soak_ethereum

    for record in soak_ethereum(state["seed"], count, slots, state.get("ethereum")):
        state["ethereum"] = record
        _save(path, state)
        counts = record["counts"]
        print(  # noqa: T201
            f"seed {state['seed']}: {record['done']} of {count} days on Ethereum, {record['failed']} failed, "
            f"{counts.get('killed', 0)} killed, paid twice {record['withdrawn_twice']}, "
            f"left unknown {record['left_unknown']}",
            flush=True,
        )


def _undecidable(counts: dict[str, int]) -> int:
    """Cases in which nobody could say which of an exchange's records is ours: left to a person, by name."""
    return sum(count for what, count in counts.items() if what.startswith("undecidable "))


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
    return _run(["-m", "hypothesis", f"--hypothesis-seed={seed}", *PROPERTIES], {"VAULT_HYPOTHESIS": "soak"})


def _run(arguments: list[str], environment: dict[str, str]) -> dict[str, int]:
    """Tests in a process of their own, without a time limit: how many, and how many failed."""
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        report = Path(name) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-o", "timeout=0", f"--junitxml={report}", *arguments]
        subprocess.run(command, cwd=ROOT, env={**os.environ, **environment})
        suite = ET.parse(report).getroot().find("testsuite")  # noqa: S314  a file of our own
        assert suite is not None
        failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        return {"tests": int(suite.get("tests", "0")), "failed": failed}


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on behind its record")
