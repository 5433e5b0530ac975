"""Which nonce is next, and what is wrong with those in use: gaps, stuck transactions, somebody else's. Pure.

Refuses a nonce that is used, and one that would wait for another that nobody has sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from vault.errors import EthereumError

# Two minutes on the main chain: by then a transaction that pays the base fee is in a block.
STUCK_BLOCKS: Final = 10
# More than any pool keeps of one sender (geth: 64 that wait, of 5,120 in all that can be mined).
MAX_POOLED: Final = 5_200


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction of ours that is not final. `sent_at` is the tip's height when it was sent."""

    nonce: int
    hash: str
    max_fee: int
    sent_at: int


@dataclass(frozen=True, slots=True)
class NonceState:
    """`latest` nonces are used up, by the chain; up to `pending` the node's pool has a transaction for each.

    `gaps`: nonces that our own waiting transactions wait for. `stuck`: ours that wait for long below the
    base fee. `foreign`: nonces for which the pool has what is not ours; those that the chain has used are
    told by `unaccounted`.
    """

    latest: int
    pending: int
    next: int
    gaps: tuple[int, ...]
    stuck: tuple[OpenTransaction, ...]
    foreign: tuple[int, ...]


def nonce_state(
    latest: int,
    pending: int,
    ours: Sequence[OpenTransaction],
    *,
    tip: int,
    base_fee: int,
    stuck_blocks: int = STUCK_BLOCKS,
) -> NonceState:
    """What the chain (`latest`), a pool (`pending`) and our own records say together of one sender.

    `ours` are all of our transactions that are not final, replaced ones too. Raises `EthereumError`
    (``ethereum.bad_answer``) for a pool that no node has.
    """
    if pending - latest > MAX_POOLED:
        raise EthereumError(
            "bad_answer",
            f"expected at most {MAX_POOLED} waiting transactions of one sender, found {pending - latest}",
            hint="The node is wrong. Ask another one.",
        )
    waiting = [each for each in ours if each.nonce >= latest]
    held = {each.nonce for each in waiting}
    # What waits in a pool below `pending`, ours or not, is in nobody's way.
    gaps = tuple(nonce for nonce in range(latest, max(held, default=latest)) if nonce not in held)
    gaps = tuple(nonce for nonce in gaps if nonce >= pending)
    stuck = tuple(
        each
        for each in sorted(waiting, key=lambda each: (each.nonce, each.max_fee, each.hash))
        if tip - each.sent_at >= stuck_blocks and each.max_fee < base_fee
    )
    pooled = tuple(nonce for nonce in range(latest, max(latest, pending)) if nonce not in held)
    taken = held | set(range(latest, pending))
    following = latest
    while following in taken:
        following += 1
    return NonceState(latest, pending, following, gaps, stuck, pooled)


def unaccounted(first: int, latest: int, accounted: Iterable[int]) -> tuple[range, ...]:
    """Nonces from `first` on that the chain has used (below `latest`) and nobody has accounted for."""
    found, at = [], first
    for nonce in sorted(accounted):
        if at <= nonce < latest:
            found += [range(at, nonce)] if at < nonce else []
            at = nonce + 1
    return (*found, range(at, latest)) if at < latest else tuple(found)


def require_nonce(nonce: int, latest: int, pending: int) -> None:
    """Whether a transaction with `nonce` would be next, or replace one that waits.

    Raises `EthereumError`: ``ethereum.stale_nonce`` (used up), ``ethereum.nonce_gap`` (it would wait).
    """
    if nonce < latest:
        raise EthereumError(
            "stale_nonce",
            f"expected nonce {latest} or more, found {nonce}: the chain has a transaction with it",
            hint="Make a new plan; if the transaction is not ours, find out whose it is.",
            expected=str(latest),
            found=str(nonce),
        )
    if nonce > max(latest, pending):
        raise EthereumError(
            "nonce_gap",
            f"expected nonce {max(latest, pending)}, found {nonce}: it would wait for one that was not sent",
            hint="Send or cancel what comes before it, or make a new plan.",
            expected=str(max(latest, pending)),
            found=str(nonce),
        )
