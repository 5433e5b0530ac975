"""The mode of a tty while single keys are read, and its restoration whatever ends the program.

A program that ends while a question is open never leaves the `with` block, since the asking thread
simply stops: `close` restores the tty then, and no key is read singly afterwards.
"""

from __future__ import annotations

import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Keyboard:
    """Switches a tty to single keys and back; `close` may come from any thread, at any time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._before: tuple[int, list[Any]] | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    @contextmanager
    def single_keys(self, number: int) -> Iterator[None]:
        """Keys of this tty come one by one and are not echoed; without effect after `close`."""
        with self._lock:
            if not self._closed:
                self._before = (number, termios.tcgetattr(number))
                tty.setcbreak(number)
        try:
            yield
        finally:
            with self._lock:
                self._restore()

    def close(self) -> None:
        """Restore the tty for good; may be called more than once."""
        with self._lock:
            self._closed = True
            self._restore()

    def _restore(self) -> None:
        if self._before is not None:
            number, mode = self._before
            self._before = None
            with suppress(termios.error, OSError):  # the tty may be gone
                termios.tcsetattr(number, termios.TCSANOW, mode)
