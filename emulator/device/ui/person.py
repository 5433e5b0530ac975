"""The person at the device: confirms everything, is awaited on debuglink, or is asked by a callback.

Who `opens_all` presses the third button first, where there is one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from .display import Decision, Display, OnScreen
from .screens import Entry, Screen

LOG = logging.getLogger(__name__)
_NO = Decision(confirmed=False)


def decision_of(screen: Screen, answer: object) -> Decision:
    """What the answer of a callback means on this screen; a NO, and logged, unless it fits it.

    The answer itself is never logged: it may be a PIN or a passphrase.
    """
    if isinstance(answer, bool):
        return Decision(confirmed=answer)
    if isinstance(answer, str) and screen.entry is not Entry.NOTHING:
        return Decision(confirmed=True, text=answer)
    if isinstance(answer, Decision) and _fits(screen, answer):
        return answer
    kind = type(answer).__name__
    LOG.error("on_screen answered %s with an unsuitable %s; the screen counts as rejected", screen.name, kind)
    return _NO


def _fits(screen: Screen, decision: Decision) -> bool:
    """A Decision of the right types, for a button and a text field the screen has."""
    if not isinstance(decision.confirmed, bool) or not isinstance(decision.info, bool):
        return False
    if decision.info and not screen.info:
        return False
    return decision.text is None or (isinstance(decision.text, str) and screen.entry is not Entry.NOTHING)


class Person:
    """Answers the screens of a display, as the mode of the emulator says."""

    def __init__(
        self,
        display: Display,
        submit: Callable[[Callable[[], None]], None],
        *,
        confirms_all: bool,
        opens_all: bool,
        on_screen: OnScreen | None,
        typed: dict[Entry, str],
    ) -> None:
        self._display = display
        self._submit = submit
        self._confirms_all = confirms_all
        self._opens_all = opens_all
        self._on_screen = on_screen
        self._typed = typed

    def typed(self, entry: Entry) -> str:
        """What is typed when an entry is confirmed without a text."""
        return self._typed.get(entry, "")

    def see(self, screen: Screen) -> None:
        """Look at a question that was just shown, and maybe answer it at once."""
        if self._confirms_all:
            text = None if screen.entry is Entry.NOTHING else self.typed(screen.entry)
            more = self._opens_all and bool(screen.info)
            self._display.decide(Decision(confirmed=True, text=text, info=more))
        elif self._on_screen is not None:
            self._ask(screen, self._on_screen)

    def read(self, screen: Screen) -> None:
        """Look at a screen that asks nothing; a terminal has a way to show it."""
        show = getattr(self._on_screen, "show", None)
        if show is not None:
            show(screen)

    def _ask(self, screen: Screen, callback: OnScreen) -> None:
        """Let an embedding program decide, on a thread of its own: the device stays reachable."""
        serial = self._display.serial

        def ask() -> None:
            try:
                answer: object = callback(screen)
            except Exception:  # a broken callback must never confirm
                LOG.exception("on_screen failed; the screen counts as rejected")
                answer = False
            decision = decision_of(screen, answer)

            def decide() -> None:
                if self._display.serial == serial:
                    self._display.decide(decision)

            self._submit(decide)

        threading.Thread(target=ask, name="device-screen", daemon=True).start()
