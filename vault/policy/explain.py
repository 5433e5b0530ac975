"""A decision in plain words: what was asked, each step with the facts it read, and what settled it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vault.model import Decision

_MARKS: Final = {"allow": "allows", "deny": "DENIES", "skip": "silent", "note": "noted"}
_VERBS: Final = {
    "sweep": "Sweep",
    "evacuate": "Evacuate",
    "top_up": "Top up",
    "pay": "Pay from",
    "consolidate": "Consolidate",
    "bump": "Raise the fee of a transaction of",
    "cancel": "Cancel a transaction of",
    "speed_up": "Speed up a coin of",
    "return": "Return to margin at",
    "revoke": "Revoke an allowance of",
    "reconfigure": "Change who may sign for",
}
_OUTCOMES: Final = {"allow": "allowed", "deny": "denied", "none": "not called for"}


def explain(decision: Decision) -> tuple[str, ...]:
    """Lines of plain text: the answer first, then what decided, then the whole trace in order."""
    amount = f" of {decision.amount}" if decision.amount is not None else ""
    route = f" from {decision.source} to {decision.destination}" if decision.destination else ""
    lines = [
        f"{_VERBS[decision.action]} {decision.subject}: {_OUTCOMES[decision.outcome]}{amount}{route}",
        f"decided by {decision.decided_by}: {decision.reason}",
        f"policy {decision.policy_id} version {decision.policy_version}, digest {decision.policy_digest}",
        "considered:",
    ]
    for number, step in enumerate(decision.trace, start=1):
        here = "  <- decided" if step.step == decision.decided_by and step.reason == decision.reason else ""
        lines.append(f"{number:3}. {_MARKS[step.verdict]:7} {step.step}: {step.reason}{here}")
        lines += [f"             {name} = {value}" for name, value in step.facts]
    return tuple(lines)
