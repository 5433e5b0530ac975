"""Asks a venue for a history page by page until a window is filled, bounded in pages.

Refuses to go round in circles: a page that brings nothing further ends it. What was read before a failure is
kept, and the failure named with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vault.errors import VaultError, VenueError
from vault.markets.feeds.venue.questions import Asker, Contract, Question, Row, Window

# 30 days of hours at a hundred a page are eight; a quiet hour of trades is one.
MAX_PAGES: Final = 40


@dataclass(frozen=True, slots=True)
class Pages:
    """Rows of a window, and which part of it they cover; `failure` says why it is not all of it."""

    rows: tuple[Row, ...]
    covered: Window
    failure: VaultError | None = None


def read_pages(ask: Asker, question: Question, contract: Contract, window: Window) -> Pages:
    """All rows of a window that the venue has, as far as the bound allows. Never raises `VaultError`."""
    rows: list[Row] = []
    left = window
    for _ in range(MAX_PAGES):
        try:
            page = question.read(ask(question.endpoint, question.parameters(contract, left)), contract)
        except VaultError as error:
            return Pages(tuple(rows), _covered(question, window, left), error)
        # The future is no page's edge, and some venues answer with more than was asked.
        inside = [row for row in page if left.start <= row[0] <= left.end]
        beyond = [row for row in page if row[0] > window.end]
        if len(page) < question.page or not inside:
            return Pages((*rows, *inside, *beyond), window)
        kept, further = _further(question, left, inside)
        if further == left:  # as many events at one moment as a page holds: there is no way past them
            break
        rows, left = [*rows, *kept, *beyond], further
        if left.start > left.end:
            return Pages(tuple(rows), window)
    failure = VenueError("truncated", f"{question.endpoint}: there is more than {MAX_PAGES} pages could tell")
    return Pages(tuple(rows), _covered(question, window, left), failure)


def _further(question: Question, left: Window, rows: list[Row]) -> tuple[list[Row], Window]:
    """What a full page settles, and what is left to ask.

    Several events can be at one moment: those at the page's edge are asked again with the next page.
    """
    events = question.form == "events"
    if question.direction == "forward":
        edge = max(row[0] for row in rows)
        kept = [row for row in rows if row[0] < edge] if events else rows
        return kept, Window(edge if events else edge + 1, left.end)
    edge = min(row[0] for row in rows)
    kept = [row for row in rows if row[0] > edge] if events else rows
    return kept, Window(left.start, edge if events else edge - 1)


def _covered(question: Question, window: Window, left: Window) -> Window:
    """The part of the window that is done; what is at the edge of what is left is not."""
    if question.direction == "forward":
        return Window(window.start, left.start)
    return Window(left.end + 1, window.end)
