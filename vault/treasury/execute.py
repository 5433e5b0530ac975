"""Sends an approved plan, each step at most once: journal first, send once, record the answer.

Refuses a plan that was begun before unless it is resumed by a person, and any step whose earlier
attempt is not settled. What is not known is ``unknown``, never failed; `reconcile` settles it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vault.clock import from_iso, to_iso
from vault.errors import ChainError, DeniedError, OutcomeUnknownError, PlanError, VaultError, VenueError
from vault.money import Amount
from vault.store import records
from vault.treasury import absence, authority, history, lineage, preconditions, reconcile
from vault.treasury.ethereum.devices import signed_by_device
from vault.treasury.plan import require_live
from vault.treasury.steps import (
    ENDED,
    INTERNAL,
    MOVING,
    bound_by_expiry,
    disputed,
    ensure_intents,
    next_step,
    under_way,
)
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer

# An internal move is accepted first and done a moment later; longer than this is for `reconcile`.
CONFIRM_ATTEMPTS: Final = 5
CONFIRM_SECONDS: Final = 0.5

# What is said when nobody could be asked at all: the transaction is nowhere but here.
_NEVER_LEFT: Final = frozenset({"chain.unreachable", "ethereum.unreachable"})

# bitcoind's words for a transaction that its mempool or its chain has (src/validation.cpp, PreChecks).
HAS_IT_ALREADY: Final = frozenset(
    {"txn-already-in-mempool", "txn-already-known", "txn-same-nonwitness-data-in-mempool"}
)


def send(desk: Desk, plan: Plan, *, resume: bool = False) -> list[IntentRow]:
    """Send every step of the plan that is ready; returns the plan's intents as they now stand.

    Raises `PlanError` (``plan.already_sent``, ``plan.expired``, …), `DeniedError`, `VenueError`,
    `ChainError`, and `OutcomeUnknownError` when an answer is missing.
    """
    require_recorded(desk, plan)
    with desk.store.read() as connection:
        authority.require_approvals(desk.treasury, plan, connection)
    fresh = begin(desk, plan, resume=resume)
    for transfer in _credited_first(desk, plan):
        _advance(desk, plan, transfer, checked=fresh and transfer is plan.body.transfers[0])
    return reconcile.close_plan(desk, plan)


def _credited_first(desk: Desk, plan: Plan) -> list[Transfer]:
    """Coins that were credited go into margin before anything else of the plan can raise an error."""
    with desk.store.read() as connection:
        steps = records.intents(connection, plan.plan_id)
    following = {each.number: next_step(steps, each.number) for each in plan.body.transfers}
    credited = {number for number, step in following.items() if step is not None and step.kind == "to_margin"}
    return sorted(plan.body.transfers, key=lambda each: each.number not in credited)


def require_recorded(desk: Desk, plan: Plan) -> records.PlanRow:
    """The store's row of exactly this plan. Raises `PlanError` for a plan the store never made."""
    with desk.store.read() as connection:
        row = records.find_plan(connection, plan.plan_id)
    if row is None or row.digest != plan.digest:
        raise PlanError(
            "unknown",
            f"the store has not recorded plan {plan.plan_id} with digest {plan.digest}",
            hint="Only plans made by `vault plan` in this treasury are carried out.",
        )
    return row


def begin(desk: Desk, plan: Plan, *, resume: bool) -> bool:
    """Take the plan from approved to sending (True), or let a person resume it (False).

    The first transfer is checked before the plan's state changes, so that a plan whose time has not
    come stays approved.
    """
    row = require_recorded(desk, plan)
    if row.state == "approved":
        require_live(plan, desk.clock.now())
        first = plan.body.transfers[0]
        preconditions.check_transfer(desk, plan, first, leaving=first.gross)
        _require_signed(desk, plan, ensure_intents(desk.store, plan))
        with desk.store.write() as writer:
            # Under the write lock: of two plans from one source that were checked side by side, one begins.
            for transfer in plan.body.transfers:
                preconditions.check_no_rival(desk, plan, transfer)
            records.set_plan_state(writer, plan.plan_id, frozenset({"approved"}), "sending", "send")
        return True
    if row.state == "sending" and resume:
        _require_asked(reconcile.settle_plan(desk, plan))
        return False
    if row.state in {"sending", "done"}:
        raise PlanError(
            "already_sent",
            f"plan {plan.plan_id} was sent before (it is {row.state})",
            hint="Run `vault reconcile`; then `vault send --resume` continues what was never sent."
            if row.state == "sending"
            else "Nothing is sent twice. For another transfer make another plan.",
        )
    raise PlanError(
        "not_approved" if row.state == "proposed" else row.state,
        f"expected an approved plan, found plan {plan.plan_id} {row.state}",
        hint=f"Run `vault approve {plan.plan_id} --attester NAME`."
        if row.state == "proposed"
        else "Make a new plan.",
    )


def _require_asked(found: list[reconcile.Settlement]) -> None:
    """A step counts as unsent only while venue or chain, asked just now, say nothing else."""
    for each in found:
        if each.state == "unsent" and each.note:
            raise OutcomeUnknownError(
                "unsettled",
                f"step {each.step} of transfer {each.transfer} ({each.kind}) cannot be settled: {each.note}",
                hint="Run `vault reconcile` until it answers. Nothing is sent again before that.",
            )


def _require_signed(desk: Desk, plan: Plan, intents: list[IntentRow]) -> None:
    for intent in intents:
        due = intent.state in {"planned", "signing"}
        if due and signed_by_device(desk, plan.transfer(intent.transfer), intent.kind):
            raise PlanError(
                "not_signed",
                f"transfer {intent.transfer} of plan {intent.plan_id} is not signed",
                hint=f"Run `vault sign {intent.plan_id}` with the wallet's device.",
            )


def _advance(desk: Desk, plan: Plan, transfer: Transfer, *, checked: bool) -> None:
    """Send the transfer's steps in order until one has to be waited for.

    Preconditions are checked before every step by which coins leave, save a first one just `checked`.
    """
    while True:
        with desk.store.read() as connection:
            step = next_step(records.intents(connection, plan.plan_id), transfer.number)
        if step is None or step.kind == "credit":
            return
        if said := disputed(step):
            raise OutcomeUnknownError(
                "disputed",
                f"step {step.step} of transfer {step.transfer} ({step.kind}) is not what was planned: {said}",
                hint="Ask the venue, then close the step: `vault reconcile --close PLAN/TRANSFER.STEP`.",
            )
        if step.state in {"accepted", "sent"}:
            if step.kind not in INTERNAL or not _confirmed(desk, plan, step):
                return
            continue
        if step.state in {"submitting", "unknown"}:
            raise OutcomeUnknownError(
                "unsettled",
                f"step {step.step} of transfer {step.transfer} ({step.kind}) was sent and never answered",
                hint="Run `vault reconcile` until it is settled. Nothing is sent again before that.",
            )
        if step.state in {*ENDED, "displaced"}:
            return
        if bound_by_expiry(transfer, step):
            require_live(plan, desk.clock.now())
            if not checked:
                # With the first step they leave margin: from then on they count there no more.
                leaving = transfer.gross if step.step == 1 else Amount.zero(transfer.fee.asset)
                preconditions.check_transfer(desk, plan, transfer, leaving=leaving)
            checked = False
        _require_signed(desk, plan, [step])
        _SENDERS[step.kind](desk, plan, transfer, step)


def _confirmed(desk: Desk, plan: Plan, step: IntentRow) -> bool:
    """Ask the venue's history, a few times, whether an accepted internal move was done."""
    for attempt in range(CONFIRM_ATTEMPTS):
        if attempt:
            desk.clock.sleep(CONFIRM_SECONDS)
        reconcile.settle_plan(desk, plan)
        with desk.store.read() as connection:
            if records.find_intent(connection, step.client_id).state == "done":
                return True
    return False


def _submitting(desk: Desk, plan: Plan, transfer: Transfer, step: IntentRow, **facts: str) -> IntentRow:
    """Journal that the step is about to be sent, if what others did meanwhile still lets it."""
    now = desk.clock.now()
    at_venue = step.kind in INTERNAL or step.kind == "withdraw"
    seconds = desk.treasury.venue(transfer.venue_account).submit_seconds if at_venue else 0
    with desk.store.write() as writer:
        row = records.find_plan(writer.connection, step.plan_id)
        if row is None or row.state != "sending":
            state = row.state if row else "lost"
            raise PlanError(
                state,
                f"plan {step.plan_id} became {state} meanwhile; step {step.step} of transfer {step.transfer} "
                "was not sent",
                hint="Run `vault reconcile` for what was sent before, then make a new plan.",
            )
        if bound_by_expiry(transfer, step):
            preconditions.check_meanwhile(desk, plan, transfer)
        return records.move_intent(
            writer,
            step,
            "submitting",
            submitted_at=to_iso(now),
            not_after=to_iso(now + timedelta(seconds=seconds)),
            # Whatever any attempt has caused is looked for from the first one on.
            first_submitted_at=str(step.facts.get("first_submitted_at") or to_iso(now)),
            **facts,
        )


def _record(desk: Desk, step: IntentRow, state: str, reference: str | None = None, **facts: str) -> IntentRow:
    """Record the answer, also when another process reconciled meanwhile and settled this attempt otherwise.

    A receipt counts even against a proof of absence; what was found out already is not taken back.
    """
    with desk.store.write() as writer:
        found = records.find_intent(writer.connection, step.client_id)
        if found.submitted_at != step.submitted_at:
            found = step  # refused below: somebody began another attempt
        elif found.state in {"accepted", "sent", "done", "displaced", "replaced"} or (
            state in {"unknown", "unsent", "refused"} and state not in records.TRANSITIONS[found.state]
        ):
            return found
        moved = records.move_intent(writer, found, state, reference=reference, **facts)
        if moved.kind == "spend" and moved.state in lineage.SEEN:
            lineage.seen(writer, moved)
        return moved


def _record_failure(desk: Desk, plan: Plan, step: IntentRow, error: VaultError) -> None:
    """Unknown stays unknown; a venue's refusal ends the transfer; what never left is unsent.

    A refusal that says nothing about the request itself (clock, key, too many requests) leaves it unsent, as
    does any refusal to move credited coins into margin: a person must be able to go on with both.
    """
    if isinstance(error, OutcomeUnknownError):
        state = "unknown"
    elif isinstance(error, VenueError) and error.code == "venue.refused":
        passing = error.details.get("passing") == "yes"
        state = "unsent" if passing or step.kind == "to_margin" else "refused"
    else:
        state = "unsent"
    facts = {"error": error.code, "message": error.message[:500]}
    first = step.facts["first_submitted_at"] == step.submitted_at
    if first and (error.code in _NEVER_LEFT or _kept_by_nobody(desk, step, error)):
        facts["first_submitted_at"] = ""  # nothing has ever left this machine: see `may_have_left`
    _record(desk, step, state, **facts)
    if state == "refused":
        with desk.store.write() as writer:
            if not under_way(records.intents(writer.connection, plan.plan_id)):
                records.set_plan_state(writer, plan.plan_id, frozenset({"sending"}), "failed", error.code)


def _kept_by_nobody(desk: Desk, step: IntentRow, error: VaultError) -> bool:
    """True where every server that was asked refused a transaction as too cheap, and none knows it.

    For every other refusal its bytes are taken to be out there: whoever has them may send them later.
    """
    if error.code != "chain.refused" or error.details.get("too_cheap") != "yes":
        return False
    try:
        return not desk.backend().transaction_status(str(step.facts["txid"])).found
    except VaultError:
        return False


def _send_internal(desk: Desk, plan: Plan, transfer: Transfer, step: IntentRow) -> None:
    from vault.treasury.venue_requests import internal_transfer

    step = _submitting(desk, plan, transfer, step)
    desk.progress(f"{step.kind.replace('_', ' ')}: {transfer.venue_account}")
    try:
        receipt = desk.venues.transfer_internal(transfer.venue_account, internal_transfer(step))
    except VaultError as error:
        _record_failure(desk, plan, step, error)
        raise
    # A receipt says that it was accepted; only the history says that it was done.
    state = "done" if receipt.state == "confirmed" else "accepted"
    _record(desk, step, state, receipt.venue_id)


def _send_withdrawal(desk: Desk, plan: Plan, transfer: Transfer, step: IntentRow) -> None:
    from vault.treasury.venue_requests import withdraw_request

    settings = desk.treasury.venue(transfer.venue_account)
    # Where the venue's history has no ids of ours, only it and the chain together prove absence.
    unnamed = traits_of(settings.exchange).known_by == "details"
    facts = absence.facts_of_attempt(desk, transfer, step) if unnamed else {}
    step = _submitting(desk, plan, transfer, step, **facts)
    desk.progress(f"withdraw: {transfer.gross} from {transfer.venue_account} to {transfer.payment.address}")
    try:
        receipt = desk.venues.withdraw(
            transfer.venue_account, withdraw_request(desk, transfer, step, leaving=True)
        )
    except VaultError as error:
        _record_failure(desk, plan, step, error)
        raise
    _record(desk, step, "accepted", receipt.venue_id)


def _send_spend(desk: Desk, plan: Plan, transfer: Transfer, step: IntentRow) -> None:
    if transfer.on_ethereum:
        _send_call(desk, plan, transfer, step)
        return
    raw = bytes.fromhex(step.facts["raw"])
    txid = step.facts["txid"]
    _require_acceptable(desk, txid, raw)
    step = _submitting(desk, plan, transfer, step)
    desk.progress(f"broadcast: {txid}")
    try:
        answered = desk.backend().broadcast(raw)
    except VaultError as error:
        _record_failure(desk, plan, step, error)
        raise
    if answered != txid:
        odd = OutcomeUnknownError("other_txid", f"expected txid {txid}, the backend answered {answered}")
        _record_failure(desk, plan, step, odd)
        raise odd
    _record(desk, step, "accepted", txid)


def _send_call(desk: Desk, plan: Plan, transfer: Transfer, step: IntentRow) -> None:
    """Exactly the bytes that were kept, proven against the plan once more."""
    from vault.treasury.ethereum.accounts import chain_named
    from vault.treasury.ethereum.sign import proven_raw

    raw, txid = proven_raw(transfer, step), str(step.facts["txid"])
    node = desk.ethereum(chain_named(desk.treasury, transfer.network).name)
    step = _submitting(desk, plan, transfer, step)
    desk.progress(f"broadcast: {txid}")
    try:
        node.send_raw(raw)
    except VaultError as error:
        _record_failure(desk, plan, step, error)
        raise
    _record(desk, step, "accepted", txid)


def _require_acceptable(desk: Desk, txid: str, raw: bytes) -> None:
    """Where a node is there, its mempool would take the transaction, or has it. Raises `ChainError`."""
    verdict = desk.backend().test_accept(raw)
    if verdict is not None and not verdict.allowed and verdict.reason not in HAS_IT_ALREADY:
        raise ChainError(
            "not_accepted",
            f"expected a node that would take {txid}, found that it refuses: {verdict.reason[:200]}",
            hint="Nothing was sent. Cancel the plan and make a new one.",
        )


_SENDERS = {
    "to_spot": _send_internal,
    "to_margin": _send_internal,
    "withdraw": _send_withdrawal,
    "spend": _send_spend,
}


def cancel(desk: Desk, plan: Plan, reason: str) -> list[IntentRow]:
    """Give up what was never sent. Refused while a step is unsettled or on its way.

    A signed but unsent transaction stays valid as long as its inputs are unspent: `reconcile` looks for it
    on the chain, and limits count it if it may have left this machine.
    """
    require_recorded(desk, plan)
    with desk.store.write() as writer:
        intents = records.intents(writer.connection, plan.plan_id)
        moving = [i for i in intents if i.state in MOVING]
        if moving:
            raise DeniedError(
                "in_flight",
                f"transfer {moving[0].transfer} of plan {plan.plan_id} is {moving[0].state}",
                hint="Run `vault reconcile` first.",
            )
        _require_no_replacement(desk, writer.connection, intents)
        for credit in (i for i in intents if i.kind == "credit" and i.state != "done"):
            if any(i.state == "done" for i in intents if i.transfer == credit.transfer):
                raise DeniedError(
                    "in_flight",
                    f"the coins of transfer {credit.transfer} are at the venue, which has not credited them",
                    hint="Run `vault reconcile` until they are credited, then `vault send --resume`.",
                )
        states = frozenset({"proposed", "approved", "sending", "frozen", "failed"})
        records.set_plan_state(writer, plan.plan_id, states, "cancelled", reason)
        for intent in intents:
            if intent.state not in records.TERMINAL:
                records.move_intent(writer, intent, "cancelled")
        return records.intents(writer.connection, plan.plan_id)


def _require_no_replacement(desk: Desk, connection: Connection, intents: list[IntentRow]) -> None:
    """Nothing that is to pay in place of a transaction of this plan is open, from its proposal to its end.

    It would count for nobody's limit, and the money would leave although a person gave it up.
    """
    family = lineage.Lineage(connection)
    ours = [step for step in intents if step.kind == "spend"]
    for row in (row for step in ours for row in family.replacements(step)):
        if row.state in records.OPEN_STATES and row.facts["payments"]:
            raise _in_its_place(row.plan_id, row.transfer, ours[0].transfer, row.state)
    found = {
        str(each.facts.get("txid", "")): step for step in ours for each in (step, *family.replacements(step))
    }
    for plan in records.all_plans(connection, frozenset({"proposed", "approved"})):
        if desk.clock.now() >= from_iso(plan.expires_at):
            continue
        for transfer in history.stored_plan(plan).body.transfers:
            if transfer.payments and transfer.replaces and transfer.replaces in found:
                step = found[transfer.replaces]
                raise _in_its_place(plan.plan_id, transfer.number, step.transfer, plan.state)


def _in_its_place(plan_id: str, number: int, transfer: int, state: str) -> DeniedError:
    return DeniedError(
        "in_flight",
        f"transfer {number} of plan {plan_id} pays in place of transfer {transfer}, and is {state}",
        hint=f"`vault cancel {plan_id}` first, or run `vault reconcile` until it is final.",
    )
