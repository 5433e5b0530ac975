"""How the C firmwares decode a message: nanopb with structures of fixed size (`bounds`).

Refuses strings, bytes and lists longer than their buffers, wrong wire types, numbers too large,
missing required fields and bad UTF-8, in nanopb's words. As in C a string ends at its first zero
byte, an unknown enum value is just a number, and a repeated sub-message is merged into the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .bounds import Bounds, FieldBound
from .plans import (
    LENGTHY,
    WIRE_BYTES,
    WIRE_FIXED32,
    WIRE_FIXED64,
    WIRE_VARINT,
    DecodeError,
    FieldPlan,
    Message,
    MessageClass,
    build,
    initial_values,
    plan_of,
)

_FIXED = {WIRE_FIXED64: 8, WIRE_FIXED32: 4}
_LAST_SHIFT_32 = 28
_MAX_BYTES = 0xFFFF  # PB_SIZE_MAX: sizes are 16 bits


@dataclass(slots=True)
class _Stream:
    """The part of a message that is not read yet."""

    data: bytes
    pos: int
    end: int

    def varint(self) -> int:
        """A number of up to 64 bits."""
        result = shift = 0
        while True:
            byte = self._byte()
            if shift >= 63 and byte & 0xFE:
                raise DecodeError("varint overflow")
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7

    def varint32(self) -> int:
        """A key, a length or a boolean: 32 bits, which a negative number may fill up to 64."""
        result = shift = 0
        while True:
            byte = self._byte()
            if shift > _LAST_SHIFT_32:
                sign = 0xFF if shift < 63 else 0x01
                negative = result >> 31 and byte == sign
                if shift > 63 or not (byte & 0x7F == 0 or negative):
                    raise DecodeError("varint overflow")
            elif shift == _LAST_SHIFT_32:
                if byte & 0x70 and byte & 0x78 != 0x78:
                    raise DecodeError("varint overflow")
                result |= (byte & 0x0F) << shift
            else:
                result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7

    def _byte(self) -> int:
        if self.pos >= self.end:
            raise DecodeError("end-of-stream")
        self.pos += 1
        return self.data[self.pos - 1]

    def take(self, length: int) -> bytes:
        if self.pos + length > self.end:
            raise DecodeError("end-of-stream")
        self.pos += length
        return self.data[self.pos - length : self.pos]

    def part(self) -> _Stream:
        """The stream of a length-delimited field."""
        length = self.varint32()
        if self.pos + length > self.end:
            raise DecodeError("parent stream too short")
        self.pos += length
        return _Stream(self.data, self.pos - length, self.pos)

    def skip(self, wire: int) -> None:
        if wire == WIRE_VARINT:
            while self.take(1)[0] >= 0x80:
                pass
        elif wire == WIRE_BYTES:
            self.take(self.varint32())
        elif wire in _FIXED:
            self.take(_FIXED[wire])
        else:
            raise DecodeError("invalid wire_type")

    @property
    def left(self) -> bool:
        return self.pos < self.end


def _number(field: FieldPlan, stream: _Stream) -> Any:
    if field.kind == "bool":
        return stream.varint32() != 0
    value = stream.varint()
    if field.kind == "sint":
        signed = (value >> 1) ^ -(value & 1)
        if not -(1 << field.bits - 1) <= signed < 1 << field.bits - 1:
            raise DecodeError("integer too large")
        return signed
    if value >> (32 if field.kind == "enum" else field.bits):
        raise DecodeError("integer too large")
    if field.kind == "enum":
        try:
            return field.cls(value)
        except ValueError:
            return value
    return value


def _sizes(bound: FieldBound, field: FieldPlan) -> tuple[int | None, int | None]:
    """(how many, how large) a field may be; None where no buffer is known."""
    if isinstance(bound, tuple):
        return bound
    bound = bound or None
    return (bound, None) if field.repeated else (None, bound)


def _blob(field: FieldPlan, size: int | None, stream: _Stream) -> Any:
    """A string or bytes; too long for its buffer comes before cut off."""
    length = stream.varint32()
    if field.kind == "bytes":
        # the buffer follows a 16-bit length: an odd size leaves one byte of padding
        if length > (_MAX_BYTES if size is None else size + size % 2):
            raise DecodeError("bytes overflow")
        return stream.take(length)
    if size is not None and length + 1 > size:
        raise DecodeError("string overflow")
    try:
        return stream.take(length).split(b"\0", 1)[0].decode()
    except UnicodeDecodeError:
        raise DecodeError("invalid utf8") from None


def _packed(field: FieldPlan, count: int | None, stream: _Stream, values: list[Any]) -> None:
    part = stream.part()
    while part.left and (count is None or len(values) < count):
        values.append(_number(field, part))
    if part.left:
        raise DecodeError("array overflow")


@dataclass(frozen=True, slots=True)
class _Decoder:
    """Decodes with the sizes of one firmware."""

    bounds: Bounds

    def message(self, cls: MessageClass, stream: _Stream, old: Message = None) -> Message:
        """The message in a stream, merged into an `old` one."""
        plan = plan_of(cls)
        bounds = self.bounds.get(plan.name, {})
        values = initial_values(plan) if old is None else dict(old.__dict__)
        while stream.left:
            key = stream.varint32()
            tag, wire = key >> 3, key & 7
            if tag == 0:
                raise DecodeError("zero tag")
            field = plan.fields.get(tag)
            bound = None if field is None else bounds.get(field.name, 0)
            if field is None or bound is None:
                stream.skip(wire)
            else:
                self._field(field, bound, wire, stream, values)
        for name in plan.required:
            if name not in values:
                raise DecodeError("missing required field")
        return build(cls, values)

    def _field(
        self, field: FieldPlan, bound: FieldBound, wire: int, stream: _Stream, values: dict[str, Any]
    ) -> None:
        count, size = _sizes(bound, field)
        lengthy = field.kind in LENGTHY
        if field.repeated and not lengthy and wire == WIRE_BYTES:
            _packed(field, count, stream, values[field.name])
            return
        if field.repeated and count is not None and len(values[field.name]) >= count:
            raise DecodeError("array overflow")
        if wire != (WIRE_BYTES if lengthy else WIRE_VARINT):
            raise DecodeError("wrong wire type")
        if not lengthy:
            value = _number(field, stream)
        elif field.kind == "message":
            old = None if field.repeated else values.get(field.name)
            value = self.message(field.cls, stream.part(), old)
        else:
            value = _blob(field, size, stream)
        if field.repeated:
            values[field.name].append(value)
        else:
            values[field.name] = value


def decode(cls: MessageClass, data: bytes, bounds: Bounds) -> Message:
    """The message of class `cls` in `data`, whose fields fit `bounds`. Raises DecodeError."""
    return _Decoder(bounds).message(cls, _Stream(bytes(data), 0, len(data)))
