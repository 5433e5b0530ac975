"""How MicroPython firmware decodes a message (core/embed/rust/src/protobuf/decode.rs).

Refuses a field of another wire type (packed numbers too), unknown enum values, bad UTF-8, missing
required fields and truncated values; experimental fields unless they are enabled. Numbers beyond
their declared size are refused here as well, where firmware lets some of them through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .plans import (
    LENGTHY,
    WIRE_BYTES,
    WIRE_VARINT,
    DecodeError,
    FieldPlan,
    Message,
    MessageClass,
    Plan,
    build,
    initial_values,
    plan_of,
)

MAX_DEPTH = 16
_EXPERIMENTAL = "Experimental features are disabled."


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The message definitions of one firmware, as far as they differ from trezorlib's.

    Fields are named by message and number. Experimental ones are refused until the setting is on.
    """

    max_tag: int = 255
    experimental_messages: frozenset[str] = frozenset()
    experimental_fields: frozenset[tuple[str, int]] = frozenset()
    unknown_fields: frozenset[tuple[str, int]] = frozenset()


PLAIN = Vocabulary()


def _refused(field: FieldPlan) -> DecodeError:
    return DecodeError(f"Invalid value for field. {field.name}")


def _varint(data: bytes, pos: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if pos >= len(data) or shift > 63:
            raise DecodeError("")  # the firmware's EOFError has no text
        byte = data[pos]
        pos += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, pos
        shift += 7


def _take(data: bytes, pos: int) -> tuple[bytes, int]:
    length, pos = _varint(data, pos)
    if pos + length > len(data):
        raise DecodeError("")
    return data[pos : pos + length], pos + length


def _number(field: FieldPlan, value: int) -> Any:
    if field.kind == "bool":
        return value != 0
    if field.kind == "enum":
        try:
            return field.cls(value)
        except ValueError:
            raise _refused(field) from None
    if value >> field.bits:
        raise DecodeError("")
    if field.kind == "sint":
        return (value >> 1) ^ -(value & 1)
    return value


def _skip(wire: int, data: bytes, pos: int) -> int:
    if wire == WIRE_VARINT:
        return _varint(data, pos)[1]
    if wire == WIRE_BYTES:
        return _take(data, pos)[1]
    raise DecodeError("Unknown field type.")


@dataclass(frozen=True, slots=True)
class _Decoder:
    """Decodes as one firmware with certain settings does."""

    vocabulary: Vocabulary
    experimental: bool

    def message(self, cls: MessageClass, data: bytes, depth: int) -> Message:
        if depth >= MAX_DEPTH:
            raise DecodeError("")
        plan = plan_of(cls)
        values = initial_values(plan)
        pos, end = 0, len(data)
        while pos < end:
            try:
                key, pos = _varint(data, pos)
            except DecodeError:
                break  # a key that is cut off is the end of the message
            tag, wire = key >> 3, key & 7
            field = self._field(plan, tag)
            if field is None:
                pos = _skip(wire, data, pos)
                continue
            if wire != (WIRE_BYTES if field.kind in LENGTHY else WIRE_VARINT):
                raise _refused(field)
            value, pos = self._value(field, data, pos, depth)
            if field.repeated:
                values[field.name].append(value)
            else:
                values[field.name] = value
        for name in plan.required:
            if name not in values:
                raise DecodeError(f"Missing required field. {name}")
        return build(cls, values)

    def _field(self, plan: Plan, tag: int) -> FieldPlan | None:
        words = self.vocabulary
        if tag > words.max_tag:
            raise DecodeError("")
        if not self.experimental and (plan.name, tag) in words.experimental_fields:
            raise DecodeError(_EXPERIMENTAL)
        return None if (plan.name, tag) in words.unknown_fields else plan.fields.get(tag)

    def _value(self, field: FieldPlan, data: bytes, pos: int, depth: int) -> tuple[Any, int]:
        if field.kind not in LENGTHY:
            number, pos = _varint(data, pos)
            return _number(field, number), pos
        chunk, pos = _take(data, pos)
        if field.kind == "bytes":
            return chunk, pos
        if field.kind == "message":
            return self.message(field.cls, chunk, depth + 1), pos
        try:
            return chunk.decode(), pos
        except UnicodeDecodeError:
            raise _refused(field) from None


def decode(
    cls: MessageClass, data: bytes, *, experimental: bool = False, vocabulary: Vocabulary = PLAIN
) -> Message:
    """The message of class `cls` in `data`. Raises DecodeError, with an empty text where the
    firmware's exception has none."""
    if not experimental and cls.__name__ in vocabulary.experimental_messages:
        raise DecodeError(_EXPERIMENTAL)
    return _Decoder(vocabulary, experimental).message(cls, bytes(data), 0)
