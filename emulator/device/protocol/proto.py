"""Protobuf coding on trezorlib's message definitions, as strict as the firmware that is pretended.

trezorlib's own decoder pads truncated fields with zeros and lets numbers overflow; a device must
not. Two decoders know what the firmwares refuse and in which words; encoding is the same for all.
"""

from __future__ import annotations

from trezorlib import mapping, messages

from . import core_decoder, nanopb_decoder
from .bounds import Bounds
from .plans import LENGTHY, WIRE_BYTES, WIRE_VARINT, DecodeError, Message, MessageClass, plan_of

__all__ = [
    "DecodeError",
    "Message",
    "MessageClass",
    "class_for_wire_type",
    "decode",
    "encode",
    "encode_bytes",
    "encode_number",
    "failure",
    "register",
    "wire_type_of",
]

_TYPES: dict[int, MessageClass] = dict(mapping.DEFAULT_MAPPING.type_to_class)


def class_for_wire_type(wire_type: int) -> MessageClass | None:
    """The message class of a wire type, None for an unknown one."""
    return _TYPES.get(wire_type)


def register(cls: MessageClass) -> None:
    """Make a message known that trezorlib does not define (a fork's own)."""
    _TYPES[int(cls.MESSAGE_WIRE_TYPE)] = cls


def wire_type_of(message: Message) -> int:
    return int(message.MESSAGE_WIRE_TYPE)


def decode(
    cls: MessageClass,
    data: bytes,
    bounds: Bounds | None = None,
    *,
    experimental: bool = False,
    vocabulary: core_decoder.Vocabulary = core_decoder.PLAIN,
) -> Message:
    """The message of class `cls` in `data`; raises DecodeError in the firmware's words.

    `bounds` are the buffer sizes of a C firmware; without them MicroPython firmware decodes.
    """
    if bounds is None:
        return core_decoder.decode(cls, data, experimental=experimental, vocabulary=vocabulary)
    return nanopb_decoder.decode(cls, data, bounds)


def _put_varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def encode_number(tag: int, value: int) -> bytes:
    """One varint field, for fields trezorlib has no definition of."""
    out = bytearray()
    _put_varint(out, tag << 3 | WIRE_VARINT)
    _put_varint(out, value)
    return bytes(out)


def encode_bytes(tag: int, value: bytes) -> bytes:
    """One length-delimited field, for fields trezorlib has no definition of."""
    out = bytearray()
    _put_varint(out, tag << 3 | WIRE_BYTES)
    _put_varint(out, len(value))
    return bytes(out) + value


def encode(message: Message) -> bytes:
    """The bytes of a message; fields that are None are left out."""
    out = bytearray()
    for tag, field in plan_of(type(message)).fields.items():
        value = getattr(message, field.name, None)
        if value is None:
            continue
        for item in value if field.repeated else (value,):
            if field.kind in LENGTHY:
                if field.kind == "message":
                    chunk = encode(item)
                else:
                    chunk = item.encode() if field.kind == "string" else bytes(item)
                out += encode_bytes(tag, chunk)
            else:
                number = int(item)
                if field.kind == "sint":
                    number = (number << 1) ^ (number >> 63)
                out += encode_number(tag, number)
    return bytes(out)


def failure(code: int, text: str) -> Message:
    return messages.Failure(code=messages.FailureType(code), message=text)
