"""What a device says about itself, and whether it may be used as it stands.

OneKey devices claim a Trezor vendor in compatible mode and always version 2.99.99; they are told apart
by their own Features fields and the maker in the USB descriptor, never by the vendor. Refuses bootloaders,
empty, locked and busy devices, and lowered safety checks before signing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from vault.device.connection.onekey import IDENTITY_FIELDS, ONEKEY_TYPES, ONEKEY_VENDORS
from vault.device.failures import said
from vault.errors import DeviceError

DeviceKind = Literal["trezor", "onekey"]
Protocol = Literal["v1", "thp"]
SafetyChecks = Literal["strict", "prompt_always", "prompt_temporarily", "unknown"]
Backup = Literal["done", "needed", "unfinished", "none", "unknown"]
PinEntry = Literal["device", "matrix"]

TREZOR_VENDORS: Final = ("bitcointrezor.com", "trezor.io")
_SAFETY: Final[dict[object, SafetyChecks]] = {
    None: "unknown",  # Trezor One and OneKey Classic of old do not report it and have no such setting
    0: "strict",
    1: "prompt_always",
    2: "prompt_temporarily",
}


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device's own account of itself; none of it is proof, the root fingerprint is the identity.

    `pin_entry` is where a PIN is typed: on the device, or here as positions of a matrix that it shows.
    `attached_pin`: it was unlocked with a PIN that opens a hidden wallet. `firmware_vendor` is the name
    that its firmware is signed under. `recovering`: words of a seed are being entered, or shares made.
    """

    kind: DeviceKind
    vendor: str
    model: str
    internal_model: str
    firmware_version: str
    firmware_vendor: str
    label: str
    serial: str
    protocol: Protocol
    initialized: bool
    locked: bool
    bootloader: bool
    busy: bool
    pin_protection: bool
    pin_entry: PinEntry
    passphrase_protection: bool
    passphrase_always_on_device: bool
    attached_pin: bool
    backup: Backup
    recovering: bool
    safety_checks: SafetyChecks
    emulated: bool


def read_info(features: Any, *, emulated: bool, protocol: Protocol = "v1", maker: str = "") -> DeviceInfo:
    """Classify a Features message of `device_mapping`; `maker` is the one in the USB descriptor."""
    onekey = {name: getattr(features, name, None) for _, name, _ in IDENTITY_FIELDS}
    is_onekey = (
        any(value is not None for value in onekey.values())
        or features.vendor == "onekey.so"
        or "onekey" in maker.lower()
    )
    reported = f"{features.major_version}.{features.minor_version}.{features.patch_version}"
    if is_onekey:
        number = onekey["onekey_device_type"]
        model = "OneKey " + (ONEKEY_TYPES.get(number, f"type {number}") if number is not None else "unknown")
        version = onekey["onekey_firmware_version"] or onekey["onekey_version"] or f"unknown ({reported})"
        serial = onekey["onekey_serial_no"] or onekey["onekey_serial"] or onekey["serial_no"] or ""
    else:
        model = "Trezor " + (said(features.internal_model) or said(features.model) or "unknown")
        version, serial = reported, ""
    return DeviceInfo(
        kind="onekey" if is_onekey else "trezor",
        vendor=said(features.vendor),
        model=model,
        internal_model=said(features.internal_model),
        firmware_version=said(version),
        firmware_vendor=said(features.fw_vendor),
        label=said(features.label),
        serial=said(serial),
        protocol=protocol,
        initialized=features.initialized is True,
        locked=features.unlocked is False,
        bootloader=bool(features.bootloader_mode),
        busy=bool(features.busy),
        pin_protection=bool(features.pin_protection),
        # Models of the Trezor One line have no keypad; all of them call themselves "1".
        pin_entry="matrix" if features.model == "1" else "device",
        passphrase_protection=bool(features.passphrase_protection),
        passphrase_always_on_device=bool(features.passphrase_always_on_device),
        attached_pin=bool(getattr(features, "unlocked_attach_pin", None)),
        backup=_backup(features),
        recovering=bool(features.recovery_status),  # a boolean in older firmware
        # A level this program does not know is not the strict one.
        safety_checks=_SAFETY.get(features.safety_checks, "prompt_always"),
        # A bridge can stand before an emulator; the emulators of all makes name this vendor.
        emulated=emulated or features.fw_vendor == "EMULATOR",
    )


def _backup(features: Any) -> Backup:
    if features.no_backup:
        return "none"
    if features.unfinished_backup:
        return "unfinished"
    if features.backup_availability is None:
        return "unknown"  # a locked device does not say
    # 1 is Required; older firmware has a boolean "needs backup" in the same place.
    return "needed" if int(features.backup_availability) == 1 else "done"


def require_kind(info: DeviceInfo, kind: DeviceKind | None) -> None:
    """The make that is configured, or with None one that is known. Raises ``device.wrong_make``."""
    vendors = TREZOR_VENDORS if info.kind == "trezor" else ONEKEY_VENDORS
    if kind not in {None, info.kind} or info.vendor not in vendors:
        raise DeviceError(
            "wrong_make",
            f"expected a device of kind {kind or 'trezor or onekey'}, "
            f"found {info.model} of vendor {info.vendor or 'unknown'!r}",
            hint="Correct `kind` or `path` of this device in treasury.toml, or connect the other device.",
        )


def require_usable(info: DeviceInfo) -> None:
    """A device with a seed, unlocked, in its firmware and idle. Raises `DeviceError`."""
    require_awake(info)
    if info.locked:
        raise locked(info)


def require_backed_up(info: DeviceInfo) -> None:
    """Before a wallet is pinned to it: a seed that was never to be written down dies with the device.

    Raises `DeviceError` (``device.seedless``).
    """
    if info.backup == "none":
        raise DeviceError(
            "seedless",
            f"{info.model} was set up without a backup of its seed: coins on it are lost with it",
            hint="Set a device up with a backup, and give the wallet to that one.",
        )


def require_awake(info: DeviceInfo) -> None:
    """The same, locked or not: ``bootloader``, ``recovery_mode``, ``not_initialised``, ``busy``."""
    if info.bootloader:
        raise DeviceError(
            "bootloader", f"{info.model} is in bootloader mode", hint="Restart it without holding a button."
        )
    if info.recovering:
        raise DeviceError(
            "recovery_mode",
            f"{info.model} is in the middle of a recovery or a backup",
            hint="Finish or end it on the device; the words of a seed are typed there, and nowhere else.",
        )
    if not info.initialized:
        raise DeviceError(
            "not_initialised", f"{info.model} holds no seed", hint="Set the device up, or connect another."
        )
    if info.busy:
        raise DeviceError("busy", f"{info.model} is busy", hint="Finish what is on its screen first.")


def locked(info: DeviceInfo) -> DeviceError:
    """A locked device, and nobody who could be asked for the PIN."""
    where = "in a terminal, where its PIN is asked for" if info.pin_entry == "matrix" else "and try again"
    hint = f"Run the command {where}." if info.pin_entry == "matrix" else f"Unlock it with its PIN {where}."
    return DeviceError("locked", f"{info.model} is locked", hint=hint)


def require_strict(info: DeviceInfo) -> None:
    """Safety checks as they are shipped. Raises `DeviceError` (``device.safety_checks_lowered``)."""
    if info.safety_checks not in {"strict", "unknown"}:
        raise DeviceError(
            "safety_checks_lowered",
            f"expected strict safety checks on {info.model}, found {info.safety_checks}",
            hint="Set safety checks to strict on the device; this program never lowers them.",
        )
