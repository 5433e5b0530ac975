"""A recorded terminal as an SVG file that fetches nothing."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI

DOCS = Path(__file__).resolve().parent.parent / "docs"


def paper(width: int) -> Console:
    """A console that records what is printed on it."""
    return Console(record=True, width=width, file=io.StringIO(), force_terminal=True, highlight=False)


def save(drawn: Console, title: str, target: Path) -> None:
    """What was printed, in a window with a title."""
    picture = drawn.export_svg(title=title, theme=MONOKAI, font_aspect_ratio=0.61)
    # The drawing's fonts would be fetched from elsewhere: the viewer's own monospace font does.
    target.write_text(re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL), encoding="utf-8")
