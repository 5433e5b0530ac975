"""The form of a table of a contract's functions: what may be called, what may be read, what is only named.

A function that is in no table is unknown, and nothing unknown is signed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vault.evm.abi import Function, function

Use = Literal["call", "view", "refused"]
"""call: a transaction may call it; view: it is only read; refused: known, so that it is refused by name."""


@dataclass(frozen=True, slots=True)
class KnownFunction:
    function: Function
    use: Use
    why: str = ""


@dataclass(frozen=True, slots=True)
class ContractTable:
    """All that is known of a kind of contract."""

    kind: str
    title: str
    functions: tuple[KnownFunction, ...]

    def find(self, selector: bytes) -> KnownFunction | None:
        """The function with these four bytes."""
        return next((each for each in self.functions if each.function.selector == selector), None)


def call(text: str) -> KnownFunction:
    return KnownFunction(function(text), "call")


def view(text: str) -> KnownFunction:
    return KnownFunction(function(text), "view")


def refused(text: str, why: str) -> KnownFunction:
    return KnownFunction(function(text), "refused", why)
