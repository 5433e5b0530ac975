"""A node's answers as one block left the chain: what checks and simulations of this room are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vault.errors import EthereumError
from vault.ethereum.view import CallOutcome, CallRequest

if TYPE_CHECKING:
    from vault.ethereum.node.base import Block, EthereumNode


class NodeView:
    """Implements `BlockView`: every answer is of `block`, by its hash."""

    def __init__(self, node: EthereumNode, block: Block) -> None:
        self._node, self.block = node, block

    @property
    def chain_id(self) -> int:
        return self._node.chain_id

    @property
    def number(self) -> int:
        return self.block.number

    @property
    def block_hash(self) -> str:
        return self.block.hash

    def code(self, address: str) -> bytes:
        return self._node.code(address, self.block)

    def storage(self, address: str, slot: int) -> bytes:
        return self._node.storage(address, slot, self.block)

    def balance(self, address: str) -> int:
        return self._node.balance(address, self.block)

    def call(self, to: str, data: bytes) -> bytes:
        outcome = self._node.call(CallRequest(to, data), self.block)
        if not outcome.succeeded:
            raise EthereumError(
                "call_reverted",
                f"expected {to} to answer the call 0x{data[:4].hex()} at {self.block}, found that it reverts",
                data="0x" + outcome.output.hex(),
            )
        return outcome.output

    def attempt(self, request: CallRequest) -> CallOutcome:
        return self._node.call(request, self.block)

    def simulate(self, requests: tuple[CallRequest, ...]) -> tuple[CallOutcome, ...] | None:
        return self._node.simulate(requests, self.block)
