"""Networks and tokens a firmware knows by itself, looked up by chain id, SLIP-44 or address.

What is not in the tables is `UNKNOWN_NETWORK` or `UNKNOWN_TOKEN`; nothing here fails.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from .tables import (
    onekey_classic,
    onekey_pro_mainnet_tokens,
    onekey_pro_networks,
    onekey_pro_other_tokens,
    trezor,
)

ETHER_SLIP44 = 60
TESTNET_SLIP44 = 1


@dataclass(frozen=True, slots=True)
class Network:
    """An EVM chain: its id, the coin type of its key paths, what its coin is called."""

    chain_id: int
    slip44: int
    symbol: str
    name: str


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20 token of one chain."""

    chain_id: int
    address: bytes
    decimals: int
    symbol: str


UNKNOWN_NETWORK = Network(0, 0, "UNKN", "Unknown network")
UNKNOWN_TOKEN = Token(0, b"", 0, "Wei UNKN")


class Registry:
    """The tables of one firmware."""

    def __init__(self, networks: Iterable[Network], tokens: Iterable[Token]) -> None:
        self.networks = tuple(networks)
        self._tokens: dict[tuple[int, bytes], Token] = {}
        for token in tokens:
            self._tokens.setdefault((token.chain_id, token.address), token)

    def by_chain_id(self, chain_id: int) -> Network:
        return next((n for n in self.networks if n.chain_id == chain_id), UNKNOWN_NETWORK)

    def by_slip44(self, slip44: int) -> Network:
        """The first network of that coin type."""
        return next((n for n in self.networks if n.slip44 == slip44), UNKNOWN_NETWORK)

    def has_slip44(self, slip44: int) -> bool:
        return any(n.slip44 == slip44 for n in self.networks)

    def token(self, chain_id: int, address: bytes) -> Token | None:
        return self._tokens.get((chain_id, bytes(address)))


def _networks(table: str) -> list[Network]:
    rows = (line.split(" ", 3) for line in table.strip().splitlines())
    return [Network(int(chain), int(slip44), symbol, name) for chain, slip44, symbol, name in rows]


def _tokens(*tables: str) -> list[Token]:
    rows = (line.split(" ", 3) for table in tables for line in table.strip().splitlines())
    return [Token(int(c), bytes.fromhex(address), int(d), symbol) for c, address, d, symbol in rows]


@cache
def trezor_registry() -> Registry:
    return Registry(_networks(trezor.NETWORKS), _tokens(trezor.TOKENS))


@cache
def onekey_classic_registry() -> Registry:
    return Registry(_networks(onekey_classic.NETWORKS), _tokens(onekey_classic.TOKENS))


@cache
def onekey_pro_registry() -> Registry:
    tokens = _tokens(onekey_pro_mainnet_tokens.TOKENS, onekey_pro_other_tokens.TOKENS)
    return Registry(_networks(onekey_pro_networks.NETWORKS), tokens)
