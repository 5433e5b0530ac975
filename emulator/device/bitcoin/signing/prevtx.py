"""Verifies a previous transaction: the host must show bytes whose hash is the outpoint's.

Without this a host could understate an input and have the difference paid as fee.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ...errors import FirmwareError, ProcessError
from ...protocol.proto import Message
from ..scripts.serialise import compact_size, input_bytes, output_bytes, u32
from .stream import TxStream


@dataclass(frozen=True, slots=True)
class SpentOutput:
    amount: int
    script_pubkey: bytes


def _check_meta(meta: Message, index: int) -> None:
    if meta.inputs_count + meta.outputs_count == 0:
        raise FirmwareError("divide by zero")
    if meta.outputs_count <= index:
        raise ProcessError("Not enough outputs in previous transaction.")


def verified_output(stream: TxStream, tx_hash: bytes, index: int) -> SpentOutput:
    """Stream a previous transaction and return the output spent. Raises ProcessError."""
    meta = stream.prev_meta(tx_hash)
    _check_meta(meta, index)
    hasher = hashlib.sha256(u32(meta.version) + compact_size(meta.inputs_count))
    for i in range(meta.inputs_count):
        txi = stream.prev_input(tx_hash, i)
        hasher.update(input_bytes(txi, txi.script_sig))
    hasher.update(compact_size(meta.outputs_count))
    spent = None
    for i in range(meta.outputs_count):
        txo = stream.prev_output(tx_hash, i)
        hasher.update(output_bytes(txo.amount, txo.script_pubkey))
        if i == index:
            spent = SpentOutput(txo.amount, bytes(txo.script_pubkey))
    hasher.update(u32(meta.lock_time))
    if spent is None or hashlib.sha256(hasher.digest()).digest()[::-1] != tx_hash:
        raise ProcessError("Encountered invalid prev_hash")
    return spent
