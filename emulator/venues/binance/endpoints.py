"""Every Binance endpoint that is emulated, as one exchange."""

from __future__ import annotations

from emulator.venues.binance import (
    routes_api,
    routes_dapi,
    routes_dapi_market,
    routes_fapi,
    routes_fapi_account,
    routes_papi,
    routes_sapi,
    routes_sapi_money,
)
from emulator.venues.binance.auth import authenticate, parameters
from emulator.venues.binance.dialect import BinanceDialect
from emulator.venues.binance.feeds import FEEDS, LISTEN_KEY_ROUTES
from emulator.venues.binance.profile import PROFILE
from emulator.venues.serving.exchange import Exchange

# What goes stale together: the account's margin and the prices it is judged by.
STALE_PATHS = ("/account", "/balance", "/positionRisk", "/getUserAsset", "/premiumIndex")


def binance() -> Exchange:
    """Binance: spot, USDⓈ-M and COIN-M futures, portfolio margin, wallet."""
    routes = (
        *routes_api.ROUTES,
        *routes_fapi.ROUTES,
        *routes_fapi_account.ROUTES,
        *routes_dapi.ROUTES,
        *routes_dapi_market.ROUTES,
        *routes_papi.ROUTES,
        *routes_sapi.ROUTES,
        *routes_sapi_money.ROUTES,
        *LISTEN_KEY_ROUTES,
    )
    return Exchange(PROFILE, BinanceDialect(), routes, authenticate, parameters, STALE_PATHS, feeds=FEEDS)
