"""What a signature commits to: BIP143 (witness version 0) and BIP341 (taproot key path).

Only the whole-transaction forms exist here, SIGHASH_ALL and SIGHASH_DEFAULT: nothing else is signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault.address import sha256d
from vault.bitcoin.bip32 import tagged_hash
from vault.bitcoin.transaction import Transaction, TxOut
from vault.bitcoin.wire import counted

SIGHASH_DEFAULT: Final = 0x00
SIGHASH_ALL: Final = 0x01


@dataclass(frozen=True, slots=True)
class SighashParts:
    """The serialised parts that all inputs of one transaction share; hashed per input kind."""

    transaction: Transaction
    spent: tuple[TxOut, ...]
    outpoints: bytes
    sequences: bytes
    outputs: bytes

    @classmethod
    def of(cls, transaction: Transaction, spent: Sequence[TxOut]) -> SighashParts:
        """`spent` are the proven outputs the inputs spend, in the inputs' order."""
        if len(spent) != len(transaction.inputs):
            raise ValueError(f"expected {len(transaction.inputs)} spent outputs, found {len(spent)}")
        return cls(
            transaction,
            tuple(spent),
            b"".join(each.outpoint.serialise() for each in transaction.inputs),
            b"".join(each.sequence.to_bytes(4, "little") for each in transaction.inputs),
            b"".join(each.serialise() for each in transaction.outputs),
        )

    def p2wpkh(self, index: int) -> bytes:
        """BIP143 digest of a p2wpkh input under SIGHASH_ALL."""
        tx, this, coin = self.transaction, self.transaction.inputs[index], self.spent[index]
        script_code = b"\x76\xa9\x14" + coin.script[2:22] + b"\x88\xac"
        return sha256d(
            tx.version.to_bytes(4, "little")
            + sha256d(self.outpoints)
            + sha256d(self.sequences)
            + this.outpoint.serialise()
            + counted(script_code)
            + coin.value.to_bytes(8, "little")
            + this.sequence.to_bytes(4, "little")
            + sha256d(self.outputs)
            + tx.locktime.to_bytes(4, "little")
            + SIGHASH_ALL.to_bytes(4, "little")
        )

    def p2tr(self, index: int) -> bytes:
        """BIP341 digest of a key path input under SIGHASH_DEFAULT, without annex."""
        tx = self.transaction
        amounts = b"".join(each.value.to_bytes(8, "little") for each in self.spent)
        scripts = b"".join(counted(each.script) for each in self.spent)
        return tagged_hash(
            "TapSighash",
            b"\x00"  # epoch
            + bytes([SIGHASH_DEFAULT])
            + tx.version.to_bytes(4, "little")
            + tx.locktime.to_bytes(4, "little")
            + _sha256(self.outpoints)
            + _sha256(amounts)
            + _sha256(scripts)
            + _sha256(self.sequences)
            + _sha256(self.outputs)
            + b"\x00"  # key path, no annex
            + index.to_bytes(4, "little"),
        )

    def digest(self, index: int) -> bytes:
        """The digest of an input by the kind of output it spends (p2wpkh or p2tr)."""
        return self.p2tr(index) if self.spent[index].script[:2] == b"\x51\x20" else self.p2wpkh(index)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
