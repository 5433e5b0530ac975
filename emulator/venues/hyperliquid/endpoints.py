"""Hyperliquid as a server: two endpoints, one that tells and one that acts."""

from __future__ import annotations

from emulator.venues.hyperliquid import routes_exchange, routes_info
from emulator.venues.hyperliquid.dialect import HyperliquidDialect, authenticate, parameters
from emulator.venues.hyperliquid.profile import PROFILE
from emulator.venues.serving.exchange import Exchange


def hyperliquid() -> Exchange:
    """A Hyperliquid-shaped exchange."""
    return Exchange(
        profile=PROFILE,
        dialect=HyperliquidDialect(),
        routes=(*routes_info.ROUTES, *routes_exchange.ROUTES),
        authenticate=authenticate,
        parameters=parameters,
        stale_paths=("/info",),
    )
