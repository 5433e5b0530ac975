"""The contract ABI of Solidity: functions, events and arguments to bytes and back, each in one way only.

Refuses, when it reads, whatever is not the encoding that we would write: dirty upper bits, offsets that
overlap or leave gaps, padding that is not zero, bytes that follow, text that is not UTF-8. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault.errors import AddressError, EthereumError
from vault.evm.address import ZERO_ADDRESS, address_bytes, checksum_address
from vault.evm.hashing import keccak

WORD: Final = 32
MAX_DATA: Final = 128 * 1024  # no transaction carries more
MAX_ELEMENTS: Final = 256  # of an array; a Safe has no more owners
_ARRAY: Final = re.compile(r"(.+)\[(0|[1-9][0-9]{0,2})?\]", re.ASCII)
_NUMBER: Final = re.compile(r"(u?int)([1-9][0-9]{0,2})", re.ASCII)
_BYTES: Final = re.compile(r"bytes([1-9]|[12][0-9]|3[0-2])", re.ASCII)
_TEXT: Final = re.compile(r"([A-Za-z_]\w*)\((.*?)\)(?: returns \((.*)\))?", re.ASCII)

# An address is its EIP-55 text (zero too), bytes are bytes, arrays and tuples are tuples.
Value = int | bool | bytes | str | tuple["Value", ...]


def encode(types: Sequence[str], values: Sequence[Value]) -> bytes:
    """The arguments as calldata holds them behind its selector. Raises `EthereumError` (``bad_calldata``)."""
    if len(types) != len(values):
        raise _bad(f"expected {len(types)} values, found {len(values)}")
    head_size = sum(map(_head_size, types))
    heads, tails = bytearray(), bytearray()
    for kind, value in zip(types, values, strict=True):
        body = _encode(kind, value)
        if _is_dynamic(kind):
            heads += (head_size + len(tails)).to_bytes(WORD, "big")
            tails += body
        else:
            heads += body
    return bytes(heads + tails)


def decode(types: Sequence[str], data: bytes) -> tuple[Value, ...]:
    """The arguments that encode to exactly `data`. Raises `EthereumError` (``ethereum.bad_calldata``)."""
    if len(data) > MAX_DATA:
        raise _bad(f"expected at most {MAX_DATA} bytes, found {len(data)}")
    values, end = _decode_row(types, data, 0)
    if end != len(data):
        raise _bad(f"{len(data) - end} bytes too many at the end")
    if encode(types, values) != data:
        raise _bad("it does not encode back to the same bytes")
    return values


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named argument; `indexed` only of events."""

    name: str
    type: str
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a contract as its ABI says it."""

    name: str
    inputs: tuple[Parameter, ...]
    outputs: tuple[str, ...] = ()

    @property
    def signature(self) -> str:
        return _signature(self.name, self.inputs)

    @property
    def selector(self) -> bytes:
        return keccak(self.signature.encode())[:4]

    @property
    def types(self) -> tuple[str, ...]:
        return tuple(each.type for each in self.inputs)

    def encode(self, *values: Value) -> bytes:
        """Selector and arguments."""
        return self.selector + encode(self.types, values)

    def decode(self, data: bytes) -> tuple[Value, ...]:
        """The arguments of a call of exactly this function. Raises `EthereumError` (``bad_calldata``)."""
        if data[:4] != self.selector:
            raise _bad(f"expected a call of {self.signature}, found selector 0x{data[:4].hex()}")
        return decode(self.types, data[4:])

    def result(self, data: bytes) -> tuple[Value, ...]:
        """What a call of it returned. Raises `EthereumError` (``ethereum.bad_calldata``)."""
        return decode(self.outputs, data)


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a contract; its indexed inputs are of static types."""

    name: str
    inputs: tuple[Parameter, ...]

    @property
    def topic(self) -> bytes:
        return keccak(_signature(self.name, self.inputs).encode())

    def decode(self, topics: Sequence[bytes], data: bytes) -> tuple[Value, ...]:
        """The values in the order of the inputs. Raises `EthereumError` (``ethereum.bad_calldata``)."""
        indexed = [each.type for each in self.inputs if each.indexed]
        if len(topics) != len(indexed) + 1 or topics[0] != self.topic:
            raise _bad(f"expected the event {self.name}, found another")
        found = iter(decode(indexed, b"".join(topics[1:])))
        rest = iter(decode([each.type for each in self.inputs if not each.indexed], data))
        return tuple(next(found if each.indexed else rest) for each in self.inputs)


def function(text: str) -> Function:
    """``transfer(address to, uint256 value) returns (bool)``, of our own tables; else `ValueError`."""
    name, inputs, outputs = _parts(text)
    return Function(name, inputs, tuple(each.type for each in _parameters(outputs)))


def event(text: str) -> Event:
    """``Transfer(address indexed from, address indexed to, uint256 value)``: `ValueError` if unreadable."""
    name, inputs, _ = _parts(text)
    return Event(name, inputs)


def _signature(name: str, inputs: tuple[Parameter, ...]) -> str:
    return f"{name}({','.join(each.type for each in inputs)})"


def _parts(text: str) -> tuple[str, tuple[Parameter, ...], str]:
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"expected name(type name, …), found {text!r}")
    return match[1], _parameters(match[2]), match[3] or ""


def _parameters(text: str) -> tuple[Parameter, ...]:
    found = []
    for part in filter(None, (each.strip() for each in _split(text))):
        kind, *words = part.split()
        _require_type(kind)
        indexed = words[:1] == ["indexed"]
        found.append(Parameter(words[-1] if words[indexed:] else "", kind, indexed))
    return tuple(found)


def _split(text: str) -> list[str]:
    """At the commas outside parentheses."""
    parts, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def _members(kind: str) -> list[str] | None:
    """The types in a tuple's type."""
    return _split(kind[1:-1]) if kind[0] == "(" and kind[-1] == ")" else None


def _require_type(kind: str) -> None:
    if match := _ARRAY.fullmatch(kind):
        _require_type(match[1])
        if match[2] == "0" or _is_dynamic(match[1]):
            # Elements with tails can be made to share them: a short text that unfolds without end.
            raise ValueError(f"expected arrays of static types, found {kind}")
        return
    if (members := _members(kind)) is not None:
        for each in members:
            _require_type(each)
        return
    number = _NUMBER.fullmatch(kind)
    if number and int(number[2]) % 8 == 0 and int(number[2]) <= 256:
        return
    if kind not in {"address", "bool", "bytes", "string"} and not _BYTES.fullmatch(kind):
        raise ValueError(f"expected a type of the ABI, found {kind!r}")


def _is_dynamic(kind: str) -> bool:
    if match := _ARRAY.fullmatch(kind):
        return match[2] is None or _is_dynamic(match[1])
    if (members := _members(kind)) is not None:
        return any(map(_is_dynamic, members))
    return kind in {"bytes", "string"}


def _head_size(kind: str) -> int:
    if _is_dynamic(kind):
        return WORD
    if match := _ARRAY.fullmatch(kind):
        return int(match[2]) * _head_size(match[1])
    members = _members(kind)
    return WORD if members is None else sum(map(_head_size, members))


def _encode(kind: str, value: Value) -> bytes:
    if match := _ARRAY.fullmatch(kind):
        size = int(match[2]) if match[2] else None
        if not isinstance(value, tuple) or len(value) > MAX_ELEMENTS or size not in {None, len(value)}:
            raise _unfit(kind, value)
        body = encode([match[1]] * len(value), value)
        return body if size is not None else len(value).to_bytes(WORD, "big") + body
    if (members := _members(kind)) is not None:
        if not isinstance(value, tuple):
            raise _unfit(kind, value)
        return encode(members, value)
    if kind in {"bytes", "string"}:
        raw = _raw(kind, value)
        return len(raw).to_bytes(WORD, "big") + raw + bytes(-len(raw) % WORD)
    return _encode_word(kind, value)


def _raw(kind: str, value: Value) -> bytes:
    try:
        raw = value.encode() if kind == "string" and isinstance(value, str) else value
    except UnicodeEncodeError:
        raise _unfit(kind, value) from None
    if not isinstance(raw, bytes) or len(raw) > MAX_DATA or (kind == "string") != isinstance(value, str):
        raise _unfit(kind, value)
    return raw


def _encode_word(kind: str, value: Value) -> bytes:
    if kind == "bool" and type(value) is bool:
        return int(value).to_bytes(WORD, "big")
    if kind == "address" and isinstance(value, str):
        return bytes(12) + _address(value)
    if (number := _NUMBER.fullmatch(kind)) and type(value) is int:
        signed, bits = number[1] == "int", int(number[2])
        low, high = (-(1 << (bits - 1)), 1 << (bits - 1)) if signed else (0, 1 << bits)
        if low <= value < high:
            return value.to_bytes(WORD, "big", signed=signed)
    if (sized := _BYTES.fullmatch(kind)) and isinstance(value, bytes) and len(value) == int(sized[1]):
        return value.ljust(WORD, b"\0")
    raise _unfit(kind, value)


def _address(value: str) -> bytes:
    if value == ZERO_ADDRESS:
        return bytes(20)
    try:
        return address_bytes(value)
    except AddressError as error:
        raise _bad(error.message) from None


def _decode_row(types: Sequence[str], data: bytes, start: int) -> tuple[tuple[Value, ...], int]:
    """The values whose heads begin at `start`, and where the last tail ends.

    Tails stand behind the heads in order and without gaps: every other offset is refused at once.
    """
    head, tail = start, start + sum(map(_head_size, types))
    values: list[Value] = []
    for kind in types:
        if not _is_dynamic(kind):
            values.append(_decode_static(kind, data, head))
        else:
            offset = int.from_bytes(_take(data, head, WORD), "big")
            if offset != tail - start:
                raise _bad(f"expected an offset of {tail - start}, found {offset}")
            value, tail = _decode_tail(kind, data, tail)
            values.append(value)
        head += _head_size(kind)
    return tuple(values), tail


def _decode_tail(kind: str, data: bytes, start: int) -> tuple[Value, int]:
    if (members := _members(kind)) is not None:
        return _decode_row(members, data, start)
    length = int.from_bytes(_take(data, start, WORD), "big")
    start += WORD
    if match := _ARRAY.fullmatch(kind):
        if length > MAX_ELEMENTS:
            raise _bad(f"expected at most {MAX_ELEMENTS} elements, found {length}")
        return _decode_row([match[1]] * length, data, start)
    end = start + length + -length % WORD
    raw = _take(data, start, length)
    if any(_take(data, start + length, end - start - length)):
        raise _bad("expected zeros as padding")
    return (_utf8(raw) if kind == "string" else raw), end


def _decode_static(kind: str, data: bytes, at: int) -> Value:
    if match := _ARRAY.fullmatch(kind):
        return _decode_row([match[1]] * int(match[2]), data, at)[0]
    if (members := _members(kind)) is not None:
        return _decode_row(members, data, at)[0]
    word = _take(data, at, WORD)
    if kind == "address":
        return checksum_address(word[12:])
    if number := _NUMBER.fullmatch(kind):
        return int.from_bytes(word, "big", signed=number[1] == "int")
    if kind == "bool":
        return word[-1] == 1
    return word[: int(kind.removeprefix("bytes"))]


def _take(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise _bad(f"expected {at + size} bytes, found {len(data)}")
    return data[at : at + size]


def _utf8(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise _bad("expected text in UTF-8") from None


def _unfit(kind: str, value: Value) -> EthereumError:
    return _bad(f"expected a value of type {kind}, found {ascii(value)[:80]}")


def _bad(what: str) -> EthereumError:
    return EthereumError("bad_calldata", f"ABI: {what}")
