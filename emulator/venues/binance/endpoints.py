"""Every Binance endpoint that is emulated, as one table."""

from __future__ import annotations

from emulator.venues.binance import routes_api, routes_fapi, routes_fapi_account, routes_sapi
from emulator.venues.binance.auth import authenticate, parameters
from emulator.venues.dispatch import Dispatcher
from emulator.venues.venue import Venue


def binance(venue: Venue) -> Dispatcher:
    """The dispatcher of a Binance-shaped venue."""
    routes = (*routes_api.ROUTES, *routes_fapi.ROUTES, *routes_fapi_account.ROUTES, *routes_sapi.ROUTES)
    return Dispatcher(venue, {(r.method, r.path): r for r in routes}, authenticate, parameters)
