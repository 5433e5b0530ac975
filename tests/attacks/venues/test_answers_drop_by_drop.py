"""A venue whose answer never ends: headers or body come drop by drop, to a read and to a withdrawal."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from vault.clock import ManualClock
from vault.config import VenueSettings
from vault.errors import OutcomeUnknownError, VenueError
from vault.secrets import Secret
from vault.venues.line import transport
from vault.venues.line.connection import Connection
from vault.venues.line.transport import SendPermit
from vault.venues.okx.account import Okx

NOW = datetime(2026, 1, 31, 5, 0, tzinfo=UTC)
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STARTS = {
    "headers": b"HTTP/1.1 200 OK\r\nX-Slow: ",
    "body of a length": HEADERS + b"Content-Length: 100000\r\n\r\n",
    "body to the end": HEADERS + b"Connection: close\r\n\r\n" + b'{"code": "0", "data": [{"wdId": "1"}]}',
    "chunks": HEADERS + b"Transfer-Encoding: chunked\r\n\r\n",
}
DROPS = {"chunks": b"1\r\n \r\n"}


@contextmanager
def dripping(kind: str) -> Iterator[str]:
    """A server that begins an answer and then sends a drop every 20 ms until it is hung up on."""
    listening = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        line, _ = listening.accept()
        with line:
            line.recv(65_536)
            try:
                line.sendall(STARTS[kind])
                while not ended.wait(0.02):
                    line.sendall(DROPS.get(kind, b" "))
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        ended.set()
        thread.join()
        listening.close()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "WHOLE_ANSWER", 0.2)
    monkeypatch.setattr(transport, "SLACK_SECONDS", 0.1)


def connection(url: str) -> Connection:
    settings = VenueSettings(name="a", exchange="okx", account_uid="1", url=url, timeout_seconds=1)
    keys = {name: Secret("x" * 20) for name in ("key", "secret", "password")}
    return Connection(settings, keys, ManualClock(NOW), Okx.endpoints())


@pytest.mark.parametrize("kind", STARTS)
def test_a_withdrawal_whose_answer_never_ends_is_unknown(kind: str) -> None:
    """It would else hold its thread, and at a venue that counts requests the key, for ever."""
    with dripping(kind) as url:
        ask = connection(url)
        with pytest.raises(OutcomeUnknownError):
            ask.send(
                "privatePostAssetWithdrawal", {}, SendPermit(NOW + timedelta(minutes=1)),
                lambda answer: answer.rows("data")[0].text("wdId"),
            )  # fmt: skip


@pytest.mark.parametrize("kind", STARTS)
@pytest.mark.parametrize("bounded", [False, True])
def test_a_read_whose_answer_never_ends_is_given_up(kind: str, bounded: bool) -> None:
    with dripping(kind) as url:
        ask = connection(url)
        ask.end_at(time.monotonic() + 0.2 if bounded else None)
        with pytest.raises(VenueError) as caught:
            ask.get("privateGetAccountConfig")
    assert caught.value.code in {"venue.timeout", "venue.dropped", "venue.bad_answer"}
