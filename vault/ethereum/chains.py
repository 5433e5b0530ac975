"""The chains that are known, by id: what they are called, how fees are made, how deep is final.

Refuses other chains. A chain is an entry of this table and one of treasury.toml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from vault.errors import EthereumError
from vault.money import ETH, Asset

FeeKind = Literal["l1", "arbitrum", "optimism"]
"""l1: gas times price (EIP-1559); arbitrum: the same, data for the parent chain is paid as gas; optimism: a
fee for that data comes on top, outside the gas limit."""

_CAIP2: Final = re.compile(r"eip155:([1-9][0-9]{0,15})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Chain:
    """`confirmations`: how many blocks make a transaction final to us by default, and `why`."""

    id: int
    name: str
    title: str
    fee: FeeKind
    confirmations: int
    why: str
    coin: Asset = ETH
    test: bool = False

    @property
    def caip2(self) -> str:
        return caip2(self.id)


_SEQUENCED: Final = (
    "4 minutes; what its sequencer said is then in a batch, and a full node still has the state"
)

CHAINS: Final[dict[int, Chain]] = {
    chain.id: chain
    for chain in (
        Chain(1, "mainnet", "Ethereum", "l1", 64, "two epochs: what proof of stake makes final"),
        Chain(10, "optimism", "OP Mainnet", "optimism", 120, _SEQUENCED),
        Chain(8453, "base", "Base", "optimism", 120, _SEQUENCED),
        Chain(
            42161,
            "arbitrum",
            "Arbitrum One",
            "arbitrum",
            4800,
            "20 minutes of 4 blocks a second: its batch is on the parent chain, and final there",
        ),
        Chain(
            11155111, "sepolia", "Sepolia", "l1", 12, "a test network: nothing there is worth more", test=True
        ),
    )
}


def chain_of(chain_id: int) -> Chain:
    """The chain of that id. Raises `EthereumError` (``ethereum.unknown_chain``)."""
    try:
        return CHAINS[chain_id]
    except KeyError:
        known = ", ".join(f"{each.id} ({each.title})" for each in CHAINS.values())
        raise EthereumError("unknown_chain", f"expected one of chains {known}, found {chain_id}") from None


def caip2(chain_id: int) -> str:
    """The network's name in plans and in the address book (CAIP-2)."""
    return f"eip155:{chain_id}"


def chain_id_of(network: str) -> int:
    """The id in ``eip155:<id>``. Raises `EthereumError` (``ethereum.wrong_chain_id``)."""
    match = _CAIP2.fullmatch(network)
    if match is None:
        raise EthereumError("wrong_chain_id", f"expected a network such as eip155:1, found {network[:60]!r}")
    return int(match[1])
