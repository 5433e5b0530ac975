"""The PIN as storage keeps it: a counter that is raised before a PIN is looked at, and the wipe.

Sixteen wrong PINs in a row, or the wipe code in place of the PIN, wipe the device. Firmware waits
2^failures - 1 seconds before each try; that time is counted (`delay_seconds`) but not spent.
"""

from __future__ import annotations

import hmac
from typing import NoReturn

from ..errors import DeviceRestarts
from ..state import DeviceState

MAX_TRIES = 16
MAX_LENGTH = 50


def tries_left(state: DeviceState) -> int:
    """How many PINs may still be tried."""
    return MAX_TRIES - state.pin_failures


def delay_seconds(state: DeviceState) -> int:
    """How long firmware would wait before the next try."""
    return int((1 << state.pin_failures) - 1)


def _same(left: str, right: str) -> bool:
    return hmac.compare_digest(left.encode(), right.encode())


def refuse_wipe_code(state: DeviceState, pin: str) -> None:
    """Wipe the device if `pin` is its wipe code. Raises DeviceRestarts then."""
    if state.wipe_code and _same(state.wipe_code, pin):
        _wipe(state)


def verify(state: DeviceState, pin: str) -> bool:
    """Try a PIN: unlocks if it is right. Raises DeviceRestarts when the device was wiped instead.

    The raised counter is kept before the PIN is compared: pulling the cable saves no try. Without
    a PIN there is none to be guessed, and nothing to be counted.
    """
    if not state.pin and not pin:
        state.locked = False
        return True
    refuse_wipe_code(state, pin)
    if state.pin_failures >= MAX_TRIES:  # the power went before the wipe
        _wipe(state)
    state.pin_failures += 1
    state.keep()
    if _same(state.pin, pin):
        state.pin_failures = 0
        state.keep()
        state.locked = False
        return True
    if state.pin_failures >= MAX_TRIES:
        _wipe(state)
    return False


def _wipe(state: DeviceState) -> NoReturn:
    state.wipe()
    state.keep()
    raise DeviceRestarts


def change(state: DeviceState, pin: str) -> bool:
    """Set the PIN ("" removes it); False if it is the wipe code."""
    if pin and state.wipe_code and _same(pin, state.wipe_code):
        return False
    state.pin = pin[:MAX_LENGTH]
    state.pin_failures = 0
    state.locked = False
    return True
