"""Whether a record in a venue's history is the withdrawal of one of our steps, and says what was planned.

Refuses a record that belongs to another step, and one of another amount, address, network or tag.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from vault.clock import from_iso
from vault.errors import BooksError
from vault.store import records
from vault.venues.registry import same_address

if TYPE_CHECKING:
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer
    from vault.venues.base import WithdrawalStatus

# Beyond the permitted difference of the clocks: half a slow round trip is not counted when it is measured.
CLOCK_SLACK: Final = timedelta(seconds=5)
# The fact that keeps the venue's id of a withdrawal, whose reference becomes its transaction.
VENUE_ID: Final = "venue_id"


def can_be(desk: Desk, transfer: Transfer, step: IntentRow, status: WithdrawalStatus) -> bool:
    """Whether a record that only looks like it can be this step's, where no id of ours says so.

    One of another step is not, nor one of before the first attempt; one that failed says nothing of an
    attempt that was made after it.
    """
    if status.venue_id in _ids_of_others(desk, step):
        return False
    if step.reference == status.venue_id:
        return True
    last = step.submitted_at or step.updated_at
    failed = status.state in {"refused", "cancelled"}
    since = last if failed else str(step.facts.get("first_submitted_at") or last)
    bound = timedelta(milliseconds=desk.treasury.venue(transfer.venue_account).max_clock_skew_ms)
    return status.applied_at >= from_iso(since) - bound - CLOCK_SLACK


def _ids_of_others(desk: Desk, step: IntentRow) -> frozenset[str]:
    """The venue's ids of other withdrawals of the same account: one record never settles two."""
    with desk.store.read() as connection:
        return frozenset(
            str(found)
            for other in records.intents_of_kind(connection, "withdraw")
            if other.client_id != step.client_id and other.facts["source"] == step.facts["source"]
            for found in (other.reference, other.facts.get(VENUE_ID))
            if found
        )


def require_as_planned(transfer: Transfer, status: WithdrawalStatus) -> None:
    """What the venue recorded is what the plan says. Raises `BooksError` (``books.withdrawal_differs``)."""
    address, network = transfer.payment.address, transfer.venue_network
    said = (status.asset, status.gross, status.network or network, status.tag)
    expected = (transfer.gross.asset.symbol, transfer.gross, network, "")
    if said != expected or not same_address(status.address, address):
        tag = f" tag {status.tag}" if status.tag else ""
        raise BooksError(
            "withdrawal_differs",
            f"expected {transfer.gross} to {address} on {network}, the venue recorded {status.gross} to "
            f"{status.address}{tag} on {status.network or 'no network'}",
            hint="Freeze the venue account and ask the venue. Nothing was closed.",
        )
