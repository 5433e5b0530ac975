"""Blindness is not calm: which decisions could not be judged, because what they rest on was not read.

Refuses to count a denial by a rule, a limit or the address book: those were judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vault import errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vault.model import Decision, Snapshot, SourceFailure
    from vault.treasury.opening import Held
    from vault.treasury.propose import Proposal

# What a band or a rule says when the fact it needs is not there.
_NO_FACT: Final = ("policy.missing_fact", "policy.stale_fact")
_NOT_SAID: Final = ("is not known", "does not say")
# A precaution that broke under these families was not answered: nobody knows what the answer would have been.
_UNANSWERED: Final = ("venue", "chain", "secret", "unknown")
# Save these, which are an answer.
_ANSWERS: Final = frozenset({"venue.held", "venue.wrong_account"})


@dataclass(frozen=True, slots=True)
class NotKnown:
    """A decision that could not be judged, with the code and the words of what was in the way."""

    action: str
    subject: str
    code: str
    message: str

    @property
    def line(self) -> str:
        """In one line, for a person."""
        return f"not known: {self.action.replace('_', '-')} {self.subject}: {self.message} ({self.code})"


def could_not_judge(decision: Decision) -> bool:
    """True when an account or wallet that was not read, is stale or contradicts itself settled it.

    So does a venue that was asked about keys, lists, addresses or networks and did not answer.
    """
    if decision.outcome != "deny":
        return False
    step, reason = decision.decided_by, decision.reason
    if step.startswith("account:") or _unanswered(step):
        return True
    # A wallet of the wrong role was read well enough: "expected a cold wallet, found …".
    return step.startswith("wallet:") and not reason.startswith("expected")


def _unanswered(step: str) -> bool:
    """A step that is named by the code of an error, and by one that is no answer."""
    family, dot, _ = step.partition(".")
    return bool(dot) and family in _UNANSWERED and ":" not in step and step not in _ANSWERS


def not_known(found: Proposal) -> tuple[NotKnown, ...]:
    """Every decision of a round that says nothing about need, with why."""
    return tuple(
        _why(each, place, reason, found.snapshot)
        for each in found.decisions
        if (place := _missing_place(each)) is not None
        for reason in [each.reason]
    )


def _missing_place(decision: Decision) -> str | None:
    if decision.outcome != "deny":
        return None
    if could_not_judge(decision):
        return decision.decided_by
    for step in decision.trace:
        if step.verdict != "deny":
            continue
        if step.reason.startswith(_NO_FACT):
            return step.step
        if step.step.startswith("band:") and any(words in step.reason for words in _NOT_SAID):
            return f"wallet:{decision.source}" if "wallet" in step.reason else f"account:{decision.subject}"
    return None


def _why(decision: Decision, place: str, reason: str, snapshot: Snapshot) -> NotKnown:
    if _unanswered(place):
        return NotKnown(decision.action, decision.subject, place, f"not all could be asked: {reason}")
    kind, _, name = place.partition(":")
    source = f"venue:{name}" if kind == "account" else place
    failure = next((each for each in snapshot.failures if each.source == source), None)
    if failure is not None:
        message = f"{source} could not be read: {failure.message}"
        return NotKnown(decision.action, decision.subject, failure.code, message)
    seen = {f"account:{each.name}" for each in snapshot.accounts}
    seen |= {f"wallet:{each.name}" for each in snapshot.wallets}
    if kind in {"account", "wallet"} and place not in seen:
        what = "[[venue]]" if kind == "account" else "[[wallet]]"
        message = f"the policy names {name}, and treasury.toml has no {what} of that name"
        return NotKnown(decision.action, decision.subject, "config.unknown_name", message)
    return NotKnown(decision.action, decision.subject, "venue.facts_missing", reason)


def failed_places(
    failures: Iterable[SourceFailure], booked: Collection[Held] = ()
) -> dict[str, SourceFailure]:
    """Places that could not be read in full, with the first failure of each.

    Of a venue's spot wallets only those whose assets have `booked` books there; bitcoin always has.
    """
    found: dict[str, SourceFailure] = {}
    for each in failures:
        kind, _, rest = each.source.partition(":")
        if kind in {"venue", "wallet"}:
            found.setdefault(each.source, each)
        elif kind == "spot":
            name, _, asset = rest.rpartition(":")
            if asset == "BTC" or (f"venue:{name}", asset) in booked:
                found.setdefault(f"venue:{name}", each)
    return found


def status_of(code: str) -> int:
    """The exit status of an error's family, when only its code is left; 20 for a family nobody knows."""
    family = code.partition(".")[0]
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.VaultError) and kind.family == family:
            return kind.exit_status
    return errors.VenueError.exit_status
