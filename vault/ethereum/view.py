"""What the rest of the room asks of a node, all at one block: code, storage, balances, calls, simulation.

A node is asked by `vault.ethereum.node`; tests answer from a script. Nothing here is trusted by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vault.evm.address import ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call that is only tried; `value` in wei. Without `gas` the node takes its own bound."""

    to: str
    data: bytes = b""
    sender: str = ZERO_ADDRESS
    value: int = 0
    gas: int | None = None


@dataclass(frozen=True, slots=True)
class EventLog:
    """An event as the node reports it; `address` emitted it."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True, slots=True)
class CallOutcome:
    """How a tried call ended. Of a revert `output` is its reason in the contract's own encoding."""

    succeeded: bool
    output: bytes
    logs: tuple[EventLog, ...] = ()
    gas_used: int | None = None


class BlockView(Protocol):
    """A chain as one block left it. Every method raises `EthereumError` when the node does not answer."""

    @property
    def chain_id(self) -> int: ...

    @property
    def number(self) -> int: ...

    @property
    def block_hash(self) -> str: ...

    def code(self, address: str) -> bytes: ...

    def storage(self, address: str, slot: int) -> bytes:
        """The 32 bytes of a storage slot."""

    def balance(self, address: str) -> int:
        """In wei."""

    def call(self, to: str, data: bytes) -> bytes:
        """What a view function returns. Raises `EthereumError` (``ethereum.call_reverted``)."""

    def attempt(self, request: CallRequest) -> CallOutcome:
        """``eth_call``: there are no logs; a revert is an outcome."""

    def simulate(self, requests: tuple[CallRequest, ...]) -> tuple[CallOutcome, ...] | None:
        """``eth_simulateV1`` with ``traceTransfers``: one block of these calls on top of this one.

        None when the node does not have the method. Transfers of ether are logs of the address
        0xEeee…EEeE (ERC-7528).
        """
