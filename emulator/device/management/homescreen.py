"""The picture on the homescreen: a JPEG of the size of the display, at most 16 KiB.

Refuses anything else, and chunks that are not as long as was asked for.
"""

from __future__ import annotations

from trezorlib import messages

from ..errors import DataError
from ..flow import Flow

MAX_SIZE = 16384
_CHUNK = 1024
_SIDE = 240
_START = b"\xff\xd8"
_FRAME_HEADERS = frozenset({0xC0, 0xC1})  # baseline and extended sequential


def load_homescreen(flow: Flow, length: int) -> bytes:
    """Fetch a picture of `length` bytes from the host, chunk by chunk."""
    if length > MAX_SIZE:
        raise DataError(f"Homescreen is too large, maximum size is {MAX_SIZE} bytes")
    image = b""
    while len(image) < length:
        wanted = min(length - len(image), _CHUNK)
        request = messages.DataChunkRequest(data_length=wanted, data_offset=len(image))
        chunk = flow.call(request, messages.DataChunkAck).data_chunk
        if len(chunk) != wanted:
            raise DataError("Data length mismatch")
        image += chunk
    return image


def check_homescreen(image: bytes) -> None:
    """Raise DataError unless the firmware would show this picture; an empty one resets it."""
    if not image:
        return
    if len(image) > MAX_SIZE:
        raise DataError(f"Homescreen is too large, maximum size is {MAX_SIZE} bytes")
    if _jpeg_size(image) != (_SIDE, _SIDE):
        raise DataError("Wrong homescreen format")


def _jpeg_size(image: bytes) -> tuple[int, int] | None:
    """(width, height) of a JPEG, None if it is none."""
    if not image.startswith(_START):
        return None
    pos = len(_START)
    while pos + 9 <= len(image) and image[pos] == 0xFF:
        marker, length = image[pos + 1], int.from_bytes(image[pos + 2 : pos + 4], "big")
        if marker in _FRAME_HEADERS:
            height = int.from_bytes(image[pos + 5 : pos + 7], "big")
            return int.from_bytes(image[pos + 7 : pos + 9], "big"), height
        pos += 2 + length
    return None
