"""`vault cancel`: give up what a plan has not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command
from vault.errors import PlanError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan


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
        _refuse_what_is_over(desk, plan)
        steps = work(desk, plan, reason[:200])

    def render(page: Page) -> None:
        page.line(f"Plan {plan.plan_id} is cancelled.")
        show_steps(page, steps)

    document = {"plan_id": plan.plan_id, "state": "cancelled", "steps": [step_json(step) for step in steps]}
    return Answer(document, render)


def _refuse_what_is_over(desk: Desk, plan: Plan) -> None:
    from vault.store import records

    with desk.store.read() as connection:
        row = records.find_plan(connection, plan.plan_id)
    if row is not None and row.state == "done":
        raise PlanError(
            "wrong_state",
            f"plan {plan.plan_id} is done: all of it was sent",
            hint="What was sent is not taken back. `vault plan` makes another plan.",
        )
    if row is not None and row.state == "cancelled":
        raise PlanError(
            "wrong_state",
            f"plan {plan.plan_id} is already cancelled",
            hint="`vault plan` makes another plan.",
        )
