"""What a device asks the person about Ethereum: one interface, one module per family of makes."""

from __future__ import annotations

from typing import Protocol

from ..call import Call
from ..calldata import CallData
from ..networks import Network


class Questions(Protocol):
    """The screens of one firmware. Every method raises ActionCancelled when the person says no."""

    def show_address(self, address: str, path: list[int], network: Network) -> None:
        """Show an address that was asked for."""
        ...

    def show_public_key(self, public_key: bytes, path: list[int]) -> None:
        """Show a compressed public key."""
        ...

    def approve(self, call: Call, data: CallData) -> None:
        """Everything that is asked before a transaction is signed."""
        ...

    def finish(self, call: Call) -> None:
        """What is asked when the signature is ready."""
        ...
