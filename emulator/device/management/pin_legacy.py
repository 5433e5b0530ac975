"""ChangePin and ChangeWipeCode of the C firmwares: everything goes through the PIN matrix."""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import ButtonRequestType, PinMatrixRequestType

from ..errors import (
    ActionCancelled,
    PinCancelled,
    PinInvalid,
    PinMismatch,
    ProcessError,
    WipeCodeMismatch,
)
from ..flow import Flow
from ..pin import storage
from ..pin.entry import CURRENT, by_matrix
from ..protocol.proto import Message
from ..ui.screens import Screen

_CANCELLED = "PIN cancelled"


def _confirm(flow: Flow, name: str, *lines: str) -> None:
    flow.confirm(Screen(name, "Do you really want to", lines, int(ButtonRequestType.ProtectCall)))


def set_new_pin(flow: Flow) -> None:
    """Ask for a new PIN twice and store it."""
    first = by_matrix(flow, PinMatrixRequestType.NewFirst, "Please enter new PIN:")
    if not first:
        raise PinCancelled(_CANCELLED)
    second = by_matrix(flow, PinMatrixRequestType.NewSecond, "Please re-enter new PIN:")
    if second is None:
        raise PinCancelled(_CANCELLED)
    if first != second:
        raise PinMismatch
    if not storage.change(flow.state, first):
        raise ProcessError("The new PIN must be different from your wipe code.")


def _current(flow: Flow, prompt: str) -> str:
    """The PIN as the host sends it; "" when there is none."""
    if not flow.state.pin:
        return ""
    pin = by_matrix(flow, CURRENT, prompt)
    if pin is None:
        raise PinCancelled(_CANCELLED)
    return pin


def change_pin(flow: Flow, msg: Message) -> Message:
    flow.require_initialized()
    has_pin = bool(flow.state.pin)
    if msg.remove and not has_pin:
        return messages.Success(message="PIN removed")
    if msg.remove:
        _confirm(flow, "disable_pin", "remove current PIN?")
    elif has_pin:
        _confirm(flow, "change_pin", "change current PIN?")
    else:
        _confirm(flow, "set_pin", "set new PIN?")
    current = _current(flow, "Please enter current PIN:")
    if has_pin and not storage.verify(flow.state, current):
        raise PinInvalid
    if msg.remove:
        storage.change(flow.state, "")
        return messages.Success(message="PIN removed")
    set_new_pin(flow)
    return messages.Success(message="PIN changed")


def change_wipe_code(flow: Flow, msg: Message) -> Message:
    flow.require_initialized()
    # a locked device does not know whether it has a wipe code
    has_code = bool(flow.state.wipe_code) and flow.state.unlocked
    if msg.remove:
        if not has_code and flow.state.unlocked:
            return messages.Success(message="Wipe code removed")
        _confirm(flow, "disable_wipe_code", "disable wipe code", "protection?")
    elif has_code:
        _confirm(flow, "change_wipe_code", "change the current", "wipe code?")
    else:
        _confirm(flow, "set_wipe_code", "set a new wipe code?")
    pin = _current(flow, "Please enter your PIN:")
    if not storage.verify(flow.state, pin):
        raise PinInvalid
    flow.state.wipe_code = "" if msg.remove else _new_wipe_code(flow, pin)
    done = "removed" if msg.remove else "changed" if has_code else "set"
    return messages.Success(message=f"Wipe code {done}")


def _new_wipe_code(flow: Flow, pin: str) -> str:
    first = by_matrix(flow, PinMatrixRequestType.WipeCodeFirst, "Enter new wipe code:")
    if first is None:
        raise ActionCancelled
    if first == pin:
        raise ProcessError("The wipe code must be different from your PIN.")
    second = by_matrix(flow, PinMatrixRequestType.WipeCodeSecond, "Re-enter new wipe code:")
    if second is None:
        raise ActionCancelled
    if first != second:
        raise WipeCodeMismatch
    return first
