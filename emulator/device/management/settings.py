"""ApplySettings and ApplyFlags of core firmware: each setting is asked about, then stored at once."""

from __future__ import annotations

from collections.abc import Callable

from trezorlib import messages
from trezorlib.messages import ButtonRequestType, DisplayRotation, SafetyCheckLevel

from ..errors import DataError, ProcessError
from ..flow import Flow
from ..protocol.proto import Message
from ..ui.screens import Screen
from .homescreen import check_homescreen, load_homescreen
from .rules import rules_for

LABEL_MAX_LENGTH = 32
MAX_AUTO_LOCK_MS = 0x2000_0000
_PROTECT_CALL = int(ButtonRequestType.ProtectCall)


def _ask(flow: Flow, name: str, title: str, *lines: str) -> None:
    flow.confirm(Screen(name, title, lines, _PROTECT_CALL))


def _set_homescreen(flow: Flow, image: bytes) -> None:
    check_homescreen(image)
    _ask(flow, "set_homesreen", "Change wallpaper", f"{len(image)} bytes")
    flow.state.homescreen = image


def _set_label(flow: Flow, label: str) -> None:
    if len(label) > LABEL_MAX_LENGTH:
        raise DataError("Label too long")
    _ask(flow, "set_label", "Device name", "Change device name to", f"{label}?")
    flow.state.label = label


def _set_use_passphrase(flow: Flow, use: bool) -> None:
    turn = "on" if use else "off"
    _ask(flow, "set_passphrase", "Passphrase settings", f"Turn {turn} passphrase protection?")
    flow.state.passphrase_protection = use


def _set_passphrase_source(flow: Flow, on_device: bool) -> None:
    if not flow.state.passphrase_protection:
        raise DataError("Passphrase is not enabled")
    question = (
        "Always enter your passphrase on Trezor?"
        if on_device
        else "Do you want to revoke the passphrase on device setting?"
    )
    _ask(flow, "set_passphrase_source", "Passphrase source", question)
    flow.state.passphrase_always_on_device = on_device


def check_auto_lock(flow: Flow, delay_ms: int) -> None:
    """Refuse a delay the firmware does not take."""
    if delay_ms < rules_for(flow.persona).minimum_auto_lock_ms:
        raise ProcessError("Auto-lock delay too short")
    if delay_ms > MAX_AUTO_LOCK_MS:
        raise ProcessError("Auto-lock delay too long")


def _set_auto_lock(flow: Flow, delay_ms: int) -> None:
    check_auto_lock(flow, delay_ms)
    line = f"Auto-lock Trezor after {delay_ms // 1000} seconds of inactivity?"
    _ask(flow, "set_autolock_delay", "Auto-lock delay", line)
    flow.state.auto_lock_delay_ms = delay_ms


def _set_safety_checks(flow: Flow, level: SafetyCheckLevel) -> None:
    if level == SafetyCheckLevel.Strict:
        line = "Do you really want to enforce strict safety checks (recommended)?"
        _ask(flow, "set_safety_checks", "Safety checks", line)
    else:
        duration = "temporarily " if level == SafetyCheckLevel.PromptTemporarily else ""
        line = f"Trezor will {duration}allow you to approve some actions which might be unsafe."
        _ask(flow, "set_safety_checks", "Safety override", "Are you sure?", line)
    flow.state.safety_checks = level


def _set_rotation(flow: Flow, rotation: DisplayRotation) -> None:
    line = f"Change display orientation to {rotation.name.lower()}?"
    _ask(flow, "set_rotation", "Display orientation", line)
    flow.state.display_rotation = rotation


def _set_experimental(flow: Flow, enable: bool) -> None:
    if enable:
        lines = ("Only for development and beta testing!", "Enable experimental features?")
        _ask(flow, "set_experimental_features", "Experimental mode", *lines)
    flow.state.experimental_features = enable


def _set_hide_passphrase(flow: Flow, hide: bool) -> None:
    if flow.state.strict:
        raise ProcessError("Safety checks are strict")
    if hide:
        line = "Hide your passphrase on Trezor when it is entered on host?"
        _ask(flow, "set_hide_passphrase_from_host", "Hide passphrase", line)
    flow.state.hide_passphrase_from_host = hide


_SETTERS: dict[str, Callable[..., None]] = {
    "label": _set_label,
    "use_passphrase": _set_use_passphrase,
    "passphrase_always_on_device": _set_passphrase_source,
    "auto_lock_delay_ms": _set_auto_lock,
    "safety_checks": _set_safety_checks,
    "display_rotation": _set_rotation,
    "experimental_features": _set_experimental,
    "hide_passphrase_from_host": _set_hide_passphrase,
}
# Counted as a setting although this model has no battery.
_IDLE = ("auto_lock_delay_battery_ms",)


def _ask_language(flow: Flow, language: str) -> None:
    _ask(flow, "set_language", "Set language", language)
    flow.state.language = language


def _ask_haptic(flow: Flow, enable: bool) -> None:
    _ask(flow, "set_haptic_feedback", "Vibration & haptic", "Open" if enable else "Close")


def _apply_trezor(flow: Flow, msg: Message) -> None:
    image = msg.homescreen
    names = ("homescreen", "homescreen_length", *_SETTERS, *_IDLE)
    if all(getattr(msg, name) is None for name in names):
        raise ProcessError("No setting provided")
    if msg.homescreen_length is not None:
        if image is not None:
            raise ProcessError("Mutually exclusive settings")
        image = load_homescreen(flow, msg.homescreen_length)
    if image is not None:
        _set_homescreen(flow, image)
    for name, setter in _SETTERS.items():
        value = getattr(msg, name)
        if value is not None:
            setter(flow, value)


def _apply_onekey_pro(flow: Flow, msg: Message) -> None:
    kept = ("label", "use_passphrase", "passphrase_always_on_device", "auto_lock_delay_ms", "safety_checks")
    setters: dict[str, Callable[..., None]] = {name: _SETTERS[name] for name in kept}
    setters |= {"haptic_feedback": _ask_haptic, "language": _ask_language}
    wanted = {name: getattr(msg, name, None) for name in setters}
    if all(value is None for value in wanted.values()):
        raise ProcessError("No setting provided")
    for name, value in wanted.items():
        if value is not None and value != "":
            setters[name](flow, value)


def apply_settings(flow: Flow, msg: Message) -> Message:
    flow.require_initialized()
    if flow.persona.internal_model is None:
        _apply_onekey_pro(flow, msg)
    else:
        _apply_trezor(flow, msg)
    return messages.Success(message="Settings applied")


def apply_flags(flow: Flow, msg: Message) -> Message:
    if flow.persona.firmware == "core":
        flow.require_initialized()
    flow.state.flags = (flow.state.flags | msg.flags) & 0xFFFF_FFFF
    return messages.Success(message="Flags applied")
