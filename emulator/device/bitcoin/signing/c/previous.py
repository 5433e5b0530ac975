"""Verifies a previous transaction, and that it has the very output an input claims to spend."""

from __future__ import annotations

import hashlib

from ....errors import DataError
from ....protocol.proto import Message
from ...scripts.serialise import compact_size, input_bytes, output_bytes, u32
from . import checks
from .facts import Head
from .stream import Stream


def verify_spent_output(stream: Stream, txi: Message, script_pubkey: bytes) -> None:
    """Stream the transaction `txi` spends from. Raises DataError at the first lie."""
    tx_hash = bytes(txi.prev_hash)
    tx = stream.meta(tx_hash)
    head = Head.of_previous(tx)
    if head.outputs_count <= txi.prev_index:
        raise DataError("Not enough outputs in previous transaction.")
    checks.check_previous_head(tx)
    hasher = hashlib.sha256(u32(head.version) + compact_size(head.inputs_count))
    for i in range(head.inputs_count):
        prev = stream.prev_input(tx_hash, i)
        hasher.update(input_bytes(prev, prev.script_sig or b""))
    hasher.update(compact_size(head.outputs_count))
    for i in range(head.outputs_count):
        txo = stream.prev_output(tx_hash, i)
        hasher.update(output_bytes(txo.amount, txo.script_pubkey))
        if i == txi.prev_index:
            _compare(txi, script_pubkey, txo)
    hasher.update(u32(head.lock_time))
    if hashlib.sha256(hasher.digest()).digest()[::-1] != tx_hash:
        raise DataError("Encountered invalid prevhash")


def _compare(txi: Message, script_pubkey: bytes, txo: Message) -> None:
    if txo.amount != txi.amount:
        raise DataError("Invalid amount specified")
    if txo.script_pubkey != script_pubkey:
        raise DataError("Input does not match scriptPubKey")
