"""The person of `--step`: sees each device screen in the terminal and answers it with a key.

Devices wait for a decision; this watches what they ask, shows it, and presses what the person says.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

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

    def __init__(self, console: Console, world: WorldProcess) -> None:
        self._console = console
        self._devices = world.devices
        self._answered: dict[str, int] = {device.label: 0 for device in world.devices}
        self._stop = threading.Event()
        self._keyboard = threading.Lock()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=5)

    def wait(self) -> None:
        """Go on when a key is pressed."""
        with self._keyboard:
            click.pause("-- press any key to go on --", err=True)

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            for device in self._devices:
                self._answer(device)

    def _answer(self, device: WorldDevice) -> None:
        screens = device.control.screens()
        for number, screen in enumerate(screens):
            if screen.answer not in PENDING or number < self._answered[device.label]:
                continue
            self._answered[device.label] = number + 1
            with self._keyboard:
                self._console.print(device_panel(DeviceScreen(device.label, screen.title, screen.lines, "")))
                yes = click.confirm("Confirm on the device?", default=True, err=True)
            device.control.press(yes=yes)
