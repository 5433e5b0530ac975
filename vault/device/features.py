"""What a device says about itself, and whether it may be used as it stands.

OneKey devices claim a Trezor vendor in compatible mode and always version 2.99.99; they are told apart
by their own Features fields (common/protob/messages-management.proto of OneKey's firmware), never by the
vendor. Refuses bootloaders, empty, locked and busy devices, and lowered safety checks before signing.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import Any, Final, Literal

from vault.device.failures import said
from vault.errors import DeviceError

DeviceKind = Literal["trezor", "onekey"]
SafetyChecks = Literal["strict", "prompt_always", "prompt_temporarily", "unknown"]

TREZOR_VENDORS: Final = ("bitcointrezor.com", "trezor.io")
ONEKEY_VENDORS: Final = ("onekey.so", "trezor.io")  # the second in Trezor compatible mode
ONEKEY_USB_IDS: Final = ((0x1209, 0x4F4B), (0x1209, 0x53C1))
ONEKEY_TYPES: Final = {
    0: "Classic",
    1: "Classic 1S",
    2: "Mini",
    3: "Touch",
    4: "Touch Pro",
    5: "Pro",
    6: "Pure",
}
_ONEKEY_FIELDS: Final = (
    (508, "onekey_version", "string"),
    (509, "onekey_serial", "string"),
    (511, "serial_no", "string"),
    (600, "onekey_device_type", "uint32"),
    (609, "onekey_firmware_version", "string"),
    (612, "onekey_serial_no", "string"),
)
_SAFETY: Final[dict[object, SafetyChecks]] = {
    None: "unknown",  # Trezor One and OneKey Classic of old do not report it and have no such setting
    0: "strict",
    1: "prompt_always",
    2: "prompt_temporarily",
}


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A device's own account of itself; none of it is proof, the root fingerprint is the identity."""

    kind: DeviceKind
    vendor: str
    model: str
    firmware_version: str
    label: str
    serial: str
    initialized: bool
    locked: bool
    bootloader: bool
    busy: bool
    pin_protection: bool
    passphrase_protection: bool
    safety_checks: SafetyChecks
    emulated: bool


@functools.cache
def device_mapping() -> Any:
    """A protobuf mapping of our own whose Features also hold OneKey's fields; stock ones stay as they are.

    The fields are copied: trezorlib writes the owning class into each field of a subclass.
    """
    from trezorlib import mapping, messages
    from trezorlib.protobuf import Field

    fields = {
        tag: dataclasses.replace(field, _py_type=field.py_type)
        for tag, field in messages.Features.FIELDS.items()
    }
    for tag, name, kind in _ONEKEY_FIELDS:
        fields[tag] = Field(name, kind)
    extended = type("Features", (messages.Features,), {"FIELDS": fields})
    result = mapping.ProtobufMapping.from_module(messages)
    result.register(extended)
    return result


@functools.cache
def onekey_model() -> Any:
    """The model under which stock trezorlib takes a OneKey: own vendors, USB ids and mapping."""
    from trezorlib.models import TrezorModel

    return TrezorModel("OneKey", "OneKey", (0, 0, 0), ONEKEY_VENDORS, ONEKEY_USB_IDS, device_mapping())


def read_info(features: Any, *, emulated: bool) -> DeviceInfo:
    """Classify a Features message of `device_mapping`."""
    onekey = {name: getattr(features, name, None) for _, name, _ in _ONEKEY_FIELDS}
    is_onekey = any(value is not None for value in onekey.values()) or features.vendor == "onekey.so"
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
        firmware_version=said(version),
        label=said(features.label),
        serial=said(serial),
        initialized=features.initialized is True,
        locked=features.unlocked is False,
        bootloader=bool(features.bootloader_mode),
        busy=bool(features.busy),
        pin_protection=bool(features.pin_protection),
        passphrase_protection=bool(features.passphrase_protection),
        # A level this program does not know is not the strict one.
        safety_checks=_SAFETY.get(features.safety_checks, "prompt_always"),
        emulated=emulated,
    )


def require_kind(info: DeviceInfo, kind: DeviceKind) -> None:
    """The make that is configured. Raises `DeviceError` (``device.wrong_make``)."""
    vendors = TREZOR_VENDORS if kind == "trezor" else ONEKEY_VENDORS
    if info.kind != kind or info.vendor not in vendors:
        raise DeviceError(
            "wrong_make",
            f"expected a device of kind {kind}, found {info.model} of vendor {info.vendor or 'unknown'!r}",
            hint="Correct `kind` or `path` of this device in treasury.toml, or connect the other device.",
        )


def require_usable(info: DeviceInfo) -> None:
    """A device with a seed, unlocked, in its firmware and idle. Raises `DeviceError`."""
    if info.bootloader:
        raise DeviceError(
            "bootloader", f"{info.model} is in bootloader mode", hint="Restart it without holding a button."
        )
    if not info.initialized:
        raise DeviceError(
            "not_initialised", f"{info.model} holds no seed", hint="Set the device up, or connect another."
        )
    if info.locked:
        raise DeviceError("locked", f"{info.model} is locked", hint="Unlock it with its PIN and try again.")
    if info.busy:
        raise DeviceError("busy", f"{info.model} is busy", hint="Finish what is on its screen first.")


def require_strict(info: DeviceInfo) -> None:
    """Safety checks as they are shipped. Raises `DeviceError` (``device.safety_checks_lowered``)."""
    if info.safety_checks not in {"strict", "unknown"}:
        raise DeviceError(
            "safety_checks_lowered",
            f"expected strict safety checks on {info.model}, found {info.safety_checks}",
            hint="Set safety checks to strict on the device; this program never lowers them.",
        )
