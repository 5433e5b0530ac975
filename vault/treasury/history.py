"""What has moved before, as limits count it: every step that left or may have left counts.

A plan that was approved counts from that moment; UNKNOWN counts as if it had happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.canonical import canonical_json, read_json
from vault.clock import from_iso
from vault.errors import DeniedError
from vault.model import Outflow
from vault.money import Amount
from vault.store import records
from vault.treasury.plan import PLAN_ID_LENGTH, Plan, parse_plan
from vault.treasury.steps import ENDED, MOVING

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import Connection

    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

# Plans whose transfers moved or may have moved coins; a proposed one never did.
BEGUN = frozenset({"approved", "sending", "done", "failed", "frozen", "cancelled", "replaced"})
# States of the step by which coins leave, in which they left or may have.
LEFT = frozenset({"submitting", "unknown", "accepted", "sent", "displaced", "done", "closed_by_person"})


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
    return awaited or any(step.state in MOVING for step in steps)


@dataclass(frozen=True, slots=True)
class Share:
    """What a transfer makes leave beyond what it replaces, the fee in it, and what it is done for."""

    amount: Amount
    fee: Amount
    moved: Amount


def share_of(transfer: Transfer, replaced: Transfer | None) -> Share:
    """`replaced` is what it takes the place of, when that counts already: then only the dearer fee adds."""
    if replaced is not None:
        more = transfer.fee - replaced.fee if transfer.fee > replaced.fee else Amount.zero(transfer.fee.asset)
        return Share(more, more, Amount.zero(transfer.fee.asset))
    return Share(transfer.gross, transfer.fee, transfer.amount if transfer.payments else transfer.returned)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A transfer of a plan that was begun; `spend` is the step by which its coins leave."""

    row: records.PlanRow
    transfer: Transfer
    steps: list[IntentRow]

    @property
    def spend(self) -> IntentRow | None:
        return next((step for step in self.steps if step.kind in {"withdraw", "spend"}), None)

    @property
    def txid(self) -> str:
        return str(self.spend.facts.get("txid", "")) if self.spend and self.transfer.on_chain else ""


def _entries(connection: Connection, without: str) -> list[_Entry]:
    found = []
    for row in records.all_plans(connection, BEGUN):
        if row.plan_id != without:
            intents = records.intents(connection, row.plan_id)
            for transfer in stored_plan(row).body.transfers:
                steps = [intent for intent in intents if intent.transfer == transfer.number]
                found.append(_Entry(row, transfer, steps))
    return found


def _counts(entry: _Entry, at: datetime, by_txid: dict[str, _Entry]) -> bool:
    """Whether it left, may have left, or may still leave; or was done by what replaced it."""
    spend = entry.spend
    if spend is not None and spend.state == "replaced":
        return _done_by(entry, by_txid.get(str(spend.facts.get("replaced_by"))), by_txid)
    if spend is not None and spend.state in LEFT:
        return True
    return is_open(entry.row, at) and not any(step.state in ENDED for step in entry.steps)


def _done_by(entry: _Entry, winner: _Entry | None, by_txid: dict[str, _Entry]) -> bool:
    """True when the winner pays what `entry` was to pay, as a replacement of it, at whatever remove."""
    seen = 0
    while winner is not None and winner.transfer.payments and seen < len(by_txid):
        if winner.transfer.replaces == entry.txid:
            return True
        winner, seen = by_txid.get(winner.transfer.replaces), seen + 1
    return False


def outflows(connection: Connection, at: datetime, *, without: str = "") -> tuple[Outflow, ...]:
    """Transfers that left, may have left or may still leave, but those of plan `without`; oldest first.

    Of an original and its replacements the payments count once, and the dearest fee.
    """
    entries = _entries(connection, without)
    by_txid = {entry.txid: entry for entry in entries if entry.txid}
    counting = [entry for entry in entries if _counts(entry, at, by_txid)]
    counted = {entry.txid: entry.transfer for entry in counting if entry.txid}
    return tuple(_outflow(entry, counted, at) for entry in counting)


def _outflow(entry: _Entry, counted: dict[str, Transfer], at: datetime) -> Outflow:
    row, transfer, steps = entry.row, entry.transfer, entry.steps
    share = share_of(transfer, counted.get(transfer.replaces))
    over = all(step.state in {"done", "replaced"} for step in steps)
    done = over if is_open(row, at) else not _moving(row, steps)
    return Outflow(
        from_iso(max((step.submitted_at or row.created_at for step in steps), default=row.created_at)),
        transfer.action,
        transfer.subject,
        ", ".join(payment.destination for payment in transfer.payments),
        share.amount,
        "done" if done and steps else "sent" if gone(transfer, steps) else "pending",
        share.fee,
        share.moved,
    )


def present_share(connection: Connection, transfer: Transfer, at: datetime, *, without: str = "") -> Share:
    """What a transfer of no plan, or of plan `without`, adds to what counts already."""
    entries = _entries(connection, without)
    by_txid = {entry.txid: entry for entry in entries if entry.txid}
    replaced = by_txid.get(transfer.replaces)
    counts = replaced is not None and _counts(replaced, at, by_txid)
    return share_of(transfer, replaced.transfer if replaced is not None and counts else None)


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
    """The policy's limits and its budget of fees, counted anew without this plan. Raises `DeniedError`."""
    from vault.policy.limits import check_limits as judge

    # What moves with it in this plan counts too: each alone may be within a limit that all together are not.
    others = tuple(other for other in plan.body.transfers if other.number != transfer.number)
    past, share = _beside(desk, transfer, others, plan.plan_id)
    results = judge(desk.policy().policy, transfer.action, share.amount, past, desk.clock.now())
    if not results:
        raise DeniedError("no_limit", f"no limit of the policy covers {transfer.action}")
    for result in results:
        if not result.within:
            raise DeniedError("limit", f"{result.name}: {result.reason}", hint="Wait, or change the policy.")
    check_fees(desk, transfer, others, without=plan.plan_id)


def check_fees(desk: Desk, transfer: Transfer, others: tuple[Transfer, ...], *, without: str = "") -> None:
    """The budget of fees with this transfer. Raises `DeniedError` (``denied.fee_budget``)."""
    from vault.policy.budget import check_fee_budget

    past, share = _beside(desk, transfer, others, without)
    result = check_fee_budget(desk.policy().policy, share.fee, share.moved, past, desk.clock.now())
    if not result.within:
        raise DeniedError(
            result.name,
            f"{result.name}: {result.reason}",
            hint="Wait until fees of the window have passed; only the policy raises the budget.",
        )


def _beside(
    desk: Desk, transfer: Transfer, others: tuple[Transfer, ...], without: str
) -> tuple[tuple[Outflow, ...], Share]:
    now = desk.clock.now()
    with desk.store.read() as connection:
        past = outflows(connection, now, without=without)
        shares = [(each, present_share(connection, each, now, without=without)) for each in others]
        own = present_share(connection, transfer, now, without=without)
    past += tuple(
        Outflow(now, each.action, each.subject, "", share.amount, "pending", share.fee, share.moved)
        for each, share in shares
    )
    return past, own
