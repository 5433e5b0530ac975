"""`vault approve`: a person at a device says yes to exactly this plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command
from vault.errors import PlanError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan


@command(
    "approve",
    interrupted="The plan is approved only if `vault show` counts the approval; nothing was sent.",
)
@click.argument("ident", metavar="PLAN")
@click.option("--attester", required=True, metavar="NAME", help="Who approves, as named in treasury.toml.")
def approve(call: Call, ident: str, attester: str) -> Answer:
    """Have an approver's device sign the plan, after every precondition was checked again.

    The device shows each transfer with its whole address. Saying no there freezes the plan (42).
    """
    from vault.treasury.approve import approve as work
    from vault.treasury.ethereum.devices import signed_by_device
    from vault.treasury.inspection import find_plan

    with call.desk() as desk:
        plan = find_plan(desk, ident)
        _refuse_second(desk, plan, attester)
        count = work(desk, plan, attester)
        signs = any(signed_by_device(desk, each, "withdraw") for each in plan.body.transfers)
    required = plan.body.approvals_required
    document = {
        "plan_id": plan.plan_id,
        "attester": attester,
        "approvals": count,
        "approvals_required": required,
        "approved": count >= required,
    }

    def render(page: Page) -> None:
        page.line(f"Plan {plan.plan_id} was approved by {attester}: {count} of {required} approvals.")
        if count >= required:
            spends = any(transfer.on_chain for transfer in plan.body.transfers) or signs
            page.line(f"Next: vault {'sign' if spends else 'send'} {plan.plan_id}")

    return Answer(document, render)


def _refuse_second(desk: Desk, plan: Plan, attester: str) -> None:
    """Said before the device is asked: a second approval by the same person would not count."""
    from vault.store import records

    with desk.store.read() as connection:
        given = [name for name, _ in records.approvals(connection, plan.plan_id)]
    if attester in given:
        missing = plan.body.approvals_required - len(given)
        raise PlanError(
            "approved_twice",
            f"{attester} has already approved plan {plan.plan_id}",
            hint=f"{missing} more must come from others." if missing > 0 else "It has all its approvals.",
        )
