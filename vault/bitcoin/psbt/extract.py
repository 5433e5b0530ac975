"""The last two steps (BIP174): a finalised input's map, and the network transaction out of a whole PSBT.

Nothing is checked but form: signatures are proven by the verifier, before and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from vault.bitcoin.psbt.document import Psbt
from vault.bitcoin.psbt.fields import FINAL, TABLE, In
from vault.bitcoin.psbt.maps import FieldMap, PsbtInput
from vault.bitcoin.transaction import Transaction, TxIn
from vault.bitcoin.wire import Reader, compact_size, counted
from vault.errors import PsbtError

_KEPT: Final = frozenset({In.NON_WITNESS_UTXO, In.WITNESS_UTXO, In.PROPRIETARY})


def is_final(fields: PsbtInput) -> bool:
    """Whether the input has its final scriptSig or witness."""
    return any(field.type in FINAL for field in fields.fields)


def partial_signatures(fields: PsbtInput) -> dict[bytes, bytes]:
    """ECDSA signatures by public key, the sighash byte at their end."""
    return {field.key: field.value for field in fields.all(In.PARTIAL_SIG)}


def witness_stack(fields: PsbtInput) -> tuple[bytes, ...]:
    """The items of the final witness; none when there is no such field."""
    raw = fields.get(In.FINAL_SCRIPTWITNESS)
    if raw is None:
        return ()
    reader = Reader(raw, "final witness")
    return tuple(reader.counted() for _ in range(reader.count(1)))


def finalised_input(fields: PsbtInput, script_sig: bytes, witness: Sequence[bytes]) -> PsbtInput:
    """The map once its scripts are known: coins, unknown fields and version 2's own stay, the rest goes."""
    rows = TABLE["input"]
    kept = FieldMap(
        tuple(
            field
            for field in fields.fields
            if field.type in _KEPT or field.type not in rows or rows[field.type].versions == (2,)
        )
    )
    if script_sig:
        kept = kept.put(In.FINAL_SCRIPTSIG, script_sig)
    if witness:
        stack = compact_size(len(witness)) + b"".join(counted(item) for item in witness)
        kept = kept.put(In.FINAL_SCRIPTWITNESS, stack)
    return PsbtInput(kept.fields)


def extract(psbt: Psbt) -> Transaction:
    """The signed transaction of a PSBT whose inputs are all final.

    Raises `PsbtError` (``psbt.not_final``).
    """
    missing = [number for number, each in enumerate(psbt.inputs) if not is_final(each)]
    if missing or not psbt.inputs:
        raise PsbtError(
            "not_final",
            f"expected every input to be final, found {len(missing)} of {len(psbt.inputs)} that are not: "
            f"{', '.join(str(number) for number in missing[:20])}",
            hint="Collect the missing signatures, combine and finalise first.",
        )
    inputs = tuple(_signed(*pair) for pair in zip(psbt.unsigned.inputs, psbt.inputs, strict=True))
    return replace(psbt.unsigned, inputs=inputs)


def _signed(tx_in: TxIn, fields: PsbtInput) -> TxIn:
    return replace(tx_in, script_sig=fields.get(In.FINAL_SCRIPTSIG) or b"", witness=witness_stack(fields))
