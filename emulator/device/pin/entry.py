"""Asking for a PIN: on the screen of the device, or by the host through a scrambled matrix.

Core firmware types on the device and asks again after a wrong PIN; the C firmwares show a matrix
(OneKey's has a tenth place for the 0), take positions from the host and end the workflow after a
wrong one. Refuses positions that are not on the matrix, as a cancelled entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trezorlib import messages
from trezorlib.messages import ButtonRequestType, PinMatrixRequestType

from ..errors import ActionCancelled, CancelledByHost, PinCancelled, PinInvalid
from ..ui.screens import Entry, Screen
from . import storage

if TYPE_CHECKING:
    from ..flow import Flow

_CANCELLED = "PIN entry cancelled"
CURRENT = PinMatrixRequestType.Current


def on_screen(flow: Flow, prompt: str, *, tries: int | None = None, wrong: bool = False) -> str:
    """What is typed on the device. Raises PinCancelled when the person refuses, or types nothing."""
    lines: tuple[str, ...] = ("Wrong PIN",) if wrong else ()
    if tries is not None:
        lines += ("Last attempt",) if tries == 1 else (f"{tries} tries left",)
    screen = Screen("pin_device", prompt, lines, int(ButtonRequestType.PinEntry), entry=Entry.PIN)
    try:
        typed = flow.ask_text(screen)
    except CancelledByHost:
        raise
    except ActionCancelled:
        raise PinCancelled(_CANCELLED) from None
    if not typed:  # the keypad confirms no empty PIN
        raise PinCancelled(_CANCELLED)
    return typed


def by_matrix(flow: Flow, kind: PinMatrixRequestType, prompt: str) -> str | None:
    """What the host sends for a matrix; None when it cancels or names a place that is not there."""
    places = flow.persona.pin_places
    matrix = flow.random.permute(places)
    try:
        with flow.shown_matrix(prompt, matrix):
            ack = flow.call(messages.PinMatrixRequest(type=kind), messages.PinMatrixAck)
    except CancelledByHost:
        return None
    digits = []
    for place in str(ack.pin):
        if place not in places:
            return None
        digits.append(matrix[places.index(place)])
    return "".join(digits)


def unlock(flow: Flow) -> None:
    """Have a locked device unlocked. Raises PinCancelled or PinInvalid."""
    if flow.state.unlocked:
        return
    if flow.persona.firmware == "core":
        _unlock_on_screen(flow)
    else:
        confirm_by_matrix(flow)


def _unlock_on_screen(flow: Flow) -> None:
    wrong = False
    while not storage.verify(flow.state, on_screen(flow, "Enter PIN", tries=_tries(flow), wrong=wrong)):
        wrong = True


def _tries(flow: Flow) -> int:
    return storage.tries_left(flow.state)


def confirm_by_matrix(flow: Flow) -> None:
    """Ask for the PIN even if the device is unlocked (legacy); without a PIN nothing is asked."""
    pin: str | None = ""
    if flow.state.pin:
        pin = by_matrix(flow, CURRENT, "Please enter current PIN:")
        if pin is None:
            raise PinCancelled("PIN cancelled")
    if not storage.verify(flow.state, pin or ""):
        raise PinInvalid
