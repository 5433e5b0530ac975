"""Every Bybit endpoint that is emulated, as one exchange."""

from __future__ import annotations

from emulator.venues.bybit import (
    routes_account,
    routes_asset,
    routes_market,
    routes_money,
    routes_position,
)
from emulator.venues.bybit.auth import authenticate, parameters
from emulator.venues.bybit.dialect import BybitDialect
from emulator.venues.bybit.feeds import FEEDS
from emulator.venues.bybit.profile import PROFILE
from emulator.venues.serving.exchange import Exchange

# What goes stale together: the account's margin and the prices it is judged by.
STALE_PATHS = ("/wallet-balance", "/position/list", "/account/withdrawal", "/market/tickers")


def bybit() -> Exchange:
    """Bybit V5: one unified trading account with its funding wallet."""
    routes = (
        *routes_market.ROUTES,
        *routes_account.ROUTES,
        *routes_position.ROUTES,
        *routes_asset.ROUTES,
        *routes_money.ROUTES,
    )
    return Exchange(PROFILE, BybitDialect(), routes, authenticate, parameters, STALE_PATHS, FEEDS)
