"""Asks the host for the pieces of a transaction, one by one, and refuses malformed ones.

The device never holds a transaction: each TxRequest asks for one piece and may carry back a
signature and a chunk of the serialised result.
"""

from __future__ import annotations

from trezorlib import messages
from trezorlib.messages import InputScriptType, OutputScriptType, RequestType

from ..errors import DataError
from ..flow import Flow
from ..proto import Message, MessageClass

HASH_SIZE = 32

INPUT_TYPE_OF_CHANGE = {
    OutputScriptType.PAYTOADDRESS: InputScriptType.SPENDADDRESS,
    OutputScriptType.PAYTOMULTISIG: InputScriptType.SPENDMULTISIG,
    OutputScriptType.PAYTOP2SHWITNESS: InputScriptType.SPENDP2SHWITNESS,
    OutputScriptType.PAYTOWITNESS: InputScriptType.SPENDWITNESS,
    OutputScriptType.PAYTOTAPROOT: InputScriptType.SPENDTAPROOT,
}
INTERNAL_INPUT_TYPES = frozenset(INPUT_TYPE_OF_CHANGE.values())
SEGWIT_INPUT_TYPES = frozenset(
    {InputScriptType.SPENDP2SHWITNESS, InputScriptType.SPENDWITNESS, InputScriptType.SPENDTAPROOT}
)
_MULTISIG_INPUT_TYPES = frozenset(
    {InputScriptType.SPENDMULTISIG, InputScriptType.SPENDP2SHWITNESS, InputScriptType.SPENDWITNESS}
)
_MULTISIG_OUTPUT_TYPES = frozenset(
    {OutputScriptType.PAYTOMULTISIG, OutputScriptType.PAYTOP2SHWITNESS, OutputScriptType.PAYTOWITNESS}
)


def check_foreign_fields(tx: Message) -> None:
    """Refuse fields that only other coins have (SignTx and previous transactions)."""
    if tx.expiry:
        raise DataError("Expiry not enabled on this coin.")
    if tx.timestamp:
        raise DataError("Timestamp not enabled on this coin.")
    if tx.version_group_id is not None:
        raise DataError("Version group ID not enabled on this coin.")
    if tx.branch_id is not None:
        raise DataError("Branch ID not enabled on this coin.")


def _check_prev_hash(txi: Message) -> None:
    if len(txi.prev_hash) != HASH_SIZE:
        raise DataError("Provided prev_hash is invalid.")
    if txi.decred_tree is not None:
        raise DataError("Decred details provided but Decred coin not specified.")


def _check_input(txi: Message) -> None:
    _check_prev_hash(txi)
    if txi.multisig is not None and txi.script_type not in _MULTISIG_INPUT_TYPES:
        raise DataError("Multisig field provided but not expected.")
    if txi.multisig is None and txi.script_type == InputScriptType.SPENDMULTISIG:
        raise DataError("Multisig details required.")
    if txi.script_type in INTERNAL_INPUT_TYPES:
        _check_internal_input(txi)
    elif txi.address_n:
        raise DataError("Input's address_n provided but not expected.")
    elif not txi.script_pubkey:
        raise DataError("Missing script_pubkey field.")
    if txi.ownership_proof and (txi.witness or txi.script_sig):
        raise DataError("Ownership proof not expected for presigned input.")
    if txi.commitment_data and not txi.ownership_proof:
        raise DataError("commitment_data field provided but not expected.")
    if txi.orig_hash and txi.orig_index is None:
        raise DataError("Missing orig_index field.")


def _check_internal_input(txi: Message) -> None:
    if not txi.address_n:
        raise DataError("Missing address_n field.")
    if txi.script_pubkey:
        raise DataError("Input's script_pubkey provided but not expected.")
    if txi.ownership_proof:
        raise DataError("Ownership proof not expected for internal input.")


def _check_output(txo: Message) -> None:
    if txo.multisig is not None and txo.script_type not in _MULTISIG_OUTPUT_TYPES:
        raise DataError("Multisig field provided but not expected.")
    if txo.multisig is None and txo.script_type == OutputScriptType.PAYTOMULTISIG:
        raise DataError("Multisig details required.")
    if txo.address_n and txo.script_type not in INPUT_TYPE_OF_CHANGE:
        raise DataError("Output's address_n provided but not expected.")
    if txo.script_type == OutputScriptType.PAYTOOPRETURN:
        if txo.op_return_data is None:
            raise DataError("OP_RETURN output without op_return_data")
        if txo.amount != 0:
            raise DataError("OP_RETURN output with non-zero amount")
        if txo.address or txo.address_n or txo.multisig is not None:
            raise DataError("OP_RETURN output with address or multisig")
    else:
        if txo.op_return_data:
            raise DataError("OP RETURN data provided but not OP RETURN script type.")
        if txo.address_n and txo.address:
            raise DataError("Both address and address_n provided.")
        if not txo.address_n and not txo.address:
            raise DataError("Missing address")
    if txo.orig_hash and txo.orig_index is None:
        raise DataError("Missing orig_index field.")


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

    def input(self, index: int) -> Message:
        ack = self._ask(RequestType.TXINPUT, messages.TxAckInput, index)
        _check_input(ack.tx.input)
        return ack.tx.input

    def output(self, index: int) -> Message:
        ack = self._ask(RequestType.TXOUTPUT, messages.TxAckOutput, index)
        _check_output(ack.tx.output)
        return ack.tx.output

    def prev_meta(self, tx_hash: bytes) -> Message:
        ack = self._ask(RequestType.TXMETA, messages.TxAckPrevMeta, None, tx_hash)
        if ack.tx.extra_data_len:
            raise DataError("Extra data not enabled on this coin.")
        check_foreign_fields(ack.tx)
        return ack.tx

    def prev_input(self, tx_hash: bytes, index: int) -> Message:
        ack = self._ask(RequestType.TXINPUT, messages.TxAckPrevInput, index, tx_hash)
        _check_prev_hash(ack.tx.input)
        return ack.tx.input

    def prev_output(self, tx_hash: bytes, index: int) -> Message:
        ack = self._ask(RequestType.TXOUTPUT, messages.TxAckPrevOutput, index, tx_hash)
        return ack.tx.output

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
