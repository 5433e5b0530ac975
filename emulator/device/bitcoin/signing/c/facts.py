"""What was said of a transaction while it was streamed for approval, kept as digests."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ....errors import DataError, ProcessError
from ....protocol.proto import Message
from ... import multisig
from ...rules import BitcoinRules
from ...scripts.script_types import LEGACY_INPUT_TYPES
from ...scripts.serialise import output_bytes, prefixed, u32, u64
from ...scripts.sighash import SigHasher
from ..tx_info import MAX_RBF_SEQUENCE, SEQUENCE_FINAL
from .change import ChangeDetector

_NO_GROUP = bytes(32)


@dataclass(frozen=True, slots=True)
class Head:
    """What a transaction says of itself; what the host left out is zero."""

    version: int
    lock_time: int
    inputs_count: int
    outputs_count: int

    @classmethod
    def of_previous(cls, tx: Message) -> Head:
        numbers = (tx.version, tx.lock_time, tx.inputs_cnt, tx.outputs_cnt)
        return cls(*(number or 0 for number in numbers))


def check_bytes(txi: Message, rules: BitcoinRules) -> bytes:
    """Everything of an input that must not change between passes. Raises ProcessError."""
    group = _NO_GROUP
    if txi.multisig is not None:
        try:
            group = multisig.fingerprint(txi.multisig, rules)
        except DataError:
            raise ProcessError("Failed to hash input") from None
    return b"".join(
        (
            u32(len(txi.address_n)),
            *map(u32, txi.address_n),
            txi.prev_hash,
            u32(txi.prev_index),
            prefixed(txi.script_sig or b""),
            u32(txi.sequence),
            u32(txi.script_type),
            group,
            u64(txi.amount or 0),
            prefixed(txi.witness or b""),
            bytes([txi.orig_hash is not None]),
            prefixed(txi.orig_hash or b""),
            u32(txi.orig_index or 0),
            prefixed(txi.script_pubkey or b""),
        )
    )


class Facts:
    """One transaction."""

    def __init__(self, head: Head, rules: BitcoinRules) -> None:
        self.head = head
        self.hasher = SigHasher()
        self.change = ChangeDetector(rules)
        self.first_legacy: int | None = None
        self._rules = rules
        self._inputs = hashlib.sha256()
        self._outputs = hashlib.sha256()
        self._min_sequence = SEQUENCE_FINAL

    def add_input(self, index: int, txi: Message, script: bytes) -> None:
        self._inputs.update(check_bytes(txi, self._rules))
        self.change.add_input(txi)
        self.hasher.add_input(txi, script)
        self._min_sequence = min(self._min_sequence, txi.sequence)
        if self.first_legacy is None and txi.script_type in LEGACY_INPUT_TYPES:
            self.first_legacy = index

    def add_output(self, amount: int, script: bytes, signed_script: bytes | None = None) -> None:
        """Count an output; `signed_script` is what a device that lies signs instead."""
        self._outputs.update(output_bytes(amount, script))
        self.hasher.add_output(amount, script if signed_script is None else signed_script)

    @property
    def inputs_digest(self) -> bytes:
        return self._inputs.digest()

    @property
    def outputs_digest(self) -> bytes:
        return self._outputs.digest()

    @property
    def lock_time_disabled(self) -> bool:
        return self._min_sequence == SEQUENCE_FINAL

    @property
    def effective_lock_time(self) -> int:
        return 0 if self.lock_time_disabled else self.head.lock_time

    @property
    def rbf_enabled(self) -> bool:
        return self._min_sequence <= MAX_RBF_SEQUENCE
