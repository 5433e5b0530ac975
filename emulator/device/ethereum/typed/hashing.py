"""EIP-712 hashStruct over a conversation: types first, then value by value, shown as they come.

Refuses structs within the domain (core firmware), arrays and paths beyond the firmware's buffers
(OneKey Classic), and structs that contain themselves.
"""

from __future__ import annotations

from ...errors import DataError, FirmwareError
from ..keccak import Keccak256, keccak256
from .complaints import complaining
from .fields import FieldType, Kind, Member, check_field_type
from .host import Host
from .rules import TypedDataRules
from .schema import DOMAIN_TYPE, Schema
from .values import encode_value
from .viewers import Blind, Parents, Viewer

# Structs hashed without one value between them, after which the host is refused: arrays of structs
# without members cost it nothing.
MAX_UNASKED = 20_000
# Nesting after which core firmware's stack is taken to be full (a struct that contains itself).
MAX_NESTING = 64

Path = tuple[int, ...]


def collect_types(host: Host, schema: Schema, primary_type: str) -> None:
    """Ask for the domain's types and the message's, each with all that it refers to."""
    for name in (DOMAIN_TYPE, primary_type):
        _collect(host, schema, name, 0)


def _collect(host: Host, schema: Schema, name: str, depth: int) -> None:
    if depth > MAX_NESTING:
        raise FirmwareError("Firmware error")
    members = host.struct(name)
    schema.add(name, members)
    for member in members:
        check_field_type(member.type)
        inner = member.type.innermost
        if inner.kind is not Kind.STRUCT or inner.struct is None or inner.struct in schema:
            continue
        if not schema.collects_later(inner.struct):
            _collect(host, schema, inner.struct, depth + 1)


class StructHasher:
    """Hashes one struct after another with values of the host."""

    def __init__(self, host: Host, schema: Schema, rules: TypedDataRules, *, v4: bool) -> None:
        self._host = host
        self._schema = schema
        self._rules = rules
        self._bounds = rules.bounds
        # MetaMask's signTypedData_v4 hashes the structs in an array, where v3 encodes them.
        self._v4 = v4
        self._unasked = 0

    def hash_struct(self, name: str, path: Path, viewer: Viewer, parents: Parents) -> bytes:
        """keccak256(typeHash || encodeData) of the struct at a member path."""
        type_hash = self._schema.type_hash(name)
        with complaining("Failed to get and encode data", aloud=self._bounds is not None):
            return keccak256(type_hash + self._encode_struct(name, path, viewer, parents))

    def _encode_struct(self, name: str, path: Path, viewer: Viewer, parents: Parents) -> bytes:
        self._check_depth(path)
        self._count_unasked()
        members = self._schema.members(name)
        if self._rules.flat_domain and name == DOMAIN_TYPE and _is_nested(members):
            raise DataError("Unexpected member in EIP712Domain")
        words = []
        for index, member in enumerate(members):
            viewer.member(member)
            words.append(self._encode_member(member, (*path, index), viewer, parents))
        return b"".join(words)

    def _check_depth(self, path: Path) -> None:
        if len(path) > MAX_NESTING:
            raise FirmwareError("Firmware error")
        if self._bounds is not None and len(path) >= self._bounds.member_path:
            raise DataError("Failed to get and encode data")

    def _count_unasked(self) -> None:
        self._unasked += 1
        if self._unasked > MAX_UNASKED:
            raise FirmwareError("Firmware error")

    def _value(self, field: FieldType, path: Path) -> bytes:
        self._unasked = 0
        return self._host.value(field, path)

    def _encode_member(self, member: Member, path: Path, viewer: Viewer, parents: Parents) -> bytes:
        field = member.type
        inside = (*parents, member.name)
        if field.kind is Kind.STRUCT:
            struct = field.struct or ""
            within = viewer.struct(inside, member, self._schema.members(struct))
            with complaining("Failed to hash struct", aloud=self._bounds is not None):
                return self.hash_struct(struct, path, within, inside)
        if field.kind is Kind.ARRAY:
            return self._hash_array(member, path, viewer, parents)
        value = self._value(field, path)
        word = encode_value(field, value, self._rules)
        viewer.value(parents, member.name, field, value, None)
        return word

    def _hash_array(self, member: Member, path: Path, viewer: Viewer, parents: Parents) -> bytes:
        field, inside = member.type, (*parents, member.name)
        size = self._host.array_length(path) if field.size is None else field.size
        within = viewer.array(inside, member, size)
        if self._bounds is not None and size > self._bounds.array_words:
            raise DataError("Array too large for typed data")
        if field.entry is None:
            raise FirmwareError("Firmware error")
        elements = Keccak256()
        for index in range(size):
            at = (*path, index)
            if field.entry.kind is not Kind.STRUCT:
                elements.update(self._encode_element(field.entry, member.name, at, within, parents))
                continue
            encode = self.hash_struct if self._v4 else self._encode_struct
            elements.update(encode(field.entry.struct or "", at, within, inside))
        return elements.digest()

    def _encode_element(
        self, entry: FieldType, name: str, path: Path, viewer: Viewer, parents: Parents
    ) -> bytes:
        if self._bounds is not None and len(path) > self._bounds.member_path:
            raise DataError("Failed to get and encode data")
        value = self._value(entry, path)
        word = encode_value(entry, value, self._rules)
        viewer.value(parents, name, entry, value, path[-1])
        return word


def _is_nested(members: tuple[Member, ...]) -> bool:
    return any(member.type.kind in (Kind.ARRAY, Kind.STRUCT) for member in members)


BLIND = Blind()
