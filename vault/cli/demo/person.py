"""The person of `--step`: sees each device screen in the terminal and answers it with a key.

Devices wait for a decision; this watches what they ask, shows it, and presses what the person says.
Refuses to take anything but y or n, what was typed before the question, and the end of input, for a yes.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from vault.cli.demo.scenes import DeviceScreen
from vault.cli.demo.screen import device_panel

if TYPE_CHECKING:
    from rich.console import Console

    from emulator.world_client import WorldDevice, WorldProcess

LOOK_SECONDS = 0.15
PENDING = frozenset({"", "pending"})


class Person:
    """Answers the devices of a world from the keyboard, in a thread of its own."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._keyboard = threading.Lock()
        self._stop = threading.Event()

    @contextmanager
    def answering(self, world: WorldProcess) -> Iterator[None]:
        """Answer the world's devices for the length of a ``with`` block."""
        thread = threading.Thread(target=self._watch, args=(world.devices,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(timeout=5)

    def wait(self) -> None:
        """Go on when a key is pressed."""
        with self._keyboard:
            click.pause("-- press any key to go on --", err=True)

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
            if screen.answer not in PENDING:
                continue
            with self._keyboard:
                self._console.print(device_panel(DeviceScreen(device.label, screen.title, screen.lines, "")))
                yes = self._ask()
            if not self._stop.is_set():
                device.control.press(yes=yes)
        return len(screens)

    def _ask(self) -> bool:
        """y or n from the keyboard. Never blocks for good: the end of the story or of the input is a no."""
        keyboard = sys.stdin.fileno()
        _forget_typed(keyboard)
        while True:
            click.echo("Confirm on the device? [y/n]: ", nl=False, err=True)
            while not select.select([keyboard], [], [], LOOK_SECONDS)[0]:
                if self._stop.is_set():
                    return False
            said = os.read(keyboard, 1024)
            answer = said.strip().lower()
            if not said or answer in {b"y", b"yes", b"n", b"no"}:
                return answer.startswith(b"y")


def _forget_typed(keyboard: int) -> None:
    """A key pressed before the question was shown is no answer to it."""
    import termios

    with suppress(termios.error):
        termios.tcflush(keyboard, termios.TCIFLUSH)
