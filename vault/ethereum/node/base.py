"""What any Ethereum node answers, whoever stands behind it, in values of our own.

Numbers are integers of wei, gas or blocks, hashes ``0x`` and 64 lower-case digits, addresses EIP-55. A node
refuses to guess: what it cannot ask is an `EthereumError`, what it sent unanswered an `OutcomeUnknownError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from vault.ethereum.view import BlockView, CallOutcome, CallRequest, EventLog


@dataclass(frozen=True, slots=True)
class Block:
    """A block's head. `base_fee` is None on a chain without EIP-1559."""

    number: int
    hash: str
    parent: str
    timestamp: int
    base_fee: int | None
    gas_limit: int
    gas_used: int

    def __str__(self) -> str:
        return f"block {self.number} {self.hash}"


@dataclass(frozen=True, slots=True)
class Log:
    """An event in a block; `index` counts the events of that block."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: str
    transaction_hash: str
    index: int

    @property
    def event(self) -> EventLog:
        return EventLog(self.address, self.topics, self.data)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a transaction in a block. `gas_price` is what it really paid; `l1_fee` comes on top."""

    transaction_hash: str
    block_number: int
    block_hash: str
    index: int
    sender: str
    to: str | None
    contract: str | None
    succeeded: bool
    gas_used: int
    gas_price: int
    l1_fee: int
    logs: tuple[Log, ...]

    @property
    def gas_paid(self) -> int:
        """What the sender lost beside the value, in wei."""
        return self.gas_used * self.gas_price + self.l1_fee


@dataclass(frozen=True, slots=True)
class ChainTransaction:
    """A transaction as the node has it, in a block or waiting (then both block fields are None).

    `max_fee` of one without fee fields of its own is its gas price; its `max_priority_fee` is None.
    """

    hash: str
    sender: str
    to: str | None
    nonce: int
    value: int
    data: bytes
    gas_limit: int
    max_fee: int
    max_priority_fee: int | None
    block_number: int | None
    block_hash: str | None

    @property
    def mined(self) -> bool:
        return self.block_hash is not None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Events from block `first` to `last`, both included; a topic of None may be anything."""

    first: int
    last: int
    addresses: tuple[str, ...] = ()
    topics: tuple[tuple[bytes, ...] | None, ...] = ()


@dataclass(frozen=True, slots=True)
class FeeHistory:
    """``eth_feeHistory``: `base_fees` has one more than there are blocks, that of the next one.

    `rewards` are tips of each block's transactions at each of `percentiles`, by gas; zeros of an empty block.
    """

    oldest: int
    base_fees: tuple[int, ...]
    rewards: tuple[tuple[int, ...], ...]
    percentiles: tuple[int, ...]

    @property
    def next_base_fee(self) -> int:
        return self.base_fees[-1]


class EthereumNode(Protocol):
    """One view of a chain. Safe to share between threads.

    Every question may raise `EthereumError`: ``ethereum.unreachable`` (nothing was sent),
    ``ethereum.no_answer``, ``ethereum.bad_answer``, ``ethereum.node_refused``, ``ethereum.wrong_chain_id``
    (asked once, before anything else); with a witness ``ethereum.nodes_disagree`` and
    ``ethereum.witness_silent``. Questions at a `Block` name it by its hash (EIP-1898), so that answers
    belong together: ``ethereum.unknown_block`` when the node does not have it, or it is no longer canonical.
    """

    @property
    def chain_id(self) -> int:
        """The configured one."""

    def describe(self) -> str:
        """Which node this is, for messages and reports; never with its key."""

    def session(self) -> AbstractContextManager[None]:
        """Within it connections are kept open; outside each question has one of its own."""

    def check_chain(self) -> None:
        """Have the node say its chain id. Raises `EthereumError` (``ethereum.wrong_chain_id``)."""

    def tip(self) -> Block:
        """The latest block."""

    def block(self, which: int | str) -> Block | None:
        """A block of the best chain by its number, or any by its hash; None where there is none."""

    def balance(self, address: str, block: Block) -> int:
        """In wei."""

    def nonce(self, address: str, block: Block) -> int:
        """How many transactions of an address are in the chain up to this block."""

    def code(self, address: str, block: Block) -> bytes: ...

    def storage(self, address: str, slot: int, block: Block) -> bytes:
        """The 32 bytes of a slot."""

    def call(self, request: CallRequest, block: Block) -> CallOutcome:
        """``eth_call``; that it fails is an outcome."""

    def simulate(self, requests: Sequence[CallRequest], block: Block) -> tuple[CallOutcome, ...] | None:
        """``eth_simulateV1`` with transfers as logs, one block on top; None where the node has it not."""

    def view(self, block: Block) -> BlockView:
        """The chain as this block left it."""

    def pending_nonce(self, address: str) -> int:
        """The nonce counted over what waits in the node's pool; no book is kept by it."""

    def estimate_gas(self, request: CallRequest) -> int:
        """At the tip. Raises `EthereumError` (``ethereum.call_reverted``, details ``data``)."""

    def fee_history(self, blocks: int, percentiles: Sequence[int]) -> FeeHistory:
        """Of the latest `blocks`, or of all where there are fewer."""

    def receipt(self, transaction_hash: str) -> Receipt | None: ...

    def transaction(self, transaction_hash: str) -> ChainTransaction | None: ...

    def logs(self, wanted: LogFilter) -> tuple[Log, ...]:
        """All of them, in order, or an error; ranges that are too large for the node are split."""

    def send_raw(self, raw: bytes) -> str:
        """Send a signed transaction once, never repeated by itself; returns its hash, which we computed.

        Three ends: the hash (accepted, or known already); `EthereumError` (it said no:
        ``ethereum.stale_nonce``, ``nonce_gap``, ``underpriced_replacement``, ``underpriced``,
        ``insufficient_funds``, ``node_refused``; or ``ethereum.unreachable``: nothing was sent);
        `OutcomeUnknownError` (``unknown.broadcast``: it may be on its way).
        """
