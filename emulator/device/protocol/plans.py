"""Decoding plans: what trezorlib's message definitions say, in a form that decodes quickly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from trezorlib.protobuf import MessageType as _MessageType

# trezorlib is not typed for mypy's strict mode; a message is whatever its definition says.
Message = Any
MessageClass = Any

WIRE_VARINT = 0
WIRE_FIXED64 = 1
WIRE_BYTES = 2
WIRE_FIXED32 = 5
LENGTHY = frozenset({"bytes", "string", "message"})


class DecodeError(ValueError):
    """Bytes that are not a valid message of the expected type; the text is the firmware's."""


@dataclass(frozen=True, slots=True)
class FieldPlan:
    name: str
    kind: str  # one of: uint, sint, bool, bytes, string, enum, message
    bits: int
    repeated: bool
    required: bool
    default: Any
    cls: Any


@dataclass(frozen=True, slots=True)
class Plan:
    name: str
    fields: dict[int, FieldPlan]
    required: tuple[str, ...]


_PLANS: dict[MessageClass, Plan] = {}


def plan_of(cls: MessageClass) -> Plan:
    """The plan of a message class, made once."""
    plan = _PLANS.get(cls)
    if plan is None:
        plan = _PLANS[cls] = _make_plan(cls)
    return plan


def _kind(py_type: Any, proto_type: str) -> str:
    if issubclass(py_type, _MessageType):
        return "message"
    if issubclass(py_type, IntEnum):
        return "enum"
    plain = {bool: "bool", bytes: "bytes", str: "string"}
    return plain.get(py_type) or ("sint" if proto_type.startswith("sint") else "uint")


def _make_plan(cls: MessageClass) -> Plan:
    fields: dict[int, FieldPlan] = {}
    for tag, field in cls.FIELDS.items():
        bits = 64 if field.proto_type.endswith("64") else 32
        kind = _kind(field.py_type, field.proto_type)
        fields[tag] = FieldPlan(
            field.name, kind, bits, field.repeated, field.required, field.default, field.py_type
        )
    return Plan(cls.__name__, fields, tuple(f.name for f in fields.values() if f.required))


def initial_values(plan: Plan) -> dict[str, Any]:
    """The values of a message before any field is read; required ones are absent."""
    return {f.name: [] if f.repeated else f.default for f in plan.fields.values() if not f.required}


def build(cls: MessageClass, values: dict[str, Any]) -> Message:
    """A message with exactly these values, without trezorlib's constructor."""
    message = cls.__new__(cls)
    message.__dict__.update(values)
    return message
