"""The display on a terminal: every page of a screen, then one key."""

from __future__ import annotations

import sys
import threading

from .screens import Screen

_WIDTH = 68
_LOCK = threading.Lock()


def render(screen: Screen) -> str:
    """The whole screen as boxes of text, one per page; no line is cut."""
    width = max(_WIDTH, len(screen.title), *(len(line) for line in screen.lines or ("",)))
    bar = "+" + "-" * (width + 2) + "+"
    boxes = []
    for number, page in enumerate(screen.pages, start=1):
        count = f" ({number}/{len(screen.pages)})" if len(screen.pages) > 1 else ""
        body = [f"| {line:<{width}} |" for line in (screen.title + count, "", *page)]
        boxes.append("\n".join([bar, *body, bar]))
    return "\n".join(boxes)


def ask(screen: Screen) -> bool:
    """Show a screen and read y or n; end of input is a no."""
    with _LOCK:
        sys.stderr.write(f"\n{render(screen)}\n")
        while True:
            sys.stderr.write(f"[y] {screen.confirm}   [n] {screen.cancel} > ")
            sys.stderr.flush()
            line = sys.stdin.readline()
            if line == "" or line.strip().lower() in ("n", "no"):
                return False
            if line.strip().lower() in ("y", "yes"):
                return True
