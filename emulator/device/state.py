"""What the device remembers: its storage, and beside it what is lost with the power.

Storage is the seed, the PIN and the settings; `STORED` names its fields. Whether the device is
unlocked or busy is not part of it.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from trezorlib.messages import BackupType, DisplayRotation, SafetyCheckLevel

from .keys import seed_from_mnemonic

DEFAULT_AUTO_LOCK_MS = 600_000


def _new_device_id() -> str:
    return secrets.token_hex(12).upper()


@dataclass(slots=True)
class DeviceState:
    """One device. A wipe replaces it by a fresh one."""

    device_id: str = field(default_factory=_new_device_id)
    mnemonic: str | None = None
    # SLIP-39 shares that were loaded instead of BIP39 words.
    shares: tuple[str, ...] = ()
    label: str | None = None
    passphrase_protection: bool = False
    passphrase_always_on_device: bool = False
    safety_checks: SafetyCheckLevel = SafetyCheckLevel.Strict
    flags: int = 0
    auto_lock_delay_ms: int = DEFAULT_AUTO_LOCK_MS
    experimental_features: bool = False
    hide_passphrase_from_host: bool = False
    needs_backup: bool = False
    no_backup: bool = False
    unfinished_backup: bool = False
    imported: bool = False
    backup_type: BackupType = BackupType.Bip39
    language: str | None = None
    homescreen: bytes = b""
    display_rotation: DisplayRotation = DisplayRotation.North
    u2f_counter: int = 0  # the next one to be given out
    pin: str = ""
    wipe_code: str = ""
    pin_failures: int = 0
    # Lost with the power
    locked: bool = False
    busy_until: float = 0.0
    # Has storage kept at once, before the workflow goes on; raises when it cannot be.
    keep: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)

    @property
    def initialized(self) -> bool:
        return self.mnemonic is not None or bool(self.shares)

    @property
    def strict(self) -> bool:
        """Whether safety checks refuse unusual paths and absurd fees."""
        return bool(self.safety_checks == SafetyCheckLevel.Strict)

    @property
    def unlocked(self) -> bool:
        """Whether secrets may be used; the C firmwares can be locked without a PIN, too."""
        return not self.locked

    @property
    def busy(self) -> bool:
        return monotonic() < self.busy_until

    def seed(self, passphrase: str) -> bytes:
        """The wallet of a passphrase. ValueError when the device has no seed."""
        if self.mnemonic is not None:
            return seed_from_mnemonic(self.mnemonic, passphrase)
        if self.shares:
            from . import shares

            return shares.seed(self.shares, passphrase)
        raise ValueError("the device has no seed")

    def power_off(self) -> None:
        """Forget what storage does not hold: temporary safety checks, unlocking, business."""
        if self.safety_checks == SafetyCheckLevel.PromptTemporarily:
            self.safety_checks = SafetyCheckLevel.Strict
        self.locked = bool(self.pin)
        self.busy_until = 0.0

    def wipe(self) -> None:
        """Forget everything; the device gets a new id."""
        fresh = DeviceState()
        for name in (*STORED, *_VOLATILE):
            setattr(self, name, getattr(fresh, name))

    def snapshot(self) -> tuple[object, ...]:
        """The storage as it is now, for `restore`."""
        return tuple(getattr(self, name) for name in STORED)

    def restore(self, snapshot: tuple[object, ...]) -> None:
        """Go back to an earlier storage, as a device that lost its power comes back."""
        for name, value in zip(STORED, snapshot, strict=True):
            setattr(self, name, value)
        self.power_off()

    def fingerprint(self) -> bytes:
        """A digest of the storage, to notice that it changed."""
        text = repr([(name, getattr(self, name)) for name in STORED])
        return hashlib.sha256(text.encode()).digest()


_VOLATILE = ("locked", "busy_until")
STORED = tuple(name for name in DeviceState.__slots__ if name not in (*_VOLATILE, "keep"))
