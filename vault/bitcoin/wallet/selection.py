"""Which coins a payment should take: bdk's algorithms compete, the least waste wins.

Refuses nothing: coins that may not be spent are left out before. The same coins and the same order give
the same choice.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Final, Literal

from vault.bitcoin.transaction import OutPoint
from vault.bitcoin.wallet import weights
from vault.bitcoin.wallet.bdk import BdkWallet
from vault.bitcoin.wallet.coins import Coin, by_outpoint
from vault.bitcoin.wallet.compose import Draft, Order, draft, short_of_funds, unsigned_of
from vault.errors import PsbtError
from vault.money import CONTEXT

Algorithm = Literal["branch_and_bound", "single_random_draw", "largest_first", "oldest_first"]

ALGORITHMS: Final[tuple[Algorithm, ...]] = (
    "branch_and_bound",
    "single_random_draw",
    "largest_first",
    "oldest_first",
)
# What fees are expected to be later, sat/vB: Bitcoin Core's -consolidatefeerate and -discardfee.
LONG_TERM_RATE: Final = Decimal(10)
# Coins that compete for one payment, unless it needs more: bdk looks at each of them for every algorithm,
# which takes it seconds for ten thousand.
POOL: Final = 150


@dataclass(frozen=True, slots=True)
class Choice:
    """The coins taken, by which algorithm, and the waste in satoshi of every one that was considered."""

    draft: Draft
    algorithm: str
    waste: int
    considered: tuple[tuple[str, int], ...]


def effective_value(coin: Coin, order: Order) -> Decimal:
    """What a coin adds once its own input is paid for, in satoshi."""
    return CONTEXT.subtract(Decimal(coin.amount.units), _cost(order, order.fee_rate))


def _cost(order: Order, rate: Decimal) -> Decimal:
    weight = Decimal(weights.input_weight(order.descriptor))
    return CONTEXT.divide(CONTEXT.multiply(rate, weight), Decimal(4))


def waste(order: Order, settled: Draft) -> int:
    """Bitcoin Core's waste metric in satoshi, rounded up: smaller is better, and may be negative.

    Inputs spent now and not at the long-term rate, plus what change costs now and later, or what is
    overpaid without it (`SelectionResult::RecalculateWaste` in wallet/coinselection.cpp).
    """
    per_input = CONTEXT.subtract(_cost(order, order.fee_rate), _cost(order, LONG_TERM_RATE))
    timing = CONTEXT.multiply(per_input, Decimal(len(settled.coins)))
    if settled.has_change:
        output = Decimal(weights.output_weight(order.change_script))
        now = CONTEXT.divide(CONTEXT.multiply(order.fee_rate, output), Decimal(4))
        rest = CONTEXT.add(now, _cost(order, LONG_TERM_RATE))
    else:
        rest = Decimal(settled.fee - weights.fee_of(settled.vsize, order.fee_rate))
    return int(CONTEXT.add(timing, rest).to_integral_value(ROUND_CEILING))


def require_enough(order: Order, coins: Sequence[Coin]) -> tuple[Coin, ...]:
    """The coins that are worth their input at this rate. Raises `PsbtError` when they do not suffice."""
    cost = _cost(order, order.fee_rate)
    worth = tuple(coin for coin in coins if coin.amount.units > cost)
    needed = CONTEXT.add(_target(order), CONTEXT.multiply(cost, Decimal(len(worth) or 1)))
    if sum(coin.amount.units for coin in worth) < needed:
        available = sum(coin.amount.units for coin in coins)
        raise short_of_funds(int(needed.to_integral_value(ROUND_CEILING)), available)
    return worth


def _target(order: Order) -> Decimal:
    """Satoshi that the inputs must add beyond their own cost: payments, and the fee of all but inputs."""
    empty = weights.vsize(unsigned_of(order, ()), order.descriptor)
    return Decimal(order.paid + weights.fee_of(empty, order.fee_rate))


def pool(order: Order, coins: Sequence[Coin], seed: bytes) -> tuple[Coin, ...]:
    """At most about `POOL` coins that suffice: the largest, the oldest, and a draw from all of them."""
    if len(coins) <= POOL:
        return tuple(coins)
    third = POOL // 3
    chosen: list[Coin] = []
    value = -_target(order) - _change_room(order)
    for coin in sorted(coins, key=_largest_first):
        if len(chosen) >= third and value > 0:
            break
        chosen.append(coin)
        value = CONTEXT.add(value, effective_value(coin, order))
    chosen += [*sorted(coins, key=_oldest_first)[:third], *_shuffled(coins, seed)[:third]]
    return tuple(sorted({coin.outpoint: coin for coin in chosen}.values(), key=by_outpoint))


def choose(
    order: Order,
    coins: Sequence[Coin],
    open_bdk: Callable[[tuple[Coin, ...]], BdkWallet],
    algorithm: Algorithm | None = None,
) -> Choice:
    """The choice with the least waste, or that of one algorithm. Raises `PsbtError`.

    `coins` may be spent, all of them; `open_bdk` makes bdk's wallet of those that compete.
    """
    worth = require_enough(order, coins)
    seed = _seed(order, worth)
    competing = pool(order, worth, seed)
    by_point = {coin.outpoint: coin for coin in competing}
    adviser = open_bdk(competing)
    found: list[tuple[int, Algorithm, Draft]] = []
    refused: PsbtError | None = None
    for name in (algorithm,) if algorithm else ALGORITHMS:
        points = _ask(order, adviser, name, competing, seed)
        try:
            settled = None if points is None else draft(order, [by_point[point] for point in points])
        except PsbtError as error:
            refused = error
            continue
        if settled is not None and (name != "branch_and_bound" or _matches(order, settled)):
            found.append((waste(order, settled), name, settled))
    if not found:
        raise refused or PsbtError(
            "no_selection",
            f"expected {algorithm or 'an algorithm'} to find coins for {order.paid} sat, found none",
            hint="Let the algorithm be chosen, or send another amount.",
        )
    least, name, settled = min(found, key=lambda each: (each[0], ALGORITHMS.index(each[1])))
    return Choice(settled, name, least, tuple((each, value) for value, each, _ in found))


def _ask(
    order: Order, adviser: BdkWallet, name: Algorithm, competing: tuple[Coin, ...], seed: bytes
) -> tuple[OutPoint, ...] | None:
    if name != "single_random_draw":
        return adviser.choose(order, name.upper())
    # bdk's own draw cannot be repeated: it takes no seed.
    return adviser.choose(order, "LARGEST_FIRST", _drawn(order, competing, seed))


def _matches(order: Order, settled: Draft) -> bool:
    """Whether it is an exact match indeed: where bdk finds none it draws at random without saying so."""
    excess = settled.fee - weights.fee_of(settled.vsize, order.fee_rate)
    change_fee = weights.fee_of((weights.output_weight(order.change_script) + 3) // 4, order.fee_rate)
    return not settled.has_change and excess <= change_fee


def _change_room(order: Order) -> Decimal:
    """Satoshi that a change output takes at least."""
    output = (weights.output_weight(order.change_script) + 3) // 4
    return Decimal(weights.dust_limit(order.change_script) + weights.fee_of(output, order.fee_rate))


def _drawn(order: Order, coins: tuple[Coin, ...], seed: bytes) -> list[Coin]:
    """Coins in random order until they pay for the order and for change."""
    drawn = []
    value = -_target(order) - _change_room(order)
    for coin in _shuffled(coins, seed):
        if value >= 0:
            break
        drawn.append(coin)
        value = CONTEXT.add(value, effective_value(coin, order))
    return drawn


def _seed(order: Order, coins: Sequence[Coin]) -> bytes:
    """The same for the same coins and the same order."""
    digest = hashlib.sha256(f"{order.fee_rate} {order.locktime} {order.change_index}".encode())
    for script, amount in order.payments:
        digest.update(script + amount.units.to_bytes(8, "big"))
    for coin in sorted(coins, key=by_outpoint):
        digest.update(str(coin.outpoint).encode())
    return digest.digest()


def _shuffled(coins: Sequence[Coin], seed: bytes) -> list[Coin]:
    mixed = sorted(coins, key=by_outpoint)
    random.Random(seed).shuffle(mixed)  # noqa: S311 -- a choice of coins is no secret, and is to be repeatable
    return mixed


def _largest_first(coin: Coin) -> tuple[int, str, int]:
    return -coin.amount.units, *by_outpoint(coin)


def _oldest_first(coin: Coin) -> tuple[int, str, int]:
    return coin.height or 0, *by_outpoint(coin)
