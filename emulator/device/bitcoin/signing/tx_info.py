"""What was said of a transaction when it was streamed for approval, kept as digests.

Later passes must say the same: inputs and outputs are hashed again and compared.
"""

from __future__ import annotations

import hashlib

from ...errors import ProcessError
from ...keys import sha256d
from ...protocol.proto import Message
from .. import multisig
from ..rules import BitcoinRules
from ..scripts.serialise import compact_size, input_bytes, output_bytes, prefixed, u32, u64
from ..scripts.sighash import SigHasher
from .core.change import ChangeDetector

SEQUENCE_FINAL = 0xFFFF_FFFF  # in every input, it disables the lock time
MAX_RBF_SEQUENCE = 0xFFFF_FFFD  # above it in every input, replacement is not signalled (BIP125)


def input_check_bytes(txi: Message, rules: BitcoinRules) -> bytes:
    """Everything of an input that must not change between passes."""
    group = b"" if txi.multisig is None else multisig.fingerprint(txi.multisig, rules)
    return b"".join(
        (
            u32(len(txi.address_n)),
            *map(u32, txi.address_n),
            txi.prev_hash,
            u32(txi.prev_index),
            prefixed(txi.script_sig or b""),
            u32(txi.sequence),
            u32(txi.script_type),
            prefixed(group),
            u64(txi.amount),
            prefixed(txi.witness or b""),
            prefixed(txi.ownership_proof or b""),
            prefixed(txi.orig_hash or b""),
            u32(txi.orig_index or 0),
            prefixed(txi.script_pubkey or b""),
        )
    )


class TxInfo:
    """One transaction: `tx` has its version, lock time and counts."""

    def __init__(self, tx: Message, rules: BitcoinRules) -> None:
        self.tx = tx
        self.hasher = SigHasher()
        self.change = ChangeDetector(rules)
        self.inputs_digest = b""
        self._rules = rules
        self._check = hashlib.sha256()
        self._min_sequence = SEQUENCE_FINAL

    def add_input(self, txi: Message, script_pubkey: bytes) -> None:
        self.hasher.add_input(txi, script_pubkey)
        self._check.update(input_check_bytes(txi, self._rules))
        self._min_sequence = min(self._min_sequence, txi.sequence)
        self.change.add_input(txi)

    def finish_inputs(self) -> None:
        self.inputs_digest = self.digest

    def add_output(self, amount: int, script_pubkey: bytes, signed_script: bytes | None = None) -> None:
        """Count an output; `signed_script` is what a device that lies signs instead."""
        self.hasher.add_output(amount, script_pubkey if signed_script is None else signed_script)
        self._check.update(output_bytes(amount, script_pubkey))

    @property
    def digest(self) -> bytes:
        """Of everything added so far."""
        return self._check.digest()

    @property
    def lock_time_disabled(self) -> bool:
        return self._min_sequence == SEQUENCE_FINAL

    @property
    def effective_lock_time(self) -> int:
        return 0 if self.lock_time_disabled else int(self.tx.lock_time)

    @property
    def rbf_disabled(self) -> bool:
        return self._min_sequence > MAX_RBF_SEQUENCE


class OriginalTx(TxInfo):
    """A transaction that is being replaced; its inputs and outputs come in order, one by one."""

    def __init__(self, tx: Message, rules: BitcoinRules, tx_hash: bytes) -> None:
        super().__init__(tx, rules)
        self.tx_hash = tx_hash
        self.index = 0  # of the next input, later of the next output
        self._bytes = bytearray(u32(tx.version) + compact_size(tx.inputs_count))

    def add_input(self, txi: Message, script_pubkey: bytes) -> None:
        super().add_input(txi, script_pubkey)
        self._bytes += input_bytes(txi, txi.script_sig or b"")
        self.index += 1

    def finish_inputs(self) -> None:
        super().finish_inputs()
        if self.index != self.tx.inputs_count:
            raise ProcessError("Removal of original inputs is not supported.")
        self.index = 0

    def add_output(self, amount: int, script_pubkey: bytes, signed_script: bytes | None = None) -> None:
        super().add_output(amount, script_pubkey, signed_script)
        if self.index == 0:
            self._bytes += compact_size(self.tx.outputs_count)
        self._bytes += output_bytes(amount, script_pubkey)
        self.index += 1

    def check_hash(self) -> None:
        """Raises ProcessError unless what was streamed is the transaction of that id."""
        if sha256d(bytes(self._bytes + u32(self.tx.lock_time)))[::-1] != self.tx_hash:
            raise ProcessError("Invalid original TXID.")
