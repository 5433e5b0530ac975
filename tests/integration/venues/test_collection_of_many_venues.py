"""One collection of twelve accounts: one that hangs, one that is dead and one that babbles spoil none."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from tests.support.many_venues import EXCHANGES, TREASURY, TWELVE, open_account
from tests.support.warm_server import WarmServer
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.model import MarginAccount
from vault.venues import client as venue_client
from vault.venues.client import VenueClient

HUNG, DEAD, GARBAGE = "binance-usdm-second", "bybit-second", "okx-second"
SPOILED = (HUNG, DEAD, GARBAGE)


@dataclass
class Twelve:
    controls: dict[str, VenueControl]
    settings: tuple[VenueSettings, ...]
    client: VenueClient

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(each.name for each in self.settings)


@pytest.fixture
def twelve(
    keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Twelve]:
    from quick_keyring import QuickCryptFileKeyring

    monkeypatch.setattr(venue_client, "_start", warm.worker)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    backend = QuickCryptFileKeyring()
    backend.keyring_key = os.environ["KEYRING_CRYPTFILE_PASSWORD"]
    with ExitStack() as stack:
        # The three that go wrong have a server of their own.
        servers = {name: stack.enter_context(VenueServer(name)) for name in EXCHANGES}
        servers |= {
            kind.name: stack.enter_context(VenueServer(kind.exchange))
            for kind in TWELVE
            if kind.name in SPOILED
        }
        settings = tuple(
            # The good ones have time: a busy machine must not look like a slow venue.
            open_account(
                kind,
                servers.get(kind.name, servers[kind.exchange]).url,
                backend,
                timeout_seconds=1 if kind.name in SPOILED else 30,
            )
            for kind in TWELVE
        )
        client = stack.enter_context(VenueClient(TREASURY, *settings))
        controls = {name: VenueControl(server.url) for name, server in servers.items()}
        yield Twelve(controls, settings, client)


def test_all_twelve_are_read_in_one_collection(twelve: Twelve) -> None:
    found = twelve.client.read_accounts(twelve.names)
    assert list(found) == list(twelve.names)
    for name, account in found.items():
        assert isinstance(account, MarginAccount), account
        assert account.name == name
        assert account.equity > 0
        assert account.positions


def test_a_hung_a_dead_and_a_babbling_venue_spoil_none_of_the_others(twelve: Twelve) -> None:
    before = twelve.client.read_accounts(twelve.names)
    twelve.controls[HUNG].fault("hang_before", "/", seconds="60", lasting=True)
    twelve.controls[DEAD].fault("drop_connection_before", "/", lasting=True)
    twelve.controls[GARBAGE].fault("broken_json", "/", lasting=True)
    after = twelve.client.read_accounts(twelve.names)
    errors = {name: each.code for name, each in after.items() if isinstance(each, VenueError)}
    assert errors == {HUNG: "venue.timeout", DEAD: "venue.dropped", GARBAGE: "venue.bad_answer"}
    # The collection has ended while the hung venue still holds its first request.
    assert any(row["status"] is None for row in twelve.controls[HUNG].requests())
    for name in set(twelve.names) - set(SPOILED):
        first, second = before[name], after[name]
        assert isinstance(first, MarginAccount)
        assert isinstance(second, MarginAccount)
        assert (first.balance, [p.size for p in first.positions]) == (
            second.balance,
            [p.size for p in second.positions],
        )


def test_a_venue_whose_clock_is_off_is_refused_and_no_other_is(twelve: Twelve) -> None:
    twelve.controls[HUNG].clock(announced_skew_ms=90_000)
    found = twelve.client.read_accounts(twelve.names)
    errors = {name: each.code for name, each in found.items() if isinstance(each, VenueError)}
    assert errors == {HUNG: "venue.clock_skew"}


def test_calls_that_hang_take_no_place_from_another_account_of_the_same_exchange(twelve: Twelve) -> None:
    twelve.controls[HUNG].fault("hang_before", "/", seconds="60", lasting=True)
    slow = [
        threading.Thread(target=lambda: twelve.client.read_accounts((HUNG,)), daemon=True) for _ in range(8)
    ]
    for each in slow:
        each.start()
    found = twelve.client.read_accounts(("binance-usdm",))["binance-usdm"]
    assert isinstance(found, MarginAccount)
    for each in slow:
        each.join()


class Dripping:
    """A server that answers every request at once and then sends its body one byte at a time."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        self.bytes = 0

    def _serve(self) -> None:
        while not self._ended.is_set():
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line:
                line.recv(65_536)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not self._ended.wait(0.05):
                    try:
                        line.sendall(b" ")
                    except OSError:
                        break
                    self.bytes += 1

    def close(self) -> None:
        self._ended.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


def test_a_body_that_trickles_ends_with_the_readings_limit_and_not_with_the_clients(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No byte is ever a whole timeout late, so only the limit of the reading as a whole can end it."""
    server = Dripping()
    try:
        with world.open(url=server.url) as client, pytest.raises(VenueError) as caught:
            client.read_account("binance-main")
        assert caught.value.code == "venue.timeout"
        assert server.bytes > 1
    finally:
        server.close()
