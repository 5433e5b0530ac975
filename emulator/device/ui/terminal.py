"""The display on a terminal, and its buttons on the keyboard.

On a tty the current page is drawn in a box of the size of the device, and single keys press, turn
pages and type. Without one (a pipe) every page is printed at once and lines are read. The end of
input is a NO, and so is a screen that closes before it is answered. Nothing a host sends reaches the
terminal as a control character.
"""

from __future__ import annotations

import os
import select
import sys
import textwrap
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TextIO

from .display import Decision
from .keyboard import Keyboard
from .screens import Entry, Screen
from .visible import visible

_WIDTH = 68
_PATIENCE = 0.1  # seconds between two looks at whether the screen is still there
_YES, _NO, _INFO = ("y", "yes"), ("n", "no"), ("i", "info")
_THIRD_BUTTON = Decision(confirmed=True, info=True)
_NEXT, _BACK = ("\x1b[C", "\x1b[B", " ", "+"), ("\x1b[D", "\x1b[A", "-")
_ESCAPE, _ENTER, _ERASE = "\x1b", ("\r", "\n"), ("\x7f", "\b")
# Pixels a letter takes, width and height, on the small and on the large displays.
_SMALL_LETTER, _LARGE_LETTER = (6, 10), (10, 20)
_SMALL_DISPLAY = 128


def _box(lines: list[str], width: int) -> str:
    bar = "+" + "-" * (width + 2) + "+"
    return "\n".join([bar, *(f"| {line:<{width}} |" for line in lines), bar])


class Buttons(Protocol):
    """The labels of a screen's buttons; `info` is empty where there is no third one."""

    @property
    def confirm(self) -> str: ...

    @property
    def cancel(self) -> str: ...

    @property
    def info(self) -> str: ...


def buttons(screen: Buttons) -> str:
    """The buttons of a screen and the keys that press them, in visible letters."""
    third = f"   [i] {visible(screen.info)}" if screen.info else ""
    return f"[y] {visible(screen.confirm)}   [n] {visible(screen.cancel)}{third}"


def _as_seen(screen: Screen) -> Screen:
    """The screen with all its text in visible letters, each line still one line."""
    return replace(
        screen,
        title=visible(screen.title),
        lines=tuple(visible(line) for line in screen.lines),
        confirm=visible(screen.confirm),
        cancel=visible(screen.cancel),
        info=visible(screen.info),
    )


def render(screen: Screen) -> str:
    """The whole screen as boxes of text, one per page; no line is cut."""
    seen = _as_seen(screen)
    pages = []
    for number, page in enumerate(seen.pages, start=1):
        count = f" ({number}/{len(seen.pages)})" if len(seen.pages) > 1 else ""
        pages.append([seen.title + count, "", *page])
    width = max(_WIDTH, *(len(line) for page in pages for line in page))
    return "\n".join(_box(page, width) for page in pages)


def letters_of(display: tuple[int, int]) -> tuple[int, int]:
    """(columns, rows) of text on a display of that many pixels."""
    wide, high = _SMALL_LETTER if display[0] <= _SMALL_DISPLAY else _LARGE_LETTER
    return display[0] // wide, display[1] // high


def pages_of(screen: Screen, size: tuple[int, int]) -> list[list[str]]:
    """The lines of a screen, wrapped and cut into pages that fit a display; nothing is lost."""
    columns, rows = size
    wrapped = [
        part
        for line in _as_seen(screen).lines
        for part in textwrap.wrap(line, columns, drop_whitespace=False) or [""]
    ]
    step = max(1, rows - 2)
    return [wrapped[i : i + step] for i in range(0, len(wrapped), step)] or [[]]


class Terminal:
    """Asks a person at `keys` about the screens of a device; call it with a screen.

    `size` is the display in letters. `current` tells which screen is shown, so that one that was
    dropped is no longer asked about. The mode of the tty is restored by `close`, which the end of
    the program calls, too.
    """

    def __init__(
        self, size: tuple[int, int] = (24, 12), keys: TextIO | None = None, out: TextIO | None = None
    ) -> None:
        self._size = size
        self._keys = sys.stdin if keys is None else keys
        self._out = sys.stderr if out is None else out
        self._one_at_a_time = threading.Lock()
        self._typed = ""
        self._at_end = False
        self._keyboard = Keyboard()
        weakref.finalize(self, self._keyboard.close)  # also at the end of the program
        self.current: Callable[[], Screen | None] | None = None

    def __call__(self, screen: Screen) -> bool | str | Decision:
        """The answer to a screen: yes, no, what was typed, or a press of the third button."""
        with self._one_at_a_time:
            if self._keyboard.closed:
                return False
            if self._keys.isatty():
                with self._keyboard.single_keys(self._keys.fileno()):
                    return self._ask_by_keys(screen)
            return self._ask_by_lines(screen)

    def close(self) -> None:
        """Leave the tty as it was found; an open question, and every later one, is a NO."""
        self._keyboard.close()

    def show(self, screen: Screen) -> None:
        """A screen that asks nothing."""
        self._write(f"\n{render(screen)}\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def _is_open(self, screen: Screen) -> bool:
        return not self._keyboard.closed and (self.current is None or self.current() is screen)

    def _read(self, screen: Screen) -> str | None:
        """What was typed next; None at the end of input or when the screen is gone."""
        number = self._keys.fileno()
        while not self._at_end and self._is_open(screen):
            if select.select([number], [], [], _PATIENCE)[0]:
                data = os.read(number, 1024)
                self._at_end = not data
                return data.decode(errors="replace") or None
        return None

    # A pipe: lines

    def _line(self, screen: Screen) -> str | None:
        while "\n" not in self._typed:
            data = self._read(screen)
            if data is None:
                return None
            self._typed += data
        line, _, self._typed = self._typed.partition("\n")
        return line

    def _ask_by_lines(self, screen: Screen) -> bool | str | Decision:
        self._write(f"\n{render(screen)}\n")
        while True:
            if screen.entry is not Entry.NOTHING:
                self._write(f"{screen.entry.value} > ")
                typed = self._line(screen)
                return False if typed is None or (not typed and screen.entry is Entry.PIN) else typed
            self._write(f"{buttons(screen)} > ")
            line = self._line(screen)
            word = "" if line is None else line.strip().lower()
            if line is None or word in _NO:
                return False
            if word in _YES:
                return True
            if word in _INFO and screen.info:
                return _THIRD_BUTTON

    # A tty: keys

    def _draw(self, screen: Screen, pages: list[list[str]], page: int, typed: str) -> None:
        columns, rows = self._size
        count = f" {page + 1}/{len(pages)}" if len(pages) > 1 else ""
        seen = _as_seen(screen)
        lines = [(seen.title + count)[:columns], "", *pages[page]]
        lines += [""] * (rows - len(lines))
        if screen.entry is Entry.NOTHING:
            keys = buttons(screen)
        else:
            lines[-1] = visible(typed)[-columns:]
            keys = "[Esc] cancel   [Enter] done"
        turn = "   [arrows] pages" if len(pages) > 1 else ""
        self._write(f"\n{_box(lines, columns)}\n{keys}{turn}\n")

    def _ask_by_keys(self, screen: Screen) -> bool | str | Decision:
        pages, page, typed = pages_of(screen, self._size), 0, ""
        while True:
            self._draw(screen, pages, page, typed)
            key = self._read(screen)
            if key is None or key == _ESCAPE:
                return False
            if key in _NEXT and (screen.entry is Entry.NOTHING or key.startswith(_ESCAPE)):
                page = min(page + 1, len(pages) - 1)
            elif key in _BACK and (screen.entry is Entry.NOTHING or key.startswith(_ESCAPE)):
                page = max(page - 1, 0)
            elif screen.entry is not Entry.NOTHING:
                for letter in "" if key.startswith(_ESCAPE) else key:  # another key than the arrows
                    if letter in _ENTER:
                        return typed
                    typed = typed[:-1] if letter in _ERASE else typed + letter
            elif key.lower() in _NO:
                return False
            elif key.lower() in _INFO and screen.info:
                return _THIRD_BUTTON
            elif key.lower() in _YES or key in _ENTER:
                if page == len(pages) - 1:
                    return True
                page += 1  # what was not seen is not confirmed
