"""The messages about the device itself, firmware by firmware."""

from __future__ import annotations

from trezorlib import messages

from ..flow import HandlerEntry
from ..personas import Persona
from . import (
    features,
    misc,
    orphans,
    pin_core,
    pin_legacy,
    reset,
    seed,
    session,
    settings,
    settings_legacy,
)

_COMMON: tuple[HandlerEntry, ...] = (
    (messages.Initialize, session.initialize),
    (messages.GetFeatures, features.get_features),
    (messages.Ping, session.ping),
    (messages.Cancel, session.cancel),
    (messages.EndSession, session.end_session),
    (messages.LockDevice, session.lock_device),
    (messages.SetBusy, session.set_busy),
    (messages.ApplyFlags, settings.apply_flags),
    (messages.LoadDevice, seed.load_device),
    (messages.WipeDevice, seed.wipe_device),
    (messages.ResetDevice, reset.reset_device),
    (messages.BackupDevice, reset.backup_device),
    (messages.RecoveryDevice, reset.recovery_device),
    (messages.GetEntropy, misc.get_entropy),
    (messages.SetU2FCounter, misc.set_u2f_counter),
    (messages.GetNextU2FCounter, misc.get_next_u2f_counter),
    (messages.CipherKeyValue, misc.cipher_key_value),
)
_CORE: tuple[HandlerEntry, ...] = (
    (messages.ApplySettings, settings.apply_settings),
    (messages.ChangePin, pin_core.change_pin),
    (messages.ChangeWipeCode, pin_core.change_wipe_code),
)
_LEGACY: tuple[HandlerEntry, ...] = (
    (messages.ApplySettings, settings_legacy.apply_settings),
    (messages.ChangePin, pin_legacy.change_pin),
    (messages.ChangeWipeCode, pin_legacy.change_wipe_code),
    *orphans.HANDLERS,
)


def handlers_for(persona: Persona) -> tuple[HandlerEntry, ...]:
    """What a persona's firmware does with messages about itself."""
    return _COMMON + (_CORE if persona.firmware == "core" else _LEGACY)
