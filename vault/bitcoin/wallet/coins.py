"""Coins as facts out of the ledger: what is ours, what may be spent, what nobody asked for.

Pure functions. An unsolicited coin (dust, poison, a payment nobody was given an address for) is never
spent unasked and never counted as the arrival of an expected transfer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final, Literal

from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet.state import KnownTransaction, LedgerState
from vault.bitcoin.wallet.weights import input_weight
from vault.money import BTC, CONTEXT, Amount

Provenance = Literal["own", "expected", "unsolicited"]

# A coinbase may be spent in the block after its hundredth (consensus, COINBASE_MATURITY).
COINBASE_MATURITY: Final = 100
# Nobody pays a treasury less: dust attacks send 546 to 1,000 satoshi. Dust is no first payment either, or
# one sent early would push the true payment into quarantine.
DUST: Final = Amount(BTC, 1_000)


@dataclass(frozen=True, slots=True)
class Coin:
    """An output of ours. `height` is None and `confirmations` 0 while it waits.

    `spent_by` is the transaction, waiting or in a block, that spends it. `own`: made by a transaction
    all of whose inputs are ours. `first`: the first payment, above dust, that its address received, by
    the chain's order.
    """

    outpoint: OutPoint
    amount: Amount
    script: bytes
    change: bool
    index: int
    height: int | None
    confirmations: int
    coinbase: bool
    spent_by: str | None
    own: bool
    first: bool

    @property
    def mature(self) -> bool:
        """Whether the next block may spend it."""
        return self.confirmations >= (COINBASE_MATURITY if self.coinbase else 1)


@dataclass(frozen=True, slots=True)
class Balances:
    """Unspent coins, each counted once, by the first that applies from right to left."""

    confirmed: Amount
    pending: Amount
    immature: Amount
    quarantined: Amount
    frozen: Amount


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A transaction as it changed this wallet; `fee` where all inputs are ours, which then paid it."""

    txid: str
    height: int | None
    confirmations: int
    first_seen: int
    effect: Amount
    fee: Amount | None


@dataclass(frozen=True, slots=True)
class ReusedAddress:
    """A script that received in more than one transaction."""

    script: bytes
    change: bool
    index: int
    payments: tuple[str, ...]


def coins(state: LedgerState, known_first: Mapping[bytes, OutPoint] | None = None) -> tuple[Coin, ...]:
    """Every output of ours in a transaction that has not vanished, spent ones too, ordered by outpoint.

    `known_first`: the first payments to scripts for which that was decided already.
    """
    tip = -1 if state.tip is None else state.tip.height
    firsts = _first_payments(state, known_first or {})
    own = {txid for txid, each in state.transactions.items() if state.ours_alone(each)}
    found = []
    for output in state.outputs.values():
        made_by = state.transactions[output.outpoint.txid]
        if made_by.vanished:
            continue
        found.append(
            Coin(
                output.outpoint,
                Amount(BTC, output.value),
                state.script_at[output.change, output.index],
                output.change,
                output.index,
                made_by.height,
                0 if made_by.height is None else max(1, tip - made_by.height + 1),
                made_by.coinbase,
                state.spent_by.get(output.outpoint),
                made_by.txid in own,
                output.outpoint in firsts,
            )
        )
    return tuple(sorted(found, key=by_outpoint))


def by_outpoint(coin: Coin) -> tuple[str, int]:
    """The order of outpoints, cheaper to compare than themselves."""
    return coin.outpoint.txid, coin.outpoint.vout


def _first_payments(state: LedgerState, known_first: Mapping[bytes, OutPoint]) -> set[OutPoint]:
    """One outpoint a script at most, the same on every machine that sees the same chain.

    What was decided stays, even when a reorganisation takes it: a later payment is not waved through in
    its place. Else the lowest in the chain; while all wait, the lowest id, until one of them confirms.
    """
    first: dict[tuple[bool, int], tuple[int, str, int]] = {}
    for output in state.outputs.values():
        made_by = state.transactions[output.outpoint.txid]
        if made_by.vanished or output.value < DUST.units:
            continue
        height = 1 << 31 if made_by.height is None else made_by.height
        order = (height, made_by.txid, output.outpoint.vout)
        place = (output.change, output.index)
        if place not in first or order < first[place]:
            first[place] = order
    found = {place: OutPoint(txid, vout) for place, (_, txid, vout) in first.items()}
    found |= {
        state.scripts[script]: point for script, point in known_first.items() if script in state.scripts
    }
    return set(found.values())


def unspent(all_coins: Iterable[Coin]) -> tuple[Coin, ...]:
    """Those that nothing spends yet."""
    return tuple(coin for coin in all_coins if coin.spent_by is None)


def classify(
    coin: Coin,
    expected_txids: Collection[str],
    accepted: Collection[OutPoint],
    handed_out: Collection[int],
) -> Provenance:
    """Where a coin comes from.

    `own`: from ourselves alone. `expected`: its transaction belongs to one of our plans; or a person
    accepted it, or it is part of the opening balance (`accepted`); or it is the first payment to a
    receive address that was handed out. All else is `unsolicited`.
    """
    if coin.own:
        return "own"
    if coin.outpoint.txid in expected_txids or coin.outpoint in accepted:
        return "expected"
    if coin.first and not coin.change and coin.index in handed_out:
        return "expected"
    return "unsolicited"


def balances(
    all_coins: Iterable[Coin],
    provenance: Mapping[OutPoint, Provenance],
    frozen: Collection[OutPoint],
) -> Balances:
    """The unspent coins in five sums. A coin that `provenance` does not name counts as unsolicited."""
    sums = dict.fromkeys(("confirmed", "pending", "immature", "quarantined", "frozen"), 0)
    for coin in unspent(all_coins):
        sums[_kept_as(coin, provenance, frozen)] += coin.amount.units
    return Balances(**{name: Amount(BTC, units) for name, units in sums.items()})


def _kept_as(coin: Coin, provenance: Mapping[OutPoint, Provenance], frozen: Collection[OutPoint]) -> str:
    if coin.outpoint in frozen:
        return "frozen"
    if provenance.get(coin.outpoint, "unsolicited") == "unsolicited":
        return "quarantined"
    if not coin.confirmations:
        return "pending"
    return "confirmed" if coin.mature else "immature"


def history(state: LedgerState) -> tuple[HistoryLine, ...]:
    """What every transaction did to this wallet: waiting ones first, then from the newest block down."""
    tip = -1 if state.tip is None else state.tip.height
    received: dict[str, int] = {}
    for output in state.outputs.values():
        received[output.outpoint.txid] = received.get(output.outpoint.txid, 0) + output.value
    lines = []
    for each in state.transactions.values():
        if each.vanished:
            continue
        spent = sum(state.outputs[point].value for point in each.inputs if point in state.outputs)
        fee = state.fee(each)
        lines.append(
            HistoryLine(
                each.txid,
                each.height,
                0 if each.height is None else max(1, tip - each.height + 1),
                each.first_seen,
                Amount(BTC, received.get(each.txid, 0) - spent),
                None if fee is None else Amount(BTC, fee),
            )
        )
    return tuple(sorted(lines, key=_newest_first))


def _newest_first(line: HistoryLine) -> tuple[bool, int, int, str]:
    return line.height is not None, -(line.height or 0), -line.first_seen, line.txid


def vanished(state: LedgerState) -> tuple[KnownTransaction, ...]:
    """Transactions that no backend shows any more."""
    return tuple(each for _, each in sorted(state.transactions.items()) if each.vanished)


def reused_addresses(all_coins: Iterable[Coin]) -> tuple[ReusedAddress, ...]:
    """Addresses that received in more than one transaction, by branch and index."""
    payments: dict[tuple[bool, int, bytes], set[str]] = {}
    for coin in all_coins:
        payments.setdefault((coin.change, coin.index, coin.script), set()).add(coin.outpoint.txid)
    return tuple(
        ReusedAddress(script, change, index, tuple(sorted(txids)))
        for (change, index, script), txids in sorted(payments.items())
        if len(txids) > 1
    )


def spending_cost(descriptor: Descriptor, fee_rate: Decimal) -> Amount:
    """What spending one coin costs at `fee_rate` sat/vB, rounded up."""
    cost = CONTEXT.multiply(fee_rate, CONTEXT.divide(Decimal(input_weight(descriptor)), Decimal(4)))
    return Amount(BTC, int(cost.to_integral_value(rounding=ROUND_CEILING)))


def dust(all_coins: Iterable[Coin], descriptor: Descriptor, fee_rate: Decimal) -> tuple[Coin, ...]:
    """Unspent coins that cost at least what they are worth to spend at `fee_rate`."""
    cost = spending_cost(descriptor, fee_rate)
    return tuple(coin for coin in unspent(all_coins) if coin.amount <= cost)
