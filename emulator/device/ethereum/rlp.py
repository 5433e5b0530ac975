"""Recursive length prefix encoding, in pieces: headers apart from what they announce.

Numbers are encoded without leading zeros; byte strings as they are, leading zeros included.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

STRING = 0x80
LIST = 0xC0
_SHORT = 55

Item: TypeAlias = "int | bytes | Sequence[Item]"


def number(value: int) -> bytes:
    """Minimal big-endian bytes of a number, none for zero."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def header(length: int, kind: int, first: bytes = b"") -> bytes:
    """What comes before `length` bytes of content; nothing before one byte below 0x80."""
    if kind == STRING and length == 1 and first and first[0] < STRING:
        return b""
    if length <= _SHORT:
        return bytes([kind + length])
    size = number(length)
    return bytes([kind + _SHORT + len(size)]) + size


def encode(item: Item) -> bytes:
    """The encoding of a number, a byte string or a list of items."""
    if isinstance(item, int):
        item = number(item)
    if isinstance(item, (bytes, bytearray)):
        return header(len(item), STRING, bytes(item[:1])) + bytes(item)
    content = b"".join(encode(part) for part in item)
    return header(len(content), LIST) + content
