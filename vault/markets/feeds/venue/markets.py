"""Which questions an exchange is asked: one table. Refuses an exchange that is not in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from vault.errors import VenueError
from vault.markets.feeds.venue import binance, bybit, deribit, kraken, okx
from vault.markets.feeds.venue.questions import Market

MARKETS: Final[dict[str, Callable[[str], Market]]] = {
    "binance": binance.market,
    "bybit": bybit.market,
    "okx": okx.market,
    "deribit": deribit.market,
    "kraken": kraken.market,
}


def market_of(exchange: str, symbol: str) -> Market:
    """The market that a contract belongs to. Raises `VenueError` (``venue.not_offered``)."""
    if exchange not in MARKETS:
        raise VenueError(
            "not_offered", f"expected one of {', '.join(MARKETS)} for market data, found {exchange[:40]!r}"
        )
    return MARKETS[exchange](symbol)
