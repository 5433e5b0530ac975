"""How money gets from an account's margin to the wallet it is withdrawn from, and back. Pure.

Refuses a move that is no hop of the exchange: wallets have the names that stand here, nothing is guessed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from vault.errors import VenueError


class Hop(NamedTuple):
    """One transfer between two wallets of one account."""

    source: str
    destination: str


# From margin outward; on the way in each hop is turned round. None at all: margin is withdrawn directly.
_OUTWARD: Final[dict[tuple[str, str], tuple[Hop, ...]]] = {
    ("binance", "usdm"): (Hop("futures", "spot"),),
    ("binance", "coinm"): (Hop("coin_futures", "spot"),),
    ("binance", "portfolio"): (Hop("portfolio", "spot"),),
    ("bybit", ""): (Hop("unified", "funding"),),
    ("okx", ""): (Hop("trading", "funding"),),
    ("deribit", ""): (),
    ("hyperliquid", ""): (),
    ("kraken", ""): (Hop("flex", "cash"), Hop("cash", "spot")),
}


def outward(exchange: str, product: str = "usdm") -> tuple[Hop, ...]:
    """Hops from margin to the wallet that withdrawals leave from, in order. Raises `VenueError`."""
    for key in ((exchange, product), (exchange, "")):
        if key in _OUTWARD:
            return _OUTWARD[key]
    raise VenueError("read_only", f"{exchange} is only read: nothing is moved there")


def inward(exchange: str, product: str = "usdm", credited: str = "") -> tuple[Hop, ...]:
    """Hops to margin, in order, from the wallet that a deposit is `credited` to: none where that is margin.

    "": from the wallet that withdrawals leave from. Raises `VenueError` (``venue.unknown_wallet``, …).
    """
    way = tuple(Hop(hop.destination, hop.source) for hop in reversed(outward(exchange, product)))
    stops = wallets(exchange, product)[::-1]
    if credited and credited not in stops:
        raise VenueError(
            "unknown_wallet", f"{exchange}: expected one of {', '.join(stops)}, found {credited[:40]!r}"
        )
    return way[stops.index(credited) :] if credited else way


def check_hop(exchange: str, product: str, source: str, destination: str) -> Hop:
    """Raise `VenueError` (``venue.unknown_transfer``) unless the exchange has that hop."""
    known = (*outward(exchange, product), *inward(exchange, product))
    if Hop(source, destination) not in known:
        shown = ", ".join(f"{hop.source} to {hop.destination}" for hop in known) or "none at all"
        raise VenueError(
            "unknown_transfer", f"{exchange}: expected one of {shown}, found {source} to {destination}"
        )
    return Hop(source, destination)


def wallets(exchange: str, product: str = "usdm") -> tuple[str, ...]:
    """The account's wallets from margin outward; one name where margin is withdrawn directly."""
    hops = outward(exchange, product)
    return (hops[0].source, *(hop.destination for hop in hops)) if hops else ("margin",)
