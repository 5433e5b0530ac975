"""The classes of the exchanges, each loaded when an account of it is first used.

Refuses an exchange that nothing reads yet.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from vault.errors import VenueError

if TYPE_CHECKING:
    from vault.venues.common.account import ExchangeAccount

KINDS: Final = {
    "binance": ("vault.venues.binance.account", "Binance"),
    "bybit": ("vault.venues.bybit.account", "Bybit"),
    "okx": ("vault.venues.okx.account", "Okx"),
    "deribit": ("vault.venues.deribit.account", "Deribit"),
    "kraken": ("vault.venues.kraken.account", "Kraken"),
    "bitget": ("vault.venues.read_only.bitget", "Bitget"),
    "gate": ("vault.venues.read_only.gate", "Gate"),
    "kucoin": ("vault.venues.read_only.kucoin", "Kucoin"),
    "hyperliquid": ("vault.venues.hyperliquid.account", "Hyperliquid"),
    "dydx": ("vault.venues.read_only.dydx", "Dydx"),
    "coinbase": ("vault.venues.read_only.coinbase", "Coinbase"),
}


def account_kind(exchange: str) -> type[ExchangeAccount]:
    """The class of an exchange's accounts. Raises `VenueError` (``venue.unknown_exchange``)."""
    if exchange not in KINDS:
        raise VenueError("unknown_exchange", f"expected one of {', '.join(KINDS)}, found {exchange[:40]!r}")
    module, name = KINDS[exchange]
    return cast("type[ExchangeAccount]", getattr(import_module(module), name))
