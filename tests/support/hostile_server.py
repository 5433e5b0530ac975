"""A server on loopback that says whatever a test wants, byte by byte, and hangs up where it is told to."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self


class HungUpError(Exception):
    """The client closed the connection."""


class Line:
    """One connection, as the server sees it. `over` is set when the test ends."""

    def __init__(self, connection: socket.socket, over: threading.Event) -> None:
        self.connection, self.over = connection, over
        self._buffer = b""

    def read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._more()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._more()
        at = self._buffer.index(end) + len(end)
        return self.read(at)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def trickle(self, data: bytes) -> None:
        """`data` again and again, a byte at a time, each soon after the other, for ever."""
        while True:
            for byte in data:
                self.send(bytes([byte]))
                if self.over.wait(0.05):
                    return

    def request(self) -> tuple[str, bytes]:
        """An HTTP request: its path, and its body."""
        head = self.until(b"\r\n\r\n").decode()
        length = [
            line.split(":")[1] for line in head.split("\r\n") if line.lower().startswith("content-length")
        ]
        return head.split(" ")[1], self.read(int(length[0]) if length else 0)

    def question(self) -> dict[str, Any]:
        """A JSON-RPC question on a line of its own."""
        found = json.loads(self.until(b"\n"))
        assert isinstance(found, dict)
        return found

    def _more(self) -> None:
        part = self.connection.recv(1 << 16)
        if not part:
            raise HungUpError
        self._buffer += part


def http_answer(body: bytes, status: int = 200) -> bytes:
    return b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body


class HostileServer:
    """`with HostileServer(talk) as server`: `talk` is called for each connection, in a thread of its own."""

    def __init__(self, talk: Callable[[Line], None], tls: ssl.SSLContext | None = None) -> None:
        self._talk, self._tls = talk, tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self._over = threading.Event()
        self._connections: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self.errors: list[BaseException] = []

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        self._listening.close()
        if error is None and self.errors:
            raise self.errors[0]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, HungUpError):
            try:
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                self._talk(Line(connection, self._over))
            except (OSError, HungUpError):
                raise
            except BaseException as error:  # noqa: BLE001 -- raised where the test ends
                self.errors.append(error)
            finally:
                connection.close()


def self_signed(directory: Any) -> tuple[ssl.SSLContext, str, tuple[Any, Any]]:
    """A certificate of 127.0.0.1 that nobody vouches for: server context, SHA-256, and its two files."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "electrum")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(address, critical=False)
        .sign(key, hashes.SHA256())
    )
    files = (directory / "certificate.pem", directory / "key.pem")
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encoding = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)
    files[1].write_bytes(key.private_bytes(*encoding, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context, certificate.fingerprint(hashes.SHA256()).hex(), files
