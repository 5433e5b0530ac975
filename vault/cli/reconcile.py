"""`vault reconcile`: ask venue and chain what became of everything that was sent, and close the books."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vault.cli.command import Answer, Call, command
from vault.errors import BooksError, OutcomeUnknownError

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.treasury.books import Books
    from vault.treasury.reconcile import Settlement


@command("reconcile", interrupted="Nothing was sent; what was settled so far is recorded.")
@click.option(
    "--wait", type=click.IntRange(0, 86_400), default=0, metavar="SECONDS", help="Go on until settled."
)
def reconcile(call: Call, wait: int) -> Answer:
    """Settle every step that was sent, by asking the venue and the chain; then compare the books with both.

    Never sends anything. Exit status 21 while anything is UNKNOWN, 65 when the books do not balance.
    """
    from vault.treasury.books import close_books
    from vault.treasury.follow import reconcile_until

    with call.desk() as desk:
        found = reconcile_until(desk, wait)
        books = close_books(desk)
    return Answer(_document(found, books), lambda page: _render(page, found, books), _status(found, books))


def _status(found: list[Settlement], books: Books) -> int:
    if books.unsettled or any(each.state in {"submitting", "unknown"} for each in found):
        return OutcomeUnknownError.exit_status
    contradicted = any(each.note.startswith(f"{BooksError.family}.") for each in found)
    return 0 if books.balanced and not contradicted else BooksError.exit_status


def _document(found: list[Settlement], books: Books) -> dict[str, Any]:
    from vault.codec import encode

    return {
        "settlements": encode(found),
        "balanced": books.balanced,
        "books": {
            "lines": encode(books.lines),
            "in_transit": encode(books.in_transit),
            "outside": encode(books.outside),
            "fees": encode(books.fees),
            "opening_total": encode(books.opening_total),
            "observed_total": encode(books.observed_total),
            "unsettled": list(books.unsettled),
            "unread": list(books.unread),
        },
    }


def _render(page: Page, found: list[Settlement], books: Books) -> None:
    from vault.cli.wording import STEP_NAMES

    for each in found:
        change = each.state if each.state == each.before else f"{each.before} -> {each.state}"
        page.line(
            f"plan {each.plan_id} {each.transfer}.{each.step} "
            f"{STEP_NAMES.get(each.kind, each.kind)}: {change}"
        )
        if each.reference:
            page.line(f"  {each.reference}")
        if each.note:
            page.line(f"  {each.note}")
    if not found:
        page.line("Nothing was open.")
    page.line()
    show_books(page, books)


def show_books(page: Page, books: Books) -> None:
    """The books as a table, and in one sentence whether they balance."""
    rows = [
        (
            line.place,
            line.opening.number,
            line.moved.number,
            line.observed.number,
            line.difference.number,
        )
        for line in books.lines
    ]
    page.table(("BTC at", "opening", "moved", "observed", "difference"), rows, right=(1, 2, 3, 4))
    page.facts(
        [
            ("in transit", str(books.in_transit)),
            ("outside", str(books.outside)),
            ("fees", str(books.fees)),
            ("opening total", str(books.opening_total)),
            ("observed total", str(books.observed_total)),
        ]
    )
    page.lines(f"not settled: {each}" for each in books.unsettled)
    page.lines(f"not read: {each}" for each in books.unread)
    page.line("The books balance to the satoshi." if books.balanced else "THE BOOKS DO NOT BALANCE.")
