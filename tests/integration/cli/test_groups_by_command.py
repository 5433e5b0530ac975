"""A group from nothing to a sent transaction, by commands alone: two devices, and files for a third."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from emulator.world_client import WorldProcess
from tests.faults.treasury import stage
from tests.integration.cli.conftest import Shell
from tests.support.group_treasury import Outsider, outsider, without_wallet
from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.text import to_base64
from vault.config import load_treasury

_NUMBERS = count(60)


@dataclass
class Place:
    shell: Shell
    scene: stage.Scene
    staged: stage.Staged
    number: int
    outside: Outsider

    def add(self, *more: str) -> tuple[str, ...]:
        """The command that adds the group."""
        return (
            "wallet", "add", "staging", "--role", "staging", "--threshold", "2", "--xpub", self.outside.text,
            "--account", str(self.number), "--device", "cold", "--device", "staging", *more,
        )  # fmt: skip

    def keys(self, device: str) -> str:
        """A file of what another machine reads from a device."""
        found = self.shell.ok("device", "xpub", device, "--account", str(self.number))
        (self.shell.folder / f"{device}.json").write_text(json.dumps(found))
        return f"{device}.json"

    def ready(self) -> Descriptor:
        """The group with coins, and documents that are signed."""
        wallet = self.shell.ok("wallet", "show", "staging")
        descriptors = tuple(
            (name, wallet["descriptor"] if name == "staging" else text)
            for name, text in self.staged.descriptors
        )
        self.staged = replace(self.staged, descriptors=descriptors)
        stage.fund(self.scene, self.staged)
        stage.write_book(self.staged, load_treasury(self.staged.config))
        self.shell.ok("policy", "sign", "--attester", "treasurer", "--untested")
        self.shell.ok("book", "sign", "--attester", "treasurer")
        return Descriptor.parse(wallet["descriptor"], stage.NETWORK)


@pytest.fixture
def place(world: WorldProcess, shell_environment: dict[str, str], tmp_path: Path) -> Iterator[Place]:
    scene, number = stage.Scene.of(world), next(_NUMBERS)
    staged = stage.make_treasury(scene, tmp_path / "desk", "evacuation", number)
    without_wallet(load_treasury(staged.config), "staging")
    environment = {**shell_environment, **stage.own_keyring(tmp_path / "desk")}
    environment["PYTHONPATH"] = f"{stage.ROOT}:{environment['PYTHONPATH']}"
    yield Place(Shell(tmp_path / "desk", environment), scene, staged, number, outsider(f"shell {number}"))


def test_from_nothing_to_a_sent_transaction(place: Place) -> None:
    shell = place.shell
    printed = shell.ok(*place.add())
    assert (printed["written"], printed["shown"]) == (False, ["cold", "staging"])
    assert shell.ok("wallet", "list")["wallets"][0]["name"] == "cold"
    compared = shell.ok(
        *place.add("--compare", place.keys("cold"), "--compare", place.keys("staging"), "--write")
    )
    assert compared["compared"] == ["cold", "staging"]
    shell.fails(11, "config.name_taken", *place.add())
    words = shell.vault("wallet", "list").out
    assert "2 of 3" in words and "1 outside" in words and "ready" in words
    descriptor = place.ready()

    plan = shell.ok("plan")["plan_id"]
    shell.ok("approve", plan, "--attester", "treasurer")
    first = shell.ok("sign", plan, "--device", "staging")
    assert first["complete"] is False
    assert [each["missing"] for each in first["cosigning"]] == [1]
    shown = shell.vault("show", plan).out
    assert "staging" in shown and "1 more needed" in shown
    shell.fails(60, "plan.not_signed", "send", plan)

    shell.ok("psbt", "export", plan, "-o", "out.psbt")
    sent = Psbt.parse((shell.folder / "out.psbt").read_bytes())
    assert shell.ok("psbt", "verify", "out.psbt", "--plan", plan)["complete"] is False
    found = shell.ok("psbt", "inspect", "out.psbt")
    assert {each["wallet"] for each in found["inputs"]} == {"staging"}
    assert [each["name"] for each in found["outputs"]] == ["cold-1"]
    back = to_base64(place.outside.sign(sent, descriptor))
    assert shell.ok("psbt", "verify", back, "--plan", plan)["complete"] is True
    taken = shell.ok("psbt", "import", plan, "-", stdin=back)
    assert taken["complete"] is True
    done = shell.ok("send", plan, "--wait", "60")
    assert shell.ok("show", plan)["state"] == "done", done


def group_finding(shell: Shell) -> dict[str, str]:
    """What `vault doctor` says about the group."""
    findings: list[dict[str, str]] = shell.vault("doctor", "--json").document["findings"]
    (found,) = (each for each in findings if each["what"] == "group of wallet staging")
    return found


def test_a_device_that_was_away_confirms_by_command(place: Place) -> None:
    shell = place.shell
    added = shell.ok(*place.add("--keys", place.keys("cold"), "--write"))
    assert added["waiting"] == ["cold"]
    assert shell.ok("wallet", "show", "staging")["waiting"] == ["cold"]
    place.ready()
    waiting = group_finding(shell)
    assert (waiting["verdict"], waiting["code"]) == ("FAIL", "denied.wallet_not_confirmed")
    assert "vault wallet confirm staging --device cold" in waiting["hint"]
    ran = shell.vault("plan", "--json")
    assert "denied.wallet_not_confirmed" in ran.out
    shell.fails(11, "config.no_signer", "wallet", "confirm", "staging", "--device", "nobody")
    confirmed = shell.vault("wallet", "confirm", "staging", "--device", "cold", "--json")
    assert confirmed.document["waiting"] == []
    assert re.search(
        r"^On device cold \(Trezor \S+, wallet [0-9a-f]{8}\) \(show address\)", confirmed.err, re.M
    )
    assert group_finding(shell)["verdict"] == "OK"
    assert shell.ok("plan")["plan_id"]


def test_usage_that_contradicts_itself_is_refused(place: Place) -> None:
    shell = place.shell
    refused: tuple[tuple[str, ...], ...] = (
        ("wallet", "add", "x", "--role", "cold", "--device", "cold", "--device", "staging"),
        ("wallet", "add", "x", "--role", "cold", "--device", "cold", "--threshold", "1"),
        ("wallet", "add", "x", "--role", "cold", "--device", "cold:abc"),
        ("wallet", "add", "x", "--role", "cold", "--device", "cold", "--script", "p2wsh"),
        (*place.add("--script", "p2tr"),),
        ("psbt", "verify", "-", "--transfer", "1"),
    )
    for arguments in refused:
        assert shell.vault(*arguments).status == 2, arguments
    shell.fails(11, "config.unknown_name", "wallet", "add", "x", "--role", "cold", "--device", "nobody")
    shell.fails(11, "config.unknown_name", "wallet", "show", "nobody")


def test_a_wallet_of_one_key_by_command(place: Place) -> None:
    shell = place.shell
    added = shell.ok(
        "wallet", "add", "more", "--role", "cold", "--device", "cold:7", "--script", "p2tr", "--write"
    )
    listed: dict[str, Any] = {each["name"]: each for each in shell.ok("wallet", "list")["wallets"]}
    assert listed["more"]["first_address"] == added["first_address"]
    assert shell.ok("device", "show-address", "more", "2")["path"] == "m/86h/1h/7h/0/2"
