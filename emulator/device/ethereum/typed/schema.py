"""The struct types of one message, and EIP-712 encodeType of them.

Types are collected before any value; the type hash commits to all that a struct refers to.
"""

from __future__ import annotations

from ...errors import DataError
from ..keccak import keccak256
from .fields import Kind, Member
from .rules import Bounds

DOMAIN_TYPE = "EIP712Domain"


class Schema:
    """Struct types by name. With `bounds`, refuses what the firmware's buffers do not hold."""

    def __init__(self, primary_type: str, bounds: Bounds | None = None) -> None:
        self._types: dict[str, tuple[Member, ...]] = {}
        self._primary_type = primary_type
        self._bounds = bounds
        self._entry_types = 0

    def __contains__(self, name: str) -> bool:
        return name in self._types

    def members(self, name: str) -> tuple[Member, ...]:
        """Members of a struct. DataError for an unknown one."""
        try:
            return self._types[name]
        except KeyError:
            raise DataError("Failed to find type") from None

    def collects_later(self, name: str) -> bool:
        """Whether the bounded firmware has a place for this struct already: domain or message."""
        return self._bounds is not None and name in (DOMAIN_TYPE, self._primary_type)

    def add(self, name: str, members: tuple[Member, ...]) -> None:
        """Keep a struct; a second description of the same one replaces the first."""
        if self._bounds is not None:
            self._make_room(self._bounds, name, members)
            members = tuple(Member(member.name, member.type.flattened()) for member in members)
        self._types[name] = members

    def _make_room(self, bounds: Bounds, name: str, members: tuple[Member, ...]) -> None:
        main = (DOMAIN_TYPE, self._primary_type)
        if name not in main:
            others = sum(known not in main for known in self._types)
            if others >= bounds.other_structs or self._entry_types >= bounds.entry_types:
                raise DataError("Failed to add type")
        for member in members:
            field = member.type
            while field.kind is Kind.ARRAY and field.entry is not None:
                field = field.entry
                if self._entry_types >= bounds.entry_types:
                    raise DataError("Failed to add type")
                self._entry_types += 1

    def encode_type(self, name: str) -> str:
        """name(members), then the same of every struct it refers to, sorted by name."""
        referred = self._dependencies(name) - {name}
        return "".join(self._signature(struct) for struct in (name, *sorted(referred)))

    def type_hash(self, name: str) -> bytes:
        text = self.encode_type(name).encode()
        if self._bounds is not None and len(text) > self._bounds.type_text:
            raise DataError("Failed to hash struct")
        return keccak256(text)

    def _signature(self, name: str) -> str:
        fields = ",".join(f"{member.type.name} {member.name}" for member in self.members(name))
        return f"{name}({fields})"

    def _dependencies(self, name: str) -> set[str]:
        found: set[str] = set()
        waiting = [name]
        while waiting:
            struct = waiting.pop()
            if struct in found or struct not in self._types:
                continue
            found.add(struct)
            inner = (member.type.innermost for member in self._types[struct])
            waiting += [field.struct or "" for field in inner if field.kind is Kind.STRUCT]
        return found
