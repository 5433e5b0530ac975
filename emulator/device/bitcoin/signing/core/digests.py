"""Digests of inputs: of our own before they are signed, of others' before they are believed.

Legacy inputs need the whole transaction streamed once more each; what comes must be what was
approved.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from trezorlib.messages import InputScriptType

from ....errors import ProcessError, changed_during_signing
from ....keys import Node, hash160, sha256d
from ....protocol.proto import Message
from ... import multisig
from ...address import p2pkh_script
from ...scripts.script_types import is_taproot
from ...scripts.serialise import compact_size, input_bytes, output_bytes, u32
from ...scripts.sighash import hash_type_of, script_code
from ...scripts.verification import SignatureVerifier
from ..parts import Signing
from ..tx_info import OriginalTx, TxInfo, input_check_bytes


@dataclass(frozen=True, slots=True)
class LegacyInput:
    """An input of ours with its key and digest."""

    txi: Message
    node: Node
    digest: bytes


def _own_script(signing: Signing, info: TxInfo, txi: Message) -> tuple[Node, bytes]:
    """Key and script code of a legacy input of ours. Raises ProcessError, DataError."""
    info.change.check_input(txi)
    node = signing.wallet.derive(txi.address_n)
    if txi.multisig is not None:
        multisig.index_of(txi.multisig, node.public_key, signing.rules)
    if txi.script_type == InputScriptType.SPENDMULTISIG:
        return node, multisig.redeem_script(txi.multisig, signing.rules)
    if txi.script_type == InputScriptType.SPENDADDRESS:
        return node, p2pkh_script(hash160(node.public_key))
    raise ProcessError("Unknown transaction type")


class _LegacyPass:
    """One more pass over a transaction, for one of its inputs."""

    def __init__(self, signing: Signing, info: TxInfo, index: int) -> None:
        self._signing = signing
        self._info = info
        self._index = index
        self._original = info.tx_hash if isinstance(info, OriginalTx) else None
        self._check = hashlib.sha256()
        self._preimage = bytearray(u32(info.tx.version))

    def run(self, foreign_script: bytes | None) -> tuple[bytes, Message, Node | None]:
        """(digest, input, its key if it is ours); `foreign_script` is the script of one that is not."""
        txi, node = self._inputs(foreign_script)
        self._outputs()
        self._preimage += u32(self._info.tx.lock_time) + u32(hash_type_of(txi))
        if self._check.digest() != self._info.digest:
            raise changed_during_signing()
        return sha256d(bytes(self._preimage)), txi, node

    def _inputs(self, foreign_script: bytes | None) -> tuple[Message, Node | None]:
        count = self._info.tx.inputs_count
        self._preimage += compact_size(count)
        found: tuple[Message, Node | None] | None = None
        for i in range(count):
            txi = self._signing.stream.input(i, self._original)
            self._check.update(input_check_bytes(txi, self._signing.rules))
            script = b""
            if i == self._index:
                node = None
                script = foreign_script or b""
                if not foreign_script:
                    node, script = _own_script(self._signing, self._info, txi)
                found = (txi, node)
            self._preimage += input_bytes(txi, script)
        if found is None:
            raise changed_during_signing()
        return found

    def _outputs(self) -> None:
        count = self._info.tx.outputs_count
        self._preimage += compact_size(count)
        for i in range(count):
            txo = self._signing.stream.output(i, self._original)
            script = self._signing.scripts.of_output(txo)
            self._check.update(output_bytes(txo.amount, script))
            if self._original is None:
                script = self._signing.deceit.signed_script(i, script)
            self._preimage += output_bytes(txo.amount, script)


def own_legacy_input(signing: Signing, info: TxInfo, index: int) -> LegacyInput:
    """Stream the transaction once more for a legacy input of ours. Raises ProcessError, DataError."""
    digest, txi, node = _LegacyPass(signing, info, index).run(None)
    if node is None:
        raise changed_during_signing()
    return LegacyInput(txi, node, digest)


def verify_signed_input(
    signing: Signing, info: TxInfo, index: int, txi: Message, script_pubkey: bytes
) -> None:
    """Check the signatures an input came with. Raises DataError, ProcessError."""
    verifier = SignatureVerifier(script_pubkey, txi.script_sig, txi.witness)
    verifier.require_hash_type(0, hash_type_of(txi))
    if not txi.witness:
        digest = _LegacyPass(signing, info, index).run(script_pubkey)[0]
    elif is_taproot(txi):
        digest = info.hasher.bip341(info.tx, index)
    else:
        code = script_code(txi, verifier.public_keys, verifier.threshold, signing.rules)
        digest = info.hasher.bip143(info.tx, txi, code)
    verifier.verify(digest)
