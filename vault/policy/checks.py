"""What every decision is checked against: wallets, the address book, rules, limits, what is under way.

Each check writes its step into the trail and never stops at a denial: the trace shows all that would
have to change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from vault.errors import VaultError
from vault.policy.expression import parse_expression
from vault.policy.facts import Facts, age_problem
from vault.policy.gas import GasCost
from vault.policy.limits import check_limits
from vault.policy.precautions import Standings

if TYPE_CHECKING:
    from vault.model import Action, Assessment, Outflow, Snapshot, WalletBalance
    from vault.money import Amount
    from vault.policy.book import AddressBook
    from vault.policy.document import Policy
    from vault.policy.trail import Stamp, Trail

# What the entry of a transfer may be that pays no venue: cold, and for a sweep our own staging account too.
_HOMES: Final[Mapping[str, frozenset[str]]] = {"sweep": frozenset({"cold", "staging"})}
_COLD: Final = frozenset({"cold"})
# States of a past transfer that is not over: another on the same subject waits for it.
OPEN_STATES: Final = frozenset({"pending", "unknown"})


@dataclass(frozen=True, slots=True)
class Round:
    """Everything one round of decisions is judged on; `history` grows by what the round allows."""

    policy: Policy
    stamp: Stamp
    assessment: Assessment
    snapshot: Snapshot
    book: AddressBook
    history: tuple[Outflow, ...]
    in_flight: frozenset[str]
    at: datetime
    fresh: Facts
    standings: Standings = field(default_factory=dict)
    gas: Mapping[int, GasCost] = field(default_factory=dict)

    @property
    def max_age(self) -> timedelta:
        return timedelta(seconds=self.policy.freshness.max_age_seconds)

    def wallet(self, name: str | None, asset: str) -> WalletBalance | None:
        """What the wallet or account of that name holds of an asset, when it was read."""
        found = [each for each in self.snapshot.wallets if (each.name, each.asset.symbol) == (name, asset)]
        return found[0] if len(found) == 1 else None

    def cost_on(self, chain_id: int) -> GasCost | None:
        """What a transaction there would cost; without word of it the most that the policy lets one cost."""
        if (told := self.gas.get(chain_id)) is not None:
            return told
        table = self.policy.gas_of(chain_id)
        return None if table is None else GasCost(chain_id, table.max_cost_amount, table.max_fee_wei)


def check_wallet_age(state: Round, trail: Trail, wallet: WalletBalance) -> None:
    """The balance must be as fresh as every other fact."""
    if problem := age_problem(wallet.observed_at, state.at, state.max_age):
        trail.deny(f"wallet:{wallet.name}", f"the balance is {problem}")


def check_under_way(state: Round, trail: Trail) -> None:
    """Nothing else on the subject may be under way, or of unknown result."""
    open_ones = [
        outflow
        for outflow in state.history
        if outflow.subject == trail.subject and outflow.state.casefold() in OPEN_STATES
    ]
    if trail.subject in state.in_flight or open_ones:
        trail.deny("in_flight", f"a transfer on {trail.subject} is under way or its result is not known")


def check_entry(
    state: Round, trail: Trail, destination: str, amount: Amount | None, venue: str | None
) -> None:
    """The destination is an active entry: a home of ours, or the deposit address of `venue`."""
    step = f"book:{destination}"
    try:
        entry = state.book.active(destination, state.at, state.policy.address_book.cooling_hours)
    except VaultError as error:
        trail.deny(step, f"{error.code}: {error.message}")
        return
    homes = _HOMES.get(trail.action, _COLD)
    if entry.purpose not in (homes if venue is None else {"venue_deposit"}) or entry.venue != venue:
        wanted = "a cold address" if venue is None else f"the deposit address of {venue}"
        trail.deny(step, f"expected {wanted}, found {entry.purpose} {entry.venue or ''}".strip())
    elif amount is not None and entry.asset != amount.asset.symbol:
        trail.deny(step, f"expected an address for {amount.asset}, found one for {entry.asset}")
    else:
        trail.note(step, f"active: {entry.address} on {entry.network}")


def check_rules(state: Round, trail: Trail, facts: Facts) -> None:
    """Every rule that covers the action; an error in any of them, also in an allow rule, denies."""
    for rule in state.policy.rule:
        if not rule.covers(trail.action):
            continue
        condition = parse_expression(rule.when)
        shown = facts.shown(condition)
        try:
            holds = condition.holds(facts.read)
        except VaultError as error:
            trail.deny(rule.name, f"{error.code}: {error.message}", shown)
            continue
        if not holds:
            trail.skip(rule.name, f"does not apply: {condition.text}", shown)
        elif rule.effect == "deny":
            trail.deny(rule.name, f"denied while {condition.text}", shown)
        else:
            trail.allow(rule.name, f"allowed while {condition.text}", shown)


def check_amount(state: Round, trail: Trail, amount: Amount, counted_as: Action | None = None) -> None:
    """Every limit that covers the transfer, as what it counts as; that none does is a denial."""
    action = trail.action if counted_as is None else counted_as
    results = check_limits(state.policy, action, amount, state.history, state.at)
    if not results:
        trail.deny("limits", "no limit covers this transfer")
    for result in results:
        if result.within:
            trail.note(result.name, result.reason, result.facts)
        else:
            trail.deny(result.name, result.reason, result.facts)
