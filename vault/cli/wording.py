"""How the same things are said by every command: amounts, shares, steps, decisions. Pure, light."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vault.cli.page import Page
    from vault.model import Decision, SpotHolding
    from vault.store.records import IntentRow

STEP_NAMES = {
    "to_spot": "move from margin to spot",
    "withdraw": "withdraw",
    "spend": "transaction",
    "credit": "credit at the venue",
    "to_margin": "move from spot to margin",
}


def usd(value: Decimal) -> str:
    """For reading only: whole cents, with separators."""
    return f"{value:,.2f} USD"


def idle_line(holding: SpotHolding) -> str:
    """Coins at the venue that are no margin, and that no plan moves."""
    return f"{holding.free} idle in {holding.account}'s spot wallet"


def percent(value: Decimal | None) -> str:
    """A share 0..1 in percent with one digit; unknown is said."""
    return "unknown" if value is None else f"{value * 100:.1f} %"


def share(value: Decimal | None) -> str:
    """A share 0..1 as the policy writes it, with two digits; unknown is said."""
    return "unknown" if value is None else f"{value:.2f}"


def counted(number: int, what: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def step_json(step: IntentRow) -> dict[str, Any]:
    """A step of a plan as JSON; what it carries, without the signed transaction itself."""
    facts = {key: value for key, value in step.facts.items() if key != "raw"}
    return {
        "client_id": step.client_id,
        "plan_id": step.plan_id,
        "transfer": step.transfer,
        "step": step.step,
        "kind": step.kind,
        "state": step.state,
        "submitted_at": step.submitted_at,
        "updated_at": step.updated_at,
        "reference": step.reference,
        "facts": facts,
    }


def step_line(step: IntentRow) -> str:
    """A step in one line."""
    reference = f" {step.reference}" if step.reference else ""
    return f"{step.transfer}.{step.step} {STEP_NAMES.get(step.kind, step.kind)}: {step.state}{reference}"


def show_steps(page: Page, steps: Sequence[IntentRow]) -> None:
    """Steps of a plan, one a line."""
    page.lines((step_line(step) for step in steps), "  ")


def decision_rows(decisions: Sequence[Decision]) -> list[tuple[str, ...]]:
    """Rows for `DECISION_HEAD`."""
    return [
        (
            each.action.replace("_", "-"),
            each.subject,
            each.outcome,
            str(each.amount) if each.amount is not None else "",
            f"{each.decided_by}: {each.reason}",
        )
        for each in decisions
    ]


DECISION_HEAD = ("action", "subject", "outcome", "amount", "decided by")
