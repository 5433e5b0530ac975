"""`vault reconcile`: ask venue and chain what became of everything that was sent, and close the books."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click

from vault.cli.blind import failed_places, status_of
from vault.cli.command import UNDER_WAY_STATUS, Answer, Call, command
from vault.errors import BooksError, ChainError, OutcomeUnknownError
from vault.money import BTC

if TYPE_CHECKING:
    from vault.cli.page import Page
    from vault.model import SourceFailure
    from vault.money import Amount
    from vault.treasury.books import Books, Sheet
    from vault.treasury.desk import Desk
    from vault.treasury.inspection import Outlook
    from vault.treasury.last_books import Difference
    from vault.treasury.opening import Held
    from vault.treasury.reconcile import Settlement
    from vault.treasury.requests.stuck import Lingering, Stuck

_TXID: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
# Said once, when it is found: nothing else may win over it, or nobody would ever be told.
_ONCE: Final = ("books.sent_outside", "books.cancelled_but_sent")
_ASKED: Final = frozenset({"submitting", "unknown"})
OVER: Final = frozenset({"done", "refused", "cancelled", "replaced", "closed_by_person"})


@command("reconcile", interrupted="Nothing was sent; what was settled so far is recorded.")
@click.option(
    "--wait", type=click.IntRange(0, 86_400), default=0, metavar="SECONDS", help="Go on until settled."
)
@click.option(
    "--close",
    metavar="PLAN/TRANSFER.STEP|TXID",
    help="Close a step that chain or venue contradict, or a transaction of nobody's plan.",
)
@click.option(
    "--accept",
    nargs=2,
    metavar="NAME ASSET",
    help="Book what an account on Ethereum holds too much of, or a venue otherwise than planned.",
)
@click.option("--reason", metavar="TEXT", help="Why it is closed or accepted, for the journal.")
def reconcile(
    call: Call, wait: int, close: str | None, accept: tuple[str, str] | None, reason: str | None
) -> Answer:
    """Settle every step that was sent, by asking the venue and the chain; then compare the books with both.

    Never sends anything. Exit status 21 while anything is UNKNOWN, 65 when the books do not balance, 22 when
    --wait ended before everything was settled. When a place could not be read, the books are not compared,
    and the status is that of the failure (20 venue, 25 chain, 12 keyring).

    --close is for what no asking settles (books.payment_differs, books.withdrawal_differs, books.conflicted,
    books.credit_differs, books.cancelled_but_sent, books.payment_found, books.payment_unproven,
    books.payment_untold, venue.ambiguous_withdrawal): a person has looked, and says why. The journal keeps
    it, and the books show what it explains. A credit is booked as the venue made it. With a TXID it closes a
    transaction that spent coins of ours and is in no plan: until then nothing leaves that wallet, and from
    then on it counts in the limits.

    --accept is for what comes without being asked for: anybody can send tokens to an address, and trading
    changes what margin is kept in. It is booked once, as it is now, and the journal keeps why.
    """
    from vault.treasury import last_books
    from vault.treasury.books import close_books
    from vault.treasury.follow import reconcile_until
    from vault.treasury.inspection import outlook
    from vault.treasury.observe import take_snapshot

    if close is not None and accept is not None:
        raise click.UsageError("--close and --accept are not given together.")
    if (close is None and accept is None) != (reason is None):
        what = "--close" if accept is None else "--accept"
        raise click.UsageError(f"{what} and --reason are given together, or not at all.")
    if close is not None and not (_TXID.fullmatch(close) or all(close.rpartition("/"))):
        raise click.UsageError(
            f"--close: expected PLAN/TRANSFER.STEP (0123456789abcdef/1.2) or TXID, found {close!r}"
        )
    with call.desk() as desk:
        if close is not None and reason is not None:
            _close(desk, close, reason)
        if accept is not None and reason is not None:
            from vault.treasury import surplus

            surplus.accept(desk, *accept, reason)
        found = reconcile_until(desk, wait)
        snapshot = take_snapshot(desk)
        books = close_books(desk, snapshot)
        failed = failed_places(snapshot.failures, _booked(desk))
        last_books.keep(desk.store, snapshot.taken_at, books, whole=not (books.unread or failed))
        open_steps = {each.client_id: outlook(desk, each.client_id) for each in found if each.state in _ASKED}
        waiting = _waiting(desk)
    closing = Closing(tuple(found), books, failed, open_steps, *waiting)
    return Answer(_document(closing), lambda page: _render(page, closing), _status(closing, waited=wait > 0))


def _booked(desk: Desk) -> frozenset[Held]:
    """Every place and asset that has books."""
    from vault.treasury.opening import openings

    with desk.store.read() as connection:
        return frozenset(openings(connection))


def _close(desk: Desk, close: str, reason: str) -> None:
    from vault.treasury.closing import close_step
    from vault.treasury.foreign_spends import close_spend
    from vault.treasury.inspection import find_plan

    if _TXID.fullmatch(close):
        close_spend(desk, close, reason)
        return
    ident, _, step = close.rpartition("/")
    close_step(desk, find_plan(desk, ident), step, reason)


def _waiting(desk: Desk) -> tuple[tuple[Stuck, ...], tuple[Lingering, ...]]:
    """What does not get on, and what was given up and may still be sent; nothing when the chain is silent."""
    from vault.treasury.requests.stuck import lingering, stuck

    try:
        return stuck(desk), lingering(desk)
    except ChainError:
        return (), ()


@dataclass(frozen=True, slots=True)
class Closing:
    """What was settled and what the books say; `failed` are the places that could not be read, with why."""

    found: tuple[Settlement, ...]
    books: Books
    failed: dict[str, SourceFailure]
    open_steps: dict[str, Outlook]
    stuck: tuple[Stuck, ...] = ()
    lingering: tuple[Lingering, ...] = ()

    @property
    def unread(self) -> tuple[str, ...]:
        return tuple(sorted({*self.books.unread, *self.failed}))

    @property
    def differs(self) -> bool:
        """Something is missing or too much, as far as places could be read."""
        return bool(self.books.foreign or self.differences)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Every place that holds something else than the books say."""
        from vault.treasury.last_books import differences

        return differences(self.books, whole=not self.unread)


def _status(closing: Closing, *, waited: bool) -> int:
    if any(each.note.startswith(_ONCE) for each in closing.found):
        return BooksError.exit_status
    if closing.books.unsettled or any(each.state in _ASKED for each in closing.found):
        return OutcomeUnknownError.exit_status
    contradicted = any(each.note.startswith(f"{BooksError.family}.") for each in closing.found)
    if contradicted or closing.differs:
        return BooksError.exit_status
    if closing.unread:
        return status_of(next((each.code for each in closing.failed.values()), "venue.unread"))
    if waited and any(each.state not in OVER for each in closing.found):
        return UNDER_WAY_STATUS
    return 0


def _document(closing: Closing) -> dict[str, Any]:
    from vault.codec import encode

    books = closing.books
    return {
        "settlements": encode(closing.found),
        "outlook": {name: encode(each) for name, each in closing.open_steps.items()},
        "balanced": books.balanced and not closing.unread,
        "compared": not closing.unread,
        "books": {
            **_sheet(books),
            "assets": {sheet.asset.symbol: _sheet(sheet) for sheet in books.sheets},
            "unsolicited": encode(books.unsolicited),
            "foreign_spends": encode(books.foreign),
            "foreign_spends_closed": encode(books.closed),
            "explained": encode(books.explanations),
            "unsettled": list(books.unsettled),
            "unread": list(closing.unread),
        },
        "stuck": [{"line": each.line, **encode(each)} for each in closing.stuck],
        "lingering": [{"line": each.line, **encode(each)} for each in closing.lingering],
        "failures": encode(tuple(closing.failed.values())),
    }


def _sheet(sheet: Sheet) -> dict[str, Any]:
    from vault.codec import encode

    return {
        "lines": encode(sheet.lines),
        "in_transit": encode(sheet.in_transit),
        "outside": encode(sheet.outside),
        "fees": encode(sheet.fees),
        "opening_total": encode(sheet.opening_total),
        "observed_total": encode(sheet.observed_total),
        "received_total": encode(sheet.received_total),
        "explained_total": encode(sheet.explained_total),
        "left_total": encode(sheet.left_total),
        "even": sheet.even,
    }


def _render(page: Page, closing: Closing) -> None:
    from vault.cli.wording import STEP_NAMES

    for each in closing.found:
        change = each.state if each.state == each.before else f"{each.before} -> {each.state}"
        page.line(
            f"plan {each.plan_id} {each.transfer}.{each.step} "
            f"{STEP_NAMES.get(each.kind, each.kind)}: {change}"
        )
        if each.reference:
            page.line(f"  {each.reference}")
        if each.note:
            page.line(f"  {each.note}")
        if (seen := closing.open_steps.get(each.client_id)) is not None:
            _render_outlook(page, seen)
    if not closing.found:
        page.line("Nothing was open.")
    page.lines(f"stuck: {each.line}" for each in closing.stuck)
    page.lines(f"still valid: {each.line}" for each in closing.lingering)
    page.line()
    show_books(page, closing)


def _render_outlook(page: Page, seen: Outlook) -> None:
    from vault.clock import to_iso

    if seen.said:
        page.line(f"  the answer was: {seen.said}")
    if seen.settles_from is not None:
        page.line(f"  it can be settled from {to_iso(seen.settles_from)} on: run `vault reconcile` then")


def show_books(page: Page, closing: Closing) -> None:
    """The books as a table, and in one sentence whether they balance."""
    from vault.cli.wording import foreign_lines

    books = closing.books
    for sheet in books.sheets:
        _show_sheet(page, sheet)
    page.lines(
        f"not in the books: {each.amount} at {each.place} that nobody here asked for"
        for each in books.unsolicited
    )
    for entry in books.explanations:
        step = f"{entry.plan_id}/{entry.transfer}.{entry.step}"
        what = f"closed by a person: {step}" if entry.plan_id else "accepted by a person"
        page.line(f"{what}: {entry.reason}")
        page.line(f"  {entry.finding}")
        page.lines((f"explains {each.amount} at {each.place}" for each in entry.places), "  ")
    for closed in books.closed:
        amounts = ", ".join(f"{amount} of {wallet}" for wallet, amount in closed.left)
        page.line(f"closed by a person: {closed.txid}: {closed.reason}")
        page.line(f"  {amounts}, said by {closed.by} at {closed.at}")
    page.lines(foreign_lines(books.foreign))
    page.lines(f"not settled: {each}" for each in books.unsettled)
    for place in closing.unread:
        failure = closing.failed.get(place)
        page.line(f"not read: {place}" + (f": {failure.code}: {failure.message}" if failure else ""))
    page.line(verdict(closing))
    page.lines(_next(closing), "  ")


def _whole(amount: Amount) -> str:
    return amount.number


def _short(amount: Amount) -> str:
    return amount.number.rstrip("0").rstrip(".")


def _show_sheet(page: Page, sheet: Sheet) -> None:
    # Every digit of a satoshi; of a wei those that are not zero, or no terminal shows them in a line.
    shown = _short if sheet.asset.decimals > BTC.decimals else _whole
    rows = [
        (
            line.place,
            shown(line.opening),
            shown(line.moved + line.received + line.explained - line.left),
            shown(line.observed),
            shown(line.difference),
        )
        for line in sheet.lines
    ]
    heads = (f"{sheet.asset} at", "opening", "moved", "observed", "difference")
    page.table(heads, rows, right=(1, 2, 3, 4))
    page.facts(
        [
            ("in transit", str(sheet.in_transit)),
            ("outside", str(sheet.outside)),
            ("fees", str(sheet.fees)),
            ("opening total", str(sheet.opening_total)),
            ("observed total", str(sheet.observed_total)),
            *([("received", str(sheet.received_total))] if sheet.received_total.units else []),
            *([("left without a plan", str(sheet.left_total))] if sheet.left_total.units else []),
        ]
    )


def _next(closing: Closing) -> list[str]:
    """What a person does about each difference that no transaction without a plan explains."""
    known = {f"wallet:{each.wallet}" for each in closing.books.foreign}
    return [
        f"{each.line}, which no step and no transaction explains: {each.advice}"
        for each in closing.differences
        if each.place not in known
    ]


def verdict(closing: Closing) -> str:
    """Whether the books balance, in one sentence; loud only when something is really missing or too much."""
    if closing.differs:
        return "THE BOOKS DO NOT BALANCE."
    if closing.unread:
        return f"The books could not be compared: {', '.join(closing.unread)} unread."
    if closing.books.unsettled:
        return "The books wait for a step that is not settled."
    others = [str(sheet.asset) for sheet in closing.books.others]
    return f"The books balance to the satoshi{_and_others(others)}."


def _and_others(assets: list[str]) -> str:
    """The smallest unit of each asset beside bitcoin."""
    names = ["wei" if each == "ETH" else f"millionth of a {each}" for each in assets]
    return "".join(f", the {name}" for name in names)
