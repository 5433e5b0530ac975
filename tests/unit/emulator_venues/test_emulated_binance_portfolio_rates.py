"""What a portfolio margin account is judged by: rates and index prices are those the engine counts with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from emulator.venues.binance.endpoints import binance
from emulator.venues.engine.venue import Venue
from emulator.venues.serving.messages import Incoming
from emulator.venues.serving.routing import Call


def answer(venue: Venue, path: str, **params: str) -> Any:
    route = next(each for each in binance().routes if (each.method, each.path) == ("GET", path))
    return route.handler(Call(venue, path, params, None, Incoming("GET", path, "", "", "", "127.0.0.1")))


def test_every_collateral_asset_has_the_rate_that_the_engine_counts_with(venue: Venue) -> None:
    told = {
        row["asset"]: Decimal(row["collateralRate"])
        for row in answer(venue, "/sapi/v1/portfolio/collateralRate")
    }
    assert told == {asset: rule.counted(Decimal(1)) for asset, rule in venue.collateral.items()}
    assert told["BTC"] == Decimal("0.95")


def test_index_prices_are_the_market_s_and_one_can_be_asked_for(venue: Venue) -> None:
    path = "/sapi/v1/portfolio/asset-index-price"
    told = {row["asset"]: Decimal(row["assetIndexPrice"]) for row in answer(venue, path)}
    assert set(told) == {"BTC", "ETH", "USDC", "USDT"}
    assert told["BTC"] == venue.market.symbols["BTCUSDT"].index
    assert answer(venue, path, asset="USDT") == [{"asset": "USDT", "assetIndexPrice": "1"}]
