"""Texts of more than five pages on core firmware: skimmed after a warning, or read in full."""

from __future__ import annotations

from dataclasses import replace

from ..errors import ActionCancelled
from ..flow import Flow
from .screens import Screen

# Bolt's 240 x 240 pixels: 18 monospaced characters a row, seven rows a page under the title.
ROW_LENGTH = 18
ROWS_PER_PAGE = 7
LONG_PAGES = 5


def page_count(text: str) -> int:
    """How many pages the display needs."""
    rows = sum(max(1, -(-len(line) // ROW_LENGTH)) for line in text.split("\n"))
    return -(-rows // ROWS_PER_PAGE)


def is_long(text: str) -> bool:
    return page_count(text) > LONG_PAGES


def first_page(lines: tuple[str, ...]) -> tuple[str, ...]:
    """As much of the lines as the first page has room for."""
    shown: list[str] = []
    rows = ROWS_PER_PAGE
    for line in lines:
        if not rows:
            break
        shown.append(line[: rows * ROW_LENGTH])
        rows -= max(1, -(-len(shown[-1]) // ROW_LENGTH))
    return tuple(shown)


def confirm_long_text(flow: Flow, screen: Screen, *, must_read: bool) -> None:
    """The first page offers to show all; to go on without reading takes another confirmation.

    Raises ActionCancelled on NO; NO to the confirmation and to the full text go back.
    """
    first = replace(screen, lines=first_page(screen.lines), info="Show all")
    unread = replace(screen, lines=("Confirm without review",))
    while True:
        if flow.offers_more(first):
            try:
                flow.confirm(screen)
            except ActionCancelled:
                continue
            return
        if not must_read:
            return
        try:
            flow.confirm(unread)
        except ActionCancelled:
            continue
        return
