"""The size the device expects of the signed transaction: the basis of its fee-rate checks."""

from __future__ import annotations

from trezorlib.messages import InputScriptType

from ...errors import DataError
from ...protocol.proto import Message
from .. import multisig
from ..ownership import read_script_sig_and_witness
from ..scripts.script_types import LEGACY_INPUT_TYPES, SEGWIT_INPUT_TYPES, is_external

_INPUT = 40  # outpoint and sequence
_OUTPUT = 8  # amount
_KEY = 1 + 33  # push of a key
_SIGNATURE = 1 + 72  # push of the longest DER signature with its hash type
_SCHNORR = 1 + 64
_GROUP_SCRIPT = 3  # threshold, number of keys, OP_CHECKMULTISIG
_KEY_HASH_SCRIPT = 2 + 22  # script of a nested p2wpkh
_SCRIPT_HASH_SCRIPT = 2 + 34  # script of a nested p2wsh
_HEADER_AND_FOOTER = 8
_SEGWIT_MARKER = 2


def _compact_size_length(value: int) -> int:
    return 1 if value < 253 else 3 if value < 0x1_0000 else 5


def _push_length(value: int) -> int:
    return 1 if value < 0x4C else 2 if value < 0x100 else 3 if value < 0x1_0000 else 5


def _script_size(txi: Message) -> int:
    """Bytes of signatures, keys and scripts that spend an input."""
    if txi.multisig is not None:
        script = _GROUP_SCRIPT + multisig.key_count(txi.multisig) * _KEY
        length = _compact_size_length if txi.script_type in SEGWIT_INPUT_TYPES else _push_length
        return 1 + int(txi.multisig.m) * _SIGNATURE + script + length(script)
    return _SCHNORR if txi.script_type == InputScriptType.SPENDTAPROOT else _SIGNATURE + _KEY


class WeightCounter:
    """Adds up weight units (BIP141) of an estimated transaction."""

    def __init__(self) -> None:
        self._inputs = 0
        self._outputs = 0
        self._segwit = 0
        self._counter = 0

    def add_input(self, txi: Message) -> None:
        self._inputs += 1
        self._counter += 4 * _INPUT
        if is_external(txi):
            self._add_external(txi)
            return
        size = _script_size(txi)
        if txi.script_type in LEGACY_INPUT_TYPES:
            self._counter += 4 * (size + _compact_size_length(size))
        elif txi.script_type in SEGWIT_INPUT_TYPES:
            self._segwit += 1
            if txi.script_type == InputScriptType.SPENDP2SHWITNESS:
                self._counter += 4 * (_KEY_HASH_SCRIPT if txi.multisig is None else _SCRIPT_HASH_SCRIPT)
            else:
                self._counter += 4
            self._counter += 1 + size
        else:
            raise DataError("Invalid script type")

    def _add_external(self, txi: Message) -> None:
        """What came with an external input is its size; of an unverified one nothing came."""
        if txi.ownership_proof:
            script_sig, witness = read_script_sig_and_witness(txi.ownership_proof)
        else:
            script_sig, witness = txi.script_sig or b"", txi.witness or b""
        if len(witness) > 1:
            self._segwit += 1
        size = len(script_sig)
        self._counter += 4 * (_compact_size_length(size) + size) + len(witness)

    def add_output(self, script: bytes) -> None:
        self._outputs += 1
        self._counter += 4 * (_OUTPUT + _compact_size_length(len(script)) + len(script))

    @property
    def base_weight(self) -> int:
        """Weight of what belongs to no input or output."""
        weight = 4 * _HEADER_AND_FOOTER
        weight += 4 * (_compact_size_length(self._inputs) + _compact_size_length(self._outputs))
        return weight + (_SEGWIT_MARKER if self._segwit else 0)

    @property
    def weight(self) -> int:
        empty_witnesses = self._inputs - self._segwit if self._segwit else 0
        return self._counter + self.base_weight + empty_witnesses

    def virtual_size(self) -> int:
        """Virtual bytes, rounded up."""
        return (self.weight + 3) // 4
