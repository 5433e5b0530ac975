"""What became of a transaction: how deep it is, what it cost, which known tokens moved.

A receipt counts only while its block is the one at that height of the best chain. Refuses logs of known
tokens that are not of the form ERC-20 gives them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, cast

from vault.errors import EthereumError
from vault.ethereum.contracts.erc20 import TRANSFER_EVENT
from vault.ethereum.node.base import Block, EthereumNode, Receipt

# A chain that turns over more often than this while it is asked is not asked further.
READINGS: Final = 5


@dataclass(frozen=True, slots=True)
class FinalStatus:
    """`found`: in the best chain now, `confirmations` deep under `tip` (1 in the latest block).

    `gas_paid` in wei, with what a layer 2 takes for its parent chain.
    """

    found: bool
    tip: int
    height: int | None = None
    block_hash: str | None = None
    confirmations: int = 0
    reverted: bool = False
    gas_used: int = 0
    gas_price: int = 0
    gas_paid: int = 0
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class TokenMove:
    """A Transfer event: `units` of `token` went from `sender` to `recipient`."""

    token: str
    sender: str
    recipient: str
    units: int
    index: int


def final_status(node: EthereumNode, transaction_hash: str) -> FinalStatus:
    """The status that may close a book. Raises `EthereumError`; ``ethereum.moving`` for a restless chain."""
    for _ in range(READINGS):
        tip = node.tip()
        receipt = node.receipt(transaction_hash)
        at_height = None if receipt is None else node.block(receipt.block_number)
        again = node.block(tip.number)
        steady = again is not None and again.hash == tip.hash
        if steady and (receipt is None or receipt.block_number <= tip.number):
            return _status(tip, receipt, at_height)
    raise EthereumError(
        "moving",
        f"expected the chain to hold still for one reading, found another one {READINGS} times",
        hint="Ask again in a moment.",
    )


def _status(tip: Block, receipt: Receipt | None, at_height: Block | None) -> FinalStatus:
    if receipt is None or at_height is None or at_height.hash != receipt.block_hash:
        return FinalStatus(False, tip.number)
    return FinalStatus(
        found=True,
        tip=tip.number,
        height=receipt.block_number,
        block_hash=receipt.block_hash,
        confirmations=tip.number - receipt.block_number + 1,
        reverted=not receipt.succeeded,
        gas_used=receipt.gas_used,
        gas_price=receipt.gas_price,
        gas_paid=receipt.gas_paid,
        receipt=receipt,
    )


def token_moves(receipt: Receipt, tokens: Collection[str], party: str | None = None) -> tuple[TokenMove, ...]:
    """Every Transfer of `tokens` (addresses) in a receipt, in order; with `party` those from or to it.

    Raises `EthereumError` (``ethereum.bad_log``).
    """
    found = []
    for log in receipt.logs:
        if log.address not in tokens or log.topics[:1] != (TRANSFER_EVENT.topic,):
            continue
        try:
            sender, recipient, units = TRANSFER_EVENT.decode(log.topics, log.data)
        except EthereumError as error:
            raise EthereumError(
                "bad_log", f"log {log.index} of token {log.address}: expected a Transfer, {error.message}"
            ) from None
        move = TokenMove(log.address, str(sender), str(recipient), cast("int", units), log.index)
        if party is None or party in (move.sender, move.recipient):
            found.append(move)
    return tuple(found)
