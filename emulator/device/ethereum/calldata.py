"""The data of a transaction, fetched from the host piece by piece and hashed as it comes.

Nothing but the piece at hand is kept. Refuses pieces longer than asked for and, as the C firmwares
do, empty ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from trezorlib import messages

from ..errors import DataError
from ..flow import Flow
from ..protocol.proto import MessageClass
from . import onekey_messages
from .keccak import Keccak256
from .newer_messages import EthereumTxRequest
from .rules import EthereumRules

CHUNK = 1024


@dataclass(frozen=True, slots=True)
class Dialect:
    """The messages a request is answered with."""

    request: MessageClass
    ack: MessageClass


COMMON = Dialect(EthereumTxRequest, messages.EthereumTxAck)
ONEKEY = Dialect(onekey_messages.EthereumTxRequestOneKey, onekey_messages.EthereumTxAckOneKey)


class CallData:
    """What is left of the data; every piece goes through the transaction's hash."""

    def __init__(
        self, flow: Flow, dialect: Dialect, rules: EthereumRules, initial: bytes, length: int
    ) -> None:
        self._flow = flow
        self._dialect = dialect
        self._rules = rules
        self._hasher: Keccak256 | None = None
        self.start = initial
        self.length = length
        self.left = length - len(initial)

    @property
    def complete(self) -> bool:
        return self.left <= 0

    def gather(self, limit: int) -> bytes:
        """Fetch more until `limit` bytes (or all) are there; before hashing begins."""
        kept = bytearray(self.start)
        limit = min(limit, self.length)
        while len(kept) < limit:
            kept += self._fetch(limit - len(kept))
        self.start = bytes(kept)
        return self.start

    def begin_hashing(self, hasher: Keccak256) -> None:
        """From here on pieces are hashed; those that are there already, now."""
        self._hasher = hasher
        hasher.update(self.start)

    def read(self) -> bytes:
        """The next piece."""
        piece = self._fetch(self.left)
        if self._hasher is not None:
            self._hasher.update(piece)
        return piece

    def drain(self) -> None:
        """Fetch and hash the rest."""
        while not self.complete:
            self.read()

    def _fetch(self, wanted: int) -> bytes:
        asked = min(wanted, CHUNK)
        request = self._dialect.request(data_length=asked)
        piece = bytes(self._flow.call(request, self._dialect.ack).data_chunk)
        if self._rules.checks_chunks and len(piece) > self._rules_limit(asked):
            raise DataError("Too much data")
        if not piece and self._rules.refuses_empty_chunks:
            raise DataError("Empty data chunk received")
        self.left -= len(piece)
        return piece

    def _rules_limit(self, asked: int) -> int:
        """The C firmwares take as much as is left of the whole; core what it asked for."""
        return self.left if self._rules.chunks_may_be_longer else asked
