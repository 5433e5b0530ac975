"""ApplySettings of the C firmwares: everything is asked about first, and stored only then.

Refuses passphrase entry on the device as a setting, and safety checks that are off for good.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import ButtonRequestType, SafetyCheckLevel

from ..errors import DataError, ProcessError
from ..flow import Flow
from ..protocol.proto import Message
from ..ui.screens import Screen
from .rules import rules_for
from .settings import check_auto_lock

HOMESCREEN_SIZE = 1024  # 128 x 64 pixels
_LANGUAGES = ("en-US",)
_PROTECT_CALL = int(ButtonRequestType.ProtectCall)
_SETTINGS = ("label", "language", "use_passphrase", "homescreen", "auto_lock_delay_ms", "safety_checks")


def _ask(flow: Flow, name: str, *lines: str) -> None:
    flow.confirm(Screen(name, "Do you really want to", lines, _PROTECT_CALL))


def apply_settings(flow: Flow, msg: Message) -> Message:
    if msg.passphrase_always_on_device is not None:
        raise DataError("This firmware is incapable of passphrase entry on the device.")
    if all(getattr(msg, name) is None for name in _SETTINGS):
        raise DataError("No setting provided")
    flow.unlock()
    _ask_all(flow, msg)
    _store(flow, msg)
    return messages.Success(message="Settings applied")


def _ask_all(flow: Flow, msg: Message) -> None:
    if msg.label is not None:
        _ask(flow, "set_label", "change name to", msg.label, "?")
    if msg.language is not None:
        _ask(flow, "set_language", "change language to", msg.language, "?")
    if msg.use_passphrase is not None:
        turn = "enable" if msg.use_passphrase else "disable"
        _ask(flow, "set_passphrase", f"{turn} passphrase", "protection?")
    if msg.homescreen is not None:
        _ask(flow, "set_homescreen", "change the home", "screen?")
    if msg.auto_lock_delay_ms is not None:
        check_auto_lock(flow, msg.auto_lock_delay_ms)
        _ask(
            flow, "set_autolock_delay", "auto-lock your device", f"after {msg.auto_lock_delay_ms // 1000} s?"
        )
    if msg.safety_checks is not None:
        if msg.safety_checks not in rules_for(flow.persona).safety_levels:
            raise ProcessError("Unsupported safety-checks setting")
        strict = msg.safety_checks == SafetyCheckLevel.Strict
        _ask(
            flow, "set_safety_checks", "enforce strict" if strict else "temporarily disable", "safety checks?"
        )


def _store(flow: Flow, msg: Message) -> None:
    state = flow.state
    if msg.label is not None:
        state.label = msg.label
    if msg.language in _LANGUAGES:
        state.language = msg.language
    if msg.use_passphrase is not None:
        state.passphrase_protection = msg.use_passphrase
    if msg.homescreen is not None:
        state.homescreen = msg.homescreen if len(msg.homescreen) == HOMESCREEN_SIZE else b""
    if msg.auto_lock_delay_ms is not None:
        state.auto_lock_delay_ms = msg.auto_lock_delay_ms
    if msg.safety_checks is not None:
        state.safety_checks = msg.safety_checks
