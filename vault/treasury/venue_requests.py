"""Plan transfers as requests to a venue: the same request at every attempt, from plan and intent alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.clock import from_iso
from vault.venues.base import InternalTransfer, WithdrawRequest

if TYPE_CHECKING:
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer


def internal_transfer(transfer: Transfer, step: IntentRow) -> InternalTransfer:
    """Margin to spot for the gross amount of a sweep, spot to margin for what a top-up credited."""
    not_after = from_iso(step.facts["not_after"])
    if step.kind == "to_spot":
        return InternalTransfer("futures", "spot", transfer.gross, not_after)
    return InternalTransfer("spot", "futures", transfer.amount, not_after)


def withdraw_request(desk: Desk, transfer: Transfer, step: IntentRow) -> WithdrawRequest:
    """The withdrawal of a sweep under the intent's client id."""
    return WithdrawRequest(
        client_id=step.client_id,
        asset=transfer.amount.asset.symbol,
        amount=transfer.gross,
        network=transfer.venue_network,
        address=transfer.payment.address,
        tag="",
        bitcoin_network=desk.treasury.config.bitcoin.network,
        # A step without one was never begun: what is not to be sent any more can still be looked for.
        not_after=from_iso(step.facts.get("not_after") or step.updated_at),
        fee=transfer.fee,
    )
