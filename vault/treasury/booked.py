"""Which assets of a venue have books: bitcoin always, others once a band or an address-book entry names them.

Refuses to let go: what was opened once is observed and compared for ever, whatever policy and book say later.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from vault.errors import VaultError
from vault.money import BTC
from vault.treasury import authority
from vault.treasury.opening import openings

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.policy.book import AddressBook
    from vault.policy.document import Policy
    from vault.treasury.desk import Desk


def booked_assets(desk: Desk, connection: Connection) -> dict[str, frozenset[str]]:
    """By venue account, the assets whose books are kept.

    Policy and address book are read as they stand: to look at more than is signed moves nothing.
    """
    policy: Policy | None = None
    book: AddressBook | None = None
    with contextlib.suppress(VaultError):
        policy = authority.read_policy(desk.treasury)[0]
    with contextlib.suppress(VaultError):
        book = authority.read_book(desk.treasury)
    known = openings(connection)
    return {
        venue.name: frozenset(
            {
                BTC.symbol,
                *(held.asset for held in known if held.place == f"venue:{venue.name}"),
                *_of_policy(policy, venue.name),
                *_of_book(book, venue.name),
            }
        )
        for venue in desk.treasury.config.venue
    }


def _of_policy(policy: Policy | None, venue: str) -> set[str]:
    band = None if policy is None else policy.band_of(venue)
    return set() if band is None else {band.asset}


def _of_book(book: AddressBook | None, venue: str) -> set[str]:
    return set() if book is None else {entry.asset for entry in book.entries if entry.venue == venue}
