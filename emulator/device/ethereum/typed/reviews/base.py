"""How the makers put EIP-712 data to the person: which screens, in which order, with which codes."""

from __future__ import annotations

from typing import Protocol

from ....protocol.proto import Message
from ..hashing import StructHasher
from ..host import Host
from ..safe import SafeHashes
from ..schema import Schema


class Review(Protocol):
    """The questions of one firmware. Every one of them raises ActionCancelled on NO."""

    def open(self, address: bytes) -> None:
        """Before the types are asked for."""

    def warn(self, primary_type: str) -> None:
        """The types are known, no value yet."""

    def domain(self, hasher: StructHasher, host: Host, schema: Schema) -> bytes:
        """Show the domain; its separator."""

    def no_message(self) -> None:
        """The domain is all there is to sign."""

    def message(self, hasher: StructHasher, schema: Schema, primary_type: str) -> bytes:
        """Show the message; its struct hash."""

    def message_hash(self, digest: bytes) -> None:
        """The hash itself is shown, as the host wished."""

    def close(self) -> None:
        """The last question before the signature."""

    def safe_tx(self, address: bytes, ack: Message, hashes: SafeHashes, digest: bytes) -> None:
        """Everything about a Safe transaction, the last question included."""
