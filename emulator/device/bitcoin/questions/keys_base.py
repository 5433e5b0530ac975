"""What addresses, keys, messages and proofs ask the person: one method per question.

A method returns when the person agreed and raises ActionCancelled when not. What decides whether
a question is asked at all is not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ...flow import Flow
from ..coins import Coin


@dataclass(frozen=True, slots=True)
class GroupShown:
    """The multisig group of an address: every cosigner's key, and which is ours."""

    threshold: int
    xpubs: tuple[str, ...]
    own_index: int
    is_sorted: bool


@dataclass(frozen=True, slots=True)
class AddressShown:
    """An address of ours with where it comes from."""

    coin: Coin
    address: str
    path: str
    account: str
    chunkify: bool = False
    group: GroupShown | None = None


@dataclass(frozen=True, slots=True)
class PublicKeyShown:
    """An extended public key; `descriptor` is shown instead of it where the make does so."""

    coin: Coin
    xpub: str
    path: str
    account: str | None  # None: no account has that path
    descriptor: str | None = None


@dataclass(frozen=True, slots=True)
class MessageShown:
    """A message that is signed (or was, `verify`) by an address."""

    coin: Coin
    message: bytes
    address: str
    verify: bool
    path: str | None = None
    account: str | None = None
    chunkify: bool = False


class KeyQuestions(Protocol):
    """One make's screens."""

    def multisig(self, flow: Flow) -> None:
        """That the address belongs to a group."""

    def different_paths(self, flow: Flow) -> None:
        """That the cosigners derive with different paths."""

    def address(self, flow: Flow, shown: AddressShown) -> None: ...

    def public_key(self, flow: Flow, shown: PublicKeyShown) -> None: ...

    def message(self, flow: Flow, shown: MessageShown) -> None: ...

    def verified(self, flow: Flow) -> None:
        """That a signature was found to be right."""

    def proof_of_ownership(self, flow: Flow, commitment_data: bytes) -> None: ...

    def coinjoin_access(self, flow: Flow) -> None: ...
