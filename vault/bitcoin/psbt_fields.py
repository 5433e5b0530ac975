"""Field types of a version 0 PSBT and what each key and value must look like (BIP174, BIP371).

Refuses keys of the wrong length and values that do not read; fields it does not know are no error
here (they are kept byte for byte), it is the verifier that refuses them.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Final

from vault.bitcoin.transaction import Transaction, TxOut
from vault.bitcoin.wire import Reader
from vault.errors import PsbtError

Check = Callable[[bytes], bool]

MAX_TAPROOT_DEPTH: Final = 128


class Global(IntEnum):
    """Types of the global map."""

    UNSIGNED_TX = 0x00
    XPUB = 0x01
    VERSION = 0xFB
    PROPRIETARY = 0xFC


class In(IntEnum):
    """Types of an input map."""

    NON_WITNESS_UTXO = 0x00
    WITNESS_UTXO = 0x01
    PARTIAL_SIG = 0x02
    SIGHASH_TYPE = 0x03
    REDEEM_SCRIPT = 0x04
    WITNESS_SCRIPT = 0x05
    BIP32_DERIVATION = 0x06
    FINAL_SCRIPTSIG = 0x07
    FINAL_SCRIPTWITNESS = 0x08
    POR_COMMITMENT = 0x09
    RIPEMD160 = 0x0A
    SHA256 = 0x0B
    HASH160 = 0x0C
    HASH256 = 0x0D
    TAP_KEY_SIG = 0x13
    TAP_SCRIPT_SIG = 0x14
    TAP_LEAF_SCRIPT = 0x15
    TAP_BIP32_DERIVATION = 0x16
    TAP_INTERNAL_KEY = 0x17
    TAP_MERKLE_ROOT = 0x18
    PROPRIETARY = 0xFC


class Out(IntEnum):
    """Types of an output map."""

    REDEEM_SCRIPT = 0x00
    WITNESS_SCRIPT = 0x01
    BIP32_DERIVATION = 0x02
    TAP_INTERNAL_KEY = 0x05
    TAP_TREE = 0x06
    TAP_BIP32_DERIVATION = 0x07
    PROPRIETARY = 0xFC


# Fields that exist in version 2 only (BIP370); a version 0 PSBT with one of them is invalid.
VERSION_2_ONLY: Final[dict[str, frozenset[int]]] = {
    "global": frozenset(range(0x02, 0x07)),
    "input": frozenset(range(0x0E, 0x13)),
    "output": frozenset({0x03, 0x04}),
}


def _length(*allowed: int) -> Check:
    return lambda data: len(data) in allowed


def _any(_: bytes) -> bool:
    return True


def _public_key(data: bytes) -> bool:
    return (len(data) == 33 and data[0] in {2, 3}) or (len(data) == 65 and data[0] == 4)


def _steps(data: bytes) -> bool:
    return 4 <= len(data) <= 4 * 256 and len(data) % 4 == 0


def _reads(parse: Callable[[Reader], object]) -> Check:
    """A check that holds when `parse` takes all of the value."""

    def check(data: bytes) -> bool:
        reader = Reader(data, "value")
        try:
            parse(reader)
        except PsbtError:
            return False
        return reader.left == 0

    return check


def _stack(reader: Reader) -> None:
    for _ in range(reader.count(1)):
        reader.counted()


def _taproot_origin(reader: Reader) -> None:
    reader.take(32 * reader.count(32))
    if not _steps(reader.take(reader.left)):
        raise PsbtError("bad_value", "expected a fingerprint and a path")


def _taproot_tree(reader: Reader) -> None:
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
        if not reader.left:
            break
    if depths != [0]:
        raise PsbtError("bad_value", "expected leaves that form one tree")


def _transaction(data: bytes) -> bool:
    Transaction.parse(data)
    return True


def _output(data: bytes) -> bool:
    TxOut.parse(data)
    return True


def _control_block(data: bytes) -> bool:
    return 33 <= len(data) <= 33 + 32 * MAX_TAPROOT_DEPTH and (len(data) - 33) % 32 == 0


def _leaf(data: bytes) -> bool:
    return len(data) >= 1 and not data[-1] & 1


_EMPTY: Final = _length(0)
_ORIGIN: Final = (_public_key, _steps)
_TAPROOT_ORIGIN: Final = (_length(32), _reads(_taproot_origin))
_PROPRIETARY: Final = (
    _reads(lambda reader: (reader.counted(), reader.compact_size(), reader.take(reader.left))),
    _any,
)

# For each map: field type -> (check of the key's data, check of the value).
CHECKS: Final[dict[str, dict[int, tuple[Check, Check]]]] = {
    "global": {
        Global.UNSIGNED_TX: (_EMPTY, _any),
        Global.XPUB: (_length(78), _steps),
        Global.VERSION: (_EMPTY, _length(4)),
        Global.PROPRIETARY: _PROPRIETARY,
    },
    "input": {
        In.NON_WITNESS_UTXO: (_EMPTY, _transaction),
        In.WITNESS_UTXO: (_EMPTY, _output),
        In.PARTIAL_SIG: (_public_key, lambda value: 9 <= len(value) <= 73),
        In.SIGHASH_TYPE: (_EMPTY, _length(4)),
        In.REDEEM_SCRIPT: (_EMPTY, _any),
        In.WITNESS_SCRIPT: (_EMPTY, _any),
        In.BIP32_DERIVATION: _ORIGIN,
        In.FINAL_SCRIPTSIG: (_EMPTY, _any),
        In.FINAL_SCRIPTWITNESS: (_EMPTY, _reads(_stack)),
        In.POR_COMMITMENT: (_EMPTY, _any),
        In.RIPEMD160: (_length(20), _any),
        In.SHA256: (_length(32), _any),
        In.HASH160: (_length(20), _any),
        In.HASH256: (_length(32), _any),
        In.TAP_KEY_SIG: (_EMPTY, _length(64, 65)),
        In.TAP_SCRIPT_SIG: (_length(64), _length(64, 65)),
        In.TAP_LEAF_SCRIPT: (_control_block, _leaf),
        In.TAP_BIP32_DERIVATION: _TAPROOT_ORIGIN,
        In.TAP_INTERNAL_KEY: (_EMPTY, _length(32)),
        In.TAP_MERKLE_ROOT: (_EMPTY, _length(32)),
        In.PROPRIETARY: _PROPRIETARY,
    },
    "output": {
        Out.REDEEM_SCRIPT: (_EMPTY, _any),
        Out.WITNESS_SCRIPT: (_EMPTY, _any),
        Out.BIP32_DERIVATION: _ORIGIN,
        Out.TAP_INTERNAL_KEY: (_EMPTY, _length(32)),
        Out.TAP_TREE: (_EMPTY, _reads(_taproot_tree)),
        Out.TAP_BIP32_DERIVATION: _TAPROOT_ORIGIN,
        Out.PROPRIETARY: _PROPRIETARY,
    },
}
