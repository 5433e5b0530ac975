"""Waits for what was sent: settles again and again until a plan is over or the time is up.

Begins only steps that were never begun (a top-up's move to margin after its credit) and only for a plan a
person just sent; what came out unsent is left for `send --resume`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from vault.store import records
from vault.treasury import execute, reconcile
from vault.treasury.steps import ENDED, disputed, next_step, settled

if TYPE_CHECKING:
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan
    from vault.treasury.reconcile import Settlement

# Blocks and venues take minutes; asking more often tells nothing new.
POLL_SECONDS: Final = 0.5
# What happened, and is true also when all is well after it: kept to the end of the waiting.
SAID_ONCE: Final = ("books.sent_outside", "books.cancelled_but_sent", "books.reorganised")


def follow_plan(desk: Desk, plan: Plan, wait_seconds: float) -> list[IntentRow]:
    """Follow a plan that was just sent until all its steps are done, or for `wait_seconds`.

    Raises what `execute.send` raises. Returns the plan's steps as they stand.
    """
    waited, said = 0.0, ""
    while True:
        steps = _steps(desk, plan)
        if settled(steps) or any(step.state in ENDED - {"replaced"} for step in steps):
            return steps
        if waited >= wait_seconds:
            return steps
        reconcile.settle_plan(desk, plan)
        steps = _steps(desk, plan)
        if _goes_on(steps, plan):
            execute.send(desk, plan, resume=True)
            continue
        if settled(steps):
            return steps
        said = _tell(desk, said, _waiting_for(steps))
        desk.clock.sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def _tell(desk: Desk, said: str, text: str) -> str:
    """Progress, but only when there is some."""
    if text != said:
        desk.progress(f"waiting: {text}")
    return text


def _steps(desk: Desk, plan: Plan) -> list[IntentRow]:
    with desk.store.read() as connection:
        return records.intents(connection, plan.plan_id)


def _goes_on(steps: list[IntentRow], plan: Plan) -> bool:
    """A step that was never begun is next, and nothing is unsettled or came out unsent."""
    if any(step.state in {"submitting", "unknown", "unsent", *ENDED} or disputed(step) for step in steps):
        return False
    waiting = [next_step(steps, transfer.number) for transfer in plan.body.transfers]
    return any(step is not None and step.state == "planned" and step.kind != "credit" for step in waiting)


def _waiting_for(steps: list[IntentRow]) -> str:
    return ", ".join(
        f"transfer {step.transfer} {step.kind.replace('_', ' ')} is {step.state}"
        for step in steps
        if step.state not in {"done", "planned", "signed"} or step.kind == "credit"
    )


def reconcile_until(desk: Desk, wait_seconds: float) -> list[Settlement]:
    """Reconcile until nothing is open, or for `wait_seconds`; one line a step, from first to last state."""
    waited, said = 0.0, ""
    found: dict[str, Settlement] = {}
    while True:
        latest = reconcile.reconcile(desk)
        for each in latest:
            first = found.get(each.client_id)
            found[each.client_id] = each if first is None else _joined(first, each)
        if waited >= wait_seconds or all(each.state in records.TERMINAL | {"unsent"} for each in latest):
            return list(found.values())
        open_steps = [f"{each.kind} is {each.state}" for each in latest if each.state not in records.TERMINAL]
        said = _tell(desk, said, ", ".join(open_steps))
        desk.clock.sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def _joined(first: Settlement, last: Settlement) -> Settlement:
    import dataclasses

    note = last.note or (first.note if first.note.startswith(SAID_ONCE) else "")
    return dataclasses.replace(last, before=first.before, note=note)
