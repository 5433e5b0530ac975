"""Plans consolidations: which coins to join while fees are low, at what cost now, and what it saves later.

Pure, in exact satoshi. Refuses more inputs in a transaction than devices sign with patience and nodes
relay. What is planned is a proposal: the coins go to `build_consolidation`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from vault.bitcoin.descriptor import Descriptor
from vault.bitcoin.transaction import OutPoint, Transaction, TxIn, TxOut
from vault.bitcoin.verify import MAX_WEIGHT
from vault.bitcoin.wallet import weights
from vault.bitcoin.wallet.coins import Coin, spending_cost, unspent
from vault.errors import PsbtError
from vault.money import BTC, Amount, total

# A device asks for every input twice and again for its previous transaction: minutes for a hundred.
MAX_INPUTS: Final = 100
# Joining one coin is no joining.
MIN_INPUTS: Final = 2


@dataclass(frozen=True, slots=True)
class Saving:
    """What a consolidation is worth if its coins are spent at `rate` sat/vB later.

    `apart` is what their inputs cost then, `joined` what the one input costs; `net` = apart − joined −
    the cost now, negative where it would not have paid.
    """

    rate: Decimal
    apart: Amount
    joined: Amount
    net: Amount


@dataclass(frozen=True, slots=True)
class Consolidation:
    """One transaction: these coins into one, for `cost` at `fee_rate` sat/vB."""

    coins: tuple[OutPoint, ...]
    amount: Amount
    cost: Amount
    vsize: int
    fee_rate: Decimal
    savings: tuple[Saving, ...]


def plan_consolidation(
    coins: Iterable[Coin],
    descriptor: Descriptor,
    fee_rate: Decimal,
    reference_rates: tuple[Decimal, ...],
    *,
    max_inputs: int = MAX_INPUTS,
) -> tuple[Consolidation, ...]:
    """Transactions that pay off at the first reference rate; none where joining costs more than it saves.

    Only mature unspent coins that are worth their own input at `fee_rate`; the smallest are joined first,
    since a payment needs many of those. The other reference rates make the table. Raises `PsbtError`.
    """
    for rate in (fee_rate, *reference_rates):
        weights.require_rate(rate)
    if not reference_rates:
        raise PsbtError("fee_rate", "expected a reference rate to compare with, found none")
    limit = min(max_inputs, _standard_inputs(descriptor))
    if limit < MIN_INPUTS:
        raise PsbtError("too_few_inputs", f"expected at least {MIN_INPUTS} inputs, found {limit}")
    worth = [
        coin for coin in unspent(coins) if coin.mature and coin.amount > spending_cost(descriptor, fee_rate)
    ]
    worth.sort(key=lambda coin: (coin.amount.units, coin.outpoint))
    found = []
    for start in range(0, len(worth), limit):
        part = worth[start : start + limit]
        planned = (
            _consolidation(part, descriptor, fee_rate, reference_rates) if len(part) >= MIN_INPUTS else None
        )
        if planned is not None and planned.savings[0].net.units > 0:
            found.append(planned)
    return tuple(found)


def _consolidation(
    part: list[Coin], descriptor: Descriptor, fee_rate: Decimal, rates: tuple[Decimal, ...]
) -> Consolidation | None:
    vsize = weights.vsize(_joined(len(part), descriptor), descriptor)
    cost = Amount(BTC, weights.fee_of(vsize, fee_rate))
    amount = total([coin.amount for coin in part], BTC)
    if (amount - cost).units < weights.dust_limit(descriptor.script_pubkey(True, 0)):
        return None
    savings = []
    for rate in rates:
        joined = spending_cost(descriptor, rate)
        apart = Amount(BTC, joined.units * len(part))
        savings.append(Saving(rate, apart, joined, apart - joined - cost))
    return Consolidation(tuple(coin.outpoint for coin in part), amount, cost, vsize, fee_rate, tuple(savings))


def _joined(inputs: int, descriptor: Descriptor) -> Transaction:
    coin = TxIn(OutPoint("00" * 32, 0), b"", 0)
    return Transaction(2, (coin,) * inputs, (TxOut(0, descriptor.script_pubkey(True, 0)),), 0)


def _standard_inputs(descriptor: Descriptor) -> int:
    """As many inputs as a transaction of standard weight holds beside one output (and 8 bytes of counts)."""
    one = weights.output_weight(descriptor.script_pubkey(True, 0))
    return (MAX_WEIGHT - 4 * 18 - 2 - one) // weights.input_weight(descriptor)
