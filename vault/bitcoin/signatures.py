"""Signatures as a device returns them: count, encoding, and whether each signs OUR digest with OUR key.

Refuses anything but strict DER with low s (ECDSA) or 64 bytes (Schnorr); a refusal says what the
signature is instead, where that can be found out.
"""

from __future__ import annotations

from typing import Final

from vault.bip32 import taproot_output_key
from vault.bitcoin.sighash import SIGHASH_ALL, SighashParts
from vault.bitcoin.spend import VerifiedInput, VerifiedSpend
from vault.bitcoin.transaction import Transaction
from vault.errors import PsbtError

_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
# Where a device that signs with the wrong key of the right seed is looked for, to name the mistake.
_SIBLINGS: Final = 20


def checked_signatures(verified: VerifiedSpend, given: tuple[tuple[int, bytes], ...]) -> tuple[bytes, ...]:
    """The signatures in the inputs' order, each proven. Raises `PsbtError`."""
    placed = _placed(given, len(verified.inputs))
    parts = SighashParts.of(verified.unsigned, [each.spent for each in verified.inputs])
    for number, (coin, signature) in enumerate(zip(verified.inputs, placed, strict=True)):
        _require_encoding(number, coin, signature)
        if not _signs(coin, signature, parts.digest(number)):
            raise _refusal(verified, parts, number, signature)
    return placed


def signatures_of_witnesses(verified: VerifiedSpend, returned: Transaction) -> tuple[tuple[int, bytes], ...]:
    """The signatures out of a returned transaction's witnesses, whose form must be ours."""
    found = []
    for number, (coin, tx_in) in enumerate(zip(verified.inputs, returned.inputs, strict=True)):
        witness = tx_in.witness
        if not witness:
            continue
        if _is_taproot(coin):
            if len(witness) != 1:
                raise _witness_form(number, 1, len(witness))
            found.append((number, witness[0]))
            continue
        if len(witness) != 2:
            raise _witness_form(number, 2, len(witness))
        signature, key = witness
        if key != coin.key:
            raise PsbtError(
                "witness_key", f"input {number}: expected key {coin.key.hex()}, found {key[:80].hex()}"
            )
        if signature[-1:] != bytes([SIGHASH_ALL]):
            raise _sighash(number)
        found.append((number, signature[:-1]))
    return tuple(found)


def _witness_form(number: int, expected: int, found: int) -> PsbtError:
    return PsbtError("witness_form", f"input {number}: expected {expected} witness item(s), found {found}")


def _placed(given: tuple[tuple[int, bytes], ...], inputs: int) -> tuple[bytes, ...]:
    placed: dict[int, bytes] = {}
    for number, signature in given:
        if not 0 <= number < inputs:
            raise PsbtError(
                "signature_unplaced",
                f"expected signatures for inputs 0 to {inputs - 1}, found one for {number}",
            )
        if number in placed:
            raise PsbtError("signature_twice", f"input {number}: expected one signature, found two")
        placed[number] = signature
    missing = [number for number in range(inputs) if not placed.get(number)]
    if missing:
        raise PsbtError(
            "signature_missing",
            f"expected a signature for each of {inputs} inputs, found none for {missing}",
            hint="A device with another passphrase returns unsigned inputs: check its wallet.",
        )
    return tuple(placed[number] for number in range(inputs))


def _is_taproot(coin: VerifiedInput) -> bool:
    return coin.script[:2] == b"\x51\x20"


def _require_encoding(number: int, coin: VerifiedInput, signature: bytes) -> None:
    if _is_taproot(coin):
        if len(signature) == 65:
            raise _sighash(number)
        if len(signature) != 64:
            raise _encoding(number, "64 bytes (BIP340)", signature)
        return
    if not is_strict_der(signature):
        if signature[-1] <= 0x83 and is_strict_der(signature[:-1]):
            raise _sighash(number)
        raise _encoding(number, "strict DER (BIP66)", signature)
    if int.from_bytes(_der_s(signature), "big") > _HALF_ORDER:
        raise PsbtError(
            "signature_high_s",
            f"input {number}: expected a low s (BIP146), found a high one",
            hint="Anyone can turn one into the other; nodes do not relay the high form.",
        )


def _encoding(number: int, expected: str, signature: bytes) -> PsbtError:
    return PsbtError(
        "signature_encoding",
        f"input {number}: expected {expected}, found {len(signature)} bytes {signature[:80].hex()}",
    )


def _sighash(number: int) -> PsbtError:
    return PsbtError(
        "signature_sighash",
        f"input {number}: expected a signature over the whole transaction, found another or explicit "
        "sighash type",
    )


def is_strict_der(signature: bytes) -> bool:
    """BIP66's rules for an ECDSA signature, without the sighash byte."""
    if not 8 <= len(signature) <= 72 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return False
    r_length = signature[3]
    if r_length + 6 > len(signature):
        return False
    s_length = signature[5 + r_length]
    if r_length + s_length + 6 != len(signature):
        return False
    return _der_integer(signature[2 : 4 + r_length]) and _der_integer(signature[4 + r_length :])


def _der_integer(item: bytes) -> bool:
    if item[0] != 0x02 or len(item) < 3 or item[2] & 0x80:
        return False
    return not (len(item) > 3 and item[2] == 0 and not item[3] & 0x80)


def _der_s(signature: bytes) -> bytes:
    return signature[6 + signature[3] :]


def _signs(coin: VerifiedInput, signature: bytes, digest: bytes) -> bool:
    return _valid(taproot=_is_taproot(coin), key=coin.key, signature=signature, digest=digest)


def _valid(*, taproot: bool, key: bytes, signature: bytes, digest: bytes) -> bool:
    """Whether `signature` signs `digest` with `key` (for taproot: with its BIP86 output key)."""
    from coincurve import PublicKey, PublicKeyXOnly

    try:
        if taproot:
            return bool(PublicKeyXOnly(taproot_output_key(key[1:])).verify(signature, digest))
        return bool(PublicKey(key).verify(signature, digest, hasher=None))
    except ValueError:
        return False


def _refusal(verified: VerifiedSpend, parts: SighashParts, number: int, signature: bytes) -> PsbtError:
    """Why a well-formed signature does not hold, as far as it can be known."""
    for other, coin in enumerate(verified.inputs):
        if other != number and _signs(coin, signature, parts.digest(other)):
            return PsbtError(
                "signature_swapped",
                f"input {number}: expected its own signature, found that of input {other}",
            )
    descriptor, taproot = verified.expected.descriptor, _is_taproot(verified.inputs[number])
    digest = parts.digest(number)
    for index in range(_SIBLINGS):
        for change in (False, True):
            key = descriptor.key(change, index)
            if _valid(taproot=taproot, key=key, signature=signature, digest=digest):
                return PsbtError(
                    "signature_other_key",
                    f"input {number}: expected the key at {list(verified.inputs[number].path)}, found a "
                    f"signature of our key at {list(descriptor.path(change, index))}",
                )
    return PsbtError(
        "signature_invalid",
        f"input {number}: expected a signature of {verified.inputs[number].key.hex()} over transaction "
        f"{verified.txid}, found one that does not verify",
        hint="Another seed or passphrase, or the device signed another transaction. Do not broadcast.",
    )
