"""`vault sign`: the transactions of an approved plan, on the wallets' own devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.cli.page import Page


@command(
    "sign",
    interrupted="Nothing was sent. Signatures that were not checked yet are not kept; sign again.",
)
@click.argument("ident", metavar="PLAN")
@click.option("--device", metavar="NAME", help="Of a group's devices only this one. Default: all at hand.")
def sign(call: Call, ident: str, device: str | None) -> Answer:
    """Sign every transaction of an approved plan; each is proven against the plan before and after.

    A group's devices, or those of a Safe's owners, sign one after the other, in any order and at any time:
    what was signed is kept, and nobody is asked once there are signatures enough. A refusal at a device, or
    an answer that is not what was asked for, freezes the plan.
    """
    from vault.cli.cosigners import cosigning_json, next_steps, show_cosigning
    from vault.cli.ethereum_calls import safe_json, show_safe, steps_of_safe
    from vault.cli.wording import show_steps, step_json
    from vault.treasury.approve import sign as work
    from vault.treasury.ethereum.devices import signed_by_device
    from vault.treasury.ethereum.report import safe_states
    from vault.treasury.inspection import find_plan, group_states

    with call.desk() as desk:
        plan = find_plan(desk, ident)
        steps = work(desk, plan, device)
        groups = group_states(desk, plan, steps)
        safes = safe_states(desk, plan, steps)
        spends = [each for each in steps if signed_by_device(desk, plan.transfer(each.transfer), each.kind)]
    signed = [step for step in spends if step.state not in {"planned", "signing"}]
    document = {
        "plan_id": plan.plan_id,
        "complete": len(signed) == len(spends),
        "txids": [step.facts.get("txid", "") for step in spends],
        "cosigning": [cosigning_json(each) for each in groups],
        "safes": [safe_json(each) for each in safes],
        "steps": [step_json(step) for step in steps],
    }

    def render(page: Page) -> None:
        page.line(
            f"Plan {plan.plan_id}: {len(signed)} signed"
            if spends
            else "Nothing in this plan needs a signature."
        )
        for step in signed:
            page.line(f"  transfer {step.transfer}: {step.facts.get('txid', '')}")
        for each in groups:
            show_cosigning(page, each)
        for safe in safes:
            show_safe(page, safe)
        show_steps(page, steps)
        following = [line for each in groups for line in next_steps(each, plan.plan_id)]
        following += [line for each in safes for line in steps_of_safe(each, plan.plan_id)]
        if len(signed) < len(spends) and not following:
            following = [f"vault sign {plan.plan_id}"]
        page.lines(following or [f"vault send {plan.plan_id}"], "Next: ")

    return Answer(document, render)
