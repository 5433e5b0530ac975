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
def sign(call: Call, ident: str) -> Answer:
    """Sign every transaction of an approved plan; each is proven against the plan before and after.

    A refusal at the device, or an answer that is not exactly what was asked for, freezes the plan.
    """
    from vault.cli.wording import show_steps, step_json
    from vault.treasury.approve import sign as work
    from vault.treasury.inspection import find_plan

    with call.desk() as desk:
        plan = find_plan(desk, ident)
        steps = work(desk, plan)
    signed = [step for step in steps if step.kind == "spend"]
    document = {
        "plan_id": plan.plan_id,
        "txids": [step.facts.get("txid", "") for step in signed],
        "steps": [step_json(step) for step in steps],
    }

    def render(page: Page) -> None:
        page.line(
            f"Plan {plan.plan_id}: {len(signed)} signed"
            if signed
            else "Nothing in this plan needs a signature."
        )
        for step in signed:
            page.line(f"  transfer {step.transfer}: {step.facts.get('txid', '')}")
        show_steps(page, steps)
        page.line(f"Next: vault send {plan.plan_id}")

    return Answer(document, render)
