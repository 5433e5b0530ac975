"""What tells the Bitcoin networks apart for a backend: genesis block, proof-of-work bounds, node's name.

Refuses a server whose first block is another network's. Source: Bitcoin Core `kernel/chainparams.cpp`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vault.address import Network
from vault.errors import ChainError


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """`limit` is the easiest target a header may have; `node` what bitcoind calls the network."""

    genesis: str
    limit: int
    node: str


_EASIEST_MAIN: Final = 0xFFFF << 208

CHAINS: Final = {
    "mainnet": ChainFacts(
        "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f", _EASIEST_MAIN, "main"
    ),
    "testnet4": ChainFacts(
        "00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043", _EASIEST_MAIN, "testnet4"
    ),
    "signet": ChainFacts(
        "00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6", 0x377AE << 216, "signet"
    ),
    "regtest": ChainFacts(
        "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206", 0x7FFFFF << 232, "regtest"
    ),
}


def require_genesis(network: Network, found: str | None, who: str) -> None:
    """Raises `ChainError` (``chain.wrong_network``)."""
    expected = CHAINS[network.name].genesis
    if found != expected:
        known = next((name for name, facts in CHAINS.items() if facts.genesis == found), f"block {found}")
        raise ChainError(
            "wrong_network",
            f"expected {who} to serve {network.name} (first block {expected}), found {known}",
            hint="Correct the address, or `network`, in treasury.toml. Nothing was believed.",
        )
