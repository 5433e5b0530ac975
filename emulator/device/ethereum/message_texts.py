"""Messages as the displays show them: text where a firmware takes them for text, hex otherwise."""

from __future__ import annotations

from collections.abc import Iterator

_CLASSIC_LOOKAHEAD = 4  # OneKey Classic takes text for UTF-8 only if it begins with such a byte
_CONTROL = frozenset("\t\n\r")


def is_ascii(message: bytes) -> bool:
    """Printable ASCII, spaces included."""
    return all(32 <= byte <= 126 for byte in message)


def core_text(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError:
        return f"hex({message.hex()})"


def pro_text(message: bytes) -> str:
    """UTF-8 that has something to read and no control characters but line breaks."""
    hexed = message.hex() if len(message) > 1024 else f"0x{message.hex()}"
    try:
        text = message.decode()
    except UnicodeDecodeError:
        return hexed
    control = any((ord(c) < 32 and c not in _CONTROL) or ord(c) == 127 for c in text)
    readable = any(32 <= ord(c) <= 126 for c in text)
    return text if readable and not control else hexed


def classic_text(message: bytes) -> str:
    if is_ascii(message):
        return message.decode()
    if any(byte >= 0x80 for byte in message[:_CLASSIC_LOOKAHEAD]):
        try:
            return message.decode()
        except UnicodeDecodeError:
            pass
    return message.hex()


def pages_of(message: bytes, *, rows: int = 4, characters: int = 18, octets: int = 8) -> Iterator[list[str]]:
    """Rows of Trezor One's display, page by page; at least one page."""
    ascii_only = is_ascii(message)
    width = characters if ascii_only else octets
    for start in range(0, max(len(message), 1), width * rows):
        page = message[start : start + width * rows]
        pieces = [page[i : i + width] for i in range(0, len(page), width)]
        yield [piece.decode() if ascii_only else piece.hex() for piece in pieces]
