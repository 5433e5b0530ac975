"""The books: what each place should hold after everything that was sent, against what it holds.

Refuses to call them balanced while a step is unsettled, a place could not be read, or one satoshi is
missing or too many. Opening balances are recorded the first time a place is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.clock import from_iso
from vault.money import BTC, Amount, total
from vault.store import records
from vault.treasury import history, observe

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.model import Snapshot
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

LEFT = frozenset({"accepted", "sent", "done"})
UNSETTLED = frozenset({"submitting", "unknown"})
TRANSIT = "in transit"
OUTSIDE = "outside"
FEES = "fees"


@dataclass(frozen=True, slots=True)
class BookLine:
    """One place: `expected` = opening + moved; `difference` = observed - expected."""

    place: str
    opening: Amount
    moved: Amount
    expected: Amount
    observed: Amount
    difference: Amount


@dataclass(frozen=True, slots=True)
class Books:
    """All places of one asset; fees paid and coins between two places stand apart.

    `outside` went to cold addresses that no configured wallet watches.
    """

    lines: tuple[BookLine, ...]
    in_transit: Amount
    outside: Amount
    fees: Amount
    opening_total: Amount
    observed_total: Amount
    unsettled: tuple[str, ...]
    unread: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        """True when every place was read, holds what it should, and nothing is lost or unsettled."""
        return (
            not self.unsettled
            and not self.unread
            and not any(line.difference.units for line in self.lines)
            and self.opening_total == self.observed_total + self.in_transit + self.outside + self.fees
        )


def places(snapshot: Snapshot) -> dict[str, Amount]:
    """Bitcoin per place: wallets on chain (seen, confirmed or not) and venue accounts (margin and spot).

    A venue account of which a part could not be read is left out.
    """
    found = {f"wallet:{w.name}": w.confirmed + w.pending for w in snapshot.wallets}
    for account in snapshot.accounts:
        held = [c for c in account.collateral if c.asset == BTC.symbol]
        spot = [s for s in snapshot.spot if s.account == account.name and s.free.asset == BTC]
        if not spot:
            continue
        parts = [Amount.from_decimal(c.balance, BTC) for c in held]
        parts += [holding.free + holding.locked for holding in spot]
        found[f"venue:{account.name}"] = total(parts, BTC)
    return found


def open_books(desk: Desk, snapshot: Snapshot) -> None:
    """Record the opening balance of every place that is seen for the first time."""
    with desk.store.write() as writer:
        known = _openings(writer.connection)
        for place, amount in places(snapshot).items():
            if place not in known:
                entry = {"place": place, "amount": amount.as_json(), "at": writer.at}
                records.save_document(writer, "opening", entry)


def _openings(connection: Connection) -> dict[str, tuple[Amount, str]]:
    return {
        body["place"]: (Amount.from_json(body["amount"]), body["at"])
        for body in records.documents(connection, "opening")
    }


def close_books(desk: Desk, snapshot: Snapshot | None = None) -> Books:
    """Compare the books with a snapshot (a fresh one when none is given)."""
    snapshot = snapshot or observe.take_snapshot(desk)
    open_books(desk, snapshot)
    with desk.store.read() as connection:
        openings = _openings(connection)
        moved, unsettled = _movements(desk, connection, openings)
    observed = places(snapshot)
    zero = Amount.zero(BTC)
    lines = []
    for place, (opening, _) in sorted(openings.items()):
        if place not in observed:
            continue
        expected = opening + moved.get(place, zero)
        lines.append(
            BookLine(
                place, opening, moved.get(place, zero), expected, observed[place], observed[place] - expected
            )
        )
    return Books(
        lines=tuple(lines),
        in_transit=moved.get(TRANSIT, zero),
        outside=moved.get(OUTSIDE, zero),
        fees=moved.get(FEES, zero),
        opening_total=total([line.opening for line in lines], BTC),
        observed_total=total([line.observed for line in lines], BTC),
        unsettled=unsettled,
        unread=tuple(sorted(set(openings) - set(observed))),
    )


def _movements(
    desk: Desk, connection: Connection, openings: dict[str, tuple[Amount, str]]
) -> tuple[dict[str, Amount], tuple[str, ...]]:
    moved: dict[str, Amount] = {}
    unsettled: list[str] = []
    book = desk.book().book
    for row in records.all_plans(connection, history.BEGUN):
        intents = records.intents(connection, row.plan_id)
        for transfer in history.stored_plan(row).body.transfers:
            steps = {step.kind: step for step in intents if step.transfer == transfer.number}
            unsettled += [
                f"{row.plan_id}/{step.transfer}/{step.kind}: {step.state}"
                for step in steps.values()
                if step.state in UNSETTLED
            ]
            wallet = book.find(transfer.destination).wallet
            for place, amount in _effects(transfer, steps, f"wallet:{wallet}" if wallet else OUTSIDE):
                opened = openings.get(place)
                at = _moment(steps)
                if opened is not None and at is not None and from_iso(at) <= from_iso(opened[1]):
                    continue
                moved[place] = moved.get(place, Amount.zero(BTC)) + amount
    return moved, tuple(unsettled)


def _moment(steps: dict[str, IntentRow]) -> str | None:
    outward = steps.get("withdraw") or steps.get("spend")
    return outward.submitted_at if outward else None


def _effects(transfer: Transfer, steps: dict[str, IntentRow], destination: str) -> list[tuple[str, Amount]]:
    """(place, change) of a transfer as far as it went; the sum over all places is zero."""
    outward = steps.get("withdraw") or steps.get("spend")
    if outward is None or outward.state not in LEFT:
        return []
    source = (
        f"venue:{transfer.source}" if transfer.kind == "venue_withdrawal" else f"wallet:{transfer.source}"
    )
    arrived = destination
    if transfer.action == "top_up":
        credit = steps.get("credit")
        arrived = f"venue:{transfer.venue_account}" if credit and credit.state == "done" else TRANSIT
    elif outward.kind == "withdraw" and outward.state == "accepted":
        arrived = TRANSIT
    return [(source, -transfer.gross), (arrived, transfer.amount), (FEES, transfer.fee)]
