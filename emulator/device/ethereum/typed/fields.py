"""EIP-712 types as a host describes them, and their names in a type's encoding.

Refuses descriptions that contradict themselves: an array without an entry type, a number without
a size, a size where none belongs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from ...errors import DataError
from ...protocol.proto import Message

WORD = 32


class Kind(IntEnum):
    """EthereumDataType of the protocol."""

    UINT = 1
    INT = 2
    BYTES = 3
    STRING = 4
    BOOL = 5
    ADDRESS = 6
    ARRAY = 7
    STRUCT = 8


_NUMBERS = (Kind.UINT, Kind.INT)
_KINDS = frozenset(Kind)
_SIZELESS = (Kind.STRING, Kind.BOOL, Kind.ADDRESS)


@dataclass(frozen=True, slots=True)
class FieldType:
    """Type of one member: `size` in bytes, or in elements for an array of fixed length."""

    kind: Kind
    size: int | None = None
    entry: FieldType | None = None
    struct: str | None = None

    @property
    def name(self) -> str:
        """The type as it stands in a struct's encoding, e.g. uint256 or Person[]."""
        if self.kind is Kind.STRUCT:
            return self.struct or ""
        if self.kind is Kind.ARRAY:
            length = "" if self.size is None else str(self.size)
            return f"{'' if self.entry is None else self.entry.name}[{length}]"
        if self.kind in _NUMBERS:
            return f"{self.kind.name.lower()}{8 * (self.size or 0)}"
        return f"{self.kind.name.lower()}{self.size or ''}"

    @property
    def innermost(self) -> FieldType:
        """What an array, however nested, is an array of; the type itself otherwise."""
        field = self
        while field.kind is Kind.ARRAY and field.entry is not None:
            field = field.entry
        return field

    def flattened(self) -> FieldType:
        """An array of arrays as an array of their elements."""
        return self if self.kind is not Kind.ARRAY else replace(self, entry=self.innermost)


@dataclass(frozen=True, slots=True)
class Member:
    """A named field of a struct."""

    name: str
    type: FieldType


def field_type_of(described: Message) -> FieldType:
    """The type in an EthereumFieldType message, unchecked but for its kind."""
    entry = described.entry_type
    if int(described.data_type) not in _KINDS:
        raise DataError("Unsupported data type for field encoding")
    return FieldType(
        Kind(int(described.data_type)),
        described.size,
        None if entry is None else field_type_of(entry),
        described.struct_name,
    )


def members_of(described: Sequence[Message]) -> tuple[Member, ...]:
    """The members in a struct acknowledgement, unchecked."""
    return tuple(Member(member.name, field_type_of(member.type)) for member in described)


def check_field_type(field: FieldType) -> None:
    """Raise DataError for a description that contradicts itself."""
    if field.kind is Kind.ARRAY:
        if field.entry is None:
            raise DataError("Missing entry_type in array")
        check_field_type(field.entry)
    elif field.entry is not None:
        raise DataError("Unexpected entry_type in nonarray")
    if field.kind is Kind.STRUCT:
        if field.struct is None:
            raise DataError("Missing struct_name in struct")
    elif field.struct is not None:
        raise DataError("Unexpected struct_name in nonstruct")
    _check_size(field.kind, field.size)


def _check_size(kind: Kind, size: int | None) -> None:
    fits_a_word = size is not None and 1 <= size <= WORD
    if kind is Kind.STRUCT and size is None:
        raise DataError("Missing size in struct")
    if kind is Kind.BYTES and size is not None and not fits_a_word:
        raise DataError("Invalid size in bytes")
    if kind in _NUMBERS and not fits_a_word:
        raise DataError("Invalid size in int/uint")
    if kind in _SIZELESS and size is not None:
        raise DataError("Unexpected size in str/bool/addr")
