"""Kraken as a server: both hosts' endpoints, as one table."""

from __future__ import annotations

from emulator.venues.kraken import routes_funding, routes_futures, routes_log, routes_market, routes_spot
from emulator.venues.kraken.auth import authenticate, parameters
from emulator.venues.kraken.dialect import KrakenDialect
from emulator.venues.kraken.profile import PROFILE
from emulator.venues.serving.exchange import Exchange


def kraken() -> Exchange:
    """A Kraken-shaped exchange, spot and futures."""
    return Exchange(
        profile=PROFILE,
        dialect=KrakenDialect(),
        routes=(
            *routes_spot.ROUTES,
            *routes_funding.ROUTES,
            *routes_futures.ROUTES,
            *routes_log.ROUTES,
            *routes_market.ROUTES,
        ),
        authenticate=authenticate,
        parameters=parameters,
        stale_paths=("/v3/accounts", "/v3/openpositions", *(path for path in routes_futures.TICKERS)),
    )
