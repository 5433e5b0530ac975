"""Strict protobuf coding on trezorlib's message definitions.

trezorlib's own decoder pads truncated fields with zeros and lets numbers overflow; a device must
not. Refuses: truncated input, wrong wire types, unknown enum values, numbers out of range, bad
UTF-8, missing required fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from trezorlib import mapping, messages
from trezorlib.protobuf import MessageType as _MessageType

# trezorlib is not typed for mypy's strict mode; a message is whatever its definition says.
Message = Any
MessageClass = Any

WIRE_VARINT = 0
WIRE_BYTES = 2
_LENGTHY = frozenset({"bytes", "string", "message"})
MAX_DEPTH = 8  # deeper nesting than any definition has

_TYPES: dict[int, MessageClass] = mapping.DEFAULT_MAPPING.type_to_class


class DecodeError(ValueError):
    """Bytes that are not a valid message of the expected type."""


@dataclass(frozen=True, slots=True)
class _FieldPlan:
    name: str
    kind: str  # one of: uint, sint, bool, bytes, string, enum, message
    bits: int
    repeated: bool
    required: bool
    default: Any
    cls: Any


@dataclass(frozen=True, slots=True)
class _Plan:
    fields: dict[int, _FieldPlan]
    required: tuple[str, ...]


def class_for_wire_type(wire_type: int) -> MessageClass | None:
    """The message class of a wire type, None for an unknown one."""
    return _TYPES.get(wire_type)


def wire_type_of(message: Message) -> int:
    return int(message.MESSAGE_WIRE_TYPE)


_PLANS: dict[MessageClass, _Plan] = {}


def _plan(cls: MessageClass) -> _Plan:
    plan = _PLANS.get(cls)
    if plan is None:
        plan = _PLANS[cls] = _make_plan(cls)
    return plan


def _make_plan(cls: MessageClass) -> _Plan:
    fields: dict[int, _FieldPlan] = {}
    for tag, field in cls.FIELDS.items():
        py_type = field.py_type
        bits = 64 if field.proto_type.endswith("64") else 32
        if issubclass(py_type, _MessageType):
            kind = "message"
        elif issubclass(py_type, IntEnum):
            kind = "enum"
        elif py_type is bool:
            kind = "bool"
        elif py_type is bytes:
            kind = "bytes"
        elif py_type is str:
            kind = "string"
        else:
            kind = "sint" if field.proto_type.startswith("sint") else "uint"
        fields[tag] = _FieldPlan(
            field.name, kind, bits, field.repeated, field.required, field.default, py_type
        )
    return _Plan(fields, tuple(f.name for f in fields.values() if f.required))


def _varint(data: bytes, pos: int, end: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if pos >= end or shift > 63:
            raise DecodeError("truncated or oversized number")
        byte = data[pos]
        pos += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, pos
        shift += 7


def _number(field: _FieldPlan, value: int) -> Any:
    if field.kind == "bool":
        if value > 1:
            raise DecodeError(f"{field.name}: {value} is not a boolean")
        return bool(value)
    if field.kind == "enum":
        try:
            return field.cls(value)
        except ValueError:
            raise DecodeError(f"{field.name}: unknown value {value}") from None
    if value >> field.bits:
        raise DecodeError(f"{field.name}: {value} does not fit {field.bits} bits")
    if field.kind == "sint":
        return (value >> 1) ^ -(value & 1)
    return value


def _blob(field: _FieldPlan, data: bytes, depth: int) -> Any:
    if field.kind == "bytes":
        return data
    if field.kind == "string":
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise DecodeError(f"{field.name}: not UTF-8") from None
    return _decode(field.cls, data, depth + 1)


def _packed(field: _FieldPlan, data: bytes) -> list[Any]:
    values, pos = [], 0
    while pos < len(data):
        number, pos = _varint(data, pos, len(data))
        values.append(_number(field, number))
    return values


def _raw_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(tag, number or bytes) of every field in `data`."""
    pos, end = 0, len(data)
    while pos < end:
        key, pos = _varint(data, pos, end)
        tag, wire = key >> 3, key & 7
        if wire not in (WIRE_VARINT, WIRE_BYTES):
            raise DecodeError(f"field {tag}: wire type {wire} is not used by this protocol")
        number, pos = _varint(data, pos, end)
        if wire == WIRE_VARINT:
            yield tag, number
            continue
        if pos + number > end:
            raise DecodeError(f"field {tag}: truncated")
        yield tag, data[pos : pos + number]
        pos += number


def _decode(cls: MessageClass, data: bytes, depth: int) -> Message:
    if depth > MAX_DEPTH:
        raise DecodeError("nested too deeply")
    plan = _plan(cls)
    values: dict[str, Any] = {
        f.name: [] if f.repeated else f.default for f in plan.fields.values() if not f.required
    }
    for tag, raw in _raw_fields(data):
        field = plan.fields.get(tag)
        if field is None:
            continue  # from a newer definition: skipped, as protobuf demands
        if isinstance(raw, bytes) and field.kind not in _LENGTHY:
            if not field.repeated:
                raise DecodeError(f"{field.name}: a number is expected")
            values[field.name].extend(_packed(field, raw))
            continue
        if isinstance(raw, int) and field.kind in _LENGTHY:
            raise DecodeError(f"{field.name}: bytes are expected")
        value = _number(field, raw) if isinstance(raw, int) else _blob(field, raw, depth)
        if field.repeated:
            values[field.name].append(value)
        else:
            values[field.name] = value
    for name in plan.required:
        if name not in values:
            raise DecodeError(f"missing required field {name}")
    message = cls.__new__(cls)
    message.__dict__.update(values)
    return message


def decode(cls: MessageClass, data: bytes) -> Message:
    """The message of class `cls` in `data`; raises DecodeError."""
    return _decode(cls, bytes(data), 0)


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
    for tag, field in _plan(type(message)).fields.items():
        value = getattr(message, field.name, None)
        if value is None:
            continue
        for item in value if field.repeated else (value,):
            if field.kind in _LENGTHY:
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
