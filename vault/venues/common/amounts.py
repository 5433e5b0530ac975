"""Amounts as they leave for a venue, and what the venue must allow before they do."""

from __future__ import annotations

from vault.errors import VenueError
from vault.money import Amount, plain
from vault.venues.base import WithdrawNetwork, WithdrawRequest


def exact_text(amount: Amount) -> str:
    """The shortest plain literal of an amount: no exponent, no trailing zeros, every digit."""
    text = plain(amount.to_decimal())
    return text.rstrip("0").rstrip(".") if "." in text else text


def check_amount(amount: Amount, network: WithdrawNetwork, *, fee_included: bool = True) -> None:
    """Raise `VenueError` unless the venue takes this amount on this network now.

    It is gross where the venue's fee is included in it, else what is to arrive.
    """
    where = f"{network.asset} on {network.network}"
    if not network.enabled:
        raise VenueError(
            "suspended", f"expected withdrawals of {where} to be open, the venue has closed them"
        )
    if amount.units <= 0 or amount < network.minimum:
        raise VenueError("below_minimum", f"{where}: expected at least {network.minimum}, found {amount}")
    if network.maximum is not None and amount > network.maximum:
        raise VenueError("above_maximum", f"{where}: expected at most {network.maximum}, found {amount}")
    if fee_included and amount <= network.fee:
        raise VenueError("below_fee", f"{where}: expected more than the fee of {network.fee}, found {amount}")
    if amount != amount.quantise_down(network.step):
        raise VenueError("not_a_multiple", f"{where}: expected a multiple of {network.step}, found {amount}")


def check_included_fee(request: WithdrawRequest, network: WithdrawNetwork) -> Amount:
    """What to ask for where the venue takes its fee out of it.

    Raises `VenueError` unless the fee is as planned: with another one another amount would arrive.
    """
    if request.fee is not None and network.fee != request.fee:
        raise _fee_changed(request, network)
    return request.amount


def check_added_fee(request: WithdrawRequest, network: WithdrawNetwork) -> Amount:
    """What to ask for where the venue adds its fee to it. Raises `VenueError` unless the fee is as planned.

    Minimum, maximum and step are then rules for that net amount.
    """
    if request.fee is not None and request.fee != network.fee:
        raise _fee_changed(request, network)
    if request.amount <= network.fee:
        raise VenueError(
            "below_fee",
            f"{network.asset} on {network.network}: expected more than the fee of {network.fee}, "
            f"found {request.amount}",
        )
    return request.amount - network.fee


def _fee_changed(request: WithdrawRequest, network: WithdrawNetwork) -> VenueError:
    return VenueError(
        "fee_changed",
        f"{network.asset} on {network.network}: expected the planned fee of {request.fee}, the venue now "
        f"takes {network.fee}; nothing was sent",
        hint="Make a new plan.",
    )
