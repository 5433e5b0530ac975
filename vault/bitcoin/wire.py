"""Reading Bitcoin's wire format strictly: fixed integers, minimal compact sizes, bounded lengths.

Refuses to read past the end, compact sizes that are longer than needed, and bytes left over.
"""

from __future__ import annotations

from vault.errors import PsbtError


class Reader:
    """A cursor over bytes; every overrun is a `PsbtError` (``psbt.truncated``)."""

    __slots__ = ("_data", "_end", "_what", "position")

    def __init__(self, data: bytes, what: str) -> None:
        self._data = data
        self._end = len(data)
        self._what = what
        self.position = 0

    @property
    def left(self) -> int:
        return self._end - self.position

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        start = self.position
        end = start + count
        if end > self._end:
            raise PsbtError(
                "truncated",
                f"{self._what}: expected {count} bytes at offset {start}, found {self.left}",
                hint="The data was cut off or a length in it is wrong; get it again, whole.",
            )
        self.position = end
        return self._data[start:end]

    def integer(self, size: int) -> int:
        """A little-endian unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def compact_size(self) -> int:
        """A compact size in its shortest form. Raises `PsbtError` (``psbt.not_minimal``)."""
        first = self.take(1)[0]
        if first < 0xFD:
            return first
        size = {0xFD: 2, 0xFE: 4, 0xFF: 8}[first]
        value = self.integer(size)
        if value < {2: 0xFD, 4: 0x1_0000, 8: 0x1_0000_0000}[size]:
            raise PsbtError(
                "not_minimal",
                f"{self._what}: expected the shortest compact size at offset {self.position}, "
                f"found {size + 1} bytes for {value}",
            )
        return value

    def counted(self) -> bytes:
        """Bytes with their compact size before them."""
        return self.take(self.compact_size())

    def count(self, smallest: int) -> int:
        """A number of items of at least `smallest` bytes each; more than can follow is refused early."""
        number = self.compact_size()
        if number * smallest > self.left:
            raise PsbtError(
                "truncated",
                f"{self._what}: expected {number} items at offset {self.position}, "
                f"found room for {self.left // smallest}",
            )
        return number


def compact_size(value: int) -> bytes:
    """The shortest compact size of `value`."""
    if value < 0xFD:
        return bytes([value])
    if value <= 0xFFFF:
        return b"\xfd" + value.to_bytes(2, "little")
    if value <= 0xFFFF_FFFF:
        return b"\xfe" + value.to_bytes(4, "little")
    return b"\xff" + value.to_bytes(8, "little")


def counted(data: bytes) -> bytes:
    """Bytes with their compact size before them."""
    return compact_size(len(data)) + data
