"""What a wallet's ledger says at one moment: transactions that touch us, our outputs, what was handed out.

Pure values; who spends what is worked out here once, so that nothing later has to search.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from vault.bitcoin.backends.base import BlockRef
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn

# A coinbase spends this output, which no transaction has.
_NO_TXID = "00" * 32


@dataclass(frozen=True, slots=True)
class KnownTransaction:
    """A transaction that touches us. `height` and `block_hash` are both there or both None (waiting).

    `first_seen` is unix seconds of our own clock; `vanished`: no backend shows it any more (replaced,
    evicted, or reorganised out and never mined again).
    """

    txid: str
    height: int | None
    block_hash: str | None
    first_seen: int
    vanished: bool
    coinbase: bool
    output_total: int
    inputs: tuple[OutPoint, ...]


@dataclass(frozen=True, slots=True)
class OwnOutput:
    """An output to one of our scripts: which one by branch and index; satoshi."""

    outpoint: OutPoint
    value: int
    change: bool
    index: int


@dataclass(frozen=True)
class LedgerState:
    """The ledger as read at once. `version` counts changes of content, `synced` finished syncs."""

    version: int
    synced: int
    tip: BlockRef | None
    transactions: Mapping[str, KnownTransaction]
    outputs: Mapping[OutPoint, OwnOutput]
    scripts: Mapping[bytes, tuple[bool, int]]
    handed_out: frozenset[int]

    def seen_from(self, synced: int, tip: BlockRef | None) -> LedgerState:
        """The same under another tip; what was worked out already stays."""
        moved = replace(self, synced=synced, tip=tip)
        worked_out = {key: value for key, value in self.__dict__.items() if key not in moved.__dict__}
        moved.__dict__.update(worked_out)
        return moved

    @cached_property
    def spent_by(self) -> dict[OutPoint, str]:
        """Which transaction, waiting or in a block, spends an output of ours."""
        return {
            point: each.txid
            for each in self.transactions.values()
            if not each.vanished
            for point in each.inputs
            if point in self.outputs
        }

    @cached_property
    def script_at(self) -> dict[tuple[bool, int], bytes]:
        """The output script at a place, as far as it was ever asked for."""
        return {place: script for script, place in self.scripts.items()}

    @cached_property
    def by_script(self) -> dict[tuple[bool, int], frozenset[str]]:
        """Transactions that touch a place, those that vanished too."""
        found: dict[tuple[bool, int], set[str]] = {}
        for output in self.outputs.values():
            found.setdefault((output.change, output.index), set()).add(output.outpoint.txid)
        for each in self.transactions.values():
            for point in each.inputs:
                output_spent = self.outputs.get(point)
                if output_spent is not None:
                    found[output_spent.change, output_spent.index].add(each.txid)
        return {place: frozenset(txids) for place, txids in found.items()}

    @cached_property
    def alive(self) -> tuple[int, int]:
        """The last index in use, receive and change, by transactions that have not vanished.

        A wallet restored from its seed counts gaps from here.
        """
        last = [-1, -1]
        for output in self.outputs.values():
            if not self.transactions[output.outpoint.txid].vanished:
                last[output.change] = max(last[output.change], output.index)
        return last[0], last[1]

    @cached_property
    def used(self) -> tuple[int, int]:
        """The last index that ever received something, on the receive and on the change branch."""
        last = [-1, -1]
        for output in self.outputs.values():
            last[output.change] = max(last[output.change], output.index)
        return last[0], last[1]

    def revealed(self, *, change: bool) -> int:
        """The last index that was used, or handed out: nothing below is unknown to the world."""
        handed = -1 if change else max(self.handed_out, default=-1)
        return max(self.used[change], handed)

    def ours_alone(self, each: KnownTransaction) -> bool:
        """Whether every input of a transaction spends a coin of ours."""
        return not each.coinbase and all(point in self.outputs for point in each.inputs)

    def fee(self, each: KnownTransaction) -> int | None:
        """The fee, in satoshi, of a transaction whose inputs are all ours; None of any other."""
        if not self.ours_alone(each):
            return None
        return sum(self.outputs[point].value for point in each.inputs) - each.output_total


def is_coinbase(inputs: tuple[TxIn, ...]) -> bool:
    """Whether these are the inputs of a block's reward."""
    return len(inputs) == 1 and inputs[0].outpoint == OutPoint(_NO_TXID, 0xFFFFFFFF)


def known(
    parsed: Transaction, txid: str, height: int | None, block_hash: str | None, first_seen: int
) -> KnownTransaction:
    """A parsed transaction as the ledger keeps it."""
    return KnownTransaction(
        txid,
        height,
        block_hash,
        first_seen,
        False,
        is_coinbase(parsed.inputs),
        sum(each.value for each in parsed.outputs),
        tuple(each.outpoint for each in parsed.inputs),
    )
