"""Raw blocks: cut into transactions, and searched for scripts and for the coins they spend.

Refuses bytes that are not the block that was asked for. Scripts are found as bytes first and parsed
after, so that a block without any of ours costs one search.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from vault.bitcoin.backends.answers import nonsense
from vault.bitcoin.backends.proof import HEADER_BYTES, block_hash_of
from vault.bitcoin.transaction import Transaction
from vault.bitcoin.wire import Reader
from vault.errors import PsbtError

# Up to so many needles a search through the bytes is quicker than taking every transaction apart.
MAX_NEEDLES: Final = 200
_SMALLEST_TRANSACTION: Final = 60


def transactions_with(raw: bytes, block_hash: str, needles: Collection[bytes]) -> Iterator[bytes]:
    """The transactions of a block, in order, that may contain one of the `needles` (scripts, outpoints).

    All of them when there are many needles. `needles` may grow while this runs.
    """
    if block_hash_of(raw) != block_hash:
        raise nonsense("block", block_hash, block_hash_of(raw))
    if len(needles) <= MAX_NEEDLES and not any(needle in raw for needle in needles):
        return
    try:
        for transaction in _cut(raw):
            if len(needles) > MAX_NEEDLES or any(needle in transaction for needle in needles):
                yield transaction
    except PsbtError as error:
        raise nonsense("block", "whole transactions", error.message) from None


def _cut(raw: bytes) -> Iterator[bytes]:
    reader = Reader(raw, "block")
    reader.take(HEADER_BYTES)
    for _ in range(reader.count(_SMALLEST_TRANSACTION)):
        start = reader.position
        _skip(reader)
        yield raw[start : reader.position]
    if reader.left:
        raise PsbtError("trailing_bytes", f"expected the block's end, found {reader.left} more bytes")


def _skip(reader: Reader) -> None:
    reader.take(4)
    inputs = reader.compact_size()
    witness = inputs == 0  # a transaction without inputs is not in any block: this is the marker
    if witness:
        reader.take(1)
        inputs = reader.compact_size()
    for _ in range(inputs):
        reader.take(36)
        reader.counted()
        reader.take(4)
    for _ in range(reader.compact_size()):
        reader.take(8)
        reader.counted()
    for _ in range(inputs if witness else 0):
        for _ in range(reader.compact_size()):
            reader.counted()
    reader.take(4)


def parse(raw: bytes) -> Transaction:
    """A transaction out of a block. Raises `ChainError` when it is none."""
    try:
        return Transaction.parse(raw)
    except PsbtError as error:
        raise nonsense("transaction", "a transaction", error.message) from None
