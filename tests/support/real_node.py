"""A real bitcoind in regtest, without network or wallet, fed with the blocks of the emulated chain.

Found through VAULT_BITCOIND, in .bitcoind (`make bitcoind`) or on the PATH; tests are skipped without one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from emulator.chains.chain import BitcoinChain
from emulator.chains.node import Bitcoind

ROOT = Path(__file__).resolve().parent.parent.parent


def require_bitcoind() -> str:
    """Path of a bitcoind that runs; skips the test where there is none."""
    local = ROOT / ".bitcoind" / "bitcoind"
    binary = os.environ.get("VAULT_BITCOIND") or (str(local) if local.exists() else shutil.which("bitcoind"))
    if not binary:
        pytest.skip("no bitcoind: none named by VAULT_BITCOIND, made by `make bitcoind` or on the PATH")
    return binary


class RealNode(Bitcoind):
    """`with RealNode(tmp_path, "-txindex=1") as node: node.call("getblockcount")`."""

    def __init__(self, directory: Path, *options: str) -> None:
        super().__init__(require_bitcoind(), directory, *options)

    def submit(self, chain: BitcoinChain, block_hashes: Iterable[str]) -> None:
        """Give blocks of the emulated chain to the node."""
        for block_hash in block_hashes:
            self.call("submitblock", chain.block(block_hash).raw.hex())

    def follow(self, chain: BitcoinChain) -> None:
        """Bring the node to the emulated chain's tip and to what waits in its mempool, oldest first."""
        known = int(self.call("getblockcount"))
        start = next(
            height
            for height in range(min(known, chain.height), -1, -1)
            if self.call("getblockhash", height) == chain.block_at(height).block_hash
        )
        self.submit(
            chain, [chain.block_at(height).block_hash for height in range(start + 1, chain.height + 1)]
        )
        for entry in list(chain.mempool.entries.values()):
            if entry.tx.txid not in self.call("getrawmempool"):
                self.call("sendrawtransaction", entry.tx.raw.hex())
