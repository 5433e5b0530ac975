"""PIN and passphrase typed at a real terminal: used, and to be found in nothing that was printed."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from emulator.device.server import DeviceEmulator
from vault.clock import SystemClock
from vault.treasury.setup import init_treasury

ROOT = Path(__file__).resolve().parents[3]
MNEMONIC = "all all all all all all all all all all all all"
LIMIT_S = 60
PASSPHRASE = "zirkon9 quartz"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return init_treasury(tmp_path / "desk", "desk", SystemClock(), emulated=True).folder


def at_a_terminal(desk: Path, arguments: list[str], answers: list[tuple[str, Any]]) -> tuple[int, str]:
    """Run `vault` on a terminal of its own, typing each answer when its question appears."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "vault", *arguments],
        cwd=desk,
        env={**os.environ, "PYTHONPATH": str(ROOT), "VAULT_DEBUG": "1", "TERM": "dumb"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_own_the_terminal,  # noqa: PLW1509 -- getpass asks at the controlling terminal
    )
    os.close(theirs)
    seen, waiting, deadline = "", list(answers), time.monotonic() + LIMIT_S
    try:
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.05)[0]:
                if process.poll() is not None:
                    break
                continue
            try:
                chunk = os.read(ours, 65536)
            except OSError:
                break
            if not chunk:
                break
            seen += chunk.decode()
            if waiting and waiting[0][0] in seen[seen.rfind("\n") + 1 :]:
                _, text = waiting.pop(0)
                os.write(ours, (text() if callable(text) else text).encode() + b"\n")
        return process.wait(timeout=10), seen
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _own_the_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_pin_typed_as_places_unlocks_and_is_not_printed(desk: Path) -> None:
    typed: list[str] = []
    with DeviceEmulator(mnemonic=MNEMONIC, persona="trezor-one", mode="auto", pin="8417") as device:

        def places() -> str:
            matrix = device._engine.matrix
            typed.append("".join(str(matrix.index(digit) + 1) for digit in "8417"))
            return typed[0]

        status, seen = at_a_terminal(
            desk, ["device", "info", "--path", device.path], [("Places of the PIN", places)]
        )
        assert status == 0, seen
        assert str(device.root_fingerprint) in seen
    assert "7 8 9" in seen
    assert typed[0] not in seen
    assert "8417" not in seen


def test_a_passphrase_is_typed_twice_when_a_device_is_added_and_never_printed(desk: Path) -> None:
    from embit import bip32, bip39

    hidden = bip32.HDKey.from_seed(bip39.mnemonic_to_seed(MNEMONIC, PASSPHRASE)).my_fingerprint.hex()
    with DeviceEmulator(
        mnemonic=MNEMONIC, persona="trezor-one", mode="auto", passphrase_protection=True
    ) as device:
        # Two connections, and at each the passphrase and the same again.
        answers = [("Passphrase", PASSPHRASE), ("Passphrase again", PASSPHRASE)] * 2
        add = [
            "device",
            "add",
            "cold",
            "--path",
            device.path,
            "--passphrase",
            "host",
            "--wallet",
            "cold=cold",
        ]
        status, seen = at_a_terminal(desk, [*add, "--write"], answers)
        assert status == 0, seen
        assert hidden in seen
        wrong = [("Passphrase", "zirkon8 quartz")]
        status, refused = at_a_terminal(desk, ["device", "info", "cold"], wrong)
        assert status == 41, refused
    assert "device.wrong_passphrase" in refused
    assert not any(word in seen + refused for word in ("zirkon", "quartz"))
    assert not any(b"zirkon" in path.read_bytes() for path in desk.rglob("*") if path.is_file())
    assert 'passphrase = "host"' in (desk / "treasury.toml").read_text()


def test_ctrl_c_at_the_prompt_ends_with_130_and_the_device_is_free(desk: Path) -> None:
    with DeviceEmulator(mnemonic=MNEMONIC, persona="trezor-one", mode="auto", pin="8417") as device:
        status, seen = at_a_terminal(
            desk, ["device", "info", "--path", device.path], [("Places of the PIN", "\x03")]
        )
        assert status == 130, seen
        status, seen = at_a_terminal(
            desk,
            ["device", "info", "--path", device.path],
            [
                (
                    "Places of the PIN",
                    lambda: "".join(str(device._engine.matrix.index(digit) + 1) for digit in "8417"),
                )
            ],
        )
        assert status == 0, seen


def test_without_a_terminal_nobody_is_asked(desk: Path) -> None:
    with DeviceEmulator(mnemonic=MNEMONIC, persona="trezor-one", mode="auto", pin="8417") as device:
        finished = subprocess.run(
            [sys.executable, "-m", "vault", "device", "info", "--path", device.path, "--json"],
            cwd=desk,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            input="8417\n",
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
    assert finished.returncode == 40
    assert '"device.locked"' in finished.stdout
