"""Refuses inputs, outputs and transactions whose fields contradict each other.

Checked anew every time the host sends a piece, before anything is done with it.
"""

from __future__ import annotations

from trezorlib.messages import InputScriptType, OutputScriptType

from ...errors import DataError
from ...protocol.proto import Message
from ..scripts.script_types import (
    INPUT_TYPE_OF_CHANGE,
    INTERNAL_INPUT_TYPES,
    MULTISIG_INPUT_TYPES,
    MULTISIG_OUTPUT_TYPES,
)

HASH_SIZE = 32


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


def check_previous_transaction(tx: Message) -> None:
    if tx.extra_data_len:
        raise DataError("Extra data not enabled on this coin.")
    check_foreign_fields(tx)


def _check_prev_hash(txi: Message) -> None:
    if len(txi.prev_hash) != HASH_SIZE:
        raise DataError("Provided prev_hash is invalid.")


def _check_decred_tree(txi: Message) -> None:
    if txi.decred_tree is not None:
        raise DataError("Decred details provided but Decred coin not specified.")


def check_previous_input(txi: Message) -> None:
    _check_prev_hash(txi)
    _check_decred_tree(txi)


def check_input(txi: Message) -> None:
    _check_prev_hash(txi)
    if txi.multisig is not None and txi.script_type not in MULTISIG_INPUT_TYPES:
        raise DataError("Multisig field provided but not expected.")
    if txi.multisig is None and txi.script_type == InputScriptType.SPENDMULTISIG:
        raise DataError("Multisig details required.")
    if txi.script_type in INTERNAL_INPUT_TYPES:
        _check_internal_input(txi)
    elif txi.address_n:
        raise DataError("Input's address_n provided but not expected.")
    elif not txi.script_pubkey:
        raise DataError("Missing script_pubkey field.")
    _check_decred_tree(txi)
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


def check_output(txo: Message) -> None:
    if txo.multisig is not None and txo.script_type not in MULTISIG_OUTPUT_TYPES:
        raise DataError("Multisig field provided but not expected.")
    if txo.multisig is None and txo.script_type == OutputScriptType.PAYTOMULTISIG:
        raise DataError("Multisig details required.")
    if txo.address_n and txo.script_type not in INPUT_TYPE_OF_CHANGE:
        raise DataError("Output's address_n provided but not expected.")
    if txo.script_type == OutputScriptType.PAYTOOPRETURN:
        _check_op_return(txo)
    else:
        if txo.op_return_data:
            raise DataError("OP RETURN data provided but not OP RETURN script type.")
        if txo.address_n and txo.address:
            raise DataError("Both address and address_n provided.")
        if not txo.address_n and not txo.address:
            raise DataError("Missing address")
    if txo.orig_hash and txo.orig_index is None:
        raise DataError("Missing orig_index field.")


def _check_op_return(txo: Message) -> None:
    if txo.op_return_data is None:
        raise DataError("OP_RETURN output without op_return_data")
    if txo.amount != 0:
        raise DataError("OP_RETURN output with non-zero amount")
    if txo.address or txo.address_n or txo.multisig is not None:
        raise DataError("OP_RETURN output with address or multisig")
