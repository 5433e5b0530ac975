"""The makes and models the emulator can pretend to be, one row each.

A row holds only what differs between devices; behaviour that is common lives with the messages.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from .protocol.proto import encode_bytes, encode_number

# Numbers of the protocol's Capability, in the order the firmware lists them.
TREZOR_CAPABILITIES = (1, 2, 3, 4, 5, 7, 9, 11, 12, 13, 24, 14, 15, 16, 17, 18, 19, 10, 6, 20)
CLASSIC_CAPABILITIES = (1, 2, 5, 7, 10, 12, 14)
ONEKEY_PRO_CAPABILITIES = (1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17)
# Messages of the rooms that the C firmwares do not compile in.
_NOT_IN_C = frozenset({"GetNonce"})
_ETHEREUM_TYPED_DATA = 1000  # a capability of OneKey's own
_CAPABILITIES = 30  # the field of Features

ONEKEY_CLASSIC_1S_VERSION = "3.12.0"
ONEKEY_PRO_VERSION = "4.16.0"
_SE_VERSION = "1.1.7"  # the oldest secure element both accept

# OneKey's own numbers (20100 to 20120) of Ethereum requests.
_ONEKEY_ETHEREUM = frozenset(
    f"Ethereum{name}OneKey"
    for name in (
        "GetPublicKey",
        "GetAddress",
        "SignTx",
        "SignTxEIP1559",
        "SignTxEIP7702",
        "TxAck",
        "SignMessage",
        "VerifyMessage",
        "SignTypedData",
        "SignTypedHash",
    )
)


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
    passphrase_entry_on_device: bool = True
    session_slots: int = 10
    # Places of the PIN matrix, in the order in which a host names them.
    pin_places: str = "123456789"
    fw_vendor: str | None = "EMULATOR"
    # What an unnamed device calls itself; None: it has no label.
    default_label: str | None = None
    # The genuine firmware, or its makers' test vectors, that it was compared with; None: nothing of the kind.
    measured_against: str | None = None


def _onekey_features(version: str, serial: str, device_type: int) -> bytes:
    """The fields both OneKeys have (messages-management.proto of the forks)."""
    return (
        encode_bytes(508, version.encode())  # onekey_version
        + encode_bytes(511, serial.encode())  # serial_no
        + encode_number(600, device_type)  # onekey_device_type: 1 is Classic 1S, 5 is Pro
        + encode_number(601, 0)  # onekey_se_type: THD89
        + encode_bytes(606, _SE_VERSION.encode())  # onekey_se_version, of the first element
        + encode_bytes(609, version.encode())  # onekey_firmware_version
        + encode_bytes(612, serial.encode())  # onekey_serial_no
        + encode_number(625, 0)  # attach_to_pin_user
        + encode_number(626, 0)  # unlocked_attach_pin
    )


def _classic_1s_features(serial: str) -> bytes:
    return (
        encode_number(504, 0)  # se_enable
        + encode_bytes(506, _SE_VERSION.encode())  # se_ver
        + encode_bytes(509, serial.encode())  # onekey_serial
        + encode_number(517, 0)  # coin_switch
        + encode_bytes(521, b"classic1s")  # product
        + _onekey_features(ONEKEY_CLASSIC_1S_VERSION, serial, 1)
    )


def _pro_features(serial: str) -> bytes:
    elements = b"".join(encode_bytes(tag, _SE_VERSION.encode()) for tag in (618, 619, 620))
    return (
        encode_number(_CAPABILITIES, _ETHEREUM_TYPED_DATA)
        + encode_number(503, 1)  # ble_enable
        + encode_number(522, 58)  # brightness_percent
        + encode_number(523, 1)  # haptic_feedback
        + _onekey_features(ONEKEY_PRO_VERSION, serial, 5)
        + elements
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
    unsupported=_ONEKEY_ETHEREUM | {"EthereumSignTypedHash"},
    measured_against="Trezor's published test vectors for core 2.12.x",
)
_TREZOR_ONE = Persona(
    name="trezor-one",
    firmware="legacy",
    vendor="trezor.io",
    model="1",
    internal_model=None,
    version=(1, 14, 2),
    language="en-US",
    capabilities=CLASSIC_CAPABILITIES,
    display=(128, 64),
    unsupported=_ONEKEY_ETHEREUM | _NOT_IN_C | {"EthereumSignTypedData"},
    passphrase_entry_on_device=False,
    measured_against="genuine Trezor One 1.14.2",
)
_ONEKEY_CLASSIC_1S = Persona(
    name="onekey-classic1s",
    firmware="legacy",
    vendor="onekey.so",
    model="1",
    internal_model=None,
    version=(2, 99, 99),
    language="zh_CN",
    capabilities=CLASSIC_CAPABILITIES,
    display=(128, 64),
    unsupported=_NOT_IN_C | {"EthereumSignTypedData", "EntropyCheckContinue"},
    extra_features=_classic_1s_features("EMULATOR000001"),
    pin_places="1234567890",
    default_label="OneKey Classic",
    measured_against="genuine OneKey Classic 1S 3.12.0",
)
_ONEKEY_PRO = replace(
    _TREZOR_CORE,
    name="onekey-pro",
    vendor="onekey.so",
    model="T",
    internal_model=None,
    version=(2, 99, 99),
    capabilities=ONEKEY_PRO_CAPABILITIES,
    display=(480, 800),
    unsupported=frozenset(),
    fw_vendor=None,
    extra_features=_pro_features("EMULATOR000002"),
    measured_against=None,
)

PERSONAS = {persona.name: persona for persona in (_TREZOR_CORE, _TREZOR_ONE, _ONEKEY_CLASSIC_1S, _ONEKEY_PRO)}


def by_name(name: str) -> Persona:
    """The persona of that name; ValueError lists the known ones."""
    try:
        return PERSONAS[name]
    except KeyError:
        known = ", ".join(sorted(PERSONAS))
        raise ValueError(f"unknown persona {name!r}; known: {known}") from None
