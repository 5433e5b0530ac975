"""The proofs of ownership (SLIP-19) that the C firmware accepts for inputs of others.

Exactly one owner, who is not us; native p2wpkh or p2tr, nothing else. What it cannot read it refuses
as it refuses a wrong signature.
"""

from __future__ import annotations

import hashlib

from ....flow import Flow
from ....keys import hash160
from ....protocol.proto import Message
from ...ownership import ID_SIZE, ownership_id
from ...scripts.byte_reader import ByteReader
from ...scripts.serialise import prefixed
from ...scripts.verification import is_ecdsa_signature, is_schnorr_signature

_MAGIC = b"SL\x00\x19"


def is_not_ours(flow: Flow, txi: Message) -> bool:
    """Whether the proof of an external input shows that somebody else owns it."""
    script = bytes(txi.script_pubkey)
    reader = ByteReader(txi.ownership_proof)
    try:
        magic, _flags, count = reader.take(4), reader.byte(), reader.byte()
        owner = reader.take(ID_SIZE)
        if magic != _MAGIC or count != 1 or owner == ownership_id(flow, script):
            return False
        body = bytes(txi.ownership_proof)[: reader.offset]
        commitment = bytes(txi.commitment_data or b"")
        digest = hashlib.sha256(body + prefixed(script) + prefixed(commitment)).digest()
        return reader.byte() == 0 and _is_signed(reader, script, digest)
    except ValueError:
        return False


def _is_signed(reader: ByteReader, script: bytes, digest: bytes) -> bool:
    if len(script) == 22 and script[:2] == b"\x00\x14":
        if reader.byte() != 2:
            return False
        signature = reader.take(reader.byte())[:-1]  # the hash type is not looked at
        key = reader.take(reader.byte())
        if len(key) != 33 or reader.left or hash160(key) != script[2:]:
            return False
        return is_ecdsa_signature(key, signature, digest)
    if len(script) == 34 and script[:2] == b"\x51\x20":
        if reader.take(2) != b"\x01\x40":
            return False
        signature = reader.take(64)
        return not reader.left and is_schnorr_signature(script[2:], signature, digest)
    return False
