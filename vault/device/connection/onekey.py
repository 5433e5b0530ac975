"""What stock trezorlib does not know about OneKey: its Features fields, its messages, its USB ids.

Field and message numbers are those of common/protob/messages-management.proto of OneKey's firmware.
Stock definitions are left as they are; everything is added to a copy.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, Final

from vault.device.ethereum.onekey_messages import own_messages

ONEKEY_VENDORS: Final = ("onekey.so", "trezor.io")  # the second in Trezor compatible mode
ONEKEY_USB_IDS: Final = ((0x1209, 0x4F4B), (0x1209, 0x53C1))  # the second in Trezor compatible mode
ONEKEY_TYPES: Final = {
    0: "Classic",
    1: "Classic 1S",
    2: "Mini",
    3: "Touch",
    4: "Touch Pro",
    5: "Pro",
    6: "Pure",
}
# What only a OneKey says about itself.
IDENTITY_FIELDS: Final = (
    (508, "onekey_version", "string"),
    (509, "onekey_serial", "string"),
    (511, "serial_no", "string"),
    (600, "onekey_device_type", "uint32"),
    (609, "onekey_firmware_version", "string"),
    (612, "onekey_serial_no", "string"),
)
# Unlocked with a PIN that is attached to a hidden wallet.
_STATE_FIELDS: Final = ((626, "unlocked_attach_pin", "bool"),)


@functools.cache
def device_mapping() -> Any:
    """A protobuf mapping of our own that also holds OneKey's fields and messages.

    The fields are copied: trezorlib writes the owning class into each field of a subclass.
    """
    from trezorlib import mapping, messages
    from trezorlib.protobuf import Field

    fields = {
        tag: dataclasses.replace(field, _py_type=field.py_type)
        for tag, field in messages.Features.FIELDS.items()
    }
    for tag, name, kind in (*IDENTITY_FIELDS, *_STATE_FIELDS):
        fields[tag] = Field(name, kind)
    result = mapping.ProtobufMapping.from_module(messages)
    result.register(type("Features", (messages.Features,), {"FIELDS": fields}))
    result.register(read_certificate())
    result.register(certificate())
    result.register(pin_on_device())
    for message in own_messages():
        result.register(message)
    return result


@functools.cache
def read_certificate() -> Any:
    """ReadSEPublicCert: asks for the certificate of the secure element."""
    from trezorlib.protobuf import MessageType

    return type("ReadSEPublicCert", (MessageType,), {"MESSAGE_WIRE_TYPE": 10007, "FIELDS": {}})


@functools.cache
def certificate() -> Any:
    """SEPublicCert: its answer."""
    from trezorlib.protobuf import Field, MessageType

    fields = {1: Field("public_cert", "bytes", required=True)}
    return type("SEPublicCert", (MessageType,), {"MESSAGE_WIRE_TYPE": 10008, "FIELDS": fields})


@functools.cache
def pin_on_device() -> Any:
    """BixinPinInputOnDevice: instead of places of the matrix, the PIN is typed on the device."""
    from trezorlib.protobuf import MessageType

    return type("BixinPinInputOnDevice", (MessageType,), {"MESSAGE_WIRE_TYPE": 10000, "FIELDS": {}})


@functools.cache
def onekey_model() -> Any:
    """The model under which stock trezorlib takes a OneKey: own vendors, USB ids and mapping."""
    from trezorlib.models import TrezorModel

    return TrezorModel("OneKey", "OneKey", (0, 0, 0), ONEKEY_VENDORS, ONEKEY_USB_IDS, device_mapping())
