"""The opening balance of a place in one asset: what it held when it was first seen, written once.

Of a wallet, the coins and their sum are written together, by the look that opens its books and by nothing
else. Refuses to open anything twice: what comes later is in no opening balance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vault.money import BTC, Amount, total
from vault.store import coins as said
from vault.store import records

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from vault.store.database import Writer
    from vault.treasury.desk import Desk


class Held(NamedTuple):
    """A place, and which asset of it: each has books of its own."""

    place: str
    asset: str


class Opening(NamedTuple):
    """What a place opened with, and when; of a wallet also at which height of its chain."""

    amount: Amount
    at: str
    height: int | None = None


def openings(connection: Connection) -> dict[Held, Opening]:
    """What each place opened with in each asset."""
    found = {}
    for body in records.documents(connection, "opening"):
        amount = Amount.from_json(body["amount"])
        held = Held(body["place"], amount.asset.symbol)
        found[held] = Opening(amount, body["at"], body.get("height"))
    return found


def record_opening(writer: Writer, place: str, amount: Amount, **seen: object) -> None:
    """The books of a place are open from now on; of a wallet with what was `seen` of the chain then."""
    body = {"place": place, "amount": amount.as_json(), "at": writer.at, **seen}
    records.save_document(writer, "opening", body)


def open_wallet(desk: Desk, wallet: str) -> None:
    """Open the books of a wallet that was just synced: what it holds, and held before, is accepted.

    Whether somebody else has opened them is looked at again where it is written; then nothing is accepted.
    """
    from vault.bitcoin.wallet.coins import unspent
    from vault.treasury.coins import who

    held = Held(f"wallet:{wallet}", BTC.symbol)
    with desk.store.read() as connection:
        if held in openings(connection):
            return
    with desk.store.write() as writer:
        if held in openings(writer.connection):
            return
        coins, state = desk.wallet(wallet).coins(), desk.wallet(wallet).ledger.state()
        said.accept_opening(writer, wallet, [str(coin.outpoint) for coin in coins], who())
        record_opening(
            writer,
            held.place,
            total([coin.amount for coin in unspent(coins)], BTC),
            height=state.tip.height if state.tip else 0,
            waiting=sorted(
                each.txid for each in state.transactions.values() if each.height is None and not each.vanished
            ),
        )
