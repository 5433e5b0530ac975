"""PIN and passphrase typed at a real terminal: used, and to be found in nothing that was printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emulator.device.server import DeviceEmulator
from tests.support.terminal import LIMIT_S, ROOT, at_a_terminal
from vault.clock import SystemClock
from vault.treasury.setup import init_treasury

MNEMONIC = "all all all all all all all all all all all all"
PASSPHRASE = "zirkon9 quartz"


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return init_treasury(tmp_path / "desk", "desk", SystemClock(), emulated=True).folder


def on_terminal(desk: Path, arguments: list[str], answers: list[tuple[str, Any]]) -> tuple[int, str]:
    """Run `vault`."""
    return at_a_terminal(desk, ["-m", "vault", *arguments], answers)


def test_a_pin_typed_as_places_unlocks_and_is_not_printed(desk: Path) -> None:
    typed: list[str] = []
    with DeviceEmulator(mnemonic=MNEMONIC, persona="trezor-one", mode="auto", pin="8417") as device:

        def places() -> str:
            matrix = device._engine.matrix
            typed.append("".join(str(matrix.index(digit) + 1) for digit in "8417"))
            return typed[0]

        status, seen = on_terminal(
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
        status, seen = on_terminal(desk, [*add, "--write"], answers)
        assert status == 0, seen
        assert hidden in seen
        wrong = [("Passphrase", "zirkon8 quartz")]
        status, refused = on_terminal(desk, ["device", "info", "cold"], wrong)
        assert status == 41, refused
    assert "device.wrong_passphrase" in refused
    assert not any(word in seen + refused for word in ("zirkon", "quartz"))
    assert not any(b"zirkon" in path.read_bytes() for path in desk.rglob("*") if path.is_file())
    assert 'passphrase = "host"' in (desk / "treasury.toml").read_text()


def test_ctrl_c_at_the_prompt_ends_with_130_and_the_device_is_free(desk: Path) -> None:
    with DeviceEmulator(mnemonic=MNEMONIC, persona="trezor-one", mode="auto", pin="8417") as device:
        status, seen = on_terminal(
            desk, ["device", "info", "--path", device.path], [("Places of the PIN", "\x03")]
        )
        assert status == 130, seen
        status, seen = on_terminal(
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


def test_a_onekey_pro_has_the_person_say_at_the_terminal_that_the_address_was_shown(desk: Path) -> None:
    question = "exactly this address"
    with DeviceEmulator(mnemonic=MNEMONIC, persona="onekey-pro", mode="auto") as device:
        add = ["device", "add", "cold", "--path", device.path, "--wallet", "cold=cold", "--write"]
        for said, expected in (("", 42), ("no", 42), ("maybe\nn", 42), ("\x03", 130)):
            status, seen = on_terminal(desk, add, [(question, said)])
            assert status == expected, (said, seen)
            assert ("device.refused_by_person" in seen) == (expected == 42)
        assert "\n[[device]]\n" not in (desk / "treasury.toml").read_text()
        status, seen = on_terminal(desk, add, [(question, "y")])
        assert status == 0, seen
        status, seen = on_terminal(desk, ["device", "show-address", "cold", "3"], [(question, "yes")])
        assert status == 0, seen
        shown = [line for screen in device.screens for line in screen.lines if line.startswith("bcrt1")]
        assert seen.count(shown[-1]) >= 3  # the prompt, the question and the answer
    assert "you are asked here afterwards" in seen


def test_an_answer_typed_before_the_question_is_none(desk: Path) -> None:
    """A yes that lies in the terminal's buffer has seen no address."""
    with DeviceEmulator(mnemonic=MNEMONIC, persona="onekey-pro", mode="auto") as device:
        add = ["device", "add", "cold", "--path", device.path, "--wallet", "cold=cold"]
        answers = [("exactly this address", "n")]
        status, seen = at_a_terminal(desk, ["-m", "vault", *add], answers, ahead="y\ny\n")
    assert status == 42, seen


def test_without_a_terminal_a_onekey_pro_compares_nothing(desk: Path) -> None:
    with DeviceEmulator(mnemonic=MNEMONIC, persona="onekey-pro", mode="auto") as device:
        add = ["device", "add", "cold", "--path", device.path, "--wallet", "cold=cold", "--json"]
        finished = subprocess.run(
            [sys.executable, "-m", "vault", *add],
            cwd=desk,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            input="y\n",
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        assert device.screens == ()
    assert finished.returncode == 40
    assert '"device.not_compared_by_person"' in finished.stdout


def test_doctor_unlocks_a_device_at_the_terminal_and_skips_it_where_nobody_is(desk: Path) -> None:
    with DeviceEmulator(mnemonic=MNEMONIC, persona="trezor-one", mode="auto", pin="8417") as device:

        def places() -> str:
            return "".join(str(device._engine.matrix.index(digit) + 1) for digit in "8417")

        name = f'\n[[device]]\nname = "cold"\nkind = "trezor"\npath = "{device.path}"\n'
        toml = desk / "treasury.toml"
        toml.write_text(toml.read_text() + name + f'root_fingerprint = "{device.root_fingerprint}"\n')
        finished = subprocess.run(
            [sys.executable, "-m", "vault", "doctor", "--json"],
            cwd=desk,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
        )
        answer = json.loads(finished.stdout)
        assert "findings" in answer, answer
        (found,) = [each for each in answer["findings"] if each["what"] == "device cold"]
        assert (found["verdict"], found["code"]) == ("SKIP", "device.locked")
        assert "terminal" in found["hint"]
        _, seen = on_terminal(desk, ["doctor"], [("Places of the PIN", places)])
    assert "OK    device cold: Trezor 1, firmware" in seen
