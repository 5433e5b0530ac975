"""Addresses that begin and end alike: who compares only the ends takes one for the other (address poisoning).

Refuses a new address of the book that looks like one we know without being it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from vault.errors import AddressError
from vault.treasury.unsolicited import resembles

if TYPE_CHECKING:
    from vault.policy.book import AddressBook
    from vault.treasury.desk import Desk

# So many hex digits at each end alike happen by chance once in 16 million; screens shorten to about as many.
HEX_ENDS: Final = 3


def alike(one: str, other: str) -> bool:
    """Whether two different addresses can be taken for each other by their ends."""
    if one.startswith("0x") and other.startswith("0x"):
        mine, theirs = one[2:].lower(), other[2:].lower()
        same_ends = (mine[:HEX_ENDS], mine[-HEX_ENDS:]) == (theirs[:HEX_ENDS], theirs[-HEX_ENDS:])
        return same_ends and mine != theirs
    return resembles(one, other)


def refuse_lookalike(address: str, known: Mapping[str, str]) -> None:
    """Raises `AddressError` (``address.lookalike``); `known` says of each address whose it is."""
    for other, name in known.items():
        if alike(address, other):
            raise AddressError(
                "lookalike",
                f"{address} begins and ends like {other} ({name}) and is another address",
                hint="Compare every character with where it comes from. Poisoned addresses are made to look "
                "so; a genuine one that happens to is not worth the risk: have another made.",
            )


def known_addresses(desk: Desk, book: AddressBook) -> dict[str, str]:
    """Addresses that people here may mean, with whose they are: entries of the book and accounts of ours."""
    found = {account.address: f"account {account.name}" for account in desk.treasury.config.account}
    return found | {entry.address: f"entry {entry.id}" for entry in book.entries}
