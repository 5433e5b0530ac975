"""Refuses requests, inputs and outputs whose fields contradict each other, as the C firmware does.

Its structures know whether a field was sent at all: an empty one is there. Checked anew every time
the host sends a piece (signing_validate_input and its siblings in signing.c).
"""

from __future__ import annotations

from trezorlib.messages import InputScriptType, OutputScriptType

from ....errors import DataError, ProcessError
from ....protocol.proto import Message
from ...scripts.script_types import (
    INPUT_TYPE_OF_CHANGE,
    INTERNAL_INPUT_TYPES,
    MULTISIG_INPUT_TYPES,
    MULTISIG_OUTPUT_TYPES,
)
from ..field_checks import HASH_SIZE

# As many external inputs as the firmware has bits for.
MAX_INPUTS = 512
_MAX_COUNT = 0xFFFF_FFFF


def check_counts(inputs: int, outputs: int) -> None:
    """The counts of a SignTx, looked at before anything else."""
    if not inputs:
        raise DataError("Transaction must have at least one input")
    if not outputs:
        raise DataError("Transaction must have at least one output")
    _check_sum(inputs, outputs)


def _check_sum(inputs: int, outputs: int) -> None:
    if inputs + outputs > _MAX_COUNT:
        raise DataError("Value overflow")


def check_dates(tx: Message) -> None:
    """Fields of a SignTx that are refused before the wallet is opened."""
    if tx.expiry is not None:
        raise DataError("Expiry not enabled on this coin.")
    if tx.timestamp is not None:
        raise DataError("Timestamp not enabled on this coin.")


def check_head(tx: Message, inputs: int, outputs: int) -> None:
    """Fields of a transaction to sign, or of the one it replaces, that only other coins have."""
    _check_zcash(tx)
    if tx.timestamp is not None:
        raise DataError("Timestamp not enabled on this coin.")
    if tx.expiry is not None:
        raise DataError("Expiry not enabled on this coin.")
    _check_sum(inputs, outputs)


def check_extra_data(tx: Message) -> None:
    if tx.extra_data_len:
        raise DataError("Extra data not enabled on this coin.")


def check_previous_head(tx: Message) -> None:
    """The same of a previous transaction: the order differs."""
    check_extra_data(tx)
    check_dates(tx)
    _check_zcash(tx)
    _check_sum(tx.inputs_cnt or 0, tx.outputs_cnt or 0)


def _check_zcash(tx: Message) -> None:
    if tx.version_group_id is not None:
        raise DataError("Version group ID not enabled on this coin.")
    if tx.branch_id is not None:
        raise DataError("Branch ID not enabled on this coin.")


def check_previous_input(txi: Message) -> None:
    if len(txi.prev_hash) != HASH_SIZE:
        raise DataError("Provided prev_hash is invalid.")
    _check_decred_tree(txi)


def _check_decred_tree(txi: Message) -> None:
    if txi.decred_tree is not None:
        raise DataError("Decred details provided but Decred coin not specified.")


def check_input(txi: Message) -> None:
    if len(txi.prev_hash) != HASH_SIZE:
        raise DataError("Provided prev_hash is invalid.")
    if txi.multisig is not None and txi.script_type not in MULTISIG_INPUT_TYPES:
        raise DataError("Multisig field provided but not expected.")
    if txi.multisig is None and txi.script_type == InputScriptType.SPENDMULTISIG:
        raise DataError("Multisig details required.")
    _check_owner(txi)
    _check_decred_tree(txi)
    if txi.commitment_data is not None and txi.ownership_proof is None:
        raise DataError("commitment_data field provided but not expected.")
    if txi.orig_hash is not None:
        if txi.orig_index is None:
            raise DataError("Missing orig_index field.")
        if len(txi.orig_hash) != HASH_SIZE:
            raise DataError("Provided orig_hash is invalid.")


def _check_owner(txi: Message) -> None:
    if txi.script_type in INTERNAL_INPUT_TYPES:
        if not txi.address_n:
            raise DataError("Missing address_n field.")
        if txi.script_pubkey is not None:
            raise DataError("Input's script_pubkey provided but not expected.")
        if txi.ownership_proof is not None:
            raise DataError("Ownership proof provided but not expected.")
    elif txi.script_type == InputScriptType.EXTERNAL:
        if txi.address_n:
            raise DataError("Input's address_n provided but not expected.")
        if txi.script_pubkey is None:
            raise DataError("Missing script_pubkey field.")
    else:
        raise DataError("Unsupported script type.")


def check_output(txo: Message) -> None:
    if txo.multisig is not None and txo.script_type not in MULTISIG_OUTPUT_TYPES:
        raise DataError("Multisig field provided but not expected.")
    if txo.address_n and txo.script_type not in INPUT_TYPE_OF_CHANGE:
        raise DataError("Output's address_n provided but not expected.")
    if txo.script_type == OutputScriptType.PAYTOOPRETURN:
        if txo.address is not None or txo.address_n or txo.multisig is not None:
            raise DataError("OP_RETURN output with address or multisig")
        if txo.amount != 0:
            raise DataError("OP_RETURN output with non-zero amount")
    else:
        _check_payee(txo)
    if txo.orig_hash is not None:
        if txo.orig_index is None:
            raise DataError("Missing orig_index field.")
        if len(txo.orig_hash) != HASH_SIZE:
            raise ProcessError("Encountered invalid orig_hash")


def _check_payee(txo: Message) -> None:
    if txo.op_return_data is not None:
        raise DataError("OP RETURN data provided but not OP RETURN script type.")
    if txo.address is not None and txo.address_n:
        raise DataError("Both address and address_n provided.")
    if txo.address is None and not txo.address_n:
        raise DataError("Missing address")


def check_previous_output(txo: Message) -> None:
    if txo.decred_script_version is not None:
        raise DataError("Decred details provided but Decred coin not specified.")
