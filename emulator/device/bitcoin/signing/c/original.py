"""The transaction being replaced: one only, streamed alongside, and signed by us.

Refuses inputs that are missing, reordered or altered, payments that are removed or raised, a
transaction of another id, and signatures of groups.
"""

from __future__ import annotations

import hashlib

from trezorlib.messages import InputScriptType

from ....errors import DataError, ProcessError
from ....keys import sha256d, taproot_output_key
from ....protocol.proto import Message
from ...scripts.script_types import is_external
from ...scripts.serialise import SIGHASH_ALL, compact_size, input_bytes, output_bytes, u32
from ...scripts.verification import is_der_signature, is_ecdsa_signature, is_schnorr_signature
from . import checks
from .approval import Approval
from .context import Context, change_of_terms
from .facts import Facts, Head, check_bytes
from .legacy_pass import LegacyPass


class Original:
    """Fed in the order of the transaction that replaces it."""

    def __init__(self, context: Context, approval: Approval, tx_hash: bytes) -> None:
        """Ask for its head. Raises DataError."""
        self._context = context
        self._approval = approval
        self.tx_hash = tx_hash
        meta = context.stream.meta(tx_hash)
        head = Head.of_previous(meta)
        checks.check_head(meta, head.inputs_count, head.outputs_count)
        checks.check_extra_data(meta)
        self.facts = Facts(head, context.rules)
        self._index = 0  # of the next input, later of the next output
        self._names_outputs = False
        self._bytes = bytearray(u32(head.version) + compact_size(head.inputs_count))

    # Inputs

    def add_input(self, txi: Message, script: bytes) -> None:
        """An input that was in the original: fetch it there and compare."""
        if txi.orig_hash != self.tx_hash:
            raise ProcessError("Only one original transaction is allowed.")
        if txi.orig_index >= self.facts.head.inputs_count:
            raise DataError("Not enough inputs in original transaction.")
        if txi.orig_index != self._index:
            raise DataError("Rearranging or removal of original inputs is not supported.")
        before = self._context.stream.input(self._index, self.tx_hash)
        check_bytes(before, self._context.rules)
        same = (
            self._context.script_of_input(before) == script
            and before.prev_hash == txi.prev_hash
            and before.prev_index == txi.prev_index
            and (before.amount or 0) == txi.amount
            and before.script_type == txi.script_type
        )
        if not same:
            raise ProcessError("Original input does not match current input.")
        before.amount = before.amount or 0
        self.facts.add_input(self._index, before, script)
        self._approval.add_original_input(before)
        self._bytes += input_bytes(before, before.script_sig or b"")
        self._index += 1

    def finish_inputs(self) -> None:
        if self._index != self.facts.head.inputs_count:
            raise DataError("Removal of original inputs is not supported.")
        self._index = 0
        self._bytes += compact_size(self.facts.head.outputs_count)

    # Outputs

    def add_output(self, txo: Message, script: bytes, *, is_change: bool) -> None:
        """An output that was in the original, and those in front of it that are no more."""
        self._names_outputs = True
        if txo.orig_hash != self.tx_hash:
            raise ProcessError("Unknown original transaction.")
        if txo.orig_index >= self.facts.head.outputs_count:
            raise ProcessError("Not enough outputs in original transaction.")
        if self._index > txo.orig_index:
            raise ProcessError("Rearranging of original outputs is not supported.")
        while self._index <= txo.orig_index:
            before, script_before, was_change = self._next_output()
            if self._index <= txo.orig_index:
                self._refuse_removal(was_change)
                continue
            if script_before != script:
                raise ProcessError("Not an original output.")
            if is_change and not was_change:
                raise DataError("Original output is missing change-output parameters.")
            if not was_change:
                self._approval.compare_output(txo, before)

    def _next_output(self) -> tuple[Message, bytes, bool]:
        txo = self._context.stream.output(self._index, self.tx_hash)
        script = self._context.script_of_output(txo)
        self.facts.add_output(txo.amount, script)
        self._bytes += output_bytes(txo.amount, script)
        is_change = self.facts.change.is_change(txo)
        self._approval.add_original_output(txo, is_change=is_change)
        self._index += 1
        return txo, script, is_change

    def _refuse_removal(self, was_change: bool) -> None:
        if not was_change:
            raise DataError("Removal of original external outputs is not supported.")

    def finish_outputs(self, last_script: bytes) -> None:
        """The outputs that are left, then the id. Raises DataError, ProcessError.

        If no output names an original one, the firmware takes the last one to name the first.
        """
        while self._index < self.facts.head.outputs_count:
            _, script, was_change = self._next_output()
            if self._index == 1 and not self._names_outputs and script != last_script:
                raise ProcessError("Not an original output.")
            self._refuse_removal(was_change)
        if sha256d(bytes(self._bytes + u32(self.facts.head.lock_time)))[::-1] != self.tx_hash:
            raise ProcessError("Invalid original TXID.")

    # Signatures

    def verify(self) -> None:
        """Check every signature of ours. Raises DataError, ProcessError."""
        check = hashlib.sha256()
        next_legacy = self.facts.first_legacy
        for i in range(self.facts.head.inputs_count):
            if i == next_legacy:
                legacy = LegacyPass(self._context, self.facts, i, self.tx_hash)
                self._verify_legacy(legacy, check)
                next_legacy = legacy.next_legacy
            else:
                txi = self._context.stream.input(i, self.tx_hash)
                check.update(check_bytes(txi, self._context.rules))
                if not is_external(txi):
                    self._verify_segwit(i, txi)
        if check.digest() != self.facts.inputs_digest:
            raise change_of_terms()

    def _verify_legacy(self, legacy: LegacyPass, check: hashlib._Hash) -> None:
        signature = b""

        def look(txi: Message) -> None:
            nonlocal signature
            check.update(check_bytes(txi, self._context.rules))
            signature = _signature_of(txi)

        digest = legacy.run(look)
        _, node = legacy.input_and_key
        _require(is_ecdsa_signature(node.public_key, signature, digest))

    def _verify_segwit(self, index: int, txi: Message) -> None:
        signature = _signature_of(txi)
        node, code = self._context.own_script(txi)
        head, hasher = self.facts.head, self.facts.hasher
        if txi.script_type == InputScriptType.SPENDTAPROOT:
            key = taproot_output_key(node.public_key)
            _require(is_schnorr_signature(key, signature, hasher.bip341(head, index)))
        else:
            digest = hasher.bip143(head, txi, code)
            _require(is_ecdsa_signature(node.public_key, signature, digest))


def _require(valid: bool) -> None:
    if not valid:
        raise DataError("Invalid signature.")


def _signature_of(txi: Message) -> bytes:
    """The first item of witness or scriptSig, without its hash type; a group's first item is empty."""
    data = bytes(txi.witness or b"")[1:] or bytes(txi.script_sig or b"")
    if not data or not 1 <= data[0] <= len(data):
        raise DataError("Unsupported signature script.")
    signature = data[1 : 1 + data[0]]
    if txi.script_type == InputScriptType.SPENDTAPROOT:
        if len(signature) != 64:
            raise DataError("Unsupported signature script.")
        return signature
    if signature[-1:] != bytes([SIGHASH_ALL]) or not is_der_signature(signature[:-1]):
        raise DataError("Unsupported signature script.")
    return signature[:-1]
