"""Results recorded from genuine firmware (Trezor One 1.14.2): equal to the byte.

Needs the recordings and their driver; skips without them. Model T's flow and wording differ from
Trezor One's, so only results both give are compared, and every refusal that concerns money.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emulator.device.server import DeviceEmulator

RESULTS = ("sign_tx", "get_address", "get_public_node", "sign_message")
NOT_YET = ("eth", "multisig", "pin/", "manage/set-pin")
# Refused by Trezor One, accepted by the newest core firmware: nine path levels (public keys of
# any path), transactions without outputs, data beyond 80 bytes in OP_RETURN.
CORE_ACCEPTS = {"xpub/nine-levels", "sign-refuse/no-outputs", "sign-refuse/op-return-220"}


def steps(recording: Any) -> dict[tuple[str, int], Any]:
    return {
        (scenario["id"], number): step
        for scenario in recording["scenarios"]
        for number, step in enumerate(scenario["steps"])
    }


def test_results_and_refusals_agree_with_the_recording(shared_dir: Path, tmp_path: Path) -> None:
    kit = shared_dir / "conformance"
    if not (kit / "conform.py").is_file():
        pytest.skip("no conformance kit in the reference data")
    out = tmp_path / "got.json"
    skips = [argument for text in NOT_YET for argument in ("--skip", text)]
    driver = [sys.executable, str(kit / "conform.py"), "--timeout", "5", "--out", str(out), *skips]
    driver += ["--scenarios", str(kit / "scenarios" / "open.json")]
    with DeviceEmulator(mode="scripted") as device:
        subprocess.run(
            [*driver, "--port", str(device.port)],
            check=True,
            capture_output=True,
            timeout=60,
        )
    got = steps(json.loads(out.read_text()))
    expected = steps(json.loads((kit / "outcomes" / "open-trezor-legacy.json").read_text()))
    compared = refused = 0
    for key, step in got.items():
        if step["call"] not in RESULTS:
            continue
        mine, theirs = step["outcome"], expected[key]["outcome"]
        if "ok" in mine and "ok" in theirs:
            assert mine["ok"] == theirs["ok"], key
            compared += 1
        elif "ok" in mine:
            assert key[0] in CORE_ACCEPTS, key
        elif "ok" not in theirs:
            refused += 1
    assert compared >= 180
    assert refused >= 100
