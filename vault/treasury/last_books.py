"""What the last comparison of the books found, kept until a later one balances.

Refuses to forget: books that were not compared whole take nothing back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from vault.clock import to_iso
from vault.codec import decode, encode
from vault.money import BTC, Amount
from vault.store import records

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.store.database import Store
    from vault.treasury.books import BookLine, Books

_KIND: Final = "books"
TOTAL: Final = "all places together"
# What a person looks for before something is booked by hand.
_WHENCE: Final = {
    "wallet": "who sent it: anybody can, and it may be bait",
    "venue": "in the venue's history that trading, funding or fees made it",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """How much a place holds more than the books say, or how much is `missing` there."""

    place: str
    amount: Amount
    missing: bool

    @property
    def acceptable(self) -> bool:
        """Whether a person may book it: tokens come unasked, and trading moves what margin is kept in."""
        kind = self.place.partition(":")[0]
        return self.amount.asset != BTC and (kind == "venue" or (kind == "wallet" and not self.missing))

    @property
    def line(self) -> str:
        """The difference in words."""
        return f"{self.place} {self.amount} {'MISSING' if self.missing else 'too much'}"

    @property
    def advice(self) -> str:
        """What a person can do: no command books what no step and no transaction explains."""
        kind, _, name = self.place.partition(":")
        if self.acceptable:
            command = f"vault reconcile --accept {name} {self.amount.asset} --reason TEXT"
            return f"a person has to find out {_WHENCE[kind]}. `{command}` then books it, once"
        bitcoin = self.amount.asset == BTC
        where = {
            "wallet": f"`vault wallet history {name}`" if bitcoin else f"an explorer of the chain of {name}",
            "venue": f"the history of {name} at the venue",
        }.get(kind, "the histories of all venues and wallets")
        what, ends = (
            ("where it came from", "withdrawn")
            if not self.missing
            else ("where it went, and ask the venue", "brought back")
            if kind == "venue"
            else ("where it went", "brought back")
        )
        return (
            f"no command books it: a person has to find in {where} {what}. The books balance once a step "
            f"explains it or it was {ends}; `vault reconcile` then says so"
        )


@dataclass(frozen=True, slots=True)
class Unbalanced:
    """Books that did not balance when they were last compared."""

    at: datetime
    differences: tuple[Difference, ...]

    @property
    def short(self) -> bool:
        """Whether anything is missing."""
        return any(each.missing for each in self.differences)

    def line(self, now: datetime) -> str:
        """When it was found, how long ago, and every difference."""
        age = int((now - self.at).total_seconds())
        said = ", ".join(each.line for each in self.differences)
        return f"the books did not balance at {to_iso(self.at)}, {age} s ago: {said}"


def differences(books: Books, *, whole: bool) -> tuple[Difference, ...]:
    """What differs at the places that were read; the totals say something only when the books are `whole`."""
    found = tuple(difference_of(line) for line in books.all_lines if line.difference.units)
    if found or not whole or books.unsettled or books.balanced:
        return found
    return tuple(
        _difference(TOTAL, sheet.found_total - sheet.expected_total)
        for sheet in books.sheets
        if not sheet.even
    )


def difference_of(line: BookLine) -> Difference:
    """How much a place holds more, or less, than it should."""
    return _difference(line.place, line.difference)


def _difference(place: str, found: Amount) -> Difference:
    missing = found.units < 0
    return Difference(place, -found if missing else found, missing)


def keep(store: Store, at: datetime, books: Books, *, whole: bool) -> None:
    """Keep what was found; books that balance end what was kept before, books half read do not."""
    found = differences(books, whole=whole)
    with store.write() as writer:
        if found or (whole and books.balanced and last(writer.connection) is not None):
            outcome = Unbalanced(at, found)
            records.save_document(writer, _KIND, encode(outcome))


def last(connection: Connection) -> Unbalanced | None:
    """Books that did not balance, unless they did since."""
    known = records.latest_document(connection, _KIND)
    outcome = decode(known[2], Unbalanced) if known else None
    return outcome if outcome is not None and outcome.differences else None
