"""Takes apart what spends an input: keys, signatures and their hash types, by kind of output.

Understands p2pkh, p2sh multisig, p2wpkh and p2wsh multisig (native or nested), and the key path of
p2tr. Refuses everything else, and scripts that do not hash to the output they claim to spend.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ...errors import DataError, FirmwareError
from ...keys import hash160
from ..address import p2pkh_script, p2sh_script, witness_script
from .byte_reader import ByteReader
from .serialise import SIGHASH_ALL, push

SIGHASH_DEFAULT = 0  # BIP341; like SIGHASH_ALL, but not written
# 0x40 and 0x41 carry the fork id of other coins: read, and refused later.
_HASH_TYPES = frozenset({SIGHASH_DEFAULT, SIGHASH_ALL, 0x40, 0x41})
_OP_CHECKMULTISIG = 0xAE
_NO_WITNESS = b"\x00"

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature without its hash type byte, and that byte."""

    data: bytes
    hash_type: int


@dataclass(frozen=True, slots=True)
class SpendingData:
    """Keys that may have signed, the signatures, and how many there must be."""

    public_keys: tuple[bytes, ...]
    signatures: tuple[Signature, ...]
    threshold: int = 1
    is_taproot: bool = False


def _hash_type(value: int) -> int:
    if value not in _HASH_TYPES:
        raise ValueError("unsupported hash type")
    return value


def _signature(reader: ByteReader, length: int) -> Signature:
    return Signature(reader.take(length - 1), _hash_type(reader.byte()))


def _parse(data: bytes, parse: Callable[[ByteReader], Parsed], refusal: str) -> Parsed:
    """Run a parser over all of `data`; malformed data or a rest is refused with that text."""
    reader = ByteReader(data)
    try:
        parsed = parse(reader)
        if reader.left:
            raise ValueError("bytes left over")
    except ValueError:
        raise DataError(refusal) from None
    return parsed


def _read_p2pkh(reader: ByteReader) -> tuple[bytes, Signature]:
    signature = _signature(reader, reader.push_length())
    length = reader.push_length()
    if length != reader.left:
        raise ValueError("bytes left over")
    return reader.rest(), signature


def _read_p2wpkh(reader: ByteReader) -> tuple[bytes, Signature]:
    if reader.byte() != 2:
        raise ValueError("two items make a p2wpkh witness")
    signature = _signature(reader, reader.compact_size())
    return reader.prefixed(), signature


def _read_p2tr(reader: ByteReader) -> Signature:
    if reader.byte() != 1:
        raise ValueError("only the key path without annex")
    length = reader.compact_size()
    if length not in (64, 65):
        raise ValueError("not a Schnorr signature")
    data = reader.take(64)
    return Signature(data, _hash_type(reader.byte()) if length == 65 else SIGHASH_DEFAULT)


def _read_p2sh_multisig(reader: ByteReader) -> tuple[bytes, tuple[Signature, ...]]:
    if reader.byte() != 0:
        raise ValueError("OP_CHECKMULTISIG takes one item too many")
    signatures = []
    length = reader.push_length()
    while reader.left > length:
        signatures.append(_signature(reader, length))
        length = reader.push_length()
    if length != reader.left:
        raise ValueError("bytes missing")
    return reader.rest(), tuple(signatures)


def _read_p2wsh_multisig(reader: ByteReader) -> tuple[bytes, tuple[Signature, ...]]:
    items = reader.compact_size()
    if reader.byte() != 0:
        raise ValueError("OP_CHECKMULTISIG takes one item too many")
    signatures = tuple(_signature(reader, reader.compact_size()) for _ in range(items - 2))
    return reader.prefixed(), signatures


def _read_multisig_script(reader: ByteReader) -> tuple[tuple[bytes, ...], int]:
    threshold = reader.byte() - 0x50
    keys = []
    while reader.left > 2:
        if reader.push_length() != 33:
            raise ValueError("not a compressed key")
        keys.append(reader.take(33))
    count = reader.byte() - 0x50
    if not 1 <= threshold <= count <= 15 or len(keys) != count or reader.byte() != _OP_CHECKMULTISIG:
        raise ValueError("not a multisig script")
    return tuple(keys), threshold


def _key_hash(public_key: bytes) -> bytes:
    sizes = {0x04: 65, 0x00: 1}
    if not public_key or len(public_key) != sizes.get(public_key[0], 33):
        raise FirmwareError("")  # an assertion of the firmware
    return hash160(public_key)


def _require(matches: bool, what: str) -> None:
    if not matches:
        raise DataError(f"Invalid {what} hash")


def _group(script: bytes, signatures: tuple[Signature, ...]) -> SpendingData:
    keys, threshold = _parse(script, _read_multisig_script, "Invalid multisig script")
    return SpendingData(keys, signatures, threshold)


def _native(script_pubkey: bytes, witness: bytes) -> SpendingData:
    if not witness:
        raise DataError("Signature data not provided")
    if len(script_pubkey) == 22:
        key, signature = _parse(witness, _read_p2wpkh, "Invalid witness.")
        _require(witness_script(0, _key_hash(key)) == script_pubkey, "public key")
        return SpendingData((key,), (signature,))
    if len(script_pubkey) == 34 and script_pubkey[0] == 0:
        script, signatures = _parse(witness, _read_p2wsh_multisig, "Invalid witness.")
        _require(witness_script(0, hashlib.sha256(script).digest()) == script_pubkey, "script")
        return _group(script, signatures)
    if len(script_pubkey) == 34 and script_pubkey[0] == 0x51:
        if script_pubkey[1] != 32:
            raise DataError("Invalid scriptPubKey.")
        signature = _parse(witness, _read_p2tr, "Invalid witness.")
        return SpendingData((script_pubkey[2:],), (signature,), is_taproot=True)
    raise DataError("Unsupported signature script")


def _nested(script_pubkey: bytes, script_sig: bytes, witness: bytes) -> SpendingData:
    if len(script_sig) == 23:
        key, signature = _parse(witness, _read_p2wpkh, "Invalid witness.")
        _require(push(witness_script(0, _key_hash(key))) == script_sig, "public key")
        data = SpendingData((key,), (signature,))
        _require(p2sh_script(hash160(script_sig[1:])) == script_pubkey, "script")
        return data
    if len(script_sig) == 35:
        script, signatures = _parse(witness, _read_p2wsh_multisig, "Invalid witness.")
        _require(push(witness_script(0, hashlib.sha256(script).digest())) == script_sig, "script")
        _require(p2sh_script(hash160(script_sig[1:])) == script_pubkey, "script")
        return _group(script, signatures)
    raise DataError("Unsupported signature script")


def _legacy(script_pubkey: bytes, script_sig: bytes) -> SpendingData:
    if len(script_pubkey) == 25:
        key, signature = _parse(script_sig, _read_p2pkh, "Invalid scriptSig.")
        _require(p2pkh_script(_key_hash(key)) == script_pubkey, "public key")
        return SpendingData((key,), (signature,))
    if len(script_pubkey) == 23:
        script, signatures = _parse(script_sig, _read_p2sh_multisig, "Invalid scriptSig.")
        _require(p2sh_script(hash160(script)) == script_pubkey, "script")
        return _group(script, signatures)
    raise DataError("Unsupported signature script")


def spending_data(script_pubkey: bytes, script_sig: bytes | None, witness: bytes | None) -> SpendingData:
    """What a scriptSig and a witness (with its item count) say. Raises DataError."""
    script_pubkey, script_sig, witness = bytes(script_pubkey), bytes(script_sig or b""), bytes(witness or b"")
    if not script_sig:
        data = _native(script_pubkey, witness)
    elif witness and witness != _NO_WITNESS:
        data = _nested(script_pubkey, script_sig, witness)
    else:
        data = _legacy(script_pubkey, script_sig)
    if data.threshold != len(data.signatures):
        raise DataError("Invalid signature")
    return data
