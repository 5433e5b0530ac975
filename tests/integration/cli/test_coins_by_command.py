"""Coins by commands alone: an address given out, dust named, frozen, labelled, exchanged; fees shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from emulator.world_client import WorldProcess

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("commands")]
DUST = 600


def no_floats(value: Any) -> bool:
    if isinstance(value, dict):
        return all(no_floats(each) for each in value.values())
    if isinstance(value, list):
        return all(no_floats(each) for each in value)
    return not isinstance(value, float)


def coin(shell: Any, txid: str, *options: str) -> dict[str, Any]:
    found = shell.ok("wallet", "coins", "cold", *options)["coins"]
    (one,) = (each for each in found if each["outpoint"].startswith(txid))
    assert no_floats(found)
    return dict(one)


def test_an_address_is_given_out_once_paid_and_the_dust_after_it_is_not_counted(
    shell: Any, world: WorldProcess, tmp_path: Path
) -> None:
    shell.vault("check")  # the books are open from now on
    first = shell.ok("wallet", "receive", "cold", "--note", "rent")
    second = shell.ok("wallet", "receive", "cold")
    assert (second["place"], first["note"]) == (first["place"] + 1, "rent")
    screens = world.device("cold").control.screens()
    assert any("".join(second["address"].split()) in "".join("".join(s.lines).split()) for s in screens)

    paid = world.chain.fund(first["address"], 1_000_000)
    dust = world.chain.fund(first["address"], DUST)
    assert coin(shell, paid)["state"] == "spendable"
    assert coin(shell, paid)["label"] == "rent"
    strange = coin(shell, dust)
    assert (strange["state"], strange["dust"], strange["address_reused"]) == ("quarantined", True, True)

    checked = shell.vault("check", "--json").document
    remark = "cold holds 1 coin nobody here asked for (0.00000600 BTC, 1 of them dust)"
    assert remark in [each["text"] for each in checked["remarks"]]
    assert remark in shell.vault("status").out
    assert "cold: 0.00000600 BTC in quarantine" in shell.vault("status").out

    outpoint = strange["outpoint"]
    frozen = shell.ok("wallet", "freeze", outpoint, "--reason", "dust, left alone")
    assert (frozen["changed"], frozen["coin"]["frozen"]) == (True, True)
    assert remark not in shell.vault("check").out
    assert shell.ok("wallet", "freeze", outpoint, "--reason", "again")["changed"] is False
    assert shell.ok("wallet", "label", outpoint, "dust of March")["type"] == "output"
    _exchange(shell, outpoint, tmp_path / "labels.jsonl")

    shown = shell.vault("wallet", "coins", "cold")
    assert outpoint in shown.out
    assert first["address"] in shown.out
    assert "frozen and quarantined: nobody here asked for it" in shown.out
    history = shell.ok("wallet", "history", "cold")["transactions"]
    assert {paid, dust} <= {each["txid"] for each in history}
    assert no_floats(history)


def _exchange(shell: Any, outpoint: str, path: Path) -> None:
    """Labels go out and come back; a file alone sets nothing free."""
    exported = shell.ok("wallet", "labels", "export", str(path))
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert exported["labels"] == len(lines)
    assert {"type": "output", "ref": outpoint, "label": "dust of March", "spendable": False} in lines
    assert path.stat().st_mode & 0o777 == 0o600
    shell.fails(11, "config.exists", "wallet", "labels", "export", str(path))
    assert shell.vault("wallet", "labels", "export", "-").out == path.read_text(encoding="utf-8")
    assert shell.ok("wallet", "labels", "export", "-")["lines"] == path.read_text(encoding="utf-8")

    path.write_text(
        json.dumps({**lines[0], "type": "output", "ref": outpoint, "spendable": True, "label": "x"})
    )
    dry = shell.ok("wallet", "labels", "import", str(path), "--dry-run")
    assert [(each["kind"], each["after"]) for each in dry["changes"]] == [("label", "x")]
    assert [each["kind"] for each in dry["left_out"]] == ["unfreeze"]
    assert dry["applied"] is False
    shell.ok("wallet", "labels", "import", str(path))
    after = coin(shell, outpoint.partition(":")[0], "--offline")
    assert (after["label"], after["frozen"]) == ("x", True)
    path.write_text('{"type": "output", "ref": "x"}')
    shell.fails(10, "document.bad_labels", "wallet", "labels", "import", str(path))


def test_coins_that_are_not_ours_are_refused(shell: Any) -> None:
    shell.fails(60, "plan.no_coin", "wallet", "freeze", "ab" * 32 + ":0", "--reason", "what is it")
    shell.fails(15, "address.bad_outpoint", "wallet", "accept", "ab:0", "--reason", "what is it")
    shell.fails(15, "address.not_base58", "wallet", "label", "nonsense!", "text")
    shell.fails(11, "config.unknown_name", "wallet", "coins", "nowhere")


def test_fees_are_a_table_of_sources(shell: Any) -> None:
    found = shell.ok("fees", "--target", "3")
    assert no_floats(found)
    assert [each["source"] for each in found["sources"]] == ["backend"]
    (three,) = (each for each in found["targets"] if each["blocks"] == 3)
    assert found["chosen"] == three["chosen"] == three["median"]
    assert three["chosen"] in shell.vault("fees").out
    shell.fails(25, "chain.bad_target", "fees", "--by", "2020-01-01T00:00:00.000Z")


def test_a_consolidation_is_only_a_table(shell: Any) -> None:
    found = shell.ok("wallet", "consolidation", "cold", "--rate", "1", "--later", "500")
    assert no_floats(found)
    for each in found["consolidations"]:
        assert len(each["coins"]) >= 2
        assert (
            each["coins"][0]
            in shell.vault("wallet", "consolidation", "cold", "--rate", "1", "--later", "500").out
        )
    assert (
        shell.ok("wallet", "consolidation", "cold", "--rate", "900", "--later", "1")["consolidations"] == []
    )
