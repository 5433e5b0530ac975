"""What the parts of one signing share, and how a device that lies bends it."""

from __future__ import annotations

from dataclasses import dataclass

from ...deceit import signing_key
from ...faults import Faults
from ...flow import Flow
from ...keys import Node
from ..address import witness_script
from ..rules import BitcoinRules
from ..wallet import Wallet
from .script_pubkeys import ScriptPubkeys
from .stream import TxStream

# Whom an evil device pays: a p2wpkh program nobody has a key for.
THIEF_SCRIPT = witness_script(0, b"\x66" * 20)


@dataclass(frozen=True, slots=True)
class Deceit:
    """The lies a fault switch turns on; an honest device changes nothing."""

    flow: Flow
    inputs_count: int

    @property
    def faults(self) -> Faults:
        return self.flow.faults

    def signed_script(self, index: int, script: bytes) -> bytes:
        """The output script that is signed: the first one may pay the thief."""
        evil = self.faults.sign_other_output or self.faults.redirect_output
        return THIEF_SCRIPT if evil and index == 0 else script

    def serialised_script(self, index: int, script: bytes) -> bytes:
        """The output script that is written."""
        return self.signed_script(index, script) if self.faults.redirect_output else script

    def signer(self, wallet: Wallet, path: list[int], node: Node) -> Node:
        return signing_key(self.flow, wallet, path, node)

    def signature(self, signature: bytes) -> bytes:
        return signature[:-1] if self.faults.truncate_signature else signature

    def place(self, index: int) -> int:
        """Of which input a signature is said to be: neighbours may be exchanged."""
        other = index ^ 1
        return other if self.faults.shuffled_signatures and other < self.inputs_count else index


@dataclass(frozen=True, slots=True)
class Signing:
    """One SignTx: the host, the keys, the scripts, the firmware's ways."""

    stream: TxStream
    wallet: Wallet
    scripts: ScriptPubkeys
    rules: BitcoinRules
    deceit: Deceit
    serialize: bool

    def write(self, data: bytes) -> None:
        """Bytes of the signed transaction, unless the host wants signatures only."""
        if self.serialize:
            self.stream.write(data)
