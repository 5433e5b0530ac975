"""Replacement transactions: the originals are streamed alongside and must really be what they were.

Refuses inputs that are missing, reordered or altered, external outputs that are removed, outputs
that are not the original ones, and originals we did not sign.
"""

from __future__ import annotations

import hashlib

from ....errors import ProcessError, changed_during_signing
from ....protocol.proto import Message
from ..parts import Signing
from ..tx_info import OriginalTx, TxInfo, input_check_bytes
from .approver import Approver
from .digests import verify_signed_input


class Originals:
    """The transactions being replaced, in the order the inputs name them."""

    def __init__(self, signing: Signing) -> None:
        self._signing = signing
        self.all: list[OriginalTx] = []

    def _find(self, tx_hash: bytes) -> OriginalTx | None:
        return next((original for original in self.all if original.tx_hash == tx_hash), None)

    # Inputs

    def add_input(self, txi: Message, script_pubkey: bytes) -> None:
        """An input that was in an original: fetch it there and compare. Raises ProcessError."""
        tx_hash = bytes(txi.orig_hash)
        original = self._find(tx_hash)
        if original is None:
            meta = self._signing.stream.prev_meta(tx_hash)
            original = OriginalTx(meta, self._signing.rules, tx_hash)
            self.all.append(original)
        if txi.orig_index >= original.tx.inputs_count:
            raise ProcessError("Not enough inputs in original transaction.")
        if txi.orig_index != original.index:
            raise ProcessError("Rearranging or removal of original inputs is not supported.")
        before = self._signing.stream.input(txi.orig_index, tx_hash)
        same = (
            before.prev_hash == txi.prev_hash
            and before.prev_index == txi.prev_index
            and before.amount == txi.amount
            and before.script_type == txi.script_type
            and self._signing.scripts.of_input(before) == script_pubkey
        )
        if not same:
            raise ProcessError("Original input does not match current input.")
        original.add_input(before, script_pubkey)

    def finish_inputs(self) -> None:
        for original in self.all:
            original.finish_inputs()

    # Outputs

    def output_before(self, txo: Message, script_pubkey: bytes, info: TxInfo, approver: Approver) -> Message:
        """What an output was in its original. Raises ProcessError."""
        original = self._find(bytes(txo.orig_hash))
        if original is None:
            raise ProcessError("Unknown original transaction.")
        if txo.orig_index >= original.tx.outputs_count:
            raise ProcessError("Not enough outputs in original transaction.")
        if original.index > txo.orig_index:
            raise ProcessError("Rearranging of original outputs is not supported.")
        self._skip_removed(original, txo.orig_index, approver)
        before = self._signing.stream.output(original.index, original.tx_hash)
        if self._signing.scripts.of_output(before) != script_pubkey:
            raise ProcessError("Not an original output.")
        was_change = original.change.is_change(before)
        if not was_change and info.change.is_change(txo):
            raise ProcessError("Original output is missing change-output parameters.")
        original.add_output(before.amount, script_pubkey)
        approver.add_original_output(before, is_change=was_change)
        return before

    def _skip_removed(self, original: OriginalTx, end: int, approver: Approver) -> None:
        """Outputs that are no more: only change may go."""
        while original.index < end:
            txo = self._signing.stream.output(original.index, original.tx_hash)
            original.add_output(txo.amount, self._signing.scripts.of_output(txo))
            if not original.change.is_change(txo):
                raise ProcessError("Removal of original external outputs is not supported.")
            approver.add_original_output(txo, is_change=True)

    def finish_outputs(self, approver: Approver) -> None:
        """The outputs that are left, then the ids. Raises ProcessError."""
        for original in self.all:
            self._skip_removed(original, original.tx.outputs_count, approver)
            original.check_hash()

    # Signatures

    def verify(self) -> None:
        """Check every signature of every original. Raises DataError, ProcessError."""
        for original in self.all:
            check = hashlib.sha256()
            for i in range(original.tx.inputs_count):
                txi = self._signing.stream.input(i, original.tx_hash)
                check.update(input_check_bytes(txi, self._signing.rules))
                script_pubkey = self._signing.scripts.of_input(txi)
                verify_signed_input(self._signing, original, i, txi, script_pubkey)
            if check.digest() != original.inputs_digest:
                raise changed_during_signing()
