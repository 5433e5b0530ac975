"""The size the C firmware expects of the signed transaction.

It guesses how an external input is spent from the first byte of its script, and counts empty
witnesses only when an input of ours has a witness (tx_input_weight in transaction.c).
"""

from __future__ import annotations

from ....protocol.proto import Message
from .. import weight

_KEY_AND_SIGNATURE = 1 + 72 + 1 + 33
_SCHNORR = 1 + 64
_NESTED_SCRIPT = 2 + 22
_P2PKH, _P2SH, _SEGWIT_0, _SEGWIT_1 = 0x76, 0xA9, 0x00, 0x51
_WEIGHT_OF_EXTERNAL = {
    _P2PKH: 4 * (1 + _KEY_AND_SIGNATURE),
    _P2SH: 4 * _NESTED_SCRIPT + _KEY_AND_SIGNATURE,
    _SEGWIT_0: 4 + _KEY_AND_SIGNATURE,
    _SEGWIT_1: 4 + _SCHNORR,
}


class WeightCounter(weight.WeightCounter):
    """Adds up weight units of an estimated transaction."""

    def _add_external(self, txi: Message) -> None:
        first = (bytes(txi.script_pubkey) or b"\x00")[0]
        self._counter += _WEIGHT_OF_EXTERNAL.get(first, 0)
