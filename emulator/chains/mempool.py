"""The mempool: takes a transaction only when the next block could, and when relay policy lets it in.

The order of checks is bitcoind's (MemPoolAccept::PreChecks), so that a transaction with several faults is
refused with the string a node would give. Scripts are judged by the kernel.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from emulator.chains.block import COINBASE_MATURITY
from emulator.chains.errors import Reject, TransactionRefusedError
from emulator.chains.index import ChainIndex
from emulator.chains.kernel import Kernel
from emulator.chains.policy import (
    CoinAge,
    PolicyRules,
    check_final,
    check_inputs_standard,
    check_sequence_locks,
    check_standard,
    check_transaction,
)
from emulator.chains.pool import MempoolEntry, Pool
from emulator.chains.transaction import MAX_BIP125_SEQUENCE, Transaction, TxOut


class Mempool(Pool):
    def __init__(self, index: ChainIndex, kernel: Kernel, rules: PolicyRules) -> None:
        super().__init__()
        self._index = index
        self._kernel = kernel
        self.rules = rules

    # --- accepting

    def accept(self, tx: Transaction, *, bypass_limits: bool = False) -> MempoolEntry:
        """Take a transaction or raise TransactionRefusedError.

        `bypass_limits` is for transactions that a reorganisation gives back: fees and chain lengths are
        not asked of them again.
        """
        if (present := self.entries.get(tx.txid)) is not None and present.tx.raw == tx.raw:
            return present
        check_transaction(tx)
        check_standard(tx, self.rules)
        next_height, median = self._index.tip.height + 1, self._index.tip.median_time
        check_final(tx, next_height, median)
        if tx.txid in self.entries:
            raise TransactionRefusedError(Reject.SAME_NONWITNESS)
        conflicts = self._direct_conflicts(tx)
        spent, ages = self._find_inputs(tx, next_height)
        check_sequence_locks(tx, ages, next_height, median)
        fee = sum(output.amount_sat for output in spent) - tx.output_sum
        if fee < 0:
            value_in = sum(output.amount_sat for output in spent)
            detail = f"value in ({_coins(value_in)}) < value out ({_coins(tx.output_sum)})"
            raise TransactionRefusedError(Reject.IN_BELOW_OUT, detail)
        check_inputs_standard(tx, spent)
        entry = MempoolEntry(tx, fee, tuple(spent))
        if not bypass_limits:
            self._check_fee_and_limits(tx, fee)
        evicted = self._check_replacement(entry, conflicts)
        invalid = self._kernel.first_invalid_input(tx, spent)
        if invalid is not None:
            outpoint = tx.inputs[invalid].prevout
            detail = f"Script failed at input {invalid}, spending {outpoint.txid}:{outpoint.vout}"
            raise TransactionRefusedError(Reject.SCRIPT, detail)
        for txid in evicted:
            self._remove(txid)
        self._add(entry)
        return entry

    def _direct_conflicts(self, tx: Transaction) -> set[str]:
        conflicts: set[str] = set()
        for txin in tx.inputs:
            spender = self._spenders.get(txin.prevout)
            if spender is None or spender.txid in conflicts:
                continue
            if not self.rules.full_rbf and not self.is_replaceable(self.entries[spender.txid].tx):
                raise TransactionRefusedError(Reject.MEMPOOL_CONFLICT)
            conflicts.add(spender.txid)
        return conflicts

    def is_replaceable(self, tx: Transaction) -> bool:
        """Whether a transaction or an unconfirmed ancestor signals replacement (BIP125 rule 1)."""
        related = [tx, *(entry.tx for entry in self.ancestors(tx).values())]
        return any(txin.sequence <= MAX_BIP125_SEQUENCE for each in related for txin in each.inputs)

    def _find_inputs(self, tx: Transaction, next_height: int) -> tuple[list[TxOut], list[CoinAge]]:
        spent: list[TxOut] = []
        ages: list[CoinAge] = []
        for txin in tx.inputs:
            coin = self._index.coin(txin.prevout)
            if coin is not None:
                if coin.is_coinbase and next_height - coin.height < COINBASE_MATURITY:
                    detail = f"tried to spend coinbase at depth {next_height - coin.height}"
                    raise TransactionRefusedError(Reject.PREMATURE_COINBASE, detail)
                before = self._index.active[max(coin.height - 1, 0)].median_time
                spent.append(coin.output)
                ages.append(CoinAge(coin.height, before))
                continue
            parent = self.entries.get(txin.prevout.txid)
            if parent is None or txin.prevout.vout >= len(parent.tx.outputs):
                known = self._index.transaction(tx.txid) is not None
                raise TransactionRefusedError(Reject.ALREADY_KNOWN if known else Reject.MISSING_INPUTS)
            spent.append(parent.tx.outputs[txin.prevout.vout])
            ages.append(CoinAge(next_height, self._index.tip.median_time))
        return spent, ages

    def _check_fee_and_limits(self, tx: Transaction, fee: int) -> None:
        least = self.rules.min_relay_fee(tx.vsize)
        if fee < least:
            raise TransactionRefusedError(Reject.MIN_RELAY_FEE, f"{fee} < {least}")
        ancestors = self.ancestors(tx)
        if len(ancestors) + 1 > self.rules.max_ancestors:
            detail = f"too many unconfirmed ancestors [limit: {self.rules.max_ancestors}]"
            raise TransactionRefusedError(Reject.TOO_LONG_CHAIN, detail)
        for txid in ancestors:
            if len(self.descendants(txid)) + 1 > self.rules.max_descendants:
                detail = f"too many descendants for tx {txid} [limit: {self.rules.max_descendants}]"
                raise TransactionRefusedError(Reject.TOO_LONG_CHAIN, detail)

    def _check_replacement(self, entry: MempoolEntry, conflicts: set[str]) -> list[str]:
        """BIP125 rules 2 to 5; returns what the replacement evicts, children before parents."""
        if not conflicts:
            return []
        tx, name = entry.tx, f"rejecting replacement {entry.tx.txid}"
        if any(txid in conflicts for txid in self.ancestors(tx)):
            raise TransactionRefusedError(
                Reject.SPENDS_CONFLICTING, f"{tx.txid} spends conflicting transaction"
            )
        for txid in conflicts:
            old = self.entries[txid]
            if entry.fee_rate <= old.fee_rate:
                detail = f"{name}; new feerate {_rate(entry)} <= old feerate {_rate(old)}"
                raise TransactionRefusedError(Reject.INSUFFICIENT_FEE, detail)
        evicted: dict[str, MempoolEntry] = {}
        for txid in conflicts:
            evicted |= self.descendants(txid)
        if len(evicted) > self.rules.max_replacements:
            detail = (
                f"{name}; too many potential replacements ({len(evicted)} > {self.rules.max_replacements})"
            )
            raise TransactionRefusedError(Reject.TOO_MANY_REPLACEMENTS, detail)
        old_parents = {txin.prevout.txid for txid in conflicts for txin in self.entries[txid].tx.inputs}
        for txin in tx.inputs:
            if txin.prevout.txid in self.entries and txin.prevout.txid not in old_parents:
                detail = f"replacement {tx.txid} adds unconfirmed input"
                raise TransactionRefusedError(Reject.REPLACEMENT_ADDS_UNCONFIRMED, detail)
        old_fees = sum(old.fee_sat for old in evicted.values())
        if entry.fee_sat < old_fees:
            detail = f"{name}, less fees than conflicting txs; {_coins(entry.fee_sat)} < {_coins(old_fees)}"
            raise TransactionRefusedError(Reject.INSUFFICIENT_FEE, detail)
        additional, least = entry.fee_sat - old_fees, self.rules.incremental_fee(tx.vsize)
        if additional < least:
            detail = f"{name}, not enough additional fees to relay; {_coins(additional)} < {_coins(least)}"
            raise TransactionRefusedError(Reject.INSUFFICIENT_FEE, detail)
        return [txid for txid in reversed(self.entries) if txid in evicted]

    # --- following the chain

    def block_connected(self, transactions: Iterable[Transaction]) -> None:
        """Drop what a block confirmed, and everything that conflicts with it."""
        for tx in transactions:
            if tx.txid in self.entries:
                self._remove(tx.txid)
            for txin in tx.inputs:
                spender = self._spenders.get(txin.prevout)
                if spender is not None:
                    self.evict(spender.txid)

    def rebuild(self, dropped: Iterable[Transaction]) -> None:
        """After a reorganisation: take back what was dropped, then what waited, where valid."""
        waiting = [entry.tx for entry in self.entries.values()]
        self.entries, self._spenders, self._history = {}, {}, {}
        for tx in [*dropped, *waiting]:
            if self._index.transaction(tx.txid) is not None:
                continue
            try:
                self.accept(tx, bypass_limits=True)
            except TransactionRefusedError:
                continue  # the new branch spent its inputs, or unmade them

    def evict(self, txid: str) -> list[str]:
        """Forget a transaction and its descendants, as expiry or a full pool would."""
        evicted = self.descendants(txid)
        gone = [each for each in reversed(self.entries) if each in evicted]
        for each in gone:
            self._remove(each)
        return gone


def _coins(amount_sat: int) -> str:
    return f"{Decimal(amount_sat) / 100_000_000:.8f}"


def _rate(entry: MempoolEntry) -> str:
    return f"{entry.fee_rate / 100_000:.8f} BTC/kvB"
