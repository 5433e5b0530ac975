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
from vault.evm.address import checksum_address

# What cannot break out of a query string, and is long enough for every venue known to us.
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
# Chains whose addresses are the same in either letter case.
_CASELESS: Final = ("0x", "bc1", "tb1", "bcrt1", "cosmos1")
# Chain ids of EIP-155, as the chains' own lists have them.
CHAIN_IDS: Final[dict[Chain, int]] = {
    "ethereum": 1, "optimism": 10, "polygon": 137, "base": 8453, "arbitrum": 42161, "avalanche": 43114,
}  # fmt: skip
_EVM_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_HEX_TXID = re.compile(r"(0x)?[0-9a-fA-F]{64}", re.ASCII)


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

    def network_id(self, bitcoin_network: str) -> str:
        """The chain as the address book names networks (see `network_id`)."""
        return network_id(self.chain, bitcoin_network)

    def own_address(self, address: str) -> str:
        """A venue's spelling of an address as we write it: EIP-55 where its letters are all of one case.

        Raises `VenueError` (``venue.bad_answer``) for letters in both cases that are not EIP-55's.
        """
        if self.chain not in CHAIN_IDS or not _EVM_ADDRESS.fullmatch(address):
            return address
        ours = checksum_address(bytes.fromhex(address[2:]))
        if address != ours and address[2:] not in {address[2:].lower(), address[2:].upper()}:
            raise VenueError(
                "bad_answer",
                f"expected {ours} or one letter case, found {address}: its checksum (EIP-55) is wrong",
                hint="Compare the address at the venue by eye; it was altered or mistyped on its way.",
            )
        return ours

    def require_token(self, contract: str) -> None:
        """Raise `VenueError` (``venue.other_token``) when the venue moves another token; "": it does not say.

        A chain's own coin has none.
        """
        if contract and not same_address(contract, self.contract or ""):
            raise VenueError(
                "other_token",
                f"{self.asset} on {self.network}: expected {self.contract or 'the own coin of the chain'}, "
                f"found the token {contract[:80]!r}",
                hint="Nothing is moved on this network: what arrives would be another asset.",
            )


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
    ("USDC", "solana"): (6, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"),
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
    # Its bridge to Arbitrum moves USDC and nothing else.
    "hyperliquid": {"arbitrum": "Arbitrum"},
}  # fmt: skip


# Where an exchange moves one asset of a chain alone.
_ONLY: Final[dict[tuple[str, Chain], str]] = {
    ("deribit", "solana"): "SOL",
    ("hyperliquid", "arbitrum"): "USDC",
}


def _networks() -> Iterator[AssetNetwork]:
    for exchange, codes in _CODES.items():
        for (asset, chain), (decimals, contract) in _COINS.items():
            code = codes.get(chain)
            if code is not None and _ONLY.get((exchange, chain), asset) == asset:
                yield AssetNetwork(exchange, asset, code.format(asset=asset), chain, decimals, contract)


NETWORKS: Final = tuple(_networks())


def network_id(chain: Chain, bitcoin_network: str) -> str:
    """A chain as the address book names networks (CAIP-2); "" for one that the book does not know."""
    if chain == "bitcoin":
        return f"bitcoin:{bitcoin_network}"
    return f"eip155:{CHAIN_IDS[chain]}" if chain in CHAIN_IDS else ""


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
    if _HEX_TXID.fullmatch(one) and _HEX_TXID.fullmatch(other):
        return one.lower().removeprefix("0x") == other.lower().removeprefix("0x")
    return one == other


def plain_txid(chain: Chain, txid: str) -> str:
    """A transaction id as the chain itself writes it: of Ethereum and its kin with 0x, in small letters."""
    if chain in CHAIN_IDS and _HEX_TXID.fullmatch(txid):
        return "0x" + txid.lower().removeprefix("0x")
    return txid


def check_client_id(client_id: str) -> None:
    """Raise `VenueError` (``venue.bad_client_id``) for an id a venue could refuse, cut or misread."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise VenueError(
            "bad_client_id", f"expected 1 to 64 letters, digits, '-' or '_', found {client_id[:80]!r}"
        )
