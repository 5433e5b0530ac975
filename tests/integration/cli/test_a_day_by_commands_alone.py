"""From adding devices to balanced books, by commands in processes of their own, like a person would."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest

from emulator.world_client import WorldProcess

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("commands")]


class Miner:
    """Finds a block whenever something waits for one."""

    def __init__(self, world: WorldProcess) -> None:
        self._world = world
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._mine)

    def _mine(self) -> None:
        while not self._stop.wait(0.2):
            self._world.chain.mine(1)

    def __enter__(self) -> Miner:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def interrupt_signing(shell: Any, world: WorldProcess, ident: str) -> None:
    """Ctrl-C while the device signs: nothing is kept, and the plan can be signed again."""
    control = world.device("cold").control
    control.fault(delay_packets_ms=100)
    process = subprocess.Popen(
        [sys.executable, "-m", "vault", "sign", ident, "--json"],
        cwd=shell.folder,
        env=shell.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("On device cold (") and "(sign transaction)" in line:
                break
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        control.fault(delay_packets_ms=0)
    assert process.returncode == 130, out
    assert json.loads(out)["error"] == "interrupted.by_user"
    assert "sign again" in json.loads(out)["message"]


def run_plan(shell: Any, world: WorldProcess, ident: str, *, signs: bool) -> list[dict[str, Any]]:
    """show, why, approve, sign, send: one plan to its end; its steps."""
    shown = shell.ok("show", ident)
    assert all(each["verified"] for each in shown["verification"])
    assert [each["outcome"] for each in shell.ok("why", ident)["decisions"]] == ["allow"]
    shell.fails(60, "plan.not_approved", "send", ident)
    assert shell.ok("approve", ident, "--attester", "alice")["approved"] is True
    if signs:
        shell.fails(60, "plan.not_signed", "send", ident)
        interrupt_signing(shell, world, ident)
        signed = shell.vault("sign", ident, "--json")
        assert signed.status == 0, signed.err
        assert len(signed.document["txids"]) == 1
        assert re.search(r"signed ([0-9]+) of \1 inputs, each signature checked", signed.err)
    with Miner(world):
        sent = shell.ok("send", ident, "--wait", "60")
    assert sent["done"] is True, sent
    shell.fails(60, "plan.already_sent", "send", ident)
    return list(sent["steps"])


@pytest.mark.timeout(400)
def test_a_sweep_and_a_top_up_are_done_by_commands_alone_and_the_books_balance(
    shell: Any, world: WorldProcess
) -> None:
    steps = {step.phase: step for step in reversed(world.scenario.steps)}
    doctor = shell.ok("doctor")
    odd = {each["what"]: each["verdict"] for each in doctor["findings"] if each["verdict"] != "OK"}
    assert odd == {"venue trading hold": "SKIP"}  # this venue never tells

    plan = shell.vault("plan", "--detailed-exitcode", "--json")
    assert plan.status == 2, plan.err
    (sweep,) = plan.document["transfers"]
    assert (sweep["action"], sweep["kind"]) == ("sweep", "venue_withdrawal")
    for width in ("40", "60", "100"):  # never cut, however narrow the terminal
        assert (
            sweep["payments"][0]["address"]
            in shell.vault("show", plan.document["plan_id"], COLUMNS=width).out
        )
    done = run_plan(shell, world, plan.document["plan_id"], signs=False)
    assert [step["kind"] for step in done] == ["to_spot", "withdraw"]
    assert world.chain.confirmations(done[1]["reference"]) >= 3

    world.apply(steps["breach"])
    check = shell.vault("check")
    assert check.status == 2, check.out
    assert check.out.startswith("VAULT CRITICAL - ")
    assert "top-up trading" in check.out
    plan = shell.ok("plan")
    (top_up,) = plan["transfers"]
    assert (top_up["action"], top_up["kind"]) == ("top_up", "bitcoin_spend")
    done = run_plan(shell, world, plan["plan_id"], signs=True)
    assert [step["kind"] for step in done] == ["spend", "credit", "to_margin"]

    books = shell.ok("reconcile")
    assert books["balanced"] is True
    assert books["books"]["in_transit"] == {"asset": "BTC", "amount": "0.00000000"}
    assert shell.ok("audit", "verify")["rows"] > 20
    status = shell.ok("status")
    assert (status["plans"], status["unknown_steps"]) == ([], [])
    assert {each["name"] for each in status["wallets"]} == {"cold", "staging"}


def test_an_entry_that_comes_later_cools_and_the_book_in_force_stays_until_it_is_signed(shell: Any) -> None:
    before = shell.ok("book", "show")
    assert {entry["state"] for entry in before["entries"]} == {"active"}
    added = shell.ok("book", "add", "cold-2", "--wallet", "cold", "--index", "1")
    again = shell.ok("book", "add", "cold-3", "--wallet", "cold", "--index", "2")
    assert added["version"] == again["version"] == before["version"] + 1
    shown = shell.vault("book", "show", "--json")
    assert (shown.status, shown.document["signature"]["error"]) == (17, "attestation.other_document")
    shell.ok("book", "sign", "--attester", "alice")
    states = {entry["id"]: entry["state"] for entry in shell.ok("book", "show")["entries"]}
    assert (states["cold-1"], states["cold-2"], states["cold-3"]) == ("active", "cooling", "cooling")
    shell.fails(15, "address.duplicate_entry", "book", "add", "cold-2", "--wallet", "cold", "--index", "3")
    shell.fails(15, "address.not_cold", "book", "add", "hot", "--wallet", "staging")
