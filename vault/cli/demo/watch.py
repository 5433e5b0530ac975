"""What the devices of the story have shown, each screen told once and in its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.cli.demo.scenes import DeviceScreen

if TYPE_CHECKING:
    from emulator.world_client import WorldProcess


class DeviceWatch:
    """Looks at all devices of a world."""

    def __init__(self, world: WorldProcess) -> None:
        self._devices = world.devices
        self._seen = dict.fromkeys((device.label for device in world.devices), 0)

    def new(self) -> tuple[DeviceScreen, ...]:
        """What they have shown since the last look."""
        found: list[DeviceScreen] = []
        for device in self._devices:
            screens = device.control.screens()
            new = screens[self._seen[device.label] :]
            found += [DeviceScreen(device.label, each.title, each.lines, each.answer) for each in new]
            self._seen[device.label] = len(screens)
        return tuple(found)
