"""Device commands against emulated devices: who it is, another seed, a person who says no."""

from __future__ import annotations

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
