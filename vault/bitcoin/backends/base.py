"""What any chain backend answers, whoever stands behind it: an Esplora or Electrum server, or a node.

Every answer is checked for its form; bytes are checked against their transaction id. A backend refuses
to guess: what it cannot ask is a `ChainError`, what it sent without an answer an `OutcomeUnknownError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from vault.money import Amount


@dataclass(frozen=True, slots=True)
class BlockRef:
    """A block: its height and its hash as people write it."""

    height: int
    hash: str


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A transaction that pays to a script or spends from it.

    `height` and `block_hash` are both there (in that block of the best chain) or both None (waiting).
    """

    txid: str
    height: int | None
    block_hash: str | None


@dataclass(frozen=True, slots=True)
class TxStatus:
    """What the backend knows of a transaction: not found, in the mempool, or at `height`."""

    found: bool
    confirmed: bool
    height: int | None
    confirmations: int
    block_hash: str | None = None


@dataclass(frozen=True, slots=True)
class ReceivedOutput:
    """An output to one of our scripts; `confirmations` 0 means seen only."""

    txid: str
    vout: int
    amount: Amount
    confirmations: int


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a node says of a transaction it was asked about without sending it; `reason` in its words."""

    allowed: bool
    reason: str


class Backend(Protocol):
    """One view of the chain. Safe to share between threads; holds no connection between calls.

    Every call may raise `ChainError`: ``chain.unreachable`` (nothing was sent), ``chain.no_answer``
    (in time), ``chain.server_error`` (it answered with an error of its own), ``chain.bad_answer`` (not
    what was asked for), ``chain.wrong_network``; with a witness also ``chain.witness_disagrees``.
    """

    def describe(self) -> str:
        """Which backend this is, for messages and reports: kind and address, never a secret."""
        ...

    def tip(self) -> BlockRef:
        """The best block; height and hash belong together."""
        ...

    def tip_height(self) -> int:
        """Height of the best block: the cheapest question there is."""
        ...

    def block_hash(self, height: int) -> str | None:
        """Hash of the best chain's block at `height`; None above the tip."""
        ...

    def history(self, scripts: Sequence[bytes]) -> tuple[tuple[HistoryEntry, ...], ...]:
        """For each script, in the order given, every transaction that pays to it or spends from it.

        All of it was seen under one tip: when the tip moved meanwhile it was asked again, and after a few
        times ``chain.moving`` is raised. Confirmed first, by height and id; then those that wait, by id.
        Complete or an error (``chain.too_many``), never cut off. Asked in batches: give all scripts at once.
        """
        ...

    def prove(self, entries: Sequence[HistoryEntry]) -> None:
        """Have it shown that these entries of a history are in their blocks. Raises `ChainError`.

        For what comes into a ledger: once, not with every history. Those that prove each history, or
        validate blocks themselves, have nothing to add.
        """
        ...

    def raw_transaction(self, txid: str) -> bytes | None:
        """The transaction's bytes, checked against its id; None if the backend does not have it."""
        ...

    def raw_transactions(self, txids: Sequence[str]) -> tuple[bytes | None, ...]:
        """The same for many, in the order given; each checked against its id."""
        ...

    def transaction_status(self, txid: str) -> TxStatus:
        """Whether the backend has this transaction, and how deep it is. No book is closed on it alone."""
        ...

    def final_status(self, txid: str) -> TxStatus:
        """The status that may close a book: asked under one tip and held against the chain.

        Confirmed: the block is at that height of the best chain, and the depth is counted from the tip;
        else ``chain.bad_answer``. With a witness both must say so: ``chain.witness_silent`` where one
        does not answer, ``chain.witness_disagrees`` where they name two blocks.
        """
        ...

    def outspend(self, txid: str, vout: int) -> str | None:
        """Id of the transaction that spends this output, in a block or in the mempool; None if unspent."""
        ...

    def script_outputs(self, script: bytes) -> tuple[ReceivedOutput, ...]:
        """All outputs ever seen to a script, mempool included, ordered by transaction id and number."""
        ...

    def address_outputs(self, address: str) -> tuple[ReceivedOutput, ...]:
        """All outputs ever seen to an address of this network."""
        ...

    def fee_rate(self, target_blocks: int) -> Decimal:
        """Fee rate in sat/vB for confirmation within `target_blocks`, as the backend estimates.

        ``chain.no_estimate`` where it has no data: never a made-up rate.
        """
        ...

    def mempool_min_fee(self) -> Decimal | None:
        """The rate in sat/vB below which its mempool takes nothing; None where it cannot be asked."""
        ...

    def test_accept(self, raw: bytes) -> Acceptance | None:
        """Whether the mempool would take a transaction, without sending it; None where it cannot be asked."""
        ...

    def broadcast(self, raw: bytes) -> str:
        """Send a transaction once, on a connection of its own; returns its id. Sending it again is harmless.

        Three ends: the id (accepted, or known already); `ChainError` (``chain.refused``: it said no;
        ``chain.unreachable``: nothing was sent); `OutcomeUnknownError` (``unknown.broadcast``: it may be
        on its way). Never repeated by itself.
        """
        ...
