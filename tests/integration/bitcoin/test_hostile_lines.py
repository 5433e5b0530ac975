"""Servers and proxies that attack the line itself: heads and chunks without end, redirects, odd replies.

What they say is not what is tested here, but that nobody can hold us, fill the memory or lead us elsewhere.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from tests.support.backend_talks import QUICK, RAW, REGTEST, esplora, node, refusal
from tests.support.hostile_server import HostileServer, Line, http_answer
from vault.bitcoin.backends import http_line
from vault.bitcoin.backends.dial import Endpoint, Stream, dial
from vault.bitcoin.backends.electrum import ElectrumBackend
from vault.bitcoin.backends.esplora import EsploraBackend
from vault.errors import ChainError, OutcomeUnknownError

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
# Each is sent once, then its second part again and again.
BOMBS = {
    "answers that promise another one": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers without end": (OK, b"X: y\r\n"),
    "a header line without end": (OK + b"X: ", b"y" * 4096),
    "a status line without end": (b"HTTP/1.1 200 ", b"y" * 4096),
    "chunks without end": (CHUNKED, b"1000\r\n" + b"9" * 4096 + b"\r\n"),
    "chunks of one byte": (CHUNKED, b"1\r\n9\r\n" * 500),
    "a chunk whose size has no end": (CHUNKED, b"0" * 4096),
    "a chunk of more than there is": (CHUNKED + b"f" * 15 + b"\r\n", b"9" * 4096),
    "a chunk of less than nothing": (CHUNKED + b"-1\r\n", b"9" * 4096),
    "trailers without end": (CHUNKED + b"1\r\n7\r\n0\r\n", b"X: y\r\n" * 500),
    "a length of less than nothing": (OK + b"Content-Length: -1\r\n\r\n", b"9" * 4096),
    "a length and chunks": (
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1000\r\n" + b"9" * 4096 + b"\r\n",
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_an_answer_that_never_ends_is_given_up_by_size_or_time(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_line, "MAX_ANSWER", 200_000)
    start, again = BOMBS[name]

    def talk(line: Line) -> None:
        line.request()
        line.send(start)
        while not line.over.is_set():
            line.send(again)

    for make in (esplora, node):
        with HostileServer(talk) as server:
            assert refusal(make(server, QUICK).tip) == "chain.no_answer"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_leads_nowhere_and_a_broadcast_is_made_once(status: int) -> None:
    asked: list[str] = []

    def elsewhere(line: Line) -> None:
        asked.append("elsewhere")

    with HostileServer(elsewhere) as other:

        def talk(line: Line) -> None:
            while True:
                path, _ = line.request()
                asked.append(path)
                head = b"Location: http://127.0.0.1:%d%s\r\n" % (other.port, path.encode())
                line.send(b"HTTP/1.1 %d Moved\r\n%sContent-Length: 0\r\n\r\n" % (status, head))

        with HostileServer(talk) as server:
            assert refusal(esplora(server).tip).startswith("chain.")
            asked.clear()
            with pytest.raises((ChainError, OutcomeUnknownError)):
                esplora(server).broadcast(RAW)
            assert asked == ["/tx"]


def test_a_second_answer_behind_the_first_answers_no_later_question() -> None:
    """What came along with the first answer is dropped: the next question has an answer of its own."""
    hashes = iter((b"aa" * 32, b"bb" * 32))

    def talk(line: Line) -> None:
        line.request()
        line.send(http_answer(next(hashes)) + http_answer(b"ff" * 32))
        line.request()
        line.send(http_answer(next(hashes)))

    with HostileServer(talk) as server:
        line = http_line.HttpServer(f"http://127.0.0.1:{server.port}", 5, what="a test")
        with line.session() as session:
            assert [session.get(f"/{number}")[1] for number in range(2)] == [b"aa" * 32, b"bb" * 32]


@pytest.mark.parametrize("host", ["explorer.onion", "EXPLORER.ONION", "deep.explorer.onion."])
def test_an_onion_name_is_asked_of_nobody_without_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 7686: a resolver, and all who listen, would learn whom we wanted to talk to."""

    def leak(*asked: object, **_: object) -> Any:
        raise AssertionError(f"asked for {asked}")

    monkeypatch.setattr(socket, "getaddrinfo", leak)
    monkeypatch.setattr(socket, "create_connection", leak)
    for ask in (
        lambda: dial(Endpoint(host, 50001, False, 5)),
        EsploraBackend(f"http://{host}", 5).tip_height,
        ElectrumBackend(f"tcp://{host}:50001", REGTEST, 5).tip,
        lambda: EsploraBackend(f"http://{host}", 5).broadcast(RAW),
    ):
        assert refusal(ask) == "chain.unreachable"


def test_a_pin_without_tls_is_no_connection_at_all() -> None:
    """An address that lost its `s` on the way must not be spoken to as if it had been checked."""
    with HostileServer(lambda line: line.send(http_answer(b"7"))) as server:
        for scheme in ("http", "tcp"):
            url = f"{scheme}://127.0.0.1:{server.port}"
            make = (
                EsploraBackend(url, 5, certificate="ab" * 32)
                if scheme == "http"
                else (ElectrumBackend(url, REGTEST, 5, certificate="ab" * 32))
            )
            assert refusal(make.tip) == "chain.bad_certificate"
            assert refusal(lambda each=make: each.broadcast(RAW)) == "chain.bad_certificate"


@pytest.mark.parametrize("kind", [0, 2, 5, 255])
def test_a_proxy_whose_address_has_a_form_of_its_own_is_refused(kind: int) -> None:
    def talk(line: Line) -> None:
        line.read(4)
        line.send(b"\x05\x00")
        line.read(10)
        line.send(bytes([5, 0, 0, kind, 4]) + bytes(6))

    with HostileServer(talk) as proxy:
        through = f"socks5://127.0.0.1:{proxy.port}"
        with pytest.raises(ChainError) as refused:
            dial(Endpoint("10.0.0.1", 80, False, 5, proxy=through))
        assert refused.value.code == "chain.unreachable"
        assert "form of its own" in refused.value.message


class Sipping:
    """A connection whose other side takes a few bytes at a time, each of them after a second."""

    def __init__(self, tick: Callable[[], float]) -> None:
        self.taken, self.timeouts, self._tick = b"", list[float](), tick

    def settimeout(self, seconds: float) -> None:
        self.timeouts.append(seconds)

    def send(self, data: memoryview) -> int:
        self._tick()
        self.taken += bytes(data[:3])
        return min(3, len(data))

    def sendall(self, data: bytes) -> None:
        raise AssertionError("a TLS connection gives every part of it the whole time")


def test_a_server_that_takes_its_time_with_a_question_has_one_deadline_for_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seconds = itertools.count()
    now = [0.0]

    def tick() -> float:
        now[0] = float(next(seconds) + 1)
        return now[0]

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    connection = Sipping(tick)
    stream = Stream(cast("socket.socket", connection), 10)
    stream.sendall(b"0123456789")
    assert connection.taken == b"0123456789"
    assert connection.timeouts == [10, 9, 8, 7]
    with pytest.raises(TimeoutError):
        stream.sendall(bytes(100))
    assert connection.timeouts[-1] == 1
