"""The bytes of an answer, and what an evil device does to them.

An honest answer is the protobuf coding plus a persona's own Features fields. Evil ones carry
signatures that are too long, or fields no definition knows and fields twice.
"""

from __future__ import annotations

from copy import copy

from trezorlib import messages

from ..faults import Faults
from ..personas import Persona
from . import proto
from .plans import plan_of
from .proto import Message

_PADDING = bytes(4)
_UNKNOWN_FIELD = 16_000
_OVERSIZED = 4096
_SIGNATURES: dict[str, tuple[str, ...]] = {
    "MessageSignature": ("signature",),
    "TxRequestSerializedType": ("signature",),
    "OwnershipProof": ("signature",),
    "EthereumMessageSignature": ("signature",),
    "EthereumTypedDataSignature": ("signature",),
    "EthereumMessageSignatureOneKey": ("signature",),
    "EthereumTypedDataSignatureOneKey": ("signature",),
    "EthereumTxRequest": ("signature_r", "signature_s"),
}


def encode(message: Message, persona: Persona, faults: Faults) -> bytes:
    """The payload that is sent for `message`."""
    if faults.zero_padded_signature:
        message = _padded(message)
    payload = proto.encode(message)
    if isinstance(message, messages.Features):
        payload += persona.extra_features
    if faults.inflated_fields:
        payload = _inflated(message, payload)
    return payload


def _padded(message: Message) -> Message:
    """The message with zeros after every signature in it (before the halves of an Ethereum one)."""
    if isinstance(message, messages.TxRequest) and message.serialized is not None:
        message = copy(message)
        message.serialized = _padded(message.serialized)
        return message
    names = _SIGNATURES.get(type(message).__name__, ())
    spoiled = copy(message) if names else message
    for name in names:
        value = getattr(message, name, None)
        if value is not None:
            halves = name.startswith("signature_")
            setattr(spoiled, name, _PADDING + value if halves else value + _PADDING)
    return spoiled


def _inflated(message: Message, payload: bytes) -> bytes:
    """The fields twice where that changes nothing, and two that do not exist, one of them huge."""
    plan = plan_of(type(message))
    again = copy(message)
    for field in plan.fields.values():
        if field.repeated or field.kind == "message":
            setattr(again, field.name, [] if field.repeated else None)
    unknown = proto.encode_number(_UNKNOWN_FIELD, 2**64 - 1)
    huge = proto.encode_bytes(_UNKNOWN_FIELD + 1, bytes(_OVERSIZED))
    return payload + unknown + huge + proto.encode(again)
