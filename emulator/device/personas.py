"""The makes and models the emulator can pretend to be, one row each.

A row holds only what differs between devices; behaviour that is common lives with the messages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from .proto import encode_bytes, encode_number

TREZOR_CAPABILITIES = (1, 2, 3, 4, 5, 7, 9, 11, 12, 13, 24, 14, 15, 16, 17, 18, 19, 10, 6, 20)
CLASSIC_CAPABILITIES = (1, 2, 5, 7, 10, 12, 14)

ONEKEY_CLASSIC_1S_VERSION = "3.12.0"


@dataclass(frozen=True, slots=True)
class Persona:
    """What a device says about itself, and how many questions it asks."""

    name: str
    # Which code base the firmware descends from: MicroPython apps, or the C code of Trezor One.
    firmware: Literal["core", "legacy"]
    vendor: str
    model: str
    internal_model: str | None
    version: tuple[int, int, int]
    language: str
    capabilities: tuple[int, ...]
    display: tuple[int, int]
    # Names of messages this firmware has no workflow for.
    unsupported: frozenset[str] = frozenset()
    # Features fields of a fork's own, appended as they are.
    extra_features: bytes = b""
    # One question (and one ButtonRequest) per output instead of address, then amount.
    single_output_screen: bool = False
    # ButtonRequest of an output; OneKey announces a transaction as SignTx.
    output_button_code: int = 3
    # Whether fee warning and total are announced by a ButtonRequest at all.
    announces_total: bool = True
    # One question for address and text of a message, and its ButtonRequest code.
    single_message_screen: bool = False
    message_button_code: int = 1
    passphrase_entry_on_device: bool = True
    session_slots: int = 10


def _onekey_features(serial: str, device_type: int) -> bytes:
    version = ONEKEY_CLASSIC_1S_VERSION.encode()
    return (
        encode_bytes(508, version)  # onekey_version
        + encode_bytes(511, serial.encode())  # serial_no
        + encode_number(600, device_type)  # onekey_device_type: 1 is Classic 1S
        + encode_bytes(609, version)  # onekey_firmware_version
        + encode_bytes(612, serial.encode())  # onekey_serial_no
        + encode_number(626, 0)  # unlocked_attach_pin
    )


_TREZOR_CORE = Persona(
    name="trezor-core",
    firmware="core",
    vendor="trezor.io",
    model="T",
    internal_model="T2T1",
    version=(2, 12, 5),
    language="en-US",
    capabilities=TREZOR_CAPABILITIES,
    display=(240, 240),
)
_TREZOR_ONE = Persona(
    name="trezor-one",
    firmware="legacy",
    vendor="trezor.io",
    model="1",
    internal_model="T1B1",
    version=(1, 14, 2),
    language="en-US",
    capabilities=CLASSIC_CAPABILITIES,
    display=(128, 64),
    passphrase_entry_on_device=False,
)
_ONEKEY_CLASSIC_1S = Persona(
    name="onekey-classic1s",
    firmware="legacy",
    vendor="onekey.so",
    model="1",
    internal_model=None,
    version=(2, 99, 99),
    language="en-US",
    capabilities=CLASSIC_CAPABILITIES,
    display=(128, 64),
    extra_features=_onekey_features("EMULATOR000001", 1),
    single_output_screen=True,
    output_button_code=8,
    announces_total=False,
    single_message_screen=True,
    message_button_code=7,
    passphrase_entry_on_device=False,
)
_ONEKEY_PRO = replace(
    _TREZOR_CORE,
    name="onekey-pro",
    vendor="onekey.so",
    model="T",
    internal_model=None,
    version=(2, 99, 99),
    display=(480, 800),
    extra_features=_onekey_features("EMULATOR000002", 5),
)

PERSONAS = {persona.name: persona for persona in (_TREZOR_CORE, _TREZOR_ONE, _ONEKEY_CLASSIC_1S, _ONEKEY_PRO)}


def by_name(name: str) -> Persona:
    """The persona of that name; ValueError lists the known ones."""
    try:
        return PERSONAS[name]
    except KeyError:
        known = ", ".join(sorted(PERSONAS))
        raise ValueError(f"unknown persona {name!r}; known: {known}") from None
