"""`vault send`: an approved and signed plan goes out, each step at most once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vault.cli.command import UNDER_WAY_STATUS, Answer, Call, command
from vault.errors import OutcomeUnknownError, PlanError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan


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
    `vault reconcile` has settled it. With --wait, 22 when the time was not enough, and 60 when a step was
    refused meanwhile.
    """
    from vault.cli.wording import step_json
    from vault.treasury.execute import send as work
    from vault.treasury.follow import follow_plan
    from vault.treasury.inspection import find_plan

    with call.desk() as desk:
        plan = find_plan(desk, ident)
        try:
            steps = work(desk, plan, resume=resume)
        except PlanError as error:
            _hint_to_follow(desk, plan, error, wait)
            raise
        if wait:
            steps = follow_plan(desk, plan, wait)
    unknown = [step for step in steps if step.state in {"submitting", "unknown"}]
    document = {
        "plan_id": plan.plan_id,
        "done": all(step.state == "done" for step in steps),
        "unknown": [step.client_id for step in unknown],
        "steps": [step_json(step) for step in steps],
    }
    return Answer(document, lambda page: _render(page, plan.plan_id, steps), _status(steps, waited=wait > 0))


def _hint_to_follow(desk: Desk, plan: Plan, error: PlanError, wait: int) -> None:
    """Whoever asks to wait for a plan that is under way wants to follow it."""
    from vault.store import records

    with desk.store.read() as connection:
        row = records.find_plan(connection, plan.plan_id)
    if wait and error.code == "plan.already_sent" and row is not None and row.state == "sending":
        error.hint = f"Run `vault send {plan.plan_id} --resume --wait {wait}` to follow it to its end."


def _status(steps: list[IntentRow], *, waited: bool) -> int:
    if any(step.state in {"submitting", "unknown"} for step in steps):
        return OutcomeUnknownError.exit_status
    if not waited or all(step.state == "done" for step in steps):
        return 0
    ended = any(step.state in {"refused", "cancelled"} for step in steps)
    return PlanError.exit_status if ended else UNDER_WAY_STATUS


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
