"""The books, asset by asset: what each place should hold after everything that was sent, and what it holds.

Refuses to call them balanced while a step is unsettled, a place could not be read, or one base unit of any
asset is missing or too many; assets are never added up. Opening balances are recorded the first time a place
is seen.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal, localcontext
from typing import TYPE_CHECKING

from vault.codec import decode, encode
from vault.money import BTC, CONTEXT, ETH, Amount, Asset, asset_of, total
from vault.store import records
from vault.store.foreign_spends import closed as closed_spends
from vault.treasury import observe
from vault.treasury.booked import booked_assets
from vault.treasury.movements import (
    FEES,
    OUTSIDE,
    TRANSIT,
    Movements,
    home_of,
    movements,
    source_of,
)
from vault.treasury.opening import Held, Opening, openings, record_opening

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.model import ForeignSpend, MarginAccount, Snapshot
    from vault.store.database import Writer
    from vault.store.foreign_spends import ClosedSpend
    from vault.store.records import IntentRow
    from vault.treasury.desk import Desk
    from vault.treasury.plan import Transfer

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
    """What a person closed: what contradicted a step, why it was closed, what that explains.

    Without a plan (``plan_id`` empty) it is something that a place held too much and a person accepted.
    """

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
class Sheet:
    """All places of one asset; fees paid and coins between two places stand apart.

    `outside` went to cold addresses that no configured wallet watches, or moved before a place had books, or
    was sent to a venue that did not credit it (negative when it credited more), as a person found. Gas is
    among the fees of ETH.
    """

    lines: tuple[BookLine, ...]
    in_transit: Amount
    outside: Amount
    fees: Amount
    opening_total: Amount
    observed_total: Amount

    @property
    def asset(self) -> Asset:
        return self.observed_total.asset

    @property
    def received_total(self) -> Amount:
        """All that came in outside our plans, at the places that were read."""
        return total([line.received for line in self.lines], self.asset)

    @property
    def explained_total(self) -> Amount:
        """All that was explained by hand, at the places that were read."""
        return total([line.explained for line in self.lines], self.asset)

    @property
    def left_total(self) -> Amount:
        """All that went out outside our plans and was closed by a person, at the places that were read."""
        return total([line.left for line in self.lines], self.asset)

    @property
    def expected_total(self) -> Amount:
        """All that there should be, wherever it is."""
        return self.opening_total + self.received_total + self.explained_total

    @property
    def found_total(self) -> Amount:
        """All that there is, and where it went."""
        return self.observed_total + self.in_transit + self.outside + self.fees + self.left_total

    @property
    def even(self) -> bool:
        """True when every place holds what it should, and nothing is lost."""
        differs = any(line.difference.units for line in self.lines)
        return not differs and self.expected_total == self.found_total


@dataclass(frozen=True, slots=True)
class Books(Sheet):
    """The sheet of bitcoin with those of all `others` beside it, and what keeps them from being closed.

    `foreign`: transactions of nobody's plan that spent our coins and wait for a person; `closed`: those that
    a person has looked at.
    """

    unsettled: tuple[str, ...]
    unread: tuple[str, ...]
    explanations: tuple[Explanation, ...] = ()
    unsolicited: tuple[Unsolicited, ...] = ()
    foreign: tuple[ForeignSpend, ...] = ()
    closed: tuple[ClosedSpend, ...] = ()
    others: tuple[Sheet, ...] = ()

    @property
    def sheets(self) -> tuple[Sheet, ...]:
        """One for each asset, bitcoin first."""
        return (self, *self.others)

    @property
    def all_lines(self) -> tuple[BookLine, ...]:
        """Every place of every asset."""
        return tuple(line for sheet in self.sheets for line in sheet.lines)

    def of(self, asset: Asset) -> Sheet:
        """The sheet of an asset; one of nothing when no place ever held it."""
        found = next((each for each in self.sheets if each.asset == asset), None)
        return found or Sheet((), *(Amount.zero(asset),) * 5)

    @property
    def balanced(self) -> bool:
        """True when every place was read and every asset is even, with nothing unsettled."""
        return not self.unsettled and not self.unread and all(sheet.even for sheet in self.sheets)


def places(snapshot: Snapshot, asset: Asset = BTC) -> dict[str, Amount]:
    """One asset per place: wallets and accounts on chain (seen, confirmed or not), venue accounts (all).

    What nobody here asked for is at no place, until a person accepts it. A venue account of which a part
    could not be read is left out.
    """
    found = {
        f"wallet:{w.name}": w.confirmed + w.pending + w.frozen for w in snapshot.wallets if w.asset == asset
    }
    for account in snapshot.accounts:
        if (held := _at_venue(snapshot, account, asset)) is not None:
            found[f"venue:{account.name}"] = held
    return found


def _at_venue(snapshot: Snapshot, account: MarginAccount, asset: Asset) -> Amount | None:
    """All of an asset at a venue; but of bitcoin, digits too fine to move are cut off the sum."""
    spot = [s for s in snapshot.spot if s.account == account.name and s.free.asset == asset]
    if not spot:
        return None
    held = [c.balance for c in account.collateral if c.asset == asset.symbol]
    held += [w.balance for w in account.waiting if w.asset == asset.symbol]
    with localcontext(CONTEXT):
        number = sum(held, Decimal(0))
        if asset != BTC:
            number = number.scaleb(asset.decimals).to_integral_value(ROUND_FLOOR).scaleb(-asset.decimals)
    in_spot = total([holding.free + holding.locked for holding in spot], asset)
    return in_spot + Amount.from_decimal(number, asset)


def _holdings(snapshot: Snapshot, wanted: Collection[Held]) -> dict[Held, Amount]:
    """What was seen of all that has books: every wallet and account, and of venues what is `wanted`."""
    assets = {BTC.symbol, *(each.asset.symbol for each in snapshot.wallets), *(held.asset for held in wanted)}
    found = {}
    for symbol in sorted(assets):
        for place, amount in places(snapshot, asset_of(symbol)).items():
            held = Held(place, symbol)
            if symbol == BTC.symbol or place.startswith("wallet:") or held in wanted:
                found[held] = amount
    return found


def open_books(desk: Desk, snapshot: Snapshot) -> None:
    """Record the opening balance of every place that is seen for the first time."""
    with desk.store.write() as writer:
        known = openings(writer.connection)
        wanted = {
            Held(f"venue:{venue}", asset)
            for venue, assets in booked_assets(desk, writer.connection).items()
            for asset in assets
        }
        heights = {f"wallet:{each.name}": each.tip_height for each in snapshot.wallets if each.network}
        for held, amount in _holdings(snapshot, wanted).items():
            if held not in known:
                seen = {"height": heights[held.place]} if held.place in heights else {}
                record_opening(writer, held.place, amount, **seen)


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
    own = {source_of(transfer), *(home_of(book, payment) for payment in transfer.payments)}
    assets = {transfer.fee.asset}
    if transfer.venue_account:
        own.add(f"venue:{transfer.venue_account}")
    if transfer.call is not None:
        own.add(f"wallet:{transfer.call.account}")
        assets.add(ETH)
    found = close_books(desk, snapshot, closing=step)
    return tuple(
        explained(line)
        for line in found.all_lines
        if line.place in own and line.difference.asset in assets and line.difference.units
    )


def explained(line: BookLine) -> ExplainedPlace:
    """A line's difference, as what a person explains of it."""
    asset, units = line.difference.asset, line.difference.units
    return ExplainedPlace(line.place, Amount(asset, max(0, units)), Amount(asset, max(0, -units)))


def close_books(desk: Desk, snapshot: Snapshot | None = None, *, closing: IntentRow | None = None) -> Books:
    """Compare the books with a snapshot (a fresh one when none is given), as if a step were as `closing`."""
    snapshot = snapshot or observe.take_snapshot(desk)
    open_books(desk, snapshot)
    book = desk.book().book
    with desk.store.read() as connection:
        opened = openings(connection)
        changes = movements(connection, book, opened, closing)
        closed, accounted = explanations(connection), closed_spends(connection)
    observed = _holdings(snapshot, opened)
    symbols = {held.asset for held in (*opened, *changes.moved)} - {BTC.symbol}
    bitcoin, *others = (
        _sheet(snapshot, asset_of(symbol), opened, observed, changes, closed)
        for symbol in (BTC.symbol, *sorted(symbols))
    )
    return Books(
        lines=bitcoin.lines,
        in_transit=bitcoin.in_transit,
        outside=bitcoin.outside,
        fees=bitcoin.fees,
        opening_total=bitcoin.opening_total,
        observed_total=bitcoin.observed_total,
        unsettled=tuple(changes.unsettled),
        unread=tuple(sorted({held.place for held in opened if held not in observed})),
        explanations=closed,
        unsolicited=tuple(
            Unsolicited(f"wallet:{wallet.name}", wallet.quarantined)
            for wallet in snapshot.wallets
            if wallet.quarantined.units
        ),
        foreign=snapshot.foreign,
        closed=accounted,
        others=tuple(others),
    )


def _sheet(  # noqa: PLR0917 -- the parts of the books, each named
    snapshot: Snapshot,
    asset: Asset,
    opened: dict[Held, Opening],
    observed: dict[Held, Amount],
    changes: Movements,
    closed: tuple[Explanation, ...],
) -> Sheet:
    wallets = {f"wallet:{each.name}": each for each in snapshot.wallets if each.asset == asset}
    zero, on_its_way, lines = Amount.zero(asset), 0, []
    for held, (opening, *_) in sorted(opened.items()):
        if held.asset != asset.symbol or held not in observed:
            continue
        known = [
            each.amount
            for one in closed
            for each in one.places
            if each.place == held.place and each.amount.asset == asset
        ]
        wallet, found = wallets.get(held.place), observed[held]
        came, left = (wallet.received, wallet.left) if wallet is not None else (zero, zero)
        change, by_hand = Amount(asset, changes.moved.get(held, 0)), total(known, asset)
        low, high = changes.bounds.get(held, (0, 0))
        sure = opening + change + came + by_hand - left
        # What a transaction on its way explains of the rest.
        seen = Amount(asset, max(low, min(high, (found - sure).units)))
        on_its_way -= seen.units
        expected = sure + seen
        lines.append(
            BookLine(
                held.place, opening, change + seen, came, by_hand, expected, found, found - expected, left
            )
        )

    def moved(place: str) -> Amount:
        return Amount(asset, changes.moved.get(Held(place, asset.symbol), 0))

    return Sheet(
        lines=tuple(lines),
        in_transit=moved(TRANSIT) + Amount(asset, on_its_way),
        outside=moved(OUTSIDE),
        fees=moved(FEES),
        opening_total=total([line.opening for line in lines], asset),
        observed_total=total([line.observed for line in lines], asset),
    )
