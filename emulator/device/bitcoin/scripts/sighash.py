"""Signature hashes: BIP143 (segwit v0) and BIP341 (taproot key path), fed while streaming."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from trezorlib.messages import InputScriptType

from ...errors import DataError
from ...keys import hash160, sha256d, tagged_hash
from ...protocol.proto import Message
from ..address import p2pkh_script
from ..multisig import script_of_keys
from ..rules import BitcoinRules
from .input_scripts import SIGHASH_DEFAULT
from .script_types import is_taproot
from .serialise import SIGHASH_ALL, outpoint, output_bytes, prefixed, u32, u64

_P2PKH_SCRIPT_CODE = frozenset(
    {
        InputScriptType.SPENDADDRESS,
        InputScriptType.SPENDWITNESS,
        InputScriptType.SPENDP2SHWITNESS,
        InputScriptType.EXTERNAL,
    }
)


def hash_type_of(txi: Message) -> int:
    """The hash type an input is signed with."""
    return SIGHASH_DEFAULT if is_taproot(txi) else SIGHASH_ALL


def script_code(txi: Message, public_keys: Sequence[bytes], threshold: int, rules: BitcoinRules) -> bytes:
    """BIP143 script code. One key alone counts as p2wpkh, as in the firmware. Raises DataError."""
    if len(public_keys) > 1:
        return script_of_keys(public_keys, threshold, rules)
    if txi.script_type not in _P2PKH_SCRIPT_CODE:
        raise DataError("Unknown input script type for bip143 script code")
    return p2pkh_script(hash160(public_keys[0]))


def _twice(digest: bytes) -> bytes:
    return hashlib.sha256(digest).digest()


class SigHasher:
    """Collects what all inputs and outputs contribute; then hashes for one input."""

    def __init__(self) -> None:
        self._prevouts = hashlib.sha256()
        self._amounts = hashlib.sha256()
        self._scripts = hashlib.sha256()
        self._sequences = hashlib.sha256()
        self._outputs = hashlib.sha256()

    def add_input(self, txi: Message, script_pubkey: bytes) -> None:
        self._prevouts.update(outpoint(txi))
        self._amounts.update(u64(txi.amount))
        self._scripts.update(prefixed(script_pubkey))
        self._sequences.update(u32(txi.sequence))

    def add_output(self, amount: int, script_pubkey: bytes) -> None:
        self._outputs.update(output_bytes(amount, script_pubkey))

    def bip143(self, tx: Message, txi: Message, code: bytes) -> bytes:
        """Digest of a segwit version 0 input with its script code."""
        return sha256d(
            u32(tx.version)
            + _twice(self._prevouts.digest())
            + _twice(self._sequences.digest())
            + outpoint(txi)
            + prefixed(code)
            + u64(txi.amount)
            + u32(txi.sequence)
            + _twice(self._outputs.digest())
            + u32(tx.lock_time)
            + u32(hash_type_of(txi))
        )

    def bip341(self, tx: Message, index: int) -> bytes:
        """Digest of a taproot key-path input, SIGHASH_DEFAULT."""
        message = (
            b"\x00\x00"
            + u32(tx.version)
            + u32(tx.lock_time)
            + self._prevouts.digest()
            + self._amounts.digest()
            + self._scripts.digest()
            + self._sequences.digest()
            + self._outputs.digest()
            + b"\x00"
            + u32(index)
        )
        return tagged_hash(b"TapSighash", message)
