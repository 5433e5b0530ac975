"""What the device remembers when it is switched off: seed, label, settings."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from trezorlib.messages import SafetyCheckLevel


def _new_device_id() -> str:
    return secrets.token_hex(12).upper()


@dataclass(slots=True)
class DeviceState:
    """Storage of one device. A wipe replaces it by a fresh one."""

    device_id: str = field(default_factory=_new_device_id)
    mnemonic: str | None = None
    label: str | None = None
    passphrase_protection: bool = False
    passphrase_always_on_device: bool = False
    safety_checks: SafetyCheckLevel = SafetyCheckLevel.Strict
    flags: int = 0
    auto_lock_delay_ms: int = 600_000
    experimental_features: bool = False
    hide_passphrase_from_host: bool = False
    needs_backup: bool = False
    no_backup: bool = False
    unfinished_backup: bool = False

    @property
    def initialized(self) -> bool:
        return self.mnemonic is not None

    @property
    def strict(self) -> bool:
        """Whether safety checks refuse unusual paths and absurd fees."""
        return bool(self.safety_checks == SafetyCheckLevel.Strict)
