"""Messages about the device itself: features, sessions, settings, loading and wiping a seed."""

from __future__ import annotations

from collections.abc import Callable

from trezorlib import messages
from trezorlib.messages import (
    BackupAvailability,
    ButtonRequestType,
    Capability,
    HomescreenFormat,
    RecoveryStatus,
    SafetyCheckLevel,
)

from .errors import ActionCancelled, DataError, ProcessError, UnexpectedMessage
from .flow import Flow, HandlerEntry
from .keys import mnemonic_is_valid
from .personas import Persona
from .proto import Message
from .screens import Screen
from .state import DeviceState

LABEL_MAX_LENGTH = 32
AUTO_LOCK_MS = range(60_000, 536_870_912)
REVISION = b"\0" * 20


def features(persona: Persona, state: DeviceState, session_id: bytes | None = None) -> Message:
    """Features as the persona reports them."""
    major, minor, patch = persona.version
    width, height = persona.display
    is_core = persona.internal_model is not None
    return messages.Features(
        vendor=persona.vendor,
        fw_vendor="EMULATOR",
        major_version=major,
        minor_version=minor,
        patch_version=patch,
        language=persona.language,
        language_version_matches=True,
        revision=REVISION,
        device_id=state.device_id,
        model=persona.model,
        internal_model=persona.internal_model,
        label=state.label,
        initialized=state.initialized,
        pin_protection=False,
        unlocked=True,
        passphrase_protection=state.passphrase_protection,
        backup_availability=(
            BackupAvailability.Required if state.needs_backup else BackupAvailability.NotAvailable
        ),
        unfinished_backup=state.unfinished_backup,
        no_backup=state.no_backup,
        flags=state.flags,
        recovery_status=RecoveryStatus.Nothing,
        capabilities=[Capability(number) for number in persona.capabilities],
        wipe_code_protection=False,
        sd_card_present=False,
        sd_protection=False,
        passphrase_always_on_device=state.passphrase_always_on_device,
        safety_checks=state.safety_checks,
        auto_lock_delay_ms=state.auto_lock_delay_ms,
        experimental_features=state.experimental_features,
        hide_passphrase_from_host=state.hide_passphrase_from_host,
        busy=False,
        homescreen_format=HomescreenFormat.Jpeg if is_core else None,
        homescreen_width=width,
        homescreen_height=height,
        bootloader_locked=True if is_core else None,
        unit_btconly=False if is_core else None,
        session_id=session_id,
    )


def initialize(flow: Flow, msg: Message) -> Message:
    session_id = flow.sessions.start(msg.session_id)
    return features(flow.persona, flow.state, session_id)


def get_features(flow: Flow, _msg: Message) -> Message:
    return features(flow.persona, flow.state)


def ping(flow: Flow, msg: Message) -> Message:
    if msg.button_protection:
        code = int(ButtonRequestType.ProtectCall)
        flow.confirm(Screen("ping", "Confirm", ("ping",), code))
    return messages.Success(message=msg.message)


def cancel(_flow: Flow, _msg: Message) -> Message:
    raise ActionCancelled


def end_session(flow: Flow, _msg: Message) -> Message:
    flow.sessions.end_active()
    return messages.Success(message="")


def lock_device(_flow: Flow, _msg: Message) -> Message:
    return messages.Success(message="")  # without a PIN there is nothing to lock


def apply_flags(flow: Flow, msg: Message) -> Message:
    flow.require_initialized()
    flow.state.flags |= msg.flags
    return messages.Success(message="Flags applied")


def check_load(state: DeviceState, msg: Message) -> None:
    """Refuse a LoadDevice that cannot be kept (BIP39 words only)."""
    if state.initialized:
        raise UnexpectedMessage("Already initialized")
    if not msg.mnemonics:
        raise ProcessError("No mnemonic provided")
    if len(msg.mnemonics) > 1:
        raise ProcessError("Shamir shares are not supported by this emulator")
    mnemonic = str(msg.mnemonics[0])
    if not msg.skip_checksum and not mnemonic_is_valid(mnemonic):
        raise ProcessError("Mnemonic is not valid")


def keep_seed(state: DeviceState, msg: Message) -> None:
    """Store the seed and settings of a LoadDevice that was checked."""
    state.mnemonic = str(msg.mnemonics[0])
    state.passphrase_protection = bool(msg.passphrase_protection)
    state.label = msg.label or ""
    state.needs_backup = bool(msg.needs_backup)
    state.no_backup = bool(msg.no_backup)
    state.unfinished_backup = bool(msg.unfinished_backup)


def load_device(flow: Flow, msg: Message) -> Message:
    check_load(flow.state, msg)
    lines = ("Loading private seed is not recommended.", "Continue only if you know what you are doing!")
    flow.confirm(Screen("warn_loading_seed", "Loading seed", lines, int(ButtonRequestType.Other)))
    keep_seed(flow.state, msg)
    return messages.Success(message="Device loaded")


def wipe_state(state: DeviceState) -> None:
    """Forget everything; the device gets a new id."""
    fresh = DeviceState()
    for name in DeviceState.__slots__:
        setattr(state, name, getattr(fresh, name))


def wipe_device(flow: Flow, _msg: Message) -> Message:
    lines = ("Do you really want to wipe the device?", "All data will be erased.")
    code = int(ButtonRequestType.WipeDevice)
    flow.confirm(Screen("confirm_wipe", "Wipe device", lines, code, confirm="HOLD TO CONFIRM"))
    wipe_state(flow.state)
    flow.sessions.clear()
    return messages.Success(message="Device wiped")


def _ask(flow: Flow, name: str, title: str, *lines: str) -> None:
    flow.confirm(Screen(name, title, lines, int(ButtonRequestType.ProtectCall)))


def _set_label(flow: Flow, label: str) -> None:
    if len(label) > LABEL_MAX_LENGTH:
        raise DataError("Label too long")
    _ask(flow, "set_label", "Device name", "Change device name to", label)
    flow.state.label = label


def _set_use_passphrase(flow: Flow, use: bool) -> None:
    _ask(flow, "set_passphrase", "Passphrase", f"Turn {'on' if use else 'off'} passphrase protection?")
    flow.state.passphrase_protection = use


def _set_passphrase_source(flow: Flow, on_device: bool) -> None:
    if not flow.state.passphrase_protection:
        raise DataError("Passphrase is not enabled")
    _ask(flow, "set_passphrase_source", "Passphrase source", "Always enter passphrase on the device?")
    flow.state.passphrase_always_on_device = on_device


def _set_auto_lock(flow: Flow, delay_ms: int) -> None:
    if delay_ms not in AUTO_LOCK_MS:
        too = "short" if delay_ms < AUTO_LOCK_MS.start else "long"
        raise ProcessError(f"Auto-lock delay too {too}")
    _ask(flow, "set_autolock_delay", "Auto-lock delay", f"Auto-lock after {delay_ms // 1000} seconds?")
    flow.state.auto_lock_delay_ms = delay_ms


def _set_safety_checks(flow: Flow, level: SafetyCheckLevel) -> None:
    if level == SafetyCheckLevel.Strict:
        _ask(flow, "set_safety_checks", "Safety checks", "Do you want to enforce strict safety checks?")
    else:
        _ask(
            flow, "set_safety_checks", "Safety override", "Are you sure?", "Potentially unsafe actions ahead."
        )
    flow.state.safety_checks = level


def _set_experimental(flow: Flow, enable: bool) -> None:
    if enable:
        _ask(flow, "experimental_features", "Experimental mode", "Enable experimental features?")
    flow.state.experimental_features = enable


def _set_hide_passphrase(flow: Flow, hide: bool) -> None:
    if flow.state.strict:
        raise ProcessError("Safety checks are strict")
    if hide:
        _ask(flow, "set_hide_passphrase_from_host", "Hide passphrase", "Hide your passphrase on the device?")
    flow.state.hide_passphrase_from_host = hide


_SETTINGS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("label", _set_label),
    ("use_passphrase", _set_use_passphrase),
    ("passphrase_always_on_device", _set_passphrase_source),
    ("auto_lock_delay_ms", _set_auto_lock),
    ("safety_checks", _set_safety_checks),
    ("experimental_features", _set_experimental),
    ("hide_passphrase_from_host", _set_hide_passphrase),
)


def apply_settings(flow: Flow, msg: Message) -> Message:
    flow.require_initialized()
    wanted = [(setter, getattr(msg, name)) for name, setter in _SETTINGS]
    wanted = [(setter, value) for setter, value in wanted if value is not None]
    if not wanted:
        raise ProcessError("No setting provided")
    for setter, value in wanted:
        setter(flow, value)
    return messages.Success(message="Settings applied")


HANDLERS: tuple[HandlerEntry, ...] = (
    (messages.Initialize, initialize),
    (messages.GetFeatures, get_features),
    (messages.Ping, ping),
    (messages.Cancel, cancel),
    (messages.EndSession, end_session),
    (messages.LockDevice, lock_device),
    (messages.ApplyFlags, apply_flags),
    (messages.ApplySettings, apply_settings),
    (messages.LoadDevice, load_device),
    (messages.WipeDevice, wipe_device),
)
