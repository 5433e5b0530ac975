"""Feeds over a real WebSocket: what is pushed, when nothing is, and a broken or silent line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer

SECONDS = 10
Talk = Callable[[aiohttp.ClientWebSocketResponse], Awaitable[None]]


def on_feed(server: VenueServer, path: str, talk: Talk) -> None:
    """Connect, hold the conversation, and leave."""

    async def run() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(server.url + path) as socket:
            await asyncio.wait_for(talk(socket), SECONDS)

    asyncio.run(run())


async def in_thread(act: Callable[..., Any], *args: Any, **named: Any) -> Any:
    return await asyncio.to_thread(act, *args, **named)


def test_a_mark_price_comes_at_once_and_whenever_it_moves(server: VenueServer, control: VenueControl) -> None:
    async def talk(socket: aiohttp.ClientWebSocketResponse) -> None:
        first = await socket.receive_json()
        assert (first["e"], first["s"], first["p"]) == ("markPriceUpdate", "BTCUSDT", "80000.00000000")
        await in_thread(control.mark, "ETHUSDT", "2900")
        await in_thread(control.mark, "BTCUSDT", "79000", index="79010")
        moved = await socket.receive_json()
        assert (moved["s"], moved["p"], moved["i"]) == ("BTCUSDT", "79000.00000000", "79010.00000000")

    on_feed(server, "/ws/btcusdt@markPrice", talk)


def test_combined_streams_name_themselves_and_are_subscribed_later(
    server: VenueServer, control: VenueControl
) -> None:
    async def talk(socket: aiohttp.ClientWebSocketResponse) -> None:
        assert (await socket.receive_json())["stream"] == "btcusdt@markPrice"
        await socket.send_json({"method": "SUBSCRIBE", "params": ["ethusdt@markPrice@1s"], "id": 7})
        assert await socket.receive_json() == {"result": None, "id": 7}
        assert (await socket.receive_json())["data"]["s"] == "ETHUSDT"
        await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdt@markPrice"], "id": 8})
        assert await socket.receive_json() == {"result": None, "id": 8}
        await in_thread(control.mark_all, "BTC", "70000")
        await in_thread(control.mark, "ETHUSDT", "2700")
        assert (await socket.receive_json())["data"]["p"] == "2700.00000000"
        await socket.send_str("{")
        assert "error" in await socket.receive_json()

    on_feed(server, "/stream?streams=btcusdt@markPrice", talk)


def test_user_data_tells_transfers_funding_and_liquidation(
    server: VenueServer, control: VenueControl, connect: Any
) -> None:
    exchange = connect("transfer", load=False)
    key = exchange.fapiPrivatePostListenKey()["listenKey"]

    async def talk(socket: aiohttp.ClientWebSocketResponse) -> None:
        request = {"type": "UMFUTURE_MAIN", "asset": "USDT", "amount": "100"}
        await in_thread(exchange.sapiPostAssetTransfer, request)
        update = (await socket.receive_json())["a"]
        assert (update["m"], update["P"]) == ("DEPOSIT", [])
        assert update["B"] == [{"a": "USDT", "wb": "900.00000000", "cw": "900.00000000", "bc": "0"}]
        await in_thread(control.funding, "BTCUSDT", "0.0001")
        assert (await socket.receive_json())["a"]["m"] == "FUNDING_FEE"
        await in_thread(control.mark, "BTCUSDT", "40000")
        closed = (await socket.receive_json())["a"]
        assert [(row["s"], row["pa"]) for row in closed["P"]] == [("BTCUSDT", "0")]

    on_feed(server, f"/ws/{key}", talk)


def test_a_listen_key_of_nobody_is_turned_away(server: VenueServer, control: VenueControl) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        on_feed(server, "/ws/listen-1", lambda socket: asyncio.sleep(0))
    assert refused.value.status == 400


def test_a_silent_feed_stays_open_and_a_dropped_one_does_not(
    server: VenueServer, control: VenueControl
) -> None:
    async def talk(socket: aiohttp.ClientWebSocketResponse) -> None:
        await socket.receive_json()
        await in_thread(control.feeds, silent=True)
        await in_thread(control.mark, "BTCUSDT", "70000")
        await in_thread(control.feeds, silent=False)
        await in_thread(control.mark, "BTCUSDT", "69000")
        assert (await socket.receive_json())["p"] == "69000.00000000"
        await in_thread(control.feeds, drop=True)
        assert (await socket.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
        assert not socket.close_code or socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE

    on_feed(server, "/ws/btcusdt@markPrice", talk)


def test_ccxt_watches_the_mark_price(server: VenueServer, control: VenueControl) -> None:
    import ccxt.pro

    from tests.support.ccxt_hosts import rewrite_hosts

    async def watch() -> Any:
        exchange = ccxt.pro.binanceusdm({"enableRateLimit": False})
        exchange.urls["api"] = rewrite_hosts(exchange.urls["api"], server.url)
        exchange.urls["api"]["ws"] = rewrite_hosts(
            exchange.urls["api"]["ws"], server.url.replace("http", "ws")
        )
        try:
            return await asyncio.wait_for(exchange.watch_mark_price("BTC/USDT:USDT"), SECONDS)
        finally:
            await exchange.close()

    assert asyncio.run(watch())["info"]["p"] == "80000.00000000"
