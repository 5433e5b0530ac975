"""A plan looked at before it is trusted: who approved it, what its transactions really do, how far it is.

Refuses plan files whose content does not hash to their digest, and plans that this treasury never made.
A verification that fails is reported beside the plan with its code, and is never left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from vault.attestation import SignedStatement
from vault.clock import from_iso
from vault.errors import PlanError, VaultError
from vault.store import records, schema
from vault.treasury import authority, cosign
from vault.treasury.history import stored_plan
from vault.treasury.plan import PLAN_ID_LENGTH, Plan, read_plan

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.bitcoin.spend import SpendDescription
    from vault.store.records import IntentRow
    from vault.treasury.cosign import Cosigning
    from vault.treasury.desk import Desk
    from vault.treasury.ethereum.report import CallReport
    from vault.treasury.plan import Transfer

# Fewer digits of a plan's id are too easily those of another.
MIN_PREFIX: Final = 6
_SIGNABLE: Final = frozenset({"proposed", "approved", "sending"})
_PLAN_ID = re.compile(rf"[0-9a-f]{{{MIN_PREFIX},{PLAN_ID_LENGTH}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class CheckedApproval:
    """An approval and whether its signature holds; `code` is empty when it does."""

    attester: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CheckedTransfer:
    """A transfer, and its PSBT or call proven against the plan; both are None for a venue withdrawal.

    `cosigning`: who of a group signed it, and who still may; of a Safe `call` says it.
    """

    transfer: Transfer
    spend: SpendDescription | None
    error: VaultError | None
    cosigning: Cosigning | None = None
    call: CallReport | None = None


@dataclass(frozen=True, slots=True)
class PlanReport:
    """Everything there is to know about a plan without asking anybody outside."""

    plan: Plan
    state: str
    expired: bool
    at: datetime
    approvals: tuple[CheckedApproval, ...]
    transfers: tuple[CheckedTransfer, ...]
    steps: tuple[IntentRow, ...]

    @property
    def first_error(self) -> VaultError | None:
        """The first verification that failed; None when all hold."""
        return next((each.error for each in self.transfers if each.error is not None), None)


def find_plan(desk: Desk, ident: str) -> Plan:
    """The plan of a file, an id or how its id begins, checked against its digest and against the store.

    By id the plan file is read too when it is there: an edited one is refused, although the store has the
    original, and so is another plan in its place. Raises `PlanError`.
    """
    path = Path(ident)
    if not _PLAN_ID.fullmatch(ident) or path.is_file():
        if not path.is_file() and not path.suffix:
            raise _unknown(ident)
        return _recorded(desk, _named(path))
    with desk.store.read() as connection:
        row = _find(connection, ident)
    beside = desk.treasury.plans_path / f"{row.plan_id}.json"
    return _recorded(desk, _named(beside)) if beside.exists() else stored_plan(row)


def _named(path: Path) -> Plan:
    """The plan of a file, which must be the one that its name says, if it says one."""
    plan = read_plan(path)
    if _PLAN_ID.fullmatch(path.stem) and not plan.plan_id.startswith(path.stem):
        raise PlanError(
            "another_plan",
            f"{path}: expected plan {path.stem}, found plan {plan.plan_id}",
            hint="Somebody exchanged the plan files. Look at both plans, and at who can write there.",
        )
    return plan


def _find(connection: Connection, ident: str) -> records.PlanRow:
    columns = schema.plan.c
    query = select(columns.plan_id).where(columns.plan_id >= ident, columns.plan_id < f"{ident}g")
    names = [str(name) for name in connection.execute(query).scalars()]
    if len(names) > 1:
        raise PlanError(
            "ambiguous",
            f"{ident!r} begins {len(names)} plans: {', '.join(sorted(names))}",
            hint="Give more digits of the id.",
        )
    row = records.find_plan(connection, names[0]) if names else None
    if row is None:
        raise _unknown(ident)
    return row


def _recorded(desk: Desk, plan: Plan) -> Plan:
    from vault.treasury.execute import require_recorded

    require_recorded(desk, plan)
    return plan


def _unknown(ident: str) -> PlanError:
    return PlanError(
        "unknown",
        f"expected a plan file, or a plan id of {PLAN_ID_LENGTH} digits or its first {MIN_PREFIX} or more, "
        f"found {ident!r}",
        hint="`vault status` names the plans that are open.",
    )


@dataclass(frozen=True, slots=True)
class Outlook:
    """A step that was sent and never answered: what was said, and from when absence is proof.

    For a transaction absence is never proof: from then on it is held to have got lost, and may be sent again.
    """

    said: str
    settles_from: datetime | None


def outlook(desk: Desk, client_id: str) -> Outlook:
    """When the venue's history, or the chain, is late enough to settle a step.

    Raises `StoreError`, `PlanError`.
    """
    from vault.treasury.reconcile import PATIENCE

    with desk.store.read() as connection:
        step = records.find_intent(connection, client_id)
        row = records.find_plan(connection, step.plan_id)
    facts = step.facts
    said = f"{facts['error']}: {facts.get('message', '')}" if facts.get("error") else ""
    if step.kind == "spend" and step.submitted_at is not None:
        return Outlook(said, from_iso(step.submitted_at) + PATIENCE)
    if row is None or step.kind == "spend" or "not_after" not in facts:
        return Outlook(said, None)
    venue = desk.treasury.venue(stored_plan(row).transfer(step.transfer).venue_account)
    window = timedelta(seconds=venue.history_lag_seconds, milliseconds=venue.recv_window_ms)
    return Outlook(said, from_iso(facts["not_after"]) + window)


def inspect_plan(desk: Desk, plan: Plan) -> PlanReport:
    """Check approvals and transactions of a plan; nothing outside this machine is asked."""
    at = desk.clock.now()
    with desk.store.read() as connection:
        row = records.find_plan(connection, plan.plan_id)
        given = records.approvals(connection, plan.plan_id)
        steps = tuple(records.intents(connection, plan.plan_id))
    state, expired = row.state if row else "unknown", plan.expired(at)
    closed = expired or state not in _SIGNABLE
    return PlanReport(
        plan=plan,
        state=state,
        expired=expired,
        at=at,
        approvals=tuple(_approval(desk, plan, name, value) for name, value in given),
        transfers=tuple(_transfer(desk, transfer, steps, closed) for transfer in plan.body.transfers),
        steps=steps,
    )


def group_states(desk: Desk, plan: Plan, steps: Iterable[IntentRow]) -> tuple[Cosigning, ...]:
    """Of every transaction out of a group: who signed it, and who still may. Raises `PsbtError`."""
    from vault.treasury.spending import verify_transfer

    known = tuple(steps)
    return tuple(
        cosign.progress(desk, each, verify_transfer(desk, each), known)
        for each in plan.body.transfers
        if each.on_bitcoin and desk.treasury.wallet(each.source).group
    )


def _approval(desk: Desk, plan: Plan, name: str, value: object) -> CheckedApproval:
    try:
        authority.check_approval(desk.treasury, plan, SignedStatement.from_json(value))
    except VaultError as error:
        return CheckedApproval(name, error.code, error.message)
    return CheckedApproval(name, "", "")


def _transfer(desk: Desk, transfer: Transfer, steps: tuple[IntentRow, ...], closed: bool) -> CheckedTransfer:
    from vault.bitcoin.spend import describe
    from vault.treasury.preconditions import check_destinations
    from vault.treasury.spending import verify_transfer

    spend = signers = call = None
    try:
        if transfer.on_ethereum:
            from vault.treasury.ethereum.report import report

            call = report(desk, transfer, steps, closed=closed)
        if transfer.on_bitcoin:
            verified = verify_transfer(desk, transfer)
            spend = describe(verified)
            if verified.expected.descriptor.group:
                signers = replace(cosign.progress(desk, transfer, verified, steps), closed=closed)
        check_destinations(desk, transfer)
    except VaultError as error:
        return CheckedTransfer(transfer, spend, error, signers, call)
    return CheckedTransfer(transfer, spend, None, signers, call)
