"""What the active chain holds: transactions, unspent coins, spenders and script history, undoable per block.

It follows the kernel and decides nothing: a block is connected here only after the kernel took it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from emulator.chains.block import Block
from emulator.chains.errors import UnknownBlockError
from emulator.chains.script import script_hash
from emulator.chains.transaction import OutPoint, Transaction, TxOut


@dataclass(frozen=True, slots=True)
class ConfirmedTransaction:
    tx: Transaction
    block_hash: str
    height: int
    position: int


@dataclass(frozen=True, slots=True)
class Coin:
    """An unspent output of the active chain."""

    outpoint: OutPoint
    output: TxOut
    height: int
    is_coinbase: bool


@dataclass(frozen=True, slots=True)
class Spender:
    txid: str
    index: int


class ChainIndex:
    def __init__(self, genesis: Block) -> None:
        self.blocks: dict[str, Block] = {}  # every block known, on any branch
        self.active: list[Block] = []
        self.known: dict[str, Transaction] = {}  # every transaction seen in any block, by txid
        self._transactions: dict[str, ConfirmedTransaction] = {}
        self._coins: dict[OutPoint, Coin] = {}
        self._coins_of: dict[str, dict[OutPoint, None]] = {}
        self._spenders: dict[OutPoint, Spender] = {}
        self._history: dict[str, list[str]] = {}
        self.add(genesis)
        # As in bitcoind the genesis coinbase is not in the coin set: nobody can spend it.
        self.active.append(genesis)
        for tx in genesis.transactions:
            self._transactions[tx.txid] = ConfirmedTransaction(tx, genesis.block_hash, 0, 0)

    # --- reading

    @property
    def tip(self) -> Block:
        return self.active[-1]

    def block(self, block_hash: str) -> Block:
        """Raises UnknownBlockError."""
        try:
            return self.blocks[block_hash]
        except KeyError:
            raise UnknownBlockError(f"no block {block_hash}") from None

    def is_active(self, block: Block) -> bool:
        return block.height < len(self.active) and self.active[block.height] is block

    def transaction(self, txid: str) -> ConfirmedTransaction | None:
        return self._transactions.get(txid)

    def coin(self, outpoint: OutPoint) -> Coin | None:
        return self._coins.get(outpoint)

    def coins_of(self, scripthash: str) -> list[Coin]:
        return [self._coins[outpoint] for outpoint in self._coins_of.get(scripthash, ())]

    def spender(self, outpoint: OutPoint) -> Spender | None:
        return self._spenders.get(outpoint)

    def history(self, scripthash: str) -> list[str]:
        """Confirmed txids that touch a script, oldest first."""
        return list(self._history.get(scripthash, ()))

    def branch_times(self, block: Block, count: int = 11) -> list[int]:
        """Timestamps of up to `count` blocks ending with `block` on its own branch, oldest first."""
        times: list[int] = []
        walk: Block | None = block
        while walk is not None and len(times) < count:
            times.append(walk.timestamp)
            walk = self.blocks.get(walk.previous)
        return times[::-1]

    # --- writing

    def add(self, block: Block) -> None:
        """Know a block without connecting it."""
        self.blocks[block.block_hash] = block
        for tx in block.transactions:
            self.known[tx.txid] = tx

    def path_to(self, block: Block) -> tuple[int, list[Block]]:
        """Height of the fork with the active chain, and the blocks from there to `block`, oldest first."""
        path: list[Block] = []
        walk = block
        while not self.is_active(walk):
            path.append(walk)
            walk = self.block(walk.previous)
        return walk.height, path[::-1]

    def connect(self, block: Block) -> None:
        if block.previous != self.tip.block_hash:
            raise ValueError(f"block {block.block_hash} does not build on the tip {self.tip.block_hash}")
        self.active.append(block)
        for position, tx in enumerate(block.transactions):
            self._transactions[tx.txid] = ConfirmedTransaction(tx, block.block_hash, block.height, position)
            for scripthash in self._touched(tx):
                self._history.setdefault(scripthash, []).append(tx.txid)
            if not tx.is_coinbase:
                for index, txin in enumerate(tx.inputs):
                    self._remove_coin(txin.prevout)
                    self._spenders[txin.prevout] = Spender(tx.txid, index)
            for vout, output in enumerate(tx.outputs):
                self._add_coin(Coin(OutPoint(tx.txid, vout), output, block.height, tx.is_coinbase))

    def disconnect(self) -> Block:
        """Undo the tip and return it."""
        block = self.active.pop()
        for tx in reversed(block.transactions):
            for vout in range(len(tx.outputs)):
                self._remove_coin(OutPoint(tx.txid, vout))
            if not tx.is_coinbase:
                for txin in tx.inputs:
                    del self._spenders[txin.prevout]
                    parent = self._transactions[txin.prevout.txid]
                    output = parent.tx.outputs[txin.prevout.vout]
                    self._add_coin(Coin(txin.prevout, output, parent.height, parent.tx.is_coinbase))
            for scripthash in self._touched(tx):
                self._history[scripthash].remove(tx.txid)
            del self._transactions[tx.txid]
        return block

    def _touched(self, tx: Transaction) -> Iterator[str]:
        scripts = {output.script_pubkey for output in tx.outputs}
        if not tx.is_coinbase:
            scripts |= {
                self.known[txin.prevout.txid].outputs[txin.prevout.vout].script_pubkey for txin in tx.inputs
            }
        return map(script_hash, scripts)

    def _add_coin(self, coin: Coin) -> None:
        if coin.output.script_pubkey[:1] == b"\x6a":
            return  # provably unspendable
        self._coins[coin.outpoint] = coin
        self._coins_of.setdefault(script_hash(coin.output.script_pubkey), {})[coin.outpoint] = None

    def _remove_coin(self, outpoint: OutPoint) -> None:
        coin = self._coins.pop(outpoint, None)
        if coin is not None:
            del self._coins_of[script_hash(coin.output.script_pubkey)][outpoint]
