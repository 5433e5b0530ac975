"""An Ethereum chain in this process: blocks, a mempool with go-ethereum's rules, a faucet, reorganisations.

The EVM is py-evm's; there is no consensus, blocks are made when asked for, or with every transaction.
Thread-safe by one lock.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from eth.abc import StateAPI
from eth.constants import BLANK_ROOT_HASH, POST_MERGE_NONCE
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_keys.datatypes import PrivateKey
from eth_typing import Address

from emulator.chains.ethereum.blocks import Alteration, Block, MinedTransaction, next_base_fee
from emulator.chains.ethereum.errors import RpcRefusal
from emulator.chains.ethereum.evm import Evm, Outcome, execute
from emulator.chains.ethereum.hexes import checksummed, hashed, parse_address
from emulator.chains.ethereum.mempool import Mempool
from emulator.chains.ethereum.mining import BlockInProgress, child_header
from emulator.chains.ethereum.transaction import Execution, WireTransaction, decode, sign

GWEI = 10**9
ETHER = 10**18
SAFE_DEPTH, FINALIZED_DEPTH = 32, 64  # an epoch, and two
FAUCET_STOCK = 10**9 * ETHER
FEE_RECIPIENT = hashed(b"fee recipient of the emulated chain")[12:]
ANCESTORS = 256  # how far BLOCKHASH looks back
GENESIS_AGE = 12
DELEGATION = b"\xef\x01\x00"  # EIP-7702
CONTRACT_GAS, CREATION_GAS = 6_000_000, 10_000_000  # what our own transactions may use beyond the least
CALL_GAS = 50_000_000  # what a node lends to a call that names none


class EthereumChain:
    """`clock` gives unix seconds for block times; with `automine` every transaction gets a block at once."""

    def __init__(
        self,
        *,
        chain_id: int = 1,
        clock: Callable[[], int] = lambda: int(time.time()),
        automine: bool = True,
        base_fee: int = GWEI,
        gas_limit: int = 30_000_000,
    ) -> None:
        self.lock = threading.RLock()
        self.chain_id = chain_id
        self.automine = automine
        self.suggested_tip = GWEI
        self.clock = clock
        self._evm = Evm(chain_id)
        self._faucet = PrivateKey(hashed(b"faucet of the emulated chain"))
        self._forced_base_fee: int | None = None
        self._branch = 0
        genesis = PragueBlockHeader(
            difficulty=0,
            block_number=0,  # type: ignore[arg-type]
            gas_limit=gas_limit,
            timestamp=clock() - GENESIS_AGE,
            base_fee_per_gas=base_fee,
            extra_data=f"chain {chain_id}".encode(),
            nonce=POST_MERGE_NONCE,
        )
        self._blocks: list[Block] = [Block(genesis, (), BLANK_ROOT_HASH)]
        self._by_hash: dict[bytes, Block] = {genesis.hash: self._blocks[0]}
        self._index: dict[str, tuple[bytes, int]] = {}
        self._reader: tuple[bytes, StateAPI] | None = None
        self.mempool = Mempool(self, gas_limit)
        self.alter(Alteration(self.faucet_address, balance=FAUCET_STOCK))

    # --- reading

    @property
    def faucet_address(self) -> bytes:
        return bytes(self._faucet.public_key.to_canonical_address())

    @property
    def owner(self) -> str:
        """The faucet's account, which owns the tokens deployed on this chain."""
        return checksummed(self.faucet_address)

    @property
    def tip(self) -> Block:
        with self.lock:
            return self._blocks[-1]

    @property
    def height(self) -> int:
        return self.tip.number

    @property
    def tip_hash(self) -> str:
        return "0x" + self.tip.hash.hex()

    def block_at(self, number: int) -> Block | None:
        with self.lock:
            return self._blocks[number] if 0 <= number < len(self._blocks) else None

    def full_blocks(self) -> list[Block]:
        """Blocks of the present chain with transactions in them, the oldest first."""
        with self.lock:
            return [block for block in self._blocks if block.transactions]

    def block(self, block_hash: bytes) -> Block | None:
        """A block by hash, also one that a reorganisation dropped."""
        with self.lock:
            return self._by_hash.get(block_hash)

    def find(self, txid: str) -> tuple[Block, MinedTransaction] | None:
        """A mined transaction of the present chain, with its block."""
        with self.lock:
            place = self._index.get(txid.lower())
            if place is None:
                return None
            block = self._by_hash[place[0]]
            return block, block.transactions[place[1]]

    def confirmations(self, txid: str) -> int | None:
        """None when unknown, 0 in the mempool, else the depth."""
        with self.lock:
            if (found := self.find(txid)) is not None:
                return self.height - found[0].number + 1
            return None if self.mempool.get(txid.lower()) is None else 0

    def balance(self, address: str, block: Block | None = None) -> int:
        """Wei at an address after a block (default: the tip)."""
        return self.balance_of(parse_address(address), block)

    def nonce(self, address: str, block: Block | None = None) -> int:
        return self.nonce_of(parse_address(address), block)

    def code(self, address: str, block: Block | None = None) -> bytes:
        return self.code_of(parse_address(address), block)

    def storage(self, address: str, slot: int, block: Block | None = None) -> int:
        with self.lock:
            return self.reader(block).get_storage(Address(parse_address(address)), slot)

    def call(self, to: str, data: bytes, *, sender: str = "0x" + "00" * 20, value: int = 0) -> bytes:
        """Run a call on the tip. Raises RpcRefusal when it fails."""
        with self.lock:
            state = self.state_on(self.tip, base_fee=0)
            execution = Execution(parse_address(sender), parse_address(to), value, data, CALL_GAS)
            outcome: Outcome = execute(state, execution)
        if outcome.error is not None:
            raise RpcRefusal(f"{outcome.error}: 0x{outcome.output.hex()}")
        return outcome.output

    # --- states

    def balance_of(self, address: bytes, block: Block | None = None) -> int:
        with self.lock:
            return self.reader(block).get_balance(Address(address))

    def nonce_of(self, address: bytes, block: Block | None = None) -> int:
        with self.lock:
            return self.reader(block).get_nonce(Address(address))

    def code_of(self, address: bytes, block: Block | None = None) -> bytes:
        with self.lock:
            return bytes(self.reader(block).get_code(Address(address)))

    def has_code(self, address: bytes) -> bool:
        """Code of its own: an account that has delegated (EIP-7702) may still send."""
        code = self.code_of(address)
        return bool(code) and not code.startswith(DELEGATION)

    def reader(self, block: Block | None = None) -> StateAPI:
        """A state to read from only, under the lock; the last one asked for is kept."""
        with self.lock:
            block = block or self.tip
            if self._reader is None or self._reader[0] != block.root:
                self._reader = (block.root, self._evm.state(block.header, block.root))
            return self._reader[1]

    def state_on(self, block: Block, *, base_fee: int | None = None) -> StateAPI:
        """The state after `block` to execute on, in its own frame; what happens there is lost."""
        return self._evm.state(block.header, block.root, self.ancestors(block), base_fee=base_fee)

    def state_in(
        self,
        header: PragueBlockHeader,
        parent: Block,
        *,
        ancestors: tuple[bytes, ...] | None = None,
    ) -> StateAPI:
        """The state after `parent` in the frame of another header; `ancestors` from the parent downwards."""
        if ancestors is None:
            ancestors = (parent.hash, *self.ancestors(parent))
        return self._evm.state(header, parent.root, ancestors)

    def ancestors(self, block: Block) -> tuple[bytes, ...]:
        """Hashes of the blocks below, the newest first."""
        with self.lock:
            found: list[bytes] = []
            while block.number and len(found) < ANCESTORS:
                found.append(block.parent_hash)
                block = self._by_hash[block.parent_hash]
            return tuple(found)

    # --- transactions

    def submit(self, raw: bytes) -> str:
        """Take a transaction into the mempool; with automine a block follows. Raises RpcRefusal.

        One behind a gap, or with too low a fee, gets none.
        """
        tx = decode(raw, self.chain_id)
        with self.lock:
            self.mempool.add(tx)
            affordable = tx.max_fee >= self.next_base_fee
            if self.automine and affordable and tx in self.mempool.executable(tx.sender):
                self.mine()
            return tx.txid

    def fund(self, address: str, wei: int, *, confirmations: int = 1) -> str:
        """Send ETH from the faucet and mine `confirmations` blocks, the first with nothing else in it.

        With 0 it waits in the mempool. Returns the txid.
        """
        with self.lock:
            tx = self._signed(self._faucet, parse_address(address), value=wei, queue=not confirmations)
            if confirmations:
                self.mine(transactions=[tx.raw], include_mempool=False)
                self.mine(confirmations - 1)
            else:
                self.mempool.add(tx)
            return tx.txid

    def send(self, to: str | None, data: bytes) -> str:
        """A transaction of the faucet in a block of its own; None creates a contract. Raises RpcRefusal."""
        target = b"" if to is None else parse_address(to)
        with self.lock:
            tx = self._signed(self._faucet, target, data=data, queue=False)
            self.mine(transactions=[tx.raw], include_mempool=False)
        txid = tx.txid
        found = self.find(txid)
        if found is None or not found[1].succeeded:
            raise RpcRefusal(f"expected {txid} to succeed, it reverted")
        return txid

    def contract_made_by(self, txid: str) -> str:
        """Address of the contract a transaction created. Raises LookupError."""
        found = self.find(txid)
        created = None if found is None else found[1].tx.execution.created
        if created is None:
            raise LookupError(f"{txid} created no contract")
        return checksummed(created)

    def pay(self, key: PrivateKey, to: bytes, *, value: int = 0, data: bytes = b"") -> str:
        """Sign with a key of the emulator's and submit, after what waits of it. Raises RpcRefusal."""
        with self.lock:
            return self.submit(self._signed(key, to, value=value, data=data, queue=True).raw)

    def _signed(
        self, key: PrivateKey, to: bytes, *, value: int = 0, data: bytes = b"", queue: bool
    ) -> WireTransaction:
        sender = bytes(key.public_key.to_canonical_address())
        draft = Execution(sender, to, value, data, 0)
        least = max(draft.intrinsic_gas, draft.floor_gas)
        plain = bool(to) and not data and not self.has_code(to)
        raw = sign(
            key,
            chain_id=self.chain_id,
            nonce=self.mempool.next_nonce(sender) if queue else self.nonce_of(sender),
            to=to,
            value=value,
            data=data,
            gas=least if plain else least + (CONTRACT_GAS if to else CREATION_GAS),
            max_fee=max(2 * self.next_base_fee, GWEI) + self.suggested_tip,
            max_tip=self.suggested_tip,
        )
        return decode(raw, self.chain_id)

    # --- blocks

    @property
    def next_base_fee(self) -> int:
        with self.lock:
            forced = self._forced_base_fee
            return next_base_fee(self.tip) if forced is None else forced

    def set_base_fee(self, wei: int) -> None:
        """Base fee of the next block; those after it move from there."""
        with self.lock:
            self._forced_base_fee = wei

    def next_header(self) -> PragueBlockHeader:
        """The frame the next block will have."""
        extra = f"branch {self._branch}".encode() if self._branch else b""
        return child_header(self.tip, self.clock(), self.next_base_fee, FEE_RECIPIENT, extra)

    def mine(
        self, count: int = 1, *, transactions: Sequence[bytes] = (), include_mempool: bool = True
    ) -> list[str]:
        """Make `count` blocks and return their hashes; `transactions` go into the first, past the mempool.

        Raises RpcRefusal when one of those cannot be in the block.
        """
        with self.lock:
            given = [decode(raw, self.chain_id) for raw in transactions]
            hashes: list[str] = []
            for _ in range(count):
                hashes.append(self._mine_one(given, include_mempool=include_mempool))
                given = []
            return hashes

    def _mine_one(self, given: Sequence[WireTransaction], *, include_mempool: bool) -> str:
        header = self.next_header()
        block = BlockInProgress(header, self.state_in(header, self.tip))
        for tx in given:
            block.add(tx)
        if include_mempool:
            senders = {tx.sender: None for tx in self.mempool}
            block.fill([self.mempool.from_sender(sender) for sender in senders])
        self._forced_base_fee = None
        self._connect(block.seal())
        self.mempool.settle()
        return self.tip_hash

    def _connect(self, block: Block) -> None:
        self._blocks.append(block)
        self._by_hash[block.hash] = block
        for mined in block.transactions:
            self._index[mined.tx.txid] = (block.hash, mined.index)

    def reorg(
        self,
        depth: int,
        *,
        extra: int = 1,
        keep_transactions: bool = True,
        transactions: Sequence[bytes] = (),
    ) -> list[str]:
        """Replace the last `depth` blocks by `depth + extra` empty ones; returns their hashes.

        Their transactions go back to the mempool and wait there, or are forgotten. `transactions` (a double
        spend) go into the first new block. What was altered by hand stays altered.
        """
        with self.lock:
            if not 0 <= depth <= self.height:
                raise RpcRefusal(f"cannot drop {depth} blocks, the tip is at {self.height}")
            dropped, self._blocks = self._blocks[len(self._blocks) - depth :], self._blocks[: -depth or None]
            self._branch += 1
            for block in dropped:
                for mined in block.transactions:
                    del self._index[mined.tx.txid]
                    if keep_transactions:
                        self.mempool.put_back(mined.tx)
                for alteration in block.alterations:
                    self.alter(alteration)
            self._forced_base_fee = None
            hashes = self.mine(transactions=transactions, include_mempool=False)
            return hashes + self.mine(depth + extra - 1, include_mempool=False)

    # --- what no transaction does

    def set_balance(self, address: str, wei: int) -> None:
        self.alter(Alteration(parse_address(address), balance=wei))

    def set_nonce(self, address: str, nonce: int) -> None:
        self.alter(Alteration(parse_address(address), nonce=nonce))

    def set_code(self, address: str, code: bytes) -> None:
        self.alter(Alteration(parse_address(address), code=code))

    def set_storage(self, address: str, slot: int, value: int) -> None:
        self.alter(Alteration(parse_address(address), slot=slot, value=value))

    def alter(self, alteration: Alteration) -> None:
        """Change the state after the tip in place: its hash stays, its header tells nothing of it."""
        with self.lock:
            tip = self.tip
            state = self._evm.state(tip.header, tip.root)
            alteration.apply(state)
            state.persist()
            altered = replace(tip, root=bytes(state.state_root), alterations=(*tip.alterations, alteration))
            self._blocks[-1] = self._by_hash[tip.hash] = altered
