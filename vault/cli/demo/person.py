"""The person of `--step`: sees each device screen in the terminal and answers it with a key.

Devices wait for a decision; this watches what they ask, shows it, and presses what the person says.
Refuses to take anything but a y, what was typed before the question, and the end of input, for a yes.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import click

from vault.cli.demo.scenes import DeviceScreen
from vault.cli.demo.screen import device_panel

if TYPE_CHECKING:
    from rich.console import Console

    from emulator.world_client import DeviceControl, ScreenShown, WorldDevice, WorldProcess
    from vault.device.connection.keyboard import Keyboard

LOOK_SECONDS = 0.1
PENDING: Final = "pending"
NO_ENTRY: Final = "nothing"


class Key(Enum):
    """What a person presses."""

    YES = auto()
    NO = auto()
    INFO = auto()


_TWO_KEYS: Final = {"y": Key.YES, "yes": Key.YES, "n": Key.NO, "no": Key.NO}
_THREE_KEYS: Final = {**_TWO_KEYS, "i": Key.INFO, "info": Key.INFO}


class Person:
    """Answers the devices of a world from the keyboard, in a thread of its own.

    `keys` is the terminal's file descriptor; standard input where none is given.
    """

    def __init__(self, console: Console, keys: int | None = None) -> None:
        self._console = console
        self._keys = sys.stdin.fileno() if keys is None else keys
        self._one_question = threading.Lock()
        self._stop = threading.Event()

    @contextmanager
    def answering(self, world: WorldProcess) -> Iterator[Keyboard]:
        """Answer the world's devices for the length of a ``with`` block, and what a program asks of them."""
        from vault.device.connection.keyboard import Keyboard

        thread = threading.Thread(target=self._watch, args=(world.devices,), daemon=True)
        thread.start()
        try:
            yield Keyboard(confirm=self._same_address)
        finally:
            self._stop.set()
            thread.join(timeout=5)

    def wait(self) -> None:
        """Go on when a key is pressed."""
        with self._one_question:
            click.pause("-- press any key to go on --", err=True)

    def _same_address(self, address: str) -> bool:
        """Whether the device showed it: asked here where a model answers whether or not one agrees."""
        with self._one_question:
            self._console.print(f"    {address}", soft_wrap=True)
            return self._ask("Did the device show exactly this address? [y/n]: ", _TWO_KEYS) is Key.YES

    def _watch(self, devices: tuple[WorldDevice, ...]) -> None:
        answered = dict.fromkeys((device.label for device in devices), 0)
        while not self._stop.wait(LOOK_SECONDS):
            for device in devices:
                # The world may end first; then there is nobody left to answer.
                with suppress(RuntimeError):
                    answered[device.label] = self._answer(device, answered[device.label])

    def _answer(self, device: WorldDevice, answered: int) -> int:
        """Ask about every screen from number `answered` on that waits; returns how many are over."""
        screens = device.control.screens()
        for screen in screens[answered:]:
            if screen.answer != PENDING:
                continue
            with self._one_question:
                self._console.print(device_panel(DeviceScreen(device.label, screen.title, screen.lines, "")))
                key = self._decide(screen)
            if not self._stop.is_set():
                _press(device.control, key)
        return len(screens)

    def _decide(self, screen: ScreenShown) -> Key:
        from emulator.device.ui.terminal import buttons

        if screen.entry != NO_ENTRY:
            said = f"The device wants a {screen.entry} typed: the devices of this story have none. Cancelled."
            self._console.print(said, style="yellow")
            return Key.NO
        return self._ask(f"{buttons(screen)} > ", _THREE_KEYS if screen.info else _TWO_KEYS)

    def _ask(self, question: str, keys: Mapping[str, Key]) -> Key:
        """One of the keys. Never blocks for good: the end of the story or of the input is a no."""
        _forget_typed(self._keys)
        while True:
            self._console.out(question, end="", highlight=False)
            while not select.select([self._keys], [], [], LOOK_SECONDS)[0]:
                if self._stop.is_set():
                    return Key.NO
            said = _typed(self._keys)
            word = said.decode(errors="replace").strip().lower()
            if not said or word in keys:
                return keys.get(word, Key.NO)


def _press(control: DeviceControl, key: Key) -> None:
    if key is Key.INFO:
        control.press_info()
    else:
        control.press(yes=key is Key.YES)


def _typed(keys: int) -> bytes:
    """What was typed; nothing at the end of the input, and when the terminal has gone."""
    try:
        return os.read(keys, 1024)
    except OSError:
        return b""


def _forget_typed(keys: int) -> None:
    """A key pressed before the question was shown is no answer to it."""
    import termios

    with suppress(termios.error):
        termios.tcflush(keys, termios.TCIFLUSH)
