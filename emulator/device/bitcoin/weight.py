"""The size the device expects of the signed transaction: the basis of its fee-rate checks."""

from __future__ import annotations

from trezorlib.messages import InputScriptType

_INPUT = 40  # outpoint and sequence
_OUTPUT = 8  # amount
_KEY_SCRIPT = 1 + 72 + 1 + 33  # pushes of the longest DER signature and a key
_SCHNORR = 1 + 64
_NESTED_SCRIPT = 2 + 22


def _compact_size_length(value: int) -> int:
    return 1 if value < 253 else 3 if value < 0x1_0000 else 5


class WeightCounter:
    """Adds up weight units (BIP141) of an estimated transaction."""

    def __init__(self) -> None:
        self._inputs = 0
        self._outputs = 0
        self._segwit = 0
        self._counter = 0

    def add_input(self, script_type: InputScriptType) -> None:
        self._inputs += 1
        self._counter += 4 * _INPUT
        size = _SCHNORR if script_type == InputScriptType.SPENDTAPROOT else _KEY_SCRIPT
        if script_type == InputScriptType.SPENDADDRESS:
            self._counter += 4 * (size + _compact_size_length(size))
            return
        self._segwit += 1
        nested = script_type == InputScriptType.SPENDP2SHWITNESS
        self._counter += 4 * _NESTED_SCRIPT if nested else 4
        self._counter += 1 + size

    def add_output(self, script: bytes) -> None:
        self._outputs += 1
        self._counter += 4 * (_OUTPUT + _compact_size_length(len(script)) + len(script))

    def virtual_size(self) -> int:
        """Virtual bytes, rounded up."""
        weight = self._counter + 4 * 8
        weight += 4 * (_compact_size_length(self._inputs) + _compact_size_length(self._outputs))
        if self._segwit:
            weight += 2 + self._inputs - self._segwit
        return (weight + 3) // 4
