"""HTTP requests to one server: bounded in size and time, kept open within a session and never longer.

Nothing is repeated by itself; redirects are not followed. `ChainError` says what kept an answer away.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Self, cast

from vault.bitcoin.backends.dial import Endpoint, Stream, dial, reason, split_address
from vault.errors import ChainError

if TYPE_CHECKING:
    import socket

# The largest answer that is read: a block in hex, or a page of 25 transactions with large witnesses.
MAX_ANSWER: Final = 32_000_000

PORTS: Final = {"http": 80, "https": 443}
NO_ANSWER: Final = (OSError, http.client.HTTPException)


class HttpServer:
    """An http or https address. `session()` opens connections to it; the object itself holds none."""

    def __init__(
        self, url: str, timeout: float, *, what: str, certificate: str = "", proxy: str = ""
    ) -> None:
        parts = split_address(url, PORTS, what)
        self.url = url.rstrip("/")
        self.timeout = timeout
        self.prefix = parts.path.rstrip("/")
        self.what = what
        self.endpoint = Endpoint(
            parts.hostname or "", parts.port or 0, parts.scheme == "https", timeout, certificate, proxy
        )

    def session(self) -> HttpSession:
        return HttpSession(self)

    def connect(self) -> http.client.HTTPConnection:
        """An open connection. Raises `ChainError` (``chain.unreachable``): nothing was sent."""
        try:
            stream = dial(self.endpoint)
        except ChainError as error:
            if error.code != "chain.unreachable":
                raise
            raise ChainError(
                "unreachable", f"{self.what} at {self.url}: {error.message}", hint=error.hint
            ) from None
        connection = http.client.HTTPConnection(self.endpoint.host, self.endpoint.port)
        connection.auto_open = 0  # a second connection would be a second request
        stream.renew(self.timeout)
        # All that http.client needs of a socket: sendall, makefile and close.
        connection.sock = cast("socket.socket", stream)
        return connection

    def post_once(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """One request on a connection of its own, for what must not happen twice.

        Raises `ChainError` when nothing was sent, `OSError` or `HTTPException` when that is not known.
        """
        connection = self.connect()
        try:
            connection.request("POST", self.prefix + path, body, dict(headers))
            response = connection.getresponse()
            return response.status, read_body(response)
        finally:
            connection.close()


class HttpSession:
    """Requests one after the other over one connection. Use as a context manager, in one thread."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body. Raises `ChainError` (``chain.unreachable``, ``chain.no_answer``)."""
        return self.ask("GET", path)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        timeout: float | None = None,
    ) -> tuple[int, bytes]:
        """A reading request; asking it again would change nothing. `timeout` where an answer takes longer."""
        reused = self._connection is not None
        try:
            return self._once(method, path, body, headers or {}, timeout or self._server.timeout)
        except NO_ANSWER as error:
            self.close()
            if not (reused and isinstance(error, ConnectionError)):
                raise self._no_answer(path, error) from None
        # A server may close a connection between two requests; the next one gets a new connection, once.
        try:
            return self._once(method, path, body, headers or {}, timeout or self._server.timeout)
        except NO_ANSWER as error:
            self.close()
            raise self._no_answer(path, error) from None

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> tuple[int, bytes]:
        connection = self._connection = self._connection or self._server.connect()
        cast("Stream", connection.sock).renew(timeout)
        connection.request(method, self._server.prefix + path, body, dict(headers))
        response = connection.getresponse()
        data = read_body(response)
        response.close()  # or the connection takes no further request
        if response.will_close:
            self.close()
        return response.status, data

    def _no_answer(self, path: str, error: Exception) -> ChainError:
        return ChainError(
            "no_answer",
            f"expected an answer of {self._server.url} to {path} within {self._server.timeout} s, "
            f"found none: {reason(error)}",
            hint="Nothing was changed by asking; ask again.",
        )


def read_body(response: http.client.HTTPResponse) -> bytes:
    """The whole body, bounded in size; its time is bounded by the stream."""
    body = bytearray()
    while chunk := response.read1(1 << 16):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise http.client.HTTPException(f"expected at most {MAX_ANSWER} bytes, found more")
    if response.length:
        raise http.client.IncompleteRead(bytes(body), response.length)
    return bytes(body)
