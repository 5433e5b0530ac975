"""`vault cancel`: give up what a plan has not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.cli.page import Page


@command("cancel")
@click.argument("ident", metavar="PLAN")
@click.option(
    "--reason", default="cancelled by hand", show_default=True, metavar="TEXT", help="For the journal."
)
def cancel(call: Call, ident: str, reason: str) -> Answer:
    """Give up a plan. Refused (51) while a step is on its way or its outcome is unknown."""
    from vault.cli.wording import show_steps, step_json
    from vault.treasury.execute import cancel as work
    from vault.treasury.inspection import find_plan

    with call.desk() as desk:
        plan = find_plan(desk, ident)
        steps = work(desk, plan, reason[:200])

    def render(page: Page) -> None:
        page.line(f"Plan {plan.plan_id} is cancelled.")
        show_steps(page, steps)

    document = {"plan_id": plan.plan_id, "state": "cancelled", "steps": [step_json(step) for step in steps]}
    return Answer(document, render)
