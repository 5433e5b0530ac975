"""Having storage kept: when it changed, before the workflow goes on, and what follows when it fails.

A change that cannot be kept is refused: the device goes back to what was kept last, and is locked.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from .errors import FirmwareError
from .state import DeviceState

LOG = logging.getLogger(__name__)
_BUG = "Firmware error"


class Keeper:
    """What of a device's state is kept, through `write`."""

    def __init__(self, state: DeviceState, write: Callable[[DeviceState], None]) -> None:
        self._state = state
        self._write = write
        self._saved = state.fingerprint()
        self._kept = state.snapshot()
        state.keep = self.save

    def save(self) -> None:
        """Have the state kept if it changed. Raises FirmwareError when it cannot be."""
        now = self._state.fingerprint()
        if now == self._saved:
            return
        try:
            self._write(self._state)
        except Exception as error:
            LOG.error("the change is refused, storage cannot be written: %s", error)
            self._state.restore(self._kept)
            raise FirmwareError(_BUG) from error
        self._saved, self._kept = now, self._state.snapshot()
