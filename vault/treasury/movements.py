"""What our own steps did to each place, asset by asset: booked once it is certain, bounded until then.

A transaction on Ethereum changes nothing before it is mined and may cost less gas than it was allowed, so
while it is on its way each place it touches may have changed by anything between nothing and all of it.
Refuses to explain more by it than that.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from vault.clock import from_iso
from vault.money import ETH, Amount
from vault.store import records
from vault.treasury import history
from vault.treasury.opening import Held, Opening

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.policy.book import AddressBook
    from vault.store.records import IntentRow
    from vault.treasury.plan import Payment, Transfer

LEFT: Final = frozenset({"accepted", "sent", "done"})
UNSETTLED: Final = frozenset({"submitting", "unknown"})
# A transaction on Ethereum that may be in a block, and is not final.
_ON_ITS_WAY: Final = frozenset({"submitting", "unknown", "accepted", "sent"})
TRANSIT: Final = "in transit"
OUTSIDE: Final = "outside"
FEES: Final = "fees"
# The fact of a closed credit that says what the venue really credited, in the asset of the transfer.
CREDITED: Final = "credited"


@dataclass(slots=True)
class Movements:
    """What moved for certain at each place, between what bounds it may have moved besides, what is unsettled.

    Bounds are base units, the lower one never above zero and the upper never below.
    """

    moved: dict[Held, int] = field(default_factory=lambda: defaultdict(int))
    bounds: dict[Held, tuple[int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0)))
    unsettled: list[str] = field(default_factory=list)


# (place, change) as far as a transfer went, with the change being certain or only possible.
_Effects = list[tuple[str, Amount]]


def movements(
    connection: Connection,
    book: AddressBook,
    opened: dict[Held, Opening],
    closing: IntentRow | None,
) -> Movements:
    """Everything that plans of ours did since a place was opened, as if a step were as `closing`."""
    found = Movements()
    for row in records.all_plans(connection, history.BEGUN):
        intents = records.intents(connection, row.plan_id)
        for transfer in history.stored_plan(row).body.transfers:
            steps = {
                step.kind: closing if closing and closing.client_id == step.client_id else step
                for step in intents
                if step.transfer == transfer.number
            }
            found.unsettled += [
                f"{row.plan_id}/{step.transfer}/{step.kind}: {step.state}"
                for step in steps.values()
                if step.state in UNSETTLED
            ]
            _book(found, opened, steps, transfer, [home_of(book, payment) for payment in transfer.payments])
    return found


def _book(
    found: Movements,
    opened: dict[Held, Opening],
    steps: dict[str, IntentRow],
    transfer: Transfer,
    homes: list[str],
) -> None:
    def counts(held: Held) -> bool:
        since, at, block = opened.get(held), _moment(steps), _block(steps)
        if since is None:
            return True
        if since.height is not None and block is not None:
            return block > since.height
        return at is None or from_iso(at) > from_iso(since.at)

    for place, amount in effects(transfer, steps, homes):
        # What a place already held when its books opened came from outside of them.
        held = Held(place, amount.asset.symbol)
        found.moved[held if counts(held) else Held(OUTSIDE, held.asset)] += amount.units
    for place, amount in _possible(transfer, steps, homes):
        if counts(held := Held(place, amount.asset.symbol)):
            low, high = found.bounds[held]
            found.bounds[held] = (low + min(0, amount.units), high + max(0, amount.units))


def home_of(book: AddressBook, payment: Payment) -> str:
    """The place that a payment arrives at: a wallet or account of ours, or outside."""
    wallet = book.find(payment.destination).wallet
    return f"wallet:{wallet}" if wallet else OUTSIDE


def source_of(transfer: Transfer) -> str:
    """The place that a transfer leaves."""
    place = "venue" if transfer.kind == "venue_withdrawal" else "wallet"
    return f"{place}:{transfer.source}"


def _moment(steps: dict[str, IntentRow]) -> str | None:
    outward = steps.get("withdraw") or steps.get("spend")
    return outward.submitted_at if outward else None


def _block(steps: dict[str, IntentRow]) -> int | None:
    """The block of Ethereum that its coins moved in, once that is final."""
    outward = steps.get("withdraw") or steps.get("spend")
    if outward is None or not str(outward.facts.get("network", "")).startswith("eip155:"):
        return None
    height = outward.facts.get("height")
    return None if height is None else int(height)


def effects(transfer: Transfer, steps: dict[str, IntentRow], homes: list[str]) -> _Effects:
    """What a transfer changed for certain; the sum over all places is zero in each asset."""
    outward = steps.get("withdraw") or steps.get("spend")
    if outward is None:
        return []
    if transfer.on_ethereum:
        gas = _gas(transfer, outward)
        return gas if outward.state != "done" else [*gas, *_arrived(transfer, steps, homes)]
    if outward.state not in LEFT:
        return []
    if outward.kind == "withdraw" and outward.state == "accepted":
        homes = [TRANSIT]
    return _arrived(transfer, steps, homes)


def _arrived(transfer: Transfer, steps: dict[str, IntentRow], homes: list[str]) -> _Effects:
    out = [(source_of(transfer), -transfer.gross), (FEES, transfer.fee)]
    if transfer.credited:
        return [*out, *_credit(transfer, steps.get("credit"))]
    return [*out, *((home, each.amount) for home, each in zip(homes, transfer.payments, strict=True))]


def _gas(transfer: Transfer, spend: IntentRow) -> _Effects:
    """What a final transaction cost, also one that was reverted."""
    paid = history.gas_paid(spend)
    if paid is None or spend.state not in {"done", "refused", "closed_by_person"}:
        return []
    return [(f"wallet:{transfer.ethereum.account}", -paid), (FEES, paid)]


def _possible(transfer: Transfer, steps: dict[str, IntentRow], homes: list[str]) -> _Effects:
    """What a transaction on Ethereum may have changed meanwhile, each at most."""
    spend, call = steps.get("spend"), transfer.call
    if spend is None or call is None or spend.state not in _ON_ITS_WAY:
        return []
    most = [
        (source_of(transfer), -transfer.amount),
        (f"wallet:{call.account}", -Amount(ETH, call.max_gas_cost)),
    ]
    if transfer.credited:
        return [*most, (f"venue:{transfer.venue_account}", transfer.amount)]
    arriving = zip(homes, transfer.payments, strict=True)
    return [*most, *((home, each.amount) for home, each in arriving if home != OUTSIDE)]


def _credit(transfer: Transfer, credit: IntentRow | None) -> _Effects:
    """Where the coins of a top-up are: on their way, credited, or credited otherwise than they were sent."""
    venue = f"venue:{transfer.venue_account}"
    if credit is not None and credit.state == "closed_by_person":
        credited = Amount.parse(credit.facts[CREDITED], transfer.fee.asset)
        return [(venue, credited), (OUTSIDE, transfer.amount - credited)]
    return [(venue if credit is not None and credit.state == "done" else TRANSIT, transfer.amount)]
