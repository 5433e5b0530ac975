"""The finger on the button: presses over debuglink until the device answers on the wire.

Trezor asks once per ButtonRequest. OneKey has screens that want several presses, drops those that
come too early, and shows some without a ButtonRequest: silence on the wire is such a screen.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from trezorlib.messages import DebugButton, DebugLinkDecision, DebugSwipeDirection

# NO does not end every dialog (OneKey's address screen turns to the QR code): then go on with YES.
NO_PATIENCE = 0.3


@dataclass(frozen=True, slots=True)
class Habits:
    """How a make wants to be pressed. Seconds."""

    interval: float  # between presses of one question
    swipes: bool  # pages are turned by a swipe, every third time
    silence: float | None  # without an answer for that long, a question is on the screen unannounced
    overrules: bool  # a NO is sent again before ButtonAck: the last decision counts


TREZOR = Habits(interval=1.2, swipes=True, silence=None, overrules=False)
ONEKEY = Habits(interval=0.004, swipes=False, silence=0.15, overrules=True)


class Presser:
    """A thread that holds one button at a time; `on_silence` names the one for an unannounced screen."""

    def __init__(self, debug: Any, habits: Habits, on_silence: Callable[[], DebugButton]) -> None:
        self.habits = habits
        self._debug = debug
        self._on_silence = on_silence
        self._changed = threading.Condition()
        self._button: DebugButton | None = None
        self._held = 0  # grows with every change
        self._since = 0.0
        self._awaited_since: float | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="presser", daemon=True)
        self._thread.start()

    def hold(self, button: DebugButton) -> None:
        """Press this button until something else is said."""
        self._set(button)

    def release(self) -> None:
        """Press nothing any more, from this moment on."""
        self._set(None)

    def awaiting(self, waits: bool) -> None:
        """The host begins (or ends) waiting for an answer on the wire."""
        with self._changed:
            self._awaited_since = time.monotonic() if waits else None
            self._changed.notify()

    def tap(self, button: DebugButton) -> None:
        """One press, now."""
        self._send(DebugLinkDecision(button=button))

    def type_in(self, text: str) -> None:
        """Text on a touch screen."""
        self._send(DebugLinkDecision(input=text))

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _set(self, button: DebugButton | None) -> None:
        with self._changed:
            self._button = button
            self._held += 1
            self._since = time.monotonic()
            self._changed.notify()

    def _run(self) -> None:
        presses = 0
        while True:
            with self._changed:
                if self._closed:
                    return
                if self._button is None:
                    presses = 0
                    self._notice_silence()
                    continue
                held = self._held
                self._press(self._button, swipe=self.habits.swipes and presses % 3 == 2)
                moved_on = self._changed.wait_for(partial(self._moved_on, held), self.habits.interval)
                presses = 0 if moved_on else presses + 1

    def _moved_on(self, held: int) -> bool:
        return self._closed or self._held != held

    def _notice_silence(self) -> None:
        """Wait for something to press; a screen that nobody announced is pressed too."""
        silence, since = self.habits.silence, self._awaited_since
        if silence is None or since is None:
            self._changed.wait()
            return
        rest = since + silence - time.monotonic()
        if rest > 0:
            self._changed.wait(rest)
            return
        self._button = self._on_silence()
        self._held += 1
        self._since = time.monotonic()

    def _press(self, button: DebugButton, *, swipe: bool) -> None:
        if button == DebugButton.NO and time.monotonic() - self._since > NO_PATIENCE:
            button = DebugButton.YES
        if swipe:
            self._send(DebugLinkDecision(swipe=DebugSwipeDirection.UP))
        else:
            self.tap(button)

    def _send(self, decision: Any) -> None:
        with suppress(OSError):  # the device is gone; the wire tells
            self._debug._write(decision)
