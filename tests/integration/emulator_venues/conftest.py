"""A venue on a real socket, a chain in memory behind it, and unmodified ccxt pointed at it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.venues.control.client import VenueControl
from emulator.venues.serving.server import VenueServer
from tests.support.ccxt_hosts import rewrite_hosts

READ_KEY = {"key": "read-key", "secret": "read-secret", "transfer": False}
TRADE_KEY = {"key": "transfer-key", "secret": "transfer-secret"}
WITHDRAW_KEY = {
    "key": "withdraw-key",
    "secret": "withdraw-secret",
    "withdraw": True,
    "ip_list": ["127.0.0.1"],
}
FOREIGN_KEY = {"key": "far-key", "secret": "far-secret", "withdraw": True, "ip_list": ["203.0.113.7"]}
UNIT = Path(__file__).resolve().parents[2] / "unit" / "emulator_venues" / "fake_chain.py"


@pytest.fixture
def chain() -> Any:
    spec = importlib.util.spec_from_file_location("emulator_venues_fake_chain", UNIT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.FakeChain()


@pytest.fixture
def server(chain: Any) -> Iterator[VenueServer]:
    with VenueServer("binance", chain=chain) as running:
        yield running


@pytest.fixture
def control(server: VenueServer) -> VenueControl:
    """The scenario's hand, one account: 1 BTC spot, 2 BTC and 1000 USDT futures, long 5 BTC at 80,000."""
    hand = VenueControl(server.url)
    hand.create_account(
        "main",
        keys=[READ_KEY, TRADE_KEY, WITHDRAW_KEY, FOREIGN_KEY],
        wallets={"spot": {"BTC": "1"}, "futures": {"BTC": "2", "USDT": "1000"}},
        positions=[{"symbol": "BTCUSDT", "quantity": "5", "entry_price": "80000", "leverage": 10}],
    )
    return hand


Connect = Callable[..., Any]


@pytest.fixture
def connect(server: VenueServer, control: VenueControl) -> Iterator[Connect]:
    """A ccxt exchange of a key; `kind` is "binance" (spot and linear) or "binanceusdm"."""
    import ccxt

    opened: list[Any] = []

    def make(
        key: str = "withdraw", *, kind: str = "binance", secret: str | None = None, load: bool = True
    ) -> Any:
        types = ["spot", "linear"] if kind == "binance" else ["linear"]
        exchange = getattr(ccxt, kind)(
            {
                "apiKey": f"{key}-key",
                "secret": secret or f"{key}-secret",
                "enableRateLimit": False,
                "timeout": 5000,
                "options": {"fetchMargins": False, "fetchMarkets": {"types": types}},
            }
        )
        exchange.urls["api"] = rewrite_hosts(exchange.urls["api"], server.url)
        opened.append(exchange)
        if load:
            exchange.load_time_difference()
            exchange.load_markets()
        return exchange

    yield make
    for exchange in opened:
        exchange.session.close()
