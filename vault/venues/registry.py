"""Assets on venue networks: which chain is meant, and whether a destination is valid on it.

Refuses every (asset, network) pair that is not listed, addresses of another chain, and tags where
the chain has none. A venue's own check is never relied on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from vault.address import network_of, script_pubkey
from vault.errors import VenueError

Chain = Literal["bitcoin"]

# What every venue known to us accepts as a client id, and what cannot break out of a query string.
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AssetNetwork:
    """One asset on one venue network, with the chain that carries it."""

    exchange: str
    asset: str
    network: str
    chain: Chain
    takes_tag: bool


NETWORKS: Final = (AssetNetwork("binance", "BTC", "BTC", "bitcoin", takes_tag=False),)


def asset_network(exchange: str, asset: str, network: str) -> AssetNetwork:
    """The registered network. Raises `VenueError` (``venue.unknown_network``)."""
    for entry in NETWORKS:
        if (entry.exchange, entry.asset, entry.network) == (exchange, asset, network):
            return entry
    known = ", ".join(f"{entry.asset} on {entry.network}" for entry in NETWORKS if entry.exchange == exchange)
    raise VenueError(
        "unknown_network",
        f"expected one of: {known or 'none'} at {exchange}; found {asset!r} on {network!r}",
        hint="Networks are named as the venue names them.",
    )


def check_destination(entry: AssetNetwork, address: str, tag: str, bitcoin_network: str) -> None:
    """Raise `AddressError` or `VenueError` unless the address can receive on that chain."""
    script_pubkey(address, network_of(bitcoin_network))
    if tag and not entry.takes_tag:
        raise VenueError("unexpected_tag", f"expected no tag for {entry.asset} on {entry.network}, found one")


def check_client_id(client_id: str) -> None:
    """Raise `VenueError` (``venue.bad_client_id``) for an id a venue could refuse, cut or misread."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise VenueError(
            "bad_client_id", f"expected 1 to 64 letters, digits, '-' or '_', found {client_id[:80]!r}"
        )
