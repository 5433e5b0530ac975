"""Who sees the values while they are hashed: nobody, a list that is shown later, or the person.

A viewer is asked for each struct and array which viewer goes on inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ...errors import ProcessError
from .fields import FieldType, Member
from .values import value_text

Parents = tuple[str, ...]


class Viewer(Protocol):
    """Watches a struct being hashed."""

    def member(self, member: Member) -> None:
        """A member comes next."""

    def struct(self, parents: Parents, member: Member, inner: Sequence[Member]) -> Viewer:
        """The member is a struct; who watches its members?"""

    def array(self, parents: Parents, member: Member, size: int) -> Viewer:
        """The member is an array; who watches its elements?"""

    def value(self, parents: Parents, name: str, field: FieldType, value: bytes, index: int | None) -> None:
        """A value; `index` is its place in an array."""


class Blind:
    """Shows nothing."""

    def member(self, member: Member) -> None:
        pass

    def struct(self, parents: Parents, member: Member, inner: Sequence[Member]) -> Viewer:
        return self

    def array(self, parents: Parents, member: Member, size: int) -> Viewer:
        return self

    def value(self, parents: Parents, name: str, field: FieldType, value: bytes, index: int | None) -> None:
        pass


class Listing(Blind):
    """Keeps every value, to be shown together: "name (type):" and its text."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def value(
        self,
        parents: Parents,
        name: str,
        field: FieldType,
        value: bytes,
        index: int | None,
    ) -> None:
        self.lines += [f"{name} ({field.name}):", value_text(field, value)]


class Outline:
    """Keeps names and values as OneKey Classic lists them, nested ones in brackets.

    ProcessError when there are more than the device has room for.
    """

    def __init__(self, room: int, items: list[str] | None = None, level: int = 0) -> None:
        self._room = room
        self.items = [] if items is None else items
        self._level = level

    def _name(self, name: str) -> str:
        return f"[{name}]" if self._level else name

    def _add(self, item: str) -> None:
        if len(self.items) >= self._room:
            raise ProcessError("Failed to allocate display item")
        self.items.append(item)

    def _inside(self, steps: int) -> Outline:
        return Outline(self._room, self.items, self._level + steps)

    def member(self, member: Member) -> None:
        self._add(self._name(member.name))

    def _describe(self, text: str) -> None:
        self.items[-1] += f"\n{text}"

    def struct(self, parents: Parents, member: Member, inner: Sequence[Member]) -> Viewer:
        self._describe(member.type.name)
        return self._inside(1)

    def array(self, parents: Parents, member: Member, size: int) -> Viewer:
        self._describe(member.type.name)
        return self._inside(2)

    def value(
        self,
        parents: Parents,
        name: str,
        field: FieldType,
        value: bytes,
        index: int | None,
    ) -> None:
        if index is not None:
            self._add(f"{self._name(name) if self._level > 2 else name}[{index}]")
        self._describe(value_text(field, value))
