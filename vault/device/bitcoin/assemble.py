"""The signed transaction as we would write it, to compare a device's own with it to the byte.

With fewer signatures of a group than its threshold it is the unfinished form that devices return; it is
never broadcast, and `final_transaction` refuses it.
"""

from __future__ import annotations

from collections.abc import Sequence

from vault.device.bitcoin.scripts import Lock, push
from vault.device.bitcoin.sighash import SIGHASH_ALL, Unsigned, compact_size, counted
from vault.errors import DeviceError

# The signatures of an input: (key, signature without sighash byte), in the order of the lock's keys.
InputSignatures = Sequence[tuple[bytes, bytes]]


def serialise(tx: Unsigned, locks: Sequence[Lock], signed: Sequence[InputSignatures]) -> bytes:
    """The transaction with scriptSigs and witnesses built from locks and signatures."""
    stacks = [_witness(lock, each) for lock, each in zip(locks, signed, strict=True)]
    segwit = any(stacks)
    parts = [tx.version, b"\0\1" if segwit else b"", compact_size(len(locks))]
    for outpoint, sequence, lock, each in zip(tx.outpoints, tx.sequences, locks, signed, strict=True):
        parts += [outpoint, counted(_script_sig(lock, each)), sequence]
    parts += [tx.outputs_count, tx.outputs]
    if segwit:
        for stack in stacks:
            parts += [compact_size(len(stack)), *map(counted, stack)]
    return b"".join([*parts, tx.locktime])


def final_transaction(tx: Unsigned, locks: Sequence[Lock], signed: Sequence[InputSignatures]) -> bytes:
    """The same, only when every input has exactly as many signatures as its lock demands."""
    for index, (lock, each) in enumerate(zip(locks, signed, strict=True)):
        if len(each) != lock.threshold:
            raise DeviceError(
                "unfinished",
                f"input {index}: expected {lock.threshold} signatures, found {len(each)}",
                hint="Have the next cosigner sign.",
            )
    return serialise(tx, locks, signed)


def _witness(lock: Lock, signed: InputSignatures) -> list[bytes]:
    if lock.kind == "p2tr":
        return [signature for _, signature in signed]
    if lock.witness:
        return [b"", *(signature + SIGHASH_ALL for _, signature in signed), lock.witness]
    if lock.kind in {"p2wpkh", "p2sh-p2wpkh"}:
        return [item for key, signature in signed for item in (signature + SIGHASH_ALL, key)]
    return []


def _script_sig(lock: Lock, signed: InputSignatures) -> bytes:
    if lock.kind == "p2pkh":
        return b"".join(push(signature + SIGHASH_ALL) + push(key) for key, signature in signed)
    if lock.kind == "p2sh":
        return b"\0" + b"".join(push(signature + SIGHASH_ALL) for _, signature in signed) + push(lock.redeem)
    return push(lock.redeem) if lock.redeem else b""
