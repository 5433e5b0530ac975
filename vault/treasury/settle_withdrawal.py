"""Follows one withdrawal from a venue: what its history says, what the chain shows, until it is final.

Never sends anything. What the venue has is accepted even where it is not what was planned: it is followed no
further then, and told as a dispute until a person closes it. Two records that both fit stay unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vault.clock import from_iso, to_iso
from vault.errors import BooksError, VenueError
from vault.store import records
from vault.store.venues import Way
from vault.treasury import absence, lead_times
from vault.treasury.ethereum import arrivals, hyperliquid
from vault.treasury.ethereum.arrivals import is_ethereum
from vault.treasury.settle_spend import final_facts
from vault.treasury.steps import DISPUTED, disputed
from vault.treasury.venue_records import can_be, require_as_planned
from vault.venues.traits import traits_of

if TYPE_CHECKING:
    from datetime import datetime

    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer
    from vault.venues.base import WithdrawalSearch, WithdrawalStatus, WithdrawRequest

# How far back in a venue's history an intent is looked for, before the moment it was submitted:
# covers the difference between the two clocks.
LOOK_BACK: Final = timedelta(minutes=5)
# Two records that both fit stay unknown: a person looks, and closes the step.
AMBIGUOUS: Final = "venue.ambiguous_withdrawal"
# The venue or the chain says something else than the plan of a step that is known to have left.
DISPUTES: Final = ("books.withdrawal_differs", "books.payment_differs", "books.payment_unproven")
_MAX_FACT: Final = 500


def move(desk: Desk, intent: IntentRow, state: str, reference: str | None = None, **facts: str) -> IntentRow:
    """To another state, journaled; one that it has already is left as it is."""
    if state == intent.state:
        return intent
    with desk.store.write() as writer:
        return records.move_intent(writer, intent, state, reference=reference, **facts)


def first_submitted(intent: IntentRow) -> datetime:
    """When the first attempt was journaled: what it caused may show only after a later one."""
    return from_iso(intent.facts.get("first_submitted_at") or intent.submitted_at or intent.updated_at)


def appeared(desk: Desk, intent: IntentRow, reference: str) -> IntentRow:
    """A step the venue has after all is never sent again, even if nothing more can be found out now."""
    if intent.state == "unsent":
        return move(desk, intent, "accepted", reference)
    return intent


def settle_withdrawal(desk: Desk, transfer: Transfer, intent: IntentRow) -> IntentRow:
    """Ask the venue, then the chain, and record what they say.

    Raises `BooksError` for what is not as planned, `VenueError` (``venue.ambiguous_withdrawal``, …).
    """
    from vault.treasury.venue_requests import withdraw_request

    request = withdraw_request(desk, transfer, intent)
    try:
        search = _search(desk, transfer, intent, request)
    except VenueError as error:
        if error.code == AMBIGUOUS and intent.state == "submitting":
            move(desk, intent, "unknown")
        raise
    status = search.found
    if status is None:
        return _not_listed(desk, transfer, intent, search)
    intent = appeared(desk, intent, status.venue_id)
    if status.state in {"refused", "cancelled"} and status.txid is None:
        intent = move(desk, intent, status.state, status.venue_id, venue_status=status.raw_status)
        require_as_planned(transfer, status)
        return intent
    intent = _as_listed(desk, intent, status)
    require_as_planned(transfer, status)
    txid = status.txid
    if txid is None and hyperliquid.needs_device(desk, transfer):
        txid = hyperliquid.payout_txid(desk, transfer, intent.facts)
    return intent if txid is None else follow_payment(desk, transfer, intent, txid)


def tell_dispute(desk: Desk, client_id: str, note: str) -> None:
    """Keep with an accepted step what contradicts it, until a person closes it or nothing does any more.

    An answer that was missing says nothing of it.
    """
    if note and not note.startswith(DISPUTES):
        return
    said = note[:_MAX_FACT]
    with desk.store.write() as writer:
        step = records.find_intent(writer.connection, client_id)
        if step.state == "accepted" and disputed(step) != said:
            records.move_intent(writer, step, "accepted", **{DISPUTED: said})


def _search(desk: Desk, transfer: Transfer, intent: IntentRow, request: WithdrawRequest) -> WithdrawalSearch:
    """The venue's record of this step, also one whose fee was taken the other way round than the venue does.

    Such a record is ours by its id, or by all its other details; it is never taken for as planned.
    """
    since = first_submitted(intent) - LOOK_BACK
    account = transfer.venue_account

    def search(asked: WithdrawRequest) -> WithdrawalSearch:
        found = desk.venues.search_withdrawal(account, asked, since)
        status = found.found
        if (
            status is not None
            and found.matched_by == "details"
            and not can_be(desk, transfer, intent, status)
        ):
            return replace(found, found=None)
        return found

    def other_way() -> WithdrawalSearch:
        return search(_fee_the_other_way(desk, transfer, request))

    try:
        found = search(request)
    except VenueError as error:
        if error.code != AMBIGUOUS or (ours := other_way()).found is None:
            raise
        return ours
    if found.found is not None or found.matched_by != "details":
        return found
    ours = other_way()
    return found if ours.found is None else ours


def _fee_the_other_way(desk: Desk, transfer: Transfer, request: WithdrawRequest) -> WithdrawRequest:
    """The request as its record would have it if the venue added the fee it takes out, or the reverse."""
    added = traits_of(desk.treasury.venue(transfer.venue_account).exchange).fee == "added"
    amount = transfer.gross - transfer.fee if added else transfer.gross + transfer.fee
    return replace(request, amount=amount)


def _not_listed(desk: Desk, transfer: Transfer, intent: IntentRow, search: WithdrawalSearch) -> IntentRow:
    """The history has nothing of it: unsent once that proves something, else unknown.

    Matched by details alone a history proves nothing: the chain must have nothing either. Raises `BooksError`
    (``books.payment_found``), also for a step that was believed unsent.
    """
    if intent.state not in {"submitting", "unknown", "unsent"}:
        return intent
    if intent.state == "submitting":
        intent = move(desk, intent, "unknown")
    absent = search.matched_by == "client_id" or absence.proven_on_chain(desk, transfer, intent)
    if intent.state == "unsent" or not absent:
        return intent
    if search.proves_absence(from_iso(intent.facts["not_after"])):
        return move(desk, intent, "unsent", proved_absent_at=to_iso(search.answered_at))
    return intent


def _as_listed(desk: Desk, intent: IntentRow, status: WithdrawalStatus) -> IntentRow:
    """The venue's history shows it: accepted, with how far the venue says it is."""
    if intent.state not in {"submitting", "unknown", "accepted"}:
        return intent
    facts = {"venue_state": status.state, "venue_txid": status.txid or "", "venue_id": status.venue_id}
    if intent.state == "accepted" and facts.items() <= intent.facts.items():
        return intent
    with desk.store.write() as writer:
        return records.move_intent(writer, intent, "accepted", reference=status.venue_id, **facts)


def _arrived(
    desk: Desk, transfer: Transfer, intent: IntentRow, txid: str, facts: dict[str, str]
) -> IntentRow:
    """Done, with how long it took since its first attempt."""
    asset = transfer.amount.asset.symbol
    way = Way(transfer.venue_account, asset, transfer.venue_network, "withdraw")
    with desk.store.write() as writer:
        lead_times.record(writer, way, intent, desk.clock.now())
        return records.move_intent(writer, intent, "done", reference=txid, **facts)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The transaction of a withdrawal on its chain: it pays `count` times what was planned, else `said`.

    `final` tells what ends the step, None while it is not deep enough; it asks every node.
    """

    txid: str
    count: int
    said: str
    final: Callable[[IntentRow], dict[str, str] | None]


def follow_payment(desk: Desk, transfer: Transfer, intent: IntentRow, txid: str) -> IntentRow:
    """Check on chain that the transaction pays what was planned, and wait until it is deep enough."""
    look = _on_ethereum if is_ethereum(transfer.network) else _on_bitcoin
    seen = look(desk, transfer, intent, txid)
    if seen is None:
        return move(desk, intent, "accepted") if intent.state in {"submitting", "unknown"} else intent
    _require_foreign(desk, intent, seen.txid)
    if seen.count <= _claims(desk, intent, seen.txid):
        raise BooksError(
            "payment_differs",
            f"expected {transfer.amount} to {transfer.payment.address} in {seen.txid}, found {seen.said}",
            hint="The chain says something else than the plan. Nothing was closed.",
        )
    if intent.state == "sent" and intent.reference != seen.txid:
        # The venue replaced its transaction: what arrives is known by the id of the new one.
        intent = move(desk, intent, "accepted", seen.txid)
    intent = move(desk, intent, "sent", seen.txid)
    facts = seen.final(intent)
    return intent if facts is None else _arrived(desk, transfer, intent, seen.txid, facts)


def _require_foreign(desk: Desk, intent: IntentRow, txid: str) -> None:
    """A venue pays with its own transactions: one of ours is no payment of it. Raises `BooksError`."""
    with desk.store.read() as connection:
        rows = records.intents_of_kind(connection, "spend")
    ours = {str(row.facts.get(name, "")) for row in rows for name in ("txid", "executed_by")}
    if txid in ours:
        raise BooksError(
            "payment_differs",
            f"expected a transaction of {intent.facts['source']}, found {txid}, which we sent ourselves",
            hint="The venue names a payment of ours. Ask it for its own. Nothing was closed.",
        )


def _on_bitcoin(desk: Desk, transfer: Transfer, intent: IntentRow, txid: str) -> _Seen | None:
    from vault.address import network_of, script_pubkey
    from vault.bitcoin.transaction import Transaction

    backend = desk.backend()
    status = backend.transaction_status(txid)
    raw = backend.raw_transaction(txid) if status.found else None
    if raw is None:
        return None
    script = script_pubkey(transfer.payment.address, network_of(desk.treasury.config.bitcoin.network))
    transaction = Transaction.parse(raw)
    paid = [out.value for out in transaction.outputs if out.script == script]
    count = paid.count(transfer.amount.units) if transaction.txid == txid else 0
    deep = status.confirmations >= desk.treasury.config.bitcoin.confirmations
    return _Seen(txid, count, f"{paid} satoshi", lambda row: final_facts(desk, row, txid) if deep else None)


def _on_ethereum(desk: Desk, transfer: Transfer, intent: IntentRow, txid: str) -> _Seen | None:
    paid = arrivals.look(desk, transfer, intent, txid)
    if paid is None:
        return None
    return _Seen(
        paid.txid,
        paid.count,
        paid.said,
        lambda row: arrivals.final_facts(desk, transfer, row, paid),
    )


def _claims(desk: Desk, intent: IntentRow, txid: str) -> int:
    """How many other withdrawals of the same amount that transaction already paid (venues batch)."""
    with desk.store.read() as connection:
        return sum(
            other.reference == txid
            and other.kind == "withdraw"
            and other.client_id != intent.client_id
            and other.facts["payments"] == intent.facts["payments"]
            for other in records.intents(connection)
        )
