"""What the key and the value of a PSBT field must look like (BIP174, 370, 371); every check is of form only.

A check answers False, or raises a `PsbtError` that says more; it never judges what a value means.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from vault.address import hash160, ripemd160, sha256d
from vault.bitcoin.transaction import MAX_MONEY, Transaction, TxOut
from vault.bitcoin.wire import Reader
from vault.errors import PsbtError

Check = Callable[[bytes], bool]
PairCheck = Callable[[bytes, bytes], bool]

MAX_TAPROOT_DEPTH: Final = 128
MAX_STEPS: Final = 255  # BIP32 keeps the depth in one byte
# Lock times from here on are seconds since 1970, below they are block heights (BIP65).
LOCKTIME_THRESHOLD: Final = 500_000_000

# Items a script may begin with: a thousand on the stack, those its first opcode takes, script, control
# block and annex (Bitcoin Core, MAX_STACK_SIZE; OP_CHECKMULTISIG takes up to 43).
MAX_WITNESS_ITEMS: Final = 1_046

_SIGHASHES: Final = frozenset({0x01, 0x02, 0x03, 0x81, 0x82, 0x83})
_XPUB_DEPTH: Final = 4
_XPUB_KEY: Final = 45


def anything(_: bytes) -> bool:
    return True


def length(*allowed: int) -> Check:
    return lambda data: len(data) in allowed


nothing: Final = length(0)


def public_key(data: bytes) -> bool:
    return (len(data) == 33 and data[0] in {2, 3}) or (len(data) == 65 and data[0] == 4)


def extended_key(data: bytes) -> bool:
    """A public one: the private form has a zero byte before its key."""
    return len(data) == 78 and data[_XPUB_KEY] in {2, 3}


def steps(data: bytes) -> bool:
    """A fingerprint, then the path."""
    return 4 <= len(data) <= 4 + 4 * MAX_STEPS and len(data) % 4 == 0


def as_deep_as_its_key(key: bytes, value: bytes) -> bool:
    return key[_XPUB_DEPTH] == len(value) // 4 - 1


def reads(parse: Callable[[Reader], object]) -> Check:
    """A check that holds when `parse` takes all of the value."""

    def check(data: bytes) -> bool:
        reader = Reader(data, "value")
        try:
            parse(reader)
        except PsbtError:
            return False
        return reader.left == 0

    return check


def one_count(reader: Reader) -> None:
    reader.compact_size()


def stack(reader: Reader) -> None:
    number = reader.count(1)
    if number > MAX_WITNESS_ITEMS:
        raise PsbtError("bad_value", f"expected at most {MAX_WITNESS_ITEMS} witness items, found {number}")
    for _ in range(number):
        reader.counted()


def proprietary(reader: Reader) -> None:
    """Identifier, subtype, and whatever its user likes."""
    reader.counted()
    reader.compact_size()
    reader.take(reader.left)


def taproot_origin(reader: Reader) -> None:
    reader.take(32 * reader.count(32))
    if not steps(reader.take(reader.left)):
        raise PsbtError("bad_value", "expected a fingerprint and a path")


def taproot_tree(reader: Reader) -> None:
    """Leaves in depth-first order: depth, leaf version, script; together they must form one tree."""
    depths: list[int] = []
    while True:
        depth, version = reader.integer(1), reader.integer(1)
        reader.counted()
        if depth > MAX_TAPROOT_DEPTH or version & 1:
            raise PsbtError("bad_value", "expected a depth of at most 128 and an even leaf version")
        depths.append(depth)
        while len(depths) > 1 and depths[-1] == depths[-2]:
            depths[-2:] = [depths[-1] - 1]
        # A whole tree takes no further leaf, nor one that is less deep than what waits for its other half.
        if not reader.left or depths == [0] or depths[-2:] != sorted(depths[-2:]):
            break
    if depths != [0] or reader.left:
        raise PsbtError("bad_value", "expected leaves that form one tree")


def transaction(data: bytes) -> bool:
    Transaction.parse(data)
    return True


def output(data: bytes) -> bool:
    return require_amount(TxOut.parse(data).value)


def amount(data: bytes) -> bool:
    return len(data) == 8 and require_amount(int.from_bytes(data, "little"))


def require_amount(value: int, name: str = "") -> bool:
    """True, or a `PsbtError` (``psbt.bad_amount``): negative numbers are the large ones here."""
    if value > MAX_MONEY:
        raise PsbtError("bad_amount", f"{name}expected at most {MAX_MONEY} sat, found {value}")
    return True


def lock_time(data: bytes) -> bool:
    return len(data) == 4 and int.from_bytes(data, "little") >= LOCKTIME_THRESHOLD


def lock_height(data: bytes) -> bool:
    return len(data) == 4 and 0 < int.from_bytes(data, "little") < LOCKTIME_THRESHOLD


def control_block(data: bytes) -> bool:
    return 33 <= len(data) <= 33 + 32 * MAX_TAPROOT_DEPTH and (len(data) - 33) % 32 == 0


def leaf(data: bytes) -> bool:
    return len(data) >= 1 and not data[-1] & 1


def of_the_leaf_version(control: bytes, value: bytes) -> bool:
    """The control block names the leaf version too (BIP341)."""
    return control[0] & 0xFE == value[-1]


def ecdsa_signature(data: bytes) -> bool:
    """Strict DER (BIP66) and a known sighash byte behind it: what a node would look at.

    Raises `PsbtError` (``psbt.signature_encoding``) when it is as long as a signature but none.
    """
    if not 9 <= len(data) <= 73:
        return False
    if not (strict_der(data[:-1]) and data[-1] in _SIGHASHES):
        raise PsbtError("signature_encoding", f"expected strict DER and a sighash byte, found {data.hex()}")
    return True


def strict_der(data: bytes) -> bool:
    """BIP66's rules for an ECDSA signature, without the sighash byte."""
    reader = Reader(data, "signature")
    try:
        if reader.integer(1) != 0x30 or reader.integer(1) != reader.left:
            return False
        both = _der_integer(reader) and _der_integer(reader)
    except PsbtError:
        return False
    return both and not reader.left


def _der_integer(reader: Reader) -> bool:
    if reader.integer(1) != 0x02:
        return False
    item = reader.take(reader.integer(1))
    if not item or item[0] & 0x80:
        return False
    return not (len(item) > 1 and item[0] == 0 and not item[1] & 0x80)


def schnorr_signature(data: bytes) -> bool:
    return len(data) == 64 or (len(data) == 65 and data[-1] in _SIGHASHES)


def utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def ripemd160_of(digest: bytes, preimage: bytes) -> bool:
    return ripemd160(preimage) == digest


def sha256_of(digest: bytes, preimage: bytes) -> bool:
    return hashlib.sha256(preimage).digest() == digest


def hash160_of(digest: bytes, preimage: bytes) -> bool:
    return hash160(preimage) == digest


def hash256_of(digest: bytes, preimage: bytes) -> bool:
    return sha256d(preimage) == digest
