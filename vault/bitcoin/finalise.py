"""From checked signatures to a final transaction: witnesses built by us, scripts run by libbitcoinkernel.

The kernel may only refuse: what it accepts has passed our own checks before. It refuses by a returned
value, not by an exception, and needs the spent outputs for taproot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from vault.bitcoin.sighash import SIGHASH_ALL
from vault.bitcoin.spend import VerifiedSpend
from vault.bitcoin.transaction import Transaction, TxOut
from vault.errors import PsbtError

# Witness bytes of one input at most: count, then each item with its length.
_WORST_WITNESS: Final = {
    b"\x00\x14": 1 + (1 + 72) + (1 + 33),  # low-s DER with sighash byte, compressed key
    b"\x51\x20": 1 + (1 + 64),  # Schnorr signature, default sighash
}


def worst_weight(unsigned: Transaction, scripts: Sequence[bytes]) -> int:
    """Weight of the signed transaction at most, by the kind of each spent output."""
    witnesses = sum(_WORST_WITNESS[script[:2]] for script in scripts)
    return 4 * len(unsigned.serialise(witness=False)) + 2 + witnesses


def assemble(verified: VerifiedSpend, signatures: Sequence[bytes]) -> Transaction:
    """The unsigned transaction with its witnesses; one checked signature for each input, in order."""
    inputs = []
    for tx_in, coin, signature in zip(verified.unsigned.inputs, verified.inputs, signatures, strict=True):
        taproot = coin.script[:2] == b"\x51\x20"
        witness = (signature,) if taproot else (signature + bytes([SIGHASH_ALL]), coin.key)
        inputs.append(replace(tx_in, witness=witness))
    return replace(verified.unsigned, inputs=tuple(inputs))


def require_consensus(raw: bytes, spent: Sequence[TxOut]) -> None:
    """Run every input's script in libbitcoinkernel under all flags.

    Raises `PsbtError` (``psbt.consensus``).
    """
    import pbk
    from pbk.script import PrecomputedTransactionData

    # The kernel aborts the whole process when it is given another number of spent outputs than inputs.
    inputs = len(Transaction.parse(raw).inputs)
    if not inputs or inputs != len(spent):
        raise PsbtError("consensus", f"expected {inputs} spent outputs, found {len(spent)}")
    try:
        transaction = pbk.Transaction(raw)
        outputs = [pbk.TransactionOutput(pbk.ScriptPubkey(each.script), each.value) for each in spent]
        shared = PrecomputedTransactionData(transaction, outputs)
        flags = pbk.ScriptVerificationFlags.ALL
        verdicts = [
            pbk.ScriptPubkey(each.script).verify(each.value, transaction, shared, number, flags)
            for number, each in enumerate(spent)
        ]
    except (RuntimeError, ValueError, pbk.KernelException) as error:
        raise PsbtError("consensus", f"libbitcoinkernel could not judge the transaction: {error}") from None
    for number, verdict in enumerate(verdicts):
        if verdict != 1:
            raise PsbtError(
                "consensus",
                f"input {number}: expected libbitcoinkernel to accept its script, found a refusal",
                hint="Do not broadcast. Our own check passed it: this is worth a report.",
            )
