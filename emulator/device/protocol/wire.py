"""Wire protocol v1: messages cut into 64-byte reports, as on USB and on the emulators' UDP port.

A first report is `?##` + type (u16) + length (u32) + data, the next ones `?` + data; the last is
padded with zeros. Refuses reports of another size or magic and messages that are absurdly long.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

REPORT_SIZE = 64
FIRST_MAGIC = b"?##"
NEXT_MAGIC = b"?"
FIRMWARE_ERROR = 99
PING = b"PINGPING"
PONG = b"PONGPONG"

# Far above any message of the protocol; keeps a lying length from eating memory.
MAX_MESSAGE_SIZE = 1024 * 1024


class WireError(ValueError):
    """A report that cannot belong to the protocol. The message under assembly is dropped.

    `code` is the failure code of the answer; None: the firmware overhears such a report.
    """

    def __init__(self, message: str, code: int | None = FIRMWARE_ERROR) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Frame:
    """One message as it came over the wire."""

    wire_type: int
    payload: bytes


# Looks at type and length of a message when its first report came; raises WireError to refuse it.
HeaderCheck = Callable[[int, int], None]


def accept_length(_wire_type: int, length: int) -> None:
    """The check of a device that takes any type and any sensible length."""
    if length > MAX_MESSAGE_SIZE:
        raise WireError("Message too large")


@dataclass(slots=True)
class Reassembler:
    """Collects reports until a message is complete."""

    check: HeaderCheck = accept_length

    _wire_type: int = 0
    _expected: int = 0
    _buffer: bytearray | None = None
    _skipping: bool = False

    def feed(self, report: bytes) -> Frame | None:
        """Take one report; the finished message or None. Raises WireError."""
        if len(report) != REPORT_SIZE:
            self.reset()
            raise WireError(f"a report has {REPORT_SIZE} bytes, this one {len(report)}", code=None)
        if self._buffer is None:
            if not report.startswith(FIRST_MAGIC):
                if self._skipping and report.startswith(NEXT_MAGIC):
                    return None  # the rest of a message that was refused
                raise WireError("Invalid magic")
            self._wire_type, self._expected = struct.unpack(">HI", report[3:9])
            self._skipping = True
            self.check(self._wire_type, self._expected)
            self._skipping = False
            self._buffer = bytearray(report[9:])
        else:
            if not report.startswith(NEXT_MAGIC):
                self.reset()
                raise WireError("Invalid magic")
            self._buffer += report[1:]
        if len(self._buffer) < self._expected:
            return None
        frame = Frame(self._wire_type, bytes(self._buffer[: self._expected]))
        self.reset()
        return frame

    def reset(self) -> None:
        """Forget a message that is only half there."""
        self._buffer = None
        self._skipping = False


def split(frame: Frame) -> list[bytes]:
    """The reports that carry a message."""
    data = struct.pack(">HI", frame.wire_type, len(frame.payload)) + frame.payload
    first = FIRST_MAGIC + data[: REPORT_SIZE - 3]
    reports = [first.ljust(REPORT_SIZE, b"\0")]
    step = REPORT_SIZE - 1
    reports += (
        (NEXT_MAGIC + data[start : start + step]).ljust(REPORT_SIZE, b"\0")
        for start in range(REPORT_SIZE - 3, len(data), step)
    )
    return reports
