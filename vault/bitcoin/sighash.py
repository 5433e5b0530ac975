"""What a signature commits to: legacy, BIP143 (witness version 0) and BIP341 (taproot key path).

Only the whole-transaction forms exist here, SIGHASH_ALL and SIGHASH_DEFAULT: nothing else is signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from vault.address import script_type, sha256d
from vault.bip32 import tagged_hash
from vault.bitcoin.scripts import p2pkh
from vault.bitcoin.transaction import Transaction, TxOut
from vault.bitcoin.wire import compact_size, counted

SIGHASH_DEFAULT: Final = 0x00
SIGHASH_ALL: Final = 0x01
_ALL_32: Final = SIGHASH_ALL.to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class SighashParts:
    """What all inputs of one transaction share, computed once.

    The hashes are SHA-256 as BIP341 names them; BIP143 hashes the same parts once more. `blanks` are the
    inputs without scripts, 41 bytes each, and `tail` all that follows the inputs (legacy).
    """

    transaction: Transaction
    spent: tuple[TxOut, ...]
    prevouts: bytes
    amounts: bytes
    scripts: bytes
    sequences: bytes
    outputs: bytes
    blanks: bytes
    tail: bytes

    @classmethod
    def of(cls, transaction: Transaction, spent: Sequence[TxOut]) -> SighashParts:
        """`spent` are the proven outputs the inputs spend, in the inputs' order."""
        inputs = transaction.inputs
        if len(spent) != len(inputs):
            raise ValueError(f"expected {len(inputs)} spent outputs, found {len(spent)}")
        outputs = b"".join(each.serialise() for each in transaction.outputs)
        locktime = transaction.locktime.to_bytes(4, "little")
        return cls(
            transaction,
            tuple(spent),
            _sha256(each.outpoint.serialise() for each in inputs),
            _sha256(each.value.to_bytes(8, "little") for each in spent),
            _sha256(counted(each.script) for each in spent),
            _sha256(each.sequence.to_bytes(4, "little") for each in inputs),
            hashlib.sha256(outputs).digest(),
            b"".join(
                each.outpoint.serialise() + b"\0" + each.sequence.to_bytes(4, "little") for each in inputs
            ),
            compact_size(len(transaction.outputs)) + outputs + locktime + _ALL_32,
        )

    def legacy(self, index: int) -> bytes:
        """Digest of an input without witness under SIGHASH_ALL: its script stands in its place."""
        start = 41 * index
        return sha256d(
            self.transaction.version.to_bytes(4, "little")
            + compact_size(len(self.spent))
            + self.blanks[: start + 36]
            + counted(self.spent[index].script)
            + self.blanks[start + 37 :]
            + self.tail
        )

    def witness_v0(self, index: int, script_code: bytes) -> bytes:
        """BIP143 digest under SIGHASH_ALL."""
        tx, this = self.transaction, self.transaction.inputs[index]
        return sha256d(
            tx.version.to_bytes(4, "little")
            + _again(self.prevouts)
            + _again(self.sequences)
            + this.outpoint.serialise()
            + counted(script_code)
            + self.spent[index].value.to_bytes(8, "little")
            + this.sequence.to_bytes(4, "little")
            + _again(self.outputs)
            + tx.locktime.to_bytes(4, "little")
            + _ALL_32
        )

    def p2tr(self, index: int) -> bytes:
        """BIP341 digest of a key path input under SIGHASH_DEFAULT, without annex."""
        tx = self.transaction
        return tagged_hash(
            "TapSighash",
            b"\x00"  # epoch
            + bytes([SIGHASH_DEFAULT])
            + tx.version.to_bytes(4, "little")
            + tx.locktime.to_bytes(4, "little")
            + self.prevouts
            + self.amounts
            + self.scripts
            + self.sequences
            + self.outputs
            + b"\x00"  # key path, no annex
            + index.to_bytes(4, "little"),
        )

    def digest(self, index: int, script_code: bytes = b"") -> bytes:
        """The digest of an input by the kind of output it spends.

        `script_code` is needed where the output only holds a script's hash (p2sh, p2wsh): the witness
        script, or for a nested key the p2pkh script of its hash. Raises ValueError where it is missing.
        """
        script = self.spent[index].script
        kind = script_type(script)
        if kind == "p2tr":
            return self.p2tr(index)
        if kind == "p2pkh":
            return self.legacy(index)
        if kind == "p2wpkh":
            return self.witness_v0(index, p2pkh(script[2:]))
        if kind not in {"p2sh", "p2wsh"} or not script_code:
            raise ValueError(f"expected the script code of a {kind} output")
        return self.witness_v0(index, script_code)


def _sha256(parts: Iterable[bytes]) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _again(digest: bytes) -> bytes:
    return hashlib.sha256(digest).digest()
