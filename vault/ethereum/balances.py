"""What accounts hold, in ether and tokens: all of it at one block, and at one that is deep enough.

Confirmed is what was there at both; pending is what has come since. Refuses a token without a contract, and
an answer that is not one number.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, cast

from vault.errors import EthereumError
from vault.ethereum.contracts.erc20 import BALANCE_OF
from vault.ethereum.node.base import Block, EthereumNode
from vault.ethereum.view import CallRequest

# Questions at the same time; public nodes refuse many more.
PARALLEL: Final = 6
READINGS: Final = 3


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose balance of what; `token` is a contract's address, None for ether."""

    address: str
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """In base units: `confirmed` may be built on, `pending` has come too lately for that."""

    holder: Holder
    confirmed: int
    pending: int

    @property
    def at_tip(self) -> int:
        return self.confirmed + self.pending


@dataclass(frozen=True, slots=True)
class Holdings:
    """As of `block`, the tip; `deep` is the block that is `confirmations` deep under it."""

    block: Block
    deep: Block
    holdings: tuple[Holding, ...]


def read_holdings(node: EthereumNode, holders: Sequence[Holder], confirmations: int) -> Holdings:
    """Every holder's balance, in the order given. Raises `EthereumError`: ``ethereum.no_token``,
    ``ethereum.unknown_block`` when the node no longer has the state of a block so deep.
    """
    with node.session():
        for reading in range(READINGS):
            try:
                return _read(node, holders, confirmations)
            except EthereumError as error:
                # The chain moved under the reading: the block is no longer the best chain's.
                if error.code != "ethereum.unknown_block" or reading == READINGS - 1:
                    raise
    raise AssertionError


def _read(node: EthereumNode, holders: Sequence[Holder], confirmations: int) -> Holdings:
    block = node.tip()
    deep = node.block(max(0, block.number - confirmations + 1))
    if deep is None:
        raise EthereumError("unknown_block", f"expected {node.describe()} to have blocks below {block}")
    questions = [(holder, each) for holder in holders for each in (block, deep)]
    if not questions:
        return Holdings(block, deep, ())
    with ThreadPoolExecutor(min(PARALLEL, len(questions))) as pool:
        answers = list(pool.map(lambda question: balance_of(node, *question), questions))
    found = []
    for holder, now, before in zip(holders, answers[::2], answers[1::2], strict=True):
        if now is None:
            raise EthereumError(
                "no_token",
                f"expected a token's contract at {holder.token}, found nothing that answers balanceOf",
                hint="Is it the contract's address on this chain?",
            )
        # A contract that was not there yet held nothing for anybody.
        confirmed = min(now, before or 0)
        found.append(Holding(holder, confirmed, now - confirmed))
    return Holdings(block, deep, tuple(found))


def balance_of(node: EthereumNode, holder: Holder, block: Block) -> int | None:
    """A balance at a block; None where a token has no contract. Raises `EthereumError`."""
    if holder.token is None:
        return node.balance(holder.address, block)
    outcome = node.call(CallRequest(holder.token, BALANCE_OF.encode(holder.address)), block)
    if not outcome.succeeded:
        raise EthereumError(
            "call_reverted",
            f"expected token {holder.token} to tell a balance, found that balanceOf reverts",
            data="0x" + outcome.output.hex(),
        )
    if not outcome.output:
        return None
    (units,) = BALANCE_OF.result(outcome.output)
    return cast("int", units)
