"""Which record of a venue's history is the withdrawal that was asked for. Pure.

By client id where the venue has them, else by asset, network, address, tag, amount and time. Refuses to
choose: two records that fit are an error for a person.
"""

from __future__ import annotations

from datetime import datetime

from vault.errors import VenueError
from vault.venues.base import WithdrawalStatus, WithdrawRequest
from vault.venues.registry import same_address


def only_one(
    found: tuple[WithdrawalStatus, ...], request: WithdrawRequest, since: datetime, until: datetime
) -> WithdrawalStatus | None:
    """The record of `request`, None when there is none; recorded within [since, until] by the venue's clock.

    Raises `VenueError` (``venue.withdrawn_twice``, ``venue.ambiguous_withdrawal``).
    """
    if request.client_id:
        fitting = [status for status in found if status.client_id == request.client_id]
        reason, known_by = "withdrawn_twice", f"client id {request.client_id}"
    else:
        fitting = [
            status for status in found if fits(status, request) and since <= status.applied_at <= until
        ]
        reason, known_by = "ambiguous_withdrawal", f"{request.amount} to {request.address}"
    fitting = list(dict.fromkeys(fitting))  # a venue may list one record twice, word for word
    if len(fitting) > 1:
        raise VenueError(
            reason,
            f"expected at most one withdrawal with {known_by}, the venue lists {len(fitting)}: "
            + ", ".join(status.venue_id for status in fitting),
            hint="Stop, and compare the venue's history with the journal by hand.",
        )
    return fitting[0] if fitting else None


def fits(status: WithdrawalStatus, request: WithdrawRequest) -> bool:
    """Whether a record has the request's details; the amount gross, or net of the planned fee."""
    amounts = status.gross == request.amount or (
        request.fee is not None and status.amount == request.amount - request.fee
    )
    return (
        (status.asset, status.network, status.tag) == (request.asset, request.network, request.tag)
        and same_address(status.address, request.address)
        and amounts
    )
