"""Settles what was sent by asking the venue and the chain, and follows it until it is final.

Never sends anything. The chain is the authority: a withdrawal is done when its transaction pays the
planned address the planned amount and is confirmed deep enough, whatever the venue's status says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from vault.clock import from_iso, to_iso
from vault.errors import BooksError, PlanError, VaultError
from vault.store import records
from vault.store.venues import Way
from vault.treasury import lead_times, lineage
from vault.treasury.ethereum.settle import reorganised_ethereum, settle_ethereum
from vault.treasury.history import stored_plan
from vault.treasury.settle_spend import reorganised, settle_spend
from vault.treasury.settle_withdrawal import (
    LOOK_BACK,
    appeared,
    first_submitted,
    move,
    settle_withdrawal,
    tell_dispute,
)
from vault.treasury.venue_records import CLOCK_SLACK

if TYPE_CHECKING:
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Plan, Transfer
    from vault.venues.base import InternalTransferReceipt

# How long a transaction that was sent may be found nowhere: one server's index or mempool may lag behind.
PATIENCE = timedelta(minutes=5)
_OPEN = frozenset({"submitting", "unknown", "unsent", "accepted", "sent", "displaced"})


@dataclass(frozen=True, slots=True)
class Settlement:
    """What reconciliation found out about one step."""

    plan_id: str
    client_id: str
    transfer: int
    step: int
    kind: str
    before: str
    state: str
    reference: str
    note: str


def reconcile(desk: Desk) -> list[Settlement]:
    """Settle every open step of every plan that was begun; sources that fail are reported, not raised."""
    found = _reorganised(desk)
    taken_up = _strays(desk)
    with desk.store.read() as connection:
        # A frozen plan goes no further, but what it sent before must be followed all the same.
        rows = records.all_plans(connection, frozenset({"sending", "failed", "frozen"}))
    for row in rows:
        try:
            found += settle_plan(desk, stored_plan(row))
        except PlanError as error:
            # One unreadable plan must not end the following of all others.
            note = f"{error.code}: {error.message}"
            found.append(Settlement(row.plan_id, "", 0, 0, "plan", row.state, row.state, "", note))
    settled = {each.client_id: each for each in found if each.client_id}
    for first in taken_up:
        if (last := settled.get(first.client_id)) is not None:
            found[found.index(last)] = replace(
                last, before=first.before, note=f"{first.note}; {last.note}" if last.note else first.note
            )
        else:
            found.append(first)
    return found


def _reorganised(desk: Desk) -> list[Settlement]:
    """What was final and is not any more, as a finding of its own; it is followed again from here."""
    found: list[Settlement] = []
    for look in (reorganised, reorganised_ethereum):
        try:
            rows = look(desk)
        except VaultError as error:
            found.append(Settlement("", "", 0, 0, "chain", "", "", "", f"{error.code}: {error.message}"))
            continue
        found += [
            Settlement(
                row.plan_id,
                row.client_id,
                row.transfer,
                row.step,
                row.kind,
                row.state,
                "sent",
                row.reference,
                note,
            )
            for row, note in rows
        ]
    return found


def _strays(desk: Desk) -> list[Settlement]:
    """What somebody else sent, or may still send; from here on it is followed like what we sent."""
    from vault.treasury.strays import take_up

    return [
        Settlement(
            row.plan_id,
            row.client_id,
            row.transfer,
            row.step,
            row.kind,
            row.state,
            after.state,
            after.reference,
            note,
        )
        for row, after, note in take_up(desk)
    ]


def settle_plan(desk: Desk, plan: Plan) -> list[Settlement]:
    """Settle one plan's open steps, and close the plan when all are done."""
    with desk.store.read() as connection:
        intents = records.intents(connection, plan.plan_id)
    found = []
    for number, intent in enumerate(intents):
        earlier_done = all(
            other.state == "done" for other in intents[:number] if other.transfer == intent.transfer
        )
        awaited = intent.kind == "credit" and intent.state == "planned" and earlier_done
        if intent.state not in _OPEN and not awaited:
            continue
        note = ""
        try:
            _SETTLERS[intent.kind](desk, plan, plan.transfer(intent.transfer), intent)
        except VaultError as error:
            note = f"{error.code}: {error.message}"
        if intent.kind == "withdraw":
            tell_dispute(desk, intent.client_id, note)
        with desk.store.read() as connection:
            intents = records.intents(connection, plan.plan_id)
        after = intents[number]  # what is recorded now, also when finding out more failed half way
        found.append(
            Settlement(
                plan.plan_id,
                intent.client_id,
                intent.transfer,
                intent.step,
                intent.kind,
                intent.state,
                after.state,
                after.reference,
                note,
            )
        )
    close_plan(desk, plan)
    return found


def close_plan(desk: Desk, plan: Plan) -> list[IntentRow]:
    """Mark a plan done or failed when nothing of it is left to happen; returns its steps as they stand."""
    with desk.store.write() as writer:
        lineage.end_plan(writer, plan.plan_id)
        return records.intents(writer.connection, plan.plan_id)


# -- moves inside the venue --------------------------------------------------------------------------


def _settle_internal(desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow) -> IntentRow:
    from vault.treasury.venue_requests import internal_transfer

    request = internal_transfer(intent)
    search = desk.venues.find_internal_transfer(
        transfer.venue_account, request, first_submitted(intent) - LOOK_BACK
    )
    ours = _receipts(desk, transfer, intent, search.found)
    if ours:
        state = {"confirmed": "done", "pending": "accepted", "failed": "refused"}[ours[0].state]
        settled = move(desk, appeared(desk, intent, ours[0].venue_id), state, ours[0].venue_id)
        _require_once(ours)
        return settled
    if intent.state == "accepted":
        return intent  # the venue gave a receipt: a history that does not show it yet proves nothing
    if request.not_after < search.covers_until:
        return move(desk, intent, "unsent", proved_absent_at=to_iso(search.answered_at))
    return move(desk, intent, "unknown") if intent.state == "submitting" else intent


def _require_once(found: list[InternalTransferReceipt]) -> None:
    """Raises `BooksError` (``books.moved_twice``) once: the step is over, and a person should know."""
    made = [each for each in found if each.state == "confirmed"]
    if len(made) > 1:
        raise BooksError(
            "moved_twice",
            f"expected {made[0].amount} from {made[0].source} to {made[0].destination} once, the venue lists "
            + ", ".join(each.venue_id for each in made),
            hint="What is too much outside of margin goes back with `vault request return`.",
        )


def _receipts(
    desk: Desk, transfer: Transfer, intent: IntentRow, found: tuple[InternalTransferReceipt, ...]
) -> list[InternalTransferReceipt]:
    """The venue's records that are this step's: the one of its receipt, else by time, oldest first.

    A failed record counts for the last attempt only; an earlier attempt's failure says nothing of it.
    """
    if intent.reference:
        return [receipt for receipt in found if receipt.venue_id == intent.reference]
    bound = timedelta(milliseconds=desk.treasury.venue(transfer.venue_account).max_clock_skew_ms)
    since = first_submitted(intent) - bound - CLOCK_SLACK
    last = from_iso(intent.submitted_at or intent.updated_at) - bound - CLOCK_SLACK
    taken = _references_of_others(desk, intent)
    return [
        receipt
        for receipt in found
        if receipt.venue_id not in taken and receipt.at >= (last if receipt.state == "failed" else since)
    ]


def _references_of_others(desk: Desk, intent: IntentRow) -> frozenset[str]:
    """Venue ids that already belong to other intents: one record never settles two."""
    with desk.store.read() as connection:
        return frozenset(
            other.reference
            for other in records.intents(connection)
            if other.reference and other.client_id != intent.client_id
        )


# -- spends and credits ------------------------------------------------------------------------------


def _settle_spend(desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow) -> IntentRow:
    if transfer.on_ethereum:
        return settle_ethereum(desk, transfer, intent, PATIENCE)
    return settle_spend(desk, intent, PATIENCE)


def _settle_credit(desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow) -> IntentRow:
    with desk.store.read() as connection:
        spend = next(
            other
            for other in records.intents(connection, plan.plan_id)
            if other.transfer == transfer.number and other.kind == "spend"
        )
    since = first_submitted(spend) - LOOK_BACK
    deposit = desk.venues.find_deposit(
        transfer.venue_account,
        transfer.amount.asset.symbol,
        transfer.venue_network,
        spend.reference,
        transfer.payment.address,
        since,
    )
    if deposit is None or deposit.state == "pending":
        return intent
    if deposit.state == "refused" or deposit.amount != transfer.amount:
        raise BooksError(
            "credit_differs",
            f"expected a credit of {transfer.amount}, the venue says {deposit.state} {deposit.amount}",
            hint="Ask the venue. Nothing was closed.",
        )
    way = Way(transfer.venue_account, transfer.amount.asset.symbol, transfer.venue_network, "deposit")
    with desk.store.write() as writer:
        lead_times.record(writer, way, spend, deposit.credited_at or desk.clock.now())
        return records.move_intent(writer, intent, "done", reference=spend.reference)


def _settle_withdrawal(desk: Desk, plan: Plan, transfer: Transfer, intent: IntentRow) -> IntentRow:
    return settle_withdrawal(desk, transfer, intent)


_SETTLERS = {
    "to_spot": _settle_internal,
    "to_margin": _settle_internal,
    "withdraw": _settle_withdrawal,
    "spend": _settle_spend,
    "credit": _settle_credit,
}
