"""A device's transport under guard: every read has a limit, and a broken line is never used again.

trezorlib reads without a time limit after a ButtonRequest; here the limit belongs to the line itself
and counts from the last message sent. After a timeout, an unplug or a cancel every further use is
refused, so that an answer that comes late cannot be taken for a new one.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, Final, Protocol

from vault.device import failures
from vault.errors import DeviceError

MAX_REPORTS: Final = 20_000  # 64-byte reports in one answer: above any message of the protocol


class RawTransport(Protocol):
    """The part of trezorlib's Transport that is used."""

    CHUNK_SIZE: int | None

    def open(self) -> None: ...
    def close(self) -> None: ...
    def write_chunk(self, chunk: bytes, /) -> None: ...
    def read_chunk(self, *, timeout: float | None = None) -> bytes: ...


def _cancel_v1(raw: Any) -> None:
    from trezorlib import messages, protocol_v1
    from trezorlib.mapping import DEFAULT_MAPPING

    protocol_v1.write(raw, *DEFAULT_MAPPING.encode(messages.Cancel()))


class GuardedTransport:
    """Stands in for a trezorlib Transport; opened once, and closed for good at the first fault.

    `farewell` writes the protocol's Cancel to the raw transport. `packets_per_message` is above 1 where a
    protocol acknowledges and repeats: each packet that begins something counts against the budget.
    """

    def __init__(self, raw: RawTransport, limit_s: float) -> None:
        self._raw = raw
        self._limit_s = limit_s
        self._deadline = time.monotonic() + limit_s
        self._budget = 0
        self._reports = 0
        self._opened = False
        self._ended = False
        self.alive = False
        self.farewell: Callable[[Any], None] = _cancel_v1
        self.packets_per_message = 1
        self.CHUNK_SIZE = raw.CHUNK_SIZE

    def open(self) -> None:
        """Open the line. Raises `DeviceError` (``device.busy``, ``device.disconnected``)."""
        if self._opened:
            raise DeviceError("closed", "this connection was closed; open a new one", hint=failures.RETRY)
        self._opened = True
        try:
            self._raw.open()
        except Exception as error:  # noqa: BLE001 -- libusb errors are not the library's own
            self.close()
            raise failures.from_line(error) from None
        self.alive = True

    def close(self) -> None:
        """Close for good; never raises."""
        self.alive = False
        self._ended = True
        with contextlib.suppress(Exception):
            self._raw.close()

    def __enter__(self) -> GuardedTransport:
        self._require_alive()
        return self

    def __exit__(self, *_: object) -> None:
        """The line stays open between calls: only its owner closes it."""

    def allow(self, limit_s: float, messages: int) -> None:
        """Before a call: the time for each answer, and how many messages it may take at most."""
        self._limit_s = limit_s
        self._budget = messages * self.packets_per_message
        self._deadline = time.monotonic() + limit_s
        self._reports = 0

    def write_chunk(self, chunk: bytes, /) -> None:
        """Send a report; the limit for the answer counts from here."""
        self._require_alive()
        if self.CHUNK_SIZE is None or _begins_something(chunk):
            self._budget -= 1
            if self._budget < 0:
                self.alive = False
                raise DeviceError(
                    "endless", "the device asks for more than this call can take", hint=failures.RETRY
                )
        try:
            self._raw.write_chunk(chunk)
        except Exception as error:  # noqa: BLE001 -- libusb errors are not the library's own
            raise self._broken(error) from None
        self._deadline = time.monotonic() + self._limit_s
        self._reports = 0

    def read_chunk(self, *, timeout: float | None = None) -> bytes:
        """A report. A `timeout` shorter than the limit ends in trezorlib's Timeout and spares the line."""
        from trezorlib.transport import Timeout

        self._require_alive()
        self._reports += 1
        if self._reports > MAX_REPORTS:
            self.alive = False
            raise DeviceError("bad_answer", "the device sends without end", hint=failures.RETRY)
        deadline = self._deadline
        if timeout is not None:
            deadline = min(deadline, time.monotonic() + timeout)
        while (left := deadline - time.monotonic()) > 0:
            try:
                # A bridge loses the answer when its read is given up, so it gets the whole time at once;
                # the others block for a moment of their own (0.1 to 0.3 s) and are asked again.
                return self._raw.read_chunk(timeout=left if self.CHUNK_SIZE is None else 0)
            except Timeout:
                continue
            except Exception as error:  # noqa: BLE001 -- libusb errors are not the library's own
                raise self._broken(error) from None
        if timeout is not None and deadline < self._deadline:
            raise Timeout
        self.alive = False
        raise failures.timeout(self._limit_s)

    def cancel(self) -> None:
        """Tell the device to stop, whatever state the line is in, and never use it again."""
        self.alive = False
        if self._opened and not self._ended:
            self._ended = True
            with contextlib.suppress(Exception):
                self.farewell(self._raw)

    def _require_alive(self) -> None:
        if not self.alive:
            raise DeviceError("closed", "this connection was closed; open a new one", hint=failures.RETRY)

    def _broken(self, error: Exception) -> Exception:
        self.alive = False
        return failures.from_line(error)


def _begins_something(chunk: bytes) -> bool:
    """The first packet of a message: ``?##`` in protocol v1, no continuation bit in THP."""
    if chunk.startswith(b"?"):
        return chunk.startswith(b"?##")
    return not chunk[0] & 0x80
