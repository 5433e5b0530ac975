"""One more pass over a transaction, for one of its legacy inputs (BIP143 has none of this).

What comes must be what was approved: inputs are compared before the first output is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ....errors import ProcessError, changed_during_signing
from ....keys import Node, sha256d
from ....protocol.proto import Message
from ...scripts.script_types import LEGACY_INPUT_TYPES
from ...scripts.serialise import SIGHASH_ALL, compact_size, input_bytes, output_bytes, u32
from .context import Context, change_of_terms
from .facts import Facts, check_bytes

# What is done with the input the pass is for, before its script is filled in.
Look = Callable[[Message], None]


class LegacyPass:
    """The pass for the input at `index`; `tx_hash` names an original transaction."""

    def __init__(self, context: Context, facts: Facts, index: int, tx_hash: bytes | None = None) -> None:
        self._context = context
        self._facts = facts
        self._index = index
        self._tx_hash = tx_hash
        self.next_legacy: int | None = None  # the input after this one that needs a pass
        self.found: tuple[Message, Node] | None = None

    def run(self, look: Look) -> bytes:
        """The digest that is signed. Raises DataError, ProcessError."""
        head = self._facts.head
        preimage = u32(head.version) + self._inputs(look) + self._outputs()
        return sha256d(preimage + u32(head.lock_time) + u32(SIGHASH_ALL))

    @property
    def input_and_key(self) -> tuple[Message, Node]:
        """After the run: the input, and the key of ours that spends it."""
        if self.found is None:
            raise ProcessError("Signing failed")
        return self.found

    def _inputs(self, look: Look) -> bytes:
        context, count = self._context, self._facts.head.inputs_count
        check = hashlib.sha256()
        part = bytearray(compact_size(count))
        for i in range(count):
            txi = context.stream.input(i, self._tx_hash)
            check.update(check_bytes(txi, context.rules))
            script = b""
            if i == self._index:
                look(txi)
                node, script = context.own_script(txi)
                self.found = (txi, node)
            elif i > self._index and self.next_legacy is None and txi.script_type in LEGACY_INPUT_TYPES:
                self.next_legacy = i
            part += input_bytes(txi, script)
        if check.digest() != self._facts.inputs_digest:
            raise change_of_terms()
        return bytes(part)

    def _outputs(self) -> bytes:
        context, count = self._context, self._facts.head.outputs_count
        check = hashlib.sha256()
        part = bytearray(compact_size(count))
        for i in range(count):
            txo = context.stream.output(i, self._tx_hash)
            script = context.script_of_output(txo)
            check.update(output_bytes(txo.amount, script))
            if self._tx_hash is None:
                script = context.deceit.signed_script(i, script)
            part += output_bytes(txo.amount, script)
        if check.digest() != self._facts.outputs_digest:
            raise changed_during_signing()
        return bytes(part)
