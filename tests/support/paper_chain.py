"""A chain on paper for wallet tests: blocks and a mempool as lists, behind the calls a backend answers.

Nothing is validated, but what spends coins of the account in its hands is signed. It counts what it is
asked, and a test may make it lie.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tests.support.bitcoin_keys import TestAccount
from vault.bitcoin.backends.base import BlockRef, HistoryEntry, TxStatus
from vault.bitcoin.descriptor import PlaceFinder
from vault.bitcoin.finalise import opened
from vault.bitcoin.sighash import SighashParts
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut

# Anybody may spend such an output (OP_TRUE), with nothing at all.
ANYONE = b"\x51"
PLACES_OF_ACCOUNT = 100
COINBASE = OutPoint("00" * 32, 0xFFFFFFFF)


def foreign_coin(number: int) -> OutPoint:
    """A coin of somebody else."""
    return OutPoint(hashlib.sha256(f"foreign coin {number}".encode()).hexdigest(), 0)


def paying(number: int, *outputs: tuple[bytes, int], spends: Sequence[OutPoint] = ()) -> Transaction:
    """A transaction with these outputs; unless told otherwise it spends somebody else's coin."""
    points = tuple(spends) or (foreign_coin(number),)
    inputs = tuple(TxIn(point, b"", 0xFFFFFFFD, (b"\x01" * 64,)) for point in points)
    return Transaction(2, inputs, tuple(TxOut(value, script) for script, value in outputs), 0)


def reward(height: int, script: bytes, value: int) -> Transaction:
    """A coinbase."""
    coinbase = TxIn(COINBASE, height.to_bytes(4, "little"), 0xFFFFFFFF)
    return Transaction(2, (coinbase,), (TxOut(value, script),), 0)


@dataclass
class PaperChain:
    """`blocks[h]` is a name and the ids in it; ids in neither a block nor the mempool are forgotten."""

    blocks: list[tuple[str, list[str]]] = field(default_factory=list)
    mempool: list[str] = field(default_factory=list)
    store: dict[str, Transaction] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    account: TestAccount | None = None
    _forks: int = 0

    def __post_init__(self) -> None:
        self._touched: dict[bytes, list[str]] = {}
        self._made: dict[OutPoint, bytes] = {}
        self._finder = PlaceFinder(self.account.descriptor, PLACES_OF_ACCOUNT) if self.account else None
        if not self.blocks:
            self.mine()

    # -- what happens

    def add(self, transaction: Transaction) -> str:
        """A transaction into the mempool; signed where it spends coins of the account alone."""
        return self.add_as_it_is(self.signed(transaction))

    def add_as_it_is(self, transaction: Transaction) -> str:
        """A transaction into the mempool, signed or not."""
        txid = transaction.txid
        known = txid in self.store
        self.store[txid] = transaction  # the id says nothing about witnesses
        if not known:
            scripts = {
                self._made[each.outpoint] for each in transaction.inputs if each.outpoint in self._made
            }
            for vout, output in enumerate(transaction.outputs):
                self._made[OutPoint(txid, vout)] = output.script
                scripts.add(output.script)
            for script in scripts:
                self._touched.setdefault(script, []).append(txid)
        if txid not in self.mempool:
            self.mempool.append(txid)
        return txid

    def signed(self, transaction: Transaction) -> Transaction:
        """The same, its inputs opened; as it is where the account does not own all it spends."""
        points = [each.outpoint for each in transaction.inputs]
        if not all(point in self._made for point in points):
            return transaction
        spent = [self.store[point.txid].outputs[point.vout] for point in points]
        parts = SighashParts.of(transaction, spent)
        opened_inputs = [
            self._opened(number, each, parts, spent[number]) for number, each in enumerate(transaction.inputs)
        ]
        return replace(transaction, inputs=tuple(opened_inputs))

    def _opened(self, number: int, tx_in: TxIn, parts: SighashParts, spent: TxOut) -> TxIn:
        if spent.script == ANYONE:
            return replace(tx_in, script_sig=b"", witness=())
        account = self.account
        place = self._finder.find(spent.script, None) if self._finder else None
        if account is None or place is None:
            return tx_in
        digest = parts.digest(number, place.script_code)
        signers = [key.cosigner for key in place.keys if key.cosigner < place.threshold]
        signatures = [account.sign_digest(place.change, place.index, digest, each) for each in signers]
        script_sig, witness = opened(place, signatures)
        return replace(tx_in, script_sig=script_sig, witness=witness)

    def mine(self, *transactions: Transaction, everything: bool = True) -> BlockRef:
        """A block with these transactions and, unless told otherwise, the mempool."""
        for each in transactions:
            self.add(each)
        chosen = list(self.mempool) if everything else [each.txid for each in transactions]
        self.mempool = [txid for txid in self.mempool if txid not in chosen]
        name = hashlib.sha256(f"block {len(self.blocks)} of fork {self._forks}".encode()).hexdigest()
        self.blocks.append((name, chosen))
        return self.tip()

    def mine_empty(self, count: int) -> None:
        for _ in range(count):
            self.mine(everything=False)

    def reorg(self, depth: int, *, extra: int = 1) -> None:
        """The last blocks are replaced by empty ones and one more; what was in them waits again."""
        undone = self.blocks[-depth:]
        del self.blocks[-depth:]
        self._forks += 1
        self.mempool = [txid for _, txids in undone for txid in txids] + self.mempool
        for txid in list(self.mempool):
            if txid in self.mempool and self.store[txid].inputs[0].outpoint == COINBASE:
                self.evict(txid)
        self.mine_empty(depth + extra)

    def evict(self, txid: str) -> None:
        """The mempool forgets a transaction and what spends it."""
        self.mempool.remove(txid)
        for other in list(self.mempool):
            if other in self.mempool and txid in {each.outpoint.txid for each in self.store[other].inputs}:
                self.evict(other)

    # -- what is asked

    def _count(self, call: str, number: int = 1) -> None:
        self.calls[call] = self.calls.get(call, 0) + number

    def describe(self) -> str:
        return "a chain on paper"

    def tip(self) -> BlockRef:
        return BlockRef(len(self.blocks) - 1, self.blocks[-1][0])

    def tip_height(self) -> int:
        return len(self.blocks) - 1

    def block_hash(self, height: int) -> str | None:
        self._count("block_hash")
        return self.blocks[height][0] if height < len(self.blocks) else None

    def where(self) -> dict[str, tuple[int | None, str | None]]:
        """Every transaction that is in a block or waits."""
        found: dict[str, tuple[int | None, str | None]] = dict.fromkeys(self.mempool, (None, None))
        for height, (name, txids) in enumerate(self.blocks):
            found.update((txid, (height, name)) for txid in txids)
        return found

    def history(self, scripts: Sequence[bytes]) -> tuple[tuple[HistoryEntry, ...], ...]:
        self._count("history")
        self._count("scripts", len(scripts))
        where = self.where()
        return tuple(
            tuple(HistoryEntry(txid, *where[txid]) for txid in self._touched.get(script, ()) if txid in where)
            for script in scripts
        )

    def prove(self, entries: Sequence[HistoryEntry]) -> None:
        self._count("prove", len(entries))

    def raw_transaction(self, txid: str) -> bytes | None:
        return self.raw_transactions([txid])[0]

    def raw_transactions(self, txids: Sequence[str]) -> tuple[bytes | None, ...]:
        self._count("raw_transactions", len(txids))
        where = self.where()
        return tuple(self.store[txid].serialise() if txid in where else None for txid in txids)

    def transaction_status(self, txid: str) -> TxStatus:
        where = self.where().get(txid)
        if where is None:
            return TxStatus(False, False, None, 0)
        height, block_hash = where
        depth = 0 if height is None else len(self.blocks) - height
        return TxStatus(True, height is not None, height, depth, block_hash)

    def final_status(self, txid: str) -> TxStatus:
        return self.transaction_status(txid)
