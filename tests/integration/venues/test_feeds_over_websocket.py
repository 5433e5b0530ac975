"""Feeds of emulated exchanges: followed, dropped, silent, filled by REST; and servers that mean no good."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from tests.support.many_venues import TREASURY, TWELVE, Kind, key_of, open_account
from tests.support.warm_server import WarmServer
from vault.clock import SystemClock
from vault.config import VenueSettings
from vault.errors import VenueError
from vault.secrets import Secret
from vault.venues import client as venue_client
from vault.venues.client import VenueClient
from vault.venues.feeds import bybit
from vault.venues.feeds.opening import Feed, open_feed
from vault.venues.feeds.reading import FeedReading
from vault.venues.feeds.socket import MAX_BYTES, Pauses
from vault.venues.line.connection import Connection

SECONDS = 20.0  # far more than anything here takes
QUICK = Pauses(probe=0.05, silent=30.0, retry=0.02, longest_retry=0.05)
FOLLOWED = {kind.name: kind for kind in TWELVE if kind.name in {"binance-usdm", "bybit-main"}}
WALLETS = {"binance-usdm": "futures", "bybit-main": "unified"}


class Memory:
    """A keyring that keeps nothing anywhere."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def set_password(self, service: str, name: str, text: str) -> None:
        self.kept[service, name] = text


class Followed:
    """An account at its server, and feeds of it opened in this process."""

    def __init__(self, kind: Kind, server: VenueServer) -> None:
        self.kind = kind
        self.control = VenueControl(server.url)
        self.settings = open_account(kind, server.url, Memory(), timeout_seconds=30)
        self.keys = {part: Secret(text) for part, text in key_of(kind).items()}

    def credit(self, amount: str) -> None:
        """Tether from nowhere."""
        name = self.kind.name
        self.control.call("credit", account=name, wallet=WALLETS[name], asset="USDT", amount=amount)

    @contextmanager
    def feed(self, pauses: Pauses = QUICK) -> Iterator[Feed]:
        clock = SystemClock()
        with open_feed(
            self.settings,
            self.keys,
            lambda endpoints: Connection(self.settings, self.keys, clock, endpoints),
            clock,
            pauses,
        ) as feed:
            yield feed


@pytest.fixture(params=sorted(FOLLOWED))
def followed(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Followed]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    kind = FOLLOWED[request.param]
    with VenueServer(kind.exchange) as server:
        yield Followed(kind, server)


def seen(feed: Feed, until: Callable[[FeedReading], bool]) -> FeedReading:
    reading = feed.wait(until, SECONDS)
    assert until(reading), reading
    return reading


def live(reading: FeedReading) -> bool:
    return reading.live


def value(reading: FeedReading, *key: Any) -> Decimal | None:
    part = reading.part(*key)
    return None if part is None else part.value


def test_marks_balances_and_positions_are_followed(followed: Followed) -> None:
    with followed.feed() as feed:
        seen(feed, live)
        seen(feed, lambda reading: value(reading, "mark", "BTCUSDT") is not None)
        followed.control.mark("BTCUSDT", "81234.5")
        seen(feed, lambda reading: value(reading, "mark", "BTCUSDT") == Decimal("81234.5"))
        followed.credit("1.25")
        before = Decimal(followed.kind.wallets[WALLETS[followed.kind.name]]["USDT"])
        seen(feed, lambda reading: value(reading, "balance", "USDT") == before + Decimal("1.25"))
        followed.control.call(
            "position",
            account=followed.kind.name,
            symbol="BTCUSDT",
            quantity="-0.75",
            entry_price="80000",
            leverage=10,
        )
        seen(feed, lambda reading: value(reading, "position", "BTCUSDT", "short") == Decimal("0.75"))
        assert value(feed.latest(), "position", "BTCUSDT", "long") == 0


def test_after_a_broken_line_nothing_is_current_until_it_is_told_again(followed: Followed) -> None:
    with followed.feed() as feed:
        seen(feed, live)
        followed.credit("1")
        seen(feed, lambda reading: value(reading, "balance", "USDT") is not None)
        followed.control.feeds(drop=True)
        reading = seen(feed, lambda reading: reading.breaks >= 2 and reading.live)
        assert value(reading, "balance", "USDT") is None
        assert [part.kind for part in reading.stale] == ["balance"]
        seen(feed, lambda reading: value(reading, "mark", "BTCUSDT") is not None)


def test_a_silent_server_is_noticed_although_the_line_is_up(followed: Followed) -> None:
    with followed.feed(Pauses(probe=0.05, silent=0.5, retry=0.02, longest_retry=0.05)) as feed:
        seen(feed, live)
        followed.control.feeds(silent=True)
        reading = seen(feed, lambda reading: not reading.live)
        reading = seen(feed, lambda reading: all(line.status == "broken" for line in reading.lines))
        assert reading.current == ()
        assert all("venue.silent" in line.why for line in reading.lines)
        followed.control.feeds(silent=False)
        seen(feed, live)


def test_no_address_and_no_log_line_carries_a_key(
    followed: Followed, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with followed.feed() as feed:
        seen(feed, live)
        followed.control.feeds(drop=True)
        reading = seen(feed, lambda reading: reading.breaks >= 2 and reading.live)
    asked = followed.control.requests()
    addresses = " ".join(f"{row['path']}?{row['query']}" for row in asked)
    told = " ".join(line.why for line in reading.lines) + repr(reading)
    # Requests by REST are not this test's: the worker has switched their logs off.
    ours = [each for each in caplog.records if each.name.split(".")[0] not in {"ccxt", "urllib3"}]
    logged = " ".join(record.getMessage() for record in ours)
    for secret in (*key_of(followed.kind).values(), "listen-"):
        assert secret not in addresses + told + logged


def test_closing_a_feed_leaves_no_thread_and_no_connection(followed: Followed) -> None:
    before = threading.active_count()
    with followed.feed() as feed:
        seen(feed, live)
        assert followed.control.state()["feeds"] == 2
    assert threading.active_count() == before


def test_okx_is_followed_for_its_marks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (kind,) = (each for each in TWELVE if each.name == "okx-main")
    pauses = Pauses(probe=0.05, silent=0.5, retry=0.02, longest_retry=0.05)
    with VenueServer("okx") as server:
        followed = Followed(kind, server)
        with followed.feed(pauses) as feed:
            seen(feed, live)
            followed.control.mark("BTC-USDT-SWAP", "61000.1")
            seen(feed, lambda reading: value(reading, "mark", "BTC-USDT-SWAP") == Decimal("61000.1"))
            followed.control.feeds(silent=True)
            seen(feed, lambda reading: reading.lines[0].status == "broken")
            followed.control.feeds(silent=False)
            assert {part.kind for part in seen(feed, live).stale} <= {"mark"}


@pytest.fixture
def client(
    followed: Followed, keyring_environment: Path, warm: WarmServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[VenueClient]:
    from quick_keyring import QuickCryptFileKeyring

    monkeypatch.setattr(venue_client, "_start", warm.worker)
    backend = QuickCryptFileKeyring()
    backend.keyring_key = "only for tests"
    for part, text in key_of(followed.kind).items():
        backend.set_password(f"vault:{TREASURY}", f"venue/{followed.kind.name}/read/{part}", text)
    with VenueClient(TREASURY, followed.settings) as made:
        yield made


def until(client: VenueClient, name: str, good: Callable[[FeedReading], bool]) -> FeedReading:
    while True:  # the test's own time limit ends it
        reading = client.follow(name)
        if good(reading):
            return reading


def test_the_worker_follows_and_rest_fills_what_the_feed_has_not_heard(
    followed: Followed, client: VenueClient
) -> None:
    name = followed.kind.name
    until(client, name, live)
    account = client.read_account(name)
    reading = client.follow(name)
    assert reading.contradictions == ()
    for position in account.positions:
        assert value(reading, "position", position.symbol, position.side) == position.size
    for each in account.collateral:
        assert value(reading, "balance", each.asset) == each.balance


def test_an_account_without_a_feed_says_so(followed: Followed, client: VenueClient) -> None:
    other = VenueSettings(**{**followed.settings.model_dump(), "exchange": "deribit", "product": "usdm"})
    with pytest.raises(VenueError) as caught:
        open_feed(other, followed.keys, lambda _: pytest.fail("asked"), SystemClock())
    assert caught.value.code == "venue.not_offered"


# Servers that mean no good

Behaviour = Callable[[web.WebSocketResponse], Awaitable[None]]
OPEN = '{"success":true,"op":"subscribe"}'
TICKER = '{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","markPrice":"%s"},"ts":%d}'


class Scripted:
    """A WebSocket server that behaves as it is told; `paths` are those it was asked for."""

    def __init__(self, behave: Behaviour | None, redirect: str = "") -> None:
        self._behave, self._redirect = behave, redirect
        self.paths: list[str] = []
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.paths.append(request.path)
        if self._redirect:
            return web.Response(status=302, headers={"Location": self._redirect})
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert self._behave is not None
        await self._behave(socket)
        async for _ in socket:
            pass
        return socket

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._end.wait()
        await runner.cleanup()

    def __enter__(self) -> Scripted:
        self._thread.start()
        self._ready.wait(SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    @contextmanager
    def feed(self, pauses: Pauses = QUICK) -> Iterator[Feed]:
        settings = VenueSettings(
            name="a", exchange="bybit", account_uid="1", url=f"http://127.0.0.1:{self.port}"
        )
        with Feed(settings, [bybit.Tickers(["BTCUSDT"])], SystemClock(), pauses) as feed:
            yield feed


def sends(*frames: str | bytes) -> Behaviour:
    async def behave(socket: web.WebSocketResponse) -> None:
        await socket.receive()
        await socket.send_str(OPEN)
        for frame in frames:
            await (socket.send_str(frame) if isinstance(frame, str) else socket.send_bytes(frame))

    return behave


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (sends("x" * (MAX_BYTES + 1)), "ERROR"),
        (sends(b"\x00\x01"), "BINARY"),
        (sends("not json"), "venue.bad_answer"),
        (sends('{"topic":"wallet","type":"snapshot"}'), "venue."),
        (sends('{"success":false,"op":"subscribe","ret_msg":"secret words"}'), "venue.refused"),
        (sends(TICKER % ("80000", 4102444800000)), "from the future"),
        (sends(TICKER % ("0", 1769835600000)), "above zero"),
    ],
    ids=["huge", "binary", "no json", "no data", "refusal", "future", "zero price"],
)
def test_a_message_that_cannot_be_true_ends_the_line_and_is_never_current(
    behave: Behaviour, why: str
) -> None:
    with Scripted(behave) as server, server.feed() as feed:
        reading = seen(feed, lambda reading: reading.lines[0].status == "broken" and reading.breaks > 1)
        assert why in reading.lines[0].why
        assert "secret words" not in reading.lines[0].why
        assert reading.current == ()


def test_a_redirect_is_not_followed() -> None:
    with Scripted(sends()) as other:
        place = f"http://127.0.0.1:{other.port}/elsewhere"
        with Scripted(None, redirect=place) as server, server.feed() as feed:
            seen(feed, lambda reading: "foreign_host" in reading.lines[0].why)
        assert other.paths == []


def test_a_server_that_only_keeps_the_line_up_never_opens_it() -> None:
    async def mute(socket: web.WebSocketResponse) -> None:
        async for message in socket:
            assert message.type is WSMsgType.TEXT

    short = Pauses(probe=0.05, silent=0.1, retry=0.02, longest_retry=0.05)
    with Scripted(mute) as server, server.feed(short) as feed:
        reading = seen(feed, lambda reading: reading.lines[0].status == "broken")
        assert "venue.silent" in reading.lines[0].why


def test_a_dead_server_is_told_as_such() -> None:
    settings = VenueSettings(name="a", exchange="bybit", account_uid="1", url="http://127.0.0.1:9")
    with Feed(settings, [bybit.Tickers(["BTCUSDT"])], SystemClock(), QUICK) as feed:
        reading = seen(feed, lambda reading: reading.lines[0].status == "broken")
    assert "no connection" in reading.lines[0].why
