"""Each state that a device can be met in, through `vault device info`: its own code, exit status and hint."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from trezorlib import messages
from trezorlib.transport.udp import UdpTransport

from emulator.device.management import features
from emulator.device.server import DeviceEmulator
from tests.integration.device.conftest import MNEMONIC, OTHER_MNEMONIC, wallet_of
from vault.cli.edge import run
from vault.clock import SystemClock
from vault.treasury.setup import init_treasury

ROOT = Path(__file__).resolve().parents[3]
OURS, OTHER = wallet_of(MNEMONIC).fingerprint, wallet_of(OTHER_MNEMONIC).fingerprint


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A treasury to stand in; nobody is at a terminal."""
    folder = init_treasury(tmp_path / "desk", "desk", SystemClock(), emulated=True).folder
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    return folder


@pytest.fixture
def ask(desk: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, dict[str, Any]]]:
    """`vault device info` of a configured device; exit status and document."""

    def info(device: DeviceEmulator, *, fingerprint: str = OURS, **settings: object) -> Any:
        kind = "onekey" if device.persona.startswith("onekey") else "trezor"
        values = {"name": "cold", "kind": kind, "path": device.path, "root_fingerprint": fingerprint}
        lines = [f"{name} = {json.dumps(value)}" for name, value in (values | settings).items()]
        toml = desk / "treasury.toml"
        toml.write_text("\n".join([toml.read_text(), "[[device]]", *lines, ""]))
        status = run(["device", "info", "cold", "--json"])
        return status, json.loads(capsys.readouterr().out)

    return info


@contextlib.contextmanager
def device(**options: Any) -> Iterator[DeviceEmulator]:
    given = {"mnemonic": MNEMONIC, "mode": "auto", **options}
    with DeviceEmulator(**given) as emulator:
        yield emulator


def reporting(patch: pytest.MonkeyPatch, **facts: Any) -> None:
    """Have emulated devices say so of themselves, which no persona does by itself."""
    honest = features.features

    def told(*arguments: Any, **options: Any) -> Any:
        reply = honest(*arguments, **options)
        for name, value in facts.items():
            setattr(reply, name, value)
        return reply

    for place in ("management.features", "management.session"):
        module = f"emulator.device.{place}.features"
        patch.setattr(module, told)


def test_a_device_that_is_fit_is_told_about(ask: Any) -> None:
    with device() as emulator:
        status, document = ask(emulator)
    assert (status, document["root_fingerprint"]) == (0, OURS)


@pytest.mark.parametrize("persona", ["trezor-core", "trezor-one", "onekey-classic1s", "onekey-pro"])
def test_locked(ask: Any, persona: str) -> None:
    with device(persona=persona, pin="8417") as emulator:
        expect(ask(emulator), 40, "locked")


def test_busy_with_another_program(ask: Any, opened: Any) -> None:
    with device() as emulator, opened(emulator):
        expect(ask(emulator), 40, "busy")


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        ({"bootloader_mode": True}, "bootloader"),
        ({"busy": True}, "busy"),
        ({"minor_version": 2}, "outdated"),
        ({"recovery_status": messages.RecoveryStatus.Recovery}, "recovery_mode"),
        ({"recovery_status": messages.RecoveryStatus.Recovery, "initialized": False}, "recovery_mode"),
        ({"vendor": "someone.else"}, "wrong_make"),
    ],
)
def test_what_the_device_says_of_itself(
    ask: Any, monkeypatch: pytest.MonkeyPatch, facts: dict[str, Any], code: str
) -> None:
    reporting(monkeypatch, **facts)
    with device() as emulator:
        expect(ask(emulator), 40, code)


def test_not_initialised(ask: Any) -> None:
    with device(mnemonic=None) as emulator:
        expect(ask(emulator), 40, "not_initialised")


def test_wrong_wallet(ask: Any) -> None:
    with device() as emulator:
        document = expect(ask(emulator, fingerprint=OTHER), 41, "wrong_wallet")
    assert document["details"] == {"expected": OTHER, "found": OURS}


def test_wrong_passphrase(ask: Any) -> None:
    with device(passphrase_protection=True, typed_passphrase="zirkon8") as emulator:
        expect(ask(emulator, passphrase="device"), 41, "wrong_passphrase")


def test_refused(ask: Any) -> None:
    with device(passphrase_protection=True, mode="interactive", on_screen=lambda _: False) as emulator:
        expect(ask(emulator, passphrase="device"), 42, "refused_by_person")


def test_nothing_there(ask: Any) -> None:
    with device() as emulator:
        emulator.set_faults({"unplugged": True})
        expect(ask(emulator, timeout_seconds=1), 40, "not_found")


def test_silent_in_the_middle(ask: Any) -> None:
    with device() as emulator:
        emulator.set_faults({"unplug_after": 4})
        expect(ask(emulator, timeout_seconds=1), 40, "timeout")


def test_unplugged_in_the_middle(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    left, read = [6], UdpTransport.read_chunk

    def breaking(line: Any, **options: Any) -> bytes:
        left[0] -= 1
        if left[0] < 0:
            raise OSError("no such device")
        return bytes(read(line, **options))

    monkeypatch.setattr(UdpTransport, "read_chunk", breaking)
    with device() as emulator:
        expect(ask(emulator), 40, "disconnected")


def test_a_seed_without_a_backup_is_given_no_wallet(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with device() as emulator:
        emulator._engine.state.no_backup = True
        add = ["device", "add", "cold", "--path", emulator.path, "--json"]
        status = run([*add, "--wallet", "cold=cold"])
        expect((status, json.loads(capsys.readouterr().out)), 40, "seedless")
        assert emulator.screens == ()
        assert run([*add, "--attester", "alice"]) == 0  # what it signs is lost with it, and no coin


def expect(found: tuple[int, dict[str, Any]], status: int, reason: str) -> dict[str, Any]:
    """That error, with something to do, and in the documentation's table."""
    document = found[1]
    assert (found[0], document.get("error")) == (status, f"device.{reason}"), document
    assert document["exit_status"] == status
    assert document["hint"]
    assert reason in documented(), f"docs/cli.md does not name device.{reason}"
    return document


def documented() -> set[str]:
    """The codes in the first column of the table of device errors."""
    text = (ROOT / "docs" / "cli.md").read_text()
    table = text.split("| code | when |", 1)[1].split("\n\n", 1)[0]
    return {code for row in table.split("\n") for code in re.findall(r"`([a-z_]+)`", row[: row.rfind(" | ")])}
