"""JSON to trezorlib messages, with the two shorthands of scenario files: path strings and xpubs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trezorlib import messages, protobuf, tools


def node_of(xpub: str) -> dict[str, Any]:
    """The fields of an HDNodeType that an extended public key carries (BIP32)."""
    raw = tools.b58decode(xpub)[:-4]
    return {
        "depth": raw[4],
        "fingerprint": int.from_bytes(raw[5:9], "big"),
        "child_num": int.from_bytes(raw[9:13], "big"),
        "chain_code": raw[13:45].hex(),
        "public_key": raw[45:78].hex(),
    }


def expand(value: Any) -> Any:
    """Path strings under `address_n`, `xpub` and `node_xpubs` written out."""
    if isinstance(value, list):
        return [expand(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    out: dict[str, Any] = {}
    for key, item in value.items():
        if key == "xpub":
            out["node"] = node_of(item)
        elif key == "node_xpubs":
            out["nodes"] = [node_of(xpub) for xpub in item]
        elif key == "address_n" and isinstance(item, str):
            out[key] = list(tools.parse_path(item))
        else:
            out[key] = expand(item)
    return out


def message(cls: Any, fields: Mapping[str, Any]) -> Any:
    """A message of that class; bytes are hex, enumerations names."""
    return protobuf.dict_to_proto(cls, expand(fields))


def named(spec: Mapping[str, Any]) -> Any:
    """{"message": name, "fields": {...}} as a message."""
    return message(getattr(messages, spec["message"]), spec.get("fields", {}))


def same_again(original: Any) -> Any:
    """A copy: the host library keeps its objects and sends them again."""
    return protobuf.dict_to_proto(type(original), protobuf.to_dict(original))


def assign(target: Any, dotted: str, value: Any) -> None:
    """assign(ack, "tx.inputs.0.amount", 5); bytes are hex, None clears the field."""
    *way, last = dotted.split(".")
    for part in way:
        target = target[int(part)] if part.isdigit() else getattr(target, part)
    field = next(field for field in type(target).FIELDS.values() if field.name == last)
    if last == "address_n" and isinstance(value, str):
        value = tools.parse_path(value)
    elif isinstance(value, Mapping):
        value = message(field.py_type, value)
    elif value is not None and not isinstance(value, list):
        value = protobuf.value_to_proto(field, value)
    setattr(target, last, value)
