"""Text as it is safe to write on a terminal: what a host sends must not steer the person's screen.

Control characters, line and direction marks, and everything that takes no room of its own are shown
as Python writes them in a string (ESC is \\x1b), so a person sees that they are there.
"""

from __future__ import annotations

import unicodedata

_COMBINING = ("Mn", "Me")
# Letters and signs by their class, yet blank: fillers of Hangul, and the empty Braille cell.
_BLANKS = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def _is_seen(letter: str) -> bool:
    return letter.isprintable() and letter not in _BLANKS and unicodedata.category(letter) not in _COMBINING


def visible(text: str) -> str:
    """The text with every letter that would not be seen as itself escaped."""
    return "".join(
        letter if _is_seen(letter) else letter.encode("unicode_escape").decode("ascii") for letter in text
    )
