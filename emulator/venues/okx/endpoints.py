"""OKX as a server: every endpoint that is emulated, as one table."""

from __future__ import annotations

from emulator.venues.okx import routes_account, routes_asset, routes_market, routes_public
from emulator.venues.okx.auth import authenticate, parameters
from emulator.venues.okx.dialect import OkxDialect
from emulator.venues.okx.feeds import FEEDS
from emulator.venues.okx.profile import PROFILE
from emulator.venues.serving.exchange import Exchange


def okx() -> Exchange:
    """An OKX-shaped exchange."""
    return Exchange(
        profile=PROFILE,
        dialect=OkxDialect(),
        routes=(*routes_public.ROUTES, *routes_market.ROUTES, *routes_account.ROUTES, *routes_asset.ROUTES),
        authenticate=authenticate,
        parameters=parameters,
        stale_paths=(
            "/public/time",
            "/account/balance",
            "/account/positions",
            "/public/mark-price",
            "/public/funding-rate",
            "/market/ticker",
            "/market/index-tickers",
        ),
        feeds=FEEDS,
    )
