"""Asks the host for the pieces of a transaction, one by one, and refuses malformed ones.

The device never holds a transaction: each TxRequest asks for one piece and may carry back a
signature and a chunk of the serialised result.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import RequestType

from ...flow import Flow
from ...protocol.proto import Message, MessageClass
from . import field_checks


class TxStream:
    """The conversation of one SignTx."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._chunk = bytearray()
        self._signature: tuple[int, bytes] | None = None

    def write(self, data: bytes) -> None:
        """Bytes of the serialised transaction, sent with the next request."""
        self._chunk += data

    def put_signature(self, index: int, signature: bytes) -> None:
        """A signature, sent with the next request."""
        self._signature = (index, signature)

    def input(self, index: int, original: bytes | None = None) -> Message:
        """An input of the transaction, or of the original one it replaces."""
        kind = RequestType.TXORIGINPUT if original else RequestType.TXINPUT
        txi = self._ask(kind, messages.TxAckInput, index, original).tx.input
        field_checks.check_input(txi)
        return txi

    def output(self, index: int, original: bytes | None = None) -> Message:
        """An output of the transaction, or of the original one it replaces."""
        kind = RequestType.TXORIGOUTPUT if original else RequestType.TXOUTPUT
        txo = self._ask(kind, messages.TxAckOutput, index, original).tx.output
        field_checks.check_output(txo)
        return txo

    def payment_request(self, index: int) -> Message:
        return self._ask(RequestType.TXPAYMENTREQ, messages.PaymentRequest, index)

    def prev_meta(self, tx_hash: bytes) -> Message:
        """Version, lock time and counts of a previous (or original) transaction."""
        tx = self._ask(RequestType.TXMETA, messages.TxAckPrevMeta, None, tx_hash).tx
        field_checks.check_previous_transaction(tx)
        return tx

    def prev_input(self, tx_hash: bytes, index: int) -> Message:
        txi = self._ask(RequestType.TXINPUT, messages.TxAckPrevInput, index, tx_hash).tx.input
        field_checks.check_previous_input(txi)
        return txi

    def prev_output(self, tx_hash: bytes, index: int) -> Message:
        return self._ask(RequestType.TXOUTPUT, messages.TxAckPrevOutput, index, tx_hash).tx.output

    def finished(self) -> Message:
        """The last message: what is left of signature and serialised transaction."""
        return self._request(RequestType.TXFINISHED, None, None)

    def _ask(
        self, kind: RequestType, expected: MessageClass, index: int | None, tx_hash: bytes | None = None
    ) -> Message:
        return self._flow.call(self._request(kind, index, tx_hash), expected)

    def _request(self, kind: RequestType, index: int | None, tx_hash: bytes | None) -> Message:
        signature_index, signature = self._signature or (None, None)
        request = messages.TxRequest(
            request_type=kind,
            details=messages.TxRequestDetailsType(request_index=index, tx_hash=tx_hash),
            serialized=messages.TxRequestSerializedType(
                signature_index=signature_index,
                signature=signature,
                serialized_tx=bytes(self._chunk),
            ),
        )
        self._chunk.clear()
        self._signature = None
        return request
