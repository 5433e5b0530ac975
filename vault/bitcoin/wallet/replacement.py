"""Replacements (RBF, cancel) and children (CPFP): transactions that move one that is stuck.

Refuses to replace what is in a block, what pays too little to replace anything (BIP125), and to leave
out a payment that was to be kept. Every original coin is spent again, so that only one can ever confirm.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Final

from vault.bitcoin.backends.base import Backend
from vault.bitcoin.transaction import OutPoint, Transaction
from vault.bitcoin.wallet import weights
from vault.bitcoin.wallet.build import Builder
from vault.bitcoin.wallet.coins import Coin, coins
from vault.bitcoin.wallet.compose import BuiltPsbt, Order, Payments
from vault.errors import ChainError, PsbtError
from vault.money import BTC, CONTEXT, Amount

# Bitcoin Core's -incrementalrelayfee and -minrelaytxfee, sat/vB: what a replacement pays for its own relay.
RELAY_RATE: Final = Decimal(1)
# Bitcoin Core's limit on a mempool transaction with its unconfirmed ancestors.
MAX_ANCESTORS: Final = 25
# Coins of others whose transactions are fetched to learn an ancestor's fee.
MAX_FOREIGN: Final = 2_000
_RATE_STEP: Final = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Package:
    """Unconfirmed transactions that must confirm before a child can: their size in vbytes, their fees."""

    txids: tuple[str, ...]
    vsize: int
    fee: int


def replacement(
    builder: Builder,
    original: Transaction,
    payments: Payments,
    fee_rate: Decimal,
    *,
    keep_payments: bool,
    without: Collection[OutPoint] = (),
) -> BuiltPsbt:
    """A transaction that spends every coin of `original`, pays `payments`, and the rest back as change.

    More confirmed coins are added where needed, none of `without`. `keep_payments` refuses a list that
    lacks one of the original's. No payments at all cancel: everything comes back. Raises `PsbtError`
    (``psbt.replacement_fee`` with `needed_rate`).
    """
    weights.require_payments(payments)
    spent = _coins_of(builder, original)
    index, kept = _change_of(builder, original)
    if keep_payments:
        _require_kept(kept, payments)
    order = builder.order(payments, fee_rate, original.locktime)
    order = order if index is None else replace(order, change_index=index)
    old_fee = sum(coin.amount.units for coin in spent) - sum(each.value for each in original.outputs)
    evicted = old_fee + _fees_of_descendants(builder, original.txid)
    settled = builder.draft_with_more(order, spent, lambda vbytes: weights.fee_of(vbytes, fee_rate), without)
    _require_replaces(settled.fee, settled.vsize, evicted, _rate(old_fee, original, order))
    builder.adviser(settled.coins)
    return builder.finish(order, settled)


def _coins_of(builder: Builder, original: Transaction) -> list[Coin]:
    """Our coins that the original spends, and nothing else does."""
    known = builder.state.transactions.get(original.txid)
    if known is not None and known.height is not None:
        raise PsbtError(
            "already_confirmed",
            f"expected a transaction that waits, found {original.txid} in block {known.height}",
            hint="It cannot be replaced any more.",
        )
    ours = {coin.outpoint: coin for coin in coins(builder.state)}
    found = []
    for each in original.inputs:
        coin = ours.get(each.outpoint)
        if coin is None or coin.spent_by not in {None, original.txid}:
            raise PsbtError(
                "coin_not_spendable",
                f"expected our coin {each.outpoint}, unspent but by {original.txid}, "
                f"found {'none' if coin is None else f'it spent by {coin.spent_by}'}",
                hint="Replace the transaction that the chain knows.",
            )
        found.append(coin)
    return found


def _change_of(builder: Builder, original: Transaction) -> tuple[int | None, Payments]:
    """The index of the original's change, if any, and what it pays."""
    index, payments = None, []
    for output in original.outputs:
        place = builder.state.scripts.get(output.script)
        if index is None and place is not None and place[0]:
            index = place[1]
        else:
            payments.append((output.script, Amount(BTC, output.value)))
    return index, tuple(payments)


def _require_kept(kept: Payments, payments: Payments) -> None:
    left = list(payments)
    for script, amount in kept:
        if (script, amount) not in left:
            raise PsbtError(
                "payment_missing",
                f"expected the replacement to pay {amount} to {script.hex()} as before, found it left out",
            )
        left.remove((script, amount))


def _fees_of_descendants(builder: Builder, txid: str) -> int:
    """Satoshi in fees that nodes lose with the original: those of what spends its outputs (BIP125, 3)."""
    gone, total = {txid}, 0
    waiting = [each for each in builder.state.transactions.values() if not each.vanished and not each.height]
    grown = True
    while grown:
        grown = False
        for each in waiting:
            if each.txid in gone or gone.isdisjoint(point.txid for point in each.inputs):
                continue
            fee = builder.state.fee(each)
            if fee is None:
                raise PsbtError(
                    "replacement_descendants",
                    f"expected only transactions of ours to spend {txid}, found {each.txid}",
                    hint="What it pays is not known, so neither is what a replacement must pay.",
                )
            gone.add(each.txid)
            total, grown = total + fee, True
    return total


def _rate(fee: int, transaction: Transaction, order: Order) -> Decimal:
    return CONTEXT.divide(
        Decimal(fee), Decimal(weights.vsize(transaction.without_witness(), order.descriptor))
    )


def _require_replaces(fee: int, vsize: int, evicted: int, old_rate: Decimal) -> None:
    """BIP125: more than all that is evicted, by its own relay at least, and at a higher rate."""
    needed = evicted + weights.fee_of(vsize, RELAY_RATE)
    rate = CONTEXT.divide(Decimal(fee), Decimal(vsize))
    if fee >= needed and rate > old_rate:
        return
    least = max(CONTEXT.divide(Decimal(needed), Decimal(vsize)), CONTEXT.add(old_rate, _RATE_STEP))
    needed_rate = least.quantize(_RATE_STEP, rounding=ROUND_CEILING)
    raise PsbtError(
        "replacement_fee",
        f"expected at least {needed} sat ({needed_rate} sat/vB), found {fee} sat to replace {evicted}",
        hint=f"Nodes do not take a replacement that pays less (BIP125). Ask for it: --fee-rate {needed_rate}",
        needed_rate=str(needed_rate),
    )


def child(
    builder: Builder,
    backend: Backend,
    outpoint: OutPoint,
    package_rate: Decimal,
    without: Collection[OutPoint],
) -> BuiltPsbt:
    """A transaction that spends our unconfirmed coin back to us and pays for its ancestors too.

    With them it comes to `package_rate` sat/vB. More confirmed coins are added where needed, none of
    `without`. Raises `PsbtError` (``psbt.no_child_needed``, …) or `ChainError`.
    """
    coin = next((each for each in builder.coins if each.outpoint == outpoint), None)
    if coin is None or coin.confirmations:
        raise PsbtError(
            "coin_not_spendable",
            f"expected an unspent coin of ours that waits for a block, found {outpoint}"
            + (" unknown or spent" if coin is None else f" with {coin.confirmations} confirmations"),
        )
    order = builder.order((), package_rate)
    package = ancestors(builder, backend, outpoint.txid)
    if package.fee >= weights.fee_of(package.vsize, package_rate):
        raise PsbtError(
            "no_child_needed",
            f"expected ancestors that pay less than {package_rate} sat/vB, found {package.fee} sat "
            f"for {package.vsize} vB",
            hint="A child would not make them confirm sooner.",
        )

    def fee_rule(vbytes: int) -> int:
        whole = weights.fee_of(vbytes + package.vsize, package_rate) - package.fee
        return max(whole, weights.fee_of(vbytes, RELAY_RATE))

    settled = builder.draft_with_more(order, [coin], fee_rule, without)
    builder.adviser(settled.coins)
    return builder.finish(order, settled)


def ancestors(builder: Builder, backend: Backend, txid: str) -> Package:
    """What must confirm before a child of `txid` can, itself included; amounts out of hashed transactions."""
    raws: dict[str, Transaction] = {}
    waiting, vsize, fee = [txid], 0, 0
    for current in waiting:  # grows
        transaction = _fetch(builder, backend, [current], raws)[current]
        parents = sorted({each.outpoint.txid for each in transaction.inputs})
        if len(waiting) > MAX_ANCESTORS or len(raws) + len(parents) > MAX_FOREIGN:
            raise PsbtError(
                "too_many_ancestors",
                f"expected at most {MAX_ANCESTORS} unconfirmed ancestors of {txid}, found more",
                hint="Wait for some of them to confirm.",
            )
        made = _fetch(builder, backend, parents, raws)
        spent = sum(made[each.outpoint.txid].outputs[each.outpoint.vout].value for each in transaction.inputs)
        fee += spent - sum(each.value for each in transaction.outputs)
        vsize += transaction.vsize
        waiting += [each for each in parents if each not in waiting and _waits(builder, backend, each)]
    return Package(tuple(waiting), vsize, fee)


def _fetch(
    builder: Builder, backend: Backend, txids: list[str], seen: dict[str, Transaction]
) -> dict[str, Transaction]:
    missing = [txid for txid in txids if txid not in seen]
    ours = [txid for txid in missing if txid in builder.state.transactions]
    seen.update((txid, Transaction.parse(raw)) for txid, raw in builder.ledger.raw(ours).items())
    others = [txid for txid in missing if txid not in seen]
    for txid, raw in zip(others, backend.raw_transactions(others) if others else (), strict=True):
        transaction = None if raw is None else Transaction.parse(raw)
        if transaction is None or transaction.txid != txid:
            raise ChainError("bad_answer", f"expected transaction {txid}, found none")
        seen[txid] = transaction
    return seen


def _waits(builder: Builder, backend: Backend, txid: str) -> bool:
    known = builder.state.transactions.get(txid)
    if known is not None and not known.vanished:
        return known.height is None
    return not backend.transaction_status(txid).confirmed
