"""Signatures as a device returns them: encoding, and whether each signs OUR digest with OUR key.

Refuses anything but strict DER with a low s (ECDSA) or 64 bytes (Schnorr); a refusal says whose digest
a misplaced signature signs, where that can be found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vault.device.bitcoin.scripts import Lock
from vault.device.bitcoin.sighash import Digests
from vault.errors import DeceivedError

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
HINT: Final = "Do not broadcast anything. Unplug the device and find out what is wrong with it."


def is_strict_der(signature: bytes) -> bool:
    """Whether this is an ECDSA signature in the strict DER of BIP66, without the sighash byte."""
    if not 8 <= len(signature) <= 72 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return False
    rest = signature[2:]
    for _ in range(2):
        if len(rest) < 3 or rest[0] != 0x02:
            return False
        size, number = rest[1], rest[2 : 2 + rest[1]]
        if not 1 <= size <= 33 or len(number) != size or number[0] & 0x80:
            return False
        if size > 1 and number[0] == 0 and not number[1] & 0x80:
            return False
        rest = rest[2 + size :]
    return not rest


def require_form(index: int, lock: Lock, signature: bytes) -> None:
    """The encoding that the kind of output takes. Raises `DeceivedError` (``device.bad_signature``)."""
    good = len(signature) == 64 if lock.kind == "p2tr" else is_strict_der(signature)
    if not good:
        what = f"{len(signature)} bytes that are none"
    elif lock.kind != "p2tr" and int.from_bytes(signature[6 + signature[3] :], "big") > _HALF_ORDER:
        what = "one with a high s, which nodes do not relay (BIP146)"
    else:
        return
    raise DeceivedError(
        "bad_signature",
        f"input {index}: expected a signature for {lock.kind}, found {what}",
        hint=HINT,
    )


def holds(lock: Lock, key: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether `signature` signs `digest` with `key`; for p2tr with the output key of the lock."""
    from coincurve import PublicKey, PublicKeyXOnly

    try:
        if lock.kind == "p2tr":
            return bool(PublicKeyXOnly(lock.script_pubkey[2:]).verify(signature, digest))
        return bool(PublicKey(key).verify(signature, digest, hasher=None))
    except ValueError:
        return False


def require_valid(digests: Digests, index: int, lock: Lock, key: bytes, signature: bytes) -> None:
    """The signature signs that input with its key. Raises `DeceivedError` (``invalid_signature``)."""
    if not holds(lock, key, signature, digests.of(index)):
        raise DeceivedError(
            "invalid_signature",
            f"input {index}: expected a signature of {key.hex()} over the transaction that was asked for, "
            "found one that does not verify",
            hint="Another key, or another transaction was signed. " + HINT,
        )


def require_all_valid(
    digests: Digests, locks: Sequence[Lock], keys: Sequence[bytes], signatures: Sequence[bytes]
) -> None:
    """The same for every input of a pass; a signature in another's place is named.

    Raises `DeceivedError`: ``swapped_signature``, ``invalid_signature``.
    """
    for index, (lock, key, signature) in enumerate(zip(locks, keys, signatures, strict=True)):
        try:
            require_valid(digests, index, lock, key, signature)
        except DeceivedError:
            for other, (lock_there, key_there) in enumerate(zip(locks, keys, strict=True)):
                if other != index and holds(lock_there, key_there, signature, digests.of(other)):
                    raise DeceivedError(
                        "swapped_signature",
                        f"input {index}: expected its own signature, found that of input {other}",
                        hint=HINT,
                    ) from None
            raise
