"""The output scripts of a signing: which script each input spends and each output makes.

Single-key scripts are made without the detour through an address, and both are remembered: the
host sends every piece several times.
"""

from __future__ import annotations

from functools import cache

from trezorlib.messages import InputScriptType, OutputScriptType

from ...keys import hash160, taproot_output_key
from ...protocol.proto import Message
from ..address import (
    address_of_key,
    nested_redeem_script,
    p2pkh_script,
    p2sh_script,
    script_of_address,
    witness_script,
)
from ..scripts.script_types import INPUT_TYPE_OF_CHANGE, is_external
from ..scripts.serialise import op_return_script
from ..wallet import Wallet


def script_of_key(script_type: InputScriptType, public_key: bytes) -> bytes | None:
    """The scriptPubKey of a single key, None for a script type that has none."""
    if script_type == InputScriptType.SPENDADDRESS:
        return p2pkh_script(hash160(public_key))
    if script_type == InputScriptType.SPENDWITNESS:
        return witness_script(0, hash160(public_key))
    if script_type == InputScriptType.SPENDTAPROOT:
        return witness_script(1, taproot_output_key(public_key))
    if script_type == InputScriptType.SPENDP2SHWITNESS:
        return p2sh_script(hash160(nested_redeem_script(public_key)))
    return None


class ScriptPubkeys:
    """Scripts and addresses of one transaction."""

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet
        self._of_key = cache(script_of_key)
        self._of_address = cache(lambda address: script_of_address(address, wallet.coin))

    def of_input(self, txi: Message) -> bytes:
        """The script an input spends. Raises DataError, ProcessError."""
        if is_external(txi):
            return bytes(txi.script_pubkey)
        return self._own(txi.script_type, txi)

    def of_output(self, txo: Message) -> bytes:
        """The script an output makes. Raises DataError, ProcessError."""
        if txo.script_type == OutputScriptType.PAYTOOPRETURN:
            return op_return_script(txo.op_return_data)
        if txo.address_n:
            return self._own(INPUT_TYPE_OF_CHANGE[txo.script_type], txo)
        return self._of_address(txo.address)

    def address_of(self, txo: Message) -> str:
        """The address of an output, ours or the one given; empty for OP_RETURN."""
        if txo.address_n:
            return self._own_address(INPUT_TYPE_OF_CHANGE[txo.script_type], txo)
        return str(txo.address or "")

    def _own(self, script_type: InputScriptType, txio: Message) -> bytes:
        if txio.multisig is None:
            script = self._of_key(script_type, self._wallet.derive(txio.address_n).public_key)
            if script is not None:
                return script
        return self._of_address(self._own_address(script_type, txio))

    def _own_address(self, script_type: InputScriptType, txio: Message) -> str:
        wallet = self._wallet
        key = wallet.derive(txio.address_n).public_key
        return address_of_key(script_type, wallet.coin, key, txio.multisig, wallet.rules)
