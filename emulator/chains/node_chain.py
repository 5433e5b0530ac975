"""The emulated chain with a real bitcoind as its judge: same faucet, miner, index, Esplora and hot wallet.

Blocks are built here and judged by the node; its mempool is the mempool, whoever sent it a transaction. All
blocks must come from here. A real mempool forgets nothing on demand, so `evict` is refused.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

from emulator.chains.chain import START_BLOCKS, BitcoinChain, genesis_block
from emulator.chains.errors import BlockRefusedError, ChainError, RefusedByNodeError
from emulator.chains.index import ChainIndex
from emulator.chains.kernel import Tip
from emulator.chains.node import Bitcoind, NodeError, NodeRpc
from emulator.chains.pool import MempoolEntry, Pool
from emulator.chains.transaction import (
    Transaction,
    TxOut,
    display_hash,
    parse_transaction,
    sha256d,
)

INDEXES = ("-txindex=1", "-blockfilterindex=1")  # what servers in front of a node ask for
NOT_FOUND = -5  # RPC_INVALID_ADDRESS_OR_KEY
SIDE_BRANCH = "inconclusive"  # submitblock's word for a valid block that is not on the best chain


class NodeChain(BitcoinChain):
    """A bitcoind of our own in `directory`; `close` ends it. Raises NodeError when it does not start."""

    def __init__(
        self,
        program: str,
        directory: Path,
        *,
        options: tuple[str, ...] = INDEXES,
        clock: Callable[[], int] = lambda: int(time.time()),
        start_blocks: int = START_BLOCKS,
    ) -> None:
        self.node = Bitcoind(program, directory, *options).start()
        try:
            first = self.node.call("getblock", self.node.call("getblockhash", 0), 0)
            index = ChainIndex(genesis_block(bytes.fromhex(first)))
            pool = NodePool(index, self.node)
            judge = _NodeJudge(self.node)
            self._begin(_Looking(pool.follow), judge, index, pool, clock=clock, start_blocks=start_blocks)
        except BaseException:
            self.node.stop()
            raise


class NodePool(Pool):
    """The node's mempool as the node shows it."""

    def __init__(self, index: ChainIndex, node: NodeRpc) -> None:
        super().__init__()
        self._index = index
        self._node = node

    def accept(self, tx: Transaction) -> MempoolEntry:
        """Raises RefusedByNodeError."""
        try:
            self._node.call("sendrawtransaction", tx.raw.hex(), 0)
        except NodeError as error:
            raise RefusedByNodeError(error.message, error.code) from None
        self.follow()
        return self.entries[tx.txid]

    def block_connected(self, transactions: Iterable[Transaction]) -> None:
        self.follow()

    def rebuild(self, dropped: Iterable[Transaction]) -> None:
        self.follow()

    def evict(self, txid: str) -> list[str]:
        raise ChainError(f"a real node cannot be told to forget transaction {txid}")

    def follow(self) -> None:
        """Show what the node's mempool holds now."""
        waiting = set(self._node.call("getrawmempool"))
        for txid in [each for each in reversed(self.entries) if each not in waiting]:
            self._remove(txid)
        new = {txid: tx for txid in waiting - self.entries.keys() if (tx := self._fetch(txid)) is not None}
        while new:
            ready = [tx for tx in new.values() if not any(txin.prevout.txid in new for txin in tx.inputs)]
            for tx in ready:
                self._put(new.pop(tx.txid))

    def _fetch(self, txid: str) -> Transaction | None:
        try:
            return parse_transaction(bytes.fromhex(self._node.call("getrawtransaction", txid)))
        except NodeError as error:
            if error.code != NOT_FOUND:
                raise
            return None  # replaced since it was listed

    def _put(self, tx: Transaction) -> None:
        spent = tuple(self._output(txin.prevout.txid, txin.prevout.vout) for txin in tx.inputs)
        self._add(MempoolEntry(tx, sum(each.amount_sat for each in spent) - tx.output_sum, spent))

    def _output(self, txid: str, vout: int) -> TxOut:
        waiting = self.entries.get(txid)
        return (waiting.tx if waiting is not None else self._index.known[txid]).outputs[vout]


class _NodeJudge:
    def __init__(self, node: Bitcoind) -> None:
        self._node = node
        self._reasons: dict[str, str] = {}

    def process_block(self, raw: bytes) -> Tip:
        block_hash = display_hash(sha256d(raw[:80]))
        reason = self._node.call("submitblock", raw.hex())
        if reason not in (None, SIDE_BRANCH):
            self._reasons[block_hash] = str(reason)
            raise BlockRefusedError(block_hash, str(reason))
        told: Any = self._node.call("getblockchaininfo")
        return Tip(int(told["blocks"]), str(told["bestblockhash"]))

    def refusal(self, block_hash: str) -> str | None:
        return self._reasons.get(block_hash)

    def close(self) -> None:
        self._node.stop()


class _Looking(AbstractContextManager[bool | None]):
    """A reentrant lock whose holder sees the node's mempool as it was when the lock was taken."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._look = look

    def __enter__(self) -> bool:
        self._lock.acquire()
        self._depth += 1
        if self._depth == 1:
            try:
                self._look()
            except BaseException:
                self.__exit__(None, None, None)
                raise
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._depth -= 1
        self._lock.release()
