"""The display and its buttons: what is shown now, who answers, and what has been shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .screens import Answer, Homescreen, Screen, ScreenRecord

MAX_RECORDS = 10_000  # a long-running device forgets its oldest screens


@dataclass(frozen=True, slots=True)
class Decision:
    """A press of a button, or text that was typed."""

    confirmed: bool
    text: str | None = None
    # The third button, where a screen has one.
    info: bool = False


# Decides a screen. Only `True` confirms one that asks yes or no; where something is typed, a string is
# that text and `True` a mere press of confirm. A `Decision` is taken as it is, which is the way to the
# third button: Decision(confirmed=True, info=True). What does not fit the screen is a NO.
OnScreen = Callable[[Screen], bool | str | Decision]


class Display:
    """One screen at a time. Written by the device's thread, read by any."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._records: list[ScreenRecord] = []
        self._current: Screen | None = None
        self._open = False
        self.serial = 0
        self.page = 0
        self.decision: Decision | None = None

    @property
    def current(self) -> Screen | None:
        return self._current

    @property
    def records(self) -> tuple[ScreenRecord, ...]:
        with self._changed:
            return tuple(self._records)

    def show(self, screen: Screen, *, asks: bool = True) -> None:
        """Show a question; an answer given before it does not count. `asks`: a press answers it."""
        with self._changed:
            self._current = screen
            self._open = asks
            self.serial += 1
            self.page = 0
            self.decision = None
            self._records.append(ScreenRecord(screen, Answer.PENDING))
            del self._records[:-MAX_RECORDS]
            self._changed.notify_all()

    def close(self, answer: Answer) -> None:
        with self._changed:
            if self._current is not None:
                self._records[-1] = ScreenRecord(self._current, answer)
            self._current = None
            self.decision = None
            self._changed.notify_all()

    def decide(self, decision: Decision) -> None:
        """A press; without effect when nothing is asked."""
        with self._changed:
            if self._asks():
                self.decision = decision

    def turn_page(self, step: int) -> None:
        if self._current is not None:
            self.page = max(0, min(self.page + step, len(self._current.pages) - 1))

    def wait_for_screen(self, timeout: float) -> Screen:
        """The screen that asks now, or the next one; TimeoutError if none comes."""
        with self._changed:
            self._changed.wait_for(self._asks, timeout)
            if self._current is None or not self._asks():
                raise TimeoutError(f"the device asked nothing within {timeout} s")
            return self._current

    def _asks(self) -> bool:
        return self._open and self._current is not None and self.decision is None

    def content(self, label: str | None, *, busy: bool) -> Screen | Homescreen | None:
        """What debuglink reports: a question, nothing while working, or the homescreen."""
        if self._current is not None:
            return self._current
        return None if busy else Homescreen(label or "My Trezor")
