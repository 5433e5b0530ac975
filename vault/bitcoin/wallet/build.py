"""PSBTs out of a ledger: payments, everything, or a consolidation. What may be spent is decided here.

Refuses unconfirmed and immature coins, and coins that are not there. What it builds is a proposal:
`verify.verify_psbt` decides whether it may be signed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from decimal import Decimal

from vault.bitcoin.backends.base import BlockRef
from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet import weights
from vault.bitcoin.wallet.bdk import BdkWallet
from vault.bitcoin.wallet.coins import Coin, coins, unspent
from vault.bitcoin.wallet.compose import (
    BuiltPsbt,
    Draft,
    Order,
    Payments,
    draft,
    finish,
    short_of_funds,
    unsigned_of,
)
from vault.bitcoin.wallet.ledger import Ledger
from vault.bitcoin.wallet.selection import Algorithm, choose, effective_value
from vault.bitcoin.wallet.state import LedgerState
from vault.errors import ChainError, PsbtError
from vault.money import BTC, CONTEXT, Amount

__all__ = ["Builder", "BuiltPsbt"]


class Builder:
    """Builds from one state of the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.descriptor = ledger, ledger.descriptor
        self.state: LedgerState = ledger.state()
        self.coins = unspent(coins(self.state))
        self._raws: dict[str, bytes] = {}

    @property
    def tip(self) -> BlockRef:
        if self.state.tip is None:
            raise ChainError("not_synced", f"wallet {self.ledger.name}: expected a sync first, found none")
        return self.state.tip

    def order(self, payments: Payments, fee_rate: Decimal, locktime: int = 0) -> Order:
        """Change goes to the address after the last one in use: plans never sent use none up."""
        weights.require_rate(fee_rate)
        return Order(self.descriptor, payments, fee_rate, self.state.alive[True] + 1, locktime)

    def spendable(self, without: Collection[OutPoint] = ()) -> list[Coin]:
        """Confirmed, mature coins."""
        return [coin for coin in self.coins if coin.mature and coin.outpoint not in without]

    def these(self, points: Sequence[OutPoint]) -> list[Coin]:
        """The spendable coins with these outpoints. Raises `PsbtError` for one that is not."""
        left = {coin.outpoint: coin for coin in self.spendable()}
        found = []
        for point in points:
            coin = left.pop(point, None)
            if coin is None:
                raise PsbtError(
                    "coin_not_spendable",
                    f"expected confirmed coins of wallet {self.ledger.name}, each once, found {point}",
                    hint="It is unknown, spent, waiting for a block, immature, or named twice.",
                )
            found.append(coin)
        return found

    def spend(
        self,
        payments: Payments,
        fee_rate: Decimal,
        *,
        locktime: int,
        without: Collection[OutPoint],
        only: Sequence[OutPoint] | None,
        algorithm: Algorithm | None,
    ) -> BuiltPsbt:
        """Payments in their order, change last, from the coins that waste least."""
        if not payments:
            raise PsbtError("no_payments", "expected at least one payment, found none")
        order = self.order(payments, fee_rate, locktime)
        weights.require_payments(payments)
        candidates = self._candidates(without, only)
        choice = choose(order, candidates, self.adviser, algorithm)
        built = self.finish(order, choice.draft)
        return replace(built, algorithm=choice.algorithm, waste=choice.waste, considered=choice.considered)

    def drain(
        self,
        script: bytes,
        fee_rate: Decimal,
        *,
        locktime: int,
        without: Collection[OutPoint],
        only: Sequence[OutPoint] | None,
    ) -> BuiltPsbt:
        """Every spendable coin that is worth its own input to one script, the fee out of it.

        Coins named by `only` go along whatever they cost.
        """
        candidates = self._candidates(without, only)
        if only is None:
            empty = self.order((), fee_rate)
            candidates = [coin for coin in candidates if effective_value(coin, empty) > 0] or candidates
        if not candidates:
            raise PsbtError("no_coins", f"wallet {self.ledger.name}: expected confirmed coins, found none")
        total = sum(coin.amount.units for coin in candidates)
        everything = self.order(((script, Amount(BTC, total)),), fee_rate, locktime)
        fee = weights.fee_of(weights.vsize(unsigned_of(everything, candidates), self.descriptor), fee_rate)
        if total - fee < weights.dust_limit(script):
            raise short_of_funds(fee + weights.dust_limit(script), total)
        order = replace(everything, payments=((script, Amount(BTC, total - fee)),))
        self.adviser(tuple(candidates))
        return self.finish(order, draft(order, candidates))

    def consolidation(self, points: Sequence[OutPoint], fee_rate: Decimal) -> BuiltPsbt:
        """Exactly these coins into one change output."""
        chosen = self.these(points)
        order = self.order((), fee_rate)
        self.adviser(tuple(chosen))
        return self.finish(order, draft(order, chosen))

    def draft_with_more(
        self,
        order: Order,
        fixed: Sequence[Coin],
        fee_rule: Callable[[int], int],
        without: Collection[OutPoint],
    ) -> Draft:
        """A draft that spends `fixed`, and the largest other spendable coins as far as they are needed."""
        taken = list(fixed)
        points = {coin.outpoint for coin in fixed}
        others = [coin for coin in self.spendable(without) if coin.outpoint not in points]
        others.sort(key=lambda coin: (-coin.amount.units, coin.outpoint))
        vsize = weights.vsize(unsigned_of(order, fixed), self.descriptor)
        short = Decimal(order.paid + fee_rule(vsize) - sum(coin.amount.units for coin in fixed))
        for more in (*others, None):
            # Settling takes as long as there are inputs: tried only where it may succeed.
            if short <= 0 or more is None:
                try:
                    return draft(order, taken, fee_rule)
                except PsbtError as error:
                    if error.code != "psbt.insufficient_funds" or more is None:
                        raise
            taken.append(more)
            short = CONTEXT.subtract(short, effective_value(more, order))
        raise AssertionError("the last attempt returns or raises")

    def finish(self, order: Order, settled: Draft) -> BuiltPsbt:
        """The PSBT of a draft, with the previous transactions out of the ledger."""
        return finish(order, settled, self.previous(settled.coins))

    def adviser(self, known: tuple[Coin, ...]) -> BdkWallet:
        """bdk's view of these coins, which must be ours. Raises `PsbtError` (``psbt.coins_differ``)."""
        return BdkWallet(self.descriptor, self.tip, known, self.previous(known))

    def previous(self, known: Sequence[Coin]) -> dict[str, bytes]:
        """The transactions that made these coins, and those that were asked for before."""
        missing = {coin.outpoint.txid for coin in known} - self._raws.keys()
        self._raws |= self.ledger.raw(sorted(missing))
        return self._raws

    def _candidates(self, without: Collection[OutPoint], only: Sequence[OutPoint] | None) -> list[Coin]:
        left_alone = frozenset(without)
        if only is None:
            return self.spendable(left_alone)
        return [coin for coin in self.these(only) if coin.outpoint not in left_alone]
