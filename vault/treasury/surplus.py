"""What a place holds otherwise than planned, and a person accepts: once, with a reason, in the journal.

Anybody can send tokens to an address, and trading changes what margin is kept in. Refuses bitcoin (its coins
are looked at one by one), what is missing in an account of ours, and a place where something is on its way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.errors import BooksError
from vault.money import asset_of
from vault.treasury import books, observe
from vault.treasury.closing import require_reason
from vault.treasury.last_books import difference_of
from vault.treasury.movements import movements
from vault.treasury.opening import Held, openings

if TYPE_CHECKING:
    from vault.treasury.desk import Desk


def accept(desk: Desk, name: str, asset: str, reason: str) -> books.Explanation:
    """Book what an account or venue holds too much of an asset; of a venue also what it holds too little.

    Raises `BooksError` (``books.nothing_to_accept``, ``books.not_acceptable``, ``books.on_its_way``,
    ``books.unread``, ``books.no_reason``), `ConfigError`, `MoneyError`.
    """
    require_reason(reason)
    held = Held(_place(desk, name), asset_of(asset).symbol)
    snapshot = observe.take_snapshot(desk)
    found = books.close_books(desk, snapshot)
    if held.place in found.unread:
        raise BooksError("unread", f"{held.place} could not be read", hint="Try again when it answers.")
    lines = [each for each in found.all_lines if (each.place, each.observed.asset.symbol) == held]
    if not any(line.difference.units for line in lines):
        raise BooksError(
            "nothing_to_accept", f"expected {held.place} to differ in {asset}, found that it balances"
        )
    difference = difference_of(lines[0])
    if not difference.acceptable:
        raise BooksError(
            "not_acceptable", f"{difference.line}: that is not accepted", hint=f"{difference.advice}."
        )
    require_quiet(desk, *held)
    what = "held less" if difference.missing else "held more"
    finding = f"books.unsolicited: {held.place} {what} than was planned: {difference.amount}"
    explanation = books.Explanation("", 0, 0, reason, finding, (books.explained(lines[0]),))
    with desk.store.write() as writer:
        books.record_explanation(writer, explanation)
    return explanation


def _place(desk: Desk, name: str) -> str:
    if any(each.name == name for each in desk.treasury.config.account):
        return f"wallet:{name}"
    return f"venue:{desk.treasury.venue(name).name}"


def require_quiet(desk: Desk, place: str, asset: str) -> None:
    """While a transaction is on its way nobody can tell what differs from what it did.

    Raises `BooksError` (``books.on_its_way``).
    """
    book = desk.book().book
    with desk.store.read() as connection:
        changes = movements(connection, book, openings(connection), None)
    if Held(place, asset) in changes.bounds:
        raise BooksError(
            "on_its_way",
            f"a transaction of {place} is on its way",
            hint="Run `vault reconcile --wait 900` first.",
        )
