"""EIP-712 typed data: read strictly from its JSON form, hashed by ourselves.

Refuses missing and surplus members, values out of range or in another form than their type's, addresses
without their EIP-55 checksum, types that are unknown, unused or recursive, and more than a device shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from vault.errors import AddressError, EthereumError
from vault.evm.address import ZERO_ADDRESS, address_bytes, checksum_address
from vault.evm.hashing import keccak

DOMAIN: Final = "EIP712Domain"
MAX_VALUES: Final = 200  # nobody reads more on a device's screen
MAX_BYTES: Final = 1024  # of a string or of bytes: what every device takes in one message
_DOMAIN_MEMBERS: Final = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
# EIP-712 asks for an identifier. "HyperliquidTransaction:Withdraw" is none, and devices take it.
_STRUCT: Final = re.compile(r"(?=.{1,64}\Z)[A-Za-z_][A-Za-z0-9_]*(:[A-Za-z_][A-Za-z0-9_]*)?", re.ASCII)
_ARRAY: Final = re.compile(r"(.+)\[([1-9][0-9]{0,2})?\]", re.ASCII)
_NUMBER: Final = re.compile(r"(u?int)([1-9][0-9]{0,2})", re.ASCII)
_BYTES: Final = re.compile(r"bytes([1-9]|[12][0-9]|3[0-2])", re.ASCII)
_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)

Value = int | bool | bytes | str | tuple["Value", ...]


@dataclass(frozen=True, slots=True)
class Member:
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class StructType:
    name: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class TypedData:
    """Values stand in the order of their struct's members; addresses are 20 bytes, arrays tuples."""

    structs: tuple[StructType, ...]
    primary_type: str
    domain: tuple[Value, ...]
    message: tuple[Value, ...]

    @classmethod
    def parse(cls, document: object) -> TypedData:
        """Read ``{types, primaryType, domain, message}``. Raises `EthereumError` (``bad_typed_data``)."""
        return _parse(document)

    def struct(self, name: str) -> StructType:
        """The struct type of that name, which exists."""
        return next(each for each in self.structs if each.name == name)

    def is_struct(self, kind: str) -> bool:
        return any(each.name == kind for each in self.structs)

    def domain_hash(self) -> bytes:
        return self._hash_struct(DOMAIN, self.domain)

    def message_hash(self) -> bytes:
        return self._hash_struct(self.primary_type, self.message)

    def digest(self) -> bytes:
        """What is signed: keccak256(0x1901, domain hash, message hash)."""
        return keccak(b"\x19\x01" + self.domain_hash() + self.message_hash())

    def size(self) -> int:
        """How many values there are, arrays and structs counted with theirs."""
        return _count(self.domain) + _count(self.message) + len(self.structs)

    def type_text(self, name: str) -> str:
        """encodeType: the struct, then the structs it refers to by name."""
        others = sorted(set(self._referred(name)) - {name})
        return "".join(
            f"{each}({','.join(f'{m.type} {m.name}' for m in self.struct(each).members)})"
            for each in (name, *others)
        )

    def _referred(self, name: str) -> Iterator[str]:
        yield name
        for member in self.struct(name).members:
            inner = member.type.split("[")[0]
            if self.is_struct(inner):
                yield from self._referred(inner)

    def _hash_struct(self, name: str, values: tuple[Value, ...]) -> bytes:
        members = self.struct(name).members
        words = (self._word(member.type, value) for member, value in zip(members, values, strict=True))
        return keccak(keccak(self.type_text(name).encode()) + b"".join(words))

    def _word(self, kind: str, value: Value) -> bytes:
        """encodeData of one value: 32 bytes."""
        if isinstance(value, tuple):
            if match := _ARRAY.fullmatch(kind):
                return keccak(b"".join(self._word(match[1], each) for each in value))
            return self._hash_struct(kind, value)
        if isinstance(value, int):  # bool too
            return value.to_bytes(32, "big", signed=value < 0)
        if isinstance(value, str):
            return keccak(value.encode())
        if kind == "bytes":
            return keccak(value)
        return value.rjust(32, b"\0") if kind == "address" else value.ljust(32, b"\0")


def _count(value: Value) -> int:
    return 1 + sum(map(_count, value)) if isinstance(value, tuple) else 1


def _bad(what: str) -> EthereumError:
    return EthereumError("bad_typed_data", f"typed data: {what}")


def _parse(document: object) -> TypedData:
    if not isinstance(document, Mapping) or set(document) != {"types", "primaryType", "domain", "message"}:
        raise _bad("expected types, primaryType, domain and message, and nothing else")
    structs = _read_types(document["types"])
    primary = document["primaryType"]
    names = {each.name for each in structs}
    if not isinstance(primary, str) or primary not in names or primary == DOMAIN or DOMAIN not in names:
        raise _bad(f"expected a primary type among the types beside {DOMAIN}, found {primary!r}")
    empty = TypedData(structs, primary, (), ())
    for name in (DOMAIN, primary):
        _refuse_recursion(empty, name, ())
    used = {*empty._referred(primary), DOMAIN}
    if unused := names - used:
        raise _bad(f"expected no types that are not used, found {', '.join(sorted(unused))}")
    for member in empty.struct(DOMAIN).members:
        if _DOMAIN_MEMBERS.get(member.name) != member.type:
            raise _bad(f"the domain has a member {member.type} {member.name}")
    domain = _read_struct(empty, DOMAIN, document["domain"], "domain")
    message = _read_struct(empty, primary, document["message"], "message")
    data = TypedData(structs, primary, domain, message)
    if data.size() > MAX_VALUES:
        raise _bad(f"expected at most {MAX_VALUES} values, found {data.size()}")
    return data


def _read_types(types: object) -> tuple[StructType, ...]:
    if not isinstance(types, Mapping) or not 0 < len(types) <= 20:
        raise _bad("expected 1 to 20 types")
    known = set(types)
    structs = []
    for name, members in types.items():
        if not isinstance(name, str) or not _STRUCT.fullmatch(name) or _is_atom(name):
            raise _bad(f"expected the name of a struct, found {name!r}")
        if not isinstance(members, Sequence) or isinstance(members, str) or len(members) > 50:
            raise _bad(f"{name}: expected a list of members")
        found = []
        for member in members:
            if not isinstance(member, Mapping) or set(member) != {"name", "type"}:
                raise _bad(f"{name}: expected members with name and type")
            label, kind = member["name"], member["type"]
            if not isinstance(label, str) or not _NAME.fullmatch(label):
                raise _bad(f"{name}: expected the name of a member, found {label!r}")
            if not isinstance(kind, str) or not _is_type(kind, known):
                raise _bad(f"{name}.{label}: expected a type of EIP-712, found {kind!r}")
            found.append(Member(label, kind))
        if len({each.name for each in found}) != len(found):
            raise _bad(f"{name}: expected each member once")
        structs.append(StructType(name, tuple(found)))
    return tuple(structs)


def _is_type(kind: str, structs: set[object]) -> bool:
    while match := _ARRAY.fullmatch(kind):
        kind = match[1]
    return _is_atom(kind) or (kind in structs and kind != DOMAIN)


def _is_atom(kind: str) -> bool:
    number = _NUMBER.fullmatch(kind)
    if number:
        return int(number[2]) % 8 == 0 and int(number[2]) <= 256
    return kind in {"string", "bytes", "bool", "address"} or bool(_BYTES.fullmatch(kind))


def _refuse_recursion(data: TypedData, name: str, above: tuple[str, ...]) -> None:
    if name in above or len(above) > 8:
        raise _bad(f"{name} contains itself, or is too deep")
    for member in data.struct(name).members:
        inner = member.type.split("[")[0]
        if data.is_struct(inner):
            _refuse_recursion(data, inner, (*above, name))


def _read_struct(data: TypedData, name: str, value: object, where: str) -> tuple[Value, ...]:
    members = data.struct(name).members
    if not isinstance(value, Mapping) or set(value) != {member.name for member in members}:
        raise _bad(f"{where}: expected exactly the members of {name}")
    return tuple(_read(data, each.type, value[each.name], f"{where}.{each.name}") for each in members)


def _read(data: TypedData, kind: str, value: object, where: str) -> Value:
    if match := _ARRAY.fullmatch(kind):
        if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) > MAX_VALUES:
            raise _bad(f"{where}: expected a list of at most {MAX_VALUES}")
        if match[2] and len(value) != int(match[2]):
            raise _bad(f"{where}: expected {match[2]} elements, found {len(value)}")
        return tuple(_read(data, match[1], each, f"{where}[{n}]") for n, each in enumerate(value))
    if data.is_struct(kind):
        return _read_struct(data, kind, value, where)
    return _read_atom(kind, value, where)


def _read_atom(kind: str, value: object, where: str) -> Value:
    if kind == "bool" and type(value) is bool:
        return value
    if (number := _NUMBER.fullmatch(kind)) and type(value) is int:
        bits = int(number[2])
        low, high = (0, 2**bits) if number[1] == "uint" else (-(2 ** (bits - 1)), 2 ** (bits - 1))
        if low <= value < high:
            return value
    if kind == "address" and isinstance(value, str):
        # Zero means "none" in many contracts.
        return bytes(20) if value == ZERO_ADDRESS else _address(value, where)
    if kind == "string" and isinstance(value, str) and len(value) <= MAX_BYTES and _is_text(value):
        return value
    if kind.startswith("bytes") and isinstance(value, str) and _HEX.fullmatch(value):
        raw = bytes.fromhex(value[2:])
        if len(raw) == int(kind[5:]) if kind != "bytes" else len(raw) <= MAX_BYTES:
            return raw
    raise _bad(f"{where}: expected a value of type {kind}, found {str(value)[:80]!r}")


def _address(value: str, where: str) -> bytes:
    try:
        return address_bytes(value, where)
    except AddressError as error:
        raise _bad(error.message) from None


def _is_text(value: str) -> bool:
    """Visible 7-bit characters and newlines: what every screen shows as it is."""
    return all(char == "\n" or " " <= char <= "~" for char in value)


def shown(kind: str, value: Value) -> str:
    """An atom as screens write it."""
    if isinstance(value, bytes):
        return checksum_address(value) if kind == "address" else f"0x{value.hex()}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def shown_values(data: TypedData) -> list[str]:
    """One ``path: value`` line for every atom of domain and message."""
    lines: list[str] = []

    def walk(kind: str, value: Value, where: str) -> None:
        if not isinstance(value, tuple):
            lines.append(f"{where}: {shown(kind, value)}")
        elif match := _ARRAY.fullmatch(kind):
            lines.append(f"{where}: {len(value)} elements")
            for number, each in enumerate(value):
                walk(match[1], each, f"{where}[{number}]")
        else:
            for member, each in zip(data.struct(kind).members, value, strict=True):
                walk(member.type, each, f"{where}.{member.name}")

    walk(DOMAIN, data.domain, "domain")
    walk(data.primary_type, data.message, "message")
    return lines
