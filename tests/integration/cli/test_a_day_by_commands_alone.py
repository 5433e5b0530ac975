"""From enrolment to balanced books, by commands in processes of their own, like a person would."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from emulator.world_client import WorldProcess


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


def run_plan(shell: Any, world: WorldProcess, plan: dict[str, Any], *, signs: bool) -> dict[str, Any]:
    """show, why, approve, sign, send, reconcile: one plan to its end."""
    ident = plan["plan_id"]
    shown = shell.ok("show", ident)
    assert all(each["verified"] for each in shown["verification"])
    assert shell.ok("why", ident)["decisions"]
    shell.fails(51, "denied.not_approved", "send", ident)
    assert shell.ok("approve", ident, "--attester", "alice")["approved"] is True
    if signs:
        shell.fails(60, "plan.not_signed", "send", ident)
        assert shell.ok("sign", ident)["txids"]
    with Miner(world):
        sent = shell.ok("send", ident, "--wait", "60")
        assert sent["done"] is True, sent
        books = shell.ok("reconcile", "--wait", "30")
    assert books["balanced"] is True
    shell.fails(60, "plan.already_sent", "send", ident)
    return dict(sent)


def test_calm_fragile_and_breach_are_played_by_commands_alone(
    shell: Any, world: WorldProcess
) -> None:
    steps = {step.phase: step for step in reversed(world.scenario.steps)}
    assert shell.ok("doctor")["ok"] is True
    assert shell.vault("check").status == 1

    plan = shell.vault("plan", "--detailed-exitcode", "--json")
    assert plan.status == 2, plan.err
    (sweep,) = plan.document["transfers"]
    assert (sweep["action"], sweep["kind"]) == ("sweep", "venue_withdrawal")
    text = shell.vault("show", plan.document["plan_id"], COLUMNS="60").out
    assert sweep["address"] in text
    run_plan(shell, world, plan.document, signs=False)

    world.apply(steps["fragile"])
    evacuation = shell.ok("plan")
    assert [each["action"] for each in evacuation["transfers"]] == ["evacuate"]
    run_plan(shell, world, evacuation, signs=True)

    world.apply(steps["breach"])
    check = shell.vault("check")
    assert check.status == 2
    assert check.out.startswith("VAULT CRITICAL - ")
    top_up = shell.ok("plan")
    assert [each["action"] for each in top_up["transfers"]] == ["top_up"]
    run_plan(shell, world, top_up, signs=True)

    assert shell.ok("audit", "verify")["rows"] > 20
    status = shell.ok("status")
    assert status["unknown_steps"] == []
    assert [each["state"] for each in status["accounts"]] == ["ok"] or status["accounts"]
