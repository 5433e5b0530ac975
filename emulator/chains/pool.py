"""What waits for a block: transactions with their fees, spenders and script history. It decides nothing.

Who may enter is the business of those that fill it: our own policy (`mempool`) or a real node (`node_chain`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from emulator.chains.index import Spender
from emulator.chains.script import script_hash
from emulator.chains.transaction import OutPoint, Transaction, TxOut


@dataclass(frozen=True, slots=True)
class MempoolEntry:
    tx: Transaction
    fee_sat: int
    spent: tuple[TxOut, ...]

    @property
    def fee_rate(self) -> Decimal:
        """Satoshi per virtual byte."""
        return Decimal(self.fee_sat) / self.tx.vsize


class Pool(ABC):
    """Waiting transactions; parents always come before their children."""

    def __init__(self) -> None:
        self.entries: dict[str, MempoolEntry] = {}
        self._spenders: dict[OutPoint, Spender] = {}
        self._history: dict[str, dict[str, None]] = {}

    # --- reading

    def get(self, txid: str) -> MempoolEntry | None:
        return self.entries.get(txid)

    def spender(self, outpoint: OutPoint) -> Spender | None:
        return self._spenders.get(outpoint)

    def history(self, scripthash: str) -> list[str]:
        """Txids that touch a script, newest first."""
        return list(reversed(self._history.get(scripthash, {})))

    def ancestors(self, tx: Transaction) -> dict[str, MempoolEntry]:
        """Unconfirmed ancestors of a transaction, itself not included."""
        found: dict[str, MempoolEntry] = {}
        todo = [txin.prevout.txid for txin in tx.inputs]
        while todo:
            txid = todo.pop()
            entry = self.entries.get(txid)
            if entry is not None and txid not in found:
                found[txid] = entry
                todo.extend(txin.prevout.txid for txin in entry.tx.inputs)
        return found

    def descendants(self, txid: str) -> dict[str, MempoolEntry]:
        """Unconfirmed descendants of a transaction in the pool, itself included."""
        found: dict[str, MempoolEntry] = {}
        todo = [txid]
        while todo:
            current = todo.pop()
            if current in found or current not in self.entries:
                continue
            entry = found[current] = self.entries[current]
            for vout in range(len(entry.tx.outputs)):
                spender = self._spenders.get(OutPoint(current, vout))
                if spender is not None:
                    todo.append(spender.txid)
        return found

    # --- changing

    @abstractmethod
    def accept(self, tx: Transaction) -> MempoolEntry:
        """Take a transaction, or say that it is there. Raises NotTakenError."""

    @abstractmethod
    def block_connected(self, transactions: Iterable[Transaction]) -> None:
        """Drop what a block confirmed, and everything that conflicts with it."""

    @abstractmethod
    def rebuild(self, dropped: Iterable[Transaction]) -> None:
        """After a reorganisation: take back what was dropped, then what waited, where valid."""

    @abstractmethod
    def evict(self, txid: str) -> list[str]:
        """Forget a transaction and its descendants, as expiry or a full pool would; what is gone."""

    def _add(self, entry: MempoolEntry) -> None:
        txid = entry.tx.txid
        self.entries[txid] = entry
        for index, txin in enumerate(entry.tx.inputs):
            self._spenders[txin.prevout] = Spender(txid, index)
        for scripthash in _touched(entry):
            self._history.setdefault(scripthash, {})[txid] = None

    def _remove(self, txid: str) -> None:
        entry = self.entries.pop(txid)
        for txin in entry.tx.inputs:
            del self._spenders[txin.prevout]
        for scripthash in _touched(entry):
            del self._history[scripthash][txid]


def _touched(entry: MempoolEntry) -> set[str]:
    return {script_hash(output.script_pubkey) for output in (*entry.spent, *entry.tx.outputs)}
