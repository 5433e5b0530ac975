"""One decision in the making: every step is recorded, the first denial settles it, nothing lifts it again.

Refuses to come out as allow unless it was explicitly allowed and never denied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from vault.model import Decision, TraceStep

if TYPE_CHECKING:
    from vault.model import Action
    from vault.money import Amount

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which policy decided."""

    policy_id: str
    version: int
    digest: str


@dataclass(slots=True)
class Trail:
    """Collects the steps of one decision about one subject."""

    action: Action
    subject: str
    source: str
    destination: str
    stamp: Stamp
    steps: list[TraceStep] = field(default_factory=list)
    denied_by: tuple[str, str] | None = None
    allowed_by: tuple[str, str] | None = None

    def note(self, step: str, reason: str, facts: Facts = ()) -> None:
        self.steps.append(TraceStep(step, "note", reason, facts))

    def skip(self, step: str, reason: str, facts: Facts = ()) -> None:
        self.steps.append(TraceStep(step, "skip", reason, facts))

    def allow(self, step: str, reason: str, facts: Facts = ()) -> None:
        self.steps.append(TraceStep(step, "allow", reason, facts))
        self.allowed_by = self.allowed_by or (step, reason)

    def deny(self, step: str, reason: str, facts: Facts = ()) -> None:
        self.steps.append(TraceStep(step, "deny", reason, facts))
        self.denied_by = self.denied_by or (step, reason)

    def nothing(self, step: str, reason: str, facts: Facts = ()) -> Decision:
        """Nothing is called for; unless something already went wrong, which then stands."""
        self.note(step, reason, facts)
        return (
            self._decision("deny", None) if self.denied_by else self._decision("none", None, (step, reason))
        )

    def settle(self, amount: Amount | None) -> Decision:
        """Allow only if allowed and never denied; without either, the default is deny."""
        if self.denied_by is None and (self.allowed_by is None or amount is None):
            self.deny("default", "no rule allows it")
        if self.denied_by is not None:
            return self._decision("deny", amount)
        return self._decision("allow", amount, self.allowed_by)

    def _decision(
        self,
        outcome: Literal["allow", "deny", "none"],
        amount: Amount | None,
        by: tuple[str, str] | None = None,
    ) -> Decision:
        decided_by, reason = self.denied_by or by or ("default", "no rule allows it")
        return Decision(
            action=self.action,
            subject=self.subject,
            outcome=outcome,
            amount=amount,
            source=self.source,
            destination=self.destination,
            decided_by=decided_by,
            reason=reason,
            policy_id=self.stamp.policy_id,
            policy_version=self.stamp.version,
            policy_digest=self.stamp.digest,
            trace=tuple(self.steps),
        )
