"""Blocks of the emulated chain, with their transactions' receipts, and the base fee of EIP-1559."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import rlp  # type: ignore[import-untyped]
from eth.abc import StateAPI
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_bloom.bloom import BloomFilter
from eth_typing import Address
from trie.hexary import HexaryTrie

from emulator.chains.ethereum.evm import Log
from emulator.chains.ethereum.transaction import LEGACY, WireTransaction

ELASTICITY = 2
BASE_FEE_CHANGE_DENOMINATOR = 8


@dataclass(frozen=True, slots=True)
class Alteration:
    """A change of the state that no transaction made: `slot` None means code, balance or nonce."""

    address: bytes
    code: bytes | None = None
    balance: int | None = None
    nonce: int | None = None
    slot: int | None = None
    value: int = 0

    def apply(self, state: StateAPI) -> None:
        address = Address(self.address)
        if self.code is not None:
            state.set_code(address, self.code)
        if self.balance is not None:
            state.set_balance(address, self.balance)
        if self.nonce is not None:
            state.set_nonce(address, self.nonce)
        if self.slot is not None:
            state.set_storage(address, self.slot, self.value)


@dataclass(frozen=True, slots=True)
class MinedTransaction:
    tx: WireTransaction
    index: int
    succeeded: bool
    gas_used: int
    cumulative_gas: int
    logs: tuple[Log, ...]
    moves: tuple[Log, ...]  # of ETH
    first_log: int  # index in the block of the first of `logs`

    @property
    def bloom(self) -> int:
        return bloom_of(self.logs)


@dataclass(frozen=True, slots=True)
class Block:
    """`root` is the state after it, alterations included, which the header knows nothing of."""

    header: PragueBlockHeader
    transactions: tuple[MinedTransaction, ...]
    root: bytes
    alterations: tuple[Alteration, ...] = ()

    @property
    def number(self) -> int:
        return self.header.block_number

    @property
    def hash(self) -> bytes:
        return self.header.hash

    @property
    def parent_hash(self) -> bytes:
        return self.header.parent_hash

    @property
    def timestamp(self) -> int:
        return self.header.timestamp

    @property
    def base_fee(self) -> int:
        return base_fee_of(self.header)

    @property
    def gas_used(self) -> int:
        return self.header.gas_used

    @property
    def gas_limit(self) -> int:
        return self.header.gas_limit

    @property
    def size(self) -> int:
        """Bytes, near enough: header and transactions."""
        return 600 + sum(len(each.tx.raw) for each in self.transactions)


def base_fee_of(header: PragueBlockHeader) -> int:
    """py-evm types it as optional, for forks that had none."""
    return header.base_fee_per_gas or 0


def with_fields(header: PragueBlockHeader, **fields: object) -> PragueBlockHeader:
    """The header with other values in some fields."""
    return cast("PragueBlockHeader", header.copy(**fields))


def next_base_fee(parent: Block) -> int:
    """Base fee per gas of the block after `parent` (EIP-1559)."""
    target = parent.gas_limit // ELASTICITY
    if parent.gas_used == target:
        return parent.base_fee
    distance = abs(parent.gas_used - target)
    change = parent.base_fee * distance // target // BASE_FEE_CHANGE_DENOMINATOR
    if parent.gas_used > target:
        return parent.base_fee + max(change, 1)
    return max(parent.base_fee - change, 0)


def bloom_of(logs: tuple[Log, ...]) -> int:
    bloom = BloomFilter()
    for log in logs:
        bloom.add(log.address)
        for topic in log.topics:
            bloom.add(topic.to_bytes(32, "big"))
    return int(bloom)


def receipt_bytes(mined: MinedTransaction) -> bytes:
    """The receipt as the trie of receipts holds it."""
    logs = [
        [log.address, [topic.to_bytes(32, "big") for topic in log.topics], log.data] for log in mined.logs
    ]
    status = b"\x01" if mined.succeeded else b""
    fields = [status, mined.cumulative_gas, mined.bloom.to_bytes(256, "big"), logs]
    type_id = mined.tx.execution.type_id
    return (b"" if type_id == LEGACY else bytes([type_id])) + bytes(rlp.encode(fields))


def trie_root(items: list[bytes]) -> bytes:
    """Root of the trie of a block's transactions or receipts."""
    trie = HexaryTrie({})
    for index, item in enumerate(items):
        trie[rlp.encode(index)] = item
    return bytes(trie.root_hash)
