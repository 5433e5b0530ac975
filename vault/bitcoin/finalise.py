"""From checked signatures to a final transaction: scriptSigs and witnesses built by us, scripts run by
libbitcoinkernel.

The kernel may only refuse: what it accepts has passed our own checks before. It refuses by a returned
value, not by an exception, and needs the spent outputs for taproot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from vault.bitcoin.descriptor import Descriptor, Place
from vault.bitcoin.scripts import push
from vault.bitcoin.sighash import SIGHASH_ALL
from vault.bitcoin.spend import VerifiedSpend
from vault.bitcoin.transaction import Transaction, TxIn, TxOut
from vault.bitcoin.wire import counted
from vault.errors import PsbtError

# DER with a 33-byte r and a low s is 71 bytes, and the sighash byte; Schnorr, default sighash.
_LONGEST_ECDSA: Final = bytes(71)
_LONGEST_SCHNORR: Final = bytes(64)


def worst_weight(unsigned: Transaction, descriptor: Descriptor) -> int:
    """Weight of the signed transaction at most, every input being of this wallet."""
    place = descriptor.place(False, 0)
    longest = _LONGEST_SCHNORR if place.kind == "p2tr" else _LONGEST_ECDSA
    script_sig, witness = opened(place, (longest,) * place.threshold)
    each = 4 * len(script_sig)  # its length takes the byte that is there already
    if witness:
        each += 1 + sum(len(counted(item)) for item in witness)
    flag = 2 if witness else 0
    return 4 * len(unsigned.serialise(witness=False)) + flag + each * len(unsigned.inputs)


def opened(place: Place, signatures: Sequence[bytes]) -> tuple[bytes, tuple[bytes, ...]]:
    """The scriptSig and witness that open a place: one signature, or the threshold in the keys' order."""
    key = place.keys[0].key
    if place.kind == "p2tr":
        return b"", tuple(signatures)
    items = tuple(signature + bytes([SIGHASH_ALL]) for signature in signatures)
    if place.kind == "p2pkh":
        return push(items[0]) + push(key), ()
    script_sig = push(place.redeem_script) if place.redeem_script else b""
    if place.witness_script:
        # OP_CHECKMULTISIG takes one item more than it needs, which must be empty (BIP147).
        return script_sig, (b"", *items, place.witness_script)
    return script_sig, (items[0], key)


def assemble(verified: VerifiedSpend, signatures: Sequence[Sequence[bytes]]) -> Transaction:
    """The unsigned transaction with what opens its inputs; checked signatures for each input, in order."""
    inputs = []
    for tx_in, coin, given in zip(verified.unsigned.inputs, verified.inputs, signatures, strict=True):
        script_sig, witness = opened(coin.place, given)
        inputs.append(TxIn(tx_in.outpoint, script_sig, tx_in.sequence, witness))
    return replace(verified.unsigned, inputs=tuple(inputs))


def require_consensus(raw: bytes, spent: Sequence[TxOut]) -> None:
    """Run every input's script in libbitcoinkernel under all flags.

    Raises `PsbtError` (``psbt.consensus``).
    """
    import pbk
    from pbk.script import PrecomputedTransactionData

    try:
        transaction = pbk.Transaction(raw)
        inputs = len(transaction.inputs)
        # The kernel aborts the whole process when it is given another number of spent outputs than inputs.
        if not inputs or inputs != len(spent):
            raise PsbtError("consensus", f"expected {inputs} spent outputs, found {len(spent)}")
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
