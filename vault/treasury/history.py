"""What has moved before, as limits count it: every step that left or may have left counts.

A plan that was approved counts from that moment; UNKNOWN counts as if it had happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.canonical import canonical_json, read_json
from vault.clock import from_iso
from vault.errors import DeniedError
from vault.model import Outflow
from vault.store import records
from vault.treasury.plan import PLAN_ID_LENGTH, Plan, parse_plan

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

# Plans whose transfers moved or may have moved coins; a proposed one never did.
BEGUN = frozenset({"approved", "sending", "done", "failed", "frozen", "cancelled"})
# States of the step by which coins leave, in which they left or may have.
LEFT = frozenset({"submitting", "unknown", "accepted", "sent", "done"})


def stored_plan(row: records.PlanRow) -> Plan:
    """A stored plan, checked against its digest."""
    value = {"plan_id": row.digest[:PLAN_ID_LENGTH], "digest": row.digest, "body": read_json(row.body)}
    return parse_plan(canonical_json(value), what=f"stored plan {row.plan_id}")


def is_open(row: records.PlanRow, at: datetime) -> bool:
    """True while the plan may still send something: begun, or approved and not expired."""
    return row.state == "sending" or (row.state == "approved" and at < from_iso(row.expires_at))


def gone(transfer: Transfer, steps: list[IntentRow]) -> bool:
    """True once a sweep's coins left the account under the venue's own record: margin waits for it no more.

    Its confirmations take hours when a chain is busy; a fall meanwhile must be answered.
    """
    return transfer.kind == "venue_withdrawal" and any(
        step.kind == "withdraw" and step.state in {"accepted", "sent", "done"} for step in steps
    )


def _moving(row: records.PlanRow, steps: list[IntentRow]) -> bool:
    """True while something of a plan that goes no further is still on its way; what was given up is not."""
    awaited = row.state != "cancelled" and any(s.kind == "credit" and s.state == "planned" for s in steps)
    return awaited or any(step.state in {"submitting", "unknown", "accepted", "sent"} for step in steps)


def outflows(connection: Connection, at: datetime, *, without: str = "") -> tuple[Outflow, ...]:
    """Transfers that left, may have left or may still leave, but those of plan `without`; oldest first."""
    found = []
    for row in records.all_plans(connection, BEGUN):
        if row.plan_id == without:
            continue
        intents = records.intents(connection, row.plan_id)
        for transfer in stored_plan(row).body.transfers:
            steps = [intent for intent in intents if intent.transfer == transfer.number]
            left = any(step.state in LEFT for step in steps if step.kind in {"withdraw", "spend"})
            given_up = any(step.state in {"refused", "cancelled"} for step in steps)
            if not left and (given_up or not is_open(row, at)):
                continue
            moment = max((step.submitted_at or row.created_at for step in steps), default=row.created_at)
            done = (
                all(step.state == "done" for step in steps) if is_open(row, at) else not _moving(row, steps)
            )
            found.append(
                Outflow(
                    from_iso(moment),
                    transfer.action,
                    transfer.source if transfer.action != "top_up" else transfer.venue_account,
                    transfer.destination,
                    transfer.gross,
                    "done" if done and steps else "sent" if gone(transfer, steps) else "pending",
                )
            )
    return tuple(found)


def in_flight(connection: Connection, at: datetime) -> frozenset[str]:
    """Accounts and wallets with a transfer of an approved or begun plan that is not over."""
    names: set[str] = set()
    for row in records.all_plans(connection, BEGUN):
        if is_open(row, at):
            intents = records.intents(connection, row.plan_id)
            for transfer in stored_plan(row).body.transfers:
                if not gone(transfer, [step for step in intents if step.transfer == transfer.number]):
                    names |= {transfer.source, transfer.venue_account}
    return frozenset(names - {""})


def check_limits(desk: Desk, plan: Plan, transfer: Transfer) -> None:
    """The policy's limits, counted anew without this plan. Raises `DeniedError`."""
    from vault.policy.limits import check_limits as judge

    with desk.store.read() as connection:
        past = outflows(connection, desk.clock.now(), without=plan.plan_id)
    # What moved with it in this plan counts too: each alone may be within a limit that all together are not.
    past += tuple(
        Outflow(desk.clock.now(), other.action, other.source, other.destination, other.gross, "pending")
        for other in plan.body.transfers
        if other.number != transfer.number
    )
    results = judge(desk.policy().policy, transfer.action, transfer.gross, past, desk.clock.now())
    if not results:
        raise DeniedError("no_limit", f"no limit of the policy covers {transfer.action}")
    for result in results:
        if not result.within:
            raise DeniedError("limit", f"{result.name}: {result.reason}", hint="Wait, or change the policy.")
