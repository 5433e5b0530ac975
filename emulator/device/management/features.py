"""What a device says about itself, field by field as its firmware fills them.

A locked device leaves out what its storage does not give away: core firmware everything private,
the C firmwares what they cannot read.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import BackupAvailability, Capability, HomescreenFormat, RecoveryStatus

from ..flow import Flow
from ..personas import Persona
from ..protocol.proto import Message
from ..state import DeviceState

REVISION = b"\0" * 20
BOOTLOADER_HASH = b"\0" * 32


def features(persona: Persona, state: DeviceState, session_id: bytes | None = None) -> Message:
    """Features as the persona reports them."""
    reply = _common(persona, state)
    if persona.firmware == "core":
        _add_core(reply, persona, state)
    else:
        _add_legacy(reply, state)
    reply.session_id = session_id
    return reply


def _common(persona: Persona, state: DeviceState) -> Message:
    major, minor, patch = persona.version
    return messages.Features(
        vendor=persona.vendor,
        fw_vendor=persona.fw_vendor,
        major_version=major,
        minor_version=minor,
        patch_version=patch,
        language=state.language or persona.language,
        language_version_matches=None,
        revision=REVISION,
        device_id=state.device_id,
        model=persona.model,
        internal_model=persona.internal_model,
        label=state.label or persona.default_label,
        initialized=state.initialized,
        pin_protection=bool(state.pin),
        unlocked=state.unlocked,
        busy=state.busy,
        capabilities=[Capability(number) for number in persona.capabilities],
    )


def _backup_availability(state: DeviceState) -> BackupAvailability:
    return BackupAvailability.Required if state.needs_backup else BackupAvailability.NotAvailable


def _add_core(reply: Message, persona: Persona, state: DeviceState) -> None:
    is_trezor = persona.internal_model is not None
    reply.sd_card_present = False
    if is_trezor:
        width, height = persona.display
        reply.language_version_matches = True
        reply.build_version = 0
        reply.homescreen_format = HomescreenFormat.Jpeg
        reply.homescreen_width, reply.homescreen_height = width, height
        reply.bootloader_locked = True
        reply.unit_color = 0
        reply.unit_packaging = 0
        reply.unit_btconly = False
        if state.label is not None:
            reply.label = state.label
    if is_trezor is False or state.unlocked:
        reply.auto_lock_delay_ms = state.auto_lock_delay_ms
    if not state.unlocked:
        return
    reply.passphrase_protection = state.passphrase_protection
    reply.backup_availability = _backup_availability(state)
    reply.unfinished_backup = state.unfinished_backup
    reply.no_backup = state.no_backup
    reply.flags = state.flags
    reply.recovery_status = RecoveryStatus.Nothing
    reply.backup_type = state.backup_type
    reply.sd_protection = False
    reply.wipe_code_protection = bool(state.wipe_code)
    reply.passphrase_always_on_device = state.passphrase_always_on_device
    reply.safety_checks = state.safety_checks
    reply.display_rotation = state.display_rotation
    reply.experimental_features = state.experimental_features
    if is_trezor:
        reply.hide_passphrase_from_host = state.hide_passphrase_from_host


def _add_legacy(reply: Message, state: DeviceState) -> None:
    readable = state.unlocked
    reply.passphrase_protection = state.passphrase_protection
    reply.bootloader_hash = BOOTLOADER_HASH
    reply.imported = True if readable and state.imported else None
    needs_backup = readable and state.needs_backup
    reply.backup_availability = (
        BackupAvailability.Required if needs_backup else BackupAvailability.NotAvailable
    )
    reply.unfinished_backup = readable and state.unfinished_backup
    reply.no_backup = readable and state.no_backup
    reply.flags = state.flags if readable and state.flags else None
    reply.safety_checks = state.safety_checks
    if readable:
        reply.wipe_code_protection = bool(state.wipe_code)
        reply.auto_lock_delay_ms = state.auto_lock_delay_ms


def get_features(flow: Flow, _msg: Message) -> Message:
    return features(flow.persona, flow.state)
