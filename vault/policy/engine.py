"""Decides: for every band direction and every evacuation, allow, deny or nothing, with the whole trace.

Default deny, deny overrides; an error, a missing or a stale fact is a deny. Every check is made and
recorded even after a denial, so that the trace shows all that would have to change.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from vault.canonical import digest
from vault.clock import to_iso
from vault.codec import encode
from vault.errors import PolicyError, VaultError
from vault.model import Outflow
from vault.money import BTC, ETH, Amount, asset_of
from vault.policy.account_checks import (
    chain_of,
    check_account,
    check_cost,
    check_sender,
    check_table,
)
from vault.policy.bands import Call, evacuation_call, sweep_call, top_up_call
from vault.policy.checks import (
    Round,
    check_amount,
    check_entry,
    check_rules,
    check_under_way,
    check_wallet_age,
)
from vault.policy.expression import parse_expression
from vault.policy.facts import (
    Facts,
    account_facts,
    age_problem,
    gas_facts,
    market_facts,
    time_facts,
    transfer_facts,
    wallet_facts,
    without_gas,
)
from vault.policy.precautions import check_precautions
from vault.policy.trail import Stamp, Trail

if TYPE_CHECKING:
    from vault.model import (
        AccountRisk,
        Action,
        Assessment,
        Decision,
        MarginAccount,
        Snapshot,
        WalletBalance,
    )
    from vault.policy.book import AddressBook
    from vault.policy.document import Band, Evacuation, Policy
    from vault.policy.gas import GasCost
    from vault.policy.precautions import Standings

# What an account may leave unsaid without hiding margin: the venue's own totals and caps, which are either
# checked where they are needed or computed here. Anything else it does not say denies.
BENIGN_MISSING: Final = frozenset(
    {
        "adl_rank",
        "available_to_withdraw",
        "balance",
        "borrowed",
        "initial_margin",
        "leverage",
        "liquidation_price",
        "maintenance_margin",
        "mark_price_time",
        "max_withdraw",
        "notional",
        "open_order_margin",
        "position_initial_margin",
        "ratio",
    }
)


def decide(  # noqa: PLR0917 -- the whole of what a decision rests on, each named
    policy: Policy,
    policy_digest: str,
    assessment: Assessment,
    snapshot: Snapshot,
    book: AddressBook,
    history: tuple[Outflow, ...],
    in_flight: Collection[str],
    at: datetime,
    standings: Standings | None = None,
    gas: Mapping[int, GasCost] | None = None,
) -> tuple[Decision, ...]:
    """One decision per account and direction, then one per evacuation, in a fixed order.

    `history` holds what moved or may have moved (pending and UNKNOWN included); `in_flight` the names of
    accounts and wallets with a transfer under way, `standings` what was found out about the venues of those
    accounts from or to which something is called for. `gas` is what a transaction of ours would cost now, by
    chain; where nobody says it, the most that the policy lets one cost is counted. Raises `PolicyError` when
    the assessment is of another snapshot; everything else that is wrong is a deny.
    """
    if assessment.snapshot_digest != digest(encode(snapshot)):
        raise PolicyError(
            "other_snapshot",
            f"expected an assessment of this snapshot, found one of {assessment.snapshot_digest}",
            hint="Assess the snapshot again.",
        )
    max_age = timedelta(seconds=policy.freshness.max_age_seconds)
    fresh = Facts((*market_facts(assessment), *time_facts(at)), at, max_age)
    stamp = Stamp(policy.policy_id, policy.version, policy_digest)
    state = Round(
        policy,
        stamp,
        assessment,
        snapshot,
        book,
        history,
        frozenset(in_flight),
        at,
        fresh,
        standings or {},
        gas or {},
    )
    decisions: list[Decision] = []
    for name in _account_names(policy, snapshot, assessment):
        band = policy.band_of(name)
        if band is not None:
            for judge in (_sweep, _top_up):
                decisions.append(judge(state, band, name))
                state = _counting(state, decisions[-1])
    for evacuation in policy.evacuation:
        decisions.append(_evacuate(state, evacuation))
        state = _counting(state, decisions[-1])
    return tuple(decisions)


def _account_names(policy: Policy, snapshot: Snapshot, assessment: Assessment) -> list[str]:
    """Every account that was seen or that a band names: one that is gone must show as denied."""
    names = [account.name for account in snapshot.accounts]
    names += [risk.account for risk in assessment.accounts]
    names += [band.account for band in policy.band if band.account != "*"]
    return sorted(set(names))


def _counting(state: Round, decision: Decision) -> Round:
    """The round with an allowed decision counted toward limits, gas, waits and the wallet's balance."""
    amount = decision.amount
    if decision.outcome != "allow" or amount is None:
        return state
    outflow = Outflow(state.at, decision.action, decision.subject, decision.destination, amount, "decided")
    payer = ""
    if decision.action != "sweep":
        wallet = state.wallet(decision.source, amount.asset.symbol)
        chain = chain_of(state, wallet, (decision.destination,))
        if (cost := state.cost_on(chain)) is not None:
            outflow = replace(outflow, gas=cost.max_cost, chain_id=chain)
        payer = wallet.gas_from if wallet is not None else ""
    wallets = tuple(
        replace(wallet, confirmed=wallet.confirmed - amount)
        if (wallet.name, wallet.asset) == (decision.source, amount.asset) and amount <= wallet.confirmed
        else wallet
        for wallet in state.snapshot.wallets
    )
    return replace(
        state,
        history=(*state.history, outflow),
        snapshot=replace(state.snapshot, wallets=wallets),
        in_flight=state.in_flight | ({payer} - {""}),
    )


def _sweep(state: Round, band: Band, name: str) -> Decision:
    trail = Trail("sweep", name, name, band.cold, state.stamp)
    account, risk = _account(state, trail, name)
    if account is None or risk is None:
        return trail.settle(None)
    call = sweep_call(band, risk, account)
    if call.amount is None and call.problem is None:
        return trail.nothing(band.name, call.reason, call.facts)
    facts = replace(state.fresh, facts=(*state.fresh.facts, *account_facts(risk)))
    wait = timedelta(minutes=band.min_wait_minutes)
    _check_wait(state, trail, wait, ("sweep", "top_up"))
    check_table(state, trail, chain_of(state, None, (band.cold,)))
    return _judge(state, trail, call, band.name, facts, venue=None)


def _top_up(state: Round, band: Band, name: str) -> Decision:
    trail = Trail("top_up", name, band.top_up_from or "", band.top_up_to or "", state.stamp)
    account, risk = _account(state, trail, name)
    if account is None or risk is None:
        return trail.settle(None)
    wallet = state.wallet(band.top_up_from, band.asset)
    call = _less_needy(
        state, band, name, wallet, top_up_call(band, risk, wallet, _reserve(state, band.asset, wallet))
    )
    if call.amount is None and call.problem is None:
        return trail.nothing(band.name, call.reason, call.facts)
    facts = state.fresh.with_facts(*account_facts(risk))
    if wallet is not None:
        facts = facts.with_facts(*wallet_facts(wallet))
        check_wallet_age(state, trail, wallet)
        if wallet.role != "cold":
            trail.deny(f"wallet:{wallet.name}", f"expected a cold wallet, found a {wallet.role} one")
    _check_wait(state, trail, timedelta(minutes=band.min_wait_minutes), ("top_up",))
    facts = _check_transaction(state, trail, wallet, band.asset, facts)
    return _judge(state, trail, call, band.name, facts, venue=name)


def _reserve(state: Round, asset: str, wallet: WalletBalance | None) -> Amount:
    """What a top-up leaves in its wallet for the network: the greatest fee of Bitcoin, or gas."""
    if asset == BTC.symbol:
        return state.policy.fees.max_fee_amount
    return _gas_reserve(state, asset, wallet)


def _gas_reserve(state: Round, asset: str, wallet: WalletBalance | None) -> Amount:
    """ETH that an account keeps for its own gas. Of a token, or of a Safe, nothing: another balance pays."""
    if asset == ETH.symbol and wallet is not None and wallet.gas_from == wallet.name:
        cost = state.cost_on(chain_of(state, wallet, ()))
        return Amount.zero(ETH) if cost is None else cost.max_cost
    return Amount.zero(asset_of(asset))


def _check_transaction(
    state: Round, trail: Trail, wallet: WalletBalance | None, asset: str, facts: Facts
) -> Facts:
    """The chain, gas and sender of what a wallet sends; returns the facts with what it would cost."""
    where = (trail.destination,)
    chain = chain_of(state, wallet, where)
    if wallet is not None:
        check_account(state, trail, wallet, where)
        check_sender(state, trail, wallet.gas_from)
    check_table(state, trail, chain)
    if not chain:
        return facts.with_facts(*without_gas(state.at)) if asset == BTC.symbol else facts
    if (cost := state.cost_on(chain)) is not None:
        check_cost(state, trail, wallet, cost, built=chain in state.gas)
    return facts.with_facts(*gas_facts(state.gas[chain], state.at)) if chain in state.gas else facts


def _less_needy(state: Round, band: Band, name: str, wallet: WalletBalance | None, call: Call) -> Call:
    """The call at the price at which less is needed: the venue's, or that of another source."""
    standing = state.standings.get(("top_up", name))
    if call.amount is None or standing is None or standing.independent is None:
        return call
    other = top_up_call(band, standing.independent, wallet, _reserve(state, band.asset, wallet))
    if other.problem is not None or (other.amount is not None and other.amount >= call.amount):
        return call
    reason = f"at the independent price: {other.reason}"
    return replace(other, reason=reason, facts=(*other.facts, ("at the venue's price", str(call.amount))))


def _evacuate(state: Round, evacuation: Evacuation) -> Decision:
    trail = Trail("evacuate", evacuation.wallet, evacuation.wallet, evacuation.to, state.stamp)
    wallet = state.wallet(evacuation.wallet, evacuation.asset)
    if wallet is None:
        trail.deny(f"wallet:{evacuation.wallet}", "its balance is not known")
        return trail.settle(None)
    facts = state.fresh.with_facts(*wallet_facts(wallet))
    condition = parse_expression(evacuation.when)
    shown = facts.shown(condition)
    try:
        if not condition.holds(facts.read):
            return trail.nothing(evacuation.name, f"not called for: {condition.text} is false", shown)
        trail.note(evacuation.name, f"called for: {condition.text}", shown)
    except VaultError as error:
        trail.deny(evacuation.name, f"{error.code}: {error.message}", shown)
    check_wallet_age(state, trail, wallet)
    if wallet.role != "staging":
        trail.deny(f"wallet:{wallet.name}", f"expected a staging wallet, found a {wallet.role} one")
    call = evacuation_call(evacuation, wallet, _gas_reserve(state, evacuation.asset, wallet))
    if call.amount is None:
        return trail.nothing(evacuation.name, call.reason, call.facts)
    _check_wait(state, trail, timedelta(minutes=evacuation.min_wait_minutes), ("evacuate",))
    facts = _check_transaction(state, trail, wallet, evacuation.asset, facts)
    return _judge(state, trail, call, evacuation.name, facts, venue=None)


def _account(state: Round, trail: Trail, name: str) -> tuple[MarginAccount | None, AccountRisk | None]:
    """The account and its risk, checked for age, contradictions and agreement; denies what is wrong."""
    step = f"account:{name}"
    accounts = [account for account in state.snapshot.accounts if account.name == name]
    risks = [risk for risk in state.assessment.accounts if risk.account == name]
    if len(accounts) != 1 or len(risks) != 1:
        lines = [line for line in state.assessment.missing if line.startswith(f"account.{name}:")]
        trail.deny(step, "; ".join(lines) or "the account was not read or could not be assessed")
        return None, None
    account, risk = accounts[0], risks[0]
    oldest = min(account.observed_at, risk.observed_at)
    for seen in (oldest, account.received_at, state.assessment.taken_at):
        if problem := age_problem(seen, state.at, state.max_age):
            trail.deny(step, f"the account is {problem}")
            break
    if unsaid := [what for what in account.missing if what.split(":")[0] not in BENIGN_MISSING]:
        trail.deny(step, "the venue did not say: " + ", ".join(unsaid))
    if flags := sorted({*account.flags, *risk.flags}):
        trail.deny(step, "its numbers contradict each other: " + ", ".join(flags))
    return account, risk


def _check_wait(state: Round, trail: Trail, wait: timedelta, after: tuple[Action, ...]) -> None:
    """Deny while a transfer on the subject is under way, or too soon after the last of those in `after`.

    A sweep waits for both directions, so that it does not undo a top-up; a top-up waits only for a
    top-up, because a fall right after a sweep must be answered.
    """
    check_under_way(state, trail)
    past = [outflow for outflow in state.history if outflow.subject == trail.subject]
    moments = [outflow.at for outflow in past if outflow.action in after]
    if moments and state.at - max(moments) < wait:
        minutes = int(wait.total_seconds()) // 60
        trail.deny("min_wait", f"the last one was at {to_iso(max(moments))}, {minutes} minutes must pass")


def _judge(state: Round, trail: Trail, call: Call, step: str, facts: Facts, *, venue: str | None) -> Decision:
    """Destination, rules and limits for a transfer that is called for."""
    if call.problem is not None:
        trail.deny(step, call.problem, call.facts)
    else:
        trail.note(step, call.reason, call.facts)
    check_entry(state, trail, trail.destination, call.amount, venue)
    check_precautions(state.policy, trail, state.standings.get((trail.action, trail.subject)))
    if call.amount is not None:
        facts = facts.with_facts(*transfer_facts(call.amount, trail.action, state.at))
    check_rules(state, trail, facts)
    if call.amount is not None:
        check_amount(state, trail, call.amount)
    return trail.settle(call.amount)
