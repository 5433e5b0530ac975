"""Standard output scripts made from keys, and the pushes that open them (BIP16, 141, 341, 67).

Only these scripts are ever ours; a group's keys are sorted here, whatever order they come in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final, Literal

from vault.address import hash160

Kind = Literal["p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr", "p2wsh", "p2sh-p2wsh"]

SINGLE_KINDS: Final[tuple[Kind, ...]] = ("p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr")
GROUP_KINDS: Final[tuple[Kind, ...]] = ("p2wsh", "p2sh-p2wsh")
KINDS: Final[tuple[Kind, ...]] = SINGLE_KINDS + GROUP_KINDS
# 15 keys make a script of 513 bytes: devices take no more, and OP_CHECKMULTISIG's 20 need another form.
MAX_KEYS: Final = 15

_OP_CHECKMULTISIG: Final = b"\xae"
_SCRIPT_LENGTHS: Final[dict[Kind, int]] = {
    "p2pkh": 25,
    "p2sh-p2wpkh": 23,
    "p2wpkh": 22,
    "p2tr": 34,
    "p2wsh": 34,
    "p2sh-p2wsh": 23,
}


def script_length(kind: Kind) -> int:
    """The length of every output script of a kind."""
    return _SCRIPT_LENGTHS[kind]


def p2pkh(key_hash: bytes) -> bytes:
    """Pay to the hash of a public key; also BIP143's script code of a key hash."""
    return b"\x76\xa9\x14" + key_hash + b"\x88\xac"


def p2sh(redeem_script: bytes) -> bytes:
    """Pay to the hash of a script."""
    return b"\xa9\x14" + hash160(redeem_script) + b"\x87"


def p2wpkh(key: bytes) -> bytes:
    """Witness program version 0 of a compressed key."""
    return b"\x00\x14" + hash160(key)


def p2wsh(witness_script: bytes) -> bytes:
    """Witness program version 0 of a script."""
    return b"\x00\x20" + hashlib.sha256(witness_script).digest()


def p2tr(output_key: bytes) -> bytes:
    """Witness program version 1 of an x-only output key."""
    return b"\x51\x20" + output_key


def multisig(threshold: int, keys: Sequence[bytes]) -> bytes:
    """``threshold`` of the keys, which stand sorted (BIP67)."""
    pushed = b"".join(push(key) for key in sorted(keys))
    return bytes([0x50 + threshold]) + pushed + bytes([0x50 + len(keys)]) + _OP_CHECKMULTISIG


def push(data: bytes) -> bytes:
    """The direct push of up to 75 bytes."""
    if len(data) > 75:
        raise ValueError(f"expected at most 75 bytes to push, found {len(data)}")
    return bytes([len(data)]) + data
