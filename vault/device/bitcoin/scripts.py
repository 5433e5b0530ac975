"""Output scripts from keys, and what each demands of its spender; OP_RETURN data from its script.

Refuses a key that is no compressed point, groups outside of 2 to 15 keys, and an OP_RETURN script that
is anything but one push in its shortest form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vault.address import hash160
from vault.errors import DeviceError

MAX_KEYS: Final = 15  # what the devices take, and what fits a p2sh redeem script
MAX_OP_RETURN: Final = 80  # nodes relay no more by default, and a OneKey Classic 1S crashes at 81
SINGLE_KINDS: Final = ("p2pkh", "p2sh-p2wpkh", "p2wpkh", "p2tr")
GROUP_KINDS: Final = ("p2sh", "p2sh-p2wsh", "p2wsh")

_OP_RETURN: Final = b"\x6a"
_OP_CHECKMULTISIG: Final = b"\xae"
_OMNI: Final = b"omni"  # devices show such data as a transaction of the Omni layer, not as data
_TWEAK_TAG: Final = hashlib.sha256(b"TapTweak").digest() * 2


@dataclass(frozen=True, slots=True)
class Lock:
    """An output script, and what opens it: keys (sorted, for a group), `redeem` under p2sh, `witness`
    script under p2wsh. Only scripts this module made from keys are ever signed for.
    """

    kind: str
    script_pubkey: bytes
    keys: tuple[bytes, ...]
    threshold: int = 1
    redeem: bytes = b""
    witness: bytes = b""


def single_lock(kind: str, key: bytes) -> Lock:
    """The lock of one compressed key. Raises `DeviceError` (``device.bad_key``)."""
    if len(key) != 33 or key[0] not in {2, 3}:
        raise DeviceError("bad_key", f"expected a compressed public key, found {len(key)} bytes")
    if kind == "p2tr":
        return Lock(kind, b"\x51\x20" + _output_key(key[1:]), (key,))
    pkh = hash160(key)
    if kind == "p2pkh":
        return Lock(kind, b"\x76\xa9\x14" + pkh + b"\x88\xac", (key,))
    program = b"\x00\x14" + pkh
    if kind == "p2sh-p2wpkh":
        return Lock(kind, _p2sh(program), (key,), redeem=program)
    return Lock(kind, program, (key,))


def group_lock(kind: str, threshold: int, keys: Sequence[bytes]) -> Lock:
    """The lock of a group; the keys are sorted here (BIP67). Raises `DeviceError`."""
    # Core firmware signs a group of one as if it were a key hash.
    if not 1 <= threshold <= len(keys) or not 2 <= len(keys) <= MAX_KEYS or len(set(keys)) != len(keys):
        raise DeviceError(
            "bad_group",
            f"expected 2 to {MAX_KEYS} different keys and a threshold within them, "
            f"found {threshold} of {len(keys)}",
        )
    ordered = tuple(sorted(keys))
    script = bytes([0x50 + threshold]) + b"".join(b"\x21" + key for key in ordered)
    script += bytes([0x50 + len(ordered)]) + _OP_CHECKMULTISIG
    if kind == "p2sh":
        return Lock(kind, _p2sh(script), ordered, threshold, redeem=script)
    program = b"\x00\x20" + hashlib.sha256(script).digest()
    if kind == "p2sh-p2wsh":
        return Lock(kind, _p2sh(program), ordered, threshold, redeem=program, witness=script)
    return Lock(kind, program, ordered, threshold, witness=script)


def _p2sh(redeem: bytes) -> bytes:
    return b"\xa9\x14" + hash160(redeem) + b"\x87"


def _output_key(internal: bytes) -> bytes:
    """BIP341: Q = lift_x(P) + int(hash_TapTweak(P)) * G, without scripts (BIP86)."""
    from coincurve import PublicKey

    try:
        tweak = hashlib.sha256(_TWEAK_TAG + internal).digest()
        return PublicKey(b"\x02" + internal).add(tweak).format()[1:]
    except ValueError:
        raise DeviceError("bad_key", "expected a point of the curve") from None


def push(data: bytes) -> bytes:
    """The shortest direct push of up to 65535 bytes."""
    size = len(data)
    if size < 0x4C:
        return bytes([size]) + data
    if size <= 0xFF:
        return b"\x4c" + bytes([size]) + data
    return b"\x4d" + size.to_bytes(2, "little") + data


def dust_limit(script: bytes) -> int:
    """The least satoshi of an output that nodes relay: three for each byte of making and spending it.

    GetDustThreshold in policy/policy.cpp of Bitcoin Core, at its default rate.
    """
    witness_program = (
        len(script) >= 4 and script[0] in {0, *range(0x51, 0x61)} and script[1] == len(script) - 2
    )
    return 3 * (8 + 1 + len(script) + (67 if witness_program else 148))


def op_return_data(script: bytes) -> bytes:
    """The data of ``OP_RETURN <data>``, from which a device builds the same script again.

    Raises `DeviceError` (``device.op_return_unsupported``): no data, several pushes, a longer form.
    """
    for header in (1, 2):  # a direct push, or PUSHDATA1
        data = script[1 + header :]
        if data.startswith(_OMNI):
            break
        if 0 < len(data) <= MAX_OP_RETURN and _OP_RETURN + push(data) == script:
            return data
    raise DeviceError(
        "op_return_unsupported",
        f"expected OP_RETURN and one push of 1 to {MAX_OP_RETURN} bytes (none of Omni) in its shortest form, "
        f"found {script[:100].hex()}",
        hint="A device takes the data only and builds its own script, which would be another one.",
    )
