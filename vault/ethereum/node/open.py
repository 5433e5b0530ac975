"""Opens the nodes of a chain of treasury.toml, as witnesses of each other where there are two.

Nothing is asked yet, and web3 is not imported before something is; a node's key comes from the keyring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vault.config import Treasury
    from vault.config_chains import ChainSettings
    from vault.ethereum.node.base import EthereumNode
    from vault.secrets import Secret


def open_node(treasury: Treasury, chain: ChainSettings, warn: Callable[[str], None]) -> EthereumNode:
    """The chain's node. `warn` is told when a transaction was sent through one of two nodes alone."""
    (_, primary), *others = open_each(treasury, chain)
    if not others:
        return primary
    from vault.ethereum.node.witnesses import WitnessedNode

    return WitnessedNode(primary, others[0][1], warn=warn)


def open_each(treasury: Treasury, chain: ChainSettings) -> tuple[tuple[str, EthereumNode], ...]:
    """Every node of the chain by itself, with the name of its table."""
    from vault.ethereum.node.client import NodeClient

    return tuple(
        (
            table,
            NodeClient(settings.rpc, chain.id, settings.timeout_seconds, key=_key(treasury, chain, table)),
        )
        for table, settings in chain.nodes
    )


def _key(treasury: Treasury, chain: ChainSettings, table: str) -> Callable[[], Secret]:
    def read() -> Secret:
        from vault.secrets import read_secret

        return read_secret(treasury.config.treasury_id, chain.secret_name(table))

    return read
