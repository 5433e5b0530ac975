"""With which key an evil device signs; an honest one signs with the key it was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .flow import Flow
from .keys import Node


class Keys(Protocol):
    """The part of a coin's wallet that is needed."""

    def decoy(self, path: Sequence[int]) -> Node: ...


def signing_key(flow: Flow, wallet: Keys, path: Sequence[int], node: Node) -> Node:
    """`node`, the key at `path`, or what the fault switches put in its place."""
    if flow.faults.foreign_wallet_signature:
        return flow.foreign_root().derive(path)
    if flow.faults.wrong_key_signature:
        return wallet.decoy(path)
    return node
