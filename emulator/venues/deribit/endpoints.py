"""Deribit as a server: every endpoint that is emulated, as one table."""

from __future__ import annotations

from emulator.venues.deribit import routes_account, routes_market, routes_public, routes_wallet
from emulator.venues.deribit.auth import authenticate, parameters
from emulator.venues.deribit.dialect import DeribitDialect
from emulator.venues.deribit.profile import PROFILE
from emulator.venues.serving.exchange import Exchange


def deribit() -> Exchange:
    """A Deribit-shaped exchange."""
    return Exchange(
        profile=PROFILE,
        dialect=DeribitDialect(),
        routes=(*routes_public.ROUTES, *routes_market.ROUTES, *routes_account.ROUTES, *routes_wallet.ROUTES),
        authenticate=authenticate,
        parameters=parameters,
        stale_paths=(
            "/get_time",
            "/get_account_summaries",
            "/get_account_summary",
            "/get_positions",
            "/get_index_price",
            "/ticker",
        ),
    )
