"""What all backends do alike: order a history, hold still under a moving tip, say that an end is unknown.

Refuses a confirmation that does not fit the chain it is said to be in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from vault.bitcoin.backends.answers import nonsense
from vault.bitcoin.backends.base import Backend, BlockRef, HistoryEntry, ReceivedOutput, TxStatus
from vault.bitcoin.transaction import Transaction
from vault.errors import ChainError, OutcomeUnknownError
from vault.money import BTC, Amount

# Blocks come in bursts, and at once on test networks; a server that never holds still is given up.
READINGS: Final = 10
# bitcoind's words for what its mempool does not keep because it pays too little (src/validation.cpp,
# PreChecks and PackageRBFChecks; src/policy/policy.cpp, IsStandardTx).
_TOO_CHEAP: Final = re.compile(
    r"\b(min relay fee not met|mempool min fee not met|insufficient fee|dust)\b", re.ASCII | re.IGNORECASE
)

Answer = TypeVar("Answer")


def in_order(entries: Iterable[HistoryEntry]) -> tuple[HistoryEntry, ...]:
    """Each transaction once: confirmed ones by height and id, then those that wait, by id."""
    unique = {entry.txid: entry for entry in entries}
    return tuple(sorted(unique.values(), key=lambda each: (each.height is None, each.height or 0, each.txid)))


def steady(tip: Callable[[], BlockRef], read: Callable[[BlockRef], Answer]) -> tuple[BlockRef, Answer]:
    """The tip, and what `read` says while it stays where it is. Raises `ChainError` (``chain.moving``)."""
    before = tip()
    for _ in range(READINGS):
        try:
            answer = read(before)
        except ChainError as error:
            if error.code != "chain.moving":
                raise
            before = tip()
            continue
        after = tip()
        if after == before:
            return before, answer
        before = after
    raise ChainError(
        "moving",
        f"expected the chain to hold still for one reading, found a new tip {READINGS} times",
        hint="Ask again in a moment.",
    )


class OneView:
    """What every backend that asks a single server does in the same way."""

    def final_status(self: Backend, txid: str) -> TxStatus:
        return final_status(self, txid)

    def prove(self, entries: Sequence[HistoryEntry]) -> None:
        """Every history was proven when it was told."""


def final_status(backend: Backend, txid: str) -> TxStatus:
    """What one backend says of a transaction, held against its own chain. Raises `ChainError`."""

    def read(_tip: BlockRef) -> tuple[TxStatus, str | None]:
        status = backend.transaction_status(txid)
        return status, None if status.height is None else backend.block_hash(status.height)

    tip, (status, at_height) = steady(backend.tip, read)
    if not status.confirmed:
        return TxStatus(status.found, False, None, 0)
    expected = confirmed_at(txid, status.height, at_height, tip.height)
    if status != expected:
        raise nonsense(f"status of transaction {txid}", str(expected), status)
    return status


def confirmed_at(txid: str, height: int | None, block_hash: str | None, tip: int) -> TxStatus:
    """The status of a transaction in a block. Raises `ChainError` unless that block can be there."""
    if height is None or not 1 <= height <= tip or block_hash is None:
        raise nonsense(f"status of transaction {txid}", f"a block from 1 to {tip}", f"{height} {block_hash}")
    return TxStatus(True, True, height, tip - height + 1, block_hash)


def outputs_to(
    script: bytes, entries: Iterable[HistoryEntry], raws: Iterable[bytes | None], tip: int
) -> tuple[ReceivedOutput, ...]:
    """The outputs to a script, out of its history and the transactions in it."""
    found = []
    for entry, raw in zip(entries, raws, strict=True):
        if raw is None:
            raise ChainError("bad_answer", f"expected transaction {entry.txid} of a history, found none")
        depth = 0 if entry.height is None else max(1, tip - entry.height + 1)
        found += [
            ReceivedOutput(entry.txid, vout, Amount(BTC, output.value), depth)
            for vout, output in enumerate(Transaction.parse(raw).outputs)
            if output.script == script
        ]
    return tuple(sorted(found, key=lambda each: (each.txid, each.vout)))


def spender_of(txid: str, vout: int, raws: Iterable[bytes | None]) -> str | None:
    """Id of the transaction among `raws` that spends an output."""
    for raw in raws:
        transaction = None if raw is None else Transaction.parse(raw)
        if transaction is not None and any(
            (each.outpoint.txid, each.outpoint.vout) == (txid, vout) for each in transaction.inputs
        ):
            return transaction.txid
    return None


def broadcast_refused(who: str, txid: str, why: str) -> ChainError:
    """It was sent, and the answer was no; `too_cheap` where a mempool does not keep what pays so little."""
    return ChainError(
        "refused",
        f"expected {who} to take transaction {txid}, found: {why[:500]}",
        hint="The transaction is not on its way. Read the reason; build it again if a coin is gone.",
        txid=txid,
        too_cheap="yes" if _TOO_CHEAP.search(why) else "no",
    )


def broadcast_unknown(txid: str, why: str) -> OutcomeUnknownError:
    """It was sent; what became of it is not known."""
    return OutcomeUnknownError(
        "broadcast",
        f"transaction {txid} was sent and may be on its way: {why}",
        hint="`vault reconcile` asks what became of it. Build no other spend of its coins before that.",
        txid=txid,
    )
