"""From observation to plan: snapshot, assessment, decisions, and a plan of what the policy allows.

Refuses nothing itself: what the policy denies is recorded with its trace and does not become a
transfer. A transfer that cannot be built as decided becomes a named problem, not a smaller transfer.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from vault.codec import encode
from vault.errors import ChainError, DeniedError, PlanError, VaultError
from vault.money import Amount
from vault.store import records
from vault.store.records import PlanRow
from vault.store.venues import Way
from vault.treasury import (
    authority,
    books,
    coins,
    foreign_spends,
    history,
    limits,
    observe,
    precautions,
    reserved,
)
from vault.treasury.ethereum.accounts import is_account
from vault.treasury.ethereum.following import depth_of
from vault.treasury.ethereum.pins import require_receivable
from vault.treasury.lead_times import expected_of
from vault.treasury.plan import (
    MAX_PLAN_BYTES,
    PLAN_SCHEMA,
    Expected,
    Payment,
    Plan,
    PlanBody,
    Transfer,
    write_plan,
)
from vault.treasury.spending import coins_of, returned_by, verify_transfer
from vault.treasury.venue_requests import after_credit, outward
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from pathlib import Path

    from vault.bitcoin.transaction import OutPoint
    from vault.bitcoin.wallet.compose import BuiltPsbt
    from vault.model import Assessment, Decision, Snapshot
    from vault.policy.book import Entry
    from vault.policy.document import Band, Policy
    from vault.policy.precautions import Standing, Standings
    from vault.treasury.desk import Desk
    from vault.treasury.requests.stuck import Stuck

# A sweep or an evacuation should confirm within this many blocks.
FEE_TARGET_BLOCKS = 3


@dataclass(frozen=True, slots=True)
class Problem:
    """A decision that was allowed and could not be turned into a transfer."""

    decision: Decision
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class UnsignedDocument:
    """A policy or address book that is not in force as it stands, why, and the command that signs it."""

    kind: authority.DocumentKind
    file: str
    code: str
    message: str
    command: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """One round of the pipeline up to the plan; `plan` is None when nothing is to be done.

    `notes` are what a person is to know of a plan that was asked for; they are warnings of the plan.
    `unsigned`: why nothing was decided at all.
    """

    snapshot: Snapshot
    assessment: Assessment
    decisions: tuple[Decision, ...]
    decision_digests: tuple[str, ...]
    plan: Plan | None
    path: Path | None
    problems: tuple[Problem, ...]
    stuck: tuple[Stuck, ...] = ()
    standings: Standings = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    unsigned: tuple[UnsignedDocument, ...] = ()


def look(desk: Desk) -> Proposal:
    """Observe, assess and decide, without making a plan (what `vault check` does)."""
    # Nothing unsigned is followed: said before anything is asked, not after.
    desk.policy()
    desk.book()
    snapshot = observe.take_snapshot(desk)
    books.open_books(desk, snapshot)
    assessment = observe.assess_snapshot(desk, snapshot)
    decisions, standings = _decide(desk, snapshot, assessment)
    with desk.store.write() as writer:
        names = tuple(records.save_document(writer, "decision", encode(each)) for each in decisions)
        records.save_document(
            writer, "round", {"at": writer.at, "assessment": assessment.snapshot_digest, "decisions": names}
        )
    return Proposal(snapshot, assessment, decisions, names, None, None, (), _stuck(desk), standings)


def _stuck(desk: Desk) -> tuple[Stuck, ...]:
    """What does not get on; a chain that does not answer is in the snapshot's failures already."""
    from vault.treasury.requests.stuck import stuck

    try:
        return stuck(desk)
    except ChainError:
        return ()


def propose(desk: Desk) -> Proposal:
    """The whole round; the plan is recorded in the store and written as a file.

    Raises `VaultError` only for what concerns the treasury as a whole (signatures, store, guard).
    """
    found = look(desk)
    transfers: list[Transfer] = []
    problems: list[Problem] = []
    used: list[Decision] = []
    notes: list[str] = []
    for decision in found.decisions:
        if decision.outcome != "allow" or decision.amount is None:
            continue
        try:
            transfers.append(_transfer(desk, decision, tuple(transfers), notes))
            used.append(decision)
        except VaultError as error:
            problems.append(Problem(decision, error.code, error.message))
    if notes:
        found = replace(found, notes=tuple(dict.fromkeys((*found.notes, *notes))))
    while transfers:
        try:
            made = conclude(desk, found, tuple(used), tuple(transfers))
        except VaultError as error:
            # What no person could approve is not proposed; the transfers before the last may still go.
            transfers.pop()
            problems.append(Problem(used.pop(), error.code, error.message))
            continue
        return replace(made, problems=tuple(problems))
    return replace(found, problems=tuple(problems))


def conclude(
    desk: Desk, found: Proposal, used: tuple[Decision, ...], transfers: tuple[Transfer, ...]
) -> Proposal:
    """A plan of these transfers, recorded in the store and written as a file.

    Raises `PlanError` or `AttestationError` when it is too large.
    """
    plan = Plan.of(_body(desk, found, used, transfers))
    require_fit(plan)
    path = write_plan(plan, desk.treasury.plans_path)
    try:
        with desk.store.write() as writer:
            records.save_plan(writer, _row(plan))
    except BaseException:
        path.unlink(missing_ok=True)  # a file of which the store knows nothing would only mislead
        raise
    return replace(found, plan=plan, path=path)


def present_rate(desk: Desk) -> Decimal:
    """The present estimate in sat/vB, held just below the policy's cap."""
    return desk.fee_rate(FEE_TARGET_BLOCKS)


def require_fit(plan: Plan) -> None:
    """Raises `PlanError` or `AttestationError` for a plan too large for a file or for an approval."""
    if len(plan.text()) > MAX_PLAN_BYTES:
        raise PlanError("too_large", f"expected a plan of at most {MAX_PLAN_BYTES} bytes")
    authority.approval_statement(plan)


def _decide(desk: Desk, snapshot: Snapshot, assessment: Assessment) -> tuple[tuple[Decision, ...], Standings]:
    """Decide, ask the venues of what would be allowed, and decide again with what they said.

    A venue is asked only when something is called for there; nothing is allowed whose venue was not asked.
    """
    from vault.policy.engine import decide
    from vault.treasury.ethereum.gas import gas_now

    policy, book, now = desk.policy(), desk.book(), desk.clock.now()
    with desk.store.read() as connection:
        past = history.outflows(connection, now, since=history.window_start(policy.policy, now))
        busy = history.in_flight(connection, now)
    standings: Standings = {}
    gas = gas_now(desk, policy.policy)
    while True:
        decisions = decide(
            policy.policy, policy.digest, assessment, snapshot, book.book, past, busy, now, standings, gas
        )
        wanted = [
            each
            for each in decisions
            if each.outcome == "allow"
            and each.action in {"sweep", "top_up"}
            and (each.action, each.subject) not in standings
        ]
        if not wanted:
            return decisions, standings
        standings = {
            **standings,
            **{(each.action, each.subject): _standing(desk, each, snapshot, assessment) for each in wanted},
        }


def _standing(desk: Desk, decision: Decision, snapshot: Snapshot, assessment: Assessment) -> Standing:
    name = decision.subject
    desk.progress(f"asking {name} what its keys and lists let out")
    band = desk.policy().policy.band_of(name)
    if band is None:
        raise DeniedError("no_band", f"the policy has no band for {name}")
    entry = desk.book().book.find(decision.destination)
    place = precautions.Place(name, band.asset, band.venue_network, entry)
    if decision.action == "sweep":
        return precautions.sweep_standing(desk, place)
    risk = next((each for each in assessment.accounts if each.account == name), None)
    seen = next(each for each in snapshot.accounts if each.name == name)
    return precautions.top_up_standing(desk, place, risk, seen)


def _body(
    desk: Desk, found: Proposal, decisions: tuple[Decision, ...], transfers: tuple[Transfer, ...]
) -> PlanBody:
    policy, book = desk.policy(), desk.book()
    now = desk.clock.now()
    return PlanBody(
        schema_version=PLAN_SCHEMA,
        treasury_id=desk.treasury.config.treasury_id,
        network=desk.treasury.config.bitcoin.network,
        created_at=found.snapshot.taken_at,
        expires_at=now + timedelta(minutes=policy.policy.plan.expires_minutes),
        policy_id=policy.policy.policy_id,
        policy_version=policy.policy.version,
        policy_digest=policy.digest,
        book_version=book.book.version,
        book_digest=book.digest,
        snapshot_digest=found.assessment.snapshot_digest,
        assessment_digest=_assessment_digest(found.assessment),
        approvals_required=policy.policy.plan.approvals_required,
        decisions=decisions,
        transfers=transfers,
        warnings=(*_warnings(policy.policy, found.standings, decisions), *found.notes),
    )


def _warnings(policy: Policy, standings: Standings, decisions: tuple[Decision, ...]) -> tuple[str, ...]:
    """What the venues of these decisions could not say, each once."""
    from vault.policy.precautions import judge

    found = [standings.get((each.action, each.subject)) for each in decisions]
    said = [judge(policy, each.precautions).warned for each in found if each is not None]
    return tuple(dict.fromkeys(each.reason for warned in said for each in warned))


def _assessment_digest(assessment: Assessment) -> str:
    from vault.canonical import digest

    return digest(encode(assessment))


def _row(plan: Plan) -> PlanRow:
    from vault.canonical import canonical_json
    from vault.clock import to_iso

    return PlanRow(
        plan.plan_id,
        plan.digest,
        to_iso(plan.body.created_at),
        to_iso(plan.body.expires_at),
        "proposed",
        canonical_json(encode(plan.body)),
    )


# -- transfers ---------------------------------------------------------------------------------------


def _transfer(desk: Desk, decision: Decision, before: tuple[Transfer, ...], notes: list[str]) -> Transfer:
    number = len(before) + 1
    policy = desk.policy().policy
    entry = desk.book().book.active(decision.destination, desk.clock.now(), policy.address_book.cooling_hours)
    if decision.action == "sweep":
        transfer = _withdrawal(desk, policy, decision, entry, number)
    elif is_account(desk.treasury, decision.source):
        transfer = _call(desk, policy, decision, entry, before, notes)
    else:
        foreign_spends.require_none(desk, decision.source)
        transfer = _spend(desk, policy, decision, entry, number, coins_of(before))
        verify_transfer(desk, transfer)
    limits.check_fees(desk, transfer, before)
    return transfer


def _withdrawal(desk: Desk, policy: Policy, decision: Decision, entry: Entry, number: int) -> Transfer:
    """A sweep: the decided amount leaves the account, the venue's fee comes out of it."""
    band = policy.band_of(decision.subject)
    if decision.amount is None or band is None:
        raise DeniedError("no_amount", f"{decision.subject}: the decision names no amount or band")
    info = desk.venues.network_info(decision.subject, decision.amount.asset.symbol, band.venue_network)
    if not info.enabled:
        raise DeniedError(
            "withdrawals_suspended", f"{decision.subject}: withdrawals on {info.network} are suspended"
        )
    settings = desk.treasury.venue(decision.subject)
    rule = traits_of(settings.exchange).fee
    if decision.amount <= info.fee:
        raise DeniedError("below_minimum", f"{decision.amount} does not exceed the venue's fee of {info.fee}")
    # What the venue is asked for: its own minimum, maximum and step are rules for that.
    asked = (decision.amount - info.fee if rule == "added" else decision.amount).quantise_down(info.step)
    if asked < info.minimum or not asked.units or (rule == "included" and asked <= info.fee):
        raise DeniedError(
            "below_minimum", f"{asked} is below the venue's minimum of {info.minimum} (fee {info.fee})"
        )
    if info.maximum is not None and asked > info.maximum:
        raise DeniedError("above_maximum", f"{asked} is above the venue's maximum of {info.maximum}")
    net = asked if rule == "added" else asked - info.fee
    way = Way(settings.name, decision.amount.asset.symbol, band.venue_network, "withdraw")
    bitcoin = desk.treasury.config.bitcoin
    on_ethereum = entry.network.startswith("eip155:")
    if on_ethereum:
        require_receivable(desk, entry.network, net, entry.address)
    confirmations = depth_of(desk, entry.network) if on_ethereum else bitcoin.confirmations
    return Transfer(
        number=number,
        action="sweep",
        kind="venue_withdrawal",
        source=decision.source,
        venue_account=decision.subject,
        network=entry.network,
        venue_network=band.venue_network,
        payments=(Payment(entry.id, entry.address, net),),
        fee=info.fee,
        moves=outward(settings),
        fee_rule=rule,
        expected=expected_of(desk, way, settings.exchange, confirmations),
    )


def _spend(  # noqa: PLR0917
    desk: Desk,
    policy: Policy,
    decision: Decision,
    entry: Entry,
    number: int,
    taken: tuple[OutPoint, ...],
) -> Transfer:
    """An evacuation empties its wallet; a top-up sends exactly the decided amount, from coins not `taken`."""
    from vault.address import script_pubkey

    if decision.amount is None:
        raise DeniedError("no_amount", f"{decision.subject}: the decision names no amount")
    drain = decision.action == "evacuate"
    script = script_pubkey(entry.address, desk.network)
    wanted = Amount.zero(decision.amount.asset) if drain else decision.amount
    rate = present_rate(desk)
    without = (*taken, *coins.withheld(desk, decision.source))

    def build(avoided: tuple[OutPoint, ...]) -> BuiltPsbt:
        wallet = desk.wallet(decision.source)
        return wallet.build_spend(((script, wanted),), rate, drain=drain, without=(*without, *avoided))

    # What the policy calls for does not wait for a plan that nobody sends; it leaves its coins if it can.
    built = build(()) if drain else reserved.apart(desk, build)
    paid = sum(amount.units for target, amount in built.payments if target == script)
    if drain and Amount(decision.amount.asset, paid) + built.fee > decision.amount:
        raise DeniedError("balance_moved", f"{decision.source} holds more than was decided on; decide anew")
    account = decision.subject if decision.action == "top_up" else ""
    band = policy.band_of(account) if account else None
    return Transfer(
        number=number,
        action=decision.action,
        kind="bitcoin_spend",
        source=decision.source,
        venue_account=account,
        network=entry.network,
        venue_network=band.venue_network if band else "",
        payments=(Payment(entry.id, entry.address, Amount(decision.amount.asset, paid)),),
        fee=built.fee,
        psbt=base64.b64encode(built.psbt).decode(),
        coins=tuple(str(coin) for coin in built.inputs),
        returned=returned_by(built),
        moves=after_credit(desk, account, decision.amount.asset.symbol, band.venue_network) if band else (),
        expected=_credit(desk, account, decision.amount.asset.symbol, band) if band else None,
    )


def _call(  # noqa: PLR0917
    desk: Desk,
    policy: Policy,
    decision: Decision,
    entry: Entry,
    before: tuple[Transfer, ...],
    notes: list[str],
) -> Transfer:
    """Out of an account on Ethereum: exactly the decided amount arrives, gas is paid beside it."""
    from vault.treasury.ethereum.spend import Errand, build_payment

    amount = decision.amount
    if amount is None:
        raise DeniedError("no_amount", f"{decision.subject}: the decision names no amount")
    account = decision.subject if decision.action == "top_up" else ""
    band = policy.band_of(account) if account else None
    errand = Errand(
        action=decision.action,
        source=decision.source,
        number=len(before) + 1,
        venue_account=account,
        venue_network=band.venue_network if band else "",
        moves=after_credit(desk, account, amount.asset.symbol, band.venue_network) if band else (),
        expected=_credit(desk, account, amount.asset.symbol, band) if band else None,
    )
    built = build_payment(desk, errand, entry, amount, before)
    notes += built.warnings
    return built.transfer


def _credit(desk: Desk, account: str, asset: str, band: Band) -> Expected:
    """How long the venue takes to credit a deposit."""
    info = desk.venues.network_info(account, asset, band.venue_network)
    way = Way(account, asset, band.venue_network, "deposit")
    return expected_of(desk, way, desk.treasury.venue(account).exchange, info.confirmations)
