"""Reads scripts and witnesses byte by byte. Running off the end, or a negative length, is refused."""

from __future__ import annotations


class TruncatedError(ValueError):
    """More bytes were announced than there are."""


class ByteReader:
    """A cursor over bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self.offset = 0

    @property
    def left(self) -> int:
        return len(self._data) - self.offset

    def byte(self) -> int:
        return self.take(1)[0]

    def take(self, length: int) -> bytes:
        if not 0 <= length <= self.left:
            raise TruncatedError
        self.offset += length
        return self._data[self.offset - length : self.offset]

    def rest(self) -> bytes:
        return self.take(self.left)

    def _number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def compact_size(self) -> int:
        """A length as in transactions; longer forms than needed are read too."""
        first = self.byte()
        return first if first < 253 else self._number(1 << first - 252)

    def prefixed(self) -> bytes:
        return self.take(self.compact_size())

    def push_length(self) -> int:
        """The number of bytes a script's push operation announces."""
        opcode = self.byte()
        if opcode < 0x4C:
            return opcode
        if opcode > 0x4E:
            raise ValueError("not a push")
        return self._number(1 << opcode - 0x4C)
