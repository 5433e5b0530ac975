"""A Bitcoin regtest: a judge of blocks, an index, a mempool, a miner and a faucet.

The judge is libbitcoinkernel's chainstate in this process, whose mempool follows bitcoind's policy; or a real
bitcoind (`node_chain`). Nothing enters the index that the judge did not take. Thread-safe by one lock.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Self

from emulator.chains.block import COINBASE_MATURITY, Block, build_coinbase, grind, subsidy
from emulator.chains.errors import BlockRefusedError, FaucetEmptyError, UnknownBlockError
from emulator.chains.index import ChainIndex, Coin, Spender
from emulator.chains.kernel import BlockJudge, Kernel
from emulator.chains.mempool import Mempool
from emulator.chains.miner import select_transactions
from emulator.chains.policy import PolicyRules
from emulator.chains.pool import MempoolEntry, Pool
from emulator.chains.script import script_hash, script_of
from emulator.chains.signing import InsufficientFundsError, Key, OwnedCoin, build_payment
from emulator.chains.transaction import OutPoint, Transaction, TxOut, display_hash, parse_transaction

START_BLOCKS = 130  # 30 matured coinbases of 50 BTC for the faucet
BLOCK_SPACING = 600  # seconds between the blocks mined before the start
FAUCET_FEE_RATE = 2  # sat/vB
DEFAULT_FEE_ESTIMATES = {
    1: Decimal("12.0"), 2: Decimal("10.0"), 3: Decimal("8.0"), 6: Decimal("5.0"), 12: Decimal("3.0"),
    25: Decimal("2.0"), 144: Decimal("1.0"), 504: Decimal("1.0"), 1008: Decimal("1.0"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownTransaction:
    """A transaction with its place: `block` is None while it waits in the mempool."""

    tx: Transaction
    block: Block | None
    fee_sat: int
    spent: tuple[TxOut | None, ...]


class BitcoinChain:
    """`clock` gives unix seconds for block times; `start_blocks` are mined to the faucet at the start."""

    def __init__(
        self,
        *,
        rules: PolicyRules | None = None,
        clock: Callable[[], int] = lambda: int(time.time()),
        start_blocks: int = START_BLOCKS,
    ) -> None:
        kernel = Kernel()
        index = ChainIndex(genesis_block(kernel.genesis()))
        mempool = Mempool(index, kernel, rules or PolicyRules())
        self._begin(threading.RLock(), kernel, index, mempool, clock=clock, start_blocks=start_blocks)

    def _begin(
        self,
        lock: AbstractContextManager[bool | None],
        judge: BlockJudge,
        index: ChainIndex,
        mempool: Pool,
        *,
        clock: Callable[[], int],
        start_blocks: int,
    ) -> None:
        self.lock = lock
        self._judge = judge
        self.index = index
        self.mempool = mempool
        self._clock = clock
        self.fee_estimates: dict[int, Decimal] = dict(DEFAULT_FEE_ESTIMATES)
        self._faucet = Key(b"regtest", "faucet")
        self._extra_nonce = 0
        now = self._clock()
        for number in range(start_blocks):
            self._mine_one(
                self.index.tip, (), self._faucet.script, now - (start_blocks - number) * BLOCK_SPACING
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with self.lock:
            self._judge.close()

    # --- reading

    @property
    def height(self) -> int:
        with self.lock:
            return self.index.tip.height

    @property
    def tip_hash(self) -> str:
        with self.lock:
            return self.index.tip.block_hash

    def block(self, block_hash: str) -> Block:
        """A block on any branch. Raises UnknownBlockError."""
        with self.lock:
            return self.index.block(block_hash)

    def block_at(self, height: int) -> Block:
        """A block of the active chain. Raises UnknownBlockError."""
        with self.lock:
            if not 0 <= height < len(self.index.active):
                raise UnknownBlockError(f"no block at height {height}, the tip is at {self.height}")
            return self.index.active[height]

    def transaction(self, txid: str) -> KnownTransaction | None:
        """A transaction of the active chain or the mempool."""
        with self.lock:
            entry = self.mempool.get(txid)
            if entry is not None:
                return KnownTransaction(entry.tx, None, entry.fee_sat, entry.spent)
            confirmed = self.index.transaction(txid)
            if confirmed is None:
                return None
            block = self.index.active[confirmed.height]
            if confirmed.tx.is_coinbase:
                return KnownTransaction(confirmed.tx, block, 0, (None,))
            spent = tuple(self._output(txin.prevout) for txin in confirmed.tx.inputs)
            return KnownTransaction(confirmed.tx, block, self._fee(confirmed.tx), spent)

    def confirmations(self, txid: str) -> int | None:
        """None when unknown, 0 in the mempool, else the depth."""
        with self.lock:
            if self.mempool.get(txid) is not None:
                return 0
            confirmed = self.index.transaction(txid)
            return None if confirmed is None else self.height - confirmed.height + 1

    def spender(self, outpoint: OutPoint) -> Spender | None:
        with self.lock:
            return self.mempool.spender(outpoint) or self.index.spender(outpoint)

    def coins(self, scripthash: str, *, spendable: bool = False) -> list[Coin]:
        """Confirmed coins of a script that no waiting transaction spends; `spendable`: only matured ones."""
        with self.lock:
            return [
                coin
                for coin in self.index.coins_of(scripthash)
                if self.mempool.spender(coin.outpoint) is None
                and not (spendable and coin.is_coinbase and self.height + 1 - coin.height < COINBASE_MATURITY)
            ]

    def balance(self, address: str) -> int:
        """Confirmed satoshi at an address, waiting spends not deducted."""
        with self.lock:
            return sum(
                coin.output.amount_sat for coin in self.index.coins_of(script_hash(script_of(address)))
            )

    # --- transactions

    def submit(self, raw: bytes) -> str:
        """Put a transaction into the mempool and return its txid; one that is there already is fine.

        Raises NotTakenError with bitcoind's reject string.
        """
        tx = parse_transaction(raw)
        with self.lock:
            return self.mempool.accept(tx).tx.txid

    def fund(self, address: str, amount_sat: int, *, confirmations: int = 1) -> str:
        """Pay an address from matured coinbases and mine `confirmations` blocks; returns the txid.

        Raises AddressError, FaucetEmptyError, NotTakenError (an amount that is dust).
        """
        script = script_of(address)
        with self.lock:
            coins = self.coins(self._faucet.scripthash, spendable=True)
            owned = [OwnedCoin(coin, self._faucet) for coin in coins]
            try:
                tx = build_payment(owned, [TxOut(amount_sat, script)], self._faucet.script, FAUCET_FEE_RATE)
            except InsufficientFundsError as error:
                raise FaucetEmptyError(f"{error}; mine more blocks, coinbases mature after 100") from error
            txid = self.submit(tx.raw)
            if confirmations:
                self.mine(confirmations)
            return txid

    # --- blocks

    def mine(
        self,
        count: int = 1,
        address: str | None = None,
        *,
        parent: str | None = None,
        transactions: Sequence[bytes] = (),
        include_mempool: bool = True,
        min_fee_rate: Decimal = Decimal(0),
    ) -> list[str]:
        """Mine `count` blocks on `parent` (default: the tip) and return their hashes.

        `transactions` go into the first block as they are, past the mempool; blocks on another branch are
        otherwise empty. Raises BlockRefusedError when the judge refuses a block, AddressError.
        """
        script = self._faucet.script if address is None else script_of(address)
        extra = [parse_transaction(raw) for raw in transactions]
        hashes: list[str] = []
        with self.lock:
            previous = self.index.block(parent) if parent is not None else self.index.tip
            for _ in range(count):
                chosen = list(extra)
                if include_mempool and previous is self.index.tip and not extra:
                    chosen = select_transactions(self.mempool, min_fee_rate)
                previous = self._mine_one(previous, chosen, script, self._clock())
                hashes.append(previous.block_hash)
                extra = []
        return hashes

    def reorg(self, depth: int, *, extra: int = 1, transactions: Sequence[bytes] = ()) -> list[str]:
        """Replace the last `depth` blocks by `depth + extra` others, without the dropped transactions.

        Those go back to the mempool where still valid. `transactions` (a double spend) go into the first
        new block. Raises UnknownBlockError when the chain is shorter.
        """
        with self.lock:
            parent = self.block_at(self.height - depth).block_hash
            return self.mine(depth + extra, parent=parent, transactions=transactions, include_mempool=False)

    def _mine_one(self, previous: Block, chosen: Sequence[Transaction], script: bytes, now: int) -> Block:
        height = previous.height + 1
        self._extra_nonce += 1
        reward = subsidy(height) + sum(max(self._fee(tx), 0) for tx in chosen)
        coinbase = build_coinbase(height, script, reward, self._extra_nonce, chosen)
        timestamp = max(previous.median_time + 1, now)
        earlier = self.index.branch_times(previous, 10)
        block = grind(height, previous.block_hash, timestamp, earlier, [coinbase, *chosen])
        tip = self._judge.process_block(block.raw)
        self.index.add(block)
        if block.height > tip.height:  # the longest branch, but the judge did not follow it
            self._refuse_branch(block)
        if tip.block_hash != self.index.tip.block_hash:
            self._follow(self.index.block(tip.block_hash))
        return block

    def _refuse_branch(self, block: Block) -> None:
        _, path = self.index.path_to(block)
        for each in path:
            if (reason := self._judge.refusal(each.block_hash)) is not None:
                raise BlockRefusedError(each.block_hash, reason)
        raise BlockRefusedError(block.block_hash, "nobody followed its branch")

    def _follow(self, tip: Block) -> None:
        fork, path = self.index.path_to(tip)
        reorganised = self.index.tip.height > fork
        dropped: list[Transaction] = []
        while self.index.tip.height > fork:
            dropped = [tx for tx in self.index.disconnect().transactions if not tx.is_coinbase] + dropped
        for block in path:
            self.index.connect(block)
            self.mempool.block_connected(block.transactions)
        if reorganised:  # even with nothing dropped: a waiting transaction may spend a lost coinbase
            self.mempool.rebuild(dropped)

    def _output(self, outpoint: OutPoint) -> TxOut | None:
        tx = self.index.known.get(outpoint.txid)
        if tx is None:
            entry: MempoolEntry | None = self.mempool.get(outpoint.txid)
            tx = entry.tx if entry is not None else None
        return tx.outputs[outpoint.vout] if tx is not None and outpoint.vout < len(tx.outputs) else None

    def _fee(self, tx: Transaction) -> int:
        parents = {txin.prevout: self._output(txin.prevout) for txin in tx.inputs}
        if any(output is None for output in parents.values()):
            return 0
        return sum(output.amount_sat for output in parents.values() if output is not None) - tx.output_sum


def genesis_block(raw: bytes) -> Block:
    """The genesis block from its bytes."""
    version, timestamp, bits, nonce = struct.unpack("<i64xIII", raw[:80])
    previous, root = display_hash(raw[4:36]), display_hash(raw[36:68])
    tx = parse_transaction(raw[81:])
    return Block(0, version, previous, root, timestamp, bits, nonce, timestamp, (tx,))
