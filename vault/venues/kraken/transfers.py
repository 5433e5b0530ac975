"""Moves between Kraken's wallets: margin (``flex``), the futures cash wallet (``cash``) and spot. Pure.

No move has an id of ours, and its receipt none that a history repeats: it is known by direction, asset, exact
amount and time, and every move is looked for where it left and where it arrived. Refuses wallets it does not
know. Sources: Kraken Futures "Get account log", Spot "Get Ledgers Info".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from vault.errors import VenueError
from vault.money import Amount
from vault.venues.base import InternalTransfer, InternalTransferReceipt
from vault.venues.common.reading import History
from vault.venues.kraken import names
from vault.venues.kraken.answers import iso, seconds
from vault.venues.line.raw import Fields

SPOT: Final = "spot"
# Kinds of the futures account log.
INSIDE: Final = "transfer"
ACROSS: Final = "cross-exchange transfer"
# The wallets that each kind moves money in; of a move across, the other end is in the spot ledger.
_MOVES: Final = {INSIDE: frozenset({"cash", "flex"}), ACROSS: frozenset({"cash"})}
_OTHERS: Final = frozenset(
    {"futures trade", "futures liquidation", "futures assignor", "funding rate change", "conversion"}
)
# Subtypes of the spot ledger, by where the money goes.
_LEDGER: Final = {"spottofutures": Decimal(-1), "spotfromfutures": Decimal(1)}
_WALLETS: Final = {"cash": "cash", "cash account": "cash", "flex": "flex"}
# A record of arrival may carry a moment that lies before that of the departure: two clocks.
SLACK: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a move: what a wallet lost (below zero) or gained."""

    id: str
    kind: str
    wallet: str
    change: Decimal
    at: datetime


def log_legs(answer: Any, amount: Amount) -> tuple[Leg, ...]:
    """What moves did to a futures wallet's balance of the asset of `amount`.

    An entry of a kind that nobody knows is refused when it is of exactly this amount: it may be the move.
    """
    found = []
    for line in Fields.of(answer, "accountLog").rows("logs"):
        # A position's size has a balance too, under the name of its contract.
        if names.ours(line.text("asset")) != amount.asset.symbol:
            continue
        kind = line.text("info")
        if kind in _OTHERS:
            continue
        change = line.decimal("new_balance") - line.decimal("old_balance")
        wallet = line.text("margin_account").lower()
        if _WALLETS.get(wallet) not in _MOVES.get(kind, frozenset()):
            if _is(abs(change), amount):
                raise VenueError(
                    "bad_answer",
                    f"{line.where}: expected a move of {amount} in a wallet that is known, found "
                    f"{kind[:40]!r} in {wallet[:40]!r}",
                )
            continue
        # Numbers begin anew in every account; the booking is its own everywhere.
        name = f"{line.text('booking_uid')}/{line.integer('id')}"
        found.append(Leg(name, kind, _WALLETS[wallet], change, iso(line, "date")))
    return _once(found)


def _is(change: Decimal, amount: Amount) -> bool:
    """Balances of the log are floating-point numbers: they may differ in what no asset's unit shows."""
    return abs(change - amount.to_decimal()) < Decimal(1).scaleb(-amount.asset.decimals) / 2


def ledger_legs(lines: dict[str, Fields], asset: str) -> tuple[Leg, ...]:
    """What moves did to the spot wallet's balance of an asset."""
    found = []
    for line in lines.values():
        subtype = line.optional_text("subtype")
        if names.ours(line.text("asset")) != asset or line.text("type") != "transfer":
            continue
        if subtype not in _LEDGER:
            continue  # between spot and earning, or accounts of others
        change = line.decimal("amount")
        if change * _LEDGER[subtype] < 0:
            raise VenueError("bad_answer", f"{line.where}: {subtype} of {change:f} has the wrong sign")
        found.append(Leg(line.text("refid"), ACROSS, SPOT, change, seconds(line, "time")))
    return _once(found)


def _once(found: list[Leg]) -> tuple[Leg, ...]:
    return tuple(dict.fromkeys(found))


def matched(legs: tuple[Leg, ...], wanted: InternalTransfer) -> History[InternalTransferReceipt]:
    """Departures of this move with their arrivals, oldest first.

    Not complete when something arrived that is not seen leaving, or left one wallet of the futures side
    without reaching the other: an answer has left something out.
    """
    kind = ACROSS if SPOT in {wanted.source, wanted.destination} else INSIDE

    def of(wallet: str, sign: int) -> list[Leg]:
        mine = (each for each in legs if (each.kind, each.wallet) == (kind, wallet))
        return sorted(
            (each for each in mine if _is(sign * each.change, wanted.amount)), key=lambda leg: leg.at
        )

    left, arrived = of(wanted.source, -1), of(wanted.destination, 1)
    receipts = []
    for leg in left:
        there = next((each for each in arrived if each.at >= leg.at - SLACK), None)
        if there is not None:
            arrived.remove(there)
        receipts.append(
            InternalTransferReceipt(
                venue_id=leg.id,
                state="pending" if there is None else "confirmed",
                source=wanted.source,
                destination=wanted.destination,
                amount=wanted.amount,
                at=leg.at,
            )
        )
    lost = kind == INSIDE and any(receipt.state == "pending" for receipt in receipts)
    return History(tuple(receipts), complete=not arrived and not lost)
