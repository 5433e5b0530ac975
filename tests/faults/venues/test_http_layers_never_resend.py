"""No layer under a send resends: not ccxt, requests or urllib3, no redirect, no stale connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from vault.clock import SystemClock
from vault.config import VenueSettings
from vault.errors import OutcomeUnknownError, VenueError
from vault.secrets import Secret
from vault.venues.binance.account import Binance
from vault.venues.line.connection import Connection
from vault.venues.line.raw import Fields
from vault.venues.line.transport import SendPermit


class ScriptedServer:
    """Answers each request on a loopback port with the next canned bytes, then closes the connection."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                self.requests.append(self._read(connection))
                answer = self.answers.pop(0) if self.answers else b""
                if answer:
                    connection.sendall(answer)
                if b"keep-alive" in answer.lower():
                    connection.recv(1)  # close at the very moment the next request comes

    @staticmethod
    def _read(connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            part = connection.recv(65_536)
            if not part:
                return data
            data += part
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        while len(body) < length:
            part = connection.recv(65_536)
            if not part:
                break
            body += part
        return head + b"\r\n\r\n" + body

    def posts(self) -> int:
        return sum(request.startswith(b"POST") for request in self.requests)


def http(status: str, body: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    yield scripted
    scripted.close()


@pytest.fixture
def connection(server: ScriptedServer) -> Connection:
    settings = VenueSettings(
        name="a",
        exchange="binance",
        account_uid="1",
        url=f"http://127.0.0.1:{server.port}",
        timeout_seconds=1,
    )
    keys = {"key": Secret("key-1"), "secret": Secret("secret-1")}
    return Connection(settings, keys, SystemClock(), Binance.endpoints())


def send(connection: Connection) -> str:
    permit = SendPermit(SystemClock().now() + timedelta(minutes=1))
    return connection.send(
        "sapiPostCapitalWithdrawApply", {"coin": "BTC"}, permit, lambda answer: answer.text("id")
    )


GOOD = http("200 OK", '{"id":"7"}')


def test_an_accepted_send_is_one_post(server: ScriptedServer, connection: Connection) -> None:
    server.answers = [GOOD, GOOD]
    assert send(connection) == "7"
    assert server.posts() == len(server.requests) == 1


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_a_redirect_is_not_followed(server: ScriptedServer, connection: Connection, status: str) -> None:
    here = f"Location: http://127.0.0.1:{server.port}/sapi/v1/capital/withdraw/apply"
    server.answers = [http(status, "", here), GOOD]
    with pytest.raises(OutcomeUnknownError):
        send(connection)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        b"garbage\r\n\r\n",
        http("429 Too Many Requests", "slow down", "Retry-After: 0"),
        http("418 Teapot", "<html>banned</html>", "Retry-After: 0"),
        http("503 Service Unavailable", "", "Retry-After: 0"),
        http("502 Bad Gateway", "<html></html>"),
        http("200 OK", "[]"),
        http("200 OK", '{"id":7}'),
        http("200 OK", ""),
        http("408 Request Timeout", ""),
    ],
)
def test_an_answer_that_says_nothing_certain_is_unknown_and_not_tried_again(
    server: ScriptedServer, connection: Connection, answer: bytes
) -> None:
    server.answers = [answer, GOOD, GOOD, GOOD]
    with pytest.raises(OutcomeUnknownError):
        send(connection)
    assert len(server.requests) == 1


def test_a_rate_limit_with_the_venue_s_code_is_a_refusal(
    server: ScriptedServer, connection: Connection
) -> None:
    server.answers = [http("429 Too Many Requests", '{"code":-1003,"msg":"Too many requests."}'), GOOD]
    with pytest.raises(VenueError) as caught:
        send(connection)
    assert caught.value.code == "venue.refused"
    assert len(server.requests) == 1


def test_a_kept_connection_that_the_server_closed_does_not_make_a_send_unknown(
    server: ScriptedServer, connection: Connection
) -> None:
    # The server promises keep-alive and closes when the next request arrives: the classic race.
    server.answers = [http("200 OK", '{"serverTime":1769835600000}', "Connection: keep-alive"), GOOD]
    connection.get("fapiPublicGetTime")
    assert send(connection) == "7"
    assert server.posts() == 1


def test_a_failed_read_is_not_tried_again_either(server: ScriptedServer, connection: Connection) -> None:
    server.answers = [b"", http("200 OK", "{}")]
    with pytest.raises(VenueError):
        connection.get("fapiPublicGetTime")
    assert len(server.requests) == 1


def test_a_proxy_of_the_environment_is_not_used(
    server: ScriptedServer, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answers = [GOOD]
    assert send(connection) == "7"


def test_every_address_of_the_exchange_class_is_rewritten(connection: Connection) -> None:
    def urls(value: object) -> Iterator[str]:
        if isinstance(value, dict):
            for item in value.values():
                yield from urls(item)
        elif isinstance(value, list):
            for item in value:
                yield from urls(item)
        elif isinstance(value, str) and "://" in value:
            yield value

    found = list(urls(connection._exchange.urls))
    assert len(found) > 40
    assert all(url.startswith("http://127.0.0.1:") for url in found)


def test_a_later_change_of_an_address_reaches_no_other_host(connection: Connection) -> None:
    connection._exchange.urls["api"]["sapi"] = "https://api.binance.com/sapi/v1"
    with pytest.raises(VenueError) as caught:
        send(connection)
    assert caught.value.code == "venue.foreign_host"


def test_a_receipt_that_cannot_be_read_is_unknown(server: ScriptedServer, connection: Connection) -> None:
    server.answers = [GOOD]

    def unreadable(answer: Fields) -> str:
        raise KeyError("id")

    with pytest.raises(OutcomeUnknownError):
        connection.send(
            "sapiPostCapitalWithdrawApply",
            {"coin": "BTC"},
            SendPermit(SystemClock().now() + timedelta(minutes=1)),
            unreadable,
        )
