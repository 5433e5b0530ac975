"""Device commands against emulated devices: who it is, another seed, a person who says no."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emulator.world_client import WorldProcess

# The first of them sets the treasury up; both files use the same one.
pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("commands")]


def test_info_tells_make_and_wallet(shell: Any, world: WorldProcess) -> None:
    for label, kind in (("cold", "trezor"), ("staging", "onekey")):
        found = shell.ok("device", "info", label)
        assert found["root_fingerprint"] == world.device(label).root_fingerprint
        assert (found["info"]["kind"], found["info"]["emulated"]) == (kind, True)


def test_the_device_showed_every_line_that_was_signed(shell: Any, world: WorldProcess) -> None:
    shown = "\n".join("\n".join(screen.lines) for screen in world.device("cold").control.screens())
    for document in ("policy", "book"):
        state = shell.ok(document, "show")["signature"]
        assert state["digest"] in shown.replace("\n", "")
    own = next(entry for entry in shell.ok("book", "show")["entries"] if entry["id"] == "cold-1")
    assert own["address"] in shown.replace("\n", "").replace(" ", "")


def test_a_device_with_another_seed_is_refused(shell: Any, world: WorldProcess) -> None:
    seed = "all all all all all all all all all all all all"
    control = world.device("cold").control
    control.load_seed("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo wrong")
    try:
        shell.fails(41, "device.wrong_wallet", "device", "info", "cold")
        shell.fails(41, "device.wrong_wallet", "policy", "sign", "--attester", "alice")
    finally:
        control.load_seed(seed)
    assert shell.ok("device", "info", "cold")["root_fingerprint"] == world.device("cold").root_fingerprint
    assert shell.ok("policy", "show")["signature"]["valid"] is True


def test_an_unplugged_device_is_an_error_and_nothing_is_signed(shell: Any, world: WorldProcess) -> None:
    before = (shell.folder / "policy.toml.sig").read_bytes()
    control = world.device("cold").control
    control.fault(unplugged=True)
    try:
        ran = shell.vault("policy", "sign", "--attester", "alice", "--json")
        assert (ran.status, ran.document["error"].split(".")[0]) == (40, "device")
    finally:
        control.fault(unplugged=False)
    assert (shell.folder / "policy.toml.sig").read_bytes() == before


def test_list_finds_the_configured_devices_by_their_wallets(shell: Any, world: WorldProcess) -> None:
    found = shell.ok("device", "list")
    names = {row["path"]: row["names"] for row in found["devices"]}
    for label in ("cold", "staging"):
        assert names[world.device(label).path] == [label]
    assert found["missing"] == []
    assert {report["name"] for report in found["transports"]} == {"webusb", "bridge", "udp"}
    words = shell.vault("device", "list")
    assert words.status == 0
    assert world.device("cold").root_fingerprint in words.out


def test_keys_read_elsewhere_are_compared_when_a_device_is_added(
    shell: Any, world: WorldProcess, tmp_path: Path
) -> None:
    path = world.device("staging").path
    printed = tmp_path / "keys.json"
    printed.write_text(shell.vault("device", "xpub", "--path", path, "--account", "3", "--json").out)
    wanted = ("--path", path, "--wallet", "third=cold", "--account", "3")
    added = shell.ok("device", "add", "third", *wanted, "--compare", str(printed))
    assert (added["compared"], added["written"]) == (True, False)
    printed.write_text(shell.vault("device", "xpub", "cold", "--account", "3", "--json").out)
    shell.fails(40, "device.keys_differ", "device", "add", "third", *wanted, "--compare", str(printed))
    printed.write_text("{}")
    assert shell.vault("device", "add", "third", *wanted, "--compare", str(printed), "--json").status == 10


def test_check_says_what_an_emulator_lacks(shell: Any) -> None:
    ran = shell.vault("device", "check", "cold", "--json")
    verdicts = {each["what"]: each["verdict"] for each in ran.document["findings"]}
    assert (ran.status, verdicts["PIN"], verdicts["safety checks"]) == (1, "FAIL", "OK")


def test_an_address_is_shown_and_told(shell: Any, world: WorldProcess) -> None:
    found = shell.ok("device", "show-address", "cold", "4")
    shown = "".join("".join(screen.lines) for screen in world.device("cold").control.screens())
    assert found["path"] == "m/84h/1h/0h/0/4"
    assert found["address"] in shown.replace(" ", "").replace("\n", "")


def test_a_device_of_the_older_protocol_needs_no_pairing(shell: Any) -> None:
    found = shell.ok("device", "pair", "cold")
    assert (found["needed"], found["info"]["protocol"]) == (False, "v1")


@pytest.mark.parametrize("ask", [("info",), ("xpub", "--network", "regtest"), ("check",)])
def test_an_emulator_is_refused_outside_of_an_emulated_treasury(
    shell: Any, world: WorldProcess, tmp_path: Path, ask: tuple[str, ...]
) -> None:
    outside = type(shell)(tmp_path, shell.environment)
    outside.fails(18, "guard.emulated_device", "device", *ask, "--path", world.device("cold").path)


def test_list_works_without_a_treasury_and_looks_for_no_emulator(shell: Any, tmp_path: Path) -> None:
    found = type(shell)(tmp_path, shell.environment).ok("device", "list")
    assert {report["name"] for report in found["transports"]} == {"webusb", "bridge"}
