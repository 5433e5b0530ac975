"""Asks the host for the pieces of a transaction: one message for all kinds, TxAck with a `tx`.

A TxAck without a transaction is refused and waited out. What a TxRequest has nothing to say about
it leaves out.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import RequestType

from ....errors import DataError
from ....flow import Flow
from ....protocol import proto
from ....protocol.proto import Message
from . import checks


class Stream:
    """The conversation of one SignTx."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._chunk: bytearray | None = None
        self._signature: tuple[int, bytes] | None = None

    def write(self, data: bytes) -> None:
        """Bytes of the serialised transaction, sent with the next request."""
        self._chunk = (self._chunk or bytearray()) + data

    def put_signature(self, index: int, signature: bytes) -> None:
        """A signature, sent with the next request."""
        self._signature = (index, signature)

    def input(self, index: int, original: bytes | None = None) -> Message:
        """An input of the transaction, or of the original one it replaces. Raises DataError."""
        kind = RequestType.TXINPUT if original is None else RequestType.TXORIGINPUT
        txi = self._first(self._ask(kind, index, original).inputs, "Provided prev_hash is invalid.")
        checks.check_input(txi)
        return txi

    def output(self, index: int, original: bytes | None = None) -> Message:
        """An output of the transaction, or of the original one it replaces. Raises DataError."""
        kind = RequestType.TXOUTPUT if original is None else RequestType.TXORIGOUTPUT
        txo = self._first(self._ask(kind, index, original).outputs, "Missing address")
        checks.check_output(txo)
        return txo

    def meta(self, tx_hash: bytes) -> Message:
        """Version, lock time and counts of a previous (or original) transaction, unchecked."""
        return self._ask(RequestType.TXMETA, None, tx_hash)

    def prev_input(self, tx_hash: bytes, index: int) -> Message:
        pieces = self._ask(RequestType.TXINPUT, index, tx_hash).inputs
        txi = self._first(pieces, "Provided prev_hash is invalid.")
        checks.check_previous_input(txi)
        return txi

    def prev_output(self, tx_hash: bytes, index: int) -> Message:
        pieces = self._ask(RequestType.TXOUTPUT, index, tx_hash).bin_outputs
        if not pieces:  # an empty structure
            return messages.TxOutputBinType(amount=0, script_pubkey=b"")
        checks.check_previous_output(pieces[0])
        return pieces[0]

    def finished(self) -> Message:
        """The last message: what is left of signature and serialised transaction."""
        return messages.TxRequest(request_type=RequestType.TXFINISHED, serialized=self._serialized())

    @staticmethod
    def _first(pieces: list[Message], refusal: str) -> Message:
        """The piece sent; without one the firmware looks at an empty structure."""
        if not pieces:
            raise DataError(refusal)
        return pieces[0]

    def _ask(self, kind: RequestType, index: int | None, tx_hash: bytes | None) -> Message:
        details = messages.TxRequestDetailsType(request_index=index, tx_hash=tx_hash)
        reply: Message = messages.TxRequest(request_type=kind, details=details, serialized=self._serialized())
        while True:
            tx = self._flow.call(reply, messages.TxAck).tx
            if tx is not None:
                return tx
            reply = proto.failure(DataError.code, "No transaction provided")

    def _serialized(self) -> Message | None:
        if self._chunk is None and self._signature is None:
            return None
        index, signature = self._signature or (None, None)
        chunk = None if self._chunk is None else bytes(self._chunk)
        self._chunk = self._signature = None
        return messages.TxRequestSerializedType(
            signature_index=index, signature=signature, serialized_tx=chunk
        )
