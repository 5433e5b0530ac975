"""What a signature commits to: BIP143 (witness version 0) and BIP341 (taproot key path).

Only the whole-transaction forms exist here, SIGHASH_ALL and SIGHASH_DEFAULT: nothing else is signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from vault.address import sha256d
from vault.bip32 import tagged_hash
from vault.bitcoin.transaction import Transaction, TxOut
from vault.bitcoin.wire import counted

SIGHASH_DEFAULT: Final = 0x00
SIGHASH_ALL: Final = 0x01


@dataclass(frozen=True, slots=True)
class SighashParts:
    """SHA-256 over what all inputs of one transaction share, computed once (BIP341 names them).

    BIP143 hashes the same parts once more.
    """

    transaction: Transaction
    spent: tuple[TxOut, ...]
    prevouts: bytes
    amounts: bytes
    scripts: bytes
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
            _sha256(each.outpoint.serialise() for each in transaction.inputs),
            _sha256(each.value.to_bytes(8, "little") for each in spent),
            _sha256(counted(each.script) for each in spent),
            _sha256(each.sequence.to_bytes(4, "little") for each in transaction.inputs),
            _sha256(each.serialise() for each in transaction.outputs),
        )

    def p2wpkh(self, index: int) -> bytes:
        """BIP143 digest of a p2wpkh input under SIGHASH_ALL."""
        tx, this, coin = self.transaction, self.transaction.inputs[index], self.spent[index]
        script_code = b"\x76\xa9\x14" + coin.script[2:22] + b"\x88\xac"
        return sha256d(
            tx.version.to_bytes(4, "little")
            + _again(self.prevouts)
            + _again(self.sequences)
            + this.outpoint.serialise()
            + counted(script_code)
            + coin.value.to_bytes(8, "little")
            + this.sequence.to_bytes(4, "little")
            + _again(self.outputs)
            + tx.locktime.to_bytes(4, "little")
            + SIGHASH_ALL.to_bytes(4, "little")
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

    def digest(self, index: int) -> bytes:
        """The digest of an input by the kind of output it spends (p2wpkh or p2tr)."""
        return self.p2tr(index) if self.spent[index].script[:2] == b"\x51\x20" else self.p2wpkh(index)


def _sha256(parts: Iterable[bytes]) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def _again(digest: bytes) -> bytes:
    return hashlib.sha256(digest).digest()
