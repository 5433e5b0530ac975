"""The fields of a PSBT: one row a type says in which map and version it stands, and what it looks like.

From BIP174, 370 and 371. Types without a row are no error here (they are kept byte for byte): whether
a signer may act on them is for the verifier to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Literal

from vault.bitcoin.psbt import checks
from vault.bitcoin.psbt.checks import Check, PairCheck

MapName = Literal["global", "input", "output"]

VERSIONS: Final = (0, 2)


class Global(IntEnum):
    """Types of the global map."""

    UNSIGNED_TX = 0x00
    XPUB = 0x01
    TX_VERSION = 0x02
    FALLBACK_LOCKTIME = 0x03
    INPUT_COUNT = 0x04
    OUTPUT_COUNT = 0x05
    TX_MODIFIABLE = 0x06
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
    PREVIOUS_TXID = 0x0E
    OUTPUT_INDEX = 0x0F
    SEQUENCE = 0x10
    REQUIRED_TIME_LOCKTIME = 0x11
    REQUIRED_HEIGHT_LOCKTIME = 0x12
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
    AMOUNT = 0x03
    SCRIPT = 0x04
    TAP_INTERNAL_KEY = 0x05
    TAP_TREE = 0x06
    TAP_BIP32_DERIVATION = 0x07
    PROPRIETARY = 0xFC


SIGNATURES: Final = frozenset({In.PARTIAL_SIG, In.TAP_KEY_SIG, In.TAP_SCRIPT_SIG})
FINAL: Final = frozenset({In.FINAL_SCRIPTSIG, In.FINAL_SCRIPTWITNESS})


@dataclass(frozen=True, slots=True)
class Row:
    """One type: how its key (behind the type) and value must look, and what else both must agree on.

    `versions` are those it may stand in, `required` those it must stand in.
    """

    key: Check
    value: Check
    agree: PairCheck | None = None
    versions: tuple[int, ...] = VERSIONS
    required: tuple[int, ...] = ()


_ORIGIN: Final = Row(checks.public_key, checks.steps)
_TAPROOT_ORIGIN: Final = Row(checks.length(32), checks.reads(checks.taproot_origin))
_PROPRIETARY: Final = Row(checks.reads(checks.proprietary), checks.anything)
_SCRIPT: Final = Row(checks.nothing, checks.anything)
_HASH: Final = Row(checks.nothing, checks.length(32))


def _preimage(size: int, agree: PairCheck) -> Row:
    return Row(checks.length(size), checks.anything, agree)


def _version_2(value: Check, *, required: bool = False) -> Row:
    return Row(checks.nothing, value, None, (2,), (2,) if required else ())


TABLE: Final[Mapping[MapName, Mapping[int, Row]]] = {
    "global": {
        Global.UNSIGNED_TX: Row(checks.nothing, checks.anything, None, (0,), (0,)),
        Global.XPUB: Row(checks.extended_key, checks.steps, checks.as_deep_as_its_key),
        Global.TX_VERSION: _version_2(checks.length(4), required=True),
        Global.FALLBACK_LOCKTIME: _version_2(checks.length(4)),
        Global.INPUT_COUNT: _version_2(checks.reads(checks.one_count), required=True),
        Global.OUTPUT_COUNT: _version_2(checks.reads(checks.one_count), required=True),
        Global.TX_MODIFIABLE: _version_2(checks.length(1)),
        Global.VERSION: Row(checks.nothing, checks.length(4), None, VERSIONS, (2,)),
        Global.PROPRIETARY: _PROPRIETARY,
    },
    "input": {
        In.NON_WITNESS_UTXO: Row(checks.nothing, checks.transaction),
        In.WITNESS_UTXO: Row(checks.nothing, checks.output),
        In.PARTIAL_SIG: Row(checks.public_key, checks.ecdsa_signature),
        In.SIGHASH_TYPE: Row(checks.nothing, checks.length(4)),
        In.REDEEM_SCRIPT: _SCRIPT,
        In.WITNESS_SCRIPT: _SCRIPT,
        In.BIP32_DERIVATION: _ORIGIN,
        In.FINAL_SCRIPTSIG: _SCRIPT,
        In.FINAL_SCRIPTWITNESS: Row(checks.nothing, checks.reads(checks.stack)),
        In.POR_COMMITMENT: Row(checks.nothing, checks.utf8),
        In.RIPEMD160: _preimage(20, checks.ripemd160_of),
        In.SHA256: _preimage(32, checks.sha256_of),
        In.HASH160: _preimage(20, checks.hash160_of),
        In.HASH256: _preimage(32, checks.hash256_of),
        In.PREVIOUS_TXID: _version_2(checks.length(32), required=True),
        In.OUTPUT_INDEX: _version_2(checks.length(4), required=True),
        In.SEQUENCE: _version_2(checks.length(4)),
        In.REQUIRED_TIME_LOCKTIME: _version_2(checks.lock_time),
        In.REQUIRED_HEIGHT_LOCKTIME: _version_2(checks.lock_height),
        In.TAP_KEY_SIG: Row(checks.nothing, checks.schnorr_signature),
        In.TAP_SCRIPT_SIG: Row(checks.length(64), checks.schnorr_signature),
        In.TAP_LEAF_SCRIPT: Row(checks.control_block, checks.leaf, checks.of_the_leaf_version),
        In.TAP_BIP32_DERIVATION: _TAPROOT_ORIGIN,
        In.TAP_INTERNAL_KEY: _HASH,
        In.TAP_MERKLE_ROOT: _HASH,
        In.PROPRIETARY: _PROPRIETARY,
    },
    "output": {
        Out.REDEEM_SCRIPT: _SCRIPT,
        Out.WITNESS_SCRIPT: _SCRIPT,
        Out.BIP32_DERIVATION: _ORIGIN,
        Out.AMOUNT: _version_2(checks.amount, required=True),
        Out.SCRIPT: _version_2(checks.anything, required=True),
        Out.TAP_INTERNAL_KEY: _HASH,
        Out.TAP_TREE: Row(checks.nothing, checks.reads(checks.taproot_tree)),
        Out.TAP_BIP32_DERIVATION: _TAPROOT_ORIGIN,
        Out.PROPRIETARY: _PROPRIETARY,
    },
}

_ENUMS: Final[Mapping[MapName, type[IntEnum]]] = {"global": Global, "input": In, "output": Out}


def required(where: MapName, version: int) -> tuple[int, ...]:
    """The types that every such map of that version has."""
    return _REQUIRED[where, version]


_REQUIRED: Final = {
    (where, version): tuple(kind for kind, row in rows.items() if version in row.required)
    for where, rows in TABLE.items()
    for version in VERSIONS
}


def name_of(where: MapName, kind: int) -> str:
    """The type as messages name it: ``WITNESS_UTXO (0x01)``, or the number alone."""
    try:
        return f"{_ENUMS[where](kind).name} ({kind:#04x})"
    except ValueError:
        return f"{kind:#04x}"
