"""`vault send`: an approved and signed plan goes out, each step at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import Answer, Call, command

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.store.records import IntentRow


@command(
    "send",
    interrupted="What was handed over may have been sent. Run `vault reconcile`; nothing goes out twice, and "
    "what was never sent goes on only with `vault send --resume`.",
)
@click.argument("ident", metavar="PLAN")
@click.option(
    "--resume", is_flag=True, help="Go on with a plan that was begun: settle it, send what was not sent."
)
@click.option(
    "--wait", type=click.IntRange(0, 86_400), default=0, metavar="SECONDS", help="Follow it until done."
)
def send(call: Call, ident: str, resume: bool, wait: int) -> Answer:
    """Send every step of the plan that is ready; with --wait follow it to its end.

    Exit status 21 when an answer is missing: it may have happened. Nothing is sent again before
    `vault reconcile` has settled it.
    """
    from vault.cli.wording import step_json
    from vault.treasury.execute import send as work
    from vault.treasury.follow import follow_plan
    from vault.treasury.inspection import find_plan

    with call.desk() as desk:
        plan = find_plan(desk, ident)
        steps = work(desk, plan, resume=resume)
        if wait:
            steps = follow_plan(desk, plan, wait)
    unknown = [step for step in steps if step.state in {"submitting", "unknown"}]
    document = {
        "plan_id": plan.plan_id,
        "done": all(step.state == "done" for step in steps),
        "unknown": [step.client_id for step in unknown],
        "steps": [step_json(step) for step in steps],
    }
    return Answer(document, lambda page: _render(page, plan.plan_id, steps), 21 if unknown else 0)


def _render(page: Page, plan_id: str, steps: list[IntentRow]) -> None:
    from vault.cli.wording import show_steps

    done = all(step.state == "done" for step in steps)
    page.line(f"Plan {plan_id} is done." if done else f"Plan {plan_id} is on its way:")
    show_steps(page, steps)
    if any(step.state in {"refused", "cancelled"} for step in steps):
        page.line("A step was refused. Nothing more of this plan is sent; make another plan.")
    elif not done:
        page.line(
            f"Next: vault reconcile --wait 600, then vault send {plan_id} --resume if a step was not sent"
        )
