"""Assets on venue networks: which chain is meant, and whether a destination is valid on it.

Refuses every (asset, network) pair that is not listed, addresses of another chain, a tag where the chain
has none and none where it needs one. A venue's own check is never relied on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from vault.chain_address import Chain, TagRule, check_address, check_tag, tag_rule
from vault.errors import AddressError, VenueError

# What cannot break out of a query string, and is long enough for every venue known to us.
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# Chains whose addresses are the same in either letter case.
_CASELESS: Final = ("0x", "bc1", "tb1", "bcrt1", "cosmos1")


@dataclass(frozen=True, slots=True)
class AssetNetwork:
    """One asset on one venue network (in the venue's own code), with the chain that carries it.

    `decimals` are the asset's on that chain; `contract` its token, None for a chain's own coin.
    """

    exchange: str
    asset: str
    network: str
    chain: Chain
    decimals: int
    contract: str | None = None

    @property
    def tag_rule(self) -> TagRule:
        return tag_rule(self.chain)

    @property
    def takes_tag(self) -> bool:
        return self.tag_rule != "none"


# (asset, chain): decimals and token contract, from the issuers' own lists (Tether, Circle).
_COINS: Final[dict[tuple[str, Chain], tuple[int, str | None]]] = {
    ("BTC", "bitcoin"): (8, None),
    ("ETH", "ethereum"): (18, None),
    ("ETH", "arbitrum"): (18, None),
    ("ETH", "optimism"): (18, None),
    ("ETH", "base"): (18, None),
    ("SOL", "solana"): (9, None),
    ("XRP", "xrp"): (6, None),
    ("XLM", "stellar"): (7, None),
    ("ATOM", "cosmos"): (6, None),
    ("TON", "ton"): (9, None),
    ("USDT", "ethereum"): (6, "0xdAC17F958D2ee523a2206206994597C13D831ec7"),
    ("USDT", "tron"): (6, "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
    ("USDT", "solana"): (6, "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB"),
    ("USDT", "avalanche"): (6, "0x9702230A8Ea53601f5cD2dc00fDBc13d4dF4A8c7"),
    ("USDC", "ethereum"): (6, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"),
    ("USDC", "arbitrum"): (6, "0xaf88d065e77c8cC2239327C5EDb3A432268e5831"),
    ("USDC", "optimism"): (6, "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85"),
    ("USDC", "base"): (6, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
    ("USDC", "polygon"): (6, "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359"),
    ("USDC", "avalanche"): (6, "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E"),
    ("USDC", "solana"): (6, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v"),
}  # fmt: skip

# Each exchange's codes of the chains; it takes the coins above that it lists there.
_CODES: Final[dict[str, dict[Chain, str]]] = {
    "binance": {
        "bitcoin": "BTC", "ethereum": "ETH", "arbitrum": "ARBITRUM", "optimism": "OPTIMISM", "base": "BASE",
        "polygon": "MATIC", "avalanche": "AVAXC", "tron": "TRX", "solana": "SOL", "xrp": "XRP",
        "stellar": "XLM", "cosmos": "ATOM", "ton": "TON",
    },
    "bybit": {
        "bitcoin": "BTC", "ethereum": "ETH", "arbitrum": "ARBI", "optimism": "OP", "base": "BASE",
        "polygon": "MATIC", "avalanche": "CAVAX", "tron": "TRX", "solana": "SOL", "xrp": "XRP",
        "stellar": "XLM", "cosmos": "ATOM", "ton": "TON",
    },
    "okx": {
        "bitcoin": "BTC-Bitcoin", "ethereum": "{asset}-ERC20", "arbitrum": "{asset}-Arbitrum One",
        "optimism": "{asset}-Optimism", "base": "{asset}-Base", "polygon": "{asset}-Polygon",
        "avalanche": "{asset}-Avalanche C-Chain", "tron": "{asset}-TRC20", "solana": "{asset}-Solana",
        "xrp": "XRP-Ripple", "stellar": "XLM-Stellar Lumens", "cosmos": "ATOM-Cosmos", "ton": "{asset}-TON",
    },
    # Deribit moves each currency on one chain of its own choice, and names no network.
    "deribit": {"bitcoin": "BTC", "ethereum": "{asset}", "solana": "SOL", "xrp": "XRP"},
    # The `network` of Kraken's own list of withdrawal methods.
    "kraken": {
        "bitcoin": "Bitcoin", "ethereum": "Ethereum", "arbitrum": "Arbitrum One", "optimism": "Optimism",
        "polygon": "Polygon", "tron": "Tron", "solana": "Solana", "xrp": "Ripple", "stellar": "Stellar",
        "cosmos": "Cosmos",
    },
}  # fmt: skip


def _networks() -> Iterator[AssetNetwork]:
    for exchange, codes in _CODES.items():
        for (asset, chain), (decimals, contract) in _COINS.items():
            code = codes.get(chain)
            if code is not None and not (exchange == "deribit" and chain == "solana" and asset != "SOL"):
                yield AssetNetwork(exchange, asset, code.format(asset=asset), chain, decimals, contract)


NETWORKS: Final = tuple(_networks())


def asset_network(exchange: str, asset: str, network: str) -> AssetNetwork:
    """The registered network. Raises `VenueError` (``venue.unknown_network``)."""
    for entry in NETWORKS:
        if (entry.exchange, entry.asset, entry.network) == (exchange, asset, network):
            return entry
    known = ", ".join(
        f"{entry.asset} on {entry.network}"
        for entry in NETWORKS
        if entry.exchange == exchange and entry.asset == asset
    )
    raise VenueError(
        "unknown_network",
        f"expected one of: {known or 'none'} at {exchange}; found {asset[:20]!r} on {network[:40]!r}",
        hint="Networks are named as the venue names them.",
    )


def check_destination(entry: AssetNetwork, address: str, tag: str, bitcoin_network: str) -> None:
    """Raise `AddressError` or `VenueError` unless the address can receive on that chain."""
    check_address(entry.chain, address, bitcoin_network)
    check_tag(entry.chain, tag)
    if entry.contract is not None and same_address(address, entry.contract):
        raise AddressError("token_contract", f"expected a receiver, found {entry.asset}'s own contract")


def same_address(one: str, other: str) -> bool:
    """Whether two addresses are one, whatever the letter case where the chain ignores it."""
    if one == other:
        return True
    return one.lower() == other.lower() and one.lower().startswith(_CASELESS)


def same_txid(one: str, other: str) -> bool:
    """Whether two transaction ids are one; hex ids come with and without 0x, in either case."""
    hexadecimal = re.compile(r"(0x)?[0-9a-fA-F]{64}", re.ASCII)
    if hexadecimal.fullmatch(one) and hexadecimal.fullmatch(other):
        return one.lower().removeprefix("0x") == other.lower().removeprefix("0x")
    return one == other


def check_client_id(client_id: str) -> None:
    """Raise `VenueError` (``venue.bad_client_id``) for an id a venue could refuse, cut or misread."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise VenueError(
            "bad_client_id", f"expected 1 to 64 letters, digits, '-' or '_', found {client_id[:80]!r}"
        )
