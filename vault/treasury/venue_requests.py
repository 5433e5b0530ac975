"""Plan transfers as requests to a venue: the same request at every attempt, from plan and intent alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.clock import from_iso
from vault.errors import PlanError
from vault.money import Amount
from vault.treasury.ethereum import hyperliquid
from vault.treasury.plan import Move
from vault.venues import routes
from vault.venues.base import InternalTransfer, WithdrawRequest
from vault.venues.registry import asset_network

if TYPE_CHECKING:
    from vault.config import VenueSettings
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer


def outward(settings: VenueSettings) -> tuple[Move, ...]:
    """From margin to the wallet that withdrawals leave from. Raises `VenueError` (``venue.read_only``)."""
    return tuple(Move(*hop) for hop in routes.outward(settings.exchange, settings.product))


def inward(settings: VenueSettings, credited: str = "") -> tuple[Move, ...]:
    """To margin, from the wallet that a deposit is credited to. Raises `VenueError` (``venue.read_only``)."""
    return tuple(Move(*hop) for hop in routes.inward(settings.exchange, settings.product, credited))


def after_credit(desk: Desk, account: str, asset: str, network: str) -> tuple[Move, ...]:
    """What remains to be moved when the venue has credited a deposit, as it says now. Raises `VenueError`."""
    settings = desk.treasury.venue(account)
    if not inward(settings):
        return ()
    return inward(settings, desk.venues.deposit_address(account, asset, network).wallet)


def internal_transfer(step: IntentRow) -> InternalTransfer:
    """One hop, of the gross amount of a sweep, of what a top-up credited or of what a return moves.

    Raises `PlanError` (``plan.other_format``) for a step that an older version wrote.
    """
    facts = step.facts
    if "from_wallet" not in facts:
        raise PlanError(
            "other_format",
            f"step {step.step} of transfer {step.transfer} of plan {step.plan_id} does not say between which "
            "wallets it moves: another version of this program made it",
            hint="Look at the venue whether the coins moved, and cancel the plan.",
        )
    return InternalTransfer(
        facts["from_wallet"],
        facts["to_wallet"],
        Amount.from_json(facts["amount"]),
        from_iso(facts["not_after"]),
    )


def withdraw_request(
    desk: Desk, transfer: Transfer, step: IntentRow, *, leaving: bool = False
) -> WithdrawRequest:
    """The withdrawal of a sweep under the intent's client id.

    Raises `PlanError` (``plan.other_chain``), and where it is `leaving` whatever is wrong with what a device
    has signed, at venues that take nothing else.
    """
    bitcoin = transfer.network.startswith("bitcoin:")
    if not bitcoin:
        require_chain(desk, transfer)
    signed = str(step.facts.get(hyperliquid.SIGNED_ACTION, ""))
    if leaving and hyperliquid.needs_device(desk, transfer):
        signed = hyperliquid.signed_withdrawal(desk, transfer, step.facts)
    return WithdrawRequest(
        client_id=step.client_id,
        asset=transfer.amount.asset.symbol,
        amount=transfer.gross,
        network=transfer.venue_network,
        address=transfer.payment.address,
        tag="",
        bitcoin_network=desk.treasury.config.bitcoin.network if bitcoin else "",
        # A step without one was never begun: what is not to be sent any more can still be looked for.
        not_after=from_iso(step.facts.get("not_after") or step.updated_at),
        fee=transfer.fee,
        signed_action=signed,
    )


def require_chain(desk: Desk, transfer: Transfer) -> None:
    """The venue's network is the chain of the destination: an address of Ethereum is good on many chains.

    Raises `PlanError` (``plan.other_chain``), `VenueError` (``venue.unknown_network``).
    """
    exchange = desk.treasury.venue(transfer.venue_account).exchange
    asset = transfer.amount.asset.symbol
    entry = asset_network(exchange, asset, transfer.venue_network)
    meant = entry.network_id(desk.treasury.config.bitcoin.network)
    if meant != transfer.network:
        raise PlanError(
            "other_chain",
            f"transfer {transfer.number}: expected a payment on {transfer.network}, {asset} on "
            f"{transfer.venue_network} of {exchange} goes by {meant or entry.chain}",
            hint="Set the band's venue_network to the chain of its entry, and make a new plan.",
        )
