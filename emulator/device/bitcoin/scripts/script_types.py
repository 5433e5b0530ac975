"""Which script types go together: outputs with inputs, and what each kind allows."""

from __future__ import annotations

from trezorlib.messages import InputScriptType, OutputScriptType

from ...protocol.proto import Message

INPUT_TYPE_OF_CHANGE = {
    OutputScriptType.PAYTOADDRESS: InputScriptType.SPENDADDRESS,
    OutputScriptType.PAYTOMULTISIG: InputScriptType.SPENDMULTISIG,
    OutputScriptType.PAYTOP2SHWITNESS: InputScriptType.SPENDP2SHWITNESS,
    OutputScriptType.PAYTOWITNESS: InputScriptType.SPENDWITNESS,
    OutputScriptType.PAYTOTAPROOT: InputScriptType.SPENDTAPROOT,
}
INTERNAL_INPUT_TYPES = frozenset(INPUT_TYPE_OF_CHANGE.values())
LEGACY_INPUT_TYPES = frozenset({InputScriptType.SPENDADDRESS, InputScriptType.SPENDMULTISIG})
SEGWIT_INPUT_TYPES = INTERNAL_INPUT_TYPES - LEGACY_INPUT_TYPES
MULTISIG_INPUT_TYPES = frozenset(
    {InputScriptType.SPENDMULTISIG, InputScriptType.SPENDP2SHWITNESS, InputScriptType.SPENDWITNESS}
)
MULTISIG_OUTPUT_TYPES = frozenset(
    {OutputScriptType.PAYTOMULTISIG, OutputScriptType.PAYTOP2SHWITNESS, OutputScriptType.PAYTOWITNESS}
)

_OP_1 = 0x51


def is_external(txi: Message) -> bool:
    return bool(txi.script_type == InputScriptType.EXTERNAL)


def is_presigned(txi: Message) -> bool:
    """Whether an external input comes with its signatures."""
    return is_external(txi) and bool(txi.witness or txi.script_sig)


def is_unverified(txi: Message) -> bool:
    """Whether nothing is known about who owns an external input."""
    return is_external(txi) and not (txi.witness or txi.script_sig or txi.ownership_proof)


def is_segwit(txi: Message) -> bool:
    """Whether the input is signed in the witness; external ones count unless presigned as legacy."""
    if is_external(txi):
        return bool(txi.witness or not txi.script_sig)
    return txi.script_type in SEGWIT_INPUT_TYPES


def is_taproot(txi: Message) -> bool:
    if is_external(txi):
        return bytes(txi.script_pubkey)[:1] == bytes([_OP_1])
    return bool(txi.script_type == InputScriptType.SPENDTAPROOT)
