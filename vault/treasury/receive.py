"""Gives out a receive address, once: derived by us, by a second implementation, and shown on the device.

Refuses an address that was given out before, that stands in the address book, or that a wallet restored
from its seed would not find; and every address that the device does not show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.bitcoin.wallet.sync import STOP_GAP
from vault.errors import StoreError
from vault.store import coins as said
from vault.treasury import authority, coins
from vault.treasury.shown import not_shown, require_shown

if TYPE_CHECKING:
    from vault.treasury.desk import Desk


def give_address(desk: Desk, wallet: str, note: str) -> said.GivenAddress:
    """The next free receive address of a wallet, seen on every device of it, and recorded as given out.

    Raises `StoreError` (``store.address_gap``, ``store.address_given``), `DeniedError`, `DeviceError` and its
    kin; then nothing was given out.
    """
    from vault.treasury.devices import derived_address, show_address

    settings = desk.treasury.wallet(wallet)
    if note:
        coins.require_words(note, "a note")
    require_shown(desk, wallet)
    desk.progress(f"syncing {wallet}")
    coins.sync(desk, wallet)
    place = _next_place(desk, wallet)
    address = derived_address(desk, wallet, place)
    desk.wallet(wallet).receive_address(place)
    waiting = not_shown(desk, wallet, place) if settings.group else settings.signers
    for device in waiting:
        show_address(desk, wallet, place, change=False, device=device)
    with desk.store.write() as writer:
        given = said.give(writer, wallet, place, address, said.Said(coins.who(), note))
    coins.adopt(desk, wallet, frozenset({place}))
    return given


def _next_place(desk: Desk, wallet: str) -> int:
    state = desk.wallet(wallet).ledger.state()
    taken = _in_the_book(desk, wallet)
    place = state.revealed(change=False) + 1
    while place in taken:
        place += 1
    if place > state.alive[False] + STOP_GAP:
        raise StoreError(
            "address_gap",
            f"wallet {wallet}: expected at most {STOP_GAP} unused addresses in a row, found {STOP_GAP} up to "
            f"index {place - 1}",
            hint="Use one of those that were given out. A wallet restored from its seed stops looking after "
            "them.",
        )
    return place


def _in_the_book(desk: Desk, wallet: str) -> frozenset[int]:
    """Indexes that the address book uses, signed or not: those are for our own transfers alone."""
    if not desk.treasury.book_path.exists():
        return frozenset()
    entries = authority.read_book(desk.treasury).entries
    return frozenset(each.index for each in entries if each.wallet == wallet and each.index is not None)
