"""Opens a stream to a server: TCP, TLS checked by the system's authorities or a pinned certificate, SOCKS5.

Refuses a certificate that is not the pinned one, and names resolved on this machine when a proxy is set
(the proxy resolves them, so that .onion names work and nobody learns what is asked for). Without a proxy an
.onion name is asked of nobody (RFC 7686).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from vault.errors import ChainError

# SOCKS5 (RFC 1928): what a proxy's one-byte refusal means.
_SOCKS_REPLIES: Final = {
    1: "general failure",
    2: "not allowed",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server is and how it is reached.

    `certificate` is the SHA-256 of the server's certificate in hex ("" means: checked by the system's
    authorities); `proxy` a ``socks5://host:port`` ("" means: none).
    """

    host: str
    port: int
    secure: bool
    timeout: float
    certificate: str = ""
    proxy: str = ""

    @property
    def name(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def split_address(url: str, ports: Mapping[str, int], what: str) -> SplitResult:
    """An address of one of the schemes in `ports`, with a host. Raises `ChainError` (``chain.bad_url``)."""
    with contextlib.suppress(ValueError):  # a port out of range, brackets that do not close
        parts = urlsplit(url)
        if parts.scheme in ports and parts.hostname and not parts.query and not parts.fragment:
            port = parts.port or ports[parts.scheme]
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            return parts._replace(netloc=f"{host}:{port}")
    schemes = " or ".join(f"{scheme}://host:port" for scheme in ports)
    raise ChainError("bad_url", f"expected {schemes}, the address of {what}, found {url}")


class Stream:
    """A connection with one deadline for all that is sent and received until it is renewed.

    A timeout for each read would let a server that trickles take for ever.
    """

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        self._connection = connection
        self._readers, self._closing = 0, False
        self.renew(timeout)

    def renew(self, timeout: float) -> None:
        """From now on there are `timeout` seconds."""
        self._deadline = time.monotonic() + timeout

    def sendall(self, data: bytes) -> None:
        left = memoryview(data)
        while left:  # `SSLSocket.sendall` gives every part the whole time again
            self._connection.settimeout(self._left())
            left = left[self._connection.send(left) :]

    def recv_into(self, buffer: memoryview | bytearray) -> int:
        self._connection.settimeout(self._left())
        return self._connection.recv_into(buffer)

    def recv(self, count: int) -> bytes:
        self._connection.settimeout(self._left())
        return self._connection.recv(count)

    def exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.recv(count - len(data))
            if not part:
                raise ConnectionResetError("the other side hung up")
            data += part
        return data

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        """A reader for `http.client`; closing it leaves the connection open."""
        self._readers += 1
        return io.BufferedReader(_Reader(self))

    def let_go(self) -> None:
        """A reader is done."""
        self._readers -= 1
        if self._closing:
            self.close()

    def secured(self, context: ssl.SSLContext, host: str) -> bytes:
        """Go on in TLS; returns the server's certificate."""
        self._connection.settimeout(self._left())
        self._connection = context.wrap_socket(self._connection, server_hostname=host)
        return self._connection.getpeercert(binary_form=True) or b""

    def close(self) -> None:
        """At once, or when the last reader is done, as sockets do: `http.client` closes before it reads."""
        self._closing = True
        if self._readers == 0:
            self._connection.close()

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time was up before the answer was complete")
        return left


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


def dial(endpoint: Endpoint) -> Stream:
    """A connected stream. Raises `ChainError` (``chain.unreachable``, ``chain.bad_certificate``)."""
    if endpoint.certificate and not endpoint.secure:
        raise ChainError(
            "bad_certificate",
            f"{endpoint.name}: expected TLS where a certificate is pinned, found an address without it",
            hint="Nothing was sent. Use https:// or ssl://, or take `certificate` away.",
        )
    proxy = urlsplit(endpoint.proxy) if endpoint.proxy else None
    if proxy is None and endpoint.host.lower().rstrip(".").endswith(".onion"):
        raise ChainError(
            "unreachable",
            f"expected a proxy that knows {endpoint.name}, found none set",
            hint='Nothing was sent. Set Tor\'s, for example `proxy = "socks5://127.0.0.1:9050"`.',
        )
    target = (endpoint.host, endpoint.port) if proxy is None else (proxy.hostname or "", proxy.port or 1080)
    try:
        connection = socket.create_connection(target, timeout=endpoint.timeout)
        stream = Stream(connection, endpoint.timeout)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if proxy is not None:
                _ask_proxy(stream, endpoint)
            if endpoint.secure:
                _secure(stream, endpoint)
        except BaseException:
            stream.close()
            raise
    except (OSError, ValueError) as error:
        through = f" through {endpoint.proxy}" if endpoint.proxy else ""
        raise ChainError(
            "unreachable",
            f"expected a server at {endpoint.name}{through}, found none: {reason(error)}",
            hint="Nothing was sent. Start the server or correct its address in treasury.toml.",
        ) from None
    return stream


def reason(error: BaseException) -> str:
    """An exception in words, also one that has none."""
    return str(error) or type(error).__name__


def _secure(stream: Stream, endpoint: Endpoint) -> None:
    if endpoint.certificate:
        # The pin replaces the authorities: only the holder of this one certificate's key gets through.
        # They are not even loaded: that takes longer than the handshake.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        found = hashlib.sha256(stream.secured(context, endpoint.host)).hexdigest()
    except ssl.SSLCertVerificationError as error:
        raise ChainError(
            "bad_certificate",
            f"{endpoint.name}: expected a certificate this machine trusts, found: {error.verify_message}",
            hint="Nothing was sent. For a server of your own, pin its certificate: `certificate = SHA-256`.",
        ) from None
    if endpoint.certificate and found != endpoint.certificate:
        raise ChainError(
            "bad_certificate",
            f"{endpoint.name}: expected the certificate {endpoint.certificate}, found {found}",
            hint="Somebody stands in between, or the server has a new certificate. Nothing was sent.",
        )


# -- SOCKS5 (RFC 1928), with the user names by which Tor keeps circuits apart (RFC 1929) --------------


def _ask_proxy(stream: Stream, endpoint: Endpoint) -> None:
    # Offer both "none" and "user and password": Tor gives each user name a circuit of its own.
    stream.sendall(b"\x05\x02\x00\x02")
    version, method = stream.exactly(2)
    if version != 5 or method not in {0, 2}:
        raise OSError("the proxy does not speak SOCKS5 without a password of its own")
    if method == 2:
        name = f"vault {endpoint.name}".encode()[:255]
        stream.sendall(b"\x01" + bytes([len(name)]) + name + b"\x01-")
        if stream.exactly(2)[1] != 0:
            raise OSError("the proxy asks for a user and password")
    stream.sendall(b"\x05\x01\x00" + _socks_address(endpoint.host) + endpoint.port.to_bytes(2, "big"))
    version, reply, _, kind = stream.exactly(4)
    if version != 5 or reply != 0:
        raise OSError(f"the proxy answered: {_SOCKS_REPLIES.get(reply, f'failure {reply}')}")
    if kind not in {1, 3, 4}:
        raise OSError(f"the proxy says where it connects from in a form of its own ({kind})")
    stream.exactly((stream.exactly(1)[0] if kind == 3 else {1: 4, 4: 16}[kind]) + 2)


def _socks_address(host: str) -> bytes:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna")
        if not 0 < len(name) < 256:
            raise OSError(f"{host!r} is no host name") from None
        return b"\x03" + bytes([len(name)]) + name
    return (b"\x01" if address.version == 4 else b"\x04") + address.packed
