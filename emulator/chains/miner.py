"""Which waiting transactions a block takes: ancestor packages by fee rate, as bitcoind's assembler.

A floor on the package fee rate leaves cheap transactions stuck, so that bumping can be tried.
"""

from __future__ import annotations

from decimal import Decimal

from emulator.chains.block import COINBASE_RESERVE, MAX_BLOCK_WEIGHT
from emulator.chains.pool import MempoolEntry, Pool
from emulator.chains.transaction import Transaction


def select_transactions(mempool: Pool, min_fee_rate: Decimal = Decimal(0)) -> list[Transaction]:
    """Transactions for the next block, parents first. `min_fee_rate` is sat/vB of a whole package."""
    order = {txid: position for position, txid in enumerate(mempool.entries)}
    chosen: dict[str, MempoolEntry] = {}
    room = MAX_BLOCK_WEIGHT - COINBASE_RESERVE
    waiting = {txid: {txid: entry} | mempool.ancestors(entry.tx) for txid, entry in mempool.entries.items()}
    while waiting:
        rates = {txid: _package_rate(package) for txid, package in waiting.items()}
        best = max(waiting, key=lambda txid: (rates[txid], -order[txid]))
        if rates[best] < min_fee_rate:
            break
        package = waiting.pop(best)
        weight = sum(entry.tx.weight for entry in package.values())
        if weight > room:
            continue
        room -= weight
        chosen |= package
        waiting = {
            txid: {each: entry for each, entry in rest.items() if each not in package}
            for txid, rest in waiting.items()
            if txid not in package
        }
    return [chosen[txid].tx for txid in sorted(chosen, key=order.__getitem__)]


def _package_rate(package: dict[str, MempoolEntry]) -> Decimal:
    vsize = sum(entry.tx.vsize for entry in package.values())
    return Decimal(sum(entry.fee_sat for entry in package.values())) / vsize
