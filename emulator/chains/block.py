"""Building blocks: coinbase with BIP34 height and BIP141 commitment, merkle root, regtest proof of work.

It builds what it is told to build, valid or not: the kernel is the judge.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from emulator.chains.transaction import (
    COINBASE_TXID,
    COINBASE_VOUT,
    SEQUENCE_FINAL,
    WITNESS_SCALE,
    OutPoint,
    Transaction,
    TxIn,
    TxOut,
    compact_size,
    display_hash,
    internal_hash,
    sha256d,
)

REGTEST_BITS = 0x207FFFFF
REGTEST_TARGET = 0x7FFFFF << (8 * (0x20 - 3))
BLOCK_VERSION = 0x20000000
INITIAL_SUBSIDY = 50 * 100_000_000
HALVING_INTERVAL = 150
COINBASE_MATURITY = 100
MAX_BLOCK_WEIGHT = 4_000_000
COINBASE_RESERVE = 8_000  # weight kept free for header and coinbase, as bitcoind's miner does
_WITNESS_NONCE = b"\0" * 32
_COMMITMENT_HEADER = b"\x6a\x24\xaa\x21\xa9\xed"


def subsidy(height: int) -> int:
    """Satoshi created by the block at `height` on regtest."""
    return INITIAL_SUBSIDY >> (height // HALVING_INTERVAL)


@dataclass(frozen=True)  # no slots: cached_property needs the instance dictionary
class Block:
    """A block with its place on its branch and the median time past including itself."""

    height: int
    version: int
    previous: str
    merkle_root: str
    timestamp: int
    bits: int
    nonce: int
    median_time: int
    transactions: tuple[Transaction, ...]

    @cached_property
    def header(self) -> bytes:
        return (
            struct.pack("<i", self.version)
            + internal_hash(self.previous)
            + internal_hash(self.merkle_root)
            + struct.pack("<III", self.timestamp, self.bits, self.nonce)
        )

    @cached_property
    def block_hash(self) -> str:
        return display_hash(sha256d(self.header))

    @cached_property
    def raw(self) -> bytes:
        return (
            self.header + compact_size(len(self.transactions)) + b"".join(tx.raw for tx in self.transactions)
        )

    @cached_property
    def weight(self) -> int:
        overhead = (80 + len(compact_size(len(self.transactions)))) * WITNESS_SCALE
        return overhead + sum(tx.weight for tx in self.transactions)


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Bitcoin's merkle root of internal-order hashes."""
    level = list(leaves)
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        level = [sha256d(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


def merkle_branch(leaves: Sequence[bytes], position: int) -> list[bytes]:
    """Sibling hashes from the leaf at `position` up to the root."""
    branch: list[bytes] = []
    level = list(leaves)
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        branch.append(level[position ^ 1])
        level = [sha256d(level[at] + level[at + 1]) for at in range(0, len(level), 2)]
        position //= 2
    return branch


def _push_number(number: int) -> bytes:
    if number == 0:
        return b"\x00"
    if number <= 16:
        return bytes([0x50 + number])
    data = number.to_bytes(number.bit_length() // 8 + 1, "little")
    return bytes([len(data)]) + data


def build_coinbase(
    height: int, script_pubkey: bytes, amount_sat: int, extra_nonce: int, rest: Sequence[Transaction]
) -> Transaction:
    """Coinbase paying `amount_sat` to `script_pubkey`, committing to the witnesses of `rest`."""
    witness_root = merkle_root([b"\0" * 32, *(tx.wtxid_bytes for tx in rest)])
    commitment = _COMMITMENT_HEADER + sha256d(witness_root + _WITNESS_NONCE)
    script_sig = _push_number(height) + b"\x08" + struct.pack("<Q", extra_nonce)
    txin = TxIn(OutPoint(COINBASE_TXID, COINBASE_VOUT), script_sig, SEQUENCE_FINAL, (_WITNESS_NONCE,))
    return Transaction(2, (txin,), (TxOut(amount_sat, script_pubkey), TxOut(0, commitment)), 0)


def grind(
    height: int,
    previous: str,
    timestamp: int,
    earlier_times: Sequence[int],
    transactions: Sequence[Transaction],
) -> Block:
    """Find a nonce for a block of `transactions` (coinbase first); about two tries on regtest.

    `earlier_times`: timestamps of up to ten blocks before this one, for the median time past.
    """
    root = display_hash(merkle_root([internal_hash(tx.txid) for tx in transactions]))
    median = median_time([*earlier_times[-10:], timestamp])
    for nonce in range(1 << 32):
        block = Block(
            height, BLOCK_VERSION, previous, root, timestamp, REGTEST_BITS, nonce, median, tuple(transactions)
        )
        if int.from_bytes(internal_hash(block.block_hash), "little") <= REGTEST_TARGET:
            return block
    raise AssertionError("no nonce meets the regtest target")  # probability 2**-(2**32)


def median_time(timestamps: Sequence[int]) -> int:
    """Median of the last (up to) eleven timestamps, as bitcoind's GetMedianTimePast."""
    window = sorted(timestamps[-11:])
    return window[len(window) // 2]
