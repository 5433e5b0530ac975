"""What stands between a venue and a transfer: keys, lists, holds, prices. Asked by the treasury, judged here.

A venue's keys bypass every rule of ours, so what is broken denies, whatever a rule allows. What a venue
cannot say is a warning in every plan, and a denial where the policy wants it so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from vault.model import AccountRisk, Action
    from vault.policy.document import Policy
    from vault.policy.trail import Trail

# Of what nobody can say, the price alone has a key of its own.
PRICE: Final = "independent_price"


@dataclass(frozen=True, slots=True)
class Precaution:
    """One precaution: kept, broken (`code` says how), or something that the venue cannot say."""

    what: str
    state: Literal["kept", "broken", "unsaid"]
    reason: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What was found out for one kind of transfer of one account.

    `independent` is the account's risk at the price of another source, where there is one.
    """

    precautions: tuple[Precaution, ...] = ()
    independent: AccountRisk | None = None


Standings = Mapping[tuple["Action", str], Standing]
"""By action and account; what is not in it was not asked for, because nothing was called for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Precautions under a policy: what denies, and what is only warned of."""

    denied: tuple[Precaution, ...] = field(default=())
    warned: tuple[Precaution, ...] = field(default=())


def judge(policy: Policy, precautions: tuple[Precaution, ...]) -> Judged:
    """What is broken denies; what cannot be said does when the policy says so."""
    denied = tuple(each for each in precautions if each.state == "broken" or _wanted(policy, each))
    warned = tuple(each for each in precautions if each.state == "unsaid" and each not in denied)
    return Judged(denied, warned)


def _wanted(policy: Policy, each: Precaution) -> bool:
    if each.state != "unsaid":
        return False
    if each.what == PRICE:
        return policy.venues.independent_price == "required"
    return policy.venues.unsaid == "deny"


def code_of(each: Precaution) -> str:
    """The code a denial by this precaution has."""
    return each.code or f"denied.{each.what}_unsaid"


def check_precautions(policy: Policy, trail: Trail, standing: Standing | None) -> None:
    """Every precaution as a step of the trail."""
    found = () if standing is None else standing.precautions
    denied = judge(policy, found).denied
    for each in found:
        if each in denied:
            trail.deny(code_of(each), each.reason)
        else:
            trail.note(
                f"venue:{each.what}", f"warning: {each.reason}" if each.state == "unsaid" else each.reason
            )
