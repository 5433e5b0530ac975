"""Parameters of contract calls, read from their ABI encoding.

As strict as core firmware: padding has to be zero, offsets and lengths have to stay inside the
data. Types are written as in Solidity. Nested tuples and arrays of more than two dimensions are
refused, as definitions cannot describe them.

https://docs.soliditylang.org/en/latest/abi-spec.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from trezorlib.messages import EthereumABIType

from ...errors import FirmwareError
from ...protocol.proto import Message
from .errors import InvalidCall, InvalidFormat

WORD = 32
Value: TypeAlias = "int | bytes | bool | str | tuple[Value, ...] | list[Value] | None"
_Leaf = Callable[[bytes], Value]

_UINTS = (256, 248, 160, 128, 120, 112, 96, 72, 64, 48, 40, 32, 24, 16, 8)
_FIXED_BYTES = (32, 20, 16, 8, 4)


def _unsigned(bits: int) -> _Leaf:
    def read(word: bytes) -> Value:
        value = int.from_bytes(word, "big")
        if value >> bits:
            raise InvalidCall
        return value

    return read


def _signed(bits: int) -> _Leaf:
    def read(word: bytes) -> Value:
        value = int.from_bytes(word, "big", signed=True)
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise InvalidCall
        return value

    return read


def _fixed(size: int) -> _Leaf:
    def read(word: bytes) -> Value:
        if any(word[size:]):
            raise InvalidCall
        return word[:size]

    return read


def _address(word: bytes) -> Value:
    if any(word[:12]):
        raise InvalidCall
    return word[12:]


def _boolean(word: bytes) -> Value:
    value = int.from_bytes(word, "big")
    if value > 1:
        raise InvalidCall
    return value == 1


def _text(data: bytes) -> Value:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise FirmwareError("") from None  # the firmware stumbles over it


_STATIC: dict[str, _Leaf] = {
    "address": _address,
    "bool": _boolean,
    "int160": _signed(160),
    **{f"uint{bits}": _unsigned(bits) for bits in _UINTS},
    **{f"bytes{size}": _fixed(size) for size in _FIXED_BYTES},
}
_DYNAMIC: dict[str, _Leaf] = {"bytes": bytes, "string": _text}


def _word_at(data: bytes, position: int) -> int:
    if position + WORD > len(data):
        raise InvalidCall
    return int.from_bytes(data[position : position + WORD], "big")


def _blob_at(data: bytes, position: int) -> bytes:
    """Bytes behind a length."""
    length = _word_at(data, position)
    start = position + WORD
    if start + length > len(data):
        raise InvalidCall
    return data[start : start + length]


class Type(Protocol):
    """A type: how long its head is, whether that is an offset, and how its body is read."""

    @property
    def is_dynamic(self) -> bool: ...

    @property
    def head_size(self) -> int: ...

    def read(self, data: bytes, position: int) -> Value:
        """The value whose body is at `position`. Raises InvalidCall."""
        ...


def read_head(kind: Type, data: bytes, position: int, block: int = 0) -> Value:
    """The value whose head is at `position`; offsets count from `block`. Raises InvalidCall."""
    if position + kind.head_size > len(data):
        raise InvalidCall
    if kind.is_dynamic:
        return kind.read(data, block + _word_at(data, position))
    return kind.read(data, position)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A word, or a blob of any length."""

    name: str

    @property
    def is_dynamic(self) -> bool:
        return self.name in _DYNAMIC

    @property
    def head_size(self) -> int:
        return WORD

    def read(self, data: bytes, position: int) -> Value:
        if self.is_dynamic:
            return _DYNAMIC[self.name](_blob_at(data, position))
        return _STATIC[self.name](data[position : position + WORD])


@dataclass(frozen=True, slots=True)
class Tuple:
    """A struct of leaves, dynamic or not as its definition says."""

    fields: tuple[Leaf, ...]
    is_dynamic: bool

    def __post_init__(self) -> None:
        if not self.fields:
            raise InvalidFormat  # an array of nothing could be of any length

    @property
    def head_size(self) -> int:
        return WORD if self.is_dynamic else WORD * len(self.fields)

    def read(self, data: bytes, position: int) -> Value:
        if position + WORD * len(self.fields) > len(data):
            raise InvalidCall
        return tuple(
            read_head(leaf, data, position + WORD * i, position) for i, leaf in enumerate(self.fields)
        )


@dataclass(frozen=True, slots=True)
class Array:
    """A list of one type, as long as it says."""

    element: Type

    @property
    def is_dynamic(self) -> bool:
        return True

    @property
    def head_size(self) -> int:
        return WORD

    def read(self, data: bytes, position: int) -> Value:
        count = _word_at(data, position)
        start, step = position + WORD, self.element.head_size
        if start + count * step > len(data):
            raise InvalidCall
        return [read_head(self.element, data, start + i * step, start) for i in range(count)]


def read_parameters(types: tuple[Type, ...], data: bytes) -> list[Value]:
    """The parameters of a call, without its selector. Raises InvalidCall."""
    values, position = [], 0
    for kind in types:
        values.append(read_head(kind, data, position))
        position += kind.head_size
    return values


def parse_types(text: str) -> tuple[Type, ...]:
    """Types in Solidity's notation, separated by spaces; structs are (a,b,c)."""
    return tuple(_parse_type(word) for word in text.split())


def _parse_type(text: str) -> Type:
    if text.endswith("[]"):
        return Array(_parse_type(text[:-2]))
    if text.startswith("("):
        fields = tuple(Leaf(name) for name in text[1:-1].split(","))
        return Tuple(fields, any(leaf.is_dynamic for leaf in fields))
    return Leaf(text)


def _leaf_of(info: Message) -> Leaf:
    for number, known in ((info.atomic, _STATIC), (info.dynamic, _DYNAMIC)):
        if number is not None:
            name = EthereumABIType(number).name.removeprefix("ABI_").lower()
            if name not in known:
                raise InvalidFormat
            return Leaf(name)
    raise InvalidFormat


def type_of(info: Message, depth: int = 0) -> Type:
    """The type an EthereumABIValueInfo describes. Raises InvalidFormat."""
    if info.atomic is not None or info.dynamic is not None:
        return _leaf_of(info)
    if info.tuple is not None and depth < 2:
        fields = tuple(_leaf_of(field) for field in info.tuple.fields)
        # Inside an array a struct is what its fields make it.
        in_array = any(leaf.is_dynamic for leaf in fields)
        return Tuple(fields, in_array if depth else bool(info.tuple.is_dynamic))
    if info.array is not None and depth < 2:
        return Array(type_of(info.array, depth + 1))
    raise InvalidFormat
