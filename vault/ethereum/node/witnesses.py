"""Two nodes as witnesses of each other: nothing is built on what only one of them says.

Refuses (``ethereum.nodes_disagree``) blocks, balances, nonces, code, calls, receipts and logs on which they
differ, naming who says what. What waits in a pool may differ: either one's word counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final, TypeVar

from vault.errors import EthereumError, OutcomeUnknownError, VaultError
from vault.ethereum.node.base import (
    Block,
    ChainTransaction,
    EthereumNode,
    FeeHistory,
    Log,
    LogFilter,
    Receipt,
)
from vault.ethereum.node.client import send_unknown
from vault.ethereum.node.view import NodeView
from vault.ethereum.view import BlockView, CallOutcome, CallRequest
from vault.evm.hashing import keccak

# Nodes hear of a block seconds apart. Further apart than this, in blocks or in their time, one is behind.
TIP_BLOCKS: Final = 5
TIP_SECONDS: Final = 60
# A base fee moves by an eighth a block; within the permitted blocks it cannot have doubled.
FEE_FACTOR: Final = 2
# What is not a node's silence but an answer of its own, which is passed on.
_ANSWERS: Final = frozenset(
    {
        "ethereum.wrong_chain_id",
        "ethereum.unknown_block",
        "ethereum.call_reverted",
        "ethereum.insufficient_funds",
        "ethereum.unknown_fee",
        "ethereum.too_many",
    }
)

Answer = TypeVar("Answer")


class WitnessedNode:
    """`primary` and `witness` behind one face; both must answer. Implements `EthereumNode`.

    `tip` is the lower of their tips, and on both chains: what is asked at it both can tell.
    """

    def __init__(
        self,
        primary: EthereumNode,
        witness: EthereumNode,
        *,
        warn: Callable[[str], None] = lambda _warning: None,
    ) -> None:
        self._nodes = (primary, witness)
        self._warn = warn

    @property
    def chain_id(self) -> int:
        return self._nodes[0].chain_id

    def describe(self) -> str:
        primary, witness = (each.describe() for each in self._nodes)
        return f"{primary}, witnessed by {witness}"

    @contextmanager
    def session(self) -> Iterator[None]:
        with ExitStack() as stack:
            for node in self._nodes:
                stack.enter_context(node.session())
            yield

    def check_chain(self) -> None:
        self._both(lambda node: node.check_chain())

    # -- blocks ----------------------------------------------------------------------------------------

    def tip(self) -> Block:
        one, other = self._both(lambda node: node.tip())
        apart = abs(one.number - other.number), abs(one.timestamp - other.timestamp)
        if apart[0] > TIP_BLOCKS and apart[1] > TIP_SECONDS:
            raise self._disagreement("the tip", str(one), str(other))
        lower, ahead = (one, 1) if one.number <= other.number else (other, 0)
        at = self._one(ahead, lambda node: node.block(lower.number))
        if at != lower:
            says = (lower, at) if ahead == 1 else (at, lower)
            raise self._disagreement(f"block {lower.number}", *map(str, says))
        return lower

    def block(self, which: int | str) -> Block | None:
        """The block that both have; None where one does not (yet) have it."""
        one, other = self._both(lambda node: node.block(which))
        if one is None or other is None:
            return None
        return self._same(f"block {which}", one, other)

    # -- state at a block --------------------------------------------------------------------------------

    def balance(self, address: str, block: Block) -> int:
        return self._agreed(f"balance of {address} at {block}", lambda node: node.balance(address, block))

    def nonce(self, address: str, block: Block) -> int:
        return self._agreed(f"nonce of {address} at {block}", lambda node: node.nonce(address, block))

    def code(self, address: str, block: Block) -> bytes:
        return self._agreed(f"code of {address} at {block}", lambda node: node.code(address, block))

    def storage(self, address: str, slot: int, block: Block) -> bytes:
        what = f"slot {slot:#x} of {address} at {block}"
        return self._agreed(what, lambda node: node.storage(address, slot, block))

    def call(self, request: CallRequest, block: Block) -> CallOutcome:
        one, other = self._both(lambda node: node.call(request, block))
        # Of a failure nodes tell the reason differently, or not at all.
        if not one.succeeded and not other.succeeded:
            return one if one.output else other
        what = f"the call 0x{request.data[:4].hex()} to {request.to} at {block}"
        return self._same(what, one, other)

    def simulate(self, requests: Sequence[CallRequest], block: Block) -> tuple[CallOutcome, ...] | None:
        """What both say; what one says where the other cannot simulate (its calls are still compared)."""
        one, other = self._both(lambda node: node.simulate(requests, block))
        if one is None or other is None:
            return one or other
        # How much gas a simulation counts is each node's own affair.
        plain = [[replace(each, gas_used=None) for each in said] for said in (one, other)]
        self._same(f"a simulation at {block}", *plain)
        return one

    def view(self, block: Block) -> BlockView:
        return NodeView(self, block)

    # -- fees and pool -----------------------------------------------------------------------------------

    def pending_nonce(self, address: str) -> int:
        return max(self._both(lambda node: node.pending_nonce(address)))

    def estimate_gas(self, request: CallRequest) -> int:
        return max(self._both(lambda node: node.estimate_gas(request)))

    def fee_history(self, blocks: int, percentiles: Sequence[int]) -> FeeHistory:
        """The higher base fee of two that are within a factor of each other, and the lower tips: what one
        node alone calls usual is not paid."""
        one, other = self._both(lambda node: node.fee_history(blocks, percentiles))
        low, high = sorted((one, other), key=lambda each: each.next_base_fee)
        if high.next_base_fee > FEE_FACTOR * max(1, low.next_base_fee):
            raise self._disagreement("the base fee", str(one.next_base_fee), str(other.next_base_fee))
        modest = min((one, other), key=lambda each: sum(map(sum, each.rewards)))
        return replace(high, rewards=modest.rewards)

    # -- transactions ------------------------------------------------------------------------------------

    def receipt(self, transaction_hash: str) -> Receipt | None:
        one, other = self._both(lambda node: node.receipt(transaction_hash))
        if one is not None and other is not None:
            return self._same(f"receipt of {transaction_hash}", one, other)
        said = one or other
        if said is not None:
            self._require_behind(transaction_hash, said.block_number, 0 if one is None else 1)
        return None

    def transaction(self, transaction_hash: str) -> ChainTransaction | None:
        """Mined where both say so in one block; waiting where either has it."""
        one, other = self._both(lambda node: node.transaction(transaction_hash))
        said = one or other
        if said is None or one == other:
            return said
        if one is not None and other is not None:
            unmined = [replace(each, block_number=None, block_hash=None) for each in (one, other)]
            self._same(f"transaction {transaction_hash}", *unmined)
            if one.mined and other.mined:
                raise self._disagreement(f"transaction {transaction_hash}", str(one), str(other))
        for number, (mine, theirs) in enumerate(((one, other), (other, one))):
            if mine is not None and mine.block_number is not None and (theirs is None or not theirs.mined):
                self._require_behind(transaction_hash, mine.block_number, 1 - number)
        return replace(said, block_number=None, block_hash=None)

    def _require_behind(self, transaction_hash: str, height: int, denier: int) -> None:
        """The node that does not have it mined may be a block behind; else they differ."""
        if self._one(denier, lambda node: node.tip()).number >= height:
            says = ["not mined", f"in block {height}"]
            raise self._disagreement(
                f"transaction {transaction_hash}", *(says if denier == 0 else says[::-1])
            )

    def logs(self, wanted: LogFilter) -> tuple[Log, ...]:
        return self._agreed(f"logs of blocks {wanted.first} to {wanted.last}", lambda node: node.logs(wanted))

    def send_raw(self, raw: bytes) -> str:
        """Sent through both. Accepted if one accepts and the other does not refuse.

        One accepts and one refuses, or nobody accepts and one does not answer: unknown. Refused when a
        refusal is all that came back; ``ethereum.unreachable`` when neither could be reached.
        """
        txid = "0x" + keccak(raw).hex()
        ends = self._ask(lambda node: node.send_raw(raw))
        failed = [(node, end) for node, end in ends if isinstance(end, VaultError)]
        silent = {"ethereum.unreachable", "ethereum.no_answer", "ethereum.bad_answer"}
        refused = [
            (node, end)
            for node, end in failed
            if not isinstance(end, OutcomeUnknownError) and end.code not in silent
        ]
        unknown: list[VaultError] = [end for _, end in failed if isinstance(end, OutcomeUnknownError)]
        if len(failed) < len(ends):
            for node, end in refused:
                raise send_unknown(txid, f"one node took it and {node.describe()} said: {end.message}")
            for node, end in failed:
                self._warn(f"{txid} was sent without {node.describe()}: {end.message}")
            return txid
        raise (unknown or [end for _, end in refused] or [end for _, end in failed])[0]

    # -- asking ----------------------------------------------------------------------------------------

    def _ask(
        self, question: Callable[[EthereumNode], Answer]
    ) -> list[tuple[EthereumNode, Answer | VaultError]]:
        """Both answers, or the errors in their place, asked for at the same time."""

        def ask(node: EthereumNode) -> Answer | VaultError:
            try:
                return question(node)
            except VaultError as error:
                return error

        with ThreadPoolExecutor(len(self._nodes)) as pool:
            return list(zip(self._nodes, pool.map(ask, self._nodes), strict=True))

    def _both(self, question: Callable[[EthereumNode], Answer]) -> tuple[Answer, Answer]:
        answers: list[Answer] = []
        for node, answer in self._ask(question):
            if isinstance(answer, VaultError):
                raise _silent(node, answer)
            answers.append(answer)
        one, other = answers
        return one, other

    def _one(self, number: int, question: Callable[[EthereumNode], Answer]) -> Answer:
        node = self._nodes[number]
        try:
            return question(node)
        except EthereumError as error:
            raise _silent(node, error) from None

    def _agreed(self, what: str, question: Callable[[EthereumNode], Answer]) -> Answer:
        return self._same(what, *self._both(question))

    def _same(self, what: str, one: Answer, other: Answer) -> Answer:
        if one != other:
            raise self._disagreement(what, _shown(one), _shown(other))
        return one

    def _disagreement(self, what: str, one: str, other: str) -> EthereumError:
        primary, witness = (each.describe() for each in self._nodes)
        return EthereumError(
            "nodes_disagree",
            f"{what}: {primary} says {one}, {witness} says {other}",
            hint="Nothing is built on this. Ask again in a minute; if it stays, find out which one is wrong.",
        )


def _shown(answer: object) -> str:
    text = f"0x{answer.hex()}" if isinstance(answer, bytes) else str(answer)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(text)} characters)"


def _silent(node: EthereumNode, error: VaultError) -> VaultError:
    """One of the two did not answer; an answer of its own is passed on as it is."""
    if error.code in _ANSWERS or not isinstance(error, EthereumError):
        return error
    return EthereumError(
        "witness_silent",
        f"expected an answer of both nodes, found that {node.describe()} gives none: {error.message}",
        hint="Nothing is built on one node's word alone. Ask again when both answer.",
    )
