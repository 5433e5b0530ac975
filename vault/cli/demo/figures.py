"""How the story writes its numbers: money, distances, fragility, and what the policy said."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from vault.cli.demo.scenes import Measure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vault.model import Assessment, Decision
    from vault.money import Amount


def usd(value: Decimal) -> str:
    """Whole dollars."""
    return f"{value:,.0f}"


def percent(value: Decimal | None) -> str:
    """A share of one, signed."""
    return "none" if value is None else f"{value * 100:+.1f} %"


def short(amount: Amount) -> str:
    """The number without zeros at its end: ether has eighteen digits."""
    number = amount.number
    return number.rstrip("0").rstrip(".") if "." in number else number


def mood(phase: str) -> str:
    """The colour of a moment of the day."""
    return {"calm": "calm", "recovery": "good", "warning": "warning", "fragile": "warning"}.get(
        phase, "danger"
    )


def fragility(assessment: Assessment) -> tuple[Measure, ...]:
    """The composite and each indicator; what has no input says why."""
    span = f"least {assessment.fragility_least:.2f}, most {assessment.fragility_upper:.2f}"
    whole = Measure("fragility", assessment.fragility, f"{span}, {assessment.coverage * 100:.0f} % covered")
    parts = (
        Measure(f"  {item.name.replace('_', ' ')}", item.score, item.detail) for item in assessment.indicators
    )
    return (whole, *parts)


def regime(assessment: Assessment) -> tuple[str, ...]:
    """The regime, and the steps of a cascade that have evidence."""
    steps = ", ".join(assessment.steps) or "none"
    return (f"regime {assessment.regime}; steps of a cascade with evidence: {steps}",)


def verdict(decisions: Iterable[Decision]) -> str:
    """What was called for, and what the policy said to it."""
    called = []
    for decision in decisions:
        if decision.outcome != "none":
            why = f" ({decision.decided_by})" if decision.outcome == "deny" else ""
            called.append(f"{decision.action.replace('_', '-')}: {decision.outcome}{why}")
    return "; ".join(called) or "nothing to do"
