"""What of a node's mempool concerns some scripts: what pays them, and what spends their coins.

Each waiting transaction is read once; of those that are not ours only hashes of what they touch are kept.
Refuses a mempool larger than any node keeps.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterable, Sequence
from typing import Final

from vault.bitcoin.backends.answers import to_hash, to_list, to_transaction
from vault.bitcoin.backends.node_rpc import NodeError, NodeSession
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.errors import ChainError

# bitcoind keeps 300 MB by default, which is fewer than this.
MAX_TRANSACTIONS: Final = 400_000


class MempoolReader:
    """A node's mempool, as far as it was read. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._touched: dict[str, array[int]] = {}

    def histories(
        self, session: NodeSession, scripts: Sequence[bytes], coins: Sequence[set[OutPoint]]
    ) -> list[set[str]]:
        """For each script the ids of the waiting transactions that pay it or spend its `coins`."""
        with self._lock:
            self._refresh(session)
            owned = [set(each) for each in coins]
            paying = self._fetch(session, scripts)
            for txid, transaction in paying.items():
                for vout, output in enumerate(transaction.outputs):
                    for number, script in enumerate(scripts):
                        if output.script == script:
                            owned[number].add(OutPoint(txid, vout))
            keys = {outpoint.serialise() for each in owned for outpoint in each}
            spending = self._fetch(session, keys)
        found: list[set[str]] = []
        for script, outpoints in zip(scripts, owned, strict=True):
            pays = {txid for txid, each in paying.items() if any(o.script == script for o in each.outputs)}
            spends = {
                txid for txid, each in spending.items() if any(i.outpoint in outpoints for i in each.inputs)
            }
            found.append(pays | spends)
        return found

    def _refresh(self, session: NodeSession) -> None:
        now = {to_hash(each) for each in to_list(session.ask("getrawmempool"), "mempool")}
        if len(now) > MAX_TRANSACTIONS:
            raise ChainError(
                "too_many", f"expected at most {MAX_TRANSACTIONS} waiting transactions, found {len(now)}"
            )
        self._touched = {txid: keys for txid, keys in self._touched.items() if txid in now}
        for transaction in _transactions(session, now - self._touched.keys()):
            keys = {hash(output.script) for output in transaction.outputs}
            keys |= {hash(each.outpoint.serialise()) for each in transaction.inputs}
            self._touched[transaction.txid] = array("q", keys)

    def _fetch(self, session: NodeSession, keys: Iterable[bytes]) -> dict[str, Transaction]:
        wanted = {hash(key) for key in keys}
        ids = [txid for txid, touched in self._touched.items() if not wanted.isdisjoint(touched)]
        return {transaction.txid: transaction for transaction in _transactions(session, ids)}


def _transactions(session: NodeSession, txids: Iterable[str]) -> Iterable[Transaction]:
    """Those that are still waiting; the others were mined or replaced meanwhile."""
    ids = sorted(txids)
    answers = session.try_each("getrawtransaction", [(txid, False) for txid in ids])
    for txid, answer in zip(ids, answers, strict=True):
        if not isinstance(answer, NodeError):
            yield Transaction.parse(to_transaction(answer, txid))
