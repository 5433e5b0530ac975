"""What the device shows: pages of text, and the record of everything it has shown.

Lines are logical lines (an address is one line, complete); how a display would wrap them is not
modelled. Two dialogs of the real device are one here: NO on an address or amount screen rejects
at once, where Model T asks about a mismatch or goes back a screen first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

LINES_PER_PAGE = 6  # five to seven lines of normal text fit the 240-pixel displays


class Answer(Enum):
    """What became of a screen."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    DROPPED = "dropped"  # another message on the wire ended the workflow


class Entry(Enum):
    """What a screen lets the person type."""

    NOTHING = "nothing"
    PIN = "pin"
    PASSPHRASE = "passphrase"


@dataclass(frozen=True, slots=True)
class Screen:
    """One question to the person: `name` and `button_code` are those of its ButtonRequest."""

    name: str
    title: str
    lines: tuple[str, ...]
    button_code: int
    confirm: str = "CONFIRM"
    cancel: str = "CANCEL"
    entry: Entry = Entry.NOTHING
    # A third button, which shows more; "" for none.
    info: str = ""

    @property
    def pages(self) -> tuple[tuple[str, ...], ...]:
        """The lines, page by page; at least one page."""
        step = LINES_PER_PAGE
        cut = tuple(self.lines[i : i + step] for i in range(0, len(self.lines), step))
        return cut or ((),)

    @property
    def text(self) -> str:
        """Title and lines in one string."""
        return "\n".join((self.title, *self.lines))


@dataclass(frozen=True, slots=True)
class ScreenRecord:
    """A screen and its answer."""

    screen: Screen
    answer: Answer


@dataclass(frozen=True, slots=True)
class Homescreen:
    """What is on the display when nothing is asked."""

    label: str


def debug_tokens(screen: Screen | Homescreen | None, page: int = 0) -> list[str]:
    """The layout description that debuglink's GetState carries (JSON, as core firmware sends it)."""
    if screen is None:
        return []
    if isinstance(screen, Homescreen):
        return [json.dumps({"component": "Homescreen", "title": screen.label})]
    shown = screen.pages[min(page, len(screen.pages) - 1)]
    layout = {
        "component": "Layout",
        "title": screen.title,
        "paragraphs": [[line] for line in shown],
        "page_count": len(screen.pages),
        "active_page": page,
        "buttons": {
            "left_btn": {"component": "Button", "text": screen.cancel},
            "right_btn": {"component": "Button", "text": screen.confirm},
        },
    }
    return [json.dumps(layout)]
