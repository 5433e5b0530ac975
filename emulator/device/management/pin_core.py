"""ChangePin and ChangeWipeCode of core firmware: everything is typed on the device."""

from __future__ import annotations

from typing import NoReturn

from trezorlib import messages
from trezorlib.messages import ButtonRequestType

from ..errors import ActionCancelled, CancelledByHost, DeviceFailure, PinInvalid, ProcessError
from ..flow import Flow
from ..pin import storage
from ..pin.entry import on_screen
from ..protocol.proto import Message
from ..ui.screens import Screen

_OTHER = int(ButtonRequestType.Other)


def _tell(flow: Flow, name: str, title: str, text: str) -> None:
    """A screen whose answer does not matter."""
    try:
        flow.confirm(Screen(name, title, (text,), _OTHER))
    except CancelledByHost:
        raise
    except ActionCancelled:
        return


def _refuse(flow: Flow, name: str, title: str, text: str, failure: DeviceFailure) -> NoReturn:
    _tell(flow, name, title, text)
    raise failure


def _current_pin(flow: Flow) -> str:
    """The PIN as typed, not yet verified; "" when there is none."""
    if not flow.state.pin:
        return ""
    pin = on_screen(flow, "Enter PIN", tries=storage.tries_left(flow.state))
    storage.refuse_wipe_code(flow.state, pin)
    return pin


def _refuse_wrong_pin(flow: Flow) -> NoReturn:
    text = "The PIN you have entered is not valid."
    _refuse(flow, "warning_wrong_pin", "Wrong PIN", text, PinInvalid())


def _new_pin(flow: Flow) -> str:
    while True:
        first = on_screen(flow, "Enter new PIN")
        if first == on_screen(flow, "Re-enter new PIN"):
            return first
        _tell(flow, "pin_mismatch", "PIN mismatch", "Entered PINs do not match!")


def change_pin(flow: Flow, msg: Message) -> Message:
    flow.require_initialized()
    had_pin = bool(flow.state.pin)
    _confirm_pin_change(flow, bool(msg.remove))
    if msg.remove and flow.state.wipe_code:
        text = "Wipe code must be turned off before turning off PIN protection."
        _refuse(flow, "wipe_code_exists", "Wipe code set", text, ActionCancelled())
    current = _current_pin(flow)
    if had_pin and not storage.verify(flow.state, current):
        _refuse_wrong_pin(flow)
    new = "" if msg.remove else _new_pin(flow)
    if not storage.change(flow.state, new):
        text = "The new PIN must be different from your wipe code."
        _refuse(flow, "warning_invalid_new_pin", "Invalid PIN", text, PinInvalid())
    done = "removed" if not new else "changed" if had_pin else "enabled"
    _confirm_done(flow, "success_pin", f"PIN {done}.")
    return messages.Success(message=f"PIN {done}")


def _confirm_done(flow: Flow, name: str, text: str) -> None:
    flow.confirm(Screen(name, "Success", (text,), int(ButtonRequestType.Success), confirm="CONTINUE"))


def _confirm_pin_change(flow: Flow, remove: bool) -> None:
    if remove and flow.state.pin:
        question = ("disable_pin", "Are you sure you want to turn off PIN protection?")
    elif flow.state.pin:
        question = ("change_pin", "Change PIN?")
    elif not remove:
        question = ("set_pin", "Turn on PIN protection?")
    else:
        raise ProcessError("PIN protection already disabled")
    name, text = question
    flow.confirm(Screen(name, "PIN settings", (text,), _OTHER))


def change_wipe_code(flow: Flow, msg: Message) -> Message:
    flow.require_initialized()
    had_code = bool(flow.state.wipe_code)
    _confirm_wipe_code_change(flow, bool(msg.remove))
    if not flow.state.pin:
        text = "PIN must be set before enabling wipe code."
        _refuse(flow, "warning_pin_not_set", "PIN not set", text, ActionCancelled())
    pin = _current_pin(flow)
    if not storage.verify(flow.state, pin):
        _refuse_wrong_pin(flow)
    flow.state.wipe_code = "" if msg.remove else _new_wipe_code(flow, pin)
    shown = "disabled" if msg.remove else "changed" if had_code else "enabled"
    said = {"disabled": "removed", "enabled": "set"}.get(shown, shown)
    _confirm_done(flow, "success_wipe_code", f"Wipe code {shown}.")
    return messages.Success(message=f"Wipe code {said}")


def _confirm_wipe_code_change(flow: Flow, remove: bool) -> None:
    if remove and not flow.state.wipe_code:
        raise ProcessError("Wipe code protection is already disabled")
    if remove:
        name, text = "disable_wipe_code", "Turn off wipe code protection?"
    elif flow.state.wipe_code:
        name, text = "change_wipe_code", "Change wipe code?"
    else:
        name, text = "set_wipe_code", "Turn on wipe code protection?"
    flow.confirm(Screen(name, "Wipe code settings", (text,), _OTHER))


def _new_wipe_code(flow: Flow, pin: str) -> str:
    while True:
        first = on_screen(flow, "New wipe code")
        if first == pin:
            text = "The wipe code must be different from your PIN."
            _tell(flow, "wipe_code_same_as_pin", "Invalid wipe code", text)
            continue
        if first == on_screen(flow, "Re-enter wipe code"):
            return first
        _tell(flow, "wipe_code_mismatch", "Wipe code mismatch", "The wipe codes you entered do not match.")
