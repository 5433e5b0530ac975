"""Signs our inputs and writes what spends them, one kind at a time.

Refuses an input that changed its kind: with taproot inputs only, previous transactions were not
checked, so no other kind may be signed then.
"""

from __future__ import annotations

from trezorlib.messages import InputScriptType

from ....errors import changed_during_signing
from ....keys import Node
from ....protocol.proto import Message
from ... import multisig
from ...scripts import multisig_scripts, serialise
from ...scripts.script_types import SEGWIT_INPUT_TYPES
from ...scripts.serialise import input_bytes
from ...scripts.sighash import script_code
from ..parts import Signing
from ..tx_info import TxInfo
from .approver import Approver
from .digests import own_legacy_input


class InputSigner:
    """Our inputs, in the last passes over the transaction."""

    def __init__(self, signing: Signing, info: TxInfo, approver: Approver, *, taproot_only: bool) -> None:
        self._signing = signing
        self._info = info
        self._approver = approver
        self._taproot_only = taproot_only

    def _ecdsa(self, txi: Message, node: Node, digest: bytes) -> bytes:
        signer = self._signing.deceit.signer(self._signing.wallet, txi.address_n, node)
        return self._signing.deceit.signature(signer.sign_ecdsa(digest))

    # Legacy

    def sign_legacy(self, index: int) -> None:
        """Sign an input whose signature stands in its scriptSig."""
        if self._taproot_only:
            raise changed_during_signing()
        signed = own_legacy_input(self._signing, self._info, index)
        txi, key = signed.txi, signed.node.public_key
        signature = self._ecdsa(txi, signed.node, signed.digest)
        if self._signing.serialize:
            if txi.script_type == InputScriptType.SPENDMULTISIG:
                script_sig = multisig_scripts.script_sig(txi.multisig, key, signature, self._signing.rules)
            else:
                script_sig = serialise.p2pkh_script_sig(signature, key)
            self._signing.write(input_bytes(txi, script_sig))
        self._signing.stream.put_signature(self._signing.deceit.place(index), signature)

    # Segwit

    def serialise_segwit(self, index: int) -> None:
        """Write an input whose signature follows in the witness."""
        txi = self._signing.stream.input(index)
        if txi.script_type not in SEGWIT_INPUT_TYPES:
            raise changed_during_signing()
        self._info.change.check_input(txi)
        script_sig = b""
        if txi.script_type == InputScriptType.SPENDP2SHWITNESS:
            node = self._signing.wallet.derive(txi.address_n)
            if txi.multisig is not None:
                script_sig = multisig_scripts.nested_script_sig(txi.multisig, self._signing.rules)
            else:
                script_sig = serialise.nested_script_sig(node.public_key)
        self._signing.write(input_bytes(txi, script_sig))

    def sign_segwit(self, index: int) -> None:
        """Sign an input and write its witness."""
        txi = self._signing.stream.input(index)
        self._info.change.check_input(txi)
        self._approver.check_internal_input(txi)
        if txi.script_type not in SEGWIT_INPUT_TYPES:
            raise changed_during_signing()
        if txi.script_type == InputScriptType.SPENDTAPROOT:
            signature = self._sign_taproot(index, txi)
        else:
            signature = self._sign_version_0(txi)
        self._signing.stream.put_signature(self._signing.deceit.place(index), signature)

    def _sign_taproot(self, index: int, txi: Message) -> bytes:
        digest = self._info.hasher.bip341(self._info.tx, index)
        node = self._signing.wallet.derive(txi.address_n)
        signer = self._signing.deceit.signer(self._signing.wallet, txi.address_n, node)
        signature = self._signing.deceit.signature(signer.sign_taproot(digest))
        self._signing.write(serialise.p2tr_witness(signature))
        return signature

    def _sign_version_0(self, txi: Message) -> bytes:
        if self._taproot_only:
            raise changed_during_signing()
        rules = self._signing.rules
        node = self._signing.wallet.derive(txi.address_n)
        keys, threshold = [node.public_key], 1
        if txi.multisig is not None:
            keys, threshold = multisig.public_keys(txi.multisig, rules), txi.multisig.m
        digest = self._info.hasher.bip143(self._info.tx, txi, script_code(txi, keys, threshold, rules))
        signature = self._ecdsa(txi, node, digest)
        if self._signing.serialize:
            if txi.multisig is not None:
                witness = multisig_scripts.witness(txi.multisig, node.public_key, signature, rules)
            else:
                witness = serialise.p2wpkh_witness(signature, node.public_key)
            self._signing.write(witness)
        return signature
