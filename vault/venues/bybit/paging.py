"""Bybit's lists, page after page and window after window, and whether that was all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from vault.venues.bybit.envelope import opened
from vault.venues.common.reading import unix_milliseconds
from vault.venues.line.connection import Connection

MAX_PAGES: Final = 20  # a longer list is looked up by hand


@dataclass(frozen=True, slots=True)
class Listing:
    """What is asked for: the endpoint, its parameters, rows to a page, and the name its rows go by."""

    method: str
    asked: Mapping[str, object]
    size: int
    rows: str

    def among(self, **asked: object) -> Listing:
        return replace(self, asked={**self.asked, **asked})


@dataclass(frozen=True, slots=True)
class Listed:
    """Pages as they came; not `complete` when the venue has more."""

    pages: tuple[Any, ...]
    complete: bool


def read_pages(ask: Connection, listing: Listing) -> Listed:
    """All pages of a list: until one without rows, or one that is not full and names no other page.

    The venue gives a cursor with its last page too, and may put fewer rows on a page than it was asked for.
    """
    found: list[Any] = []
    cursor = ""
    while len(found) < MAX_PAGES:
        asked = {**listing.asked, "limit": listing.size}
        answer = ask.get(listing.method, {**asked, "cursor": cursor} if cursor else asked)
        found.append(answer)
        result = opened(answer, listing.method).result
        following = result.optional_text("nextPageCursor")
        listed = len(result.rows(listing.rows))
        if not listed or (following in {"", cursor} and listed < listing.size):
            return Listed(tuple(found), complete=True)
        if following in {"", cursor}:
            break
        cursor = following
    return Listed(tuple(found), complete=False)


def read_windows(
    ask: Connection, listing: Listing, since: datetime, until: datetime, span: timedelta
) -> Listed:
    """All pages of a history from `since` to `until`, in spans that the venue answers at once."""
    found: list[Any] = []
    complete, start = True, since.replace(microsecond=0)  # some histories count in whole seconds
    while start < until:
        end = min(start + span, until)
        window = {"startTime": unix_milliseconds(start), "endTime": unix_milliseconds(end)}
        listed = read_pages(ask, listing.among(**window))
        found += listed.pages
        complete = complete and listed.complete
        start = end
    return Listed(tuple(found), complete)
