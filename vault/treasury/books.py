"""The books: what each place should hold after everything that was sent, against what it holds.

Refuses to call them balanced while a step is unsettled, a place could not be read, or one satoshi is
missing or too many. Opening balances are recorded the first time a place is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vault.clock import from_iso
from vault.codec import decode, encode
from vault.money import BTC, Amount, total
from vault.store import records
from vault.store.foreign_spends import closed as closed_spends
from vault.treasury import history, observe
from vault.treasury.opening import openings, record_opening

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.model import ForeignSpend, Snapshot
    from vault.policy.book import AddressBook
    from vault.store.database import Writer
    from vault.store.foreign_spends import ClosedSpend
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Payment, Transfer

LEFT = frozenset({"accepted", "sent", "done"})
UNSETTLED = frozenset({"submitting", "unknown"})
TRANSIT = "in transit"
OUTSIDE = "outside"
FEES = "fees"
# The fact of a closed credit that says what the venue really credited, in BTC.
CREDITED = "credited"
_NOTHING = Amount.zero(BTC)


@dataclass(frozen=True, slots=True)
class BookLine:
    """One place: `expected` = opening + moved + received + explained - left; `difference` = observed - that.

    `received` came in outside our plans and was let in, `left` went out outside our plans and was closed (see
    `WalletBalance`); `explained` is what persons closed by hand, each with a reason (see `Explanation`).
    """

    place: str
    opening: Amount
    moved: Amount
    received: Amount
    explained: Amount
    expected: Amount
    observed: Amount
    difference: Amount
    left: Amount = _NOTHING


@dataclass(frozen=True, slots=True)
class ExplainedPlace:
    """What a place held more, or less, than was planned, when a person closed a step."""

    place: str
    more: Amount
    less: Amount

    @property
    def amount(self) -> Amount:
        return self.more - self.less


@dataclass(frozen=True, slots=True)
class Explanation:
    """A step that was closed by a person: what contradicted it, why it was closed, what that explains."""

    plan_id: str
    transfer: int
    step: int
    reason: str
    finding: str
    places: tuple[ExplainedPlace, ...]


@dataclass(frozen=True, slots=True)
class Unsolicited:
    """What a wallet holds that nobody here asked for: it makes no difference and closes nothing."""

    place: str
    amount: Amount


@dataclass(frozen=True, slots=True)
class Books:
    """All places of one asset; fees paid and coins between two places stand apart.

    `outside` went to cold addresses that no configured wallet watches, or was sent to a venue that did not
    credit it (negative when it credited more), as a person found. `foreign`: transactions of nobody's plan
    that spent our coins and wait for a person; `closed`: those a person has looked at.
    """

    lines: tuple[BookLine, ...]
    in_transit: Amount
    outside: Amount
    fees: Amount
    opening_total: Amount
    observed_total: Amount
    unsettled: tuple[str, ...]
    unread: tuple[str, ...]
    explanations: tuple[Explanation, ...] = ()
    unsolicited: tuple[Unsolicited, ...] = ()
    foreign: tuple[ForeignSpend, ...] = ()
    closed: tuple[ClosedSpend, ...] = ()

    @property
    def received_total(self) -> Amount:
        """All that came in outside our plans, at the places that were read."""
        return total([line.received for line in self.lines], BTC)

    @property
    def explained_total(self) -> Amount:
        """All that was explained by hand, at the places that were read."""
        return total([line.explained for line in self.lines], BTC)

    @property
    def left_total(self) -> Amount:
        """All that went out outside our plans and was closed by a person, at the places that were read."""
        return total([line.left for line in self.lines], BTC)

    @property
    def balanced(self) -> bool:
        """True when every place was read, holds what it should, and nothing is lost or unsettled."""
        return (
            not self.unsettled
            and not self.unread
            and not any(line.difference.units for line in self.lines)
            and self.opening_total + self.received_total + self.explained_total
            == self.observed_total + self.in_transit + self.outside + self.fees + self.left_total
        )


def places(snapshot: Snapshot) -> dict[str, Amount]:
    """Bitcoin per place: wallets on chain (seen, confirmed or not) and venue accounts (all their wallets).

    What nobody here asked for is at no place, until a person accepts it.
    A venue account of which a part could not be read is left out.
    """
    found = {f"wallet:{w.name}": w.confirmed + w.pending + w.frozen for w in snapshot.wallets}
    for account in snapshot.accounts:
        held = [c for c in account.collateral if c.asset == BTC.symbol]
        spot = [s for s in snapshot.spot if s.account == account.name and s.free.asset == BTC]
        if not spot:
            continue
        parts = [Amount.from_decimal(c.balance, BTC) for c in held]
        parts += [holding.free + holding.locked for holding in spot]
        parts += [Amount.from_decimal(w.balance, BTC) for w in account.waiting if w.asset == BTC.symbol]
        found[f"venue:{account.name}"] = total(parts, BTC)
    return found


def open_books(desk: Desk, snapshot: Snapshot) -> None:
    """Record the opening balance of every place that is seen for the first time."""
    with desk.store.write() as writer:
        known = openings(writer.connection)
        for place, amount in places(snapshot).items():
            if place not in known:
                record_opening(writer, place, amount)


def explanations(connection: Connection) -> tuple[Explanation, ...]:
    """Everything that persons closed by hand, oldest first."""
    found = records.documents(connection, "explanation")
    return tuple(decode(body["explanation"], Explanation) for body in found)


def record_explanation(writer: Writer, explanation: Explanation) -> None:
    """Keep it, and its hash in the journal."""
    body = {"at": writer.at, "explanation": encode(explanation)}
    records.save_document(writer, "explanation", body)


def explain(
    desk: Desk, snapshot: Snapshot, transfer: Transfer, step: IntentRow
) -> tuple[ExplainedPlace, ...]:
    """What the places of a transfer would hold too much or too little once this step is closed as given."""
    book = desk.book().book
    own = {_source(transfer), *(_home(book, payment) for payment in transfer.payments)}
    if transfer.venue_account:
        own.add(f"venue:{transfer.venue_account}")
    found = close_books(desk, snapshot, closing=step)
    return tuple(
        ExplainedPlace(
            line.place,
            Amount(BTC, max(0, line.difference.units)),
            Amount(BTC, max(0, -line.difference.units)),
        )
        for line in found.lines
        if line.place in own and line.difference.units
    )


def close_books(desk: Desk, snapshot: Snapshot | None = None, *, closing: IntentRow | None = None) -> Books:
    """Compare the books with a snapshot (a fresh one when none is given), as if a step were as `closing`."""
    snapshot = snapshot or observe.take_snapshot(desk)
    open_books(desk, snapshot)
    with desk.store.read() as connection:
        opened = openings(connection)
        moved, unsettled = _movements(desk, connection, opened, closing)
        closed, accounted = explanations(connection), closed_spends(connection)
    observed = places(snapshot)
    received = {f"wallet:{wallet.name}": wallet.received for wallet in snapshot.wallets}
    gone = {f"wallet:{wallet.name}": wallet.left for wallet in snapshot.wallets}
    zero = Amount.zero(BTC)
    lines = []
    for place, (opening, _) in sorted(opened.items()):
        if place not in observed:
            continue
        known = [each.amount for one in closed for each in one.places if each.place == place]
        change, explained = moved.get(place, zero), total(known, BTC)
        came, left, found = received.get(place, zero), gone.get(place, zero), observed[place]
        expected = opening + change + came + explained - left
        lines.append(
            BookLine(place, opening, change, came, explained, expected, found, found - expected, left)
        )
    return Books(
        lines=tuple(lines),
        in_transit=moved.get(TRANSIT, zero),
        outside=moved.get(OUTSIDE, zero),
        fees=moved.get(FEES, zero),
        opening_total=total([line.opening for line in lines], BTC),
        observed_total=total([line.observed for line in lines], BTC),
        unsettled=unsettled,
        unread=tuple(sorted(set(opened) - set(observed))),
        explanations=closed,
        unsolicited=tuple(
            Unsolicited(f"wallet:{wallet.name}", wallet.quarantined)
            for wallet in snapshot.wallets
            if wallet.quarantined.units
        ),
        foreign=snapshot.foreign,
        closed=accounted,
    )


def _movements(
    desk: Desk, connection: Connection, opened: dict[str, tuple[Amount, str]], closing: IntentRow | None
) -> tuple[dict[str, Amount], tuple[str, ...]]:
    moved: dict[str, Amount] = {}
    unsettled: list[str] = []
    book = desk.book().book
    for row in records.all_plans(connection, history.BEGUN):
        intents = records.intents(connection, row.plan_id)
        for transfer in history.stored_plan(row).body.transfers:
            steps = {
                step.kind: closing if closing and closing.client_id == step.client_id else step
                for step in intents
                if step.transfer == transfer.number
            }
            unsettled += [
                f"{row.plan_id}/{step.transfer}/{step.kind}: {step.state}"
                for step in steps.values()
                if step.state in UNSETTLED
            ]
            homes = [_home(book, payment) for payment in transfer.payments]
            for place, amount in _effects(transfer, steps, homes):
                since = opened.get(place)
                at = _moment(steps)
                if since is not None and at is not None and from_iso(at) <= from_iso(since[1]):
                    continue
                moved[place] = moved.get(place, Amount.zero(BTC)) + amount
    return moved, tuple(unsettled)


def _home(book: AddressBook, payment: Payment) -> str:
    wallet = book.find(payment.destination).wallet
    return f"wallet:{wallet}" if wallet else OUTSIDE


def _source(transfer: Transfer) -> str:
    place = "venue" if transfer.kind == "venue_withdrawal" else "wallet"
    return f"{place}:{transfer.source}"


def _moment(steps: dict[str, IntentRow]) -> str | None:
    outward = steps.get("withdraw") or steps.get("spend")
    return outward.submitted_at if outward else None


def _effects(transfer: Transfer, steps: dict[str, IntentRow], homes: list[str]) -> list[tuple[str, Amount]]:
    """(place, change) of a transfer as far as it went; the sum over all places is zero."""
    outward = steps.get("withdraw") or steps.get("spend")
    if outward is None or outward.state not in LEFT:
        return []
    out = [(_source(transfer), -transfer.gross), (FEES, transfer.fee)]
    if transfer.credited:
        return [*out, *_arrival(transfer, steps.get("credit"))]
    if outward.kind == "withdraw" and outward.state == "accepted":
        homes = [TRANSIT]
    return [*out, *((home, each.amount) for home, each in zip(homes, transfer.payments, strict=True))]


def _arrival(transfer: Transfer, credit: IntentRow | None) -> list[tuple[str, Amount]]:
    """Where the coins of a top-up are: on their way, credited, or credited otherwise than they were sent."""
    venue = f"venue:{transfer.venue_account}"
    if credit is not None and credit.state == "closed_by_person":
        credited = Amount.parse(credit.facts[CREDITED], BTC)
        return [(venue, credited), (OUTSIDE, transfer.amount - credited)]
    return [(venue if credit is not None and credit.state == "done" else TRANSIT, transfer.amount)]
