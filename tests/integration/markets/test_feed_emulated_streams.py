"""Forced orders in the streams of exchanges that tell them nowhere else, and the sources as a process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from emulator.feeds.control import FeedControl
from emulator.scenario_accounts import margin_wallet
from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer

SECONDS = 10


def doom(exchange: str, control: VenueControl) -> None:
    """An account whose only position fails at the next price."""
    control.create_account(
        "doomed",
        wallets={margin_wallet(exchange): {"USDT": "15000"}},
        positions=[{"symbol": "BTCUSDT", "quantity": "2", "entry_price": "80000", "leverage": 10}],
    )
    control.mark_all("BTC", "70000")


async def forced(exchange: str, url: str, path: str, hello: Any, control: VenueControl) -> Any:
    async with aiohttp.ClientSession() as session, session.ws_connect(url + path) as socket:
        if hello is not None:
            await socket.send_json(hello)
            assert (await socket.receive_json())["success"]
        else:
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
            await socket.receive_json()
        await asyncio.to_thread(doom, exchange, control)
        return await socket.receive_json()


@pytest.mark.parametrize(
    ("exchange", "path", "hello"),
    [
        ("binance", "/ws/btcusdt@forceOrder", None),
        ("bybit", "/v5/public/linear", {"op": "subscribe", "args": ["allLiquidation.BTCUSDT"]}),
    ],
)
def test_a_liquidation_is_pushed_once(exchange: str, path: str, hello: Any) -> None:
    with VenueServer(exchange) as server:
        control = VenueControl(server.url)
        told = asyncio.run(asyncio.wait_for(forced(exchange, server.url, path, hello, control), SECONDS))
    if exchange == "binance":
        assert (told["e"], told["o"]["S"], told["o"]["q"]) == ("forceOrder", "SELL", "2")
    else:
        assert [(row["S"], row["v"]) for row in told["data"]] == [("Buy", "2")]


def test_the_sources_run_as_a_process_until_their_input_ends() -> None:
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(
        [sys.executable, "-m", "emulator", "feeds"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        control = FeedControl(told["feeds"])
        control.rows("gold", {"2026-01-30": "4794.5"})
        assert set(told["names"]) >= {"gold", "stablecoins", "etf-flows"}
        process.stdin.close()
        assert process.wait(SECONDS) == 0
