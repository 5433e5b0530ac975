"""A connection to a node: dialled, secured and read to its end within one deadline and one size.

Refuses a certificate this machine does not trust, and an answer of more bytes than any node has to say.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from typing import Final, cast

# The largest answer that is read: the logs of many blocks, or a simulation of many calls.
MAX_ANSWER: Final = 16_000_000


class TooLongError(http.client.HTTPException):
    """An answer of more than `MAX_ANSWER` bytes."""


class Stream:
    """What http.client needs of a socket, with one deadline for all that is sent and received.

    A timeout for each read, as `requests` has it, would let a server that trickles take for ever.
    """

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._readers, self._closing = 0, False
        self.deadline = deadline

    def sendall(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            self._connection.settimeout(remaining(self.deadline))
            left = left[self._connection.send(left) :]

    def recv_into(self, buffer: memoryview) -> int:
        self._connection.settimeout(remaining(self.deadline))
        return self._connection.recv_into(buffer)

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def let_go(self) -> None:
        self._readers -= 1
        if self._closing:
            self.close()

    def close(self) -> None:
        """At once, or when the last reader is done, as sockets do: `http.client` closes before it reads."""
        self._closing = True
        if self._readers == 0:
            self._connection.close()


class _Reader(io.RawIOBase):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return self._stream.recv_into(buffer)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._stream.let_go()


def remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time was up before the answer was complete")
    return left


def connect(host: str, port: int, deadline: float, *, secure: bool) -> http.client.HTTPConnection:
    """An open connection. Raises `OSError` or `ValueError`: nothing was sent."""
    stream = socket.create_connection((host, port), timeout=remaining(deadline))
    try:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if secure:
            stream.settimeout(remaining(deadline))
            stream = _context().wrap_socket(stream, server_hostname=host)
    except BaseException:
        stream.close()
        raise
    connection = http.client.HTTPConnection(host, port)
    connection.auto_open = 0  # a second connection would be a second request
    # All that http.client needs of a socket: sendall, makefile and close.
    connection.sock = cast("socket.socket", Stream(stream, deadline))
    return connection


def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def read_body(response: http.client.HTTPResponse) -> bytes:
    """The whole body, bounded in size; its time is bounded by the stream."""
    if response.length is not None and response.length > MAX_ANSWER:
        raise TooLongError(f"{response.length} bytes")
    body = bytearray()
    while chunk := response.read1(1 << 16):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise TooLongError("more")
    if response.length:
        raise http.client.IncompleteRead(bytes(body), response.length)
    return bytes(body)
