"""Recursive Length Prefix (yellow paper, appendix B): numbers, bytes and lists as transactions carry them.

Refuses, when it reads, every encoding but the shortest, surplus bytes and lists that are too deep.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vault.errors import EthereumError

# A byte string, a number (big endian without leading zeros), or a list of items.
Item = bytes | int | Sequence["Item"]
Decoded = bytes | list["Decoded"]
MAX_DEPTH: Final = 8


def encode(item: Item) -> bytes:
    """The bytes of an item."""
    if isinstance(item, int):
        item = item.to_bytes((item.bit_length() + 7) // 8, "big")
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _header(len(item), 0x80) + item
    body = b"".join(map(encode, item))
    return _header(len(body), 0xC0) + body


def _header(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([offset + 55 + len(size)]) + size


def decode(data: bytes) -> Decoded:
    """The one item that `data` is. Raises `EthereumError` (``ethereum.bad_rlp``)."""
    item, end = _item(data, 0, 0)
    if end != len(data):
        raise _bad(f"{len(data) - end} bytes too many")
    return item


def _item(data: bytes, at: int, depth: int) -> tuple[Decoded, int]:
    if at >= len(data):
        raise _bad("it ends too soon")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    start, end = _span(data, at, 0x80 if first < 0xC0 else 0xC0)
    if first < 0xC0:
        body = data[start:end]
        if len(body) == 1 and body[0] < 0x80:
            raise _bad("a byte below 128 stands for itself")
        return body, end
    if depth >= MAX_DEPTH:
        raise _bad(f"lists are more than {MAX_DEPTH} deep")
    items: list[Decoded] = []
    while start < end:
        found, start = _item(data, start, depth + 1)
        items.append(found)
    if start != end:
        raise _bad("an item is longer than its list")
    return items, end


def _span(data: bytes, at: int, offset: int) -> tuple[int, int]:
    """Where the body of an item begins and ends."""
    short = data[at] - offset
    if short < 56:
        start, length = at + 1, short
    else:
        start = at + 1 + short - 55
        size = data[at + 1 : start]
        length = int.from_bytes(size, "big")
        if len(size) < short - 55 or size[0] == 0 or length < 56:
            raise _bad("a length is not written the shortest way")
    if start + length > len(data):
        raise _bad("it ends too soon")
    return start, start + length


def _bad(what: str) -> EthereumError:
    return EthereumError("bad_rlp", f"RLP: {what}")
