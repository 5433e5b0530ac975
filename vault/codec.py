"""Value types to JSON and back, exactly: what was written reads back equal, or is refused.

Frozen dataclasses become objects, `Decimal` and instants strings, `Amount` its asset and number.
Refuses unknown and missing keys; there is no default for what a file does not say.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from vault.clock import from_iso, to_iso
from vault.errors import DocumentError
from vault.money import Amount, plain, venue_decimal

T = TypeVar("T")


def encode(value: object) -> Any:
    """A JSON-ready value. Raises `DocumentError` for types that have no exact JSON form."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Amount):
        return value.as_json()
    if isinstance(value, datetime):
        return to_iso(value)
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    raise DocumentError("not_exact", f"no exact JSON form for {type(value).__name__}")


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def decode(value: Any, kind: type[T], *, what: str = "") -> T:
    """Read `kind` (a dataclass of this project) from what `encode` wrote. Raises `DocumentError`."""
    return typing.cast("T", _decode(value, kind, what or kind.__name__))


_SCALARS: dict[type, Callable[[Any], Any]] = {
    Decimal: venue_decimal,
    datetime: from_iso,
    Amount: Amount.from_json,
}


def _decode(value: Any, kind: Any, what: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in {types.UnionType, typing.Union}:
        inner = [option for option in typing.get_args(kind) if option is not type(None)]
        return None if value is None else _decode(value, inner[0], what)
    if origin is tuple:
        return _decode_tuple(value, typing.get_args(kind), what)
    if origin is typing.Literal:
        if value not in typing.get_args(kind):
            raise DocumentError(
                "unexpected_value", f"{what}: expected one of {typing.get_args(kind)}, found {value!r}"
            )
        return value
    if kind in _SCALARS:
        if kind is not Amount and not isinstance(value, str):
            raise DocumentError("unexpected_type", f"{what}: expected a string, found {type(value).__name__}")
        return _SCALARS[kind](value)
    if kind in {str, int, bool}:
        if type(value) is not kind:
            raise DocumentError(
                "unexpected_type", f"{what}: expected {kind.__name__}, found {type(value).__name__}"
            )
        return value
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(value, typing.cast("type", kind), what)
    raise DocumentError("not_exact", f"{what}: no reader for {kind}")


def _decode_tuple(value: Any, args: tuple[Any, ...], what: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise DocumentError("unexpected_type", f"{what}: expected a list, found {type(value).__name__}")
    if len(args) == 2 and args[1] is Ellipsis:
        return tuple(_decode(item, args[0], f"{what}[{index}]") for index, item in enumerate(value))
    if len(args) != len(value):
        raise DocumentError("unexpected_type", f"{what}: expected {len(args)} items, found {len(value)}")
    return tuple(_decode(item, arg, what) for item, arg in zip(value, args, strict=True))


def _decode_dataclass(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, dict):
        raise DocumentError("unexpected_type", f"{what}: expected an object, found {type(value).__name__}")
    names = {field.name for field in dataclasses.fields(kind)}
    if set(value) != names:
        wrong = ", ".join(sorted(set(value) ^ names))
        raise DocumentError(
            "unexpected_keys", f"{what}: expected exactly {', '.join(sorted(names))}; differs in {wrong}"
        )
    hints = _hints(kind)
    return kind(**{name: _decode(value[name], hints[name], f"{what}.{name}") for name in names})
