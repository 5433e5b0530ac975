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
    from sqlalchemy.engine import Connection

    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

# Plans whose transfers moved or may still move coins.
COUNTED = frozenset({"approved", "sending", "done", "failed", "frozen"})
OPEN = frozenset({"approved", "sending"})


def stored_plan(row: records.PlanRow) -> Plan:
    """A stored plan, checked against its digest."""
    value = {"plan_id": row.digest[:PLAN_ID_LENGTH], "digest": row.digest, "body": read_json(row.body)}
    return parse_plan(canonical_json(value), what=f"stored plan {row.plan_id}")


def outflows(connection: Connection, *, without: str = "") -> tuple[Outflow, ...]:
    """Transfers of all plans that count, but those of plan `without`; oldest first."""
    found = []
    for row in records.all_plans(connection, COUNTED):
        if row.plan_id == without:
            continue
        intents = records.intents(connection, row.plan_id)
        for transfer in stored_plan(row).body.transfers:
            steps = [intent for intent in intents if intent.transfer == transfer.number]
            if steps and any(step.state in {"refused", "cancelled"} for step in steps):
                continue
            if row.state in {"failed", "frozen"} and not any(
                step.state in {"submitting", "unknown", "accepted", "sent", "done"} for step in steps
            ):
                continue
            at = max((step.submitted_at or row.created_at for step in steps), default=row.created_at)
            done = bool(steps) and all(step.state == "done" for step in steps)
            found.append(
                Outflow(
                    from_iso(at),
                    transfer.action,
                    transfer.source if transfer.action != "top_up" else transfer.venue_account,
                    transfer.destination,
                    transfer.gross,
                    "done" if done else "pending",
                )
            )
    return tuple(found)


def in_flight(connection: Connection) -> frozenset[str]:
    """Accounts and wallets with a transfer of an approved or begun plan that is not over."""
    names: set[str] = set()
    for row in records.all_plans(connection, OPEN):
        for transfer in stored_plan(row).body.transfers:
            names |= {transfer.source, transfer.venue_account}
    return frozenset(names - {""})


def check_limits(desk: Desk, plan: Plan, transfer: Transfer) -> None:
    """The policy's limits, counted anew without this plan. Raises `DeniedError`."""
    from vault.policy.limits import check_limits as judge

    with desk.store.read() as connection:
        past = outflows(connection, without=plan.plan_id)
    results = judge(desk.policy().policy, transfer.action, transfer.gross, past, desk.clock.now())
    if not results:
        raise DeniedError("no_limit", f"no limit of the policy covers {transfer.action}")
    for result in results:
        if not result.within:
            raise DeniedError("limit", f"{result.name}: {result.reason}", hint="Wait, or change the policy.")
