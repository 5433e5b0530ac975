"""Dialogs of several pages, as OneKey's classic models have them: leafed through, forth and back."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ActionCancelled, CancelledByHost
from ..flow import Flow
from ..ui.screens import Screen


def leaf_through(flow: Flow, pages: Sequence[Screen], *, announce: bool) -> None:
    """Ask page after page. Raises ActionCancelled on NO to the first or the last.

    NO on a page between goes back one. Only the first page is announced, if any is.
    """
    index = 0
    while index < len(pages):
        try:
            flow.confirm(pages[index], announce=announce)
        except CancelledByHost:
            raise
        except ActionCancelled:
            if index in (0, len(pages) - 1):
                raise
            index -= 2
        announce = False
        index += 1
