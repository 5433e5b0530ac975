"""Decides on what a person asks for: payments, consolidation, replacements, children that pay for parents.

The policy does not call for these, and allows none of them without a rule that says so. Default deny,
deny overrides; the transaction is judged as it was built, with its real fee.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from vault.canonical import digest
from vault.codec import encode
from vault.errors import PolicyError
from vault.model import MOVE_NOTHING
from vault.policy.account_checks import (
    chain_of,
    check_account,
    check_cost,
    check_sender,
    check_table,
)
from vault.policy.budget import check_fee_budget
from vault.policy.checks import (
    Round,
    check_amount,
    check_entry,
    check_rules,
    check_under_way,
    check_wallet_age,
)
from vault.policy.facts import (
    Facts,
    gas_facts,
    market_facts,
    request_facts,
    time_facts,
    transfer_facts,
    wallet_facts,
    without_gas,
)
from vault.policy.precautions import check_precautions
from vault.policy.trail import Stamp, Trail

if TYPE_CHECKING:
    from vault.model import Action, Assessment, Decision, Outflow, Snapshot, WalletBalance
    from vault.money import Amount
    from vault.policy.book import AddressBook
    from vault.policy.document import Policy
    from vault.policy.gas import GasCost
    from vault.policy.precautions import Standings

# These act on a transaction that is under way: that something is, is their very reason.
_ON_WHAT_IS_UNDER_WAY: Final = frozenset({"bump", "cancel", "speed_up"})


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, a transaction as built; a return names its account as `wallet`.

    `amount` is what it makes leave beyond what left already, `fee` of it the fee.

    A replacement leaves only what its fee is higher, an upkeep its fee. `moved` is what it is done for,
    zero for a replacement that moves nothing more. `venue` is the account that is credited, if any;
    `fee_rate` is in sat/vB. `counted_as` is the action whose limits count it: for a replacement that pays
    what nothing else counts any more, the action of the first that was to pay it. `gas` is what a transaction
    on Ethereum can cost, beside all that.
    """

    action: Action
    wallet: str
    destinations: tuple[str, ...]
    venue: str | None
    amount: Amount
    fee: Amount
    moved: Amount
    fee_rate: Decimal
    coins: int
    counted_as: Action | None = None
    gas: GasCost | None = None

    @property
    def only_gas(self) -> bool:
        """True when nothing leaves but gas, which has a budget of its own."""
        empty = not self.amount.units and not self.fee.units
        return empty and self.gas is not None and self.action in MOVE_NOTHING | _ON_WHAT_IS_UNDER_WAY


def decide_request(  # noqa: PLR0917 -- the whole of what a decision rests on, each named
    policy: Policy,
    policy_digest: str,
    request: Request,
    assessment: Assessment,
    snapshot: Snapshot,
    book: AddressBook,
    history: tuple[Outflow, ...],
    in_flight: Collection[str],
    at: datetime,
    standings: Standings | None = None,
) -> Decision:
    """Allow or deny, with the whole trace. Raises `PolicyError` for an assessment of another snapshot."""
    if assessment.snapshot_digest != digest(encode(snapshot)):
        raise PolicyError("other_snapshot", "expected an assessment of this snapshot, found another")
    max_age = timedelta(seconds=policy.freshness.max_age_seconds)
    facts = Facts((*market_facts(assessment), *time_facts(at)), at, max_age)
    stamp = Stamp(policy.policy_id, policy.version, policy_digest)
    state = Round(
        policy, stamp, assessment, snapshot, book, history, frozenset(in_flight), at, facts, standings or {}
    )
    return _judge(state, request)


def _judge(state: Round, request: Request) -> Decision:
    where = ", ".join(dict.fromkeys(request.destinations))
    trail = Trail(request.action, request.wallet, request.wallet, where, state.stamp)
    trail.note("request", f"asked for by a person: {request.amount} leave, {request.fee} of it as fee")
    facts = state.fresh.with_facts(
        *transfer_facts(request.amount, request.action, state.at),
        *request_facts(request.fee, request.fee_rate, request.coins, state.at),
    )
    wallet = _wallet(state, request)
    if request.action == "return":
        check_precautions(state.policy, trail, state.standings.get((request.action, request.wallet)))
    elif wallet is None:
        trail.deny(f"wallet:{request.wallet}", "its balance is not known")
    else:
        check_wallet_age(state, trail, wallet)
        facts = facts.with_facts(*wallet_facts(wallet))
    if request.action != "return":
        facts = _check_transaction(state, trail, request, wallet, facts)
    if request.action not in _ON_WHAT_IS_UNDER_WAY:
        check_under_way(state, trail)
    for destination in dict.fromkeys(request.destinations):
        check_entry(state, trail, destination, request.amount, request.venue)
    check_rules(state, trail, facts)
    if request.only_gas:
        trail.note("limits", "nothing leaves but gas, which has a budget of its own")
    elif request.action in MOVE_NOTHING:
        trail.deny("limits", f"a {request.action} moves nothing but gas, found {request.amount}")
    else:
        check_amount(state, trail, request.amount, request.counted_as)
    budget = check_fee_budget(state.policy, request.fee, request.moved, state.history, state.at)
    (trail.note if budget.within else trail.deny)(budget.name, budget.reason, budget.facts)
    return trail.settle(request.amount)


def _wallet(state: Round, request: Request) -> WalletBalance | None:
    """What the wallet holds of the asset that moves; what moves nothing is of the account as a whole."""
    found = state.wallet(request.wallet, request.amount.asset.symbol)
    if found is None and request.action in MOVE_NOTHING:
        return next((each for each in state.snapshot.wallets if each.name == request.wallet), None)
    return found


def _check_transaction(
    state: Round, trail: Trail, request: Request, wallet: WalletBalance | None, facts: Facts
) -> Facts:
    """On Ethereum the chain, gas and sender; returns the facts with what it costs."""
    chain, cost = chain_of(state, wallet, request.destinations), request.gas
    if wallet is not None:
        check_account(state, trail, wallet, request.destinations)
        if request.action not in _ON_WHAT_IS_UNDER_WAY:
            check_sender(state, trail, wallet.gas_from)
    check_table(state, trail, chain)
    if cost is None:
        if chain:
            trail.deny("gas", f"what it costs on chain {chain} is not known")
            return facts
        return facts.with_facts(*without_gas(state.at))
    if cost.chain_id != chain:
        trail.deny("gas", f"expected a transaction on chain {chain or 'of Bitcoin'}, found {cost.chain_id}")
    check_cost(state, trail, wallet, cost, built=True)
    return facts.with_facts(*gas_facts(cost, state.at))
