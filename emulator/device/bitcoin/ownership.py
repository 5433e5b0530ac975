"""Proofs of ownership (SLIP-19): made for our own scripts, checked for those of others.

A proof names who can recognise the script (ownership ids) and carries a BIP322-style signature.
Refuses proofs of another format, with unknown flags, cut short, or signed by nobody.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from trezorlib.messages import InputScriptType

from ..errors import DataError
from ..flow import Flow
from ..keys import Node
from ..protocol.proto import Message
from .rules import BitcoinRules
from .scripts import multisig_scripts, serialise
from .scripts.byte_reader import ByteReader
from .scripts.script_types import INTERNAL_INPUT_TYPES, LEGACY_INPUT_TYPES
from .scripts.serialise import compact_size, prefixed
from .scripts.verification import SignatureVerifier

ID_SIZE = 32
_MAGIC = b"SL\x00\x19"
_USER_CONFIRMED = 1
_NO_SCRIPT = b"\x00"  # of an empty scriptSig, and of a witness without items


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof taken apart. `body` is what the signature covers besides script and commitment."""

    body: bytes
    ownership_ids: tuple[bytes, ...]
    script_sig: bytes
    witness: bytes


def ownership_id(flow: Flow, script_pubkey: bytes) -> bytes:
    """What this wallet calls a script: nobody else can compute it."""
    key = flow.slip21_key(b"SLIP-0019", b"Ownership identification key")
    return hmac.new(key, script_pubkey, hashlib.sha256).digest()


def _digest(body: bytes, script_pubkey: bytes, commitment_data: bytes) -> bytes:
    return hashlib.sha256(body + prefixed(script_pubkey) + prefixed(commitment_data)).digest()


def _script_sig(
    script_type: InputScriptType,
    public_key: bytes,
    signature: bytes,
    multisig: Message | None,
    rules: BitcoinRules,
) -> bytes:
    if script_type in LEGACY_INPUT_TYPES:
        if multisig is not None and script_type == InputScriptType.SPENDMULTISIG:
            return multisig_scripts.script_sig(multisig, public_key, signature, rules)
        return serialise.p2pkh_script_sig(signature, public_key)
    if script_type != InputScriptType.SPENDP2SHWITNESS:
        return b""
    if multisig is not None:
        return multisig_scripts.nested_script_sig(multisig, rules)
    return serialise.nested_script_sig(public_key)


def _witness(
    script_type: InputScriptType,
    public_key: bytes,
    signature: bytes,
    multisig: Message | None,
    rules: BitcoinRules,
) -> bytes:
    if script_type in LEGACY_INPUT_TYPES:
        return _NO_SCRIPT
    if script_type == InputScriptType.SPENDTAPROOT:
        return serialise.p2tr_witness(signature)
    if multisig is not None:
        return multisig_scripts.witness(multisig, public_key, signature, rules)
    return serialise.p2wpkh_witness(signature, public_key)


def generate_proof(
    node: Node,
    script_type: InputScriptType,
    multisig: Message | None,
    rules: BitcoinRules,
    *,
    user_confirmed: bool,
    ownership_ids: Sequence[bytes],
    script_pubkey: bytes,
    commitment_data: bytes,
) -> tuple[bytes, bytes]:
    """(proof, signature) for a script of ours. Raises DataError for a script type without proofs."""
    if script_type not in INTERNAL_INPUT_TYPES:
        raise DataError("Unsupported script type.")
    flags = _USER_CONFIRMED if user_confirmed else 0
    body = _MAGIC + bytes([flags]) + compact_size(len(ownership_ids)) + b"".join(ownership_ids)
    digest = _digest(body, script_pubkey, commitment_data)
    taproot = script_type == InputScriptType.SPENDTAPROOT
    signature = node.sign_taproot(digest) if taproot else node.sign_ecdsa(digest)
    script_sig = _script_sig(script_type, node.public_key, signature, multisig, rules)
    witness = _witness(script_type, node.public_key, signature, multisig, rules)
    return body + prefixed(script_sig) + witness, signature


def read_proof(proof: bytes) -> Proof:
    """A proof taken apart, its signature unchecked. Raises DataError."""
    proof = bytes(proof)
    reader = ByteReader(proof)
    try:
        if reader.take(len(_MAGIC)) != _MAGIC:
            raise DataError("Unknown format of proof of ownership")
        if reader.byte() & ~_USER_CONFIRMED:
            raise DataError("Unknown flags in proof of ownership")
        count = reader.compact_size()
        # Taken in one piece: a count that lies is refused before anything is built from it.
        joined = reader.take(ID_SIZE * count)
        ids = tuple(joined[i : i + ID_SIZE] for i in range(0, len(joined), ID_SIZE))
        body = proof[: reader.offset]
        return Proof(body, ids, reader.prefixed(), reader.rest())
    except ValueError:
        raise DataError("Invalid proof of ownership") from None


def verify_proof(flow: Flow, proof: bytes, script_pubkey: bytes, commitment_data: bytes | None) -> bool:
    """Check a proof; whether the script is someone else's. Raises DataError for a wrong one."""
    parts = read_proof(proof)
    script_pubkey = bytes(script_pubkey)
    foreign = ownership_id(flow, script_pubkey) not in parts.ownership_ids
    verifier = SignatureVerifier(script_pubkey, parts.script_sig, parts.witness)
    verifier.verify(_digest(parts.body, script_pubkey, bytes(commitment_data or b"")))
    return foreign


def read_script_sig_and_witness(proof: bytes) -> tuple[bytes, bytes]:
    """What the signature of a proof would add to a transaction: the basis of a size estimate."""
    parts = read_proof(proof)
    return parts.script_sig, parts.witness
