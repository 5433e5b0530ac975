"""Verifies signatures that came from elsewhere: presigned inputs, original transactions, proofs.

Refuses a hash type other than the expected ones, a signature that is not strict DER, and one that
none of the keys (in their order) has made.
"""

from __future__ import annotations

from collections.abc import Iterator

from coincurve import PublicKey, PublicKeyXOnly

from ...errors import DataError
from ...keys import ORDER
from .byte_reader import ByteReader
from .input_scripts import SpendingData, spending_data

_SEQUENCE, _INTEGER = 0x30, 0x02


def _der_length(reader: ByteReader) -> int:
    first = reader.byte()
    if first < 0x80:
        return first
    size = int.from_bytes(reader.take(first & 0x7F), "big")
    if first in (0x80, 0xFF) or size < 0x80 or size.bit_length() <= 8 * ((first & 0x7F) - 1):
        raise ValueError("not the shortest length")
    return size


def _der_integer(reader: ByteReader) -> int:
    if reader.byte() != _INTEGER:
        raise ValueError("an integer is expected")
    data = reader.take(_der_length(reader))
    if not data or data[0] & 0x80:
        raise ValueError("not a positive integer")
    if len(data) > 1 and data[0] == 0 and not data[1] & 0x80:
        raise ValueError("padded integer")
    number = int.from_bytes(data, "big")
    if number.bit_length() > 256:
        raise ValueError("integer too large")
    return number


def _der_numbers(signature: bytes) -> tuple[int, int]:
    reader = ByteReader(signature)
    if reader.byte() != _SEQUENCE or _der_length(reader) != reader.left:
        raise ValueError("not a sequence")
    r, s = _der_integer(reader), _der_integer(reader)
    if reader.left:
        raise ValueError("bytes left over")
    return r, s


def _der(r: int, s: int) -> bytes:
    def integer(number: int) -> bytes:
        data = number.to_bytes(number.bit_length() // 8 + 1, "big")
        return bytes([_INTEGER, len(data)]) + data

    body = integer(r) + integer(s)
    return bytes([_SEQUENCE, len(body)]) + body


def _ecdsa_valid(public_key: bytes, numbers: tuple[int, int], digest: bytes) -> bool:
    r, s = numbers
    low = _der(r, min(s, ORDER - s)) if 0 < s < ORDER else _der(r, s)  # high s is accepted, too
    try:
        return bool(PublicKey(public_key).verify(low, digest, hasher=None))
    except ValueError:
        return False


def is_der_signature(signature: bytes) -> bool:
    """Whether these bytes are r and s in strict DER."""
    try:
        _der_numbers(signature)
    except ValueError:
        return False
    return True


def is_ecdsa_signature(public_key: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether a DER signature is that key's."""
    return is_der_signature(signature) and _ecdsa_valid(public_key, _der_numbers(signature), digest)


def is_schnorr_signature(x_only_key: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether a BIP340 signature is that key's."""
    try:
        return bool(PublicKeyXOnly(x_only_key).verify(signature, digest))
    except ValueError:
        return False


def _check_ecdsa(data: SpendingData, digest: bytes) -> None:
    keys: Iterator[bytes] = iter(data.public_keys)
    for signature in data.signatures:
        try:
            numbers = _der_numbers(signature.data)
        except ValueError:
            raise DataError("Invalid signature") from None
        if not any(_ecdsa_valid(key, numbers, digest) for key in keys):
            raise DataError("Invalid signature")


def _check_schnorr(data: SpendingData, digest: bytes) -> None:
    if not is_schnorr_signature(data.public_keys[0], data.signatures[0].data, digest):
        raise DataError("Invalid signature")


class SignatureVerifier:
    """The signatures of one input, ready to be checked against a digest."""

    def __init__(self, script_pubkey: bytes, script_sig: bytes | None, witness: bytes | None) -> None:
        self._data = spending_data(script_pubkey, script_sig, witness)
        self.public_keys = self._data.public_keys
        self.threshold = self._data.threshold

    def require_hash_type(self, *allowed: int) -> None:
        """Raises DataError if a signature covers less, or other things, than expected."""
        if any(signature.hash_type not in allowed for signature in self._data.signatures):
            raise DataError("Unsupported sighash type")

    def verify(self, digest: bytes) -> None:
        """Raises DataError unless every signature is right."""
        check = _check_schnorr if self._data.is_taproot else _check_ecdsa
        check(self._data, digest)
