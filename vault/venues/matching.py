"""Which record of a venue's history is the withdrawal that was asked for. Pure.

By client id where the venue has them, else by asset, network, address, tag, amount and time. Refuses to
choose: two records that fit are an error for a person, and so is one that has our details and our id cut, in
another letter case or not at all: taken for another's, it would be sent again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from vault.errors import VenueError
from vault.venues.base import WithdrawalStatus, WithdrawRequest
from vault.venues.line.raw import Fields
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
    if request.client_id and not fitting:
        fitting = [
            status
            for status in found
            if _same_payment(status, request) and since <= status.applied_at <= until
        ]
        if fitting:
            raise VenueError(
                "ambiguous_withdrawal",
                f"expected withdrawal {fitting[0].venue_id} of {request.amount} to {request.address} to have "
                f"the id {request.client_id}, the venue shows {fitting[0].client_id[:80]!r}",
                hint="Stop, and compare the venue's history with the journal by hand.",
            )
    fitting = list(dict.fromkeys(fitting))  # a venue may list one record twice, word for word
    if len(fitting) > 1:
        raise VenueError(
            reason,
            f"expected at most one withdrawal with {known_by}, the venue lists {len(fitting)}: "
            + ", ".join(status.venue_id for status in fitting),
            hint="Stop, and compare the venue's history with the journal by hand.",
        )
    return fitting[0] if fitting else None


def akin(theirs: str, ours: str) -> bool:
    """Whether an id may be what a venue made of ours: left out, cut, or in another letter case."""
    return ours.casefold().startswith(theirs.casefold())


def may_be(
    line: Fields,
    request: WithdrawRequest,
    *,
    address: str,
    client_id: str = "",
    amount: str = "amount",
    fee: str = "fee",
) -> bool:
    """Whether a record of the request's asset can be the request, whatever else it says.

    The others are not read: nothing in them that is not understood stands between us and ours. The names are
    those of its fields. What it does not say may be ours; an amount may be gross or net.
    """
    theirs = line.optional_text(client_id) if client_id and request.client_id else ""
    if theirs and theirs == request.client_id:
        return True
    if theirs and not akin(theirs, request.client_id):
        return False
    if line.has(address) and not same_address(line.text(address), request.address):
        return False
    if not (line.has(amount) and line.has(fee)):
        return True
    listed, gross = line.decimal(amount), request.amount.to_decimal()
    planned = listed if request.fee is None else listed + request.fee.to_decimal()
    return gross in {listed, listed + line.decimal(fee), planned}


def _same_payment(status: WithdrawalStatus, request: WithdrawRequest) -> bool:
    return akin(status.client_id, request.client_id) and fits(
        replace(status, network=request.network), request
    )


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
